"""The order of entries inside a topic. Every order is total: ties end in the canonical key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from math import exp, inf, isfinite

from newsletter.model import Entry, EntryId, Match, Rank, Standing

# G(h): the share of a paper's final votes to expect h hours after its page day began, fitted to 580
# archived Daily Papers days (medians .41 at 8 h, .72 at 24 h, .85 at 72 h).
_SCALE_H = 23
_SHAPE = 0.6
_LEAST_SHARE = 0.25  # below it the first few votes would be blown up

Matched = tuple[Entry, Match | None]
"""An entry and why it is in a topic; None for an entry that no topic asked for."""


def projected_votes(upvotes: int, hours: float) -> float:
    """Return how many votes an entry is on course for: (u + 1) / max(.25, 1 - exp(-(h / 23) ** .6)).

    hours count from the beginning of its page day; less than 0 counts as 0.
    """
    share = 1 - exp(-((max(0.0, hours) / _SCALE_H) ** _SHAPE))
    return (upvotes + 1) / max(_LEAST_SHARE, share)


def page_day_hours(listed_on: date, now: datetime) -> float:
    """Return the hours from 00:00 UTC of a page day to now, 0 where it lies ahead."""
    began_at = datetime.combine(listed_on, time(), UTC)
    return max(0.0, (now - began_at).total_seconds() / 3600)


def rank_entries(entries: Sequence[Matched], rank: Rank, now: datetime) -> list[Matched]:
    """Return the entries in the order of a topic, whatever order they came in.

    trending: the most projected votes, then more comments, then newer. Entries without votes follow, the
    stronger match first, then newer.
    match: the stronger match, then trending. newest: newer, then trending. votes: the most votes, then more
    comments, then newer; entries without votes follow as in trending. now is aware UTC.
    """

    def order(matched: Matched) -> tuple[float | str, ...]:
        entry, match = matched
        trending = _trending_order(entry, match, now)
        if rank is Rank.MATCH:
            return (-_strength(match), *trending)
        if rank is Rank.NEWEST:
            return (*_newest_order(entry), *trending)
        if rank is Rank.VOTES and entry.upvotes is not None:
            return (0, -entry.upvotes, *trending[2:])
        return trending

    return sorted(entries, key=order)


def stand_entries(entries: Iterable[Entry], now: datetime) -> dict[EntryId, Standing]:
    """Return how each entry that has votes stands among all of them, by id, the first place first.

    A standing's projected is the number of final votes to expect, never below the votes it has now.
    """
    voted: list[Matched] = [(entry, None) for entry in entries if entry.upvotes is not None]
    standings: dict[EntryId, Standing] = {}
    for place, (entry, _) in enumerate(rank_entries(voted, Rank.TRENDING, now), start=1):
        upvotes = entry.upvotes or 0
        hours = _age_hours(entry, now)
        # The formula's + 1 is there to order papers without a vote; nobody has cast it.
        projected = max(upvotes, round(projected_votes(upvotes, hours)) - 1)
        age_hours = int(hours) if isfinite(hours) else 0
        standings[entry.id] = Standing(projected, place, len(voted), age_hours)
    return standings


def _age_hours(entry: Entry, now: datetime) -> float:
    """Return the hours since an entry's page day began; infinite where it has no date at all."""
    listed_on = dated_on(entry)
    return inf if listed_on is None else page_day_hours(listed_on, now)


def _trending_order(entry: Entry, match: Match | None, now: datetime) -> tuple[float | str, ...]:
    if entry.upvotes is None:
        first: tuple[float, ...] = (1, -_strength(match), 0)
    else:
        # Rounded, so that the last bit of a platform's exp() cannot change the order.
        projected = round(projected_votes(entry.upvotes, _age_hours(entry, now)), 6)
        first = (0, -projected, -(entry.comments or 0))
    return (*first, *_newest_order(entry), entry.key)


def _newest_order(entry: Entry) -> tuple[float, float]:
    listed_on = dated_on(entry)
    published_at = entry.published_at
    return (
        -listed_on.toordinal() if listed_on else 0,
        -published_at.timestamp() if published_at else 0,
    )


def dated_on(entry: Entry) -> date | None:
    """Return the date of an entry: of its listing, else of its publication (UTC), else None."""
    if entry.listed_on is not None:
        return entry.listed_on
    return entry.published_at.astimezone(UTC).date() if entry.published_at else None


def _strength(match: Match | None) -> float:
    return round(match.strength, 6) if match else 0
