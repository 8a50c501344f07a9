from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from newsletter.compose.diversity import diversify
from newsletter.model.entries import Entry
from newsletter.model.topics import Candidate, Match
from tests.support.builders import make_entry
from tests.support.examples import examples

MATCH = Match((), 1.0)


def rank(*scores: float, organizations: str = "", authors: str = "") -> list[Candidate]:
    """Candidates 1, 2, 3 …; the letters name their organisations and first authors."""
    return [
        Candidate(
            replace(
                make_entry(number),
                organization=organizations[number - 1 : number],
                authors=tuple(authors[number - 1 : number]),
            ),
            MATCH,
            score,
        )
        for number, score in enumerate(scores, start=1)
    ]


def unlike(_one: Entry, _other: Entry) -> float:
    return 0.0


def numbers(candidates: list[Candidate]) -> list[int]:
    return [candidate.entry.id for candidate in candidates]


def test_near_duplicate_gives_way_to_another_paper_after_the_first_three() -> None:
    ranked = rank(1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
    twins = {(3, 4)}

    def likeness(one: Entry, other: Entry) -> float:
        return 0.95 if (min(one.id, other.id), max(one.id, other.id)) in twins else 0.0

    assert numbers(diversify(ranked, likeness, 5)) == [1, 2, 3, 5, 6, 4]
    assert numbers(diversify(ranked[:4], likeness, 3)) == [1, 2, 3, 4]


def test_where_all_have_room_nothing_is_compared() -> None:
    def likeness(_one: Entry, _other: Entry) -> float:
        raise AssertionError("compared without need")

    assert numbers(diversify(rank(0.9, 0.9, 0.9, 0.9), likeness, 4)) == [1, 2, 3, 4]


def test_one_organisation_stands_twice_in_five_at_most() -> None:
    assert numbers(diversify(rank(*[0.5] * 7, organizations="aabaabb"), unlike, 7))[:5] == [1, 2, 3, 6, 4]


def test_one_first_author_stands_twice_in_five_at_most_while_others_are_left() -> None:
    assert numbers(diversify(rank(*[0.5] * 6, authors="xyxxxz"), unlike, 6)) == [1, 2, 3, 6, 4, 5]


RANKED = st.lists(
    st.tuples(st.integers(0, 10), st.sampled_from("abc "), st.sampled_from("xyz")), max_size=30
).map(
    lambda rows: rank(
        *sorted((score / 10 for score, _, _ in rows), reverse=True),
        organizations="".join(organization.strip() or " " for _, organization, _ in rows),
        authors="".join(author for _, _, author in rows),
    )
)


@examples(100)
@given(RANKED, st.integers(1, 12), st.integers(0, 9))
def test_nobody_is_lost_and_the_first_three_stay(ranked: list[Candidate], limit: int, seed: int) -> None:
    def likeness(one: Entry, other: Entry) -> float:
        return (one.id * other.id * (seed + 1)) % 11 / 10

    order = diversify(ranked, likeness, limit)

    assert Counter(numbers(order)) == Counter(numbers(ranked))
    assert order[: min(3, limit)] == ranked[: min(3, limit)]
    assert order == diversify(ranked, likeness, limit)
