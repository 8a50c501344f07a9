"""Several processes send side by side, as one: what an operator starts, stops, and sees die."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.model.ledger import State
from newsletter.storage import Ledger, SubscriberStore, open_database
from tests.support.house import House
from tests.support.invariants import check_ledger
from tests.support.papers import make_day
from tests.support.sink import Sink

READERS = 500
CONNECTIONS = 8
EDITION = "2026-06-16"


def build_house(folder: Path, port: int, url: str, more: str = "", readers: int = READERS) -> House:
    (folder / "day.json").write_text(make_day())
    rows = "".join(
        f"  - {{address: reader{number}@example.org, topics: [robot]}}\n" for number in range(readers)
    )
    house = House.build(
        folder,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + rows,
        port=port,
        database_url=url,
        connections=CONNECTIONS,
        processes=2,
        more=more,
    )
    assert house.run("collect").returncode == 0
    return house


def one_file(folder: Path) -> str:
    """A database of what processes do to each other, on whatever engine."""
    return f"sqlite:///{folder / 'newsletter.db'}"


def list_children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def list_workers(command: subprocess.Popen[str]) -> list[int]:
    """Return the processes that send for a command: its grandchildren."""
    return [worker for launcher in list_children(command.pid) for worker in list_children(launcher)]


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - other processes decide
            await asyncio.sleep(0.01)


async def end_of(command: subprocess.Popen[str]) -> str:
    """Wait for a command's end; return what it said."""
    said, _ = await asyncio.to_thread(command.communicate, timeout=120)
    return said


async def judge(url: str, sink: Sink, *, most_twice: int = 0, readers: int = READERS) -> None:
    """Check that everybody got their mail, nobody twice but as the ledger says, and that the ledger fits together."""
    database = await open_database(url)
    try:
        ledger = Ledger(database, None, None)  # type: ignore[arg-type]  # it only reads
        await check_ledger(ledger, SubscriberStore(database), sink.messages, EDITION)
        rows = await ledger.reads.load_edition(EDITION)
        assert await ledger.audit.find_contradictions(9) == []
    finally:
        await database.close()
    assert len(rows) == readers
    assert {row.state for row, _ in rows} == {State.ACCEPTED}
    copies = Counter(message.rcpt_to for message in sink.messages)
    assert set(copies) == {address for _, address in rows}
    twice = {address for address, number in copies.items() if number > 1}
    assert len(twice) <= most_twice
    assert twice <= {address for row, address in rows if row.uncertain_at}, "no silent copy"


async def test_what_a_killed_process_held_is_sent_by_the_others(tmp_path: Path, database_url: str) -> None:
    async with Sink(delay_s=0.02) as sink:
        house = await asyncio.to_thread(build_house, tmp_path, sink.port, database_url)
        command = house.start("send", "--edition", EDITION)
        await wait_until(lambda: len(sink.messages) > READERS // 4)
        victim = list_workers(command)[0]
        os.kill(victim, signal.SIGKILL)
        said = await end_of(command)

    assert command.returncode == 0, said
    assert "a process for sending has died" in said
    assert f"pid={victim}" in said
    await judge(database_url, sink, most_twice=CONNECTIONS // 2)


@pytest.mark.slow
async def test_a_queue_goes_out_from_several_processes(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = await asyncio.to_thread(build_house, tmp_path, sink.port, one_file(tmp_path))
        command = house.start("send", "--edition", EDITION)
        seen: set[int] = set()
        while command.poll() is None:
            seen.update(list_workers(command))
            await asyncio.sleep(0.01)
        said = await end_of(command)

    assert command.returncode == 0, said
    assert len(seen) == 2
    assert f"this run: {READERS} accepted" in said
    assert sink.open_at_most <= CONNECTIONS, "together no more than the relay allows"
    await judge(one_file(tmp_path), sink)


@pytest.mark.parametrize("whom", ["the command", pytest.param("all", marks=pytest.mark.slow)])
async def test_a_stop_lets_all_of_them_finish_the_mails_in_flight(tmp_path: Path, whom: str) -> None:
    async with Sink(delay_s=0.02) as sink:
        house = await asyncio.to_thread(build_house, tmp_path, sink.port, one_file(tmp_path))
        command = house.start("send", "--edition", EDITION)
        await wait_until(lambda: len(sink.messages) > READERS // 4)
        workers = list_workers(command)
        for pid in [command.pid] if whom == "the command" else [command.pid, *workers]:
            os.kill(pid, signal.SIGTERM)
        said = await end_of(command)
        assert not any(map(is_there, workers)), "it waits for them"
        first = len(sink.messages)
        assert READERS // 4 < first < READERS, said

        command = house.start("send", "--edition", EDITION)
        said = await end_of(command)
    assert command.returncode == 0, said
    assert f"this run: {READERS - first} accepted" in said
    await judge(one_file(tmp_path), sink)


@pytest.mark.slow
async def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    async with Sink(delay_s=0.02) as sink:
        house = await asyncio.to_thread(build_house, tmp_path, sink.port, one_file(tmp_path))
        command = house.start("send", "--edition", EDITION)
        await wait_until(lambda: len(sink.messages) > READERS // 4)
        family = [*list_children(command.pid), *list_workers(command)]
        command.kill()
        await end_of(command)
        await wait_until(lambda: not any(map(is_there, family)))
        assert len(sink.messages) < READERS

        command = house.start("send", "--edition", EDITION)
        said = await end_of(command)
        assert command.returncode == 0, said
    await judge(one_file(tmp_path), sink)
