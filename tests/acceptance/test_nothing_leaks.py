"""Whatever fails, no output and no file that others get holds the key of all links, a reader's token or a password."""

from __future__ import annotations

import asyncio
import base64
import os
import sqlite3
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from newsletter.model.readers import EmailAddress
from newsletter.signing import Purpose, Secret, build_token
from tests.support.commands import run_command
from tests.support.sink import Sink

PASSWORDS = {"RELAY_WORD": "relay-w0rd/&x", "IMAP_WORD": "imap-w0rd:@y", "DATABASE_WORD": "base-w0rd%z"}
ADA = EmailAddress("ada@hill.example")
FEED = """<rss version="2.0"><channel><title>Notes</title><item><title>Robots that fold napkins</title>
<link>https://hill.example/1</link><guid>https://hill.example/1</guid><description>Napkins.</description></item>
</channel></rss>"""
CONFIG = """
newsletter: {name: Notes, from: digest@hill.example}
sources: [{kind: feed, location: feed.xml}]
templates: templates
schedule: {on_uncertain: hold}
"""
BROKEN_CARD = "{{ {}[links] if links is defined else 1 // (0 if 'napkins' in paper.title else 1) }}"
BOUNCE = "From: mailer-daemon@x.example\nSubject: failure notice\n\nunsubscribe TOKEN\nMessage-ID: <a\0b@x.example>\n"


def forms_of(key: bytes) -> list[str]:
    """Return how bytes may be shown: raw, as hex, base64, repr; a beginning is enough."""
    raw = key[:12]
    return [
        raw.hex(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        repr(raw)[2:-1],
    ]


class BrokenHouse:
    """A folder with a newsletter in which much is wrong, and all that its commands have printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""
        (folder / "templates" / "cards").mkdir(parents=True)
        (folder / "feed.xml").write_text(FEED, "utf-8")
        self.write("maildir: outbox\n")
        (folder / "subscribers.yaml").write_text(
            f"subscribers: [{{address: {ADA}, days: daily, hour: 00:00, zone: UTC, topics: [napkins]}}]",
            "utf-8",
        )

    def write(self, more: str) -> None:
        (self.folder / "config.yaml").write_text(CONFIG + textwrap.dedent(more), "utf-8")

    async def run(self, *arguments: str) -> int:
        ours = {"PATH": os.environ["PATH"], "COLUMNS": "200", **PASSWORDS}
        done = await asyncio.to_thread(run_command, *arguments, folder=self.folder, environment=ours)
        self.said += f"$ {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.returncode

    def load_key(self) -> bytes:
        connection = sqlite3.connect(self.folder / "newsletter.db")
        try:
            [(text,)] = connection.execute("SELECT value FROM settings WHERE key = 'secret'")
        finally:
            connection.close()
        return bytes.fromhex(text)

    def find_leaks(self) -> list[str]:
        key = self.load_key()
        hidden = [*PASSWORDS.values(), *(quote(word, safe="") for word in PASSWORDS.values()), *forms_of(key)]
        hidden += [
            build_token(Purpose.LEAVE, 1, Secret(key)),
            build_token(Purpose.PREFERENCES, 1, Secret(key), ADA),
        ]
        return [one for one in hidden if one in self.said]


async def test_no_failing_path_shows_the_key_a_token_or_a_password(tmp_path: Path) -> None:
    house = BrokenHouse(tmp_path)
    assert await house.run("collect") == 0
    # A template that fails with all that it was given in its hands.
    (tmp_path / "templates" / "cards" / "paper.txt.j2").write_text(BROKEN_CARD, "utf-8")
    await house.run("send", "--edition", f"{datetime.now(UTC):%Y-%m-%d}")
    assert "could not be built" in house.said
    await house.run("deliveries", "--format", "json")
    (tmp_path / "templates" / "cards" / "paper.txt.j2").unlink()
    async with Sink(logins={"ada": "another"}) as sink:
        relay = f"{{host: 127.0.0.1, port: {sink.port}, security: none, username: ada, password: '${{RELAY_WORD}}'}}"
        imap = "{host: 127.0.0.1, port: 1, security: none, username: ada, password: '${IMAP_WORD}'}"
        house.write(f"relay: {relay}\nbounces: {{imap: {imap}}}\n")
        assert await house.run("check", "--relay") != 0
        assert await house.run("bounces") != 0
    for part in ("new", "cur", "tmp"):
        (tmp_path / "bounces" / part).mkdir(parents=True)
    token = build_token(Purpose.LEAVE, 1, Secret(house.load_key()))
    (tmp_path / "bounces" / "new" / ("2" * 250)).write_text(BOUNCE.replace("TOKEN", token), "utf-8")
    house.write("maildir: outbox\nbounces: {maildir: bounces}\n")
    await house.run("bounces")
    house.write("database: {url: 'postgresql://ada:${DATABASE_WORD}@127.0.0.1:1/x'}\n")
    assert await house.run("status") != 0
    base, relay = PASSWORDS["DATABASE_WORD"], PASSWORDS["RELAY_WORD"]
    house.write(
        f"database: {{url: 'postgresql://ada:{base}@127.0.0.1/x'}}\n"
        f"relay: {{host: a.example, username: ada, password: '{relay}'}}\n"
    )
    assert await house.run("check") == 2
    house.write("maildir: outbox\n")
    for arguments in ("status --json", "subscribers export", "preview --all previews"):
        await house.run(*arguments.split())
    await house.run("subscribers", "data", ADA)
    assert "locals" not in house.said
    assert len(house.said) < 60_000
    # A preview is the very mail, with its links; the index of all of them is not.
    house.said += (tmp_path / "previews" / "index.html").read_text("utf-8")
    assert house.find_leaks() == []


@pytest.mark.parametrize("key", [bytes(range(32)), b"\xff" * 32])
def test_the_search_would_find_a_key(key: bytes, tmp_path: Path) -> None:
    for shown in (key.hex(), base64.b64encode(key).decode(), repr(key), f"secret = {key[:20]!r}"):
        assert any(form in shown for form in forms_of(key))
