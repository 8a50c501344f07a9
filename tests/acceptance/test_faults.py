"""What an operator can get wrong, and what a machine can do to them: a clear message, and nothing half done."""

from __future__ import annotations

import asyncio
import resource
import shlex
import shutil
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from newsletter.settings.shipped import find_shipped
from tests.support.house import House
from tests.support.papers import make_day
from tests.support.sink import Sink

SOURCES = "- {kind: hf_daily_papers, location: day.json}"
SUBSCRIBERS = """
subscribers:
  - address: ada@example.org
    days: daily
    hour: "07:00"
    zone: UTC
    topics: [robot]
"""


def make_house(
    folder: Path, *, sources: str = SOURCES, subscribers: str = SUBSCRIBERS, port: int = 1, more: str = ""
) -> House:
    (folder / "day.json").write_text(make_day())
    return House.build(folder, sources=sources, subscribers=subscribers, port=port, more=more)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("newslettr: {}\n", ["config.yaml", "newslettr", "newsletter"]),
        ("schedule: {catch_up: soon}\n", ["schedule.catch_up", "2d"]),
        ("schedule:\n\t- tab\n", ["config.yaml:", "tab"]),
    ],
)
def test_wrong_configuration_is_refused_with_its_place(tmp_path: Path, wrong: str, said: list[str]) -> None:
    done = make_house(tmp_path, more=wrong).run("collect")

    assert done.returncode == 2
    for word in said:
        assert word in done.stderr
    assert not (tmp_path / "newsletter.db").exists()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("[robot]", '["titel:robot"]', ["subscribers.yaml:", "topics[0]", "title"]),
        ("[robot]", "[{name: Robots, anny: [robot]}]", ["anny", "any"]),
        ("[robot]", "[{name: Robots, any: []}]", ["any"]),
        ("ada@example.org", "ada.example.org", ["subscribers.yaml:", "ada.example.org"]),
        ("UTC", "Europe/Belin", ["Europe/Belin", "Europe/Berlin"]),
        ("daily", "dayly", ["dayly", "daily"]),
        ('"07:00"', "25:00", ["25:00"]),
    ],
)
def test_wrong_subscribers_are_refused_before_any_mail(
    tmp_path: Path, right: str, wrong: str, said: list[str]
) -> None:
    house = make_house(tmp_path, subscribers=SUBSCRIBERS.replace(right, wrong))

    for command in (("check",), ("send", "--edition", "2026-06-16")):
        done = house.run(*command)
        assert done.returncode == 2, done.stdout + done.stderr
        for word in said:
            assert word in done.stderr


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("ftp://example.org/feed", "https"),
        ("https://", "https"),
    ],
)
def test_wrong_address_of_a_source_is_refused(tmp_path: Path, location: str, said: str) -> None:
    done = make_house(tmp_path, sources=f"- {{kind: feed, location: '{location}'}}").run("check")

    assert done.returncode == 2
    assert "sources[0].location" in done.stderr
    assert said in done.stderr


def test_a_missing_source_file_fails_alone(tmp_path: Path) -> None:
    house = make_house(tmp_path, sources=SOURCES + "\n- {kind: feed, name: gone, location: gone.xml}")

    done = house.run("collect")

    assert done.returncode == 1
    assert "gone.xml" in done.stdout
    assert "ok" in done.stdout


def test_wrong_template_is_refused_with_file_and_line_before_any_mail(tmp_path: Path) -> None:
    templates = tmp_path / "mine"
    shutil.copytree(find_shipped("templates"), templates)
    text = templates / "cards" / "digest.txt.j2"
    text.write_text("first line\n{{ shoe_size }}\n" + text.read_text())

    done = make_house(tmp_path, more="templates: mine\n").run("send", "--edition", "2026-06-16")

    assert done.returncode == 2
    assert "digest.txt.j2:2" in done.stderr
    assert "shoe_size" in done.stderr


