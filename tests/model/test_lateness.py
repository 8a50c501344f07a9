"""How late mails were, as an operator reads it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from newsletter.model.lateness import BOUNDS_S, build_lateness, word_seconds


@pytest.mark.parametrize(
    ("found", "percentiles", "below_a_minute"),
    [
        ({0: 1}, (0, 0, 0, 0), 1),
        ({-40: 3, 0: 1}, (0, 0, 0, 0), 4),
        ({0: 500, 7: 490, 30: 9, 90_000: 1}, (0, 7, 30, 90_000), 999),
        (dict.fromkeys(range(100), 10), (49, 98, 99, 99), 600),
        ({59: 1, 60: 1}, (59, 60, 60, 60), 1),
    ],
)
def test_percentiles_and_counts(
    found: Mapping[int, int], percentiles: tuple[int, ...], below_a_minute: int
) -> None:
    lateness = build_lateness(found)
    assert (lateness.p50_s, lateness.p99_s, lateness.p999_s, lateness.last_s) == percentiles
    assert lateness.mails == sum(found.values())
    assert sum(lateness.counts[: BOUNDS_S.index(60) + 1]) == below_a_minute


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 s"), (59, "60 s"), (119, "2 min"), (299, "5 min"), (3_599, "60 min"), (86_399, "24 h")],
)
def test_times_are_told_as_people_say_them(seconds: int, words: str) -> None:
    assert word_seconds(seconds) == words


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            {0: 500, 7: 490, 30: 9, 900: 1},
            "half within 1 s, 99 % within 8 s, 99.9 % within 31 s, all within 16 min",
        ),
        ({0: 990, 7: 10}, "99 % within 1 s, all within 8 s"),
        ({0: 420}, "all within 1 s"),
    ],
)
def test_lateness_in_one_line(found: Mapping[int, int], line: str) -> None:
    assert str(build_lateness(found)) == line
