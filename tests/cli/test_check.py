"""``check`` says what would happen, and what is wrong where; it changes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.cli.checks import check
from newsletter.cli.exit_codes import COULD_NOT_RUN, DONE
from newsletter.model.readers import ConsentMove, EmailAddress
from newsletter.settings.config import load_config
from newsletter.storage import SubscriberStore, open_database
from tests.support.builders import at
from tests.support.house import House
from tests.support.imap_server import ImapServer
from tests.support.papers import make_day
from tests.support.sink import Sink
from tests.support.token_server import TokenServer

PICTURED = """
defaults: {pictures: on}
subscribers:
  - {address: ada@hill.example, topics: [b]}
  - {address: bob@hill.example, topics: [b]}
  - {address: cy@hill.example, topics: [b], pictures: off}
"""
CONFIG = """\
newsletter: {{name: Test, from: digest@example.com}}
sources: [{{kind: feed, location: feed.xml}}]
subscribers: {{path: off}}
relay:
  host: 127.0.0.1
  security: none
  port: {relay}
  username: ada
  oauth: {{token_url: {url}, client_id: client-1, client_secret: '${{CLIENT_SECRET}}'}}
bounces:
  imap:
    host: 127.0.0.1
    security: none
    port: {imap}
    username: ada
    oauth: {{token_url: {url}, client_id: client-1, client_secret: '${{CLIENT_SECRET}}'}}
