"""The commands that only look: preview and status."""

from __future__ import annotations

import json
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter.address import address_key, is_same_address, parse_address
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.cli.index import take_pictures, write_index
from newsletter.cli.show import (
    complain,
    console,
    counting_progress,
    show_contradictions,
    show_doubts,
    show_fetches,
    show_ledger,
    show_table,
    show_uncertain,
    word_consent,
    word_next,
)
from newsletter.cli.table import Table
from newsletter.deliver.scorecard import check_message
from newsletter.errors import ConfigError, FetchError, Problem
from newsletter.files import write_private
from newsletter.model.ledger import PENDING, DeliveryFilter, Kind, LedgerCounts, State
from newsletter.model.readers import Consent, EmailAddress, Subscriber
from newsletter.model.sources import FetchState
from newsletter.ports import Clock
from newsletter.settings.config import Config
from newsletter.settings.topic_lines import require_topics
from newsletter.stored_json import to_json
from newsletter.wiring import FixedClock, Newsletter, SystemClock, open_newsletter
from newsletter.workflows.build_mail import Mail, MailBuilder
from newsletter.workflows.compose_digests import DigestBuilder
from newsletter.workflows.health import CHECKED_EDITIONS, Health, build_metrics, word_clock
from newsletter.workflows.health import to_json as health_to_json
from newsletter.workflows.import_subscribers import start_window
from newsletter.workflows.preview import (
    FORMATS,
    MAILS,
    choose_preview_bytes,
    make_trial_reader,
    preview_notice,
    preview_reader,
    save_preview,
)

_MISSED = frozenset(State) - PENDING - {State.ACCEPTED, State.EMPTY}


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """The arguments of ``preview``, as typed."""

    address: str
    at: str
    topics: tuple[str, ...]
    fresh: bool
    form: str
    out: Path | None
    everybody: Path | None
    kind: str
    score: bool
    show: bool
    pictures: bool


async def preview(config: Config, request: PreviewRequest) -> int:
    """Show the mail that would go out next, or everybody's, touching no state."""
    if request.form not in FORMATS:
        raise ConfigError([Problem(f"{request.form!r} is none of {', '.join(FORMATS)}", steps=("--format",))])
    if request.kind not in MAILS:
        raise ConfigError([Problem(f"{request.kind!r} is none of {', '.join(MAILS)}", steps=("--mail",))])
    if request.pictures and request.everybody is None:
        raise ConfigError([Problem("goes with --all DIR, whose index shows them", steps=("--pictures",))])
    clock = parse_clock(request.at)
    async with _open_for_preview(config, clock, fresh=request.fresh) as newsletter:
        digests, mails = await newsletter.new_digest_builder(), await newsletter.new_mail_builder()
        if request.everybody is not None:
            readers = await load_readers(newsletter)
            return await _preview_everybody(request, readers, digests, mails, newsletter)
        reader = await _choose_preview_reader(newsletter, request)
        if request.kind == Kind.DIGEST:
            digest_mail = await preview_reader(reader, digests, mails, newsletter.ledger.reads, clock)
            found = ", ".join(
                f"{section.topic or 'everything else'} {len(section.items)}"
                for section in digest_mail.digest.sections
            )
            mail: Mail = digest_mail
        else:
            found = request.kind
            mail = preview_notice(
                Kind(request.kind), reader, mails, newsletter.identity, newsletter.library, clock
            )
    body = choose_preview_bytes(mail, request.form)
    out = request.out
    if out is None and request.show:
        out = Path(tempfile.mkdtemp(prefix="newsletter-")) / f"preview.{FORMATS[request.form]}"
    if out is None:
        sys.stdout.buffer.write(body)
    else:
        write_private(out, body)
        whose = reader.address if reader.id or not request.topics else "these topics"
        console.print(f"wrote {out}: {mail.rendered.subject}\nfor {whose}: {found or 'nothing new'}")
    if request.show and out is not None:
        webbrowser.open(out.resolve().as_uri())
    return _print_score(mail) if request.score else DONE


def _print_score(mail: Mail) -> int:
    """Print the score card of a mail, beside the preview where that goes to the terminal."""
    checks = check_message(mail.message)
    wrong = [check for check in checks if check.wrong]
    for check in checks:
        complain(f"{'no ' if check.wrong else 'yes'} {check.item:2} {check.what} {check.wrong}")
    complain(f"{len(checks) - len(wrong)} of {len(checks)} passed; docs/inbox.md explains each check")
    return DONE_WITH_FAILURES if wrong else DONE


async def _preview_everybody(
    request: PreviewRequest,
    readers: Sequence[Subscriber],
    digests: DigestBuilder,
    mails: MailBuilder,
    newsletter: Newsletter,
) -> int:
    """Write every reader's digest, one after the other, and an index of them."""
    assert request.everybody is not None
    folder = request.everybody
    previews = []
    failed = 0
    with counting_progress("rendering", len(readers)) as advance:
        for reader in readers:
            mail = await preview_reader(reader, digests, mails, newsletter.ledger.reads, newsletter.clock)
            wrong = (
                tuple(check for check in check_message(mail.message) if check.wrong) if request.score else ()
            )
            failed += bool(wrong)
            previews.append(save_preview(reader, mail, wrong, folder))
            advance()
    pictures = request.pictures and take_pictures(folder, previews)
    index = write_index(
        folder, newsletter.identity.name, previews, has_pictures=pictures, is_checked=request.score
    )
    table = Table("reader", "slot (UTC)", "entries#", "bytes#", "subject…")
    for preview in previews:
        slot = f"{preview.slot_at:%Y-%m-%d %H:%M}"
        table.add_row(preview.address, slot, str(preview.entries), str(preview.size), preview.subject)
    show_table(table)
    console.print(f"wrote {len(previews)} previews to {folder}; {index} shows them all")
    if request.pictures and not pictures:
        console.print("no screenshots: Chromium is not installed", style="yellow")
    if request.show:
        webbrowser.open(index.resolve().as_uri())
    if failed:
        console.print(f"{failed} of them fail a check; the index shows which", style="red")
    return DONE_WITH_FAILURES if failed else DONE


