"""The commands as an operator uses them, against a real SMTP server."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest

from newsletter.signing import read_number
from tests.support.house import REPOSITORY, House
from tests.support.papers import make_day
from tests.support.sink import Sink

SUBSCRIBERS = """
subscribers:
  - {address: ada@example.org, days: daily, hour: "07:00", zone: UTC, topics: [robot]}
  - {address: bob@example.org, days: wed, hour: "07:00", zone: UTC, topics: [pruning], everything_else: 2}
"""


def make_house(folder: Path, port: int = 1, at: str = "2026-06-16T18:30:00+00:00") -> House:
    (folder / "day.json").write_text(make_day())
    return House.build(
        folder,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers=SUBSCRIBERS,
        port=port,
        at=at,
    )


def read_state(folder: Path) -> list[str]:
    """All that the database says, and the files of the folder."""
    with closing(sqlite3.connect(folder / "newsletter.db")) as connection:
        files = {path.name for path in folder.rglob("*")} - {"newsletter.db-wal", "newsletter.db-shm"}
        return [*connection.iterdump(), *sorted(files)]


async def run(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(house.run, *arguments)


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - another process sets what we wait for
            await asyncio.sleep(0.05)


async def test_run_collects_sends_at_the_readers_hour_and_stops_on_sigterm(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = make_house(tmp_path, sink.port, at="2026-06-16T06:00:00+00:00")
        assert (await run(house, "collect")).returncode == 0
        assert (await run(house, "send", "--dry-run")).returncode == 0  # the readers have joined
        at_seven = House(tmp_path, "2026-06-16T07:00:01+00:00")
        process = at_seven.start("run", "--log-json")
        try:
            await wait_until(lambda: bool(sink.messages) or process.poll() is not None)
            process.send_signal(signal.SIGTERM)
            output, _ = await asyncio.to_thread(process.communicate, None, 30)
        finally:
            process.kill()
        status = await run(at_seven, "status", "--readers")

    assert process.returncode == 0, output
    assert '"event": "stopped"' in output
    assert [message.rcpt_to for message in sink.messages] == ["ada@example.org"]
    assert "2026-06-16: 1 due = 1 accepted" in status.stdout
    assert "ada@example.org  confirmed  2026-06-17 07:00" in status.stdout


async def test_preview_is_the_mail_and_changes_nothing(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = make_house(tmp_path, sink.port, at="2026-06-16T06:00:00+00:00")
        await run(house, "collect")
        await run(house, "send")
        at_seven = House(tmp_path, "2026-06-16T07:00:01+00:00")
        before = read_state(tmp_path)
        preview = await run(
            at_seven, "preview", "ada@example.org", "--format", "eml", "--at", "2026-06-16T07:00:01Z"
        )
        again = await run(
            at_seven, "preview", "ada@example.org", "--format", "eml", "--at", "2026-06-16T07:00:01Z"
        )
        assert read_state(tmp_path) == before
        await run(at_seven, "send")

    assert preview.returncode == 0, preview.stderr
    assert preview.stdout == again.stdout
    (message,) = sink.messages
    # The votes' age in hours is the only thing that the second between them could change, and it does not.
    assert message.content.decode().replace("\r\n", "\n") == preview.stdout.replace("\r\n", "\n")


async def test_a_trial_mail_goes_to_another_address_and_leaves_no_row(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = make_house(tmp_path, sink.port)
        await run(house, "collect")
        done = await run(house, "send", "--to", "me@example.org", "--reader", "bob@example.org")
        status = await run(house, "status")

    assert done.returncode == 0, done.stdout + done.stderr
    (mail,) = sink.messages
    assert mail.rcpt_to == "me@example.org"
    leave = BytesHeaderParser().parsebytes(mail.content)["List-Unsubscribe"]
    token = re.search(r"unsubscribe%20(\w+)", leave)
    assert token, leave
    assert read_number(token[1]) == 0, "whoever tries it could leave in the reader's name"
    assert "no digest has been due yet" in status.stdout


async def test_an_edition_goes_to_those_who_have_a_slot_on_its_date_once(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = make_house(tmp_path, sink.port)
        await run(house, "collect")
        first = await run(house, "send", "--edition", "2026-06-16")
        second = await run(house, "send", "--edition", "2026-06-16")

    assert first.returncode == second.returncode == 0
    assert "1 accepted" in first.stdout
    assert "nothing to send" in second.stdout
    assert [message.rcpt_to for message in sink.messages] == ["ada@example.org"]


def test_without_a_relay_mails_are_filed_into_a_maildir(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    config = (tmp_path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(re.sub(r"relay: .*", "maildir: outbox", config))
    house.run("collect")

    sent = house.run("send", "--edition", "2026-06-16")

    assert sent.returncode == 0, sent.stderr
    (filed,) = (tmp_path / "outbox" / "new").iterdir()
    assert b"\r\nTo: " in filed.read_bytes()


def test_fresh_preview_works_before_anything_else(tmp_path: Path) -> None:
    house = make_house(tmp_path)

    done = house.run("preview", "--fresh", "--topic", "robot", "--out", "digest.html")

    assert done.returncode == 0, done.stderr
    assert "robot 4" in done.stdout
    assert "Robots that fold laundry, part 8" in (tmp_path / "digest.html").read_text()
    assert not (tmp_path / "newsletter.db").exists()


def test_preview_of_everybody_writes_each_readers_parts(tmp_path: Path) -> None:
    house = make_house(tmp_path)

    done = house.run("preview", "--fresh", "--all", "previews")

    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "previews").iterdir()}
    pages = {f"{who}@example.org.{end}" for who in ("ada", "bob") for end in ("html", "txt", "eml")}
    assert {name for name in names if not name.endswith(".png")} == {*pages, "index.html"}


def test_preview_without_any_store_says_what_to_do(tmp_path: Path) -> None:
    done = make_house(tmp_path).run("preview")

    assert done.returncode == 2
    assert "--fresh" in done.stderr
    assert not (tmp_path / "newsletter.db").exists()


def test_preview_when_no_source_can_be_read_writes_nothing(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    (tmp_path / "day.json").unlink()

    done = house.run("preview", "--fresh", "--out", "digest.html")

    assert done.returncode == 3
    assert "day.json" in done.stderr
    assert not (tmp_path / "digest.html").exists()


def test_subscribers_are_added_paused_removed_and_restored(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    added = house.run("subscribers", "add", "Zoe@Example.org", "--topic", "RAG", "--zone", "Asia/Kolkata")
    assert added.returncode == 0, added.stderr
    assert house.run("subscribers", "add", "zoe@example.org", "--topic", "RAG").returncode == 2
    assert house.run("subscribers", "add", "no-address", "--topic", "RAG").returncode == 2
    assert house.run("subscribers", "add", "y@example.org", "--topic", "titel:RAG").returncode == 2

    for command, consent in (("pause", "paused"), ("remove", "left")):
        assert house.run("subscribers", command, "zoe@example.org").returncode == 0
        assert re.search(rf"Zoe@example\.org\s+{consent}", house.run("subscribers", "list").stdout)
    assert house.run("subscribers", "restore", "zoe@example.org").returncode == 2
    back = house.run("subscribers", "restore", "zoe@example.org", "--reason", "asked by mail")
    assert back.returncode == 0
    assert "confirmed" in house.run("subscribers", "list").stdout
    assert house.run("subscribers", "pause", "nobody@example.org").returncode == 2


def test_who_left_stays_left_whatever_the_file_says(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    house.run("collect")
    house.run("send", "--dry-run")
    house.run("subscribers", "remove", "ada@example.org")

    done = house.run("send", "--edition", "2026-06-16")

    assert done.returncode == 0
    assert re.search(r"ada@example\.org\s+left", house.run("subscribers", "list").stdout)


def test_backup_is_a_database_that_works_and_never_overwrites(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    house.run("collect")
    assert house.run("backup", "copy.db").returncode == 0
    assert house.run("backup", "copy.db").returncode == 2
    (tmp_path / "copy.db").replace(tmp_path / "newsletter.db")
    for left in ("newsletter.db-wal", "newsletter.db-shm"):
        (tmp_path / left).unlink(missing_ok=True)

    assert "ok" in house.run("status").stdout


def test_every_command_is_in_the_readme() -> None:
    help_text = House(REPOSITORY).run("--help").stdout
    readme = (REPOSITORY / "README.md").read_text()
    commands = re.findall(r"│ ([a-z]+) {2,}", help_text)

    assert len(commands) > 10
    assert [name for name in commands if f"`{name}" not in readme] == []


@pytest.mark.corpus
def test_the_captured_page_reads_well_as_a_digest(corpus: Path, tmp_path: Path) -> None:
    House.build(
        tmp_path,
        sources=f"- {{kind: hf_papers_capture, location: {corpus / 'hf-papers-page-capture.txt'}}}",
        subscribers="subscribers: []",
        more="topics: [pruning, generalization, hyperparameter tuning]\neverything_else: 50\n",
    )

    done = House(tmp_path).run("preview", "--fresh", "--format", "text")

    assert done.returncode == 0, done.stderr
    # 61 in all: 18 shown in their topics, 3 over a topic's limit (one writes generalisation), 40 outside.
    assert "18 papers in 3 topics, and 40 more outside them" in done.stdout
    assert re.search(r"^ +3 more", done.stdout, re.MULTILINE)
    assert "Network Pruning via Transformable Architecture Search" in done.stdout
    assert "2 comments" in done.stdout
    assert "· 9 June 2025" in done.stdout
