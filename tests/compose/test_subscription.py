"""Every move of a subscription: the whole table, what a move changes, and what no order of moves can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.compose.slots import find_pause_end
from newsletter.compose.subscription import (
    ERASED_DOMAIN,
    MOVES,
    add,
    ask,
    change,
    choose_weekly,
    come_back,
    come_back_weekly,
    confirm,
    drop_from_file,
    erase,
    follow_file,
    leave,
    may_send,
    next_mail_at,
    parse_pause_end,
    pause,
    pause_ends_on,
    pause_instead,
    restore,
    resume,
    status_of,
    wake,
    word_refusal,
)
from newsletter.model.ledger import Kind
from newsletter.model.readers import Consent, ConsentMove, Refusal, Refused, Status, Subscriber, Suppression
from tests.support.builders import at, make_cadence, make_subscriber

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

    after = change(before, replace(before, topics_json='["other"]'), NOW)

    assert isinstance(after, Subscriber)
    assert (after.next_due_at, after.file_owned) == (before.next_due_at, False)


def test_another_cadence_begins_with_its_next_slot() -> None:
    before = make_subscriber(next_due_at=at("2026-06-18 07:00"), counted_run=5)

    after = change(before, replace(before, cadence=make_cadence("Asia/Tokyo", "21:00")), NOW)

    assert isinstance(after, Subscriber)
    assert (after.next_due_at, after.counted_run) == (at("2026-06-18 12:00"), 5)


def test_another_cadence_does_not_end_a_pause() -> None:
    before = pause(make_subscriber(), date(2026, 7, 1), NOW)
    assert isinstance(before, Subscriber)

    after = change(before, replace(before, cadence=make_cadence(hour="19:00")), NOW)

    assert isinstance(after, Subscriber)
    assert after.consent is Consent.PAUSED
    assert (after.wake_at, after.next_due_at) == (at("2026-06-30 19:00"), at("2026-07-01 19:00"))


def test_a_pause_counts_whole_weeks_of_the_readers_own_days() -> None:
    reader = make_subscriber(cadence=make_cadence("Asia/Tokyo", "08:00"), consent=Consent.LEFT)

    paused = pause_instead(reader, 2, NOW)

    assert isinstance(paused, Subscriber)
    assert paused.next_due_at == at("2026-07-01 23:00")  # 2 July there


def test_who_comes_back_is_not_sent_what_came_meanwhile() -> None:
    reader = make_subscriber(consent=Consent.LEFT, counted_run=3)

    back, undone = come_back(reader, NOW, 9), come_back(reader, NOW)
    further = come_back(replace(reader, counted_run=12), NOW, 9)

    assert isinstance(back, Subscriber)
    assert isinstance(undone, Subscriber)
    assert isinstance(further, Subscriber)
    assert (back.consent, back.counted_run, back.next_due_at) == (
        Consent.CONFIRMED,
        9,
        at("2026-06-18 07:00"),
    )
    assert undone.counted_run == 3
    assert further.counted_run == 12


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
    assert (parse_pause_end(text, make_subscriber(), NOW) is not None) == is_taken


def test_today_is_the_readers_own() -> None:
    reader = make_subscriber(cadence=make_cadence("Asia/Tokyo"))

    assert parse_pause_end("2026-06-18", reader, NOW) is None


# --- the table ----------------------------------------------------------------------------

READERS: Mapping[Status, Subscriber] = {
    Status.UNCONFIRMED: make_subscriber(number=1, consent=Consent.UNCONFIRMED, file_owned=False),
    Status.CONFIRMED: make_subscriber(number=1, next_due_at=at("2026-06-18 07:00")),
    Status.PAUSED: make_subscriber(number=1, consent=Consent.PAUSED),
    Status.ABSENT: replace(make_subscriber(number=1, consent=Consent.PAUSED), paused_by_file=True),
    Status.LEFT: make_subscriber(number=1, consent=Consent.LEFT),
    Status.DECLINED: replace(make_subscriber(number=1, consent=Consent.LEFT), declined=True),
    Status.ERASED: make_subscriber(f"x{ERASED_DOMAIN}", number=1, consent=Consent.LEFT),
}
OTHER = make_subscriber(topics_json='["whale"]')
ACTS: Mapping[ConsentMove, Callable[[Subscriber], Subscriber | Refused]] = {
    ConsentMove.LIST: lambda reader: follow_file(
        reader, replace(reader, topics_json=OTHER.topics_json), NOW, 9
    ),
    ConsentMove.UNLIST: drop_from_file,
    ConsentMove.CONFIRM: lambda reader: confirm(reader, OTHER, NOW, NOW, 9),
    ConsentMove.CHANGE: lambda reader: change(reader, OTHER, NOW),
    ConsentMove.PAUSE: lambda reader: pause(reader, None, NOW),
    ConsentMove.WAKE: lambda reader: wake(reader, 9),
    ConsentMove.RESUME: lambda reader: resume(reader, NOW, 9),
    ConsentMove.LEAVE: lambda reader: leave(reader, NOW),
    ConsentMove.COME_BACK: lambda reader: come_back(reader, NOW, 9),
    ConsentMove.PAUSE_INSTEAD: lambda reader: pause_instead(reader, 2, NOW),
    ConsentMove.RESTORE: lambda reader: restore(reader, NOW, 9),
    ConsentMove.ERASE: lambda reader: erase(reader, f"x{ERASED_DOMAIN}"),
}


@pytest.mark.parametrize("move", ACTS)
@pytest.mark.parametrize("status", READERS)
def test_each_move_does_what_the_table_says(status: Status, move: ConsentMove) -> None:
    after = ACTS[move](READERS[status])
    target = MOVES[status][move]

    if isinstance(target, Refusal):
        assert after == Refused(target)
    else:
        assert isinstance(after, Subscriber)
        assert status_of(after) is target


def test_the_table_says_something_of_every_status_and_move() -> None:
    assert set(MOVES) == set(Status)
    for status, moves in MOVES.items():
        assert set(moves) == set(ConsentMove), status


@pytest.mark.parametrize("refusal", Refusal)
def test_each_refusal_has_words(refusal: Refusal) -> None:
    assert word_refusal(Refused(refusal))


def test_who_is_new_is_asked_added_or_listed() -> None:
    asked = ask(make_subscriber(next_due_at=NOW))
    added = add(make_subscriber(file_owned=False), NOW, 4)
    listed = follow_file(None, make_subscriber(), NOW, 4)

    assert isinstance(asked, Subscriber)
    assert isinstance(added, Subscriber)
    assert isinstance(listed, Subscriber)
    assert (asked.consent, asked.next_due_at, asked.file_owned) == (Consent.UNCONFIRMED, None, False)
    assert (added.consent, added.counted_run, added.file_owned) == (Consent.CONFIRMED, 4, False)
    assert (listed.consent, listed.counted_run, listed.file_owned) == (Consent.CONFIRMED, 4, True)
    assert added.next_due_at == listed.next_due_at == at("2026-06-18 07:00")


# --- what holds in any order of moves -----------------------------------------------------

BY_THEMSELVES = {
    ConsentMove.CONFIRM,
    ConsentMove.COME_BACK,
    ConsentMove.PAUSE_INSTEAD,
    ConsentMove.RESTORE,
}


@given(st.sampled_from(Status), st.lists(st.sampled_from(sorted(ConsentMove)), max_size=12))
def test_who_left_stays_left_but_for_their_own_wish_or_the_operators(
    status: Status, moves: list[ConsentMove]
) -> None:
    for move in moves:
        target = MOVES[status][move]
        if isinstance(target, Refusal):
            continue
        if status in (Status.LEFT, Status.DECLINED) and target is not status:
            assert move in BY_THEMSELVES | {ConsentMove.ERASE}
        if status is Status.DECLINED and target is not status:
            assert move in (ConsentMove.CONFIRM, ConsentMove.ERASE)
        status = target


@given(st.lists(st.sampled_from(sorted(ConsentMove)), max_size=12))
def test_who_never_agreed_is_never_mailed(moves: list[ConsentMove]) -> None:
    """Only the button of a mail, or a row of the operator's file, makes a reader of somebody who was asked."""
    status, has_agreed = Status.UNCONFIRMED, False
    for move in moves:
        target = MOVES[status][move]
        if isinstance(target, Refusal):
            continue
        has_agreed |= move is ConsentMove.CONFIRM or (
            move is ConsentMove.LIST and status is Status.UNCONFIRMED
        )
        status = target
        if not has_agreed:
            assert status in (Status.UNCONFIRMED, Status.DECLINED, Status.ERASED)


