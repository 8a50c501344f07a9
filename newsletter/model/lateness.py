"""How long after their slots the mails of an edition were accepted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

BOUNDS_S = (1, 2, 5, 10, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400)
"""The upper bounds of what is counted together; what is later is counted last."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the mails of an edition were. counts are those below each of BOUNDS_S but not below the one before, and
    those above all; half, 99 of 100 and 999 of 1000 mails were no later than p50_s, p99_s and p999_s. Whole seconds."""

    counts: tuple[int, ...]
    p50_s: int
    p99_s: int
    p999_s: int
    last_s: int

    @property
    def mails(self) -> int:
        return sum(self.counts)

    def __str__(self) -> str:
        named = {"half": self.p50_s, "99 %": self.p99_s, "99.9 %": self.p999_s, "all": self.last_s}
        spans = {
            word_seconds(seconds): share for share, seconds in named.items()
        }  # the largest share of each
        return ", ".join(f"{share} within {span}" for span, share in spans.items())


def build_lateness(found: Mapping[int, int]) -> Lateness:
    """Return the lateness of so many mails at each whole second; at least one mail. One that was sent before its slot,
    by hand, was not late."""
    seconds = sorted((max(second, 0), number) for second, number in found.items())
    counts = [0] * (len(BOUNDS_S) + 1)
    for second, number in seconds:
        counts[sum(second >= bound for bound in BOUNDS_S)] += number
    total = sum(counts)

    reached = list(accumulate(number for _, number in seconds))
    p50, p99, p999 = (bisect_left(reached, total * permille / 1000) for permille in (500, 990, 999))
    return Lateness(tuple(counts), *(seconds[place][0] for place in (p50, p99, p999, -1)))


def word_seconds(seconds: int) -> str:
    """Return a time as people say it, rounded up: 41 s, 12 min, 3 h."""
    seconds += 1  # a whole second that has begun
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7_200:
        return f"{-(-seconds // 60)} min"
    return f"{-(-seconds // 3_600)} h"
