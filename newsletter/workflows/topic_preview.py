"""What topics would have brought in the last days, for many visitors at once.

The entries of these days are loaded and folded once for each run; what a topic finds is remembered. One thread does
the work, so that pages that need none of it go on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TypeVar

import structlog

from newsletter.compose.choice import first_entries
from newsletter.compose.digest import build_card, build_reason
from newsletter.errors import StoreError
from newsletter.match.acronyms import learn_acronyms
from newsletter.match.haystack import Haystack, to_bits
from newsletter.match.rank import build_scale, dated_on, order_by_votes, rank_entries
from newsletter.match.similarity import LexicalSimilarity
from newsletter.match.trial import NearMiss, find_near_misses, keep_matches
from newsletter.match.words import FoldedEntry, fold_entry, text_of
from newsletter.model import Entry, EntryId, Item, Match, Topic, Window
from newsletter.ports import Clock, EntryStore
from newsletter.workflows.liked_papers import build_interest, find_named, load_papers
from newsletter.workflows.suggest_topics import Suggestion, suggest_topics

DAYS = 7
SHOWN = 5
"""So many papers of a topic are shown; the others are counted."""

MISSED = 5
"""So many near misses of a topic are found."""

_MOST_ENTRIES = 5000  # folded, they take 100 MB
_MOST_COMPARED = 3000
_MOST_RANKED = 40
_MOST_REMEMBERED = 1000
_MOST_MEASURED = 100
_LOOK_AGAIN_S = 5.0

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TopicPreview:
    """What one topic would have brought: how many entries, and the best of them with why. hits has a bit for each."""

    topic: Topic
    hits: int
    shown: tuple[Item, ...]

    @property
    def count(self) -> int:
        return self.hits.bit_count()


@dataclass(frozen=True, slots=True)
class Preview:
    """What some topics would have brought together in the last DAYS days. A paper of several topics counts once.

    looked_at is how many entries there were.
    """

    topics: tuple[TopicPreview, ...]
    looked_at: int

    @property
    def count(self) -> int:
        hits = 0
        for one in self.topics:
            hits |= one.hits
        return hits.bit_count()

    @property
    def per_day(self) -> float:
        return self.count / DAYS


class _Shelf:
    """The entries of the last days as one run left them, and what topics found in them. Used by one thread."""

    def __init__(
        self, entries: Sequence[Entry], before: _Shelf | None, library: Mapping[str, Topic], now: datetime
    ):
        self.now = now
        self.entries = sorted(
            (entry for entry in entries if not entry.withdrawn),
            key=lambda entry: (dated_on(entry) or date.min, entry.id),
            reverse=True,
        )[:_MOST_ENTRIES]
        known: Mapping[EntryId, FoldedEntry] = before.folded if before else {}
        self.folded: dict[EntryId, FoldedEntry] = {
            entry.id: _fold_again(entry, known.get(entry.id)) for entry in self.entries
        }
        # Numbered by their votes, so that the first of a set are its best.
        self.by_votes = order_by_votes(self.entries, now)
        self.number_of = {entry.id: number for number, entry in enumerate(self.by_votes)}
        self.haystack = Haystack(
            [self.folded[entry.id] for entry in self.by_votes], learn_acronyms(map(text_of, self.entries))
        )
        self.scale = build_scale(self.entries, now)
        self.results: OrderedDict[Topic, TopicPreview] = OrderedDict()
        self.missed: OrderedDict[Topic, tuple[NearMiss, ...]] = OrderedDict()
        self._similarity: LexicalSimilarity | None = None
        self._measured = 0
        self.suggestions = suggest_topics(self.entries, library, lambda topic: self.find(topic, {}).hits)

    def find(self, topic: Topic, papers: Mapping[str, Entry]) -> TopicPreview:
        """Return what a topic finds."""
        named = _without_name(topic)
        known = self.results.get(named)
        if known is None:
            known = self.results[named] = self._find(topic, papers)
            if len(self.results) > _MOST_REMEMBERED:
                self.results.popitem(last=False)
        return replace(known, topic=topic)

    def _find(self, topic: Topic, papers: Mapping[str, Entry]) -> TopicPreview:
        hits = self.haystack.find(topic.query)
        if topic.min_upvotes:
            enough = (number for number, entry in enumerate(self.by_votes) if _has_votes(topic, entry))
            hits &= to_bits(enough, len(self.by_votes))
        interest = build_interest(topic, papers)
        if interest is None:
            # Many may be found, and few are shown: only the best by votes are looked at closely.
            kept = self._match(topic, first_entries(hits, _MOST_RANKED))
        else:
            found = self._match(topic, first_entries(hits, len(self.by_votes)))
            near = self._compare(papers, found).measure(interest, [entry.key for entry, _ in found])
            kept = keep_matches(topic, found, near)
            hits = to_bits((self.number_of[entry.id] for entry, _ in kept), len(self.by_votes))
        best = rank_entries(kept, topic.rank, self.now, self.scale)[:SHOWN]
        return TopicPreview(topic, hits, tuple(_build_item(entry, match, topic) for entry, match, _ in best))

    def _match(self, topic: Topic, numbers: Iterable[int]) -> list[tuple[Entry, Match]]:
        matches = ((number, self.haystack.match(topic.query, number)) for number in numbers)
        return [(self.by_votes[number], match) for number, match in matches if match is not None]

    def find_missed(self, topic: Topic) -> tuple[NearMiss, ...]:
        """Return what one rule alone kept out of a topic, the newest first, at most MISSED."""
        named = _without_name(topic)
        known = self.missed.get(named)
        if known is None:
            found = find_near_misses(topic, self.folded.values(), self.haystack.acronyms)
            known = self.missed[named] = tuple(islice(found, MISSED))
            if len(self.missed) > _MOST_REMEMBERED:
                self.missed.popitem(last=False)
        return known

    def _compare(
        self, papers: Mapping[str, Entry], found: Sequence[tuple[Entry, Match]]
    ) -> LexicalSimilarity:
        """Return the similarity over the newest entries, which knows these, too."""
        self._measured += 1
        if self._similarity is None or self._measured > _MOST_MEASURED:
            # It remembers every description that it measured, so from time to time it begins anew.
            self._measured = 0
            self._similarity = LexicalSimilarity(list(self.folded.values())[:_MOST_COMPARED])
        for entry, _ in found:
            self._similarity.add(self.folded[entry.id])
        for entry in papers.values():
            self._similarity.add(fold_entry(entry))
        return self._similarity


def _has_votes(topic: Topic, entry: Entry) -> bool:
    return entry.upvotes is None or entry.upvotes >= topic.min_upvotes


def _fold_again(entry: Entry, known: FoldedEntry | None) -> FoldedEntry:
    """Return an entry folded; where only its numbers have changed, with the fields as they were folded before."""
    if known is not None and _texts_of(known.entry) == _texts_of(entry):
        return FoldedEntry(entry, known.fields)
    return fold_entry(entry)


def _texts_of(entry: Entry) -> Entry:
    return replace(entry, upvotes=None, comments=None, code_stars=None)


def _without_name(topic: Topic) -> Topic:
    """Return a topic by what it finds: its name counts only beside a description."""
    return topic if topic.about else replace(topic, name="", weight=1.0)


def _build_item(entry: Entry, match: Match, topic: Topic) -> Item:
    reason = build_reason(entry, match, topic.min_upvotes, None, Window(0, entry.first_seen_run), date.min)
    return Item(entry.id, build_card(entry), reason)


class TopicPreviews:
    """Previews over the newest run, shared by all visitors."""

    def __init__(self, entries: EntryStore, library: Mapping[str, Topic], clock: Clock) -> None:
        self._entries = entries
        self._library = library
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="previews")
        self._loading = asyncio.Lock()
        self._shelf: _Shelf | None = None
        self._stand: tuple[int, date] | None = None
        self._looked_at = 0.0
        self._filling: asyncio.Task[None] | None = None

    async def preview(self, topics: Sequence[Topic]) -> Preview:
        """Return what these topics would have brought. Raises StoreError."""
        shelf = await self._open_shelf()
        papers = await load_papers(find_named(topics), self._entries)
        found = []
        for topic in topics:
            # One topic at a time, so that a visitor with twenty waits and not all the others.
            known = None if papers else shelf.results.get(_without_name(topic))
            found.append(
                replace(known, topic=topic)
                if known
                else await self._run(lambda topic=topic: shelf.find(topic, papers))  # type: ignore[misc]
            )
        return Preview(tuple(found), len(shelf.entries))

    async def find_missed(self, topics: Sequence[Topic]) -> list[tuple[NearMiss, ...]]:
        """Return of each of these topics what one rule alone kept out of it. Raises StoreError."""
        shelf = await self._open_shelf()
        return [await self._run(lambda topic=topic: shelf.find_missed(topic)) for topic in topics]  # type: ignore[misc]

    async def suggest(self) -> tuple[Suggestion, ...]:
        """Return the topics to suggest, with how many entries of the last DAYS days each finds. Raises StoreError."""
        return (await self._open_shelf()).suggestions

    async def _open_shelf(self) -> _Shelf:
        """Return the shelf of the newest run; while a new one is filled, the one before."""
        loop = asyncio.get_running_loop()
        shelf = self._shelf
        if shelf is None:
            async with self._loading:
                shelf = self._shelf or await self._fill(await self._look())
                self._looked_at = loop.time()
                return shelf
        if loop.time() - self._looked_at >= _LOOK_AGAIN_S:
            self._looked_at = loop.time()
            stand = await self._look()
            if stand != self._stand and (self._filling is None or self._filling.done()):
                self._filling = asyncio.create_task(self._refill(stand))
        return shelf

    async def _look(self) -> tuple[int, date]:
        return await self._entries.newest_run(), self._clock.now().astimezone(UTC).date()

    async def _refill(self, stand: tuple[int, date]) -> None:
        try:
            await self._fill(stand)
        except StoreError as error:
            log.warning("previews stay as they were", error=str(error))

    async def _fill(self, stand: tuple[int, date]) -> _Shelf:
        first = datetime.combine(stand[1] - timedelta(days=DAYS - 1), time(), UTC)
        loaded, before, now = await self._entries.load_since(first), self._shelf, self._clock.now()
        # Not in the thread of the previews, which go on meanwhile.
        shelf = await asyncio.to_thread(_Shelf, loaded, before, self._library, now)
        self._shelf, self._stand = shelf, stand
        return shelf

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
