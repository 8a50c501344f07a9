"""Jobs run later, once for all processes that share a database: in one process, and over PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from newsletter.errors import StoreError
from newsletter.ports import Job, WakeUps
from newsletter.storage import QueuedWakeUps
from newsletter.workflows.in_process import InProcess

CLOCK = "clock"


@pytest.fixture
def open_wake_ups(database_url: str) -> Callable[[], WakeUps]:
    """Return what opens the wake-ups of one more process; on SQLite there is only one."""
    if database_url.startswith("sqlite"):
        only = InProcess()
        return lambda: only
    return lambda: QueuedWakeUps(database_url)


@asynccontextmanager
async def running(wake_ups: WakeUps, jobs: Mapping[str, Job]) -> AsyncIterator[None]:
    """Have a process that does these jobs, as soon as it can be rung."""
    stop = asyncio.Event()
    async with asyncio.timeout(60):
        task = asyncio.create_task(wake_ups.run(jobs, CLOCK, stop))
        while not await can_ring(wake_ups):
            assert not task.done(), task.exception()
        try:
            yield
        finally:
            stop.set()
            await task


async def can_ring(wake_ups: WakeUps) -> bool:
    await asyncio.sleep(0.02)
    try:
        await wake_ups.ring([CLOCK])
    except StoreError:
        return False
    return True


async def test_a_job_that_is_rung_twice_runs_once(open_wake_ups: Callable[[], WakeUps]) -> None:
    done: list[int] = []
    go_on, has_begun = asyncio.Event(), asyncio.Event()

    async def job(_handed_on: int) -> bool:
        has_begun.set()
        await go_on.wait()
        done.append(1)
        return True

    wake_ups = open_wake_ups()
    async with running(wake_ups, {"job": job}):
        await wake_ups.ring(["job"])
        await has_begun.wait()
        await wake_ups.ring(["job", "job"])
        go_on.set()
    assert done == [1]


async def test_a_job_that_is_handed_on_comes_again_and_knows_it(
    open_wake_ups: Callable[[], WakeUps],
) -> None:
    seen: list[int] = []
    is_over = asyncio.Event()

    async def job(handed_on: int) -> bool:
        seen.append(handed_on)
        if handed_on:
            is_over.set()
        return bool(handed_on)

    wake_ups = open_wake_ups()
    async with running(wake_ups, {"job": job}):
        await wake_ups.ring(["job"])
        await is_over.wait()
    assert seen == [0, 1]


async def test_a_stop_waits_for_the_job_under_way(open_wake_ups: Callable[[], WakeUps]) -> None:
    done: list[int] = []
    has_begun = asyncio.Event()

    async def job(_handed_on: int) -> bool:
        has_begun.set()
        await asyncio.sleep(0.3)
        done.append(1)
        return True

    wake_ups = open_wake_ups()
    async with running(wake_ups, {"job": job}):
        await wake_ups.ring(["job"])
        await has_begun.wait()
    assert done == [1]


async def test_a_job_of_another_process_is_left_to_it(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("one process")
    done: list[str] = []
    is_done = asyncio.Event()

    async def job(_handed_on: int) -> bool:
        done.append("there")
        is_done.set()
        return True

    here, there = QueuedWakeUps(database_url), QueuedWakeUps(database_url)
    async with running(here, {}), running(there, {"job": job}):
        await here.ring(["job"])
        await is_done.wait()
    assert done == ["there"]
