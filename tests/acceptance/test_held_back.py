"""An archive that comes again, as an operator and a reader meet it: no mail, a note, and a command that lets it out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

from tests.support.builders import at
from tests.support.house import House
from tests.support.shelf import Item, write_rss
from tests.support.sink import Sink

START = at("2026-06-14 06:00")
SUBSCRIBERS = """
subscribers:
  - address: ada@example.org
    days: daily
    hour: "07:00"
    zone: UTC
    topics: [qqqzzz]
    everything_else: 50
"""
SOURCES = "- {kind: feed, name: Harbour letters, location: feed.xml}"


def letters(first: int, last: int) -> list[Item]:
    return [
        {
            "title": f"Letter number {number}",
            "link": f"https://harbour.example.net/{number}",
            "date": START - timedelta(days=1 + last - number),
        }
        for number in range(last, first - 1, -1)
    ]


async def test_archive_is_not_mailed_until_the_operator_lets_it_out(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = House.build(tmp_path, sources=SOURCES, subscribers=SUBSCRIBERS, port=sink.port)
        feed = tmp_path / "feed.xml"

        async def run(*arguments: str, day: int, hour: int = 7) -> str:
            done = await asyncio.to_thread(house.run, *arguments, at=f"2026-06-{day}T{hour:02}:05:00+00:00")
            return done.stdout + done.stderr

        feed.write_bytes(write_rss(letters(21, 40)))
        await run("send", day=14, hour=5)  # the reader joins
        await run("collect", day=14, hour=6)
        await run("send", day=14)
        feed.write_bytes(write_rss(letters(1, 40)))
        collected = await run("collect", day=15, hour=6)
        await run("send", day=15)
        await run("collect", day=15, hour=8)
        shown = await run("sources", day=15, hour=8)
        wrong = await run("sources", "release", "harbor letters", day=15, hour=8)
        released = await run("sources", "release", "Harbour letters", day=15, hour=8)
        again = await run("sources", "release", "Harbour letters", day=15, hour=8)
        await run("send", day=16)

    mails = [
        str(message_from_bytes(message.content, policy=policy.default).get_body(("plain",)))
        for message in sink.messages
        if message.rcpt_to == "ada@example.org"
    ]
    assert "20 old entries came at once and are held back" in " ".join(collected.split())
    assert "to mail them: newsletter sources release 'Harbour letters'" in " ".join(shown.split())
    assert "no source is called 'harbor letters'; did you mean 'Harbour letters'?" in " ".join(wrong.split())
    assert "released: 20 entries of Harbour letters count as new" in " ".join(released.split())
    assert "nothing of Harbour letters is held back" in again
    assert len(mails) == 2
    assert "Letter number 40" in mails[0]
    assert "Letter number 7" in mails[1]
    assert "Letter number 40" not in mails[1]
