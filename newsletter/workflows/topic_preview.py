"""What topics would have brought in the last days, for many visitors at once.

The entries of these days are loaded and folded once for each run; what a topic finds is remembered. A few threads do
the work, so that one visitor does not hold up the next, and each has a budget: what was cut short says so.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from newsletter.compose.item import build_card, build_reason
from newsletter.errors import BudgetError, StoreError
from newsletter.logs import log
from newsletter.match.budget import UNBOUNDED, Budget
from newsletter.match.corpus import Corpus, Selection
from newsletter.match.rank import dated_on
from newsletter.match.similarity import build_interest, find_named
from newsletter.model.digest import Item, Window
from newsletter.workflows.liked_papers import load_papers
from newsletter.workflows.suggest_topics import Suggestion, suggest_topics

if TYPE_CHECKING:
    from newsletter.match.near_misses import NearMiss
    from newsletter.model.entries import Entry
    from newsletter.model.topics import Match, Topic
    from newsletter.storage import EntryStore
    from newsletter.workflows.newest_corpus import NewestCorpus, Stand

DAYS = 7
SHOWN = 5
"""So many papers of a topic are shown; the others are counted."""

MISSED = 5
"""So many near misses of a topic are found."""

_MOST_ENTRIES = 5000  # folded, they take 100 MB
_MOST_RANKED = 40
_MOST_REMEMBERED = 1000
_LOOK_AGAIN_S = 5.0
_AT_ONCE = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TopicPreview:
    """What one topic would have brought: how many entries, and the best of them with why. hits has a bit for each.

    is_cut: trying it cost too much, so what it finds is not known.
    """

    topic: Topic
    hits: int
    shown: tuple[Item, ...]
    is_cut: bool = False

    @property
    def count(self) -> int:
        return self.hits.bit_count()


@dataclass(frozen=True, slots=True)
class TopicsPreview:
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

    @property
    def is_cut(self) -> bool:
        """Whether what some of the topics find is not known."""
        return any(one.is_cut for one in self.topics)


class _Shelf:
    """The entries of the last days as one run left them, and what topics found in them."""

    def __init__(self, corpus: Corpus, entries: Sequence[Entry], library: Mapping[str, Topic]) -> None:
        newest = sorted(entries, key=lambda entry: (dated_on(entry) or date.min, entry.id), reverse=True)
        kept = [entry for entry in newest if not entry.withdrawn][:_MOST_ENTRIES]
        self.selection = Selection(corpus, kept)
        self._results: OrderedDict[Topic, TopicPreview] = OrderedDict()
        self._missed: OrderedDict[Topic, tuple[NearMiss, ...]] = OrderedDict()
        self.suggestions = suggest_topics(kept, library, lambda topic: self.find(topic, {}, UNBOUNDED).hits)

    def known(self, topic: Topic) -> TopicPreview | None:
        """Return what a topic finds, if it is known already."""
        known = self._results.get(_without_name(topic))
        return known and replace(known, topic=topic)

    def find(self, topic: Topic, papers: Mapping[str, Entry], budget: Budget) -> TopicPreview:
        """Return what a topic finds. Raises BudgetError."""
        known = self.known(topic)
        if known is None:
            # Many may be found, and few are shown: only the best by votes are looked at closely.
            found = self.selection.find(topic, papers, budget, most=_MOST_RANKED)
            best = self.selection.corpus.rank(topic, found.matched)[:SHOWN]
            shown = tuple(_build_item(entry, match, topic) for entry, match, _ in best)
            known = _keep(self._results, topic, TopicPreview(topic, found.hits, shown))
        return known

    def find_missed(self, topic: Topic, budget: Budget) -> tuple[NearMiss, ...]:
        """Return what one rule alone kept out of a topic, the newest first, at most MISSED. Raises BudgetError."""
        known = self._missed.get(_without_name(topic))
        if known is None:
            found = self.selection.find_near_misses(topic, budget)
            known = _keep(self._missed, topic, tuple(islice(found, MISSED)))
        return known


def _keep(results: OrderedDict[Topic, T], topic: Topic, result: T) -> T:
    """Remember what was found for a topic, the oldest forgotten first."""
    results[_without_name(topic)] = result
    if len(results) > _MOST_REMEMBERED:
        results.popitem(last=False)
    return result


def _without_name(topic: Topic) -> Topic:
    """Return a topic by what it finds: its name counts only beside a description."""
    return topic if topic.about else replace(topic, name="", weight=1.0)


def _build_item(entry: Entry, match: Match, topic: Topic) -> Item:
    reason = build_reason(entry, match, topic.min_upvotes, None, Window(0, entry.first_seen_run), date.min)
    return Item(entry.id, build_card(entry), reason)


def _spend(budget: Budget, work: Callable[[], T]) -> T:
    with budget.counted():
        return work()


class TopicPreviews:
    """Previews over the newest run, shared by all visitors."""

    def __init__(self, corpora: NewestCorpus, entries: EntryStore, library: Mapping[str, Topic]) -> None:
        self._corpora = corpora
        self._entries = entries
        self._library = library
        self._thread = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="previews")
        self._loading = asyncio.Lock()
        self._shelf: _Shelf | None = None
        self._stand: Stand | None = None
        self._looked_at = 0.0
        self._filling: asyncio.Task[None] | None = None

    async def preview(self, topics: Sequence[Topic], budget: Budget) -> TopicsPreview:
        """Return what these topics would have brought, as far as the budget goes. Raises StoreError."""
        shelf = await self._open_shelf()
        papers = await load_papers(find_named(topics), self._entries)
        found: list[TopicPreview] = []
        for topic in topics:
            # One topic at a time, so that a visitor with twenty waits and not all the others.
            known = None if papers else shelf.known(topic)
            found.append(known if known else await self._find(shelf, topic, papers, budget))
        return TopicsPreview(tuple(found), len(shelf.selection.entries))

    async def _find(
        self, shelf: _Shelf, topic: Topic, papers: Mapping[str, Entry], budget: Budget
    ) -> TopicPreview:
        try:
            budget.check()
            if build_interest(topic, papers) is not None:
                await self._run(shelf.selection.corpus.learn_likeness)
            return await self._run(partial(_spend, budget, partial(shelf.find, topic, papers, budget)))
        except BudgetError:
            return TopicPreview(topic, 0, (), is_cut=True)

    async def find_missed(self, topics: Sequence[Topic], budget: Budget) -> list[tuple[NearMiss, ...] | None]:
        """Return of each of these topics what one rule alone kept out of it, None where the budget was over.

        Raises StoreError.
        """
        shelf = await self._open_shelf()
        return [await self._find_missed(shelf, topic, budget) for topic in topics]

    async def _find_missed(self, shelf: _Shelf, topic: Topic, budget: Budget) -> tuple[NearMiss, ...] | None:
        try:
            return await self._run(partial(_spend, budget, partial(shelf.find_missed, topic, budget)))
        except BudgetError:
            return None

    async def find_all(self, topic: Topic) -> Sequence[Entry]:
        """Return the papers that a topic finds, in any order. Raises StoreError."""
        shelf = await self._open_shelf()
        papers = await load_papers(find_named([topic]), self._entries)
        found = await self._run(partial(shelf.selection.find, topic, papers))
        return [entry for entry, _ in found.matched]

    async def suggest(self) -> tuple[Suggestion, ...]:
        """Return the topics to suggest, with how many entries of the last DAYS days each finds. Raises StoreError."""
        return (await self._open_shelf()).suggestions

    async def _open_shelf(self) -> _Shelf:
        """Return the shelf of the newest run; while a new one is filled, the one before."""
        loop = asyncio.get_running_loop()
        shelf = self._shelf
        if shelf is None:
            async with self._loading:
                shelf = self._shelf or await self._fill(await self._corpora.look())
                self._looked_at = loop.time()
                return shelf
        if loop.time() - self._looked_at >= _LOOK_AGAIN_S:
            self._looked_at = loop.time()
            stand = await self._corpora.look()
            if stand != self._stand and (self._filling is None or self._filling.done()):
                self._filling = asyncio.create_task(self._refill(stand))
        return shelf

    async def _refill(self, stand: Stand) -> None:
        try:
            await self._fill(stand)
        except StoreError as error:
            log.warning("previews are not updated", error=str(error))

    async def _fill(self, stand: Stand) -> _Shelf:
        first = datetime.combine(stand[1] - timedelta(days=DAYS - 1), time(), UTC)
        corpus, loaded = await self._corpora.open(), await self._entries.load_since(first)
        # Not in the thread of the previews, which go on meanwhile.
        shelf = await asyncio.to_thread(_Shelf, corpus, loaded, self._library)
        self._shelf, self._stand = shelf, stand
        return shelf

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
