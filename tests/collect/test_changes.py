from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.changes import choose_changes, is_stale_batch
from newsletter.model.entries import (
    Announce,
    Entry,
    EntryChange,
    EntryEvent,
    EntryId,
    EventKind,
    KnownPlaces,
    Place,
    Said,
    Sighting,
)
from tests.support.builders import at
from tests.support.examples import examples
from tests.support.sightings import DAY, seen

NOW = at("2026-06-16 08:00")


def choose(
    known: list[Entry],
    sightings: list[Sighting],
    run: int = 5,
    known_sources: tuple[str, ...] = ("hf", "arxiv"),
    places: KnownPlaces | None = None,
    newest: datetime | None = None,
) -> tuple[EntryChange, ...]:
    """Without places, everything was seen where it is seen now. newest: of each of the known sources."""
    everywhere = {sighting.place: sighting.said for sighting in sightings}
    return choose_changes(
        known,
        sightings,
        run=run,
        now=NOW,
        newest=dict.fromkeys(known_sources, newest),
        feeds=known_sources,
        known_places={entry.id: everywhere for entry in known} if places is None else places,
    )


def stored(sighting: Sighting, number: int = 1, **facts: Any) -> Entry:
    """The entry as the store gives it back after an earlier run."""
    return replace(
        sighting.entry,
        id=EntryId(number),
        first_seen_run=facts.pop("first_seen_run", 2),
        first_seen_at=facts.pop("first_seen_at", at("2026-06-15 08:00")),
        **facts,
    )


def test_new_entry_is_first_seen_in_this_run() -> None:
    sighting = seen("arxiv:2606.00001", upvotes=4)

    assert choose([], [sighting]) == (
        EntryChange(
            replace(sighting.entry, first_seen_run=5, first_seen_at=NOW), sightings=(sighting,), observed=True
        ),
    )


def test_new_entry_without_votes_is_no_observation() -> None:
    (change,) = choose([], [seen("guid:blog:1", listed_on=None)])

    assert not change.observed


def test_unchanged_entry_yields_nothing() -> None:
    sighting = seen("arxiv:2606.00001", "guid:hf:1", upvotes=4)

    assert choose([stored(sighting)], [sighting]) == ()


def test_order_in_which_the_store_gives_names_is_no_change() -> None:
    sighting = seen("arxiv:2606.00001", "doi:10.1000/x", "guid:hf:1")
    known = stored(sighting, sources=("hf", "arxiv"), aliases=tuple(reversed(sighting.entry.aliases)))

    assert choose([known], [sighting]) == ()


def test_changed_votes_are_an_observation_and_keep_the_first_sight() -> None:
    known = stored(seen("arxiv:2606.00001", upvotes=4))

    (change,) = choose([known], [seen("arxiv:2606.00001", upvotes=9)])

    assert change.observed
    assert change.entry == replace(known, upvotes=9)


def test_changed_fact_is_a_change_but_no_observation() -> None:
    known = stored(seen("arxiv:2606.00001", upvotes=4))

    (change,) = choose([known], [seen("arxiv:2606.00001", upvotes=4, ai_summary="Sheep sleep.")])

    assert change.entry.ai_summary == "Sheep sleep."
    assert not change.observed


def test_sighting_in_another_source_is_a_change() -> None:
    known = stored(seen("arxiv:2606.00001"))
    other = seen("arxiv:2606.00001", source="arxiv")

    (change,) = choose([known], [other], places={})

    assert change.entry.sources == ("arxiv", "hf")
    assert change.sightings == (other,)


def test_sightings_that_share_any_key_are_one_new_work() -> None:
    by_doi = seen("doi:10.1000/x", source="arxiv")
    by_both = seen("arxiv:2606.00001", "doi:10.1000/x")

    (change,) = choose([], [by_doi, by_both])

    assert change.entry.keys == ("arxiv:2606.00001", "doi:10.1000/x")
    assert change.sightings == (by_doi, by_both)


