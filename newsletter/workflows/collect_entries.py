"""Collect: look at every source once, and make what is new visible as one numbered run.

Pure: what a fetch's end is called (choose_state), which entries change (collect.changes). I/O: the
fetcher and the store. What can go wrong: a request fails (the source is partial or failed, what was
known stays), an answer is not its format (likewise), the store is away (StoreError; nothing is half written).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from newsletter.collect.changes import choose_changes
from newsletter.collect.kinds import KINDS, SourceKind
from newsletter.errors import SourceError
from newsletter.model import FetchRecord, FetchState, Request, Sighting, Source, Validators
from newsletter.ports import Clock, EntryStore, Fetcher

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What one pass did: a record for each source in the order of the configuration; run is 0 where nothing was new."""

    records: tuple[FetchRecord, ...]
    run: int = 0

    @property
    def failed(self) -> bool:
        """Whether any source did not give all that it should."""
        return any(record.state in (FetchState.FAILED, FetchState.PARTIAL) for record in self.records)


@dataclass(slots=True)
class _Look:
    """What one look at one source has brought so far."""

    source: Source
    started_at: datetime
    sightings: list[Sighting] = field(default_factory=list)
    validators: dict[str, Validators] = field(default_factory=dict)
    problems: list[SourceError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    requests: int = 0
    answered: int = 0
    unchanged: int = 0
    asked_on: list[date] = field(default_factory=list)


def choose_state(
    *, listed: int, answered: int, unchanged: int, failed: int, asked_on: Sequence[date], today: date
) -> FetchState:
    """Name the end of one look at a source.

    failed: no request was answered. partial: some were. unchanged: every answer was as before. Nothing
    listed is expected when each date asked for (today, where none was) is a Saturday or Sunday.
    """
    if failed:
        return FetchState.PARTIAL if answered or unchanged else FetchState.FAILED
    if listed:
        return FetchState.OK
    if unchanged:
        return FetchState.UNCHANGED
    if all(day.weekday() >= _SATURDAY for day in asked_on or [today]):
        return FetchState.EMPTY_AS_EXPECTED
    return FetchState.EMPTY_UNEXPECTED


async def collect_entries(
    sources: Sequence[Source],
    fetcher: Fetcher,
    store: EntryStore,
    clock: Clock,
    progress: Callable[[str], None] = lambda _: None,
) -> CollectReport:
    """Look at every source once; return how each look ended. progress is told of each source that is done."""

    async def look(source: Source) -> _Look:
        done = await _look_at(source, KINDS[source.kind], fetcher, store, clock)
        progress(source.name)
        return done

    looks = await asyncio.gather(*(look(source) for source in sources))
    records = tuple(_build_record(done, clock.now()) for done in looks)
    sightings = [sighting for done in looks for sighting in done.sightings]
    if not sightings:
        await store.save_fetches(records)
        return CollectReport(records)
    now = clock.now()
    async with store.open_run(now) as run:
        known = await run.load_known({key for sighting in sightings for key in sighting.entry.keys})
        changes = choose_changes(
            known,
            sightings,
            run=run.number,
            now=now,
            known_sources=await run.load_known_sources(),
        )
        await run.save(changes, now)
        brought = [change for change in changes if not change.entry.id and change.entry.first_seen_run]
        new = Counter(name for change in brought for name in {s.source for s in change.sightings})
        records = tuple(replace(record, run=run.number, new=new[record.source]) for record in records)
        await run.save_fetches(records)
        for done in looks:
            await run.save_validators(done.validators)
    return CollectReport(records, run.number)


async def _look_at(
    source: Source, kind: SourceKind, fetcher: Fetcher, store: EntryStore, clock: Clock
) -> _Look:
    now = clock.now()
    look = _Look(source, started_at=now)
    for first in kind.requests(source, now.astimezone(UTC).date()):
        if first.listed_on:
            look.asked_on.append(first.listed_on)
        await _follow_pages(first, look, kind, fetcher, store)
    return look


async def _follow_pages(
    request: Request | None, look: _Look, kind: SourceKind, fetcher: Fetcher, store: EntryStore
) -> None:
    """Ask for one listing, page after page.

    Validators are kept only of a listing that is one page: then an unchanged page is an unchanged listing.
    What stands on a second page, or failed there, must not hide behind an unchanged first one.
    """
    seen: frozenset[str] = frozenset()
    while request is not None:
        look.requests += 1
        try:
            known = {} if request.page else await store.load_validators([request.location])
            fetched = await fetcher.fetch(request.location, known.get(request.location))
            if fetched is None:
                look.unchanged += 1
                return
            # Parsers are plain functions and some take long; the other sources go on meanwhile.
            feed = await asyncio.to_thread(kind.parse, fetched.body, look.source, request)
        except SourceError as error:
            look.problems.append(error)
            return
        look.answered += 1
        look.sightings += feed.sightings
        look.notes += feed.notes
        look.unknown_fields |= set(feed.unknown_fields)
        following = kind.next_request(request, feed, seen)
        if following is None and not request.page:
            look.validators[request.location] = fetched.validators
        seen |= {sighting.guid for sighting in feed.sightings}
        request = following


def _tell_problems(problems: Sequence[SourceError]) -> list[str]:
    """Return each reason once, with the first address that it happened at and how often it did."""
    by_reason: dict[str, list[SourceError]] = {}
    for problem in problems:
        reason = str(problem).replace(problem.url, "").strip(": ") if problem.url else str(problem)
        by_reason.setdefault(reason, []).append(problem)
    return [
        str(same[0]) + (f" ({len(same)} requests)" if len(same) > 1 else "") for same in by_reason.values()
    ]


def _build_record(look: _Look, now: datetime) -> FetchRecord:
    message = [*_tell_problems(look.problems), *look.notes]
    if look.unknown_fields:
        message.append("unknown fields: " + ", ".join(sorted(look.unknown_fields)))
    return FetchRecord(
        source=look.source.name,
        state=choose_state(
            listed=len(look.sightings),
            answered=look.answered,
            unchanged=look.unchanged,
            failed=len(look.problems),
            asked_on=look.asked_on,
            today=now.date(),
        ),
        started_at=look.started_at,
        finished_at=now,
        listed=len(look.sightings),
        requests=look.requests,
        message="; ".join(message),
    )
