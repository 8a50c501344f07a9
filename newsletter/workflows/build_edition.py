"""Build: decide who is due, and compose one reader's digest from what the store knows.

Planning writes intents only. The digest itself is composed when its delivery is claimed, so that
preview, send and retry are one path, and consent, suppression and topics are fresh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from newsletter.compose.digest import compose_digest
from newsletter.compose.slots import choose_plan, choose_plan_for_date, previous_slot
from newsletter.compose.window import choose_window
from newsletter.match.matcher import match_topic
from newsletter.match.query import parse_topics
from newsletter.match.rank import rank_entries, stand_entries
from newsletter.match.trial import find_obstacle
from newsletter.match.words import FoldedEntry, fold_entry
from newsletter.model import (
    Consent,
    Digest,
    Entry,
    EntryId,
    Match,
    PlanResult,
    Query,
    Rank,
    Slot,
    Subscriber,
    Topic,
    TopicMatches,
    Window,
)
from newsletter.ports import DeliveryStore, EntryStore, SubscriberStore

_BATCH = 500


@dataclass(frozen=True, slots=True)
class PlanReport:
    """How many readers got a queued digest, how many slots were skipped, and how many readers must wait."""

    planned: int = 0
    skipped: int = 0
    busy: int = 0


async def plan_due(
    subscribers: SubscriberStore, deliveries: DeliveryStore, now: datetime, catch_up: timedelta
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
        for reader in fresh:
            plan = choose_plan(reader, now, catch_up)
            result = await deliveries.plan(reader, plan, now)
            if result is PlanResult.PLANNED:
                planned += plan.slot is not None
                skipped += len(plan.skipped)
            else:
                waiting.add(reader.id)


async def plan_date(
    subscribers: SubscriberStore,
    deliveries: DeliveryStore,
    local_on: date,
    now: datetime,
    catch_up: timedelta,
) -> PlanReport:
    """Queue one date's digest now for every confirmed reader who has a slot on it and no row for it yet."""
    planned = busy = 0
    for reader in await subscribers.load_all():
        if reader.consent is not Consent.CONFIRMED:
            continue
        plan = choose_plan_for_date(reader, local_on, now, catch_up)
        if plan is None:
            continue
        result = await deliveries.queue_now(reader, plan, now)
        planned += result is PlanResult.PLANNED
        busy += result is PlanResult.BUSY
    return PlanReport(planned=planned, busy=busy)


class DigestBuilder:
    """Composes digests, sharing what readers have in common: entries are loaded and folded once, and
    each distinct query is evaluated once per entry, however many readers have it."""

    def __init__(
        self, entries: EntryStore, library: Mapping[str, Topic], newest_run: int, now: datetime
    ) -> None:
        self.newest_run = newest_run
        self._entries = entries
        self._library = library
        self._now = now
        self._known: dict[EntryId, Entry] = {}
        self._folded: dict[EntryId, FoldedEntry] = {}
        self._matches: dict[Query, dict[EntryId, Match | None]] = {}
        self._loaded: dict[tuple[int, timedelta], tuple[Entry, ...]] = {}

    async def build(self, reader: Subscriber, slot: Slot, shown: frozenset[EntryId]) -> Digest:
        """Return the reader's digest. shown are the entries that this reader was shown before."""
        window = choose_window(reader, self.newest_run)
        topics = parse_topics(reader.topics_json, self._library)
        wait = max((topic.wait for topic in topics), default=timedelta())
        entries = await self._load(window, wait)
        found = [self._find(topic, entries) for topic in topics]
        matched = {entry.id for matches in found for entry, _ in matches.ranked}
        new = [entry for entry in entries if entry.first_seen_run > window.after_run]
        rest = rank_entries(
            [(entry, None) for entry in new if entry.id not in matched and entry.id not in shown],
            Rank.TRENDING,
            self._now,
        )
        return compose_digest(
            slot=slot,
            window=window,
            found=found,
            everything_else=[entry for entry, _ in rest[: reader.everything_else]],
            standings=stand_entries(new, self._now),
            shown=shown,
            previous_on=previous_slot(reader.cadence, slot.at).local_on,
            now=self._now,
        )

    def find_topics(self, reader: Subscriber, entry: Entry) -> list[Topic]:
        """Return the reader's topics that an entry fits, in the reader's order; votes do not count here."""
        topics = parse_topics(reader.topics_json, self._library)
        return [topic for topic in topics if self._find(topic, [entry]).ranked]

    def find_obstacles(self, reader: Subscriber, entry: Entry) -> list[str]:
        """Return ``topic (rule)`` for each of the reader's topics that one rule alone kept the entry out of."""
        found = []
        for topic in parse_topics(reader.topics_json, self._library):
            folded = self._fold(entry)
            why = "" if match_topic(topic, folded) else find_obstacle(topic.query, folded)
            if why:
                found.append(f"{topic.name} ({why})")
        return found

    async def _load(self, window: Window, wait: timedelta) -> Sequence[Entry]:
        key = (window.after_run, wait)
        if key not in self._loaded:
            since = self._now - wait if wait else None
            loaded = await self._entries.load_entries(window, since)
            # One object per entry: the caches below are shared between windows.
            self._loaded[key] = tuple(self._known.setdefault(entry.id, entry) for entry in loaded)
        return self._loaded[key]

    def _find(self, topic: Topic, entries: Sequence[Entry]) -> TopicMatches:
        matches = self._matches.setdefault(topic.query, {})
        hits = []
        for entry in entries:
            if entry.id not in matches:
                matches[entry.id] = match_topic(topic, self._fold(entry))
            match = matches[entry.id]
            if match is not None:
                hits.append((entry, match))
        ranked = rank_entries(hits, topic.rank, self._now)
        return TopicMatches(topic, tuple((entry, match) for entry, match in ranked if match is not None))

    def _fold(self, entry: Entry) -> FoldedEntry:
        if entry.id not in self._folded:
            self._folded[entry.id] = fold_entry(entry)
        return self._folded[entry.id]