@given(st.lists(st.sampled_from(sorted(ConsentMove)), max_size=12))
def test_who_was_erased_stays_so(moves: list[ConsentMove]) -> None:
    assert {MOVES[Status.ERASED][move] for move in moves} <= {Status.ERASED, Refusal.ERASED}


# --- who decides about the preferences ----------------------------------------------------


@pytest.mark.parametrize("is_owned", [True, False])
@pytest.mark.parametrize(
    ("status", "move"),
    [
        (Status.CONFIRMED, ConsentMove.PAUSE),
        (Status.PAUSED, ConsentMove.WAKE),
        (Status.PAUSED, ConsentMove.RESUME),
        (Status.PAUSED, ConsentMove.RESTORE),
        (Status.CONFIRMED, ConsentMove.LEAVE),
        (Status.LEFT, ConsentMove.COME_BACK),
        (Status.LEFT, ConsentMove.PAUSE_INSTEAD),
        (Status.LEFT, ConsentMove.RESTORE),
    ],
)
def test_whether_somebody_is_mailed_says_nothing_of_whose_the_preferences_are(
    status: Status, move: ConsentMove, is_owned: bool
) -> None:
    after = ACTS[move](replace(READERS[status], file_owned=is_owned))

    assert isinstance(after, Subscriber)
    assert after.file_owned is is_owned


