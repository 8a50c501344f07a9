"""What a run has to write: the works that differ from what is known, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from newsletter.collect.dam import choose_held_back
from newsletter.collect.identity import merge_versions, update_entry
from newsletter.collect.linkage import link
from newsletter.model.entries import (
    Announce,
    Entry,
    EntryChange,
    EntryEvent,
    EventKind,
    KnownPlaces,
    Place,
    Said,
    Sighting,
)

_REPLACED = frozenset([Announce.REPLACE, Announce.REPLACE_CROSS])
_UNDATED_NEW = 5
_MAX_PLACES = 24
_NEVER_NEW = _REPLACED | {Announce.NAMED, Announce.DELETED}
_NOT_LISTED = frozenset([Announce.NAMED, Announce.DELETED])

# https://arxiv.org/category_taxonomy; other sources call their own tags categories.
_ARXIV_CATEGORY = re.compile(
    r"(?:astro-ph|cond-mat|cs|econ|eess|math|nlin|physics|q-bio|q-fin|stat)\.[A-Za-z-]{2,}"
    r"|gr-qc|hep-(?:ex|lat|ph|th)|math-ph|nucl-(?:ex|th)|quant-ph"
)


def choose_changes(
    known: Sequence[Entry],
    sightings: Sequence[Sighting],
    *,
    run: int,
    now: datetime,
    newest: Mapping[str, datetime | None],
    feeds: Collection[str],
    known_places: KnownPlaces,
) -> tuple[EntryChange, ...]:
    """Return one change for each work that differs from what is known, in the order of the sightings.

    ``collect.linkage`` says what is one work; of one that is known under two ids the older id stays and absorbs the
    others. known holds every entry that may be meant, known_places where these were seen. A known entry in a new place
    is a change too, and a change has only the sightings in new places, or that say something else there.

    A new entry gets run and now as its first sight. It gets first_seen_run 0 if it is not new to the world: if it is
    only listed as replaced, stands in the baseline, or is held back (``collect.dam``, of feeds). The baseline is what
    a source lists in its first run (it is not in newest, which tells of each known source when its newest entry was
    published) under another than its newest listing date, and all but the first five items where nothing has a date.
    A paper that was only named by a reader is in no place yet: the first source that lists it makes it new. What a
    source has deleted is withdrawn, where no other source has it.

    Events: a known work has a higher version than before, arXiv categories that it did not have, or was
    withdrawn. The version of a work that is listed as replaced is an event from 2 on, though none was known.
    """
    baseline = _choose_baseline(sightings, frozenset(newest), now.date())
    works = link(known, known_places, sightings)
    known_feeds = {source: at for source, at in newest.items() if source in feeds}
    held = choose_held_back(works, known, known_places, known_feeds, now)
    changes = []
    for work in works:
        fresh = [
            number
            for number, sighting in zip(work.numbers, work.sightings, strict=True)
            if number not in baseline and sighting.announce not in _NEVER_NEW
        ]
        is_new = any(number not in held for number in fresh)
        if work.known:
            places: dict[Place, Said] = {}
            for entry in work.known:
                places |= known_places.get(entry.id, {})
            change = _choose_known(work.known, work.sightings, places)
            if change and is_new and not places:
                first = replace(change.entry, first_seen_run=run, first_seen_at=now)
                change = replace(change, entry=first)
        elif _is_deleted(work.sightings):
            continue
        else:
            change = _build_new(work.sightings, run if is_new else 0, now)
            change = replace(change, held_back=bool(fresh) and not is_new)
        if change is not None:
            changes.append(change)
    return tuple(changes)


def is_stale_batch(
    sightings: Sequence[Sighting],
    known: Sequence[Entry],
    known_places: KnownPlaces,
    source: str,
) -> bool:
    """Tell whether a source that lists in batches serves an earlier one again, under a later date.

    So it is if it has listed every one of these items under an earlier date and none of them yet under this one, and
    if nothing has a higher version or another category than we know (replacements are known papers, too).
    False where it lists nothing. known and known_places as for ``choose_changes``.
    """
    by_key = {key: entry for entry in known for key in entry.keys}
    listed = [sighting for sighting in sightings if sighting.source == source]
    return bool(listed) and all(
        any(
            _is_repeated(sighting, entry, known_places.get(entry.id, {}))
            for entry in (by_key[key] for key in sighting.entry.keys if key in by_key)
        )
        for sighting in listed
    )


def _is_repeated(sighting: Sighting, entry: Entry, places: Iterable[Place]) -> bool:
    dates = [on for source, guid, on in places if (source, guid) == (sighting.source, sighting.guid) and on]
    listed_on = sighting.listed_on.isoformat() if sighting.listed_on else ""
    return (
        any(on < listed_on for on in dates)
        and listed_on not in dates
        and sighting.entry.version <= entry.version
        and {*sighting.entry.categories} <= {*entry.categories}
    )


def _choose_known(
    known: Sequence[Entry], seen: Sequence[Sighting], places: Mapping[Place, Said]
) -> EntryChange | None:
    """Return what the sightings change in entries that are known and one work; None for nothing."""
    first, *others = sorted(known, key=lambda entry: entry.id)
    # Merged also where it is one: the names get their order.
    before = merge_versions([first, first, *others])
    after = update_entry(before, merge_versions(sighting.entry for sighting in seen))
    if _is_deleted(seen) and {*before.sources} <= {sighting.source for sighting in seen}:
        after = replace(after, withdrawn=True)
    newly = tuple(one for one in _without_repeats(seen) if places.get(one.place) != one.said)
    if sum(not on for _, _, on in places) >= _MAX_PLACES:  # its id is new at each look
        newly = tuple(one for one in newly if one.listed_on or one.place in places)
    if after == before and not others and not newly:
        return None
    return EntryChange(
        entry=after,
        sightings=newly,
        absorbs=tuple(entry.id for entry in others),
        observed=(after.upvotes, after.comments) != (before.upvotes, before.comments),
        events=_choose_events(before, after, seen),
    )


def _is_deleted(seen: Sequence[Sighting]) -> bool:
    """Tell whether nobody lists a work, and its sources say that they have it no longer."""
    return all(sighting.announce is Announce.DELETED for sighting in seen)


def _build_new(seen: Sequence[Sighting], run: int, now: datetime) -> EntryChange:
    entry = merge_versions(sighting.entry for sighting in seen)
    replaced = [sighting for sighting in seen if sighting.announce in _REPLACED]
    nothing = replace(entry, version=0, withdrawn=False, categories=(), primary_category="")
    return EntryChange(
        entry=replace(entry, first_seen_run=run, first_seen_at=now),
        sightings=_without_repeats(seen),
        observed=entry.upvotes is not None or entry.comments is not None,
        events=_choose_events(nothing, entry, seen) if replaced else (),
    )


def _choose_events(before: Entry, after: Entry, seen: Sequence[Sighting]) -> tuple[EntryEvent, ...]:
    """Return what has happened to a work, each with the first source that tells of it."""
    events = []
    if after.version > max(before.version, 1):
        tellers = [sighting for sighting in seen if sighting.entry.version == after.version]
        if not before.version:  # we only learn now which version it is, unless it is said to be a new one
            tellers = [sighting for sighting in tellers if sighting.announce in _REPLACED]
        if tellers:
            events.append(EntryEvent(EventKind.NEW_VERSION, f"v{after.version}", tellers[0].source))
    if after.key.startswith("arxiv:") and any(map(_ARXIV_CATEGORY.fullmatch, _categories(before))):
        for category in after.categories:
            if category not in _categories(before) and _ARXIV_CATEGORY.fullmatch(category):
                source = next(one.source for one in seen if category in _categories(one.entry))
                events.append(EntryEvent(EventKind.CROSS_LISTED, category, source))
    if after.withdrawn and not before.withdrawn:
        tellers = [one for one in seen if one.entry.withdrawn or one.announce is Announce.DELETED]
        events.append(EntryEvent(EventKind.WITHDRAWN, "", tellers[0].source))
    return tuple(events)


def _categories(entry: Entry) -> tuple[str, ...]:
    return (entry.primary_category, *entry.categories)


def _without_repeats(seen: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Return where something is listed, of several sightings in the same place the last one (pages overlap)."""
    listed = (sighting for sighting in seen if sighting.announce not in _NOT_LISTED)
    return tuple({sighting.place: sighting for sighting in listed}.values())


