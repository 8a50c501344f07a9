"""Which of a reader's topics gets which entry: set arithmetic on integers as bit sets, bit n for the entry number n."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Claim(NamedTuple):
    """A topic wants entries: value is its weight times their strength, order its place among the reader's topics."""

    value: float
    order: int
    entries: int


def choose_topics(claims: Iterable[Claim]) -> dict[int, int]:
    """Return the entries that each topic gets, by its order: every entry goes to the greatest claim on it, and between
    equal ones to the topic that the reader named first. Topics that get nothing are left out."""
    taken = 0
    chosen: dict[int, int] = {}
    for _, order, entries in sorted(claims, key=_greatest_first):
        mine = entries & ~taken
        if mine:
            chosen[order] = chosen.get(order, 0) | mine
            taken |= mine
    return chosen


def _greatest_first(claim: Claim) -> tuple[float, int]:
    return -claim[0], claim[1]


def first_entries(entries: int, most: int) -> Iterator[int]:
    """Yield the numbers of the ``most`` lowest bits, ascending."""
    while entries and most:
        lowest = entries & -entries
        yield lowest.bit_length() - 1
        entries ^= lowest
        most -= 1
