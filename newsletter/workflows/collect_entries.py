"""Collect: look at every source once, and make what is new visible as one numbered run.

Pure: what a look's end is called and when the next one may be (collect.source_health), which entries change
(collect.changes). I/O: the fetcher and the store. What can go wrong: a request fails (its fallback is asked;
else the source is partial or failed, what was known stays), an answer is not its format (likewise), a source
never ends (a look has a deadline), the store is away (StoreError; nothing is half written).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.collect.changes import choose_changes, is_stale_batch
from newsletter.collect.dam import word_held_back
from newsletter.collect.dates import without_future_dates
from newsletter.collect.linkage import choose_lookups, choose_titles
from newsletter.collect.registry import KINDS
from newsletter.collect.source_health import (
    GOOD_STATES,
    LookFacts,
    choose_conditions,
    choose_health,
    choose_location,
    choose_move,
    choose_state,
)
from newsletter.errors import FeedError, FetchError, SourceError
from newsletter.model.sources import (
    Fetched,
    FetchRecord,
    FetchState,
    NotModified,
    ParsedFeed,
    PermanentRedirect,
    Request,
    Source,
    SourceHealth,
    Validators,
)

if TYPE_CHECKING:
    from newsletter.collect.kind import SourceKind
    from newsletter.model.entries import EntryChange, Sighting
    from newsletter.ports import Clock, Fetcher
    from newsletter.storage import RunStore, RunTransaction

_LOOK_DEADLINE_S = 600.0
_GONE = 410
_A_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What one pass did: a record for each source in the order of the configuration; run is 0 where nothing was new.

    waiting are the sources that were not looked at, because it is too early.
    """

    records: tuple[FetchRecord, ...]
    run: int = 0
    waiting: tuple[SourceHealth, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether any source did not give what it should."""
        return any(record.state not in GOOD_STATES for record in self.records)

    def followed_by(self, later: CollectReport) -> CollectReport:
        """Return what two passes did, one after the other."""
        return CollectReport(
            self.records + later.records, self.run or later.run, self.waiting + later.waiting
        )


@dataclass(slots=True)
class _Look:
    """What one look at one source has brought so far."""

    source: Source
    kind: SourceKind
    started_at: datetime
    sightings: list[Sighting] = field(default_factory=list)
    validators: dict[str, Validators] = field(default_factory=dict)
    moves: list[PermanentRedirect] = field(default_factory=list)
    problems: list[SourceError] = field(default_factory=list)
    replaced: list[SourceError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    requests: int = 0
    answered: int = 0
    left_out: int = 0
    listed_before: int = 0
    batch_on: date | None = None
    quiet_days: frozenset[int] = frozenset()
    found_none: bool = False
    is_unfinished: bool = False
    asked_on: list[date] = field(default_factory=list)
    empty_on: list[date] = field(default_factory=list)

    def take(self, feed: ParsedFeed) -> None:
        """Add one answer that was parsed."""
        self.answered += 1
        self.sightings += feed.sightings
        self.left_out += feed.left_out
        self.notes += feed.notes
        self.unknown_fields |= set(feed.unknown_fields)
        self.quiet_days |= feed.quiet_days
        self.found_none |= feed.total == 0
        self._see_batch(feed.listed_on)

    def take_validators(
        self, request: Request, answer: Fetched, feed: ParsedFeed, following: Request | None
    ) -> None:
        """Remember how to ask for this answer again, of a harvest where it goes on. What was cut is read again."""
        if feed.is_cut:
            location = request.location
            self.problems.append(FeedError(f"{location}: the listing is truncated", url=location))
            return
        if request.harvest:
            self.validators[request.harvest] = Validators(following=feed.following or feed.resume_at)
            self.is_unfinished |= bool(feed.following) and following is None
            return
        self.validators[request.location] = replace(
            answer.validators,
            following=following.location if following else "",
            listed_on=feed.listed_on,
            listed=feed.listed,
            read_at=self.started_at,
        )

    def take_unchanged(self, request: Request, known: Validators) -> None:
        """Add one answer that is as it was, by the server's word or, asked without conditions, by its bytes."""
        self.answered += 1
        self.listed_before += known.listed
        self._see_batch(known.listed_on)
        if choose_conditions(known, self.started_at) != known:
            self.validators[request.location] = replace(known, read_at=self.started_at)

    @property
    def rest(self) -> timedelta:
        """How long the source is left alone if nothing failed. A harvest that is not at its end goes on at once."""
        if self.is_unfinished:
            return timedelta()
        return self.kind.fallback.rest if self.kind.fallback and self.replaced else self.kind.rest

    def take_failure(self, error: SourceError, stands_for: SourceError | None) -> None:
        """Add what has failed for good, and what had failed before it, once."""
        self.problems += [one for one in (stands_for, error) if one and one not in self.problems]

    def _see_batch(self, listed_on: date | None) -> None:
        self.batch_on = max((day for day in (self.batch_on, listed_on) if day), default=None)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knew of the sources when the pass began."""

    sources: frozenset[str]
    health: Mapping[str, SourceHealth]
    moves: Mapping[str, PermanentRedirect]


async def collect_entries(
    sources: Sequence[Source],
    fetcher: Fetcher,
    store: RunStore,
    clock: Clock,
    every: timedelta,
    *,
    at_once: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> CollectReport:
    """Look at every source once; return how each look ended. progress is told of each source that is done.

    every is the rhythm of these passes, from which waiting times are counted. With at_once those sources are
    asked too for which it is too early.
    """
    known = _Known(await store.load_known_sources(), await store.load_health(), await store.load_moves())
    waiting = {} if at_once else _choose_waiting(known.health, clock.now())

    async def look(source: Source) -> _Look:
        done = await _look_at(source, KINDS[source.kind], fetcher, store, clock, known.moves)
        progress(source.name)
        return done

    looks = await asyncio.gather(*(look(source) for source in sources if source.name not in waiting))
    held = tuple(waiting[source.name] for source in sources if source.name in waiting)
    now = clock.now()
    if not any(look.sightings for look in looks):
        records, health = _build_records(looks, frozenset(), known, every, now)
        await store.save_looks(records, health, _all_moves(looks), _all_validators(looks))
        return CollectReport(records, waiting=held)
    return await store.save_run(now, lambda run: _fill(run, looks, known, every, now, held))


def _fill(
    run: RunTransaction,
    looks: Sequence[_Look],
    known: _Known,
    every: timedelta,
    now: datetime,
    held: tuple[SourceHealth, ...],
) -> CollectReport:
    """Write what the looks have found; return how each ended."""
    changes, repeated = _choose_changes(run, looks, now)
    run.save(changes, now)
    records, health = _build_records(looks, repeated, known, every, now)
    brought = [change for change in changes if change.entry.first_seen_run == run.number]
    new = Counter(name for change in brought for name in {s.source for s in change.sightings})
    held_back = Counter(change.sightings[0].source for change in changes if change.held_back)
    records = tuple(
        _add_new(
            record,
            run.number,
            new[record.source],
            held_back[record.source],
            is_first=record.source not in known.sources,
        )
        for record in records
    )
    fresh = [look for look in looks if look.source.name not in repeated]
    run.save_looks(records, health, _all_moves(looks), _all_validators(fresh))
    return CollectReport(records, run.number, held)


def _add_new(record: FetchRecord, run: int, new: int, held_back: int, *, is_first: bool) -> FetchRecord:
    """Return the record with what was new; also why the rest is not, of a source that we had never read or that lists
    its archive again."""
    why = word_held_back(record.source, held_back)
    if is_first and new < record.listed:
        why = (
            f"first poll: only what it lists under its newest date is new; the other {record.listed - new} are known"
            " from now on, and not sent"
        )
    return replace(record, run=run, new=new, message="; ".join(filter(None, (record.message, why))))


def _choose_changes(
    run: RunTransaction, looks: Sequence[_Look], now: datetime
) -> tuple[tuple[EntryChange, ...], frozenset[str]]:
    """Return what is to be written, and the names of the sources that serve an earlier batch again.

    Nothing is taken from those: what they list would stand under a date on which it was not listed.
    """
    sightings = [sighting for look in looks for sighting in look.sightings]
    found = run.load_known(choose_lookups(sightings))
    found = [*found, *run.load_titled(choose_titles(found, sightings))]
    known = list({entry.id: entry for entry in found}.values())
    places = run.load_known_places([entry.id for entry in known])
    repeated = frozenset(
        look.source.name
        for look in looks
        if look.kind.batch_due(now) is not None
        and is_stale_batch(look.sightings, known, places, look.source.name)
    )
    changes = choose_changes(
        known,
        [sighting for look in looks if look.source.name not in repeated for sighting in look.sightings],
        run=run.number,
        now=now,
        newest=run.load_newest(),
        feeds={look.source.name for look in looks if look.kind.is_feed},
        known_places=places,
    )
    return changes, repeated


def _choose_waiting(health: Mapping[str, SourceHealth], now: datetime) -> dict[str, SourceHealth]:
    """Return the sources for which it is too early, by name."""
    return {name: one for name, one in health.items() if one.must_wait(now)}


async def _look_at(
    source: Source,
    kind: SourceKind,
    fetcher: Fetcher,
    store: RunStore,
    clock: Clock,
    moves: Mapping[str, PermanentRedirect],
) -> _Look:
    now = clock.now()
    look = _Look(source, kind, started_at=now)
    try:
        async with asyncio.timeout(_LOOK_DEADLINE_S):
            for first in kind.requests(source, now):
                if first.listed_on:
                    look.asked_on.append(first.listed_on)
                await _follow(await _resume(first, look, store), look, fetcher, store, moves)
    except TimeoutError:
        look.problems.append(
            SourceError(f"not finished after {_LOOK_DEADLINE_S:g} s; the rest was not requested")
        )
    return look


async def _resume(first: Request, look: _Look, store: RunStore) -> Request:
    """Return the first request of a look; of a harvest the one that goes on where the last look ended."""
    if not first.harvest or first.page:
        return first
    known = (await store.load_validators([first.harvest])).get(first.harvest)
    return look.kind.resume(first, known.following) if known and known.following else first


async def _follow(
    request: Request | None,
    look: _Look,
    fetcher: Fetcher,
    store: RunStore,
    moves: Mapping[str, PermanentRedirect],
    stands_for: SourceError | None = None,
) -> None:
    """Ask for one listing, page after page; for what its kind has instead where one fails. stands_for: what had failed
    before.

    An unchanged page leads to where it led when it was read, so that what is new on a second page cannot hide
    behind an unchanged first one.
    """
    seen: frozenset[str] = frozenset()
    listed = 0
    while request is not None:
        known = await _load_known(request, store)
        try:
            answer = await _ask(request, known, look, fetcher, moves)
            if isinstance(answer, NotModified):
                assert known is not None, "only a known page can be unchanged"
                look.take_unchanged(request, known)
                listed += known.listed
                following = _page_after(request, known.following)
            else:
                feed, following = await _read(request, answer, seen, known, look)
                listed += feed.listed
                seen |= {sighting.guid for sighting in feed.sightings}
        except SourceError as error:
            stand_ins = _choose_stand_ins(request, error, look)
            if not stand_ins:
                look.take_failure(error, stands_for)
            for stand_in in stand_ins:
                await _follow(await _resume(stand_in, look, store), look, fetcher, store, moves, error)
            return
        if stands_for and stands_for not in look.replaced:
            look.replaced.append(stands_for)
        stands_for = None
        last, request = request, following
    if not listed and last.listed_on:
        look.empty_on.append(last.listed_on)


async def _read(
    request: Request, answer: Fetched, seen: frozenset[str], known: Validators | None, look: _Look
) -> tuple[ParsedFeed, Request | None]:
    """Take what an answer says into the look; return it and the request that follows. Raises SourceError."""
    # Parsers are plain functions and some take long; the other sources go on meanwhile.
    feed = await asyncio.to_thread(look.kind.parse, answer, look.source, request)
    feed = without_future_dates(feed, look.started_at)
    following = _choose_following(request, feed, seen, known, look)
    look.take(feed)
    look.take_validators(request, answer, feed, following)
    return feed, following


def _choose_stand_ins(request: Request, error: SourceError, look: _Look) -> tuple[Request, ...]:
    fallback = look.kind.fallback
    return fallback.choose(look.source, request, error, look.started_at) if fallback else ()


async def _load_known(request: Request, store: RunStore) -> Validators | None:
    """Return what the last answer of a request left, None for a page of a harvest: none is asked for twice."""
    if request.harvest:
        return None
    return (await store.load_validators([request.location])).get(request.location)


async def _ask(
    request: Request,
    known: Validators | None,
    look: _Look,
    fetcher: Fetcher,
    moves: Mapping[str, PermanentRedirect],
) -> Fetched | NotModified:
    """Fetch one request, at the address that its location has moved to if it has for long."""
    look.requests += 1
    move = moves.get(request.location)
    location = choose_location(request.location, move, look.started_at)
    try:
        conditions = choose_conditions(known, look.started_at)
        answer = await fetcher.fetch(location, conditions, look.source.request_options)
    except FetchError:
        if location != request.location:
            look.moves.append(
                PermanentRedirect(request.location, "", look.started_at)
            )  # next time the old address again
        raise
    changed = choose_move(request.location, move, answer.moved_to, look.started_at)
    if changed and not request.harvest:  # whose addresses never come again
        look.moves.append(changed)
    return answer


def _page_after(request: Request, location: str) -> Request | None:
    return replace(request, location=location, page=request.page + 1) if location else None


def _choose_following(
    request: Request, feed: ParsedFeed, seen: frozenset[str], known: Validators | None, look: _Look
) -> Request | None:
    """Return the request after a parsed answer.

    Raises FeedError where a feed has turned into a page, and where no item of an answer could be used.
    """
    # A page of a harvest may hold one record; if it is refused, the harvest goes on all the same.
    if feed.refused and not feed.sightings and not feed.left_out and not request.harvest:
        raise FeedError(
            f"{request.location}: none of {feed.refused} items can be used: {feed.notes[-1]}",
            url=request.location,
        )
    if feed.found_feeds and known is not None and not known.following:
        # A site that is down for an hour may show any page, with links to any of its feeds.
        raise FeedError(
            f"{request.location}: used to be a feed and is now an HTML page; if this persists, look whether "
            f"{feed.found_feeds[0]} should be its new location",
            url=request.location,
        )
    return look.kind.next_request(look.source, request, feed, seen)


def _all_moves(looks: Sequence[_Look]) -> tuple[PermanentRedirect, ...]:
    return tuple({move.location: move for look in looks for move in look.moves}.values())


def _all_validators(looks: Sequence[_Look]) -> dict[str, Validators]:
    return {location: known for look in looks for location, known in look.validators.items()}


def _build_records(
    looks: Sequence[_Look], repeated: frozenset[str], known: _Known, every: timedelta, now: datetime
) -> tuple[tuple[FetchRecord, ...], tuple[SourceHealth, ...]]:
    """Return a record of each look, and the health of those sources where it has changed."""
    records, health = [], []
    for look in looks:
        name = look.source.name
        facts = LookFacts(
            listed=len(look.sightings) + look.left_out,
            listed_before=look.listed_before,
            answered=look.answered,
            failed=len(look.problems),
            asked_on=look.asked_on,
            quiet_days=look.quiet_days,
            batch_on=look.batch_on,
            found_none=look.found_none,
            has_listed=name in known.sources,
            is_repeated=name in repeated,
        )
        record = _build_record(look, choose_state(facts, look.kind, now), now)
        records.append(record)
        before = known.health.get(name, SourceHealth(name))
        asked_to_wait = [
            _A_DAY_S if error.status == _GONE else error.retry_after_s
            for error in (*look.problems, *look.replaced)
            if isinstance(error, FetchError) and (error.status == _GONE or error.retry_after_s is not None)
        ]
        after = choose_health(
            before,
            record.state,
            retry_after_s=max((wait for wait in asked_to_wait if wait is not None), default=None),
            rest=look.rest,
            why=next(iter(_tell_problems(look.problems or look.replaced)), ""),
            every=every,
            now=now,
        )
        if after != before:
            health.append(after)
    return tuple(records), tuple(health)


def _build_record(look: _Look, state: FetchState, now: datetime) -> FetchRecord:
    message = _tell_problems(look.problems)
    called = look.kind.fallback.called if look.kind.fallback else ""
    message += [f"{problem}; {called} was read instead" for problem in _tell_problems(look.replaced)]
    if state is FetchState.STALE:
        message.append(f"still the batch of {look.batch_on}" if look.batch_on else "still an earlier batch")
    missing = [day for day in look.empty_on if not look.kind.is_quiet(day) and day < _today(now)]
    if missing and len(missing) < len(look.asked_on):
        message.append(f"nothing is listed for {', '.join(f'{day:%a} {day}' for day in sorted(missing))}")
    message += dict.fromkeys(look.notes)
    if look.unknown_fields:
        message.append("unknown fields: " + ", ".join(sorted(look.unknown_fields)))
    return FetchRecord(
        source=look.source.name,
        state=state,
        started_at=look.started_at,
        finished_at=now,
        listed=len(look.sightings),
        requests=look.requests,
        message="; ".join(message),
    )


def _tell_problems(problems: Sequence[SourceError]) -> list[str]:
    """Return each reason once, with the first address that it happened at and how often it did."""
    by_reason: dict[str, list[SourceError]] = {}
    for problem in problems:
        reason = str(problem).replace(problem.url, "").strip(": ") if problem.url else str(problem)
        by_reason.setdefault(reason, []).append(problem)
    return [
        str(same[0]) + (f" ({len(same)} requests)" if len(same) > 1 else "") for same in by_reason.values()
    ]


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()
