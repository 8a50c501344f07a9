"""Preview: the very mails that would go out, without touching any state.

I/O: reads the stores, writes files where it is told to. A fresh preview collects into a store in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from pathlib import Path

from newsletter.compose.slots import next_slot, previous_slot
from newsletter.model import Cadence, EmailAddress, Slot, Subscriber
from newsletter.ports import Clock, DeliveryStore
from newsletter.workflows.build_edition import DigestBuilder
from newsletter.workflows.build_mail import Mail, MailBuilder

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
    deliveries: DeliveryStore,
    clock: Clock,
    to: EmailAddress | None = None,
) -> Mail:
    """Return the mail that this reader would get next; addressed to ``to``, where somebody else tries it."""
    shown = await deliveries.load_shown([reader.id])
    digest = await digests.build(reader, choose_preview_slot(reader, clock), shown[reader.id])
    return mails.build(digest, reader, to or reader.address)


def choose_preview_bytes(mail: Mail, form: str) -> bytes:
    """Return one part of a mail, or with ``eml`` all of it, as bytes."""
    match form:
        case "html":
            return mail.rendered.html.encode()
        case "text":
            return mail.rendered.text.encode()
        case _:
            return mail.message


def save_previews(mails: Sequence[tuple[Subscriber, Mail]], folder: Path) -> list[Path]:
    """Write HTML, text and message of each reader's mail into a folder; return the HTML files in order."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for reader, mail in mails:
        for form, ending in FORMATS.items():
            path = folder / f"{reader.address}.{ending}"
            path.write_bytes(choose_preview_bytes(mail, form))
            if form == "html":
                pages.append(path)
    return pages
