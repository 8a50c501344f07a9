"""Build: decide who is due, and compose one reader's digest from what the store knows.

Planning writes intents only. The digest itself is composed when its delivery is claimed, so that
preview, send and retry are one path, and consent, suppression and topics are fresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from newsletter.compose.digest import compose_digest
from newsletter.compose.slots import choose_plan, choose_plan_for_date, previous_slot, realign
from newsletter.compose.window import choose_window
from newsletter.errors import QueryError
from newsletter.match.acronyms import learn_acronyms, shipped_acronyms
from newsletter.match.index import QueryIndex
from newsletter.match.matcher import match_topic
from newsletter.match.rank import VoteScale, build_scale, order_by_votes, rank_entries, stand_entries
from newsletter.match.similarity import LexicalSimilarity, Similarity, weigh_match
from newsletter.match.topics import parse_topics
from newsletter.match.trial import find_obstacle
from newsletter.match.words import FoldedEntry, fold_entry, text_of
from newsletter.model import (
    Consent,
    Digest,
    Entry,
    EntryId,
    Match,
    PlanResult,
    Query,
    Shown,
    Slot,
    Standing,
    Subscriber,
    SubscriberId,
    Topic,
    TopicMatches,
    Window,
)
from newsletter.ports import DeliveryStore, EntryStore, SubscriberStore
from newsletter.workflows.liked_papers import build_interest, find_named, load_papers

_BATCH = 500
_MOST_COMPARED = 3000
_MOST_FOUND = 20_000  # so many topics, and queries, are remembered with what they find
HISTORY = timedelta(days=30)

_Load = tuple[int, timedelta]
"""After which run, and how long entries may have waited."""


@dataclass(frozen=True, slots=True)
class PlanReport:
    """How many readers got a queued digest, how many slots were skipped, and how many readers must wait."""

    planned: int = 0
    skipped: int = 0
    busy: int = 0


async def plan_due(
    subscribers: SubscriberStore,
    deliveries: DeliveryStore,
    now: datetime,
    catch_up: timedelta,
    spread: timedelta = timedelta(),
) -> PlanReport:
    """Queue a digest for every reader whose next_due_at has come. Two of these at once harm nobody."""
    planned = skipped = 0
    waiting: set[int] = set()
    while True:
        # Readers that must wait stay due; reading past them keeps them from hiding the others.
        due = await subscribers.load_due(now, _BATCH + len(waiting))
        fresh = [reader for reader in due if reader.id not in waiting]
        if not fresh:
            return PlanReport(planned, skipped, len(waiting))
        plans = [(reader, choose_plan(reader, now, catch_up, spread)) for reader in fresh]
        for (reader, plan), result in zip(plans, await deliveries.plan(plans, now), strict=True):
            if result is PlanResult.PLANNED:
                planned += plan.slot is not None
                skipped += len(plan.skipped)
            else:
                waiting.add(reader.id)


async def realign_schedule(subscribers: SubscriberStore, now: datetime) -> int:
    """Move the coming slots of readers whose zone has got other rules; return how many were moved."""
    moved = 0
    last = SubscriberId(0)
    while readers := await subscribers.load_after(last, _BATCH):
        last = readers[-1].id
        changes = []
        for reader in readers:
            due_at = reader.next_due_at
            if due_at is not None and due_at > now and (right := realign(reader.cadence, due_at)) != due_at:
                changes.append((reader.id, due_at, right))
        moved += await subscribers.move_due(changes)
    return moved


async def plan_date(
    subscribers: SubscriberStore,
    deliveries: DeliveryStore,
    local_on: date,
    now: datetime,
    catch_up: timedelta,
) -> PlanReport:
    """Queue one date's digest now for every confirmed reader who has a slot on it and no row for it yet."""
    planned = busy = 0
    last = SubscriberId(0)
    while readers := await subscribers.load_after(last, _BATCH):
        last = readers[-1].id
        chosen = [
            (reader, choose_plan_for_date(reader, local_on, now, catch_up))
            for reader in readers
            if reader.consent is Consent.CONFIRMED
        ]
        plans = [(reader, plan) for reader, plan in chosen if plan is not None]
        results = await deliveries.plan(plans, now, by_hand=True)
        planned += results.count(PlanResult.PLANNED)
        busy += results.count(PlanResult.BUSY)
    return PlanReport(planned=planned, busy=busy)


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
        self._known: dict[EntryId, Entry] = {}
        self._folded: dict[EntryId, FoldedEntry] = {}
        self._matches: dict[Query, _QueryMatches] = {}
        self._loaded: dict[_Load, tuple[Entry, ...]] = {}
        self._found: dict[tuple[int, _Load], TopicMatches] = {}
        """By the identity of the topic, which its matches keep alive: hashing a topic costs more than the rest."""
        self._parsed: dict[str, tuple[Topic, ...]] = {}
        """The topics of those readers that were prepared last."""
        self._stood: dict[_Load, tuple[Sequence[Entry], Mapping[EntryId, Standing]]] = {}
        self._history: tuple[Entry, ...] | None = None
        self._scale = VoteScale()
        self._acronyms = shipped_acronyms()
        self._similarity: Similarity | None = None
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
            await self._learn(topics)
            load = self._choose_load(reader, topics)
            fresh = [topic.query for topic in topics if (id(topic), load) not in self._found]
            if fresh:
                queries = wanted.setdefault(load, {})
                queries |= dict.fromkeys(query for query in fresh if query not in self._matches)
        for load, queries in wanted.items():
            if not queries:
                continue
            entries = await self._load(load)
            index = QueryIndex(queries, self._acronyms)
            looked_at = frozenset(entry.id for entry in entries)
            found = {query: _QueryMatches(looked_at) for query in queries}
            for entry in entries:
                for query, match in index.match(self._fold(entry)):
                    found[query].matches[entry.id] = match
            self._matches |= found

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
        await self._learn(topics)
        found = [self._find_once(topic, load, entries) for topic in topics]
        new, standings = self._stand(window, load, entries)
        return compose_digest(
            slot=slot,
            window=window,
            found=found,
            everything_else=_leave_out_matched(new, found) if reader.everything_else else (),
            everything_else_limit=reader.everything_else,
            standings=standings,
            compare=self._compare,
            shown=shown,
            previous_on=previous_slot(reader.cadence, slot.at).local_on,
            now=self._now,
        )

    def _stand(
        self, window: Window, load: _Load, entries: Sequence[Entry]
    ) -> tuple[Sequence[Entry], Mapping[EntryId, Standing]]:
        """Return the new ones of these entries, ordered by votes, and how they stand, once for all readers of a
        window."""
        if load not in self._stood:
            new = [entry for entry in entries if entry.first_seen_run > window.after_run]
            self._stood[load] = order_by_votes(new, self._now), stand_entries(new, self._now)
        return self._stood[load]

    def _find_once(self, topic: Topic, load: _Load, entries: Sequence[Entry]) -> TopicMatches:
        """Return what a topic finds, once for all readers who have it. A described one may learn more with each
        reader whose papers are looked up, so it is found anew."""
        if topic.is_described:
            return self._find(topic, entries)
        known = self._found.get((id(topic), load))
        if known is None:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            known = self._found[id(topic), load] = self._find(topic, entries)
        return known

    async def find_topics(self, reader: Subscriber, entry: Entry) -> list[Topic]:
        """Return the reader's topics that an entry fits, in the reader's order; votes do not count here, nor does
        whether it is among the best of a described topic."""
        topics = parse_topics(reader.topics_json, self._library)
        await self._learn(topics)
        return [topic for topic in topics if self._find(topic, [entry]).ranked]

    def find_obstacles(self, reader: Subscriber, entry: Entry) -> list[str]:
        """Return ``topic (rule)`` for each of the reader's topics that one rule alone kept the entry out of."""
        found = []
        for topic in parse_topics(reader.topics_json, self._library):
            if self._match(topic, entry):
                continue
            why = find_obstacle(topic.query, self._fold(entry), self._acronyms)
            if why:
                found.append(f"{topic.name} ({why})")
        return found

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
        """Return one object per entry: the caches are shared between windows."""
        return tuple(self._known.setdefault(entry.id, entry) for entry in loaded)

    async def _learn(self, topics: Sequence[Topic]) -> None:
        """Load what these topics are judged by: the last 30 days, and the papers that they name."""
        if self._history is None:
            self._history = self._share(await self._entries.load_since(self._now - HISTORY))
            self._scale = build_scale(self._history, self._now)
            self._acronyms = learn_acronyms(map(text_of, self._history))
        named = find_named(topics) - self._asked_for
        if named:
            self._papers |= await load_papers(named, self._entries)
            self._asked_for |= named

    def _find(self, topic: Topic, entries: Sequence[Entry]) -> TopicMatches:
        hits = [(entry, match) for entry in entries if (match := self._match(topic, entry))]
        interest = build_interest(topic, self._papers)
        if interest:
            named = (self._papers[paper] for paper in find_named([topic]) if paper in self._papers)
            similarity = self._similarity_of(*(entry for entry, _ in hits), *named)
            near = similarity.measure(interest, [entry.key for entry, _ in hits])
            weighed = [(entry, weigh_match(topic, match, near.get(entry.key))) for entry, match in hits]
            hits = [(entry, match) for entry, match in weighed if match]
        return TopicMatches(topic, tuple(rank_entries(hits, topic.rank, self._now, self._scale)))

    def _match(self, topic: Topic, entry: Entry) -> Match | None:
        known = self._matches.setdefault(topic.query, _QueryMatches())
        if entry.id not in known.looked_at and entry.id not in known.besides:
            match = match_topic(topic, self._fold(entry), self._acronyms)
            known.besides.add(entry.id)
            if match:
                known.matches[entry.id] = match
        return known.matches.get(entry.id)

    def _compare(self, one: Entry, other: Entry) -> float:
        return self._similarity_of(one, other).compare(one.key, other.key)

    def _similarity_of(self, *entries: Entry) -> Similarity:
        """Return the similarity over the newest of the last 30 days, which knows these entries, too."""
        if self._similarity is None:
            newest = sorted(self._history or (), key=lambda entry: (-entry.first_seen_run, entry.key))
            self._similarity = LexicalSimilarity(self._fold(entry) for entry in newest[:_MOST_COMPARED])
        for entry in entries:
            self._similarity.add(self._fold(entry))
        return self._similarity

    def _fold(self, entry: Entry) -> FoldedEntry:
        if entry.id not in self._folded:
            self._folded[entry.id] = fold_entry(entry)
        return self._folded[entry.id]


def _leave_out_matched(entries: Sequence[Entry], found: Sequence[TopicMatches]) -> list[Entry]:
    """Return the entries that the words of no topic match."""
    matched = {
        candidate.entry.id
        for matches in found
        if not matches.topic.is_described
        for candidate in matches.ranked
    }
    return [entry for entry in entries if entry.id not in matched]
