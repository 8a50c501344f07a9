"""Several processes at once, as an operator may start them, on an empty database."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from pathlib import Path

from tests.support.house import House
from tests.support.papers import make_day
from tests.support.sink import Sink

READERS = [f"r{number}@example.org" for number in range(8)]


def build_house(folder: Path, port: int, database_url: str) -> House:
    (folder / "day.json").write_text(make_day())
    rows = "".join(f"  - {{address: {address}, topics: [robot]}}\n" for address in READERS)
    return House.build(
        folder,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + rows,
        port=port,
        database_url=database_url,
        connections=2,
    )


async def run_at_once(house: House, count: int, *arguments: str) -> list[subprocess.CompletedProcess[str]]:
    return await asyncio.gather(*(asyncio.to_thread(house.run_process, *arguments) for _ in range(count)))


async def test_processes_that_are_the_first_of_all_at_once_end_well(
    tmp_path: Path, bare_database_url: str
) -> None:
    async with Sink() as sink:
        house = build_house(tmp_path, sink.port, bare_database_url)
        for command in (("collect",), ("send", "--edition", "2026-06-16")):
            for done in await run_at_once(house, 2, *command):
                assert done.returncode == 0, done.stdout + done.stderr

    assert Counter(message.rcpt_to for message in sink.messages) == dict.fromkeys(READERS, 1)
