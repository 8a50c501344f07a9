"""Runs, entries and what is known of the sources, in the database."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.errors import StoreError
from newsletter.model.digest import Window
from newsletter.model.entries import (
    Entry,
    EntryChange,
    EntryEvent,
    EntryHistory,
    EntryId,
    EntryKey,
    EventKind,
    Observation,
    Place,
    SeenIn,
    Sighting,
)
from newsletter.model.sources import FetchRecord, FetchState, Move, SourceHealth, Validators
from newsletter.storage.engine import Database, in_chunks, insert_or_ignore, insert_or_update, utc_day
from newsletter.storage.tables import (
    counters,
    delivery_entries,
    entries,
    entry_events,
    entry_keys,
    fetches,
    moves,
    observations,
    runs,
    settings,
    sightings,
    source_health,
    sources,
)
from newsletter.storage.tables import validators as known_answers
from newsletter.storage.word_index import delete_words, has_same_words, load_indexed, save_words

_FULL_OBSERVATIONS = timedelta(days=30)
_FETCHES_KEPT = timedelta(days=90)
_THINNED_BEFORE = "observations_thinned_before"

# Lists are JSON text, the rest are columns of the same name. Keys and sources stand in tables of their own.
_LISTS = ("authors", "categories", "ai_keywords", "media_urls")
_ELSEWHERE = ("id", "aliases", "sources")
_PLAIN = tuple(field.name for field in fields(Entry) if field.name not in (*_LISTS, *_ELSEWHERE))


class RunTransaction:
    """One collect run that becomes visible, or leaves nothing. Made by EntryStore.open_run."""

    def __init__(self, connection: AsyncConnection, number: int) -> None:
        self._connection = connection
        self.number = number

    async def load_known(self, keys: Collection[EntryKey]) -> Sequence[Entry]:
        """Return the entries that have one of the keys among theirs, by id."""
        return await _load_known(self._connection, keys)

    async def load_known_places(self, known: Collection[EntryId]) -> Mapping[EntryId, frozenset[Place]]:
        """Return where each of these entries was seen in earlier runs, by each id given."""
        places: dict[EntryId, set[Place]] = {entry: set() for entry in known}
        for some in in_chunks(known):
            rows = await self._connection.execute(
                select(sightings.c.entry, sightings.c.source, sightings.c.guid, sightings.c.listed_on).where(
                    sightings.c.entry.in_(some)
                )
            )
            for row in rows:
                places[row.entry].add((row.source, row.guid, row.listed_on))
        return {entry: frozenset(seen) for entry, seen in places.items()}

    async def load_known_sources(self) -> frozenset[str]:
        """Return the names of the sources that have brought a sighting in an earlier run."""
        rows = await self._connection.scalars(select(sources.c.name).where(sources.c.first_run < self.number))
        return frozenset(rows)

    async def save(self, changes: Sequence[EntryChange], now: datetime) -> None:
        """Write entries, aliases, sightings, events and vote observations.

        Raises StoreError where a key belongs to an entry that is not absorbed.
        """
        for change in changes:
            await self._absorb(change)
        indexed = await load_indexed(
            self._connection, [change.entry.id for change in changes if change.entry.id]
        )
        ids = await self._save_entries(changes, now)
        await self._save_words(changes, ids, indexed)
        await self._save_keys(changes, ids)
        await self._save_sightings(changes, ids, now)
        await self._save_events(changes, ids, now)
        await self._save_observations(changes, ids, now)

    async def save_looks(
        self,
        records: Sequence[FetchRecord],
        health: Sequence[SourceHealth],
        moved: Sequence[Move],
        answers: Mapping[str, Validators],
    ) -> None:
        """Write how each look ended. health, moved and answers replace what was known of the same source and location;
        a Move with an empty target is forgotten."""
        await _save_looks(self._connection, records, health, moved, answers)

    async def _absorb(self, change: EntryChange) -> None:
        """Pass all that hangs on the absorbed entries to the survivor, and delete them.

        What the survivor has already (the same moment, the same place, the same mail) is not kept twice.
        """
        if change.absorbs and not change.entry.id:
            raise StoreError(f"{change.entry.key} is new and cannot absorb entries that are known")
        for absorbed in change.absorbs:
            await self._move(entry_keys, absorbed, change.entry.id)
            await self._move(sightings, absorbed, change.entry.id, "source", "guid", "listed_on")
            await self._move(entry_events, absorbed, change.entry.id, "kind", "detail")
            await self._move(observations, absorbed, change.entry.id, "observed_at")
            await self._move(delivery_entries, absorbed, change.entry.id, "delivery")
            await delete_words(self._connection, absorbed)
            await self._connection.execute(delete(entries).where(entries.c.id == absorbed))

    async def _move(self, table: Table, absorbed: EntryId, survivor: EntryId, *identity: str) -> None:
        """Move rows to another entry. identity: the columns that, with the entry, make a row unique."""
        moving = update(table).where(table.c.entry == absorbed).values(entry=survivor)
        if identity:
            there = table.alias()
            same = (there.c[name] == table.c[name] for name in identity)
            moving = moving.where(~exists().where(there.c.entry == survivor, *same))
        await self._connection.execute(moving)
        await self._connection.execute(delete(table).where(table.c.entry == absorbed))

    async def _save_entries(self, changes: Sequence[EntryChange], now: datetime) -> list[EntryId]:
        """Insert the new entries and overwrite the known ones; return the id of each."""
        known = [change.entry for change in changes if change.entry.id]
        if known:
            await self._connection.execute(
                update(entries).where(entries.c.id == bindparam("entry_id")),
                [{"entry_id": entry.id, **_entry_row(entry, now)} for entry in known],
            )
        new = [change.entry for change in changes if not change.entry.id]
        given: dict[str, EntryId] = {}
        if new:
            await self._connection.execute(insert(entries), [_entry_row(entry, now) for entry in new])
        for keys in in_chunks([entry.key for entry in new]):
            rows = await self._connection.execute(
                select(entries.c.key, entries.c.id).where(entries.c.key.in_(keys))
            )
            given |= {row.key: row.id for row in rows}
        return [change.entry.id or given[change.entry.key] for change in changes]

    async def _save_words(
        self, changes: Sequence[EntryChange], ids: Sequence[EntryId], indexed: Mapping[EntryId, Entry]
    ) -> None:
        """Put the entries into the full-text index whose texts are not as they were."""
        changed = [
            (entry, change.entry)
            for change, entry in zip(changes, ids, strict=True)
            if entry not in indexed or not has_same_words(indexed[entry], change.entry)
        ]
        await save_words(self._connection, changed)

    async def _save_keys(self, changes: Sequence[EntryChange], ids: Sequence[EntryId]) -> None:
        """Write the names of each entry in their order. A name once given is never taken away."""
        rows = [
            {"key": key, "entry": entry, "position": position}
            for change, entry in zip(changes, ids, strict=True)
            for position, key in enumerate(change.entry.keys)
        ]
        owners = {row["key"]: row["entry"] for row in rows}
        if len(owners) < len(rows):
            raise StoreError("two entries of one run claim the same key")
        for some in in_chunks(list(owners)):
            taken = await self._connection.execute(
                select(entry_keys.c.key, entry_keys.c.entry).where(entry_keys.c.key.in_(some))
            )
            for key, owner in taken:
                if owners[key] != owner:
                    raise StoreError(f"{key} belongs to another entry that was not absorbed")
        if rows:
            await self._connection.execute(insert_or_update(self._connection, entry_keys), rows)

    async def _save_sightings(
        self, changes: Sequence[EntryChange], ids: Sequence[EntryId], now: datetime
    ) -> None:
        """Write where each entry was seen, once, and the sources that bring their first sighting."""
        rows = [
            _sighting_row(sighting, entry, now)
            for change, entry in zip(changes, ids, strict=True)
            for sighting in change.sightings
        ]
        if not rows:
            return
        await self._connection.execute(insert_or_ignore(self._connection, sightings), rows)
        await self._connection.execute(
            insert_or_ignore(self._connection, sources),
            [{"name": name, "first_run": self.number} for name in sorted({row["source"] for row in rows})],
        )

    async def _save_events(
        self, changes: Sequence[EntryChange], ids: Sequence[EntryId], now: datetime
    ) -> None:
        """Write what happened to works, each thing once."""
        rows = [
            {"entry": entry, "kind": event.kind, "detail": event.detail, "source": event.source, "at": now}
            for change, entry in zip(changes, ids, strict=True)
            for event in change.events
        ]
        if rows:
            await self._connection.execute(insert_or_ignore(self._connection, entry_events), rows)

    async def _save_observations(
        self, changes: Sequence[EntryChange], ids: Sequence[EntryId], now: datetime
    ) -> None:
        """Write the votes and comments that are not as they were."""
        rows = [
            {
                "entry": entry,
                "observed_at": now,
                "upvotes": change.entry.upvotes,
                "comments": change.entry.comments,
            }
            for change, entry in zip(changes, ids, strict=True)
            if change.observed
        ]
        if rows:
            await self._connection.execute(insert_or_update(self._connection, observations), rows)


class EntryStore:
    """The entries and runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def open_run(self, now: datetime) -> AsyncIterator[RunTransaction]:
        """Open the one serialised transaction that gives a run the next number; commits on a clean exit.

        No other method of a store may be called inside: SQLite has one writer.
        """
        async with self._database.write() as connection:
            number = (
                await connection.scalars(
                    update(counters).values(last_run=counters.c.last_run + 1).returning(counters.c.last_run)
                )
            ).one()
            await connection.execute(insert(runs).values(number=number, visible_at=now))
            yield RunTransaction(connection, number)

    async def save_looks(
        self,
        records: Sequence[FetchRecord],
        health: Sequence[SourceHealth],
        moved: Sequence[Move],
        answers: Mapping[str, Validators],
    ) -> None:
        """Write how each look of a pass ended that brought nothing to write (run 0)."""
        async with self._database.write() as connection:
            await _save_looks(connection, records, health, moved, answers)

    async def load_validators(self, locations: Collection[str]) -> Mapping[str, Validators]:
        """Return what the last answers of these locations left, for those that have been read."""
        found: dict[str, Validators] = {}
        async with self._database.read() as connection:
            for some in in_chunks(locations):
                for row in await connection.execute(
                    select(known_answers).where(known_answers.c.location.in_(some))
                ):
                    found[row.location] = Validators(
                        etag=row.etag,
                        last_modified=row.last_modified,
                        content_hash=row.content_hash,
                        following=row.following,
                        listed_on=row.listed_on,
                        listed=row.listed,
                    )
        return found

    async def load_known_sources(self) -> frozenset[str]:
        """Return the names of the sources that have ever brought a sighting."""
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(select(sources.c.name)))

    async def load_health(self) -> Mapping[str, SourceHealth]:
        """Return what is known of the sources that were asked before, by source name."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(source_health))
            return {
                row.source: SourceHealth(row.source, row.failures, row.not_before, row.why) for row in rows
            }

    async def load_moves(self) -> Mapping[str, Move]:
        """Return the permanent redirects that were seen, by location."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(moves))
            return {row.location: Move(row.location, row.target, row.since) for row in rows}

    async def load_fetches(self, since: datetime) -> Sequence[FetchRecord]:
        """Return the fetch records that finished at or after ``since``, by source name, then the oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(fetches)
                .where(fetches.c.finished_at >= since)
                .order_by(fetches.c.source, fetches.c.finished_at, fetches.c.id)
            )
            return [_read_fetch(row) for row in rows]

    async def load_known(self, keys: Collection[EntryKey]) -> Sequence[Entry]:
        """Return the entries that have one of the keys among theirs, by id."""
        async with self._database.read() as connection:
            return await _load_known(connection, keys)

    async def find_titles(self, words: str, limit: int) -> Sequence[Entry]:
        """Return entries whose title contains the words as they stand, case aside, the newest first."""
        title = func.lower(entries.c.title)
        async with self._database.read() as connection:
            ids = await connection.scalars(
                select(entries.c.id)
                .where(title.contains(words.lower(), autoescape=True))
                .order_by(entries.c.first_seen_at.desc(), entries.c.id.desc())
                .limit(limit)
            )
            order = {entry: place for place, entry in enumerate(ids)}
            found = await load_entries_where(connection, entries.c.id.in_(list(order)))
        return sorted(found, key=lambda entry: order[entry.id])

    async def load_history(self, entry: EntryId) -> EntryHistory:
        """Return where one entry was seen, what happened to it and its votes, each part the oldest first."""
        async with self._database.read() as connection:
            seen_in = await connection.execute(
                select(sightings)
                .where(sightings.c.entry == entry)
                .order_by(sightings.c.seen_at, sightings.c.id)
            )
            events = await connection.execute(
                select(entry_events)
                .where(entry_events.c.entry == entry)
                .order_by(entry_events.c.at, entry_events.c.id)
            )
            votes = await connection.execute(
                select(observations).where(observations.c.entry == entry).order_by(observations.c.observed_at)
            )
            return EntryHistory(
                seen_in=tuple(
                    SeenIn(
                        source=row.source,
                        guid=row.guid,
                        listed_on=date.fromisoformat(row.listed_on) if row.listed_on else None,
                        listing_url=row.listing_url,
                        seen_at=row.seen_at,
                    )
                    for row in seen_in
                ),
                events=tuple(
                    EntryEvent(EventKind(row.kind), row.detail, row.source, row.at) for row in events
                ),
                observations=tuple(Observation(row.observed_at, row.upvotes, row.comments) for row in votes),
            )

    async def newest_run(self) -> int:
        """Return the number of the newest visible run, 0 before the first."""
        async with self._database.read() as connection:
            return await connection.scalar(select(func.coalesce(func.max(runs.c.number), 0))) or 0

    async def newest_run_before(self, at: datetime) -> int:
        """Return the number of the newest run that was visible at ``at``, 0 where there was none."""
        async with self._database.read() as connection:
            newest = select(func.coalesce(func.max(runs.c.number), 0)).where(runs.c.visible_at <= at)
            return await connection.scalar(newest) or 0

    async def load_entries(self, window: Window, waiting_since: datetime | None = None) -> Sequence[Entry]:
        """Return the entries first seen in the window, and those first seen at or after
        ``waiting_since`` in an earlier run (> 0), each with its newest votes, by id."""
        seen = entries.c.first_seen_run
        wanted = and_(seen > window.after_run, seen <= window.upto_run)
        if waiting_since is not None:
            waiting = and_(seen > 0, seen <= window.after_run, entries.c.first_seen_at >= waiting_since)
            wanted = or_(wanted, waiting)
        async with self._database.read() as connection:
            return await load_entries_where(connection, wanted)

    async def load_since(self, since: datetime) -> Sequence[Entry]:
        """Return the entries listed on or after the day of ``since`` (where they have no listing date, published after
        it; without that either, first seen after it), by id."""
        unpublished = and_(entries.c.published_at.is_(None), entries.c.first_seen_at >= since)
        undated = and_(entries.c.listed_on.is_(None), or_(entries.c.published_at >= since, unpublished))
        async with self._database.read() as connection:
            return await load_entries_where(
                connection, or_(entries.c.listed_on >= since.astimezone(UTC).date(), undated)
            )

    async def load_last_fetches(self) -> Sequence[FetchRecord]:
        """Return the newest fetch record of each source, by source name."""
        newest = select(func.max(fetches.c.id)).group_by(fetches.c.source)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(fetches).where(fetches.c.id.in_(newest)).order_by(fetches.c.source)
            )
            return [_read_fetch(row) for row in rows]

    async def load_last_pass_at(self) -> datetime | None:
        """Return when the newest collect pass ended (newest finished_at of all fetch records)."""
        async with self._database.read() as connection:
            ended_at: datetime | None = await connection.scalar(select(func.max(fetches.c.finished_at)))
            return ended_at

    async def thin(self, now: datetime) -> int:
        """Keep one vote observation a day (the last) of those older than 30 days, and fetch records for 90 days;
        return how many rows went.

        Of observations whole UTC days only, and each day once: the database remembers how far it came. The
        newest record of each source stays.
        """
        before = (now - _FULL_OBSERVATIONS).astimezone(UTC)
        before = before.replace(hour=0, minute=0, second=0, microsecond=0)
        later = observations.alias()
        async with self._database.write() as connection:
            done = await connection.scalar(select(settings.c.value).where(settings.c.key == _THINNED_BEFORE))
            outdated = delete(observations).where(
                observations.c.observed_at < before,
                exists().where(
                    later.c.entry == observations.c.entry,
                    later.c.observed_at > observations.c.observed_at,
                    utc_day(later.c.observed_at) == utc_day(observations.c.observed_at),
                ),
            )
            if done is not None:
                outdated = outdated.where(observations.c.observed_at >= datetime.fromisoformat(done))
            gone = (await connection.execute(outdated)).rowcount
            newest = select(func.max(fetches.c.id)).group_by(fetches.c.source)
            old = delete(fetches).where(
                fetches.c.finished_at < now - _FETCHES_KEPT, fetches.c.id.not_in(newest)
            )
            gone += (await connection.execute(old)).rowcount
            await connection.execute(
                insert_or_update(connection, settings).values(key=_THINNED_BEFORE, value=before.isoformat())
            )
            return gone


async def _load_known(connection: AsyncConnection, keys: Collection[EntryKey]) -> list[Entry]:
    found: list[Entry] = []
    for some in in_chunks(keys):
        named = select(entry_keys.c.entry).where(entry_keys.c.key.in_(some))
        found += await load_entries_where(connection, entries.c.id.in_(named))
    return sorted({entry.id: entry for entry in found}.values(), key=lambda entry: entry.id)


async def _save_looks(
    connection: AsyncConnection,
    records: Sequence[FetchRecord],
    health: Sequence[SourceHealth],
    moved: Sequence[Move],
    answers: Mapping[str, Validators],
) -> None:
    await _save_fetches(connection, records)
    rows: list[dict[str, Any]] = [asdict(one) for one in health]
    if rows:
        await connection.execute(insert_or_update(connection, source_health), rows)
    rows = [asdict(move) for move in moved if move.target]
    if rows:
        await connection.execute(insert_or_update(connection, moves), rows)
    gone = [move.location for move in moved if not move.target]
    if gone:
        await connection.execute(delete(moves).where(moves.c.location.in_(gone)))
    rows = [{"location": location, **asdict(known)} for location, known in answers.items()]
    if rows:
        await connection.execute(insert_or_update(connection, known_answers), rows)


async def _save_fetches(connection: AsyncConnection, records: Sequence[FetchRecord]) -> None:
    if not records:
        return
    await connection.execute(
        insert(fetches),
        [
            {
                "run": record.run or None,
                "source": record.source,
                "state": record.state,
                "started_at": record.started_at,
                "finished_at": record.finished_at,
                "listed": record.listed,
                "new": record.new,
                "requests": record.requests,
                "message": record.message,
            }
            for record in records
        ],
    )


async def load_entries_where(connection: AsyncConnection, wanted: ColumnElement[bool]) -> list[Entry]:
    """Return the wanted entries with all their names and sources, by id."""
    rows = (await connection.execute(select(entries).where(wanted).order_by(entries.c.id))).all()
    aliases: dict[int, list[EntryKey]] = defaultdict(list)
    seen_in: dict[int, list[str]] = defaultdict(list)
    for ids in in_chunks([row.id for row in rows]):
        for name in await connection.execute(
            select(entry_keys.c.entry, entry_keys.c.key)
            .join(entries)
            .where(entry_keys.c.entry.in_(ids), entry_keys.c.key != entries.c.key)
            .order_by(entry_keys.c.position, entry_keys.c.key)
        ):
            aliases[name.entry].append(name.key)
        for sighting in await connection.execute(
            select(sightings.c.entry, sightings.c.source)
            .where(sightings.c.entry.in_(ids))
            .group_by(sightings.c.entry, sightings.c.source)
            .order_by(func.min(sightings.c.id))
        ):
            seen_in[sighting.entry].append(sighting.source)
    return [_read_entry(row, aliases[row.id], seen_in[row.id]) for row in rows]


def _entry_row(entry: Entry, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(entry, name) for name in _PLAIN}
    row |= {name: json.dumps(getattr(entry, name), ensure_ascii=False) for name in _LISTS}
    return row | {"first_seen_at": entry.first_seen_at or now}


def _read_entry(row: Row[Any], aliases: Iterable[EntryKey], seen_in: Iterable[str]) -> Entry:
    values = {name: getattr(row, name) for name in _PLAIN}
    values |= {name: tuple(json.loads(getattr(row, name))) for name in _LISTS}
    return Entry(**values, id=EntryId(row.id), aliases=tuple(aliases), sources=tuple(seen_in))


def _read_fetch(row: Row[Any]) -> FetchRecord:
    return FetchRecord(
        source=row.source,
        state=FetchState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        listed=row.listed,
        new=row.new,
        requests=row.requests,
        message=row.message,
        run=row.run or 0,
    )


def _sighting_row(sighting: Sighting, entry: EntryId, now: datetime) -> dict[str, Any]:
    return {
        "entry": entry,
        "source": sighting.source,
        "guid": sighting.guid,
        "listed_on": sighting.listed_on.isoformat() if sighting.listed_on else "",
        "listing_url": sighting.listing_url,
        "seen_at": now,
    }
