"""The clock: APScheduler wakes us at each full minute, and the store says what is due. What is done then, and how the
steps are kept from stopping each other: workflows/tick.py. Between ticks mails go out at the moment for which they wait
(workflows/keep_slots.py).

A tick that is missed costs lateness and nothing else; two schedulers on one database cost nothing,
because planning is a compare-and-set and the ledger has one row a reader and edition.
"""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.logs import log

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    from newsletter.wiring import Newsletter

TICK = timedelta(minutes=1)
POST_EVERY = timedelta(seconds=5)
"""How often it is asked whether somebody waits for a notice."""


async def run_forever(newsletter: Newsletter, stop: asyncio.Event, tick: timedelta = TICK) -> None:
    """Tick at once and at each full minute until ``stop`` is set. The mails in flight are finished; what was not begun
    stays queued, and what runs beside sending is cancelled."""
    scheduler = _build_scheduler()
    clockwork = newsletter.build_clockwork(stop)
    busy = asyncio.Lock()

    begun = asyncio.Event()

    async def one_tick() -> None:
        if not busy.locked():
            async with busy:
                await clockwork.tick()
            begun.set()

    async def keep_slots() -> None:
        await begun.wait()  # the world is looked at before anything is sent
        await clockwork.keep_slots()

    async def post() -> None:
        clockwork.post()

    scheduler.add_job(one_tick)
    scheduler.add_job(one_tick, "interval", seconds=tick.total_seconds(), start_date=_next_full(tick))
    scheduler.add_job(post, "interval", seconds=min(POST_EVERY, tick).total_seconds())
    scheduler.start()
    keeping = asyncio.create_task(keep_slots())
    log.info("running", newsletter=newsletter.identity.name, tick_s=tick.total_seconds())
    await stop.wait()
    # Not shut down yet: that would cancel the tick under way.
    scheduler.remove_all_jobs()
    async with busy:
        await clockwork.finish()
        scheduler.shutdown(wait=False)
    keeping.cancel()
    await asyncio.wait([keeping])
    log.info("stopped")


def _build_scheduler() -> AsyncIOScheduler:
    # Here: who only stops on signals needs none.
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    return AsyncIOScheduler(
        timezone="UTC",
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )


def _next_full(tick: timedelta) -> datetime:
    """Return the next instant that is a whole number of ticks: slots are full minutes."""
    seconds = tick.total_seconds()
    return datetime.fromtimestamp((time.time() // seconds + 1) * seconds, UTC)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set ``stop``."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
