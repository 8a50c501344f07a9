"""What became of one entry for one reader, or why it did not reach them: the rules of composing, told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.model.ledger import COUNTED, PENDING, EntryDelivery
from newsletter.model.readers import Consent, EmailAddress, Subscriber

if TYPE_CHECKING:
    from newsletter.model.digest import Digest
    from newsletter.model.entries import Entry
    from newsletter.model.topics import Topic


class DispositionKind(StrEnum):
    """The ways in which an entry can meet a reader, or miss them."""

    SENT = "sent"
    OVER_LIMIT = "over a limit"
    COMING = "coming"
    WAITING = "waiting for votes"
    TOO_FEW_VOTES = "too few votes"
    NO_TOPIC = "fits no topic"
    NOT_BEST = "below the topic's limit"
    OLD = "not new"
    PASSED = "before the reader's window"
    WITHDRAWN = "withdrawn"
    NOT_MAILED = "reader receives no mail"


@dataclass(frozen=True, slots=True)
class Disposition:
    """What became of an entry for the reader with this address. why is one sentence without a full stop."""

    kind: DispositionKind
    address: EmailAddress
    why: str


def choose_disposition(
    entry: Entry,
    reader: Subscriber,
    *,
    deliveries: Sequence[EntryDelivery],
    suppressed: str,
    matched: Sequence[Topic],
    obstacles: Sequence[str],
    digest: Digest,
    now: datetime,
) -> Disposition:
    """Decide what became of an entry for a reader.

    deliveries are the reader's digests that have it, the newest first. suppressed is why the address gets no
    mail, empty where it does. matched are the reader's topics that the entry fits; obstacles name the one rule
    that kept it out of each topic that it just misses. digest is the reader's next one, as it would be composed now.
    """

    def disposition(kind: DispositionKind, why: str) -> Disposition:
        return Disposition(kind, reader.address, why)

    if last := next((row for row in deliveries if row.state in COUNTED | PENDING), None):
        where = f"digest of {last.edition}, {_topic(last.topic)}: {last.state}"
        if last.shown:
            return disposition(DispositionKind.SENT, where)
        return disposition(
            DispositionKind.OVER_LIMIT, f"{where}; counted there as one over the topic's limit"
        )
    if reader.consent is not Consent.CONFIRMED:
        return disposition(DispositionKind.NOT_MAILED, f"the reader is {reader.consent}")
    if suppressed:
        return disposition(DispositionKind.NOT_MAILED, f"the address is suppressed: {suppressed}")
    if entry.withdrawn:
        return disposition(DispositionKind.WITHDRAWN, "it was withdrawn before it was sent")
    if coming := _find_coming(entry, digest):
        return disposition(DispositionKind.COMING, coming)
    if not entry.first_seen_run:
        return disposition(
            DispositionKind.OLD,
            "it was listed before the first poll of its source, or is a new version of an old paper",
        )
    if not matched:
        missed = f"; near miss: {', '.join(obstacles)}" if obstacles else ""
        return disposition(DispositionKind.NO_TOPIC, f"none of the reader's topics matches it{missed}")
    return _explain_absence(entry, reader, matched, digest, now)


def _find_coming(entry: Entry, digest: Digest) -> str:
    """Return where a digest has an entry, empty where it has not."""
    for section in digest.sections:
        where = f"in the next digest, due {digest.slot.at:%Y-%m-%d %H:%M} UTC, {_topic(section.topic)}"
        if any(item.entry_id == entry.id for item in section.items):
            return where
        if entry.id in section.overflow:
            return f"{where}, over the topic's limit, so it will only be counted"
    return ""


def _explain_absence(
    entry: Entry, reader: Subscriber, matched: Sequence[Topic], digest: Digest, now: datetime
) -> Disposition:
    """Tell why an entry that fits a topic is not in the next digest: it lacks votes, others are nearer to a
    description, or its turn is over."""
    votes = entry.upvotes
    is_new = entry.first_seen_run > digest.window.after_run
    for topic in matched:
        if topic.has_votes(votes):
            continue
        asked = f"it has {votes} votes, topic {topic.name} requires {topic.min_upvotes}"
        until = (entry.first_seen_at or now) + topic.wait
        if topic.wait > timedelta() and now <= until:
            return Disposition(
                DispositionKind.WAITING, reader.address, f"{asked}; it waits until {until:%Y-%m-%d %H:%M} UTC"
            )
        if topic.wait > timedelta() and not is_new:
            return Disposition(
                DispositionKind.TOO_FEW_VOTES, reader.address, f"{asked}, and its wait is over"
            )
        return Disposition(DispositionKind.TOO_FEW_VOTES, reader.address, asked)
    described = next((topic for topic in matched if topic.is_described), None)
    if described and is_new:
        why = f"it is similar to {described.name}, but below its top {described.limit}"
        return Disposition(DispositionKind.NOT_BEST, reader.address, why)
    topics = ", ".join(topic.name for topic in matched)
    return Disposition(
        DispositionKind.PASSED,
        reader.address,
        f"it fits {topics} now, but it was seen before this reader's window began: they joined later, or the topic, "
        "or what is known of it, changed after the digest that covered it",
    )


def _topic(name: str) -> str:
    return f"under {name}" if name else "under everything else"
