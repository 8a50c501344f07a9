"""Entries and what happened to them, in the database."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from newsletter.model.entries import (
    Entry,
    EntryEvent,
    EntryHistory,
    EntryId,
    EntryKey,
    EventKind,
    Observation,
    SeenIn,
    Titled,
)
from newsletter.storage.dialects import in_chunks
from newsletter.storage.engine import Store, reading
from newsletter.storage.tables import entries, entry_events, entry_keys, observations, runs, sightings

if TYPE_CHECKING:
    from newsletter.model.digest import Window

# Lists are JSON text, the rest are columns of the same name. Keys and sources stand in tables of their own.
_LISTS = ("authors", "categories", "ai_keywords", "media_urls")
_ELSEWHERE = ("id", "aliases", "sources")
_PLAIN = tuple(field.name for field in fields(Entry) if field.name not in (*_LISTS, *_ELSEWHERE))


class EntryStore(Store):
    """The entries of one database. Windows are counted in runs, so it tells the newest, too."""

    @reading
    def load_known(self, connection: Connection, keys: Collection[EntryKey]) -> Sequence[Entry]:
        """Return the entries that have one of the keys among theirs, by id."""
        return load_entries_of(connection, keys)

    @reading
    def find_titles(self, connection: Connection, words: str, limit: int) -> Sequence[Entry]:
        """Return entries whose title contains the words as they stand, case aside, the newest first."""
        title = func.lower(entries.c.title)
        ids = connection.scalars(
            select(entries.c.id)
            .where(title.contains(words.lower(), autoescape=True))
            .order_by(entries.c.first_seen_at.desc(), entries.c.id.desc())
            .limit(limit)
        )
        order = {entry: place for place, entry in enumerate(ids)}
        found = load_entries_where(connection, entries.c.id.in_(list(order)))
        return sorted(found, key=lambda entry: order[entry.id])

    @reading
    def load_history(self, connection: Connection, entry: EntryId) -> EntryHistory:
        """Return where one entry was seen, what happened to it and its votes, each part the oldest first."""
        seen_in = connection.execute(
            select(sightings).where(sightings.c.entry == entry).order_by(sightings.c.seen_at, sightings.c.id)
        )
        events = connection.execute(
            select(entry_events)
            .where(entry_events.c.entry == entry)
            .order_by(entry_events.c.at, entry_events.c.id)
        )
        votes = connection.execute(
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
            events=tuple(EntryEvent(EventKind(row.kind), row.detail, row.source, row.at) for row in events),
            observations=tuple(Observation(row.observed_at, row.upvotes, row.comments) for row in votes),
        )

    @reading
    def newest_run(self, connection: Connection) -> int:
        """Return the number of the newest visible run, 0 before the first."""
        return connection.scalar(select(func.coalesce(func.max(runs.c.number), 0))) or 0

    @reading
    def newest_run_before(self, connection: Connection, at: datetime) -> int:
        """Return the number of the newest run that was visible at ``at``, 0 where there was none."""
        newest = select(func.coalesce(func.max(runs.c.number), 0)).where(runs.c.visible_at <= at)
        return connection.scalar(newest) or 0

    @reading
    def load_entries(
        self, connection: Connection, window: Window, waiting_since: datetime | None = None
    ) -> Sequence[Entry]:
        """Return the entries first seen in the window, and those first seen at or after
        ``waiting_since`` in an earlier run (> 0), each with its newest votes, by id."""
        seen = entries.c.first_seen_run
        wanted = and_(seen > window.after_run, seen <= window.upto_run)
        if waiting_since is not None:
            waiting = and_(seen > 0, seen <= window.after_run, entries.c.first_seen_at >= waiting_since)
            wanted = or_(wanted, waiting)
        return load_entries_where(connection, wanted)

    @reading
    def load_since(self, connection: Connection, since: datetime) -> Sequence[Entry]:
        """Return the entries listed on or after the day of ``since`` (where they have no listing date, published after
        it; without that either, first seen after it), by id."""
        unpublished = and_(entries.c.published_at.is_(None), entries.c.first_seen_at >= since)
        undated = and_(entries.c.listed_on.is_(None), or_(entries.c.published_at >= since, unpublished))
        return load_entries_where(
            connection, or_(entries.c.listed_on >= since.astimezone(UTC).date(), undated)
        )


def load_entries_of(connection: Connection, keys: Collection[EntryKey]) -> list[Entry]:
    """Return the entries that have one of the keys among theirs, by id."""
    found: list[Entry] = []
    for some in in_chunks(keys):
        named = select(entry_keys.c.entry).where(entry_keys.c.key.in_(some))
        found += load_entries_where(connection, entries.c.id.in_(named))
    return sorted({entry.id: entry for entry in found}.values(), key=lambda entry: entry.id)


def load_entries_titled(connection: Connection, titles: Collection[Titled]) -> list[Entry]:
    """Return the entries that a source has listed under one of the titles, by id."""
    ids: set[int] = set()
    for source in {title.source for title in titles}:
        for some in in_chunks([title.title for title in titles if title.source == source]):
            ids |= set(
                connection.scalars(
                    select(sightings.c.entry).where(
                        sightings.c.source == source, sightings.c.title_hash.in_(some)
                    )
                )
            )
    found = [
        entry for some in in_chunks(ids) for entry in load_entries_where(connection, entries.c.id.in_(some))
    ]
    return sorted(found, key=lambda entry: entry.id)


def load_entries_where(connection: Connection, wanted: ColumnElement[bool]) -> list[Entry]:
    """Return the wanted entries with all their names and sources, by id."""
    rows = connection.execute(select(entries).where(wanted).order_by(entries.c.id)).all()
    aliases: dict[int, list[EntryKey]] = defaultdict(list)
    seen_in: dict[int, list[str]] = defaultdict(list)
    for ids in in_chunks([row.id for row in rows]):
        for name in connection.execute(
            select(entry_keys.c.entry, entry_keys.c.key)
            .join(entries)
            .where(entry_keys.c.entry.in_(ids), entry_keys.c.key != entries.c.key)
            .order_by(entry_keys.c.position, entry_keys.c.key)
        ):
            aliases[name.entry].append(name.key)
        for sighting in connection.execute(
            select(sightings.c.entry, sightings.c.source)
            .where(sightings.c.entry.in_(ids))
            .group_by(sightings.c.entry, sightings.c.source)
            .order_by(func.min(sightings.c.id))
        ):
            seen_in[sighting.entry].append(sighting.source)
    return [_read_entry(row, aliases[row.id], seen_in[row.id]) for row in rows]


def entry_row(entry: Entry, now: datetime) -> dict[str, Any]:
    """Return the columns of an entry; one that is new was seen first now."""
    row: dict[str, Any] = {name: getattr(entry, name) for name in _PLAIN}
    row |= {name: json.dumps(getattr(entry, name), ensure_ascii=False) for name in _LISTS}
    return row | {"first_seen_at": entry.first_seen_at or now}


def _read_entry(row: Row[Any], aliases: Iterable[EntryKey], seen_in: Iterable[str]) -> Entry:
    values = {name: getattr(row, name) for name in _PLAIN}
    values |= {name: tuple(json.loads(getattr(row, name))) for name in _LISTS}
    return Entry(**values, id=EntryId(row.id), aliases=tuple(aliases), sources=tuple(seen_in))
