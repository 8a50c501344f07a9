"""The entries of one window, and what each topic may bring of them: worked out once for all readers who have it.

Entries have numbers here, and sets of them are integers, bit n for the entry number n (``compose/choice.py``). What a
reader calls a topic plays no part in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from newsletter.compose.choice import first_entries
from newsletter.compose.diversity import Comparison, diversify
from newsletter.compose.item import build_item
from newsletter.model.digest import Item, Section, Window
from newsletter.model.topics import Candidate, Match, Rank, Topic, TopicMatches, VoteRank

if TYPE_CHECKING:
    from newsletter.model.entries import Entry, EntryId, EntryKey
    from newsletter.model.pictures import PictureFile

# The other two orders are what the reader asked for to the letter.
_DIVERSE = frozenset({Rank.TRENDING, Rank.MATCH})


def choose_entries(entries: Sequence[Entry], window: Window) -> list[Entry]:
    """Return the entries that are new in a window: first seen in it, not withdrawn."""
    return [
        entry
        for entry in entries
        if window.after_run < entry.first_seen_run <= window.upto_run and not entry.withdrawn
    ]


def may_enter(topic: Topic, entry: Entry, window: Window, now: datetime) -> bool:
    """Decide whether a matching entry may enter this digest under the topic's min_upvotes and wait.

    A new entry enters when it has the votes, or when its source has none. An entry of an earlier
    window enters only if it had to wait for votes, has them now, and the wait is not over. What is withdrawn
    never enters.
    """
    if entry.withdrawn:
        return False
    has_votes = topic.has_votes(entry.upvotes)
    if window.after_run < entry.first_seen_run <= window.upto_run:
        return has_votes
    waited = topic.min_upvotes > 0 and entry.upvotes is not None and topic.wait > timedelta()
    return (
        waited
        and has_votes
        and 0 < entry.first_seen_run <= window.after_run
        and entry.first_seen_at is not None
        and now - entry.first_seen_at <= topic.wait
    )


class Offer:
    """What a topic may bring into a digest: candidates in the topic's order, and the set of their entries.

    claims are these entries by what the topic would give for them, its weight times the strength of the match. matched
    are all entries that the topic's words match, so that none of them is "everything else"; of a topic without words
    there are none. Equal only to itself, so that what is made of it can be remembered.
    """

    __slots__ = ("candidates", "claims", "entries", "matched", "topic")

    def __init__(
        self,
        topic: Topic,
        candidates: Sequence[Candidate],
        claims: Mapping[float, int],
        matched: int,
    ) -> None:
        self.topic = topic
        self.candidates = candidates
        self.claims = tuple(claims.items())
        self.matched = matched
        self.entries = 0
        for entries in claims.values():
            self.entries |= entries


class Pool:
    """The entries of one window at one moment. new are those that came in it, in the order in which everything else is
    shown; pictures are those that entries have."""

    def __init__(
        self,
        window: Window,
        new: Sequence[Entry],
        vote_ranks: Mapping[EntryId, VoteRank],
        compare: Comparison,
        now: datetime,
        pictures: Mapping[EntryKey, PictureFile] = MappingProxyType({}),
    ) -> None:
        self.window = window
        self._new = choose_entries(new, window)
        self._vote_ranks = vote_ranks
        self._compare = compare
        self._now = now
        self._pictures = pictures
        self._numbers = {entry.id: number for number, entry in enumerate(self._new)}
        self._choose = lru_cache(maxsize=8192)(self._choose_items)
        self.fill = lru_cache(maxsize=16_384)(self._fill)
        self._rest = lru_cache(maxsize=1024)(self._build_rest)

    def choose_known(self, entries: Iterable[EntryId]) -> int:
        """Return the set of those of these entries that a digest of this pool could have."""
        numbers = self._numbers
        known = 0
        for entry in entries:
            if entry in numbers:
                known |= 1 << numbers[entry]
        return known

    def offer(self, matches: TopicMatches) -> Offer:
        """Return what a topic may bring, of all that it matches."""
        topic = matches.topic
        matched = 0
        if not topic.is_described:
            for candidate in matches.ranked:
                matched |= self._bit(candidate.entry)
        candidates = [one for one in matches.ranked if may_enter(topic, one.entry, self.window, self._now)]
        return self._offer(topic, candidates, matched)

    def leave_out(self, offer: Offer, shown: int) -> Offer:
        """Return an offer without the set of what a reader was shown before: nearly always the same one."""
        if not shown or not any(self._bit(one.entry) & shown for one in offer.candidates):
            return offer
        left = [one for one in offer.candidates if not self._bit(one.entry) & shown]
        return self._offer(offer.topic, left, offer.matched)

    def _offer(self, topic: Topic, candidates: Sequence[Candidate], matched: int) -> Offer:
        """Of a described topic only the best ``limit`` count."""
        claims: dict[float, int] = {}
        for entry, match, _ in candidates[: topic.limit] if topic.is_described else candidates:
            value = round(topic.weight * match.strength, 9)
            claims[value] = claims.get(value, 0) | self._bit(entry)
        return Offer(topic, candidates, claims, matched)

    def _bit(self, entry: Entry) -> int:
        return 1 << self._numbers.setdefault(entry.id, len(self._numbers))

    def _fill(
        self, name: str, offer: Offer, entries: int, previous_on: date, also: tuple[tuple[str, int], ...] = ()
    ) -> Section:
        """Return the section of a topic that gets these entries of its offer. Remembered, so that equal sections are
        one object, and what is made of it later is found again by identity. also are topics without a section that
        some of these entries fit, too."""
        items, overflow, overflow_url = self._choose(offer, entries, previous_on)
        if also:
            items = tuple([self._add_topics(item, also) for item in items])
        return Section(name, items, overflow, overflow_url)

    def _add_topics(self, item: Item, also: tuple[tuple[str, int], ...]) -> Item:
        number = self._numbers[item.entry_id]
        names = tuple([name for name, entries in also if entries >> number & 1])
        return Item(item.entry_id, item.card, item.reason, names) if names else item

    def _choose_items(
        self, offer: Offer, entries: int, previous_on: date
    ) -> tuple[tuple[Item, ...], tuple[EntryId, ...], str]:
        """Return the items of a section, what exceeds its limit, and where that can be read."""
        topic = offer.topic
        mine = [one for one in offer.candidates if entries >> self._numbers[one.entry.id] & 1]
        if topic.rank in _DIVERSE:
            mine = diversify(mine, self._compare, topic.limit)
        items = tuple(
            self._build(entry, match, topic.min_upvotes, previous_on)
            for entry, match, _ in mine[: topic.limit]
        )
        over = [candidate.entry for candidate in mine[topic.limit :]]
        url = next((entry.listing_url for entry in over if entry.listing_url), "")
        return items, tuple(entry.id for entry in over), url

    def fill_rest(self, known: int, limit: int, previous_on: date) -> tuple[Section, ...]:
        """Return the section of the best new entries that are not known, none where there are no others."""
        chosen = tuple(first_entries((1 << len(self._new)) - 1 & ~known, limit))
        return (self._rest(chosen, previous_on),) if chosen else ()

    def _build_rest(self, chosen: tuple[int, ...], previous_on: date) -> Section:
        return Section("", tuple(self._build(self._new[number], None, 0, previous_on) for number in chosen))

    def _build(self, entry: Entry, match: Match | None, min_upvotes: int, previous_on: date) -> Item:
        vote_rank = self._vote_ranks.get(entry.id)
        picture = self._pictures.get(entry.key)
        return build_item(entry, match, min_upvotes, vote_rank, self.window, previous_on, picture)
