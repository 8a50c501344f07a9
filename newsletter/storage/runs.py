"""Runs, what each brings, and what is known of the sources, in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, bindparam, delete, exists, func, insert, select, update

from newsletter.errors import StoreError
from newsletter.model.entries import (
    Entry,
    EntryChange,
    EntryId,
    EntryKey,
    KnownPlaces,
    Place,
    Said,
    Sighting,
    Titled,
)
from newsletter.model.sources import (
    FetchRecord,
    FetchState,
    HeldBack,
    PermanentRedirect,
    SourceHealth,
    Validators,
)
from newsletter.storage.dialects import in_chunks, insert_or_ignore, insert_or_update, utc_day
from newsletter.storage.engine import Store, reading, writing
from newsletter.storage.entries import entry_row, load_entries_of, load_entries_titled
from newsletter.storage.tables import (
    counters,
    entries,
    entry_events,
    entry_keys,
    fetches,
    former_entries,
    held_back,
    moves,
    observations,
    runs,
    settings,
    sightings,
    source_health,
    sources,
)
from newsletter.storage.tables import validators as known_answers

_FULL_OBSERVATIONS = timedelta(days=30)
_HELD_BACK_KEPT = timedelta(days=60)
_THINNED_BEFORE = "observations_thinned_before"

_T = TypeVar("_T")


class RunTransaction:
    """One collect run that becomes visible, or leaves nothing. Made by RunStore.save_run."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._connection = connection
        self.number = number

    def load_known(self, keys: Collection[EntryKey]) -> Sequence[Entry]:
        """Return the entries that have one of the keys among theirs, by id."""
        return load_entries_of(self._connection, keys)

    def load_titled(self, titles: Collection[Titled]) -> Sequence[Entry]:
        """Return the entries that a source has listed under one of the titles, by id."""
        return load_entries_titled(self._connection, titles)

    def load_known_places(self, known: Collection[EntryId]) -> KnownPlaces:
        """Return where each of these entries was seen in earlier runs and what was said there, by each id given."""
        places: dict[EntryId, dict[Place, Said]] = {entry: {} for entry in known}
        for some in in_chunks(known):
            for row in self._connection.execute(select(sightings).where(sightings.c.entry.in_(some))):
                said = Said(row.title_hash, row.published_at)
                places[row.entry][row.source, row.guid, row.listed_on] = said
        return places

    def load_newest(self) -> Mapping[str, datetime | None]:
        """Return of each source that has brought a sighting in an earlier run when its newest entry was published,
        None where no entry had a date."""
        rows = self._connection.execute(
            select(sources.c.name, sources.c.newest_at).where(sources.c.first_run < self.number)
        )
        return {row.name: row.newest_at for row in rows}

    def save(self, changes: Sequence[EntryChange], now: datetime) -> None:
        """Write entries, aliases, sightings, events and vote observations.

        Raises StoreError where a key belongs to an entry that is not absorbed.
        """
        # Here and below: it folds words, which is dear to import, and most looks bring nothing.
        from newsletter.storage.word_index import load_indexed

        for change in changes:
            self._absorb(change)
        indexed = load_indexed(self._connection, [change.entry.id for change in changes if change.entry.id])
        ids = self._save_entries(changes, now)
        self._save_words(changes, ids, indexed)
        self._save_keys(changes, ids)
        self._save_sightings(changes, ids, now)
        self._save_events(changes, ids, now)
        self._save_observations(changes, ids, now)
        self._save_held_back(changes, ids, now)

    def save_looks(
        self,
        records: Sequence[FetchRecord],
        health: Sequence[SourceHealth],
        moved: Sequence[PermanentRedirect],
        answers: Mapping[str, Validators],
    ) -> None:
        """Write how each look ended. health, moved and answers replace what was known of the same source and location;
        a Move with an empty target is forgotten."""
        _save_looks(self._connection, records, health, moved, answers)

    def _absorb(self, change: EntryChange) -> None:
        """Pass all that hangs on the absorbed entries to the survivor, and delete them.

        What the survivor has already (the same moment, the same place, the same mail) is not kept twice.
        """
        from newsletter.storage.word_index import delete_words

        if change.absorbs and not change.entry.id:
            raise StoreError(f"{change.entry.key} is new and cannot absorb entries that are known")
        for absorbed in change.absorbs:
            self._move(entry_keys, absorbed, change.entry.id)
            self._move(sightings, absorbed, change.entry.id, "source", "guid", "listed_on")
            self._move(entry_events, absorbed, change.entry.id, "kind", "detail")
            self._move(observations, absorbed, change.entry.id, "observed_at")
            self._move(former_entries, absorbed, change.entry.id)
            self._connection.execute(insert(former_entries).values(former=absorbed, entry=change.entry.id))
            delete_words(self._connection, absorbed)
            self._connection.execute(delete(held_back).where(held_back.c.entry == absorbed))
            self._connection.execute(delete(entries).where(entries.c.id == absorbed))

    def _move(self, table: Table, absorbed: EntryId, survivor: EntryId, *identity: str) -> None:
        """Move rows to another entry. identity: the columns that, with the entry, make a row unique."""
        moving = update(table).where(table.c.entry == absorbed).values(entry=survivor)
        if identity:
            there = table.alias()
            same = (there.c[name] == table.c[name] for name in identity)
            moving = moving.where(~exists().where(there.c.entry == survivor, *same))
        self._connection.execute(moving)
        self._connection.execute(delete(table).where(table.c.entry == absorbed))

    def _save_entries(self, changes: Sequence[EntryChange], now: datetime) -> list[EntryId]:
        """Insert the new entries and overwrite the known ones; return the id of each."""
        known = [change.entry for change in changes if change.entry.id]
        if known:
            self._connection.execute(
                update(entries).where(entries.c.id == bindparam("entry_id")),
                [{"entry_id": entry.id, **entry_row(entry, now)} for entry in known],
            )
        new = [change.entry for change in changes if not change.entry.id]
        given: dict[str, EntryId] = {}
        if new:
            self._connection.execute(insert(entries), [entry_row(entry, now) for entry in new])
        for keys in in_chunks([entry.key for entry in new]):
            rows = self._connection.execute(
                select(entries.c.key, entries.c.id).where(entries.c.key.in_(keys))
            )
            given |= {row.key: row.id for row in rows}
        return [change.entry.id or given[change.entry.key] for change in changes]

    def _save_words(
        self, changes: Sequence[EntryChange], ids: Sequence[EntryId], indexed: Mapping[EntryId, Entry]
    ) -> None:
        """Put the entries into the full-text index whose texts are not as they were."""
        from newsletter.storage.word_index import has_same_words, save_words

        changed = [
            (entry, change.entry)
            for change, entry in zip(changes, ids, strict=True)
            if entry not in indexed or not has_same_words(indexed[entry], change.entry)
        ]
        save_words(self._connection, changed)

    def _save_keys(self, changes: Sequence[EntryChange], ids: Sequence[EntryId]) -> None:
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
            taken = self._connection.execute(
                select(entry_keys.c.key, entry_keys.c.entry).where(entry_keys.c.key.in_(some))
            )
            for key, owner in taken:
                if owners[key] != owner:
                    raise StoreError(f"{key} belongs to another entry that was not absorbed")
        if rows:
            self._connection.execute(insert_or_update(self._connection, entry_keys), rows)

    def _save_sightings(self, changes: Sequence[EntryChange], ids: Sequence[EntryId], now: datetime) -> None:
        """Write where each entry was seen, once, and what was said of it; of the sources when their newest entry was
        published."""
        rows = [
            _sighting_row(sighting, entry, now)
            for change, entry in zip(changes, ids, strict=True)
            for sighting in change.sightings
        ]
        if not rows:
            return
        self._connection.execute(
            insert_or_update(
                self._connection,
                sightings,
                unique=("entry", "source", "guid", "listed_on"),
                changed=("title_hash", "published_at"),
            ),
            rows,
        )
        newest: dict[str, datetime | None] = dict.fromkeys(sorted({row["source"] for row in rows}))
        for sighting in (sighting for change in changes for sighting in change.sightings):
            at = sighting.entry.published_at
            if at:
                # A date in the future must not make old what comes until then.
                newest[sighting.source] = max(filter(None, [newest[sighting.source], min(at, now)]))
        self._connection.execute(
            insert_or_ignore(self._connection, sources),
            [{"name": name, "first_run": self.number} for name in newest],
        )
        for name, at in newest.items():
            if at is not None:
                is_older = sources.c.newest_at.is_(None) | (sources.c.newest_at < at)
                self._connection.execute(
                    update(sources).where(sources.c.name == name, is_older).values(newest_at=at)
                )

    def _save_events(self, changes: Sequence[EntryChange], ids: Sequence[EntryId], now: datetime) -> None:
        """Write what happened to works, each thing once."""
        rows = [
            {"entry": entry, "kind": event.kind, "detail": event.detail, "source": event.source, "at": now}
            for change, entry in zip(changes, ids, strict=True)
            for event in change.events
        ]
        if rows:
            self._connection.execute(insert_or_ignore(self._connection, entry_events), rows)

    def _save_observations(
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
            self._connection.execute(insert_or_update(self._connection, observations), rows)

    def _save_held_back(self, changes: Sequence[EntryChange], ids: Sequence[EntryId], now: datetime) -> None:
        """Write which entries nobody gets unless the operator lets them out."""
        rows = [
            {"entry": entry, "source": change.sightings[0].source, "held_at": now}
            for change, entry in zip(changes, ids, strict=True)
            if change.held_back
        ]
        if rows:
            self._connection.execute(insert_or_ignore(self._connection, held_back), rows)


class RunStore(Store):
    """Runs, and what is known of the sources."""

    @writing
    def save_run(self, connection: Connection, now: datetime, work: Callable[[RunTransaction], _T]) -> _T:
        """Give a run the next number and let work fill it, one run after another; return what work returns.

        Work may be called again, in a transaction that has left nothing; it calls no other store.
        """
        return work(RunTransaction(connection, _begin_run(connection, now)))

    @writing
    def save_looks(
        self,
        connection: Connection,
        records: Sequence[FetchRecord],
        health: Sequence[SourceHealth],
        moved: Sequence[PermanentRedirect],
        answers: Mapping[str, Validators],
    ) -> None:
        """Write how each look of a pass ended that brought nothing to write (run 0)."""
        _save_looks(connection, records, health, moved, answers)

    @reading
    def load_validators(self, connection: Connection, locations: Collection[str]) -> Mapping[str, Validators]:
        """Return what the last answers of these locations left, for those that have been read."""
        found: dict[str, Validators] = {}
        for some in in_chunks(locations):
            for row in connection.execute(select(known_answers).where(known_answers.c.location.in_(some))):
                found[row.location] = Validators(
                    etag=row.etag,
                    last_modified=row.last_modified,
                    content_hash=row.content_hash,
                    following=row.following,
                    listed_on=row.listed_on,
                    listed=row.listed,
                    read_at=row.read_at,
                )
        return found

    @reading
    def load_known_sources(self, connection: Connection) -> frozenset[str]:
        """Return the names of the sources that have ever brought a sighting."""
        return frozenset(connection.scalars(select(sources.c.name)))

    @reading
    def load_health(self, connection: Connection) -> Mapping[str, SourceHealth]:
        """Return what is known of the sources that were asked before, by source name."""
        rows = connection.execute(select(source_health))
        return {row.source: SourceHealth(row.source, row.failures, row.not_before, row.why) for row in rows}

    @reading
    def load_moves(self, connection: Connection) -> Mapping[str, PermanentRedirect]:
        """Return the permanent redirects that were seen, by location."""
        rows = connection.execute(select(moves))
        return {row.location: PermanentRedirect(row.location, row.target, row.since) for row in rows}

    @reading
    def load_held_back(self, connection: Connection) -> Sequence[HeldBack]:
        """Return of each source that has entries held back how many, and since when, by source name."""
        rows = connection.execute(
            select(held_back.c.source, func.count(), func.min(held_back.c.held_at))
            .group_by(held_back.c.source)
            .order_by(held_back.c.source)
        )
        return [HeldBack(source, count, since) for source, count, since in rows]

    @writing
    def release(self, connection: Connection, source: str, now: datetime) -> int:
        """Make what is held back of a source new, in a run of its own; return how many entries that are."""
        held = list(connection.scalars(select(held_back.c.entry).where(held_back.c.source == source)))
        if held:
            number = _begin_run(connection, now)
            for some in in_chunks(held):
                connection.execute(
                    update(entries)
                    .where(entries.c.id.in_(some))
                    .values(first_seen_run=number, first_seen_at=now)
                )
            connection.execute(delete(held_back).where(held_back.c.source == source))
        return len(held)

    @reading
    def load_fetches(self, connection: Connection, since: datetime) -> Sequence[FetchRecord]:
        """Return the fetch records that finished at or after ``since``, by source name, then the oldest first."""
        rows = connection.execute(
            select(fetches)
            .where(fetches.c.finished_at >= since)
            .order_by(fetches.c.source, fetches.c.finished_at, fetches.c.id)
        )
        return [_read_fetch(row) for row in rows]

    @reading
    def load_last_fetches(self, connection: Connection) -> Sequence[FetchRecord]:
        """Return the newest fetch record of each source, by source name."""
        newest = select(func.max(fetches.c.id)).group_by(fetches.c.source)
        rows = connection.execute(select(fetches).where(fetches.c.id.in_(newest)).order_by(fetches.c.source))
        return [_read_fetch(row) for row in rows]

    @reading
    def load_last_pass_at(self, connection: Connection) -> datetime | None:
        """Return when the newest collect pass ended (newest finished_at of all fetch records)."""
        ended_at: datetime | None = connection.scalar(select(func.max(fetches.c.finished_at)))
        return ended_at

    @writing
    def thin(self, connection: Connection, now: datetime, looks_kept: timedelta) -> int:
        """Keep one vote observation a day (the last) of those older than 30 days, fetch records for so long and what is
        held back for 60 days; return how many rows went.

        Of observations whole UTC days only, and each day once: the database remembers how far it came. The
        newest record of each source stays.
        """
        before = (now - _FULL_OBSERVATIONS).astimezone(UTC)
        before = before.replace(hour=0, minute=0, second=0, microsecond=0)
        later = observations.alias()
        done = connection.scalar(select(settings.c.value).where(settings.c.key == _THINNED_BEFORE))
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
        gone = connection.execute(outdated).rowcount
        newest = select(func.max(fetches.c.id)).group_by(fetches.c.source)
        old = delete(fetches).where(fetches.c.finished_at < now - looks_kept, fetches.c.id.not_in(newest))
        gone += connection.execute(old).rowcount
        outlived = delete(held_back).where(held_back.c.held_at < now - _HELD_BACK_KEPT)
        gone += connection.execute(outlived).rowcount
        connection.execute(
            insert_or_update(connection, settings).values(key=_THINNED_BEFORE, value=before.isoformat())
        )
        return gone


def _begin_run(connection: Connection, now: datetime) -> int:
    """Give a run the next number; one waits here for the other."""
    number: int = connection.scalars(
        update(counters).values(last_run=counters.c.last_run + 1).returning(counters.c.last_run)
    ).one()
    connection.execute(insert(runs).values(number=number, visible_at=now))
    return number


def _save_looks(
    connection: Connection,
    records: Sequence[FetchRecord],
    health: Sequence[SourceHealth],
    moved: Sequence[PermanentRedirect],
    answers: Mapping[str, Validators],
) -> None:
    _save_fetches(connection, records)
    rows: list[dict[str, Any]] = [asdict(one) for one in health]
    if rows:
        connection.execute(insert_or_update(connection, source_health), rows)
    rows = [asdict(move) for move in moved if move.target]
    if rows:
        connection.execute(insert_or_update(connection, moves), rows)
    gone = [move.location for move in moved if not move.target]
    if gone:
        connection.execute(delete(moves).where(moves.c.location.in_(gone)))
    rows = [{"location": location, **asdict(known)} for location, known in answers.items()]
    if rows:
        connection.execute(insert_or_update(connection, known_answers), rows)


def _save_fetches(connection: Connection, records: Sequence[FetchRecord]) -> None:
    if not records:
        return
    connection.execute(
        insert(fetches),
        [{**asdict(record), "run": record.run or None} for record in records],
    )


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
        "title_hash": sighting.said.title,
        "published_at": sighting.said.at,
    }
