"""The command preview: the mail that would go out next, or everybody's."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.cli.arguments import parse_clock
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.cli.index import take_pictures, write_index
from newsletter.cli.progress import counting_progress
from newsletter.cli.readers import find_first, load_readers, pick_mailed
from newsletter.cli.show import (
    complain,
    console,
    show_doubts,
    show_table,
)
from newsletter.cli.table import Table
from newsletter.deliver.scorecard import check_message
from newsletter.errors import ConfigError, FetchError, Problem
from newsletter.files import write_private
from newsletter.model.ledger import Kind
from newsletter.model.sources import FetchState
from newsletter.settings.topic_lines import require_topics
from newsletter.stored_json import to_json
from newsletter.wiring import Newsletter, open_newsletter
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from newsletter.model.readers import Subscriber
    from newsletter.ports import Clock
    from newsletter.settings.config import Config
    from newsletter.workflows.build_mail import Mail, MailBuilder
    from newsletter.workflows.compose_digests import DigestBuilder


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
        if request.address or not newsletter.config.topics:
            return await pick_mailed(newsletter, request.address)
        first = await find_first(newsletter)
        if first is not None:
            return first
        topics_json = to_json(list(newsletter.config.topics))
    trial = make_trial_reader(topics_json, newsletter.config.everything_else)
    return await start_window(trial, newsletter.entries, newsletter.clock.now())
