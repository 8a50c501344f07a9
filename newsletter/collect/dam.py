"""The dam: a source's archive that comes again is not news.

A site that moves, changes all its ids or begins to list all it ever wrote brings many entries at once that are unknown
and old. They are stored as known and held back: nobody gets them by mail unless the operator lets them out.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from newsletter.model.entries import Announce, Entry, KnownPlaces, Sighting

if TYPE_CHECKING:
    from newsletter.collect.linkage import Work

MANY = 10
"""So many old entries at once are an archive, whatever else is listed. Ten is what most feeds list in all."""
MANY_IN_A_SHORT_FEED = 5
MOST = 1 / 3
"""Fewer are one where they are at least a third of what the source lists: in a feed of ten that moves, some items are
new and some are recognized. An author who finds up to four old drafts worth publishing is not stopped."""
_NO_TIME = time()
PAPERS_ARE_OLD_AFTER = timedelta(days=180)
"""The date of a paper says when it was written or printed, not when it came into this feed: a new issue of a journal is
full of articles that are older than those of the last one. Only what is older than that is an archive."""


def choose_held_back(
    works: Sequence[Work],
    known: Sequence[Entry],
    places: KnownPlaces,
    newest: Mapping[str, datetime | None],
    now: datetime,
) -> frozenset[int]:
    """Return the places in the look of those sightings that are an archive come again.

    That is, of a known feed, unknown works dated before the newest that is known of it (papers: half a year before
    now), under titles that it has listed before, or without a date and below something known; if there are as many of
    them as above. newest tells of each known feed when its newest entry was published, None where nobody knows.
    known and places are what ``linkage.link`` had.
    """
    listed: defaultdict[str, list[tuple[int, Sighting, bool]]] = defaultdict(list)
    for work in works:
        for number, sighting in zip(work.numbers, work.sightings, strict=True):
            if sighting.source in newest and sighting.announce is Announce.NEW:
                listed[sighting.source].append((number, sighting, bool(work.known)))
    titles: defaultdict[str, set[str]] = defaultdict(set)
    for entry in known:
        for place, said in places.get(entry.id, {}).items():
            titles[place[0]].add(said.title)
    held: set[int] = set()
    for source, rows in listed.items():
        held |= _choose_old(sorted(rows, key=lambda row: row[0]), titles[source], newest[source], now)
    return frozenset(held)


def _choose_old(
    rows: Sequence[tuple[int, Sighting, bool]],
    titles: Collection[str],
    newest: datetime | None,
    now: datetime,
) -> set[int]:
    """Return the places of what is old in one source; nothing where it is too little for an archive."""
    old: set[int] = set()
    evidence: set[object] = set()
    is_below = False
    for number, sighting, is_known in rows:
        is_below |= is_known
        if is_known:
            continue
        at, title = sighting.entry.published_at, sighting.said.title
        is_paper = sighting.entry.key.startswith(("arxiv:", "doi:"))
        before = min(newest, now - PAPERS_ARE_OLD_AFTER) if newest and is_paper else newest
        if (at is None and is_below) or (at and before and at < before):
            evidence.add(number)
        elif title in titles and not is_paper:
            # Each title counts once: a column that is called the same every week is no archive.
            evidence.add(title)
        elif at != before or at is None or at.time() == _NO_TIME:
            continue
        # With an archive comes its newest post, too, of the very moment that we know.
        old.add(number)
    is_archive = len(evidence) >= MANY or len(evidence) >= max(MANY_IN_A_SHORT_FEED, MOST * len(rows))
    return old if is_archive else set()


def word_held_back(source: str, count: int) -> str:
    """Return in a sentence what is held back of a source; "" for nothing."""
    if not count:
        return ""
    return f"{count} old entries came at once and are held back (newsletter sources release {shlex.quote(source)})"
