from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.collect.changes import choose_changes
from newsletter.model import Entry, EntryChange, EntryId, EntryKey, Sighting
from tests.builders import at
from tests.collect.values import DAY, seen

NOW = at("2026-06-16 08:00")


def choose(
    known: list[Entry],
    sightings: list[Sighting],
    run: int = 5,
    known_sources: tuple[str, ...] = ("hf", "arxiv"),
) -> tuple[EntryChange, ...]:
    return choose_changes(known, sightings, run=run, now=NOW, known_sources=frozenset(known_sources))


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

    (change,) = choose([known], [other])

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
        [known], [seen("arxiv:2606.00001", source="hf"), seen("doi:10.1000/x", source="arxiv", upvotes=1)]
    )

    assert change.entry.id == 1
    assert len(change.sightings) == 2


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


def test_everything_is_new_in_a_source_without_any_date() -> None:
    changes = choose([], [seen("guid:blog:1", source="blog", listed_on=None) for _ in range(2)])

    assert [change.entry.first_seen_run for change in changes] == [5]


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


KEYS = ["arxiv:2606.00001", "arxiv:2606.00002", "doi:10.1000/x", "guid:hf:1", "guid:arxiv:1"]

sightings = st.builds(
    lambda keys, source, listed_on, upvotes, title: seen(
        *sorted(keys), source=source, listed_on=listed_on, upvotes=upvotes, title=title
    ),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True),
    st.sampled_from(["hf", "arxiv"]),
    st.none() | st.dates(date(2026, 6, 10), date(2026, 6, 12)),
    st.none() | st.integers(0, 2),
    st.sampled_from(["One", "Two"]),
)


@settings(max_examples=80)
@given(st.lists(sightings, max_size=6), st.lists(sightings, max_size=6))
def test_second_look_at_the_same_answers_writes_nothing(before: list[Sighting], now: list[Sighting]) -> None:
    known: dict[EntryId, Entry] = {}
    for run, answers in enumerate([before, now], start=1):
        for change in choose(list(known.values()), answers, run=run):
            number = change.entry.id or EntryId(max(known, default=0) + 1)
            known[number] = replace(change.entry, id=number)
            for absorbed in change.absorbs:
                del known[absorbed]

    assert choose(list(known.values()), now, run=3) == ()
    names = [key for entry in known.values() for key in entry.keys]
    assert len(names) == len(set(names))
    assert set(names) == {EntryKey(key) for sighting in before + now for key in sighting.entry.keys}
