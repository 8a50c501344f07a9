"""The commands that send: send, run, worker."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import typer

from newsletter.address import is_same_address, parse_address
from newsletter.cli.arguments import parse_edition
from newsletter.cli.exit_codes import COULD_NOT_RUN, DONE, DONE_WITH_FAILURES
from newsletter.cli.nothing_due import word_no_edition, word_nothing_due
from newsletter.cli.progress import sending_progress
from newsletter.cli.readers import pick_mailed
from newsletter.cli.serving import keep_serving
from newsletter.cli.show import (
    console,
    show_contradictions,
    show_ledger,
    show_table,
    show_uncertain,
)
from newsletter.cli.table import Table
from newsletter.errors import ConfigError, Problem
from newsletter.model.ledger import State
from newsletter.model.mail import SmtpReply
from newsletter.model.readers import Consent, EmailAddress
from newsletter.scheduler import run_forever, stop_on_signals
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.canary import begin_trial, judge_trial, refuse_rest, release_rest
from newsletter.workflows.health import CHECKED_EDITIONS
from newsletter.workflows.lateness import add_lateness
from newsletter.workflows.mended_relays import try_failed_relays
from newsletter.workflows.send_crew import SMALL_QUEUE, Forks, hire, send_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from datetime import date, datetime

    from newsletter.model.readers import Subscriber
    from newsletter.model.steps import Role
    from newsletter.settings.config import Config

_LOADED_AT_ONCE = 1_000


class Canary(NamedTuple):
    """So many mails go first (0: no trial). max_failures is up to how many percent the rest follows without asking."""

    mails: int = 0
    max_failures: int | None = None


async def send(
    config: Config, forks: Forks | None, *, edition: str, dry_run: bool, to: str, reader: str, canary: Canary
) -> int:
    """Send what is due; or one date's digests; or one digest to somewhere else."""
    local_on = parse_edition(edition)
    async with open_newsletter(config, forks=forks) as newsletter:
        newsletter.load_now()
        for note in await newsletter.file.take_over():
            console.print(note)
        if dry_run and not to:
            return await _tell_due(newsletter)
        await try_failed_relays(newsletter.settings, newsletter.clock)
        if to:
            return await _send_test(newsletter, to, reader)
        if canary.mails and not await _hold_for_trial(newsletter):
            return COULD_NOT_RUN
        planner = newsletter.planner
        await planner.prepare()
        await (planner.plan_due() if local_on is None else planner.plan_date(local_on))
        if canary.mails and not await _try_canary(
            newsletter, local_on.isoformat() if local_on else None, canary
        ):
            return DONE_WITH_FAILURES
        return await send_pending(newsletter, local_on)


async def _hold_for_trial(newsletter: Newsletter) -> bool:
    hold = await begin_trial(newsletter.settings)
    if hold is not None:
        console.print(f"nothing was sent: held, {hold.why}", style="red")
    return hold is None