def test_sightings_are_one_work_where_only_a_known_entry_links_them() -> None:
    known = stored(seen("arxiv:2606.00001", "doi:10.1000/x"))

    (change,) = choose(
        [known],
        [seen("arxiv:2606.00001", source="hf"), seen("doi:10.1000/x", source="arxiv", upvotes=1)],
        places={},
    )

    assert change.entry.id == 1
    assert len(change.sightings) == 2


def test_known_entry_in_a_new_place_is_a_change_with_only_that_place() -> None:
    before = seen("arxiv:2606.00001", listed_on=date(2026, 6, 10), upvotes=4)
    again = seen("arxiv:2606.00001", listed_on=DAY, upvotes=4)
    known = stored(before)

    (change,) = choose([known], [again, before], places={known.id: {before.place: before.said}})

    assert (change.entry, change.sightings, change.observed) == (known, (again,), False)


def test_changed_entry_in_known_places_has_no_sightings() -> None:
    known = stored(seen("arxiv:2606.00001"))

    (change,) = choose([known], [seen("arxiv:2606.00001", summary="New.")])

    assert change.sightings == ()


def test_older_entry_absorbs_the_younger_one_when_they_turn_out_to_be_one_work() -> None:
    older = stored(seen("guid:blog:1", source="blog"), number=3)
    younger = stored(
        seen("arxiv:2606.00001"), number=8, first_seen_run=4, first_seen_at=at("2026-06-15 20:00")
    )

    (change,) = choose([younger, older], [seen("arxiv:2606.00001", "guid:blog:1", source="blog")])

    assert (change.entry.id, change.absorbs) == (3, (8,))
    assert change.entry.key == "arxiv:2606.00001"
    assert change.entry.first_seen_run == 2


def test_paper_listed_on_two_dates_is_one_entry_with_two_sightings() -> None:
    again = seen("arxiv:2606.00001", listed_on=DAY)
    first = seen("arxiv:2606.00001", listed_on=date(2026, 6, 10))

    (change,) = choose([], [again, first])

    assert change.sightings == (again, first)
    assert change.entry.listed_on == date(2026, 6, 10)


def test_item_on_two_overlapping_pages_is_one_sighting() -> None:
    (change,) = choose([], [seen("arxiv:2606.00001", upvotes=1), seen("arxiv:2606.00001", upvotes=2)])

    assert [sighting.entry.upvotes for sighting in change.sightings] == [2]
    assert change.entry.upvotes == 2


def test_changes_stand_in_the_order_of_the_sightings() -> None:
    keys = ["arxiv:2606.00003", "arxiv:2606.00001", "arxiv:2606.00002"]

    assert [change.entry.key for change in choose([], [seen(key) for key in keys])] == keys


def test_known_entry_that_nobody_lists_now_is_left_alone() -> None:
    assert choose([stored(seen("arxiv:2606.00001"))], []) == ()


# --- the baseline -------------------------------------------------------------------------


def test_first_run_of_a_source_counts_only_its_newest_listing_date_as_new() -> None:
    changes = choose(
        [],
        [
            seen("arxiv:2606.00001", listed_on=DAY),
            seen("arxiv:2606.00002", listed_on=date(2026, 6, 15)),
            seen("arxiv:2606.00003", listed_on=None),
        ],
        known_sources=(),
    )

    assert [change.entry.first_seen_run for change in changes] == [5, 0, 0]
    assert all(change.entry.first_seen_at == NOW for change in changes)


def test_baseline_of_a_feed_goes_by_the_date_of_its_items() -> None:
    changes = choose(
        [],
        [
            seen("guid:blog:1", source="blog", listed_on=None, published_at=at("2026-06-12 23:00")),
            seen("guid:blog:2", source="blog", listed_on=None, published_at=at("2026-06-12 01:00")),
            seen("guid:blog:3", source="blog", listed_on=None, published_at=at("2026-06-11 23:00")),
        ],
    )

    assert [change.entry.first_seen_run for change in changes] == [5, 5, 0]