def parse_clock(text: str) -> Clock:
    """Return a clock that stands at an ISO instant (UTC where it names no zone); the real one for an empty text."""
    if not text:
        return SystemClock()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is not a time like 2026-06-16T20:00Z"
        raise ConfigError([Problem(message, steps=("--at",))]) from error
    return FixedClock(at if at.tzinfo else at.replace(tzinfo=UTC))


@asynccontextmanager
async def _open_for_preview(config: Config, clock: Clock, *, fresh: bool) -> AsyncIterator[Newsletter]:
    """Open the operator's database, or with ``fresh`` one in memory with all the sources collected into it."""
    if not fresh:
        if config.database_file is not None and not config.database_file.exists():
            message = "nothing is collected yet: run 'newsletter collect', or preview with --fresh"
            raise ConfigError([Problem(message, file=str(config.database_file))])
        async with open_newsletter(config, clock=clock) as newsletter:
            yield newsletter
        return
    async with open_newsletter(config, clock=clock, database_url="sqlite:///:memory:") as newsletter:
        report = await newsletter.collector.collect()
        # The terminal may be the preview's own way out; what failed goes beside it.
        for record in report.records:
            if record.message:
                complain(f"{record.source}: {record.state}: {record.message}")
        if all(record.state is FetchState.FAILED for record in report.records):
            raise FetchError("no source could be read; there is nothing to preview")
        yield newsletter


async def _choose_preview_reader(newsletter: Newsletter, request: PreviewRequest) -> Subscriber:
    """Return whom to preview: with --topic a trial reader of those; else the reader named, or the first one;
    where there are no readers yet, a trial reader of the configured topics."""
    if request.topics:
        read = require_topics(request.topics, newsletter.library, "--topic")
        show_doubts(read)
        topics_json = read.topics_json
    else:
        readers = await load_readers(newsletter)
        if request.address or readers or not newsletter.config.topics:
            return pick_reader(readers, request.address)
        topics_json = to_json(list(newsletter.config.topics))
    trial = make_trial_reader(topics_json, newsletter.config.everything_else)
    return await start_window(trial, newsletter.entries, newsletter.clock.now())


async def load_page(newsletter: Newsletter, after: str, limit: int) -> tuple[Sequence[Subscriber], bool]:
    """Return the readers whose addresses follow ``after``, at most so many, and whether there are more."""
    found = await newsletter.subscribers.load_page(address_key(after), limit + 1)
    return found[:limit], len(found) > limit


async def load_readers(newsletter: Newsletter) -> list[Subscriber]:
    """Return everybody as they are in the store with subscribers.yaml laid over them, by address; writes nothing."""
    readers = {address_key(reader.address): reader for reader in await newsletter.subscribers.load_all()}
    if newsletter.config.subscribers_path is not None and newsletter.config.subscribers_path.exists():
        chosen = await newsletter.file.choose()
        readers |= {address_key(reader.address): reader for reader in (*chosen.save, *chosen.dropped)}
    mailed = (reader for reader in readers.values() if reader.consent is Consent.CONFIRMED)
    return sorted(mailed, key=lambda reader: reader.address)


def pick_reader(readers: Sequence[Subscriber], whose: str) -> Subscriber:
    """Return one reader by address, the first one for an empty text. Raises ConfigError where there is none."""
    if not whose:
        if not readers:
            raise ConfigError(
                [Problem("there are no subscribers yet: fill in subscribers.yaml, or give --topic")]
            )
        return readers[0]
    address = parse_address(whose)
    for reader in readers:
        if is_same_address(reader.address, address):
            return reader
    raise ConfigError(
        [Problem(f"{address} is not a confirmed subscriber; see 'newsletter subscribers list'")]
    )


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
        for edition, lateness in health.lateness.items():
            if edition in counts:
                console.print(f"{edition} after the slot: {lateness}")
        contradictions = await newsletter.ledger.audit.find_contradictions(CHECKED_EDITIONS)
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


async def _show_missed(newsletter: Newsletter, counts: Mapping[str, LedgerCounts], limit: int) -> None:
    """Show who has no mail, of the newest edition first, who will have none before who still may."""
    missed = Table("reader", "edition", "state", "attempts#", "why…")
    for edition in counts:
        for states in (_MISSED, PENDING):
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
    table = Table("reader", "consent", "next due (UTC)")
    for reader in readers:
        is_suppressed = reader.address in suppressed
        consent = word_consent(reader, is_suppressed=is_suppressed)
        table.add_row(reader.address, consent, word_next(reader, is_suppressed=is_suppressed))
    show_table(table)
