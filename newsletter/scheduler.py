"""The clock: APScheduler wakes us once a minute, and the store says what is due.

A tick that is missed costs lateness and nothing else; two schedulers on one database cost nothing,
because planning is a compare-and-set and the ledger has one row a reader and edition.
"""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from newsletter.errors import ConfigError, MailerError, NewsletterError
from newsletter.model import NOTICES, PENDING, TO_OPERATORS, Delivery, Kind, State
from newsletter.wiring import Newsletter
from newsletter.workflows.build_edition import plan_due
from newsletter.workflows.health import CHECKED_EDITIONS
from newsletter.workflows.pace import PaceKeeper

log = structlog.get_logger()

TICK = timedelta(minutes=1)
POST_EVERY = timedelta(seconds=5)
"""How often it is asked whether somebody waits for a notice."""


async def run_forever(newsletter: Newsletter, stop: asyncio.Event, tick: timedelta = TICK) -> None:
    """Tick until ``stop`` is set. The mails in flight are finished; what was not begun stays queued."""
    scheduler = AsyncIOScheduler(
        timezone="UTC",
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    busy = asyncio.Lock()

    async def one_tick() -> None:
        async with busy:
            await run_tick(newsletter, stop)

    async def post() -> None:
        # A long pass takes new notices along by itself, before the next digests.
        if not busy.locked() and not stop.is_set():
            async with busy:
                await _send_notices_or_go_on(newsletter, stop)

    scheduler.add_job(
        one_tick, "interval", seconds=tick.total_seconds(), next_run_time=newsletter.clock.now()
    )
    scheduler.add_job(post, "interval", seconds=min(POST_EVERY, tick).total_seconds())
    scheduler.start()
    log.info("running", newsletter=newsletter.identity.name, tick_s=tick.total_seconds())
    await stop.wait()
    # Not shut down yet: that would cancel the tick under way, in the middle of a message perhaps.
    scheduler.remove_all_jobs()
    async with busy:
        scheduler.shutdown(wait=False)
    log.info("stopped")


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set ``stop``."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def run_tick(newsletter: Newsletter, stop: asyncio.Event) -> None:
    """Do once all that is due: read subscribers.yaml, collect, plan, send. An error is logged; the next tick
    tries again."""
    try:
        await _import_or_go_on(newsletter)
        await _collect_if_due(newsletter)
        if stop.is_set():
            return
        await _read_bounces_or_go_on(newsletter)
        await newsletter.queue_alerts()
        await send_due(newsletter, stop)
    except NewsletterError as error:
        log.error("this tick failed; the next one tries again", error=str(error))
    except Exception:
        log.exception("this tick failed; the next one tries again")


async def _send_notices_or_go_on(newsletter: Newsletter, stop: asyncio.Event) -> None:
    try:
        await send_notices(newsletter, stop)
    except NewsletterError as error:
        log.error("notices wait for the next tick", error=str(error))
    except Exception:
        log.exception("notices wait for the next tick")


async def _import_or_go_on(newsletter: Newsletter) -> None:
    """A file that is wrong, perhaps half edited, must not keep those from their mail who are known."""
    try:
        for note in await newsletter.import_subscribers():
            log.info(note)
    except ConfigError as error:
        log.error("subscribers.yaml is not taken over; the readers stay as they were", error=str(error))


async def _read_bounces_or_go_on(newsletter: Newsletter) -> None:
    """A mailbox that is away must not keep anybody from their mail."""
    try:
        done = await newsletter.handle_bounces()
    except MailerError as error:
        log.error("mail about our mail cannot be read", error=str(error))
        return
    if done:
        log.info("read mail about our mail", **done)


async def _collect_if_due(newsletter: Newsletter) -> None:
    last = await newsletter.entries.load_last_pass_at()
    if not is_collect_due(last, newsletter.clock.now(), newsletter.config.schedule.collect_every):
        return
    report = await newsletter.collect()
    for record in report.records:
        log.info(
            "collected", source=record.source, state=str(record.state), new=record.new, note=record.message
        )
    await newsletter.thin()


def is_collect_due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Tell whether the newest collect pass is older than the rhythm asks for, or lies in the future (a clock
    was set back)."""
    return last is None or not timedelta() <= now - last < every


async def send_due(newsletter: Newsletter, stop: asyncio.Event) -> None:
    """Plan who is due and send what can go out."""
    await newsletter.prepare_planning()
    plan = await plan_due(
        newsletter.subscribers,
        newsletter.deliveries,
        newsletter.clock.now(),
        newsletter.config.schedule.catch_up,
        newsletter.config.schedule.spread,
    )
    if plan.planned or plan.skipped:
        log.info("planned", digests=plan.planned, skipped=plan.skipped)
    await _send_waiting(newsletter, stop, frozenset(Kind))


async def send_notices(newsletter: Newsletter, stop: asyncio.Event) -> None:
    """Send the mails that somebody waits for, if there are any: confirmations, logins, alerts."""
    held = await newsletter.settings.load_hold() or await newsletter.guard.check()
    await _send_waiting(newsletter, stop, TO_OPERATORS if held else NOTICES)


async def _send_waiting(newsletter: Newsletter, stop: asyncio.Event, kinds: frozenset[Kind]) -> None:
    now, resend = newsletter.clock.now(), newsletter.config.schedule.resend
    if not await newsletter.deliveries.has_work(now, resend & kinds, kinds):
        return
    counted = await newsletter.deliveries.load_counts(CHECKED_EDITIONS)
    keeper = PaceKeeper(sum(count.count for count in counted if count.state in PENDING))

    def progress(_delivery: Delivery, _state: State) -> None:
        if pace := keeper.advance():
            log.info("sending", pace=str(pace))

    async with newsletter.sender(stop, progress) as sender:
        report = await sender.send_pending()
    counts = {str(state): count for state, count in report.states.items() if count}
    if counts or report.stopped:
        log.info("sent", **counts, stopped=report.stopped)
    if counts and Kind.DIGEST in kinds:
        for what in await newsletter.deliveries.find_contradictions(CHECKED_EDITIONS):
            log.error("the ledger does not add up", found=what)
