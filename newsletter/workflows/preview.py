"""Preview: the very mails that would go out, without touching any state.

I/O: reads the stores, writes files where it is told to. A fresh preview collects into a store in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.compose.slots import next_slot, previous_slot
from newsletter.compose.snapshot import dump_notice
from newsletter.deliver.message import write_mailto
from newsletter.files import FOLDER_MODE, write_private
from newsletter.match.topics import parse_topics
from newsletter.model.ledger import Delivery, DeliveryId, Kind, State
from newsletter.model.mail import Fact, Identity, Notice
from newsletter.model.readers import Cadence, EmailAddress, Slot, Subscriber
from newsletter.render.language import load_language
from newsletter.render.notices import (
    write_alert,
    write_changed,
    write_confirm,
    write_goodbye,
    write_leave_link,
    write_login,
)

if TYPE_CHECKING:
    from newsletter.deliver.scorecard import Check
    from newsletter.model.topics import Topic
    from newsletter.ports import Clock
    from newsletter.storage.ledger.reads import LedgerReads
    from newsletter.workflows.build_mail import DigestMail, Mail, MailBuilder
    from newsletter.workflows.compose_digests import DigestBuilder

MAILS = (Kind.DIGEST, Kind.CONFIRM, Kind.CHANGED, Kind.GOODBYE, Kind.LEAVE_LINK, Kind.ALERT, Kind.LOGIN)
"""What can be previewed."""

_INSTANT = timedelta(microseconds=1)

FORMATS: Mapping[str, str] = {"html": "html", "text": "txt", "eml": "eml"}
"""The formats of a preview, each with the ending of its files."""


def make_trial_reader(topics_json: str, everything_else: int) -> Subscriber:
    """Return a reader who does not exist: for trying topics out. Daily at 07:00 UTC."""
    return Subscriber(
        address=EmailAddress("reader@example.org"),
        cadence=Cadence(days=frozenset(range(7)), at=time(7), zone="UTC"),
        topics_json=topics_json,
        everything_else=everything_else,
    )


def choose_preview_slot(reader: Subscriber, clock: Clock) -> Slot:
    """Return the slot that is previewed: the one that comes next, or the one that is due already."""
    now = clock.now()
    if reader.next_due_at and reader.next_due_at <= now:
        return previous_slot(reader.cadence, now + _INSTANT)
    return next_slot(reader.cadence, now)


async def preview_reader(
    reader: Subscriber,
    digests: DigestBuilder,
    mails: MailBuilder,
    reads: LedgerReads,
    clock: Clock,
    to: EmailAddress | None = None,
) -> DigestMail:
    """Return the mail that this reader would get next; with ``to`` as a test mail to that address."""
    await digests.prepare([reader])
    shown = await reads.load_shown([reader.id], digests.oldest_entry)
    digest = await digests.build(reader, choose_preview_slot(reader, clock), shown[reader.id])
    if to is not None:
        return mails.build_test(digest, reader, to, clock.now())
    return mails.build(digest, reader)


def preview_notice(
    kind: Kind,
    reader: Subscriber,
    mails: MailBuilder,
    identity: Identity,
    library: Mapping[str, Topic],
    clock: Clock,
) -> Mail:
    """Return a mail that is no digest as this reader would get it, with made-up facts where it needs some."""
    language, now = reader.language or identity.language, clock.now()
    queued = Delivery(
        id=DeliveryId(0),
        kind=kind,
        key="preview",
        recipient=reader.id,
        state=State.QUEUED,
        slot_at=now,
        expires_at=now,
        content_json=dump_notice(_write_sample(kind, reader, identity, library, now), language),
    )
    return mails.build_notice(queued, reader)


def _write_sample(
    kind: Kind, reader: Subscriber, identity: Identity, library: Mapping[str, Topic], now: datetime
) -> Notice:
    lang = load_language(reader.language or identity.language)
    link = write_mailto(identity.leave_address, kind)
    match kind:
        case Kind.CONFIRM:
            return write_confirm(lang, identity, reader.address, link)
        case Kind.CHANGED:
            topics = [topic.name for topic in parse_topics(reader.topics_json, library)]
            return write_changed(lang, identity, reader, topics)
        case Kind.GOODBYE:
            return write_goodbye(lang, identity, link)
        case Kind.LEAVE_LINK:
            return write_leave_link(lang, identity, link)
        case Kind.LOGIN:
            return write_login(lang, identity, link, 15, "203.0.113.0/24")
        case _:
            facts = (
                Fact("Edition", f"{now:%Y-%m-%d}"),
                Fact("Last reply", "451 4.3.0 try again later"),
            )
            advice = ("The relay deferred them; they are retried until the next digest is due.",)
            return write_alert(lang, identity, "3 of 120 mails were not accepted", facts, advice)


def choose_preview_bytes(mail: Mail, form: str) -> bytes:
    """Return one part of a mail, or with ``eml`` all of it, as bytes."""
    match form:
        case "html":
            return mail.rendered.html.encode()
        case "text":
            return mail.rendered.text.encode()
        case _:
            return mail.message


@dataclass(frozen=True, slots=True)
class MailPreview:
    """What an index says of one mail that was written. name is that of its files, without their ending."""

    name: str
    address: EmailAddress
    slot_at: datetime
    entries: int
    size: int
    subject: str
    wrong: tuple[Check, ...] = ()


def save_preview(reader: Subscriber, mail: DigestMail, wrong: tuple[Check, ...], folder: Path) -> MailPreview:
    """Write HTML, text and message of a reader's mail into a folder. wrong are the checks that it fails."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for form, ending in FORMATS.items():
        write_private(folder / f"{reader.address}.{ending}", choose_preview_bytes(mail, form))
    return MailPreview(
        name=reader.address,
        address=reader.address,
        slot_at=mail.digest.slot.at,
        entries=mail.digest.entry_count,
        size=len(mail.message),
        subject=mail.rendered.subject,
        wrong=wrong,
    )