@pytest.mark.parametrize(("listed", "new"), [(1, 1), (5, 5), (6, 5), (120, 5)])
def test_only_the_first_items_of_a_new_source_without_any_date_are_new(listed: int, new: int) -> None:
    changes = choose(
        [], [seen(f"guid:blog:{number}", source="blog", listed_on=None) for number in range(listed)]
    )

    assert [change.entry.first_seen_run for change in changes] == [5] * new + [0] * (listed - new)


def test_date_in_the_future_does_not_make_today_old() -> None:
    changes = choose(
        [],
        [
            seen("guid:blog:1", source="blog", listed_on=None, published_at=at("2031-01-01 00:00")),
            seen("guid:blog:2", source="blog", listed_on=None, published_at=at("2026-06-16 01:00")),
        ],
    )

    assert [change.entry.first_seen_run for change in changes] == [5, 5]


def test_each_new_source_has_its_own_baseline() -> None:
    changes = choose(
        [],
        [
            seen("arxiv:2606.00001", listed_on=date(2026, 6, 10)),
            seen("guid:blog:1", source="blog", listed_on=date(2026, 6, 9)),
        ],
        known_sources=("hf",),
    )

    assert [change.entry.first_seen_run for change in changes] == [5, 5]


def test_paper_that_is_new_in_one_source_is_new_though_it_is_old_in_a_new_one() -> None:
    changes = choose(
        [],
        [
            seen("arxiv:2606.00001", source="blog", listed_on=date(2026, 6, 1)),
            seen("arxiv:2606.00001"),
            seen("arxiv:2606.00002", source="blog"),
        ],
    )

    assert [change.entry.first_seen_run for change in changes] == [5, 5]


# --- new, or only new to us -----------------------------------------------------------------


def announced(
    announce: Announce,
    number: int = 1,
    *,
    source: str = "arxiv",
    categories: tuple[str, ...] = ("cs.CL",),
    **facts: Any,
) -> Sighting:
    """A paper as arXiv lists it."""
    paper = seen(f"arxiv:2606.{number:05}", source=source, categories=categories, **facts)
    return replace(paper, announce=announce)


NEW, CROSS, REPLACE, REPLACE_CROSS, *_ = Announce


@pytest.mark.parametrize(
    ("announces", "first_seen_run"),
    [
        ([NEW], 5),
        ([CROSS], 5),
        ([REPLACE], 0),
        ([REPLACE_CROSS], 0),
        ([REPLACE, REPLACE_CROSS], 0),
        ([REPLACE, NEW], 5),
        ([REPLACE_CROSS, CROSS], 5),
    ],
)
def test_unknown_work_is_new_unless_it_is_only_listed_as_replaced(
    announces: list[Announce], first_seen_run: int
) -> None:
    (change,) = choose([], [announced(announce) for announce in announces])

    assert (change.entry.first_seen_run, change.entry.first_seen_at) == (first_seen_run, NOW)


def test_replaced_paper_is_new_if_another_source_lists_it_as_new() -> None:
    (change,) = choose([], [announced(REPLACE, version=2), seen("arxiv:2606.00001")])

    assert change.entry.first_seen_run == 5


# --- events ---------------------------------------------------------------------------------


def events_of(known: Entry | None, *sightings: Sighting) -> list[tuple[EventKind, str]]:
    changes = choose([known] if known else [], list(sightings), places={})
    return [(event.kind, event.detail) for change in changes for event in change.events]


@pytest.mark.parametrize(
    ("known", "announce", "version", "detail"),
    [
        (1, NEW, 2, "v2"),
        (1, REPLACE, 3, "v3"),
        (0, REPLACE, 2, "v2"),
        (0, REPLACE_CROSS, 4, "v4"),
        (0, NEW, 2, None),  # we only learn which version it is
        (0, REPLACE, 1, None),
        (1, REPLACE, 1, None),
        (2, REPLACE, 2, None),
        (3, REPLACE, 2, None),
        (2, NEW, 0, None),
    ],
)
def test_higher_version_of_a_known_work_is_an_event(
    known: int, announce: Announce, version: int, detail: str | None
) -> None:
    entry = stored(announced(NEW, version=known))

    events = events_of(entry, announced(announce, version=version))

    assert events == ([(EventKind.NEW_VERSION, detail)] if detail else [])


