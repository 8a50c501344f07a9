from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from newsletter.compose.slots import pause_until
from newsletter.compose.wishes import (
    choose_weekly,
    come_back,
    follow_cadence,
    pause_for,
    read_pause_end,
)
from newsletter.model import Consent
from tests.builders import at, make_cadence, make_subscriber

NOW = at("2026-06-17 18:30")
"""A Wednesday; in Tokyo it is Thursday already."""


@pytest.mark.parametrize(
    ("days", "weekly"),
    [({0, 1, 2, 3, 4, 5, 6}, 4), ({0, 1, 2, 3, 4}, 4), ({0, 3}, 3), ({5, 6}, 6), ({1, 6}, 1)],
)
def test_one_digest_a_week_is_that_of_the_last_day_up_to_friday(days: set[int], weekly: int) -> None:
    chosen = choose_weekly(make_cadence(days=frozenset(days)))

    assert chosen == make_cadence(days=frozenset({weekly}))


@pytest.mark.parametrize("day", range(7))
def test_less_than_one_day_a_week_there_is_not(day: int) -> None:
    assert choose_weekly(make_cadence(days=frozenset({day}))) is None


def test_the_same_cadence_keeps_what_is_due() -> None:
    before = make_subscriber(next_due_at=at("2026-06-17 07:00"))

    after = follow_cadence(before, replace(before, topics_json='["other"]'), NOW)

    assert (after.next_due_at, after.file_owned) == (before.next_due_at, False)


def test_another_cadence_begins_with_its_next_slot() -> None:
    before = make_subscriber(next_due_at=at("2026-06-18 07:00"), counted_run=5)

    after = follow_cadence(before, replace(before, cadence=make_cadence("Asia/Tokyo", "21:00")), NOW)

    assert (after.next_due_at, after.counted_run) == (at("2026-06-18 12:00"), 5)


def test_another_cadence_does_not_end_a_pause() -> None:
    before = pause_until(make_subscriber(), date(2026, 7, 1))

    after = follow_cadence(before, replace(before, cadence=make_cadence(hour="19:00")), NOW)

    assert after.consent is Consent.PAUSED
    assert (after.wake_at, after.next_due_at) == (at("2026-06-30 19:00"), at("2026-07-01 19:00"))


def test_a_pause_counts_whole_weeks_of_the_readers_own_days() -> None:
    reader = make_subscriber(cadence=make_cadence("Asia/Tokyo", "08:00"))

    assert pause_for(reader, 2, NOW).next_due_at == at("2026-07-01 23:00")  # 2 July there


def test_who_comes_back_is_not_sent_what_came_meanwhile() -> None:
    reader = make_subscriber(consent=Consent.LEFT, counted_run=3)

    back = come_back(reader, NOW, counted_run=9)
    undone = come_back(reader, NOW)

    assert (back.consent, back.counted_run, back.next_due_at) == (
        Consent.CONFIRMED,
        9,
        at("2026-06-18 07:00"),
    )
    assert undone.counted_run == 3
    assert come_back(replace(reader, counted_run=12), NOW, counted_run=9).counted_run == 12


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("2026-06-17", False),
        ("2026-06-18", True),
        ("2027-06-18", True),
        ("2027-06-19", False),
        ("2026-06-31", False),
        ("tomorrow", False),
        ("", False),
    ],
)
def test_a_pause_ends_after_today_and_within_a_year(text: str, is_taken: bool) -> None:
    assert (read_pause_end(text, make_subscriber(), NOW) is not None) == is_taken


def test_today_is_the_readers_own() -> None:
    reader = make_subscriber(cadence=make_cadence("Asia/Tokyo"))

    assert read_pause_end("2026-06-18", reader, NOW) is None
