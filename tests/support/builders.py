"""Values for tests: each builder states only what matters to the test that calls it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.model.mail import Identity
from newsletter.model.readers import Cadence, Consent, EmailAddress, Subscriber, SubscriberId
from newsletter.model.topics import AllOf, Hit, Match, Scope, Topic

DAY = date(2026, 6, 16)
"""A Tuesday."""


def at(text: str) -> datetime:
    """An instant in UTC: ``at("2026-06-16 07:00")``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def make_entry(
    number: int = 1,
    *,
    title: str = "A paper",
    first_seen_run: int = 1,
    upvotes: int | None = None,
    listed_on: date | None = DAY,
    first_seen_at: datetime | None = None,
    listing_url: str = "",
    summary: str = "It does something new.",
) -> Entry:
    return Entry(
        key=EntryKey(f"arxiv:2606.{number:05}"),
        title=title,
        summary=summary,
        authors=("Ada Example",),
        url=f"https://example.org/{number}",
        upvotes=upvotes,
        comments=None if upvotes is None else 1,
        listed_on=listed_on,
        published_at=at("2026-06-15 12:00"),
        listing_url=listing_url,
        id=EntryId(number),
        first_seen_run=first_seen_run,
        first_seen_at=first_seen_at or at("2026-06-16 06:00"),
    )


def make_topic(
    name: str = "RAG",
    *,
    limit: int = 10,
    weight: float = 1.0,
    min_upvotes: int = 0,
    wait: timedelta = timedelta(),
) -> Topic:
    return Topic(name=name, query=AllOf(()), limit=limit, weight=weight, min_upvotes=min_upvotes, wait=wait)


def make_match(*, in_title: bool = True, rule: str = "RAG") -> Match:
    scope = Scope.TITLE if in_title else Scope.ABSTRACT
    return Match(hits=(Hit(rule, scope, 0, len(rule)),), strength=1.0 if in_title else 0.7)


def make_cadence(
    zone: str = "UTC", hour: str = "07:00", days: frozenset[int] = frozenset(range(7))
) -> Cadence:
    return Cadence(days=days, at=time.fromisoformat(hour), zone=zone)


def make_subscriber(
    address: str = "ada@example.org",
    *,
    number: int = 0,
    cadence: Cadence | None = None,
    topics_json: str = '["RAG"]',
    counted_run: int = 0,
    next_due_at: datetime | None = None,
    everything_else: int = 0,
    consent: Consent = Consent.CONFIRMED,
    file_owned: bool = True,
) -> Subscriber:
    return Subscriber(
        address=EmailAddress(address),
        cadence=cadence or make_cadence(),
        topics_json=topics_json,
        name="Ada",
        everything_else=everything_else,
        consent=consent,
        id=SubscriberId(number),
        counted_run=counted_run,
        next_due_at=next_due_at,
        file_owned=file_owned,
    )


def make_identity() -> Identity:
    address = EmailAddress("digest@news.example.org")
    return Identity(
        name="Trending Papers",
        id="papers",
        from_name="Trending Papers",
        from_address=address,
        leave_address=address,
        bounce_address=address,
    )
