"""What a kind of sources is: how it is asked, how its answers are read, and what may be expected of it.

Everything here is pure. ``collect.registry`` lists the kinds; docs/sources.md shows how one is added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.model.sources import Fetched, ParsedFeed, Request, Source

if TYPE_CHECKING:
    from newsletter.errors import SourceError


def ask_once(source: Source, now: datetime) -> tuple[Request, ...]:
    """Return the one request of a kind whose location is all there is to ask."""
    return (Request(source.location),)


def end_here(source: Source, request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    """Return None: one answer is the whole listing."""
    return None


def go_on(first: Request, stopped_at: str) -> Request:
    """Return the first request of a look at a harvest: it goes on where the last one stopped."""
    return replace(first, location=stopped_at)


def never_quiet(day: date) -> bool:
    """Return False: entries may come on any day."""
    return False


def without_batches(now: datetime) -> date | None:
    """Return None: entries come one by one."""
    return None


@dataclass(frozen=True, slots=True)
class Fallback:
    """Another way to what a listing has, where it cannot be read.

    choose: what is asked instead of a request that failed with this error, at this time; nothing where that would not
    help. called: what is read then, for the note of the look. rest: how long the source is left alone after that.
    """

    choose: Callable[[Source, Request, SourceError, datetime], tuple[Request, ...]]
    called: str
    rest: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class SourceKind:
    """How one kind of source is asked and read.

    parse: one answer → its sightings, or FeedError. requests: the first requests of one look.
    next_request: what follows an answer, None at the end; seen are the guids of the earlier pages of the
    same listing. fallback: another way to the same listing, where a request failed. resume: the first request of a
    harvest and the address at which the last look stopped → where this one begins. rest: how long a source is left
    alone after a look at which nothing failed, where it may not be asked as often as others.
    is_quiet: whether nothing is listed on that date as a rule (a weekend). batch_due: of a source that lists
    in batches, the date of the newest one that must be out by then.
    is_feed: whether the source decides what it lists, so that all it ever wrote may come at once (``collect.dam``).
    What may be configured of a kind is in ``collect.options``.
    """

    name: str
    parse: Callable[[Fetched, Source, Request], ParsedFeed]
    requests: Callable[[Source, datetime], tuple[Request, ...]] = ask_once
    next_request: Callable[[Source, Request, ParsedFeed, frozenset[str]], Request | None] = end_here
    fallback: Fallback | None = None
    resume: Callable[[Request, str], Request] = go_on
    rest: timedelta = timedelta()
    is_quiet: Callable[[date], bool] = never_quiet
    batch_due: Callable[[datetime], date | None] = without_batches
    is_feed: bool = False