@pytest.mark.parametrize("move", [ConsentMove.CHANGE, ConsentMove.CONFIRM])
def test_preferences_that_a_reader_chose_are_their_own(move: ConsentMove) -> None:
    after = ACTS[move](READERS[Status.CONFIRMED])

    assert isinstance(after, Subscriber)
    assert (after.file_owned, after.topics_json) == (False, OTHER.topics_json)


@pytest.mark.parametrize("move", [ConsentMove.RESUME, ConsentMove.RESTORE])
def test_who_is_mailed_again_without_a_row_is_not_paused_by_the_file_again(move: ConsentMove) -> None:
    back = ACTS[move](READERS[Status.ABSENT])

    assert isinstance(back, Subscriber)
    assert not back.file_owned


def test_one_digest_a_week_instead_of_leaving_is_a_preference() -> None:
    back = come_back_weekly(READERS[Status.LEFT], NOW)

    assert isinstance(back, Subscriber)
    assert (back.file_owned, back.cadence.days) == (False, frozenset({4}))


def test_a_row_changes_topics_during_a_pause_and_does_not_end_it() -> None:
    paused = pause(READERS[Status.CONFIRMED], date(2026, 7, 1), NOW)
    assert isinstance(paused, Subscriber)

    after = follow_file(paused, replace(paused, topics_json='["whale"]'), NOW, 9)

    assert after == replace(paused, topics_json='["whale"]')


