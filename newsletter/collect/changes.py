"""What a run has to write: the works that differ from what is known, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import reduce

from newsletter.collect.identity import merge_entries
from newsletter.model import Entry, EntryChange, EntryKey, Sighting


def choose_changes(
    known: Sequence[Entry],
    sightings: Sequence[Sighting],
    *,
    run: int,
    now: datetime,
    known_sources: frozenset[str],
) -> tuple[EntryChange, ...]:
    """Return one change for each work that differs from what is known, in the order of the sightings.

    Sightings that share a key are one work, also where only a known entry links them; of a work that is
    known under two ids the older id stays and absorbs the others. known holds every entry that
    has a key of one of the sightings. A new entry gets run and now as its first sight.

    A source that is not in known_sources has its first run, the baseline: of it only the newest listing
    date is new, everything older gets first_seen_run 0.
    """
    baseline = _choose_baseline(sightings, known_sources, now.date())
    changes = []
    for entries, seen in _group(known, sightings):
        if entries:
            change = _choose_known(entries, seen)
        else:
            is_new = any(sighting not in baseline for sighting in seen)
            change = _build_new(seen, run if is_new else 0, now)
        if change is not None:
            changes.append(change)
    return tuple(changes)


def _choose_known(known: Sequence[Entry], seen: Sequence[Sighting]) -> EntryChange | None:
    """Return what the sightings change in entries that are known and one work; None for nothing."""
    first, *others = sorted(known, key=lambda entry: entry.id)
    before = reduce(merge_entries, others, merge_entries(first, first))
    after = reduce(merge_entries, (sighting.entry for sighting in seen), before)
    if after == before and not others:
        return None
    return EntryChange(
        entry=after,
        sightings=_without_repeats(seen),
        absorbs=tuple(entry.id for entry in others),
        observed=(after.upvotes, after.comments) != (before.upvotes, before.comments),
    )


def _build_new(seen: Sequence[Sighting], run: int, now: datetime) -> EntryChange:
    entry = reduce(merge_entries, (sighting.entry for sighting in seen))
    return EntryChange(
        entry=replace(entry, first_seen_run=run, first_seen_at=now),
        sightings=_without_repeats(seen),
        observed=entry.upvotes is not None or entry.comments is not None,
    )


def _without_repeats(seen: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Return the sightings, of several in the same place the last one (pages of a listing overlap)."""
    places = {(sighting.source, sighting.guid, sighting.listed_on): sighting for sighting in seen}
    return tuple(places.values())


def _choose_baseline(
    sightings: Sequence[Sighting], known_sources: frozenset[str], today: date
) -> frozenset[Sighting]:
    """Return the sightings that were there before we came: of each new source all but its newest date.

    Dates after today count as today: a pinned announcement must not make everything else old.
    """
    newest: dict[str, date] = {}
    dates: list[tuple[Sighting, date | None]] = []
    for sighting in sightings:
        if sighting.source in known_sources:
            continue
        listed_on = _date_of(sighting, today)
        dates.append((sighting, listed_on))
        if listed_on:
            newest[sighting.source] = max(listed_on, newest.get(sighting.source, listed_on))
    return frozenset(sighting for sighting, on in dates if on != newest.get(sighting.source))


def _date_of(sighting: Sighting, today: date) -> date | None:
    published_at = sighting.entry.published_at
    on = sighting.listed_on or (published_at.date() if published_at else None)
    return min(on, today) if on else None


def _group(known: Sequence[Entry], sightings: Sequence[Sighting]) -> list[tuple[list[Entry], list[Sighting]]]:
    """Return each work with its known entries and its sightings, in the order of the sightings.

    Works without a sighting are left out.
    """
    links = _Links()
    for entry in (*known, *(sighting.entry for sighting in sightings)):
        for alias in entry.aliases:
            links.join(entry.key, alias)
    groups: dict[EntryKey, tuple[list[Entry], list[Sighting]]] = {}
    for sighting in sightings:
        groups.setdefault(links.root(sighting.entry.key), ([], []))[1].append(sighting)
    for entry in known:
        if group := groups.get(links.root(entry.key)):
            group[0].append(entry)
    return list(groups.values())


class _Links:
    """Which keys belong together (union-find)."""

    def __init__(self) -> None:
        self._parents: dict[EntryKey, EntryKey] = {}

    def root(self, key: EntryKey) -> EntryKey:
        while (parent := self._parents.get(key, key)) != key:
            # Halving the path keeps long chains of aliases cheap.
            self._parents[key] = self._parents.get(parent, parent)
            key = parent
        return key

    def join(self, one: EntryKey, other: EntryKey) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self._parents[other] = one
