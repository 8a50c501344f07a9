"""Compose readers' digests from what the store knows.

A digest is composed when its delivery is claimed, so that preview, send and retry are one path, and consent,
suppression and topics are fresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from newsletter.compose.digest import compose_digest
from newsletter.compose.slots import previous_slot
from newsletter.compose.window import choose_window
from newsletter.errors import QueryError
from newsletter.match.corpus import HISTORY, Corpus
from newsletter.match.rank import Matched, order_by_votes, stand_entries
from newsletter.match.similarity import find_named
from newsletter.match.topics import parse_topics
from newsletter.model.digest import Digest, Shown, Window
from newsletter.model.entries import Entry, EntryId
from newsletter.model.readers import Slot, Subscriber
from newsletter.model.topics import Match, Query, Topic, TopicMatches, VoteRank
from newsletter.storage import EntryStore
from newsletter.workflows.liked_papers import load_papers

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
    is evaluated once per entry, and each description is measured once, however many readers have it."""

    def __init__(
        self, entries: EntryStore, library: Mapping[str, Topic], newest_run: int, now: datetime
    ) -> None:
        self.newest_run = newest_run
        self._entries = entries
        self._library = library
        self._now = now
        self._corpus: Corpus | None = None
        self._known: dict[EntryId, Entry] = {}
        self._matches: dict[Query, _QueryMatches] = {}
        self._loaded: dict[_Load, tuple[Entry, ...]] = {}
        self._found: dict[tuple[int, _Load], TopicMatches] = {}
        """By the identity of the topic, which its matches keep alive: hashing a topic costs more than the rest."""
        self._parsed: dict[str, tuple[Topic, ...]] = {}
        """The topics of those readers that were prepared last."""
        self._stood: dict[_Load, tuple[Sequence[Entry], Mapping[EntryId, VoteRank]]] = {}
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
            fresh = (topic.query for topic in topics if (id(topic), load) not in self._found)
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
        window = choose_window(reader, self.newest_run)
        topics = self._parsed.get(reader.topics_json) or parse_topics(reader.topics_json, self._library)
        load = self._choose_load(reader, topics)
        entries = await self._load(load)
        corpus = await self._open_corpus()
        await self._load_named(topics)
        found = [self._find_once(corpus, topic, load, entries) for topic in topics]
        new, vote_ranks = self._stand(window, load, entries)
        return compose_digest(
            slot=slot,
            window=window,
            found=found,
            everything_else=_leave_out_matched(new, found) if reader.everything_else else (),
            everything_else_limit=reader.everything_else,
            vote_ranks=vote_ranks,
            compare=corpus.compare,
            shown=shown,
            previous_on=previous_slot(reader.cadence, slot.at).local_on,
            now=self._now,
        )

    def _stand(
        self, window: Window, load: _Load, entries: Sequence[Entry]
    ) -> tuple[Sequence[Entry], Mapping[EntryId, VoteRank]]:
        """Return the new ones of these entries, ordered by votes, and how they stand, once for all readers of a
        window."""
        if load not in self._stood:
            new = [entry for entry in entries if entry.first_seen_run > window.after_run]
            self._stood[load] = order_by_votes(new, self._now), stand_entries(new, self._now)
        return self._stood[load]

    def _find_once(self, corpus: Corpus, topic: Topic, load: _Load, entries: Sequence[Entry]) -> TopicMatches:
        """Return what a topic finds, once for all readers who have it. A described one may learn more with each
        reader whose papers are looked up, so it is found anew."""
        known = None if topic.is_described else self._found.get((id(topic), load))
        if known is None:
            known = corpus.find(topic, self._match(corpus, topic, entries), self._papers)
            if not topic.is_described:
                if len(self._found) >= _MOST_FOUND:
                    self._found.clear()
                self._found[id(topic), load] = known
        return known

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
            after_run, wait = load
            since = self._now - wait if wait else None
            window = Window(after_run, max(after_run, self.newest_run))
            self._loaded[load] = self._share(await self._entries.load_entries(window, since))
        return self._loaded[load]

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


def _leave_out_matched(entries: Sequence[Entry], found: Sequence[TopicMatches]) -> list[Entry]:
    """Return the entries that the words of no topic match."""
    matched = {
        candidate.entry.id
        for matches in found
        if not matches.topic.is_described
        for candidate in matches.ranked
    }
    return [entry for entry in entries if entry.id not in matched]