def test_event_names_the_source_that_told() -> None:
    known = stored(announced(NEW, version=1))

    (change,) = choose(
        [known],
        [seen("arxiv:2606.00001"), announced(REPLACE, version=2), announced(NEW, source="api", version=2)],
    )

    assert change.events == (EntryEvent(EventKind.NEW_VERSION, "v2", "arxiv"),)


def test_unknown_work_that_is_listed_as_replaced_has_its_version_as_event() -> None:
    assert events_of(None, announced(REPLACE, version=2)) == [(EventKind.NEW_VERSION, "v2")]
    assert events_of(None, announced(NEW, version=2)) == []


@pytest.mark.parametrize("announce", [CROSS, REPLACE_CROSS, NEW])
def test_each_category_that_is_added_is_an_event(announce: Announce) -> None:
    known = stored(announced(NEW, categories=("cs.CL",)))

    events = events_of(known, announced(announce, categories=("cs.CL", "cs.LG", "quant-ph")))

    assert events == [(EventKind.CROSS_LISTED, "cs.LG"), (EventKind.CROSS_LISTED, "quant-ph")]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ((), ("cs.CL", "cs.LG")),
        (("cs.CL", "cs.LG"), ("cs.LG",)),
        (("cs.CL",), ("cs.CL", "Announcements")),
        (("Announcements",), ("cs.CL",)),
    ],
)
def test_categories_that_were_not_known_or_are_not_arxivs_are_no_event(
    before: tuple[str, ...], now: tuple[str, ...]
) -> None:
    assert events_of(stored(announced(NEW, categories=before)), announced(CROSS, categories=now)) == []


def test_category_of_a_work_elsewhere_is_no_event() -> None:
    known = stored(seen("guid:hf:1", categories=("cs.CL",)))

    assert events_of(known, seen("guid:hf:1", categories=("cs.CL", "cs.LG"))) == []


def test_withdrawal_is_an_event_once() -> None:
    known = stored(announced(NEW, version=1))
    withdrawn = announced(REPLACE, version=2, withdrawn=True)

    (change,) = choose([known], [withdrawn])

    assert change.events == (
        EntryEvent(EventKind.NEW_VERSION, "v2", "arxiv"),
        EntryEvent(EventKind.WITHDRAWN, "", "arxiv"),
    )
    after = replace(change.entry, id=known.id)
    assert choose([after], [withdrawn]) == ()
    assert events_of(after, withdrawn) == []


def test_old_answer_takes_nothing_back() -> None:
    known = stored(announced(REPLACE, version=2, withdrawn=True, categories=("cs.CL", "cs.LG")))

    assert choose([known], [announced(NEW, version=1)]) == ()


# --- batches --------------------------------------------------------------------------------

YESTERDAY = DAY - timedelta(days=1)


def is_stale(listed: Sequence[Sighting], known: Sequence[Sighting], *, source: str = "arxiv") -> bool:
    """known: where the works were seen before, each with what is known of it since."""
    entries = [stored(one, number) for number, one in enumerate(known, start=1)]
    places = {entry.id: {one.place: one.said} for entry, one in zip(entries, known, strict=True)}
    return is_stale_batch(listed, entries, places, source)


def batch(on: date | None, *numbers: int) -> list[Sighting]:
    return [announced(NEW, number, version=1, listed_on=on) for number in numbers]


def test_earlier_batch_under_a_later_date_is_stale() -> None:
    assert is_stale(batch(DAY, 1, 2), batch(YESTERDAY, 1, 2))
    assert is_stale(batch(DAY, 1), batch(YESTERDAY, 1, 2))


@pytest.mark.parametrize(
    ("listed", "known"),
    [
        ([], batch(YESTERDAY, 1)),
        (batch(DAY, 1, 2), batch(YESTERDAY, 1)),
        (batch(DAY, 1), batch(DAY, 1)),
        (batch(YESTERDAY, 1), batch(DAY, 1)),
        (batch(None, 1), batch(YESTERDAY, 1)),
        (batch(DAY, 1), batch(None, 1)),
    ],
    ids=["empty", "one is unknown", "same date", "earlier date", "no date", "no known date"],
)
def test_batch_with_anything_else_is_not_stale(listed: list[Sighting], known: list[Sighting]) -> None:
    assert not is_stale(listed, known)