def _choose_baseline(
    sightings: Sequence[Sighting], known_sources: frozenset[str], today: date
) -> frozenset[int]:
    """Return the places of the sightings that were there before we came: of each new source all but its newest date.

    Dates after today count as today: a pinned announcement must not make everything else old. Where nothing is dated
    nobody knows what is new, and a whole archive is not: feeds list what is newest first.
    """
    newest: dict[str, date] = {}
    undated: Counter[str] = Counter()
    first: set[int] = set()
    dates: list[tuple[int, str, date | None]] = []
    for number, sighting in enumerate(sightings):
        if sighting.source in known_sources:
            continue
        listed_on = _date_of(sighting, today)
        dates.append((number, sighting.source, listed_on))
        if listed_on:
            newest[sighting.source] = max(listed_on, newest.get(sighting.source, listed_on))
        else:
            undated[sighting.source] += 1
            first |= {number} if undated[sighting.source] <= _UNDATED_NEW else set()
    return frozenset(
        number
        for number, source, on in dates
        if on != newest.get(source) or (on is None and number not in first)
    )


def _date_of(sighting: Sighting, today: date) -> date | None:
    published_at = sighting.entry.published_at
    on = sighting.listed_on or (published_at.date() if published_at else None)
    return min(on, today) if on else None