async def _try_canary(newsletter: Newsletter, edition: str | None, canary: Canary) -> bool:
    """Send the first mails; return whether the rest may follow. If not, or if this ends in between, all stays held."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with newsletter.sender(stop) as sender:
        result = judge_trial(await sender.send_pending(edition, at_most=canary.mails))
    console.print(f"the first {result.tried}: {result.failed} failed ({result.failed_percent:.0f} %)")
    if result.stopped or stop.is_set():
        console.print(f"stopped: {result.stopped or 'by a signal'}", style="red")
    elif canary.max_failures is not None:
        if result.failed_percent <= canary.max_failures:
            return await release_rest(newsletter.settings)
        await refuse_rest(newsletter.settings, result)
    elif sys.stdin.isatty() and typer.confirm("Send the rest?"):
        return await release_rest(newsletter.settings)
    console.print("the rest is on hold; check 'newsletter deliveries', then 'newsletter release' sends it")
    return False


async def send_pending(newsletter: Newsletter, local_on: date | None = None) -> int:
    """Send what is planned, of one date if given, with progress, and say what became of it."""
    if not await newsletter.ledger.claims.has_work(newsletter.clock.now(), newsletter.config.schedule.resend):
        await _tell_nothing_due(newsletter, local_on)
        left = show_uncertain(await newsletter.ledger.reads.load_counts(CHECKED_EDITIONS))
        return DONE_WITH_FAILURES if left else DONE
    edition = local_on.isoformat() if local_on else None
    stop = asyncio.Event()
    stop_on_signals(stop)
    waiting = await newsletter.ledger.reads.count_pending(edition)
    with sending_progress(waiting) as progress:
        due = await newsletter.ledger.claims.count_due(newsletter.clock.now(), SMALL_QUEUE)
        crew = hire(newsletter.forks, due, stop, progress, edition=edition)
        async with newsletter.sender(stop, progress) as sender:
            report = await send_with(sender, crew, edition)
    await add_lateness(newsletter.ledger, newsletter.settings, report.claimed)
    done = Counter({state: count for state, count in report.states.items() if count})
    console.print(
        "this run: " + (", ".join(f"{count} {state}" for state, count in done.items()) or "nothing sent")
    )
    if local_on and not done and not report.stopped:
        await _tell_nothing_due(newsletter, local_on)
    counts = await newsletter.ledger.reads.load_counts(CHECKED_EDITIONS)
    show_ledger(counts)
    left = show_uncertain(counts)
    contradictions = await newsletter.ledger.audit.find_contradictions_in(report.claimed)
    show_contradictions(contradictions)
    if report.stopped:
        console.print(f"stopped: {report.stopped}; the rest stays queued", style="red")
        return DONE_WITH_FAILURES if done[State.ACCEPTED] else COULD_NOT_RUN
    return DONE_WITH_FAILURES if report.failed or contradictions or left else DONE


async def _send_test(newsletter: Newsletter, to: str, whose: str) -> int:
    """Send one reader's next digest as a test to an address; the ledger does not know of it."""
    from newsletter.workflows.operator_acts import send_once
    from newsletter.workflows.preview import preview_reader

    address = parse_address(to)
    if hold := await newsletter.settings.load_hold():
        console.print(f"nothing was sent: held, {hold.why}")
        return COULD_NOT_RUN
    reader = await pick_mailed(newsletter, whose or await _ask_whose(newsletter, address))
    mail = await preview_reader(
        reader,
        await newsletter.new_digest_builder(),
        await newsletter.new_mail_builder(),
        newsletter.ledger.reads,
        newsletter.clock,
        to=address,
    )
    if mail.digest.is_empty:
        console.print(f"{reader.address} has nothing new; nothing was sent. Run 'newsletter collect' first?")
        return DONE_WITH_FAILURES
    reply = await send_once(newsletter.choose_mailer(), mail)
    if isinstance(reply, SmtpReply) and 200 <= reply.code < 300:
        console.print(f"sent the digest of {reader.address} to {address}: {reply}")
        console.print(
            "it is a test: the ledger does not record it, and the real one comes at its hour"
            if is_same_address(reader.address, address)
            else "it is a test: its links belong to nobody and change nothing"
        )
        return DONE
    console.print(f"not sent to {address}: {reply}", style="red")
    return DONE_WITH_FAILURES


async def _ask_whose(newsletter: Newsletter, address: EmailAddress) -> str:
    """Return whose digest is sent to an address: the reader's own, else the one whom a person at the terminal names.

    Raises ConfigError where nobody can be asked, or there is nobody.
    """
    reader = await newsletter.subscribers.load(address)
    if reader is not None and reader.consent is Consent.CONFIRMED:
        return address
    first = (await pick_mailed(newsletter, "")).address
    others = (await newsletter.views.count_readers())[Consent.CONFIRMED] - 1
    there = f"{first}, or one of {others:,} others" if others else first
    if not sys.stdin.isatty():
        message = (
            f"{address} is no reader who gets mail; say whose digest to send:"
            f" --reader {there} ('newsletter subscribers list')"
        )
        raise ConfigError([Problem(message, steps=("--to",))])
    console.print(f"{address} is no reader who gets mail. There is {there}.")
    return str(typer.prompt("Whose digest shall it be?"))


