"""The table of the ledger's states: what it promises as a whole, that the docs show it, and what is decided by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from newsletter.deliver.ledger_rules import (
    BEGINNINGS,
    RELEASED,
    TRANSITIONS,
    CountedMove,
    Event,
    LockedDelivery,
    LockedReader,
    PlannedDigest,
    choose_changes,
    choose_counted,
    choose_event,
    choose_next_due,
    choose_snapshot,
    choose_state,
    is_forgotten,
    judge_plan,
    list_covered,
    may_write,
    move,
    state_after,
    was_written,
)
from newsletter.model.digest import Window
from newsletter.model.ledger import (
    COUNTED,
    HELD,
    PENDING,
    WAITING,
    BeginData,
    CloseDelivery,
    DeliveryId,
    InstanceId,
    LedgerStep,
    PlanResult,
    RecordOutcome,
    State,
)
from newsletter.model.mail import Accepted, Deferred, Rejected, Uncertain
from newsletter.model.readers import SubscriberId
from tests.support.builders import at, make_subscriber
from tests.support.given import DUE, make_plan, make_snapshot

NOW = at("2026-06-16 08:00")
MINE, OTHER = InstanceId(1), InstanceId(2)
ROW, READER = DeliveryId(1), SubscriberId(7)
SNAPSHOT = make_snapshot((5, 8))
BEGIN = BeginData(ROW, 2, SNAPSHOT, "relay")
ACCEPT = RecordOutcome(ROW, 2, Accepted("250 ok"), "relay")
DEFER = RecordOutcome(ROW, 2, Deferred("451 later", at("2026-06-16 09:00")), "relay")
REFUSE = RecordOutcome(ROW, 2, Rejected("550 no"), "relay")
SILENCE = RecordOutcome(ROW, 2, Uncertain("no answer"), "relay")
EMPTY = CloseDelivery(ROW, State.EMPTY, "why", Window(5, 8))
CLOSES = [EMPTY, *(CloseDelivery(ROW, state, "why") for state in (State.SUPPRESSED, State.REJECTED))]
STEPS = [BEGIN, ACCEPT, DEFER, REFUSE, SILENCE, *CLOSES]


def make_row(state: State = State.IN_DATA, **columns: Any) -> LockedDelivery:
    return LockedDelivery(ROW, READER, state, **columns)


def list_moves() -> Iterator[tuple[Event, State, State]]:
    """Every way from a state to another: event, before, after."""
    for event, moves in TRANSITIONS.items():
        for before, states in moves.items():
            yield from ((event, before, after) for after in states)


# --- the table ----------------------------------------------------------------------------


def test_each_event_is_in_the_table() -> None:
    assert [*BEGINNINGS, *TRANSITIONS] == list(Event)


def test_each_state_can_be_reached() -> None:
    reached = set(BEGINNINGS.values())
    for _ in State:
        reached |= {after for _, before, after in list_moves() if before in reached}
    assert reached == set(State)


def test_what_is_pending_can_end_and_what_is_over_stays_over_unless_told_otherwise() -> None:
    left = {before for _, before, _ in list_moves()}
    assert set(State) - left == {State.EMPTY, State.SKIPPED, State.SUPPRESSED}
    by_itself = {before for event, before, _ in list_moves() if event not in (Event.RETRY, Event.BOUNCE)}
    assert by_itself == PENDING | {State.UNCERTAIN}


def test_what_is_in_data_ends_with_an_answer_or_uncertain() -> None:
    ends = {after for _, before, after in list_moves() if before is State.IN_DATA}
    assert ends == {State.ACCEPTED, State.DEFERRED, State.REJECTED, State.UNCERTAIN}


def test_only_the_fence_lets_a_mail_go_out_and_only_a_claimed_one() -> None:
    ways = [(event, before) for event, before, after in list_moves() if after is State.IN_DATA]
    assert ways == [(Event.FENCE, State.CLAIMED)]


def test_what_counts_is_never_sent_again_but_for_what_is_uncertain() -> None:
    assert {before for _, before, after in list_moves() if before in COUNTED and after in PENDING} == {
        State.UNCERTAIN
    }


def test_an_event_leads_to_one_state_where_it_can_happen() -> None:
    for event in TRANSITIONS:
        if event in (Event.RELEASE, Event.RETRY):
            with pytest.raises(ValueError, match="too many"):
                state_after(event)
            continue
        for state in State:
            expected = state_after(event) if state in TRANSITIONS[event] else None
            assert move(state, event) == expected, (event, state)


def test_the_documentation_shows_the_table_and_draws_it() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
    for shown in (draw_diagram(), build_table()):
        assert shown in text, "docs/reliability.md should have\n" + shown


def build_table() -> str:
    """The table in Markdown: a row for each event."""
    rows = ["| event | what happens | from | to |", "|---|---|---|---|"]
    rows += [f"| {event.name.lower()} | {event} | – | {after} |" for event, after in BEGINNINGS.items()]
    for event, moves in TRANSITIONS.items():
        (after,) = set(moves.values())
        rows.append(f"| {event.name.lower()} | {event} | {', '.join(moves)} | {' or '.join(after)} |")
    return "\n".join(rows)


def draw_diagram() -> str:
    """The table as a diagram, in Mermaid: an arrow for each pair of states, with its events."""
    arrows: dict[tuple[str, State], list[str]] = {
        ("[*]", after): [event.name.lower()] for event, after in BEGINNINGS.items()
    }
    for event, before, after in list_moves():
        arrows.setdefault((before, after), []).append(event.name.lower())
    lines = [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


# --- planning -----------------------------------------------------------------------------

PLAN = make_plan(1)
"""For the edition after DAY."""
TODAY = make_subscriber(next_due_at=DUE)


def make_locked(*digests: tuple[int, State]) -> LockedReader:
    """A reader who is as they were loaded, with digests of so many days after DAY."""
    return LockedReader(
        DUE,
        [
            PlannedDigest(DeliveryId(number), make_plan(days).edition, state)
            for number, (days, state) in enumerate(digests)
        ],
    )


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(
    ("locked", "result"),
    [
        (make_locked(), PlanResult.PLANNED),
        (None, PlanResult.LOST),
        (LockedReader(DUE + timedelta(days=1)), PlanResult.LOST),
        (LockedReader(None), PlanResult.LOST),
        *((make_locked((0, state)), PlanResult.BUSY) for state in HELD),
        *((make_locked((0, state)), PlanResult.PLANNED) for state in WAITING),
        (make_locked((0, State.QUEUED), (-1, State.IN_DATA)), PlanResult.BUSY),
    ],
)
def test_a_plan_is_written_where_nobody_was_faster_and_no_mail_is_on_its_way(
    locked: LockedReader | None, result: PlanResult, by_hand: bool
) -> None:
    assert judge_plan(TODAY, PLAN, locked, by_hand=by_hand) is result


@pytest.mark.parametrize("state", State)
def test_a_date_that_has_a_row_is_planned_by_hand_no_more(state: State) -> None:
    locked = make_locked((1, state))
    assert judge_plan(TODAY, PLAN, locked, by_hand=True) is PlanResult.LOST
    assert judge_plan(TODAY, PLAN, locked, by_hand=False) is PlanResult.PLANNED


@pytest.mark.parametrize(("by_hand", "result"), [(False, PlanResult.PLANNED), (True, PlanResult.LOST)])
def test_a_plan_without_a_slot_moves_the_schedule_only(by_hand: bool, result: PlanResult) -> None:
    nothing = make_plan(1, skipped=[0], with_slot=False)
    locked = make_locked((0, State.QUEUED), (-1, State.IN_DATA))
    assert judge_plan(TODAY, nothing, locked, by_hand=by_hand) is result
    assert list_covered(nothing, locked) == []


def test_a_plan_covers_the_waiting_digests_of_other_editions() -> None:
    states = [(0, State.QUEUED), (-1, State.DEFERRED), (1, State.QUEUED), (-2, State.UNCERTAIN)]
    assert list_covered(PLAN, make_locked(*states)) == [0, 1]


@pytest.mark.parametrize(
    ("days", "by_hand", "days_to_next"), [(1, False, 2), (1, True, 2), (-9, False, -8), (-9, True, 0)]
)
def test_a_plan_by_hand_never_moves_the_schedule_back(days: int, by_hand: bool, days_to_next: int) -> None:
    due_at = choose_next_due(TODAY, make_plan(days), by_hand=by_hand)
    assert due_at == DUE + timedelta(days=days_to_next)


# --- recording ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "states"),
    [
        (BEGIN, {State.CLAIMED}),
        (ACCEPT, {State.IN_DATA}),
        (DEFER, {State.CLAIMED, State.IN_DATA}),
        (REFUSE, {State.CLAIMED, State.IN_DATA}),
        (SILENCE, {State.IN_DATA}),
        *((close, {State.CLAIMED}) for close in CLOSES),
    ],
)
def test_a_step_takes_effect_only_on_a_row_that_the_instance_holds(
    step: LedgerStep, states: set[State]
) -> None:
    for state, holder in product(State, (MINE, OTHER, None)):
        row = make_row(state, claimed_by=holder)
        assert may_write(step, row, MINE) == (holder == MINE and state in states), (state, holder)


@pytest.mark.parametrize("step", STEPS)
def test_of_a_voided_claim_only_a_late_yes_takes_effect_and_only_its_own(step: LedgerStep) -> None:
    for state, loser in product(State, (MINE, OTHER, None)):
        row = make_row(state, lost_by=loser)
        expected = step == ACCEPT and state is State.UNCERTAIN and loser == MINE
        assert may_write(step, row, MINE) == expected, (state, loser)


@pytest.mark.parametrize("close", CLOSES)
def test_a_close_leads_where_it_says(close: CloseDelivery) -> None:
    assert TRANSITIONS[choose_event(close)] == {State.CLAIMED: (close.state,)}
    assert choose_state(close) is close.state


def test_nothing_closes_with_a_state_that_an_answer_must_bring() -> None:
    for state in set(State) - {close.state for close in CLOSES}:
        with pytest.raises(KeyError):
            choose_event(CloseDelivery(ROW, state, "why"))


@pytest.mark.parametrize(
    ("columns", "step", "written"),
    [
        ({}, BEGIN, True),
        ({"claimed_by": OTHER}, BEGIN, False),
        ({"attempt": 3}, BEGIN, False),
        ({"content_hash": "other"}, BEGIN, False),
        ({"state": State.CLAIMED}, BEGIN, False),
        ({}, ACCEPT, False),
    ],
)
def test_a_fence_whose_answer_was_lost_is_known_by_its_attempt(
    columns: dict[str, Any], step: LedgerStep, written: bool
) -> None:
    fenced = make_row(claimed_by=MINE, attempt=2, content_hash=SNAPSHOT.content_hash)
    row = replace(fenced, **columns)
    assert was_written(step, row, MINE) == written


@pytest.mark.parametrize("step", STEPS)
def test_a_mail_that_went_out_and_is_unknown_was_forgotten(step: LedgerStep) -> None:
    went_out = step in (ACCEPT, SILENCE)
    assert is_forgotten(step, None) == went_out
    assert is_forgotten(step, make_row(State.QUEUED, attempt=1)) == went_out
    assert not is_forgotten(step, make_row(State.QUEUED, attempt=2))


EARLIER = at("2026-06-15 08:00")


@pytest.mark.parametrize(
    ("step", "uncertain_at", "changes"),
    [
        (BEGIN, None, {"state": State.IN_DATA, "attempt": 2, "relay": "relay", "resends": 0}),
        (BEGIN, EARLIER, {"state": State.IN_DATA, "attempt": 2, "relay": "relay", "resends": 1}),
        (ACCEPT, None, {"state": State.ACCEPTED, "last_reply": "250 ok"}),
        (REFUSE, EARLIER, {"state": State.REJECTED, "last_reply": "550 no"}),
        (
            DEFER,
            EARLIER,
            {
                "state": State.DEFERRED,
                "last_reply": "451 later",
                "next_attempt_at": at("2026-06-16 09:00"),
            },
        ),
        *(
            (
                SILENCE,
                before,
                {
                    "state": State.UNCERTAIN,
                    "last_reply": "no answer",
                    "next_attempt_at": NOW,
                    "uncertain_at": at_first,
                },
            )
            for before, at_first in ((None, NOW), (EARLIER, EARLIER))
        ),
        (EMPTY, None, {"state": State.EMPTY, "last_reply": "why"}),
        *((close, None, {"state": close.state, "last_reply": "why"}) for close in CLOSES[1:]),
    ],
)
def test_a_step_changes_the_columns_of_its_row(
    step: LedgerStep, uncertain_at: Any, changes: dict[str, Any]
) -> None:
    if isinstance(step, RecordOutcome):
        changes = changes | {"attempt": 2, "relay": "relay"}
    if not isinstance(step, BeginData):
        changes = {**changes, **RELEASED}
    assert choose_changes(step, make_row(uncertain_at=uncertain_at), NOW) == changes


@pytest.mark.parametrize("step", STEPS)
def test_only_the_first_fence_freezes(step: LedgerStep) -> None:
    assert choose_snapshot(step, make_row()) == (SNAPSHOT if step == BEGIN else None)
    assert choose_snapshot(step, make_row(content_hash="content")) is None


FORWARD, BACK = CountedMove(READER, 8), CountedMove(READER, 8, 5)


@pytest.mark.parametrize(
    ("step", "first", "after_uncertain"),
    [
        (BEGIN, None, None),
        (ACCEPT, FORWARD, FORWARD),
        (SILENCE, FORWARD, FORWARD),
        (DEFER, None, None),
        (REFUSE, None, BACK),
        (EMPTY, FORWARD, FORWARD),
        *((close, None, BACK) for close in CLOSES[1:]),
    ],
)
def test_a_window_counts_with_its_mail_and_no_longer_when_that_fails(
    step: LedgerStep, first: CountedMove | None, after_uncertain: CountedMove | None
) -> None:
    assert choose_counted(step, make_row(after_run=5, upto_run=8)) == first
    assert choose_counted(step, make_row(after_run=5, upto_run=8, uncertain_at=EARLIER)) == after_uncertain
    notice = make_row(uncertain_at=EARLIER)
    assert choose_counted(step, notice) == (FORWARD if step == EMPTY else None)
