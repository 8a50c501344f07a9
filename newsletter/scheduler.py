"""The clock: APScheduler wakes us at each full minute, and the store says what is due. What is done then, and how the
steps are kept from stopping each other: workflows/tick.py.

A tick that is missed costs lateness and nothing else; two schedulers on one database cost nothing,
because planning is a compare-and-set and the ledger has one row a reader and edition.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from newsletter.errors import MailerError
from newsletter.model.ledger import NOTICES, TO_OPERATORS, Delivery, Kind, State
from newsletter.model.steps import StepName
from newsletter.wiring import Newsletter
from newsletter.workflows.handle_bounces import KNOWN
from newsletter.workflows.health import CHECKED_EDITIONS
from newsletter.workflows.pace import PaceKeeper
from newsletter.workflows.plan import plan_due
from newsletter.workflows.tick import Clockwork, StepGuard

log = structlog.get_logger()

TICK = timedelta(minutes=1)
POST_EVERY = timedelta(seconds=5)
"""How often it is asked whether somebody waits for a notice."""
THIN_EVERY = timedelta(hours=1)


async def run_forever(newsletter: Newsletter, stop: asyncio.Event, tick: timedelta = TICK) -> None:
    """Tick at once and at each full minute until ``stop`` is set. The mails in flight are finished; what was not begun
    stays queued, and what runs beside sending is cancelled."""
    scheduler = AsyncIOScheduler(
        timezone="UTC",
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    clockwork = build_clockwork(newsletter, stop)
    busy = asyncio.Lock()

    async def one_tick() -> None:
        if not busy.locked():
            async with busy:
                await clockwork.tick()

    async def post() -> None:
        clockwork.post()

    scheduler.add_job(one_tick)
    scheduler.add_job(one_tick, "interval", seconds=tick.total_seconds(), start_date=_next_full(tick))
    scheduler.add_job(post, "interval", seconds=min(POST_EVERY, tick).total_seconds())
    scheduler.start()
    log.info("running", newsletter=newsletter.identity.name, tick_s=tick.total_seconds())
    await stop.wait()
    # Not shut down yet: that would cancel the tick under way.
    scheduler.remove_all_jobs()
    async with busy:
        await clockwork.finish()
        scheduler.shutdown(wait=False)
    log.info("stopped")


def _next_full(tick: timedelta) -> datetime:
    """Return the next instant that is a whole number of ticks: slots are full minutes."""
    seconds = tick.total_seconds()
    return datetime.fromtimestamp((time.time() // seconds + 1) * seconds, UTC)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set ``stop``."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def build_clockwork(newsletter: Newsletter, stop: asyncio.Event) -> Clockwork:
    """Return the steps of this newsletter's clock at work."""

    async def is_first() -> bool:
        return await newsletter.runs.load_last_pass_at() is None

    return Clockwork(
        acts={
            StepName.SUBSCRIBERS_FILE: lambda: _import_file(newsletter),
            StepName.COLLECTING: lambda: _collect_if_due(newsletter),
            StepName.INCOMING_MAIL: lambda: _read_mail(newsletter),
            StepName.UPKEEP: _Upkeep(newsletter).thin_if_due,
            StepName.PAUSES_AND_ZONES: lambda: _do(newsletter.prepare_planning()),
            StepName.PLANNING: lambda: _do(plan_waiting(newsletter)),
            StepName.SENDING: lambda: _do(_send_waiting(newsletter, stop, frozenset(Kind))),
            StepName.ALERTS: lambda: _do(newsletter.queue_alerts()),
            StepName.NOTICES: lambda: _do(send_notices(newsletter, stop)),
        },
        guard=StepGuard(newsletter.settings, newsletter.clock),
        is_first=is_first,
        stop=stop,
    )


async def _do(work: Awaitable[object]) -> bool:
    await work
    return True


async def _import_file(newsletter: Newsletter) -> bool:
    for note in await newsletter.import_subscribers():
        log.info(note)
    return True


async def _read_mail(newsletter: Newsletter) -> bool:
    """Read mail about our mail. Raises MailerError also where all was read, but cannot be marked as read."""
    report = await newsletter.handle_bounces()
    done = {what: count for what, count in report.done.items() if what != KNOWN}
    if done:
        log.info("processed the bounce mailbox", **done)
    if report.unmarked:
        raise MailerError(report.unmarked)
    return True


async def _collect_if_due(newsletter: Newsletter) -> bool:
    last = await newsletter.runs.load_last_pass_at()
    if not is_collect_due(last, newsletter.clock.now(), newsletter.config.schedule.collect_every):
        return False
    report = await newsletter.collect()
    for record in report.records:
        log.info(
            "collected", source=record.source, state=str(record.state), new=record.new, note=record.message
        )
    return True


@dataclass(slots=True)
class _Upkeep:
    """Thins what is over at the start and then once an hour."""

    newsletter: Newsletter
    due_s: float = 0.0

    async def thin_if_due(self) -> bool:
        if time.monotonic() < self.due_s:
            return False
        await self.newsletter.thin()
        self.due_s = time.monotonic() + THIN_EVERY.total_seconds()
        return True


def is_collect_due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Tell whether the newest collect pass is older than the rhythm asks for, or lies in the future (a clock
    was set back)."""
    return last is None or not timedelta() <= now - last < every


async def send_due(newsletter: Newsletter, stop: asyncio.Event) -> None:
    """Plan who is due and send what can go out."""
    await newsletter.prepare_planning()
    await plan_waiting(newsletter)
    await _send_waiting(newsletter, stop, frozenset(Kind))


async def plan_waiting(newsletter: Newsletter) -> None:
    """Queue the digests that are due."""
    plan = await plan_due(
        newsletter.subscribers,
        newsletter.ledger.planning,
        newsletter.clock.now(),
        newsletter.config.schedule.catch_up,
        newsletter.config.schedule.spread,
    )
    if plan.planned or plan.skipped:
        log.info("planned", digests=plan.planned, skipped=plan.skipped)


async def send_notices(newsletter: Newsletter, stop: asyncio.Event) -> None:
    """Send the mails that somebody waits for, if there are any: confirmations, logins, alerts."""
    held = await newsletter.settings.load_hold() or await newsletter.guard.check()
    await _send_waiting(newsletter, stop, TO_OPERATORS if held else NOTICES)


async def _send_waiting(newsletter: Newsletter, stop: asyncio.Event, kinds: frozenset[Kind]) -> None:
    now, resend = newsletter.clock.now(), newsletter.config.schedule.resend
    if not await newsletter.ledger.claims.has_work(now, resend & kinds, kinds):
        return
    counted = await newsletter.ledger.reads.load_counts(CHECKED_EDITIONS)
    keeper = PaceKeeper(sum(found.pending for found in counted.values()))

    def progress(_delivery: Delivery, _state: State) -> None:
        if pace := keeper.advance():
            log.info("sending", pace=str(pace))

    async with newsletter.sender(stop, progress) as sender:
        report = await sender.send_pending()
    counts = {str(state): count for state, count in report.states.items() if count}
    if counts or report.stopped:
        log.info("sent", **counts, stopped=report.stopped)
    if counts and Kind.DIGEST in kinds:
        for what in await newsletter.ledger.audit.find_contradictions(CHECKED_EDITIONS):
            log.error("the ledger is inconsistent", found=what)
