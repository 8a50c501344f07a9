"""Workers share a newsletter: processes that know nothing of each other but the database, as on many machines."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from newsletter.settings.config import load_config
from newsletter.storage import Ledger, open_database
from newsletter.wiring import FixedClock, open_newsletter
from tests.acceptance.test_workers import CONNECTIONS, EDITION, build_house, end_of, judge, wait_until
from tests.support.cut_network import CutNetwork
from tests.support.house import House
from tests.support.postgres import NO_POSTGRES, running_postgres
from tests.support.sink import Sink

READERS = 500
"""More than two claims."""


@pytest.fixture(params=["postgresql"])
def database_url(database_url: str) -> str:
    return database_url


async def plan(house: House) -> None:
    """Let everybody's digest be due, and nothing be sent."""
    clock = FixedClock(datetime.fromisoformat(house.at))
    async with open_newsletter(load_config(house.folder / "config.yaml", {}), clock=clock) as newsletter:
        await newsletter.file.take_over()
        await newsletter.planner.plan_date(date.fromisoformat(EDITION))


@asynccontextmanager
async def working(house: House, *arguments: str) -> AsyncIterator[list[subprocess.Popen[str]]]:
    """Have two workers, of which those that are left are stopped at the end."""
    workers = [house.start("worker", *arguments) for _ in range(2)]
    try:
        yield workers
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        for worker in workers:
            said = await end_of(worker)
            assert worker.returncode in (0, -signal.SIGKILL), said


async def find_who_holds(url: str) -> list[int]:
    """Return the processes that hold claims."""
    database = await open_database(url)
    try:
        ledger = Ledger(database, None, None)  # type: ignore[arg-type]  # it only reads
        return [instance.pid for instance in await ledger.claims.load_instances_with_claims()]
    finally:
        await database.close()


@pytest.mark.slow
async def test_everybody_is_mailed_once_by_workers_side_by_side(tmp_path: Path, database_url: str) -> None:
    async with Sink(delay_s=0.02) as sink:
        house = await asyncio.to_thread(build_house, tmp_path, sink.port, database_url, readers=READERS)
        await plan(house)
        async with working(house) as workers:
            await wait_until(lambda: len(sink.messages) >= READERS)
        assert [worker.returncode for worker in workers] == [0, 0]
    assert sink.open_at_most <= CONNECTIONS, "together no more than the relay allows"
    await judge(database_url, sink, readers=READERS)


async def test_what_a_killed_worker_held_is_sent_by_another(tmp_path: Path, database_url: str) -> None:
    async with Sink(delay_s=0.02) as sink:
        house = await asyncio.to_thread(build_house, tmp_path, sink.port, database_url, readers=READERS)
        await plan(house)
        async with working(house) as workers:
            await wait_until(lambda: len(sink.messages) > READERS // 4)
            victim = (await find_who_holds(database_url))[0]
            os.kill(victim, signal.SIGKILL)
            await wait_until(
                lambda: any(worker.poll() for worker in workers)
            )  # else it is still there, as a zombie
            await wait_until(lambda: len({message.rcpt_to for message in sink.messages}) == READERS)
    assert victim in {worker.pid for worker in workers}
    assert Counter(worker.returncode for worker in workers) == {0: 1, -signal.SIGKILL: 1}
    await judge(database_url, sink, most_twice=CONNECTIONS, readers=READERS)


@pytest.mark.slow
async def test_workers_go_on_when_the_database_has_restarted(tmp_path: Path) -> None:
    with running_postgres() as server:
        if server is None:
            pytest.skip(NO_POSTGRES)
        async with Sink(delay_s=0.02) as sink:
            house = await asyncio.to_thread(build_house, tmp_path, sink.port, server.url, readers=READERS)
            await plan(house)
            async with working(house) as workers:
                await wait_until(lambda: len(sink.messages) > READERS // 4)
                await asyncio.to_thread(server.restart)
                await wait_until(lambda: len({message.rcpt_to for message in sink.messages}) == READERS)
            assert [worker.returncode for worker in workers] == [0, 0]
        await judge(server.url, sink, readers=READERS)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["frozen", "cut off"])
async def test_what_a_worker_held_that_is_no_longer_heard_of_is_sent_by_another(
    tmp_path: Path, database_url: str, fault: str
) -> None:
    """As from one machine to another: it is there again when the others have sent all."""
    network = CutNetwork(f"{make_url(database_url).query['host']}/.s.PGSQL.5432")
    async with Sink(delay_s=0.02) as sink, await network.start():
        near = await asyncio.to_thread(build_house, tmp_path, sink.port, database_url, readers=READERS)
        await plan(near)
        url = make_url(database_url).set(host="127.0.0.1", port=network.port, query={})
        far = copy_house(near, database_url, url.render_as_string(hide_password=False))
        for house in (far, near):
            restored = await asyncio.to_thread(house.run_process, "restored", "--nothing-was-sent")
            assert restored.returncode == 0, restored.stdout + restored.stderr
        victim, other = far.start("worker"), near.start("worker")
        await wait_until(lambda: len(sink.messages) > READERS // 4)
        assert victim.pid in await find_who_holds(database_url)
        if fault == "frozen":
            victim.send_signal(signal.SIGSTOP)
        else:
            network.cut()
        await wait_until(lambda: len({message.rcpt_to for message in sink.messages}) == READERS)
        network.mend()
        victim.send_signal(signal.SIGCONT)
        for worker in (victim, other):
            worker.send_signal(signal.SIGTERM)
            said = await end_of(worker)
            assert worker.returncode == 0, said
    await judge(database_url, sink, most_twice=CONNECTIONS, readers=READERS)


def copy_house(house: House, its_url: str, url: str) -> House:
    """Return the same newsletter on another machine, which reaches the database by another way."""
    folder = house.folder / "far"
    folder.mkdir()
    for name in ("config.yaml", "subscribers.yaml", "day.json"):
        (folder / name).write_text((house.folder / name).read_text().replace(its_url, url))
    return House(folder, house.at)