"""


async def run_check(
    folder: Path, server: TokenServer, sink: Sink, imap: ImapServer, secret: str = "s3cret"
) -> int:
    file = folder / "config.yaml"
    file.write_text(CONFIG.format(relay=sink.port, imap=imap.port, url=server.url), encoding="utf-8")
    config = load_config(file, {"CLIENT_SECRET": secret})
    return await check(config, relay=True, sources=False, dns=False)


async def test_logins_with_access_tokens_are_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        TokenServer() as server,
        Sink(logins=server.valid, auths=("XOAUTH2",)) as sink,
        ImapServer([], logins=server.valid) as imap,
    ):
        server.valid["ada"] = ""
        assert await run_check(tmp_path, server, sink, imap) == DONE
        said = " ".join(capsys.readouterr().out.split())
        assert f"127.0.0.1:{sink.port}: no TLS, logged in as ada" in said
        assert f"mailbox 127.0.0.1:{imap.port}: logged in as ada, folder INBOX" in said

        assert await run_check(tmp_path, server, sink, imap, "expired") == COULD_NOT_RUN
        said = " ".join(capsys.readouterr().out.split())
        assert said.count("it refused: invalid_client") == 2
        assert "expired" not in said.replace("may have expired", "")


# --- what the file of readers would change in the database ------------------------------------------------

ROWS = {
    "ada@example.org": "",
    "bob@example.org": "",
    "carl@example.org": "",
    "dora@example.org": "",
    "eve@example.org": "",
    "finn@example.org": "",
}


def write_rows(folder: Path, rows: Mapping[str, str]) -> None:
    lines = "".join(f"  - {{address: {address}, topics: [robot]{more}}}\n" for address, more in rows.items())
    (folder / "subscribers.yaml").write_text(f"defaults: {{days: daily}}\nsubscribers:\n{lines}", "utf-8")


@pytest.fixture
def house(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> House:
    """A newsletter whose file of six readers was taken over."""
    monkeypatch.setenv("DATABASE", database_url)
    house = House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="",
        database_url="${DATABASE}",
        more="web: {url: 'https://news.example.org'}\n",
    )
    (tmp_path / "day.json").write_text(make_day())
    write_rows(tmp_path, ROWS)
    run(house, "collect")
    run(house, "send", "--dry-run")  # takes the file over
    return house


def run(house: House, *arguments: str) -> str:
    done = house.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_check_says_what_the_file_would_change_and_changes_nothing(house: House) -> None:
    run(house, "subscribers", "remove", "ada@example.org")
    run(house, "subscribers", "erase", "finn@example.org")
    run(house, "subscribers", "pause", "dora@example.org")
    rows = {**ROWS, "bob@example.org": ", hour: '09:00', zone: Europe/Berlin", "new@example.org": ""}
    del rows["eve@example.org"]
    write_rows(house.folder, rows)
    before = run(house, "subscribers", "list")

    said = run(house, "check")

    assert "subscribers.yaml: 6 readers" in said
    assert "new: new@example.org" in said
    assert "changed: bob@example.org: hour, zone" in said
    assert "ada@example.org: has unsubscribed" in said
    assert "finn@example.org: was erased" in said
    assert "eve@example.org: paused, because their row is no longer in the file" in said
    assert "carl@example.org" not in said
    assert "dora@example.org" not in said
    assert run(house, "check") == said
    assert run(house, "subscribers", "list") == before


def test_check_says_that_a_row_counts_no_more_whose_reader_has_chosen_anew(
    house: House, database_url: str
) -> None:
    async def choose() -> None:
        database = await open_database(database_url)
        store = SubscriberStore(database)
        known = await store.load(EmailAddress("carl@example.org"))
        assert known is not None
        await store.save(
            [replace(known, file_owned=False)], at("2026-06-16 18:00"), "chose", move=ConsentMove.CHANGE
        )
        await database.close()

    asyncio.run(choose())
    assert "carl@example.org: the row is ignored" in run(house, "check")


def test_check_says_that_nothing_would_change(house: House) -> None:
    assert "nothing in it is new to the database" in run(house, "check")


def test_check_neither_makes_nor_migrates_a_database(tmp_path: Path) -> None:
    house = House.build(tmp_path, sources="- {kind: feed, location: feed.xml}", subscribers="subscribers: []")
    assert "there is none yet" in run(house, "check")
    assert not (tmp_path / "newsletter.db").exists()

    with closing(sqlite3.connect(tmp_path / "newsletter.db")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0009')")
        connection.commit()
        before = list(connection.iterdump())
    assert "made by an earlier version" in run(house, "check")
    with closing(sqlite3.connect(tmp_path / "newsletter.db")) as connection:
        assert list(connection.iterdump()) == before

    with closing(sqlite3.connect(tmp_path / "newsletter.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    done = house.run("check")
    assert done.returncode == 3
    assert "made by a newer version" in done.stderr


# --- how mail leaves, and what is read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("", ["no way to send: set 'relay'"]),
        ("maildir: outbox", ["filed into", "outbox; nothing is sent"]),
        ("relay: {host: smtp.hill.example}", ["through smtp.hill.example:587 (STARTTLS)"]),
        (
            "relay: {host: 127.0.0.1, port: 25, security: none}\n"
            "fallback_relays: [{host: mx.hill.example, security: tls}]",
            ["through 127.0.0.1:25 (no TLS)", "or else through mx.hill.example:465 (TLS)"],
        ),
        ("maildir: o\nbounces: {maildir: b}", ["envelope sender digest+TOKEN@hill.example"]),
        ("maildir: o\nbounces: {maildir: b, tagged: off}", ["envelope sender digest@hill.example"]),
    ],
)
def test_check_says_how_mail_leaves(tmp_path: Path, way: str, said: list[str]) -> None:
    (tmp_path / "config.yaml").write_text(
        "newsletter: {name: Hill, from: Hill <digest@hill.example>}\n"
        f"sources: [{{kind: feed, location: feed.xml}}]\nsubscribers: {{path: off}}\n{way}\n"
    )
    told = run(House(tmp_path), "check")

    for words in (*said, "From: Hill <digest@hill.example>"):
        assert words in told


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "web: {url: 'https://hill.example/papers'}",
            "in mails, loaded from https://hill.example/papers/pictures/",
        ),
        ("", "mails show none: they are loaded from your own host"),
        ("web: {url: 'https://hill.example'}\nfetch: {pictures: off}", "fetch.pictures is off"),
        ("web: {url: 'http://127.0.0.1:8080'}", "which only this machine can"),
    ],
)
def test_check_says_whence_pictures_come_or_why_mails_show_none(tmp_path: Path, more: str, said: str) -> None:
    for switch in ("on", "off"):
        (tmp_path / "config.yaml").write_text(
            f"newsletter: {{name: Hill, from: Hill <digest@hill.example>, pictures: {switch}}}\n"
            f"sources: [{{kind: feed, location: feed.xml}}]\nsubscribers: {{path: off}}\nmaildir: out\n{more}\n"
        )
        assert (said in run(House(tmp_path), "check")) == (switch == "on")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "the mails of 2 readers who asked for them show none: they are loaded from your own host"),
        (
            "web: {url: 'https://hill.example'}",
            "in the mails of 2 readers who asked for them, loaded from https://hill.example/pictures/",
        ),
    ],
)
def test_check_says_the_same_where_readers_ask_for_pictures(tmp_path: Path, more: str, said: str) -> None:
    house = House.build(
        tmp_path, sources="- {kind: feed, location: feed.xml}", subscribers=PICTURED, more=f"{more}\n"
    )
    assert said in run(house, "check"), "of the rows of a file that nobody has taken over"
    house.run("send")
    run(house, "subscribers", "add", "dan@hill.example", "--topic", "b", "--pictures", "off")
    assert said in run(house, "check"), "of the database"
    (tmp_path / "subscribers.yaml").write_text(PICTURED.replace("pictures: on", "pictures: off"))
    assert "who asked for them" not in run(house, "check"), "of the database as the file will change it"
    run(house, "subscribers", "add", "eve@hill.example", "--topic", "b", "--pictures", "on")
    assert said.replace("2 readers", "1 reader") in run(house, "check")


@pytest.mark.parametrize(
    ("location", "advice"),
    [
        ("blog.hill.example/feed.xml", "for a web address write https://blog.hill.example/feed.xml"),
        ("www.hill.example", "for a web address write https://www.hill.example"),
        ("blog.hill.example:8080/atom", "for a web address write https://blog.hill.example:8080/atom"),
        ("https:/hill.example/rss", "for a web address write https://hill.example/rss"),
        ("feeds/new.xml", "there is no file feeds/new.xml"),
        ("new.json", "there is no file new.json"),
    ],
)
def test_check_warns_of_a_source_that_is_no_file_and_no_web_address(
    tmp_path: Path, location: str, advice: str
) -> None:
    house = House.build(
        tmp_path,
        sources=f"- {{kind: feed, name: Blog, location: '{location}'}}",
        subscribers="subscribers: []",
    )
    told = run(house, "check")

    assert advice in told
    assert ("https://" in told) == advice.startswith("for")


def test_check_says_how_sources_are_asked_without_any_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_TOKEN", "geheim")
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:geheim@proxy.hill.example:3128")
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    house = House.build(
        tmp_path,
        sources="- {kind: feed, name: Lab, location: 'https://lab.hill.example/feed', headers: {Authorization: "
        "'Bearer ${LAB_TOKEN}', Accept: text/xml}, cookies: 'sid=${LAB_TOKEN}', user_agent: Hill/1,"
        " proxy: 'http://ada:${LAB_TOKEN}@[::1]:8080', timeout: 2m}\n"
        "- {kind: feed, name: Other, location: 'https://other.hill.example/feed'}",
        subscribers="subscribers: []",
    )
    told = run(house, "check")

    assert "https: sources are asked through proxy.hill.example:3128 (HTTPS_PROXY)" in told
    assert (
        "Lab: asked with header Authorization, header Accept, cookie sid (to https://lab.hill.example only),"
        " as Hill/1, through [::1]:8080, for 120 s at most"
    ) in told
    assert "Other" not in told
    assert "geheim" not in told


def test_check_warns_of_operators_in_small_letters(tmp_path: Path) -> None:
    rows = "subscribers: [{address: ada@example.org, topics: [rag or robots, 'cats and dogs']}]"
    house = House.build(tmp_path, sources="- {kind: feed, location: feed.xml}", subscribers=rows)

    told = run(house, "check")

    assert "'or' is" in told
    assert "'and' is" in told


def test_check_says_that_what_it_polls_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "day.json").write_text(make_day())
    house = House.build(
        tmp_path, sources="- {kind: hf_daily_papers, location: day.json}", subscribers="subscribers: []"
    )

    assert "nothing of this is stored; 'newsletter collect' does that" in run(house, "check", "--sources")
    assert not (tmp_path / "newsletter.db").exists()
