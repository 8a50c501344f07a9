from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.match.rank import page_day_hours, projected_votes, rank_entries, stand_entries
from newsletter.model import Entry, EntryId, EntryKey, Match, Rank
from tests.builders import at, make_entry

NOW = at("2026-06-17 08:00")
TODAY, YESTERDAY = date(2026, 6, 17), date(2026, 6, 16)
TITLE_HIT, ABSTRACT_HIT = Match((), 1.0), Match((), 0.7)


def order(entries: list[tuple[Entry, Match | None]], rank: Rank) -> list[int]:
    return [entry.id for entry, _ in rank_entries(entries, rank, NOW)]


@pytest.mark.parametrize(
    ("upvotes", "hours", "expected"),
    [
        (0, 0, 4.0),
        (9, 0, 40.0),
        (9, 2, 40.0),
        (40, 8, 99.6),
        (40, 24, 64.0),
        (40, 120, 41.0 / 0.9327),
        (40, float("inf"), 41.0),
        (40, -5, 164.0),
    ],
)
def test_votes_are_projected_by_the_share_to_expect_at_that_age(
    upvotes: int, hours: float, expected: float
) -> None:
    assert projected_votes(upvotes, hours) == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize(
    ("now", "hours"),
    [("2026-06-16 00:00", 0), ("2026-06-16 08:30", 8.5), ("2026-06-17 08:00", 32), ("2026-06-15 20:00", 0)],
)
def test_page_day_begins_at_midnight_utc(now: str, hours: float) -> None:
    assert page_day_hours(YESTERDAY, at(now)) == hours


def test_trending_puts_the_votes_to_expect_before_the_votes_there_are() -> None:
    young = make_entry(1, upvotes=20, listed_on=TODAY)
    old = make_entry(2, upvotes=30, listed_on=YESTERDAY)

    assert order([(old, None), (young, None)], Rank.TRENDING) == [1, 2]
    assert order([(old, None), (young, None)], Rank.VOTES) == [2, 1]


def test_trending_ties_end_in_comments_then_date_then_key() -> None:
    base = make_entry(1, upvotes=5)
    talked = replace(make_entry(2, upvotes=5), comments=3)
    newer = replace(make_entry(3, upvotes=5), published_at=at("2026-06-15 18:00"))
    twin = make_entry(4, upvotes=5)

    assert order([(entry, None) for entry in (twin, base, newer, talked)], Rank.TRENDING) == [2, 3, 1, 4]


def test_entries_without_votes_follow_by_match_then_date_then_key() -> None:
    voted = make_entry(9, upvotes=0)
    weak_newer = make_entry(1, listed_on=TODAY)
    strong = make_entry(2)
    weak, weak_twin = make_entry(3), make_entry(4)

    entries = [
        (weak_twin, ABSTRACT_HIT),
        (weak, ABSTRACT_HIT),
        (strong, TITLE_HIT),
        (weak_newer, ABSTRACT_HIT),
    ]
    expected = [9, 2, 1, 3, 4]
    assert order([*entries, (voted, ABSTRACT_HIT)], Rank.TRENDING) == expected
    assert order([*entries, (voted, ABSTRACT_HIT)], Rank.VOTES) == expected


def test_match_puts_the_stronger_match_first_then_trending() -> None:
    loved, liked, titled = make_entry(1, upvotes=50), make_entry(2, upvotes=5), make_entry(3, upvotes=0)

    assert order([(liked, ABSTRACT_HIT), (loved, ABSTRACT_HIT), (titled, TITLE_HIT)], Rank.MATCH) == [3, 1, 2]


def test_newest_puts_the_newer_first_then_trending() -> None:
    loved, liked = make_entry(1, upvotes=50), make_entry(2, upvotes=5)
    newer = make_entry(3, listed_on=TODAY)

    assert order([(liked, None), (loved, None), (newer, None)], Rank.NEWEST) == [3, 1, 2]


def test_entry_without_any_date_can_be_ranked() -> None:
    undated = Entry(EntryKey("guid:blog:1"), "A post", id=EntryId(1))
    voted = replace(undated, key=EntryKey("guid:blog:2"), id=EntryId(2), upvotes=3)

    for rank in Rank:
        assert order([(undated, None), (voted, None)], rank) == [2, 1]


ENTRIES = st.lists(
    st.builds(
        lambda number, upvotes, listed_on: make_entry(number, upvotes=upvotes, listed_on=listed_on),
        st.integers(1, 40),
        st.none() | st.integers(0, 3),
        st.sampled_from([None, TODAY, YESTERDAY]),
    ),
    unique_by=lambda entry: entry.key,
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(ENTRIES, st.sampled_from(Rank), st.randoms(use_true_random=False))
def test_order_does_not_depend_on_arrival(entries: list[Entry], rank: Rank, random: object) -> None:
    matched: list[tuple[Entry, Match | None]] = [(entry, None) for entry in entries]
    shuffled = list(reversed(matched))
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rank_entries(shuffled, rank, NOW) == rank_entries(matched, rank, NOW)


def test_standing_says_place_and_votes_to_expect_among_entries_with_votes() -> None:
    first = make_entry(1, upvotes=47, listed_on=TODAY)
    second = make_entry(2, upvotes=3, listed_on=TODAY)
    voteless = make_entry(3)

    standings = stand_entries([second, voteless, first], at("2026-06-17 09:00"))

    assert list(standings) == [1, 2]
    standing = standings[EntryId(1)]
    assert (standing.projected, standing.place, standing.of, standing.age_hours) == (110, 1, 2, 9)


def test_standing_never_expects_fewer_votes_than_there_are() -> None:
    old = make_entry(1, upvotes=47, listed_on=date(2026, 1, 1))
    undated = replace(make_entry(2, upvotes=4, listed_on=None), published_at=None)

    standings = stand_entries([old, undated], NOW)

    assert [standing.projected for standing in standings.values()] == [47, 4]
    assert standings[EntryId(2)].age_hours == 0