# --- what is out of date ------------------------------------------------------------------

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "meanwhile",
    [
        partial(leave, now=NOW),
        partial(change, wanted=OTHER, now=NOW),
        partial(pause, first_on=None, now=NOW),
        lambda reader: confirm(reader, OTHER, NOW, NOW, 0),
    ],
    ids=["left", "changed", "paused", "confirmed a newer one"],
)
def test_what_was_asked_before_something_newer_was_decided_is_void(
    meanwhile: Callable[[Subscriber], Subscriber | Refused],
) -> None:
    reader = meanwhile(READERS[Status.CONFIRMED])
    assert isinstance(reader, Subscriber)

    assert confirm(reader, OTHER, NOW - HOUR, NOW + HOUR, 0) == Refused(Refusal.STALE)
    assert isinstance(confirm(reader, OTHER, NOW + HOUR, NOW + HOUR, 0), Subscriber)


def test_of_two_requests_the_newer_one_counts_in_either_order() -> None:
    older = confirm(READERS[Status.UNCONFIRMED], OTHER, NOW, NOW + HOUR, 0)
    assert isinstance(older, Subscriber)
    newer = confirm(older, make_subscriber(topics_json='["newer"]'), NOW + HOUR, NOW + 2 * HOUR, 0)

    assert isinstance(newer, Subscriber)
    assert newer.topics_json == '["newer"]'
    assert confirm(newer, OTHER, NOW, NOW + 3 * HOUR, 0) == Refused(Refusal.STALE)


# --- who is mailed, and when --------------------------------------------------------------

BOUNCED, COMPLAINED = Suppression("bounced: 5.1.1"), Suppression("complaint", is_complaint=True)


@pytest.mark.parametrize("status", READERS)
def test_only_who_confirmed_gets_digests(status: Status) -> None:
    refusal = may_send(Kind.DIGEST, READERS[status], None)

    assert (refusal == "") == (status is Status.CONFIRMED)


@pytest.mark.parametrize("kind", Kind)
def test_an_address_that_did_not_take_mail_is_asked_again_and_one_that_complained_is_not(kind: Kind) -> None:
    reader = READERS[Status.CONFIRMED]

    assert (may_send(kind, reader, BOUNCED) == "") == (kind is Kind.CONFIRM)
    assert may_send(kind, reader, COMPLAINED) == "complaint"


@pytest.mark.parametrize("status", READERS)
def test_a_next_digest_has_only_who_gets_one(status: Status) -> None:
    reader = replace(READERS[status], next_due_at=at("2026-06-18 07:00"))
    due_at = next_mail_at(reader, is_suppressed=False)

    assert (due_at is not None) == (status is Status.CONFIRMED)
    assert next_mail_at(reader, is_suppressed=True) is None


def test_a_pause_with_an_end_says_when() -> None:
    paused = pause(READERS[Status.CONFIRMED], date(2026, 7, 1), NOW)

    assert isinstance(paused, Subscriber)
    assert pause_ends_on(paused) == date(2026, 7, 1)
    assert next_mail_at(paused, is_suppressed=False) == at("2026-07-01 07:00")
    assert (paused.next_due_at, paused.wake_at) == find_pause_end(paused.cadence, date(2026, 7, 1))


def test_a_pause_does_not_end_before_it_begins() -> None:
    assert pause(READERS[Status.CONFIRMED], date(2026, 6, 1), NOW) == Refused(Refusal.NOT_TO_COME)
    assert pause(READERS[Status.LEFT], date(2026, 6, 1), NOW) == Refused(Refusal.LEFT)


def test_the_documentation_shows_the_table() -> None:
    """docs/web.md has a row a move and a column a status, in the order of the table."""
    text = (Path(__file__).parents[2] / "docs" / "web.md").read_text()
    shown = [status for status in Status if status not in (Status.UNKNOWN, Status.ERASED)]
    rows = ["| | " + " | ".join(shown) + " |", "|---|" + "---|" * len(shown)]
    for move in ConsentMove:
        cells = []
        for status in shown:
            target = MOVES[status][move]
            cells.append(
                "–" if isinstance(target, Refusal) else "stays" if target is status else f"**{target}**"
            )
        rows.append(f"| {move} | " + " | ".join(cells) + " |")

    assert "\n".join(rows) in text, "docs/web.md should have\n" + "\n".join(rows)
