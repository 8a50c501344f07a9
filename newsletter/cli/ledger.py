"""The commands about the ledger: deliveries, resolve, retry, restored, bounces, explain ADDRESS."""

from __future__ import annotations

import csv
import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from newsletter.address import parse_address
from newsletter.cli.arguments import parse_edition
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.cli.show import console, count, json_array, print_json, show_table, word_consent, word_next
from newsletter.cli.table import Table
from newsletter.compose.slots import next_slot
from newsletter.compose.subscription import status_of
from newsletter.errors import ActError, AddressError, ConfigError, Problem
from newsletter.model.acts import Act, Wish
from newsletter.model.ledger import Delivery, DeliveryFilter, DeliveryId, Kind, State
from newsletter.model.readers import EmailAddress, Status, Subscriber, SubscriberId
from newsletter.text import clean_output
from newsletter.wiring import Newsletter, open_newsletter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from newsletter.settings.config import Config

_COLUMNS = ("edition", "address", "state", "attempts", "relay", "slot_at", "next_attempt_at", "reply")
_WIDE = ("attempts", "relay", "slot_at", "next_attempt_at")
FORMS = ("table", "csv", "json")
_MARKS = {"attempts": "#", "reply": "…"}
_BATCH = 500


def build_filter(
    edition: str, states: list[str], domain: str = "", reason: str = "", kind: str = Kind.DIGEST
) -> DeliveryFilter:
    """Return the filter that was typed. Raises ConfigError for a date, state or kind that there is not."""
    parse_edition(edition)
    if kind not in list(Kind):
        raise ConfigError([Problem(f"{kind!r} is none of {', '.join(Kind)}", steps=("--kind",))])
    known = {str(state) for state in State}
    for state in states:
        if state not in known:
            raise ConfigError([Problem(f"{state!r} is none of {', '.join(State)}", steps=("--state",))])
    return DeliveryFilter(
        edition, frozenset(map(State, states)), domain.lstrip("@").lower(), "", reason, Kind(kind)
    )


def check_form(form: str) -> str:
    """Return the form that was typed. Raises ConfigError for one that there is not."""
    if form not in FORMS:
        raise ConfigError([Problem(f"{form!r} is none of {', '.join(FORMS)}", steps=("--format",))])
    return form


async def show_deliveries(
    config: Config, wanted: DeliveryFilter, after: int, limit: int, *, is_wide: bool = False
) -> int:
    """Print a table of the deliveries that fit and follow the one numbered ``after``, at most ``limit``."""
    names = {name: at for at, name in enumerate(_COLUMNS)}
    shown = ["address", "edition", "state", "reply", *(_WIDE if is_wide else ())]
    table = Table(*(f"{name}{_MARKS.get(name, '')}" for name in shown))
    last, more = DeliveryId(after), False
    async with open_newsletter(config) as newsletter:
        async for delivery, address in _find_all(newsletter, wanted, last):
            more = table.row_count == limit
            if more:
                break
            last, row = delivery.id, _row(delivery, address)
            table.add_row(*(row[names[name]] for name in shown))
    if table.row_count:
        show_table(table, is_whole=is_wide)
    told = count(table.row_count, "delivery", "deliveries")
    console.print(told + (f"; the next ones: --after {last}" if more else ""))
    return DONE


async def write_deliveries(config: Config, wanted: DeliveryFilter, form: str, after: int) -> int:
    """Write all deliveries that fit and follow the one numbered ``after``: as CSV, as JSON, one a line, or as one JSON
    array."""
    async with open_newsletter(config) as newsletter:
        with _WRITERS[form]() as write_row:
            async for delivery, address in _find_all(newsletter, wanted, DeliveryId(after)):
                named = dict(zip(_COLUMNS, _row(delivery, address), strict=True))
                write_row({**named, "attempts": delivery.attempt})
    return DONE


@contextmanager
def _csv_rows() -> Iterator[Callable[[Mapping[str, object]], None]]:
    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    yield lambda row: writer.writerow([_harmless(str(value)) for value in row.values()])


_WRITERS: Mapping[str, Callable[[], AbstractContextManager[Callable[[Mapping[str, object]], None]]]] = {
    "csv": _csv_rows,
    "json": lambda: nullcontext(print_json),
    "array": json_array,
}


async def _find_all(
    newsletter: Newsletter, wanted: DeliveryFilter, last: DeliveryId
) -> AsyncIterator[tuple[Delivery, EmailAddress]]:
    while found := await newsletter.ledger.reads.find(wanted, last, _BATCH):
        for delivery, address in found:
            yield delivery, address
        last = found[-1][0].id


