from __future__ import annotations

import pytest

from newsletter.workflows.pace import Pace, PaceKeeper, word_sending
from tests.support.builders import at


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (Pace(1200, 50_000, 10), "1200 of 50000, 120 per second, 7 min left"),
        (Pace(5, 20, 10), "5 of 20, 30 per minute, 30 s left"),
        (Pace(100, 100_000, 100), "100 of 100000, 60 per minute, 27.8 h left"),
        (Pace(20, 20, 10), "20 of 20, 2 per second, 0 s left"),
        (Pace(30, 20, 10), "30, 3 per second"),  # more came than was known at first
        (Pace(0, 20, 0), "0, 0 per minute"),
    ],
)
def test_a_pace_says_rate_and_remaining_time(pace: Pace, said: str) -> None:
    assert str(pace) == said


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (
            Pace(5_000, 436_200, 2),
            "431,200 due now, 2,500 per second of late: done in about 3 min (2026-06-16 07:02 UTC)",
        ),
        (Pace(10, 13, 60), "3 due now, 10 per minute of late: done in about 18 s (2026-06-16 07:00 UTC)"),
        (Pace(0, 3, 1), "3 due now, none accepted in the last minute"),
    ],
)
def test_what_is_due_now_is_told_with_its_rate_and_end(pace: Pace, said: str) -> None:
    assert word_sending(pace, at("2026-06-16 07:00")) == said


def test_a_log_hears_of_it_every_ten_seconds_however_quick_it_goes() -> None:
    now = 100.0
    keeper = PaceKeeper(1000, lambda: now)
    told = []
    for _ in range(500):
        now += 0.0625
        if pace := keeper.advance():
            told.append(pace)

    assert [(pace.done, round(pace.per_second)) for pace in told] == [(160, 16), (320, 16), (480, 16)]
    assert told[0].remaining_s == pytest.approx(52.5)
