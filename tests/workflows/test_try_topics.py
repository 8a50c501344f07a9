"""Topics tried on what is stored."""

from __future__ import annotations

from datetime import timedelta

from newsletter.workflows.try_topics import count_by_day
from tests.support.builders import DAY, make_entry


def test_days_are_counted_up_to_the_last_the_oldest_first() -> None:
    days = (1, 0, 0, 5)
    entries = [
        make_entry(number, listed_on=DAY - timedelta(days=days_ago)) for number, days_ago in enumerate(days)
    ]
    assert count_by_day(entries, DAY, 3) == [0, 1, 2]
