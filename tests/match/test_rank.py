from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.match.rank import (
    VoteScale,
    build_scale,
    order_by_votes,
    page_day_hours,
    projected_votes,
    rank_entries,
    stand_entries,
)
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.model.topics import Likeness, Match, Rank
from tests.support.builders import at, make_entry
from tests.support.examples import examples

NOW = at("2026-06-17 08:00")
TODAY, YESTERDAY = date(2026, 6, 17), date(2026, 6, 16)
TITLE_HIT, ABSTRACT_HIT = Match((), 1.0), Match((), 0.7)


def order(entries: list[tuple[Entry, Match]], rank: Rank, scale: VoteScale | None = None) -> list[int]:
    ranked = rank_entries(entries, rank, NOW, scale) if scale else rank_entries(entries, rank, NOW)
    return [candidate.entry.id for candidate in ranked]


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

    assert order([(old, TITLE_HIT), (young, TITLE_HIT)], Rank.TRENDING) == [1, 2]
    assert order([(old, TITLE_HIT), (young, TITLE_HIT)], Rank.VOTES) == [2, 1]


def test_trending_ties_end_in_comments_then_date_then_key() -> None:
    base = make_entry(1, upvotes=5)
    talked = replace(make_entry(2, upvotes=5), comments=3)
    newer = replace(make_entry(3, upvotes=5), published_at=at("2026-06-15 18:00"))
    twin = make_entry(4, upvotes=5)

    assert order([(entry, TITLE_HIT) for entry in (twin, base, newer, talked)], Rank.TRENDING) == [2, 3, 1, 4]


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


def from_source(entry: Entry, source: str) -> Entry:
    return replace(entry, sources=(source,))


def test_percentile_counts_what_the_votes_exceed_in_the_same_source() -> None:
    small = [from_source(make_entry(n, upvotes=n), "small") for n in range(4)]
    large = [from_source(make_entry(n, upvotes=100 * n), "large") for n in range(10, 14)]
    scale = build_scale([*small, *large], NOW)

    assert [scale.find_percentile(entry, NOW) for entry in small] == [0.125, 0.375, 0.625, 0.875]
    assert scale.find_percentile(large[3], NOW) == scale.find_percentile(small[3], NOW)
    assert scale.find_percentile(from_source(make_entry(9, upvotes=99), "new"), NOW) == 0.5
    assert not scale.is_mixed
    assert not build_scale([*small, make_entry(30)], NOW).is_mixed, "what no source has listed does not count"


def test_entries_with_and_without_votes_compete_by_match_and_percentile() -> None:
    voted = [from_source(make_entry(n, upvotes=10 * n), "votes") for n in range(1, 6)]
    silent_title, silent_abstract = (from_source(make_entry(n), "silent") for n in (6, 7))
    scale = build_scale([*voted, silent_title, silent_abstract], NOW)

    matched = [(entry, TITLE_HIT) for entry in (*voted, silent_title)] + [(silent_abstract, ABSTRACT_HIT)]

    assert scale.is_mixed
    # Among title hits a source without votes stands in the middle; a hit in the abstract outdoes only few votes.
    assert order(matched, Rank.TRENDING, scale) == [5, 4, 3, 6, 2, 7, 1]
    assert order(matched, Rank.VOTES, scale) == [5, 4, 3, 2, 1, 6, 7]


def test_nearness_to_a_description_decides_with_the_votes() -> None:
    voted = [from_source(make_entry(n, upvotes=10 * n), "votes") for n in range(1, 4)]
    scale = build_scale(voted, NOW)
    near, far = Match((), 0.95, Likeness(0.95, 0.01)), Match((), 0.1, Likeness(0.1, 0.9))

    assert order([(voted[0], near), (voted[1], far), (voted[2], far)], Rank.TRENDING, scale) == [1, 3, 2]


def test_unmatched_entries_stand_by_their_votes_alone() -> None:
    entries = [make_entry(1), make_entry(2, upvotes=3), make_entry(3, upvotes=9)]

    assert [entry.id for entry in order_by_votes(entries, NOW)] == [3, 2, 1]


def test_newest_puts_the_newer_first_then_trending() -> None:
    loved, liked = make_entry(1, upvotes=50), make_entry(2, upvotes=5)
    newer = make_entry(3, listed_on=TODAY)

    assert order([(liked, TITLE_HIT), (loved, TITLE_HIT), (newer, TITLE_HIT)], Rank.NEWEST) == [3, 1, 2]


def test_entry_without_any_date_can_be_ranked() -> None:
    undated = Entry(EntryKey("guid:blog:1"), "A post", id=EntryId(1))
    voted = replace(undated, key=EntryKey("guid:blog:2"), id=EntryId(2), upvotes=3)

    for rank in Rank:
        assert order([(undated, TITLE_HIT), (voted, TITLE_HIT)], rank) == [2, 1]


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


@examples(80)
@given(ENTRIES, st.sampled_from(Rank), st.randoms(use_true_random=False))
def test_order_does_not_depend_on_arrival(entries: list[Entry], rank: Rank, random: object) -> None:
    matched: list[tuple[Entry, Match]] = [(entry, TITLE_HIT) for entry in entries]
    shuffled = list(reversed(matched))
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rank_entries(shuffled, rank, NOW) == rank_entries(matched, rank, NOW)


def test_standing_says_place_and_votes_to_expect_among_entries_with_votes() -> None:
    first = make_entry(1, upvotes=47, listed_on=TODAY)
    second = make_entry(2, upvotes=3, listed_on=TODAY)
    voteless = make_entry(3)

    vote_ranks = stand_entries([second, voteless, first], at("2026-06-17 09:00"))

    assert list(vote_ranks) == [1, 2]
    vote_rank = vote_ranks[EntryId(1)]
    assert (vote_rank.projected, vote_rank.place, vote_rank.of, vote_rank.age_hours) == (110, 1, 2, 9)


def test_standing_never_expects_fewer_votes_than_there_are() -> None:
    old = make_entry(1, upvotes=47, listed_on=date(2026, 1, 1))
    undated = replace(make_entry(2, upvotes=4, listed_on=None), published_at=None)

    vote_ranks = stand_entries([old, undated], NOW)

    assert [vote_rank.projected for vote_rank in vote_ranks.values()] == [47, 4]
    assert vote_ranks[EntryId(2)].age_hours == 0
