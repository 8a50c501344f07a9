from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.compose.choice import Claim, choose_topics, first_entries
from tests.support.examples import examples

CLAIMS = st.lists(
    st.builds(
        Claim, st.sampled_from([0.35, 0.7, 1.0, 1.05, 1.5]), st.integers(0, 5), st.integers(0, 2**12 - 1)
    ),
    max_size=12,
)


def choose_one_by_one(claims: list[Claim]) -> dict[int, int]:
    best: dict[int, tuple[float, int]] = {}
    for value, order, entries in claims:
        for number in range(12):
            if entries >> number & 1:
                best[number] = max(best.get(number, (0.0, -99)), (value, -order))
    chosen: dict[int, int] = {}
    for number, (_, order) in best.items():
        chosen[-order] = chosen.get(-order, 0) | 1 << number
    return chosen


@examples(200)
@given(CLAIMS)
def test_each_entry_goes_to_its_greatest_claim(claims: list[Claim]) -> None:
    assert choose_topics(claims) == choose_one_by_one(claims)
    assert choose_topics(reversed(claims)) == choose_topics(claims)


@given(st.sets(st.integers(0, 80)), st.integers(0, 10))
def test_first_entries_are_the_lowest_bits(numbers: set[int], most: int) -> None:
    entries = sum(1 << number for number in numbers)

    assert list(first_entries(entries, most)) == sorted(numbers)[:most]
