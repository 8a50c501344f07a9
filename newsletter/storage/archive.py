"""The archive: what everybody may see of the entries, by date, by name and by words. Only reads.

An edition is a date. To it belong the entries that a source listed on it, and those that no source gives a date and
that we first saw on it (UTC). Entries that no source lists, which readers named, are in no edition and in no answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from newsletter.match.alike import MOST_HITS, choose_alike, choose_probes
from newsletter.model.editions import Edition, EditionEntry, EditionSize
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.storage.dialects import in_chunks, utc_day
from newsletter.storage.engine import Store, reading
from newsletter.storage.entries import load_entries_where
from newsletter.storage.tables import entries, entry_events, pictures, runs, sightings
from newsletter.storage.word_index import MOST_RUNS, count_runs, find_words

if TYPE_CHECKING:
    from newsletter.match.lookup import Lookup

MOST_FOUND = 2_000
"""So many entries that have the words looked for are taken note of, the newest."""

_IS_LISTED = exists().where(sightings.c.entry == entries.c.id)


@dataclass(frozen=True, slots=True)
class Found:
    """Some of the entries that have the words looked for. total counts them, up to MOST_FOUND."""

    total: int
    entries: tuple[Entry, ...]


class Archive(Store):
    """The archive of one database."""

    @reading
    def load_version(self, connection: Connection) -> int:
        """Return a number that is another one whenever something in the archive has changed: each run and each new
        picture makes it larger."""
        newest_run = select(func.coalesce(func.max(runs.c.number), 0)).scalar_subquery()
        newest_picture = select(func.coalesce(func.max(pictures.c.id), 0)).scalar_subquery()
        return connection.scalar(select(newest_run + newest_picture)) or 0

    @reading
    def load_editions(self, connection: Connection) -> Sequence[EditionSize]:
        """Return the dates that have entries, the newest first."""
        papers: Counter[date] = Counter()
        listed = (
            select(sightings.c.listed_on, func.count(sightings.c.entry.distinct()))
            .where(sightings.c.listed_on != "")
            .group_by(sightings.c.listed_on)
        )
        seen_on = utc_day(entries.c.first_seen_at)
        undated = (
            select(seen_on, func.count()).where(entries.c.listed_on.is_(None), _IS_LISTED).group_by(seen_on)
        )
        for day, number in connection.execute(listed):
            papers[date.fromisoformat(day)] += number
        for day, number in connection.execute(undated):
            papers[day if isinstance(day, date) else date.fromisoformat(day)] += number
        return [EditionSize(day, papers[day]) for day in sorted(papers, reverse=True)]

    @reading
    def load_edition(self, connection: Connection, day: date) -> Edition:
        """Return one date, which may have no entries."""
        found = load_entries_where(connection, _is_of(day))
        previous = _find_nearest(connection, day, is_later=False)
        following = _find_nearest(connection, day, is_later=True)
        ordered = sorted(found, key=_order_of_day)
        return Edition(
            day,
            tuple(EditionEntry(entry, entry.listed_on in (None, day)) for entry in ordered),
            previous,
            following,
        )

    @reading
    def load_newest(self, connection: Connection, limit: int) -> Sequence[Entry]:
        """Return the entries of the newest runs, the newest run first, each in the order of a day."""
        newest = (
            select(entries.c.id)
            .where(_IS_LISTED)
            .order_by(
                entries.c.first_seen_run.desc(),
                func.coalesce(entries.c.upvotes, -1).desc(),
                entries.c.key,
            )
            .limit(limit)
        )
        return _load_in_order(connection, list(connection.scalars(newest)))

    @reading
    def load_changed_at(self, connection: Connection, ids: Collection[EntryId]) -> Mapping[EntryId, datetime]:
        """Return when the newest event of each entry was seen, for those that have any."""
        changed: dict[EntryId, datetime] = {}
        for some in in_chunks(ids):
            for row in connection.execute(
                select(entry_events.c.entry, func.max(entry_events.c.at).label("at"))
                .where(entry_events.c.entry.in_(some))
                .group_by(entry_events.c.entry)
            ):
                changed[row.entry] = row.at
        return changed

    @reading
    def count_papers(self, connection: Connection) -> int:
        """Return how many papers there are."""
        return _count_papers(connection)

    @reading
    def load_keys(self, connection: Connection, *, offset: int = 0, limit: int) -> Sequence[EntryKey]:
        """Return the canonical keys of papers, the oldest first."""
        keys = select(entries.c.key).where(_IS_LISTED).order_by(entries.c.id).offset(offset).limit(limit)
        return [EntryKey(key) for key in connection.scalars(keys)]

    @reading
    def search(self, connection: Connection, lookup: Lookup, *, offset: int = 0, limit: int = 50) -> Found:
        """Return the entries that have all that is looked for: those that have it in the title, then the others, each
        the newest first."""
        if count_runs(lookup) > MOST_RUNS:
            return Found(0, ())
        titles = find_words(connection, lookup, MOST_FOUND, in_title=True)
        anywhere = find_words(connection, lookup, MOST_FOUND)
        found = list(dict.fromkeys([*titles, *anywhere]))[:MOST_FOUND]
        return Found(len(found), tuple(_load_in_order(connection, found[offset : offset + limit])))

    @reading
    def load_candidates(self, connection: Connection, lookup: Lookup | None, limit: int) -> Sequence[Entry]:
        """Return the newest entries that have what is looked for, the newest first; None looks for nothing, and then
        these are simply the newest."""
        if lookup is not None and count_runs(lookup) > MOST_RUNS:
            lookup = None
        if lookup is None:
            newest = select(entries.c.id).where(_IS_LISTED).order_by(entries.c.id.desc()).limit(limit)
            return _load_in_order(connection, list(connection.scalars(newest)))
        return _load_in_order(connection, find_words(connection, lookup, limit))

    @reading
    def find_alike(self, connection: Connection, entry: Entry, limit: int) -> Sequence[Entry]:
        """Return the papers that are most like one of ours, at most ``limit``; none that is withdrawn."""
        found = [(probe, find_words(connection, probe.lookup, MOST_HITS)) for probe in choose_probes(entry)]
        alike = choose_alike(entry.id, found, _count_papers(connection))
        near = _load_in_order(connection, alike[: 2 * limit])
        return [other for other in near if not other.withdrawn][:limit]


def _count_papers(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(entries).where(_IS_LISTED)) or 0


def _order_of_day(entry: Entry) -> tuple[bool, int, EntryKey]:
    return entry.upvotes is None, -(entry.upvotes or 0), entry.key


def _is_of(day: date) -> ColumnElement[bool]:
    """Return the condition that an entry belongs to a date."""
    begins_at = datetime.combine(day, time(), UTC)
    listed = select(sightings.c.entry).where(sightings.c.listed_on == day.isoformat())
    undated = select(entries.c.id).where(
        entries.c.listed_on.is_(None),
        entries.c.first_seen_at >= begins_at,
        entries.c.first_seen_at < begins_at + timedelta(days=1),
        _IS_LISTED,
    )
    return entries.c.id.in_(listed.union(undated))


def _find_nearest(connection: Connection, day: date, *, is_later: bool) -> date | None:
    """Return the nearest date before or after a day that has entries, None where there is none."""
    listed_on, seen_at = sightings.c.listed_on, entries.c.first_seen_at
    begins_at = datetime.combine(day, time(), UTC)
    undated = and_(entries.c.listed_on.is_(None), _IS_LISTED)
    if is_later:
        listed = select(func.min(listed_on)).where(listed_on > day.isoformat())
        seen = select(func.min(seen_at)).where(undated, seen_at >= begins_at + timedelta(days=1))
    else:
        listed = select(func.max(listed_on)).where(listed_on < day.isoformat(), listed_on != "")
        seen = select(func.max(seen_at)).where(undated, seen_at < begins_at)
    found = []
    if iso := connection.scalar(listed):
        found.append(date.fromisoformat(iso))
    if at := connection.scalar(seen):
        found.append(at.date())
    return (min(found) if is_later else max(found)) if found else None


def _load_in_order(connection: Connection, ids: Sequence[EntryId]) -> list[Entry]:
    """Return entries in the order of the ids, without those that no source lists."""
    found: dict[EntryId, Entry] = {}
    for some in in_chunks(ids):
        for entry in load_entries_where(connection, entries.c.id.in_(some)):
            found[entry.id] = entry
    return [found[number] for number in ids if number in found and found[number].sources]