def test_unreachable_relay_charges_nobody_and_the_next_run_sends(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    house = make_house(tmp_path, port=port)
    assert house.run("collect").returncode == 0

    checked = house.run("check", "--relay")
    assert checked.returncode == 3
    sent = house.run("send", "--edition", "2026-06-16")

    assert sent.returncode == 3
    assert f"127.0.0.1:{port}" in sent.stdout + sent.stderr
    assert "1 due = 0 accepted" in house.run("status").stdout
    assert "+ 1 pending" in house.run("status").stdout
    asyncio.run(_send_with_a_relay(tmp_path, house))


async def _send_with_a_relay(folder: Path, house: House) -> None:
    async with Sink() as sink:
        make_house(folder, port=sink.port)
        sent = await asyncio.to_thread(house.run, "send")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert [message.rcpt_to for message in sink.messages] == ["ada@example.org"]


def test_full_disk_stops_the_run_and_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    assert house.run("collect").returncode == 0
    (tmp_path / "day.json").write_text(make_day(900))
    biggest = 150_000

    def fill_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (biggest, biggest))

    full = subprocess.run(
        house.command("collect"),
        cwd=tmp_path,
        env=house.environment(),
        capture_output=True,
        text=True,
        preexec_fn=fill_disk,
    )

    assert full.returncode == 3, full.stdout + full.stderr
    assert "full" in full.stderr or "written" in full.stderr
    status = house.run("status")
    assert status.returncode == 0, status.stderr
    again = house.run("collect")
    assert again.returncode == 0
    assert "892" in again.stdout


def test_nothing_is_sent_that_cannot_be_recorded(tmp_path: Path) -> None:
    asyncio.run(_send_on_a_full_disk(tmp_path))


async def _send_on_a_full_disk(folder: Path) -> None:
    many = "defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + "".join(
        f"  - {{address: reader{number}@example.org, topics: [robot, pruning]}}\n" for number in range(60)
    )
    async with Sink() as sink:
        house = make_house(folder, subscribers=many, port=sink.port)
        for command in ("collect", "hold", "send --edition 2026-06-16", "release"):  # queued, and not sent
            await asyncio.to_thread(house.run, *command.split())
        room = (folder / "newsletter.db").stat().st_size + 700_000  # for some of the mails
        limited = f"ulimit -f {room // 1024} && exec {shlex.join(house.command('send'))}"
        full = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-c", limited],
            cwd=folder,
            env=house.environment(),
            capture_output=True,
            text=True,
        )
        assert full.returncode == 3, full.stdout + full.stderr
        assert 0 < len(sink.messages) < 60, full.stdout + full.stderr
        done = await asyncio.to_thread(house.run, "send")
        assert done.returncode in (0, 1), done.stdout + done.stderr
    copies = Counter(message.rcpt_to for message in sink.messages)
    assert len(copies) == 60
    # Only a mail whose answer found no room any more may come twice.
    assert sum(copies.values()) - 60 <= 4


def test_nothing_is_sent_while_held(tmp_path: Path) -> None:
    asyncio.run(_hold_and_release(tmp_path))


async def _hold_and_release(folder: Path) -> None:
    async with Sink() as sink:
        house = make_house(folder, port=sink.port)
        assert (await asyncio.to_thread(house.run, "collect")).returncode == 0
        await asyncio.to_thread(house.run, "hold", "moving house")
        held = await asyncio.to_thread(house.run, "send", "--edition", "2026-06-16")
        assert held.returncode == 3
        assert "moving house" in held.stdout
        trial = await asyncio.to_thread(house.run, "send", "--to", "me@example.org")
        assert trial.returncode == 3
        assert sink.messages == []
        await asyncio.to_thread(house.run, "release")
        sent = await asyncio.to_thread(house.run, "send")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert len(sink.messages) == 1


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (("init",), "config.yaml"),
        (("init", "other"), "other/subscribers.yaml"),
        (("backup", "copy.db"), "copy.db"),
        (("sources", "export", "feeds.opml"), "feeds.opml"),
        (("template", "new", "mine"), "templates/mine/digest.mjml.j2"),
    ],
)
def test_no_command_writes_over_what_is_there(tmp_path: Path, command: tuple[str, ...], written: str) -> None:
    house = House(tmp_path)
    assert house.run("init").returncode == 0
    (tmp_path / written).parent.mkdir(parents=True, exist_ok=True)
    if written != "config.yaml":
        (tmp_path / written).write_text("mine")
    before = (tmp_path / written).read_bytes()

    done = house.run(*command)

    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith("exists already; nothing was written\n")
    assert (tmp_path / written).read_bytes() == before
    assert not (tmp_path / "other" / "config.yaml").exists()


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("sqlalchemy", "pydantic", "aiohttp", "bs4", "feedparser", "jinja2", "apscheduler", "alembic")
    code = (
        "import sys\n"
        "from newsletter.cli import main\n"
        "sys.argv = ['newsletter', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    house = House(tmp_path)

    done = subprocess.run(
        [house.command()[0], "-c", code], env=house.environment(), capture_output=True, text=True
    )

    assert done.stdout.strip().endswith("[]"), done.stdout[-300:] + done.stderr
