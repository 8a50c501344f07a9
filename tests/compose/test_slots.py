from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from newsletter.compose.slots import (
    build_slot,
    choose_plan,
    choose_plan_for_date,
    fingerprint_zones,
    next_slot,
    previous_slot,
    realign,
    spread_slot,
)
from newsletter.model.readers import Cadence, Slot, SubscriberId
from tests.support.builders import at, make_cadence, make_subscriber

CATCH_UP = timedelta(days=2)


@pytest.mark.parametrize(
    ("zone", "hour", "local_on", "expected"),
    [
        ("Europe/Berlin", "07:00", date(2026, 6, 16), "2026-06-16 05:00"),
        ("America/New_York", "08:30", date(2026, 6, 16), "2026-06-16 12:30"),
        ("Asia/Kolkata", "06:00", date(2026, 6, 16), "2026-06-16 00:30"),
        ("Pacific/Auckland", "07:00", date(2026, 6, 16), "2026-06-15 19:00"),
        # autumn, the hour comes twice: the first of the two
        ("Europe/Berlin", "02:30", date(2026, 10, 25), "2026-10-25 00:30"),
        ("Australia/Lord_Howe", "01:45", date(2026, 4, 5), "2026-04-04 14:45"),
        # spring, the hour is left out: moved on by the gap
        ("Europe/Berlin", "02:30", date(2026, 3, 29), "2026-03-29 01:30"),
        ("Australia/Lord_Howe", "02:15", date(2026, 10, 4), "2026-10-03 15:45"),
    ],
)
def test_slot_is_the_local_hour_even_on_the_days_of_clock_change(
    zone: str, hour: str, local_on: date, expected: str
) -> None:
    assert build_slot(make_cadence(zone, hour), local_on) == Slot(local_on, at(expected))


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Cairo",
    ],
)
@pytest.mark.parametrize("hour", ["00:15", "01:45", "02:30", "07:00", "23:45"])
def test_a_year_of_slots_has_each_local_day_once(zone: str, hour: str) -> None:
    cadence = make_cadence(zone, hour)
    now = at("2026-01-01 00:00")
    slots = []
    while now < at("2027-01-01 00:00"):
        slot = next_slot(cadence, now)
        assert slot.at > now
        slots.append(slot)
        now = slot.at

    days = Counter(slot.local_on for slot in slots)
    assert set(days.values()) == {1}
    first, last = slots[0].local_on, slots[-1].local_on
    assert len(days) == (last - first).days + 1


def test_a_date_that_the_zone_left_out_has_no_slot() -> None:
    cadence = make_cadence("Pacific/Apia", "07:00")  # there was no 30 December 2011 in Samoa
    after = build_slot(cadence, date(2011, 12, 29)).at

    assert next_slot(cadence, after).local_on == date(2011, 12, 31)


def test_only_the_chosen_days_have_slots() -> None:
    weekdays = make_cadence(days=frozenset(range(5)))

    assert next_slot(weekdays, at("2026-06-19 08:00")).local_on == date(2026, 6, 22)
    assert previous_slot(weekdays, at("2026-06-22 07:00")).local_on == date(2026, 6, 19)


def test_previous_slot_is_the_one_before_next() -> None:
    for zone in ("Pacific/Auckland", "Pacific/Honolulu", "UTC"):
        cadence = make_cadence(zone, days=frozenset({2}))
        slot = next_slot(cadence, at("2026-06-16 12:00"))
        assert next_slot(cadence, previous_slot(cadence, slot.at).at) == slot


def test_a_slot_that_is_due_is_planned_and_the_next_one_follows() -> None:
    reader = make_subscriber(next_due_at=at("2026-06-16 07:00"))

    plan = choose_plan(reader, at("2026-06-16 07:00"), CATCH_UP)

    assert plan.slot == Slot(date(2026, 6, 16), at("2026-06-16 07:00"))
    assert plan.skipped == ()
    assert plan.next_due_at == at("2026-06-17 07:00")
    assert plan.expires_at == at("2026-06-18 07:00")


@pytest.mark.parametrize(
    ("now", "slot", "next_due_at"),
    [
        ("2026-06-16 06:49", None, "2026-06-16 07:00"),
        ("2026-06-16 06:50", "2026-06-16 07:00", "2026-06-17 07:00"),
        ("2026-06-16 07:00", "2026-06-16 07:00", "2026-06-17 07:00"),
        ("2026-06-16 07:30", "2026-06-16 07:00", "2026-06-17 07:00"),
    ],
)
def test_a_slot_that_comes_soon_is_planned_and_none_goes_out_before_it(
    now: str, slot: str | None, next_due_at: str
) -> None:
    reader = make_subscriber(next_due_at=at("2026-06-16 07:00"))

    plan = choose_plan(reader, at(now), CATCH_UP, ahead=timedelta(minutes=10))

    assert (plan.slot.at if plan.slot else None) == (at(slot) if slot else None)
    assert plan.send_at is None or plan.send_at >= at("2026-06-16 07:00")
    assert plan.next_due_at == at(next_due_at)
    if slot:
        assert plan.expires_at == max(at(now), at(slot)) + CATCH_UP