def test_papers_that_only_another_source_has_listed_are_no_earlier_batch() -> None:
    known = [replace(one, source="hf") for one in batch(YESTERDAY, 1)]

    assert not is_stale(batch(DAY, 1), known)
    assert not is_stale(batch(DAY, 1), batch(YESTERDAY, 1), source="hf")


def test_batch_of_replacements_is_not_stale() -> None:
    replaced = announced(REPLACE, version=2, listed_on=DAY)
    crossed = announced(CROSS, version=1, categories=("cs.CL", "cs.LG"), listed_on=DAY)

    assert not is_stale([replaced], batch(YESTERDAY, 1))
    assert not is_stale([crossed], batch(YESTERDAY, 1))


def test_batch_of_replacements_that_was_read_under_this_date_is_not_stale() -> None:
    known = stored(announced(REPLACE, version=2))
    (before,), again = batch(YESTERDAY, 1), announced(REPLACE, version=2, listed_on=DAY)

    places = {known.id: {one.place: one.said for one in (before, again)}}
    assert not is_stale_batch([again], [known], places, "arxiv")


# --- whatever comes ---------------------------------------------------------------------------

KEYS = ["arxiv:2606.00001", "arxiv:2606.00002", "guid:1", "guid:2"]

sightings = st.builds(
    lambda keys, announce, source, **facts: replace(
        # An id is that of its source.
        seen(*sorted(key.replace("guid:", f"guid:{source}:") for key in keys), source=source, **facts),
        announce=announce,
    ),
    st.lists(
        st.sampled_from(KEYS), min_size=1, max_size=3, unique_by=lambda key: key.replace("guid:2", "guid:1")
    ),
    st.sampled_from([announce for announce in Announce if announce is not Announce.DELETED]),
    source=st.sampled_from(["hf", "arxiv"]),
    listed_on=st.none() | st.dates(date(2026, 6, 10), date(2026, 6, 12)),
    upvotes=st.none() | st.integers(0, 2),
    title=st.sampled_from(["One", "Two", "Three…"]),
    summary=st.sampled_from(["", "Short.", "Longer."]),
    categories=st.lists(st.sampled_from(["cs.CL", "cs.LG", "tag"]), unique=True).map(tuple),
    primary_category=st.sampled_from(["", "cs.CL", "cs.LG"]),
    version=st.integers(0, 3),
    withdrawn=st.booleans(),
)

deletions = st.builds(
    lambda keys, source: replace(seen(*sorted(keys), source=source, title=""), announce=Announce.DELETED),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True),
    st.sampled_from(["hf", "arxiv"]),
)


class Shelf:
    """What a store would know after these runs."""

    def __init__(self) -> None:
        self.entries: dict[EntryId, Entry] = {}
        self.places: dict[EntryId, dict[Place, Said]] = {}

    def collect(self, answers: list[Sighting], run: int) -> tuple[EntryChange, ...]:
        changes = choose(list(self.entries.values()), answers, run=run, places=self.places)
        for change in changes:
            number = change.entry.id or EntryId(max(self.entries, default=0) + 1)
            self.entries[number] = replace(change.entry, id=number)
            seen_in = self.places.get(number, {}) | {one.place: one.said for one in change.sightings}
            for absorbed in change.absorbs:
                del self.entries[absorbed]
                seen_in = self.places.pop(absorbed) | seen_in
            self.places[number] = seen_in
        return changes


