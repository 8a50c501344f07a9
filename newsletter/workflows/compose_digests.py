"""Compose readers' digests from what the store knows.

A digest is composed when its delivery is claimed, so that preview, send and retry are one path, and consent,
suppression and topics are fresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.compose.digest import Wanted, compose_digest
from newsletter.compose.pool import Offer, Pool
from newsletter.compose.slots import previous_slot
from newsletter.compose.window import choose_window
from newsletter.errors import QueryError
from newsletter.match.corpus import HISTORY, Corpus
from newsletter.match.rank import Matched, order_by_votes, stand_entries
from newsletter.match.similarity import find_named
from newsletter.match.topics import parse_topics
from newsletter.model.digest import Digest, Shown, Window
from newsletter.model.entries import Entry, EntryId
from newsletter.workflows.liked_papers import load_papers

if TYPE_CHECKING:
    from newsletter.model.readers import Slot, Subscriber
    from newsletter.model.topics import Match, Query, Topic
    from newsletter.storage import EntryStore, PictureStore

_MOST_FOUND = 20_000  # so many topics, and queries, are remembered with what they find

_Load = tuple[int, timedelta]
"""After which run, and how long entries may have waited."""


@dataclass(slots=True)
class _QueryMatches:
    """What a query has found so far, and the entries that were looked at: those of a load, in one set for all its
    queries, and single ones besides."""

    looked_at: frozenset[EntryId] = frozenset()
    besides: set[EntryId] = field(default_factory=set)
    matches: dict[EntryId, Match] = field(default_factory=dict)


class DigestBuilder:
    """Composes digests, sharing what readers have in common: entries are loaded and folded once, each distinct query
    is evaluated once per entry, and each description is measured once, however many readers have it.

    pictures are those that a mail may show, None where it cannot show any."""

    def __init__(
        self,
        entries: EntryStore,
        library: Mapping[str, Topic],
        newest_run: int,
        now: datetime,
        pictures: PictureStore | None = None,
    ) -> None:
        self.newest_run = newest_run
        self._entries = entries
        self._pictures = pictures
        self._library = library
        self._now = now
        self._corpus: Corpus | None = None
        self._known: dict[EntryId, Entry] = {}
        self._matches: dict[Query, _QueryMatches] = {}
        self._loaded: dict[_Load, tuple[Entry, ...]] = {}
        self._offers: dict[tuple[int, _Load], tuple[Topic, Offer]] = {}
        """By the identity of the topic, which is kept alive here: hashing a topic costs more than the rest."""
        self._nameless: dict[tuple[Topic, _Load], Offer] = {}
        self._parsed: dict[str, tuple[Topic, ...]] = {}
        """The topics of those readers that were prepared last."""
        self._pools: dict[_Load, Pool] = {}
        self._papers: dict[str, Entry] = {}
        self._asked_for: set[str] = set()

    async def prepare(self, readers: Iterable[Subscriber]) -> None:
        """Match the topics of many readers at once, so that their digests cost little afterwards."""
        wanted: dict[_Load, dict[Query, None]] = {}
        self._parsed.clear()
        if len(self._matches) >= _MOST_FOUND:
            self._matches.clear()
        for reader in readers:
            try:
                topics = parse_topics(reader.topics_json, self._library)
            except QueryError:
                continue  # told when this reader's digest is built, and nobody else's suffers
            self._parsed[reader.topics_json] = topics
            await self._load_named(topics)
            load = self._choose_load(reader, topics)
            queries = wanted.setdefault(load, {})
            fresh = (topic.query for topic in topics if (id(topic), load) not in self._offers)
            queries |= dict.fromkeys(query for query in fresh if query not in self._matches)
        corpus = await self._open_corpus()
        for load, queries in wanted.items():
            entries = await self._load(load)
            looked_at = frozenset(entry.id for entry in entries)
            for query, matches in corpus.match_many(queries, entries).items() if queries else ():
                self._matches[query] = _QueryMatches(looked_at, matches=matches)

    @property
    def oldest_entry(self) -> EntryId:
        """The lowest id of the entries that were loaded so far: no digest of these readers shows an older one."""
        return min(self._known, default=EntryId(0))

    async def build(self, reader: Subscriber, slot: Slot, shown: Shown) -> Digest:
        """Return the reader's digest. shown is what this reader was shown before."""
        topics = self._parsed.get(reader.topics_json) or parse_topics(reader.topics_json, self._library)
        load = self._choose_load(reader, topics)
        entries = await self._load(load)
        corpus = await self._open_corpus()
        await self._load_named(topics)
        pool = await self._open_pool(corpus, load, entries)
        return compose_digest(
            pool,
            [Wanted(topic.name, self._offer_once(pool, corpus, topic, load, entries)) for topic in topics],
            slot=slot,
            everything_else=reader.everything_else,
            shown=shown,
            previous_on=previous_slot(reader.cadence, slot.at).local_on,
        )

    async def _open_pool(self, corpus: Corpus, load: _Load, entries: Sequence[Entry]) -> Pool:
        """Return what the digests of a window are composed of, made once for all its readers."""
        if load not in self._pools:
            window = self._window_of(load)
            new = [entry for entry in entries if entry.first_seen_run > window.after_run]
            ordered, vote_ranks = order_by_votes(new, self._now), stand_entries(new, self._now)
            pictures = await self._pictures.find([entry.key for entry in entries]) if self._pictures else {}
            self._pools[load] = Pool(window, ordered, vote_ranks, corpus.compare, self._now, pictures)
        return self._pools[load]

    def _offer_once(
        self, pool: Pool, corpus: Corpus, topic: Topic, load: _Load, entries: Sequence[Entry]
    ) -> Offer:
        """Return what a topic may bring, once for all readers who ask for the same, by whatever name. A described one
        may learn more with each reader whose papers are looked up, so it is found anew."""
        known = self._offers.get((id(topic), load))
        if known is not None:
            return known[1]

        def find() -> Offer:
            return pool.offer(corpus.find(topic, self._match(corpus, topic, entries), self._papers))

        if topic.is_described:
            return find()
        # The name of a described topic is a part of what it asks for.
        nameless = (topic if topic.about else replace(topic, name=""), load)
        if max(len(self._offers), len(self._nameless)) >= _MOST_FOUND:
            self._offers.clear()
            self._nameless.clear()
        offer = self._nameless[nameless] = self._nameless.get(nameless) or find()
        self._offers[id(topic), load] = topic, offer
        return offer

    def _match(self, corpus: Corpus, topic: Topic, entries: Sequence[Entry]) -> list[Matched]:
        """Return those of the entries that a topic's words match."""
        known = self._matches.setdefault(topic.query, _QueryMatches())
        for entry in entries:
            if entry.id not in known.looked_at and entry.id not in known.besides:
                corpus.remember(entry)
                match = corpus.match(topic.query, entry)
                known.besides.add(entry.id)
                if match:
                    known.matches[entry.id] = match
        return [(entry, known.matches[entry.id]) for entry in entries if entry.id in known.matches]

    async def find_topics(self, reader: Subscriber, entry: Entry) -> list[Topic]:
        """Return the reader's topics that an entry fits, in the reader's order; votes do not count here, nor does
        whether it is among the best of a described topic."""
        topics = parse_topics(reader.topics_json, self._library)
        corpus = await self._open_corpus()
        await self._load_named(topics)
        matched = {topic: self._match(corpus, topic, [entry]) for topic in topics}
        return [topic for topic, found in matched.items() if corpus.choose(topic, found, self._papers)]

    async def find_obstacles(self, reader: Subscriber, entry: Entry) -> list[str]:
        """Return ``topic (rule)`` for each of the reader's topics that one rule alone kept the entry out of."""
        corpus = await self._open_corpus()
        topics = parse_topics(reader.topics_json, self._library)
        found = ((topic, corpus.find_obstacle(topic, entry)) for topic in topics)
        return [f"{topic.name} ({why})" for topic, why in found if why]

    def _choose_load(self, reader: Subscriber, topics: Sequence[Topic]) -> _Load:
        """Return which entries a reader needs: of the window, and those that may wait for votes since before it."""
        wait = max((topic.wait for topic in topics), default=timedelta())
        return choose_window(reader, self.newest_run).after_run, wait

    async def _load(self, load: _Load) -> tuple[Entry, ...]:
        if load not in self._loaded:
            _, wait = load
            since = self._now - wait if wait else None
            self._loaded[load] = self._share(await self._entries.load_entries(self._window_of(load), since))
        return self._loaded[load]

    def _window_of(self, load: _Load) -> Window:
        after_run, _ = load
        return Window(after_run, max(after_run, self.newest_run))

    def _share(self, loaded: Sequence[Entry]) -> tuple[Entry, ...]:
        """Return one object per entry: what is known of it is shared between windows."""
        return tuple(self._known.setdefault(entry.id, entry) for entry in loaded)

    async def _open_corpus(self) -> Corpus:
        if self._corpus is None:
            history = self._share(await self._entries.load_since(self._now - HISTORY))
            self._corpus = Corpus(history, self._now)
        return self._corpus

    async def _load_named(self, topics: Sequence[Topic]) -> None:
        """Load the papers that these topics name."""
        named = find_named(topics) - self._asked_for
        if named:
            self._papers |= await load_papers(named, self._entries)
            self._asked_for |= named
