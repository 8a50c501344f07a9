"""The order of entries inside a topic. Every order is total: ties end in the canonical key."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from math import exp, inf, isfinite

from newsletter.model.entries import Entry, EntryId
from newsletter.model.topics import Candidate, Match, Rank, VoteRank

# G(h): the share of a paper's final votes to expect h hours after its page day began, fitted to 580
# archived Daily Papers days (medians .41 at 8 h, .72 at 24 h, .85 at 72 h).
_SCALE_H = 23
_SHAPE = 0.6
_LEAST_SHARE = 0.25  # below it the first few votes would be blown up

_MATCH_PART, _VOTES_PART = 0.55, 0.45
_AVERAGE = 0.5

Matched = tuple[Entry, Match]
"""An entry and why it is in a topic."""


# --- votes --------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class VoteScale:
    """What votes are worth in each source: the projected votes of its entries of the last 30 days, ascending.

    is_mixed: some of these entries have votes and others none, so votes alone cannot order them.
    """

    by_source: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    is_mixed: bool = False

    def find_percentile(self, entry: Entry, now: datetime) -> float:
        """Return the part of the source's entries that the votes of an entry exceed, equal ones by half: 0 to 1.

        Of several sources the one that knows most votes counts. Where there is nothing to compare with, and
        for an entry without votes, it is .5: a source that counts no votes says nothing against its entries.
        """
        known = max((self.by_source.get(source, ()) for source in sorted(entry.sources)), key=len, default=())
        if entry.upvotes is None or not known:
            return _AVERAGE
        votes = _project(entry, now)
        return (bisect_left(known, votes) + bisect_right(known, votes)) / (2 * len(known))


def build_scale(history: Iterable[Entry], now: datetime) -> VoteScale:
    """Return the scale of the entries of the last 30 days, in any order. What no source has listed does not count."""
    by_source: dict[str, list[float]] = {}
    counted = {True: 0, False: 0}
    for entry in (entry for entry in history if entry.sources):
        counted[entry.upvotes is not None] += 1
        if entry.upvotes is not None:
            for source in entry.sources:
                by_source.setdefault(source, []).append(_project(entry, now))
    return VoteScale(
        {source: tuple(sorted(votes)) for source, votes in by_source.items()}, all(counted.values())
    )


def _project(entry: Entry, now: datetime) -> float:
    # Rounded, so that the last bit of a platform's exp() cannot change an order.
    return round(projected_votes(entry.upvotes or 0, _age_hours(entry, now)), 6)


# --- orders -------------------------------------------------------------------------------

_NO_SCALE = VoteScale()


def rank_entries(
    entries: Sequence[Matched], rank: Rank, now: datetime, scale: VoteScale = _NO_SCALE
) -> list[Candidate]:
    """Return the entries in the order of a topic, whatever order they came in, each with its score.

    trending: the most projected votes, then more comments, then newer; entries without votes follow, the stronger
    match first, then newer. Where entries with and without votes compete, or a description or liked papers say how
    near each is, .55 match + .45 percentile of the votes decides first (docs/decisions/0002).
    match: the stronger match, then trending. newest: newer, then trending. votes: the most votes, then more
    comments, then newer; entries without votes follow as in trending. now is aware UTC.
    """
    has_likeness = any(match.likeness for _, match in entries)
    blends = rank is Rank.TRENDING and (scale.is_mixed or has_likeness)

    def score(entry: Entry, match: Match) -> float:
        if rank is Rank.MATCH:
            return _strength(match)
        percentile = scale.find_percentile(entry, now)
        return round(_MATCH_PART * match.strength + _VOTES_PART * percentile, 6) if blends else percentile

    def order(candidate: Candidate) -> tuple[float | str, ...]:
        entry, match, score = candidate
        trending = _trending_order(entry, match, now)
        if rank is Rank.MATCH or blends:
            return (-score, *trending)
        if rank is Rank.NEWEST:
            return (*_newest_order(entry), *trending)
        if rank is Rank.VOTES and entry.upvotes is not None:
            return (0, -entry.upvotes, *trending[2:])
        return trending

    return sorted((Candidate(entry, match, score(entry, match)) for entry, match in entries), key=order)


def stand_entries(entries: Iterable[Entry], now: datetime) -> dict[EntryId, VoteRank]:
    """Return how each entry that has votes stands among all of them, by id, the first place first.

    A standing's projected is the number of final votes to expect, never below the votes it has now.
    """
    voted = order_by_votes([entry for entry in entries if entry.upvotes is not None], now)
    vote_ranks: dict[EntryId, VoteRank] = {}
    for place, entry in enumerate(voted, start=1):
        upvotes = entry.upvotes or 0
        hours = _age_hours(entry, now)
        # The formula's + 1 is there to order papers without a vote; nobody has cast it.
        projected = max(upvotes, round(projected_votes(upvotes, hours)) - 1)
        age_hours = int(hours) if isfinite(hours) else 0
        vote_ranks[entry.id] = VoteRank(projected, place, len(voted), age_hours)
    return vote_ranks


def order_by_votes(entries: Iterable[Entry], now: datetime) -> list[Entry]:
    """Return entries in the trending order of those that no topic asked for: by their projected votes alone."""
    return sorted(entries, key=lambda entry: _trending_order(entry, UNMATCHED, now))


UNMATCHED = Match((), 0.0)
"""The match of an entry that no topic asked for."""


def _age_hours(entry: Entry, now: datetime) -> float:
    """Return the hours since an entry's page day began; infinite where it has no date at all."""
    listed_on = dated_on(entry)
    return inf if listed_on is None else page_day_hours(listed_on, now)


def _trending_order(entry: Entry, match: Match, now: datetime) -> tuple[float | str, ...]:
    if entry.upvotes is None:
        first: tuple[float, ...] = (1, -_strength(match), 0)
    else:
        first = (0, -_project(entry, now), -(entry.comments or 0))
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


def _strength(match: Match) -> float:
    return round(match.strength, 6)