def _row(delivery: Delivery, address: str) -> list[str]:
    waits = delivery.next_attempt_at if delivery.state in (State.QUEUED, State.DEFERRED) else None
    return [
        delivery.key,
        address,
        str(delivery.state),
        str(delivery.attempt),
        delivery.relay,
        f"{delivery.slot_at:%Y-%m-%dT%H:%MZ}",
        f"{waits:%Y-%m-%dT%H:%MZ}" if waits else "",
        delivery.last_reply,
    ]


def _harmless(value: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: a reply is written by others."""
    value = clean_output(value)
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value


async def resolve(config: Config, address: str, edition: str, outcome: str, reason: str) -> int:
    """Settle one uncertain delivery by hand."""
    from newsletter.workflows.operator_acts import name_command_line

    if outcome not in ("accepted", "not-sent"):
        raise ConfigError([Problem(f"{outcome!r} is neither accepted nor not-sent", steps=("OUTCOME",))])
    if not reason.strip():
        raise ConfigError([Problem("say how you know; it is recorded in the ledger", steps=("--reason",))])
    wanted = replace(build_filter(edition, [State.UNCERTAIN]), address=parse_address(address))
    async with open_newsletter(config) as newsletter:
        found = await newsletter.ledger.reads.find(wanted)
        if not found:
            console.print("no uncertain delivery matches; see 'newsletter deliveries --state uncertain'")
            return DONE_WITH_FAILURES
        desk, who = await newsletter.operator_desk(), name_command_line()
        act = Act.ACCEPTED if outcome == "accepted" else Act.NOT_SENT
        for delivery, mailed_to in found:
            what = "accepted" if outcome == "accepted" else "goes out again with the next run"
            try:
                await desk.act_on(Wish(act, who, str(delivery.id), reason))
            except ActError:
                what = "was settled in the meantime"
            console.print(f"{delivery.key} {mailed_to}: {what}")
    return DONE


async def retry(config: Config, wanted: DeliveryFilter) -> int:
    """Queue the rejected or expired deliveries of an edition again."""
    from newsletter.workflows.operator_acts import name_command_line

    if not wanted.edition or not wanted.states or not wanted.states <= {State.REJECTED, State.EXPIRED}:
        raise ConfigError([Problem("give --edition and --state (rejected or expired)")])
    async with open_newsletter(config) as newsletter:
        desk = await newsletter.operator_desk()
        queued, covered = await desk.retry(wanted, name_command_line())
    if queued:
        console.print(f"{queued} queued again; the next 'newsletter send' or 'newsletter run' sends them")
    elif not covered:
        states = " or ".join(sorted(wanted.states))
        console.print(f"no {states} mail of {wanted.edition} fits; see 'newsletter deliveries'")
    if covered:
        console.print(f"{covered} skipped: a later digest of the same reader covers their papers")
    return DONE


async def read_bounces(config: Config) -> int:
    """Process the bounce mailbox once."""
    if config.bounces is None:
        raise ConfigError([Problem("is not set; say where bounces arrive", steps=("bounces",))])
    async with open_newsletter(config) as newsletter:
        report = await newsletter.handle_bounces()
    done = sorted(report.done.items())
    console.print(", ".join(f"{count} {what}" for what, count in done) or "no new reports")
    for wish in report.wishes:
        console.print(f"asked to unsubscribe without proof of identity: {wish}")
    if report.set_aside:
        console.print(
            f"messages that could not be processed are in {report.place}; please check them", style="red"
        )
    if report.unmarked:
        console.print(report.unmarked, style="red")
    return DONE_WITH_FAILURES if report.set_aside or report.unmarked else DONE


async def accept_restored(config: Config, sent_until: str, nothing_was_sent: bool) -> int:
    """Let a database that was restored send again, after the operator has said what had happened since."""
    if bool(sent_until) == nothing_was_sent:
        raise ConfigError([Problem("give either --sent-until TIME or --nothing-was-sent")])
    async with open_newsletter(config) as newsletter:
        if sent_until:
            until = _parse_instant(sent_until)
            await newsletter.collector.collect(at_once=True)
            counted = await _count_as_sent(newsletter, until)
            console.print(
                f"{counted} digests due up to {until:%Y-%m-%d %H:%M} UTC count as sent before the restore;"
                " papers that the sources list now count as seen"
            )
        await newsletter.guard.accept()
    console.print("this database may send again")
    return DONE


def _parse_instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is not a time like 2026-06-16T20:00Z"
        raise ConfigError([Problem(message, steps=("--sent-until",))]) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _count_as_sent(newsletter: Newsletter, until: datetime) -> int:
    """Move every reader's clock and window past what the lost database had sent; return how many digests."""
    newest_run = await newsletter.entries.newest_run()
    why = "sent before the restore, as stated by the operator"
    counted = await newsletter.ledger.planning.skip_until(until, why)
    last = SubscriberId(0)
    while readers := await newsletter.subscribers.load_after(last, _BATCH):
        last = readers[-1].id
        readers = [reader for reader in readers if status_of(reader) is not Status.ERASED]
        moved = [_move_past(reader, until, newest_run) for reader in readers]
        counted += sum(
            before.next_due_at != after.next_due_at for before, after in zip(readers, moved, strict=True)
        )
        await newsletter.subscribers.save(moved, newsletter.clock.now(), why)
    return counted


def _move_past(reader: Subscriber, until: datetime, newest_run: int) -> Subscriber:
    """Return the reader as the lost database would have left them: what is known by now they have had."""
    due = reader.next_due_at
    if due is not None and due <= until:
        due = next_slot(reader.cadence, until).at
    return replace(reader, counted_run=max(reader.counted_run, newest_run), next_due_at=due)


# --- one reader ---------------------------------------------------------------------------


def is_address(text: str) -> bool:
    """Tell whether a text is an e-mail address, and not a paper."""
    try:
        parse_address(text)
    except AddressError:
        return False
    return True


async def explain_reader(config: Config, address: str, on: str) -> int:
    """Say what a reader got and why: slot, topics, entries with their reasons, each attempt and its reply."""
    parse_edition(on)
    wanted = parse_address(address)
    async with open_newsletter(config) as newsletter:
        reader = await newsletter.subscribers.load(wanted)
        if reader is None:
            raise ConfigError([Problem(f"{wanted} is not a subscriber; see 'newsletter subscribers list'")])
        suppressed = await newsletter.subscribers.load_suppressed([reader.address])
        due = word_next(reader, is_suppressed=bool(suppressed))
        console.print(
            f"{reader.address}: {word_consent(reader, is_suppressed=False)},"
            f" {reader.cadence.at:%H:%M} {reader.cadence.zone},"
            f" next due {due if due == '-' else f'{due} UTC'}"
        )
        for suppression in suppressed.values():
            console.print(f"suppressed: {suppression.reason}")
        found = await newsletter.ledger.reads.load_of_reader(reader.id, on)
        if not found:
            console.print("no digest was due" + (f" on {on}" if on else " yet"))
        for delivery in found[: 1 if on else 5]:
            await _explain_delivery(newsletter, delivery)
    return DONE


async def _explain_delivery(newsletter: Newsletter, delivery: Delivery) -> None:
    from newsletter.compose.snapshot import parse_digest
    from newsletter.render.language import load_language
    from newsletter.render.wording import write_reason

    console.print(
        f"\n{delivery.key}: {delivery.state}; slot {delivery.slot_at:%Y-%m-%d %H:%M} UTC; {delivery.last_reply}"
    )
    for attempt in await newsletter.ledger.reads.load_attempts(delivery.id):
        through = f" through {attempt.relay}" if attempt.relay else ""
        console.print(
            f"  attempt {attempt.number} at {attempt.at:%Y-%m-%d %H:%M:%S} UTC{through}:"
            f" {attempt.outcome}, {attempt.reply}"
        )
    if delivery.snapshot is None:
        if delivery.attempt:
            was_sent = delivery.address is not None  # frozen by the fence, before the message
            console.print(
                "  what it said is not kept any longer" if was_sent else "  the message itself was never sent"
            )
        return
    window = delivery.snapshot.window
    console.print(
        f"  Message-ID {delivery.snapshot.message_id}, {delivery.snapshot.size_bytes} bytes"
        + (f", runs {window.after_run + 1} to {window.upto_run}" if window else "")
    )
    digest = parse_digest(delivery.snapshot.content_json, delivery.snapshot.cards)
    language = load_language(digest.language or newsletter.identity.language)
    for section in digest.sections:
        console.print(f"  {section.topic or 'everything else'}:")
        for item in section.items:
            why = write_reason(language, item.reason, section.topic, item.also)
            console.print(f"    {item.card.title} ({why})")
        if section.overflow:
            console.print(f"    and {len(section.overflow)} over the topic's limit")