async def _tell_due(newsletter: Newsletter) -> int:
    """Say what a send would do now; compose everything, send nothing, write nothing."""
    from newsletter.workflows.preview import preview_reader

    now = newsletter.clock.now()
    digests, mails = await newsletter.new_digest_builder(), await newsletter.new_mail_builder()
    table = Table("reader", "due (UTC)", "entries#", "bytes#", "topics…")
    async for reader in _load_due(newsletter, now):
        mail = await preview_reader(reader, digests, mails, newsletter.ledger.reads, newsletter.clock)
        table.add_row(
            reader.address,
            f"{mail.digest.slot.at:%Y-%m-%d %H:%M}",
            str(mail.digest.entry_count),
            str(len(mail.message)),
            ", ".join(f"{s.topic or 'everything else'} {len(s.items)}" for s in mail.digest.sections)
            or "nothing new",
        )
    pending = await newsletter.ledger.reads.count_pending()
    if table.row_count:
        show_table(table)
    console.print(f"dry run: {table.row_count} due now, {pending} queued earlier; nothing was sent")
    return DONE


async def _load_due(newsletter: Newsletter, now: datetime) -> AsyncIterator[Subscriber]:
    """Yield those who are due, the longest due first."""
    due = await newsletter.subscribers.load_due(now, _LOADED_AT_ONCE)
    while due:
        readers = await newsletter.subscribers.load_many([one.id for one in due])
        for one in due:
            if one.id in readers:
                yield readers[one.id]
        due = await newsletter.subscribers.load_due(now, _LOADED_AT_ONCE, due[-1])


async def _tell_nothing_due(newsletter: Newsletter, local_on: date | None) -> None:
    """Say why nothing is to be sent, of one date if given, and when the next digest is."""
    coming = await newsletter.views.load_coming()
    now = newsletter.clock.now()
    if not coming:
        is_anybody = any((await newsletter.views.count_readers()).values())
        why = "no subscriber receives mail at present" if is_anybody else "there are no subscribers yet"
    elif local_on:
        counts = await newsletter.ledger.reads.load_counts()
        why = word_no_edition(local_on, coming, counts, newsletter.config.schedule.catch_up, now)
    else:
        why = word_nothing_due(coming, now)
    console.print(f"nothing to send: {why}")


async def run(config: Config, forks: Forks | None, web_command: Sequence[str] = ()) -> int:
    """Run the clock until a signal says stop; with a command for it also the web UI, as a child."""
    async with open_newsletter(config, forks=forks) as newsletter:
        newsletter.load_now()
        newsletter.file.refuse_samples()
        newsletter.choose_mailer()  # a configuration that cannot send is told now, not at the first slot
        stop = asyncio.Event()
        stop_on_signals(stop)
        serving = asyncio.create_task(keep_serving(web_command, stop)) if web_command else None
        try:
            await try_failed_relays(newsletter.settings, newsletter.clock)
            await run_forever(newsletter, stop)
        finally:
            stop.set()
            if serving is not None:
                await serving
    return DONE


async def work(config: Config, roles: Collection[Role]) -> int:
    """Do jobs of the newsletter, beside others on any number of machines, until a signal says stop."""
    async with open_newsletter(config) as newsletter:
        newsletter.load_now()
        newsletter.file.refuse_samples()
        newsletter.choose_mailer()
        stop = asyncio.Event()
        stop_on_signals(stop)
        await try_failed_relays(newsletter.settings, newsletter.clock)
        await newsletter.build_shared_work(stop).run(roles)
    return DONE
