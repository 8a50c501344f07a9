"""The command status: how the newsletter is, for people and for a monitor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.cli.readers import load_page
from newsletter.cli.show import (
    console,
    show_contradictions,
    show_fetches,
    show_ledger,
    show_table,
    show_uncertain,
    word_consent,
    word_next,
)
from newsletter.cli.table import Table
from newsletter.model.ledger import PENDING, DeliveryFilter, LedgerCounts, State
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.health import CHECKED_EDITIONS, Health, build_metrics, word_clock
from newsletter.workflows.health import to_json as health_to_json
from newsletter.workflows.pace import word_sending

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from newsletter.model.readers import EmailAddress, Subscriber
    from newsletter.settings.config import Config

_MISSED = frozenset(State) - PENDING - {State.ACCEPTED, State.EMPTY}

_CHECKED_AT_ONCE = 50_000
"""Of more mails than these it takes longer than somebody waits who looks."""


async def report(config: Config, *, form: str) -> int:
    """Print how the newsletter is, for a monitor, as json or prometheus. Exit code 1 where it is not well."""
    async with open_newsletter(config) as newsletter:
        health = await newsletter.load_health()
    print(json.dumps(health_to_json(health), indent=1) if form == "json" else build_metrics(health))
    return DONE if health.is_well else DONE_WITH_FAILURES


async def status(config: Config, *, readers: bool, editions: int, limit: int) -> int:
    """Show the ledger's equation per edition, who was not reached and why, and the sources; with readers, who
    is due when; of each list at most ``limit`` lines. Exit code 1 where the ledger contradicts itself."""
    async with open_newsletter(config) as newsletter:
        health = await newsletter.load_health()
        _show_troubles(health)
        counts = await newsletter.ledger.reads.load_counts(editions)
        show_ledger(counts)
        if not counts:
            console.print("no digest has been due yet")
        if health.sending and not health.held:
            console.print(f"sending: {word_sending(health.sending, health.at)}")
        for edition, lateness in health.lateness.items():
            if edition in counts:
                console.print(f"{edition} after the slot: {lateness}")
        contradictions = await _find_contradictions(newsletter, health)
        show_contradictions(contradictions)
        show_uncertain(counts)
        for kind, found in (await newsletter.ledger.reads.load_notice_counts()).items():
            console.print(f"{kind} mails: {found.equation}")
        await _show_missed(newsletter, counts, limit)
        console.print()
        show_fetches(await newsletter.runs.load_last_fetches())
        if readers:
            console.print()
            page, more = await load_page(newsletter, "", limit)
            _show_readers(page, await newsletter.subscribers.load_suppressed([one.address for one in page]))
            if more:
                console.print("'newsletter subscribers list' shows the others")
    return DONE_WITH_FAILURES if contradictions else DONE


async def _find_contradictions(newsletter: Newsletter, health: Health) -> Sequence[str]:
    """Return what does not fit together in the newest editions: now, or of very large ones what was found within the
    last hour."""
    checked = list(health.counts.values())[:CHECKED_EDITIONS]
    if sum(counts.due for counts in checked) > _CHECKED_AT_ONCE:
        return health.contradictions
    return await newsletter.ledger.audit.find_contradictions(CHECKED_EDITIONS)


async def _show_missed(newsletter: Newsletter, counts: Mapping[str, LedgerCounts], limit: int) -> None:
    """Show who has no mail, of the newest edition first, who will have none before who still may."""
    missed = Table("reader", "edition", "state", "attempts#", "why…")
    for edition, found in counts.items():
        for states in (_MISSED, PENDING):
            if not any(found[state] for state in states):
                continue
            wanted = DeliveryFilter(edition, states)
            for delivery, address in await newsletter.ledger.reads.find(
                wanted, limit=limit - missed.row_count
            ):
                missed.add_row(address, edition, delivery.state, str(delivery.attempt), delivery.last_reply)
    if missed.row_count:
        console.print("\nnot delivered:")
        show_table(missed)
    all_missed = sum(found[state] for found in counts.values() for state in _MISSED | PENDING)
    if all_missed > missed.row_count:
        console.print(
            f"and {all_missed - missed.row_count:,} more:"
            " 'newsletter deliveries --edition DATE --state STATE' lists them"
        )


def _show_troubles(health: Health) -> None:
    if health.held:
        console.print(f"held: {health.held}. 'newsletter release' lets mail go out again.", style="red")
    if health.refused:
        console.print(f"sending is stopped: {health.refused}", style="red")
    for relay, reason in health.paused.items():
        console.print(f"relay {relay} is paused: {reason}", style="red")
    for line in word_clock(health.failing, health.set_aside):
        console.print(line, style="red", markup=False)


def _show_readers(readers: Sequence[Subscriber], suppressed: Collection[EmailAddress]) -> None:
    if not readers:
        console.print("no subscribers yet")
        return
    table = Table("reader", "consent", "next due (UTC)")
    for reader in readers:
        is_suppressed = reader.address in suppressed
        consent = word_consent(reader, is_suppressed=is_suppressed)
        table.add_row(reader.address, consent, word_next(reader, is_suppressed=is_suppressed))
    show_table(table)