def test_a_slot_that_was_missed_is_covered_by_the_one_that_comes_soon() -> None:
    reader = make_subscriber(next_due_at=at("2026-06-15 07:00"))

    plan = choose_plan(reader, at("2026-06-16 06:55"), CATCH_UP, ahead=timedelta(minutes=10))

    assert plan.slot == Slot(date(2026, 6, 16), at("2026-06-16 07:00"))
    assert [skip.slot.local_on.day for skip in plan.skipped] == [15]


@pytest.mark.parametrize("outage", [timedelta(seconds=5), timedelta(minutes=11), timedelta(hours=6)])
def test_a_short_outage_costs_lateness_only(outage: timedelta) -> None:
    reader = make_subscriber(next_due_at=at("2026-06-16 07:00"))

    plan = choose_plan(reader, at("2026-06-16 07:00") + outage, CATCH_UP)

    assert plan.slot is not None
    assert plan.slot.local_on == date(2026, 6, 16)
    assert plan.skipped == ()


def test_after_an_outage_of_days_one_digest_covers_the_slots_that_were_missed() -> None:
    reader = make_subscriber(next_due_at=at("2026-06-13 07:00"))

    plan = choose_plan(reader, at("2026-06-16 09:00"), CATCH_UP)

    assert plan.slot is not None
    assert plan.slot.local_on == date(2026, 6, 16)
    assert [skip.slot.local_on.day for skip in plan.skipped] == [13, 14, 15]
    assert all("covered by the digest of 2026-06-16" in skip.why for skip in plan.skipped)


def test_a_slot_older_than_the_catch_up_window_is_skipped() -> None:
    weekly = make_cadence(days=frozenset({2}))
    reader = make_subscriber(cadence=weekly, next_due_at=at("2026-06-10 07:00"))

    plan = choose_plan(reader, at("2026-06-15 09:00"), CATCH_UP)

    assert plan.slot is None
    assert [skip.slot.local_on for skip in plan.skipped] == [date(2026, 6, 10)]
    assert plan.next_due_at == at("2026-06-17 07:00")


def test_an_edition_that_is_sent_early_uses_its_slot_up() -> None:
    reader = make_subscriber(next_due_at=at("2026-06-16 07:00"))

    plan = choose_plan_for_date(reader, date(2026, 6, 16), at("2026-06-16 05:00"), CATCH_UP)

    assert plan is not None
    assert plan.slot == Slot(date(2026, 6, 16), at("2026-06-16 07:00"))
    assert plan.next_due_at == at("2026-06-17 07:00")


def test_an_edition_covers_the_slots_that_were_missed_before_it() -> None:
    reader = make_subscriber(next_due_at=at("2026-06-15 07:00"))

    plan = choose_plan_for_date(reader, date(2026, 6, 16), at("2026-06-16 09:00"), CATCH_UP)

    assert plan is not None
    assert [skip.slot.local_on for skip in plan.skipped] == [date(2026, 6, 15)]


@pytest.mark.parametrize(
    ("local_on", "now"),
    [
        (date(2026, 6, 15), "2026-06-16 05:00"),  # not a day of this cadence
        (date(2026, 6, 16), "2026-06-15 22:00"),  # still to come in this zone
        (date(2026, 6, 9), "2026-06-16 05:00"),  # too long ago
    ],
)
def test_a_date_that_cannot_be_sent_has_no_plan(local_on: date, now: str) -> None:
    tuesdays = make_cadence(days=frozenset({1}))
    reader = make_subscriber(cadence=tuesdays, next_due_at=at("2026-06-16 07:00"))

    assert choose_plan_for_date(reader, local_on, at(now), CATCH_UP) is None


def test_the_zones_of_this_table_are_real() -> None:
    assert ZoneInfo("Australia/Lord_Howe").utcoffset(at("2026-06-16 00:00")) == timedelta(hours=10.5)


def test_a_slot_follows_the_rules_that_its_zone_has_now() -> None:
    cadence = Cadence(frozenset(range(7)), time(7), "Europe/Berlin")
    right = build_slot(cadence, date(2026, 7, 1)).at

    assert realign(cadence, right) == right
    for hours in (-3, -1, 1, 3):
        assert realign(cadence, right + timedelta(hours=hours)) == right


def test_a_fingerprint_of_zones_changes_with_their_rules_alone() -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)

    assert fingerprint_zones(["UTC", "Europe/Berlin"], now) == fingerprint_zones(
        ["Europe/Berlin", "UTC"], now
    )
    assert fingerprint_zones(["Europe/Berlin"], now) != fingerprint_zones(["Africa/Lagos"], now)


def test_spread_slots_lie_evenly_within_their_time_and_stay() -> None:
    slot = Slot(date(2026, 7, 1), datetime(2026, 7, 1, 5, tzinfo=UTC))
    spread = timedelta(minutes=20)
    instants = [spread_slot(slot, SubscriberId(number), spread) for number in range(1, 1001)]

    assert all(slot.at <= at < slot.at + spread for at in instants)
    for minute in range(20):
        begun = slot.at + timedelta(minutes=minute)
        assert 45 <= sum(begun <= at < begun + timedelta(minutes=1) for at in instants) <= 55
    assert spread_slot(slot, SubscriberId(7), timedelta()) == slot.at