@examples(80)
@given(st.lists(sightings, max_size=6), st.lists(sightings, max_size=6))
def test_second_look_at_the_same_answers_writes_nothing(before: list[Sighting], now: list[Sighting]) -> None:
    shelf = Shelf()
    shelf.collect(before, run=1)
    shelf.collect(now, run=2)

    assert shelf.collect(now, run=3) == ()
    names = [key for entry in shelf.entries.values() for key in entry.keys]
    assert len(names) == len(set(names))
    papers = {key for sighting in before + now for key in sighting.entry.keys if key.startswith("arxiv:")}
    assert {key for key in names if key.startswith("arxiv:")} == papers
    assert {place for places in shelf.places.values() for place in places} == {
        sighting.place for sighting in before + now if sighting.announce is not Announce.NAMED
    }


@examples(80)
@given(st.lists(sightings, max_size=4), st.lists(sightings | deletions, max_size=4))
def test_second_look_at_deletions_writes_nothing_and_nothing_loses_its_title(
    before: list[Sighting], now: list[Sighting]
) -> None:
    shelf = Shelf()
    shelf.collect(before, run=1)
    shelf.collect(now, run=2)

    assert shelf.collect(now, run=3) == ()
    assert all(entry.title for entry in shelf.entries.values())


@examples(80)
@given(st.lists(sightings, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_order_of_the_sightings_of_one_run_makes_no_difference(listed: list[Sighting], random: Any) -> None:
    shuffled = random.sample(listed, len(listed))

    assert {change.entry for change in choose([], listed)} == {
        change.entry for change in choose([], shuffled)
    }


def test_paper_that_a_reader_named_is_new_to_nobody_and_in_no_place() -> None:
    named = replace(seen("arxiv:2402.17764"), announce=Announce.NAMED)

    (change,) = choose([], [named])

    assert (change.entry.first_seen_run, change.sightings, change.events) == (0, (), ())


def test_paper_that_was_only_named_is_new_when_a_source_lists_it() -> None:
    listed = seen("arxiv:2606.00001")
    named = stored(listed, first_seen_run=0)

    (change,) = choose([named], [listed], places={named.id: {}})
    (again,) = choose([named], [listed], places={named.id: {("hf", "other", "2026-06-01"): Said()}})

    assert (change.entry.first_seen_run, change.entry.first_seen_at) == (5, NOW)
    assert again.entry.first_seen_run == 0, "what was listed before we came stays old"


def test_paper_that_is_named_and_listed_in_one_run_is_new() -> None:
    listed = seen("arxiv:2606.00001")

    (change,) = choose([], [replace(listed, source="named", announce=Announce.NAMED), listed])

    assert change.entry.first_seen_run == 5
    assert change.sightings == (listed,)


@pytest.mark.parametrize(
    ("known_in", "deleted_in", "is_withdrawn"),
    [
        (("hf",), ("hf",), True),
        (("hf", "arxiv"), ("hf",), False),
        (("hf", "arxiv"), ("hf", "arxiv"), True),
        (("arxiv",), ("hf",), False),
    ],
)
def test_what_its_only_sources_have_deleted_is_withdrawn(
    known_in: tuple[str, ...], deleted_in: tuple[str, ...], is_withdrawn: bool
) -> None:
    known = stored(seen("arxiv:2606.00001", version=3), sources=known_in)
    gone = [
        replace(seen("arxiv:2606.00001", source=source, title=""), announce=Announce.DELETED)
        for source in deleted_in
    ]
    changes = choose([known], gone, places={known.id: {}})

    withdrawn = [change for change in changes if change.entry.withdrawn]
    assert bool(withdrawn) is is_withdrawn
    assert all((change.entry.title, change.sightings) == ("A paper", ()) for change in changes)
    events = [event for change in changes for event in change.events]
    assert events == ([EntryEvent(EventKind.WITHDRAWN, "", deleted_in[0])] if is_withdrawn else [])


def test_what_is_deleted_and_was_never_known_stays_unknown() -> None:
    gone = replace(seen("arxiv:2606.00001", title=""), announce=Announce.DELETED)
    listed = seen("arxiv:2606.00001", source="arxiv")

    assert choose([], [gone]) == ()
    [change] = choose([], [gone, listed])
    assert (change.entry.title, change.entry.withdrawn, change.sightings) == ("A paper", False, (listed,))
