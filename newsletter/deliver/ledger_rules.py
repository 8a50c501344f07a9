"""What may become of a delivery: states and events of the ledger as one table, and what else is decided of its rows
without a database. Pure.

The store asks here before it writes, row by row or as the condition of a statement (storage/ledger/);
docs/reliability.md shows the same table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

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
    Plan,
    PlanResult,
    RecordOutcome,
    Snapshot,
    State,
)
from newsletter.model.mail import Accepted, Deferred, Rejected, Uncertain

if TYPE_CHECKING:
    from newsletter.model.readers import Scheduled, SubscriberId


class Event(StrEnum):
    """What can happen to a delivery, in the order of its life; the values are the words of the docs."""

    PLAN = "a reader's slot has come, or something causes a notice"
    MISS = "a slot passed while the newsletter was away"
    CLAIM = "a pass claims it"
    RELEASE = "the claim is given back, or its process died before the fence"
    FENCE = "its text is about to go out"
    ACCEPT = "the relay accepts it"
    DEFER = "the relay asks to try again later"
    REFUSE = "the relay refuses it"
    SILENCE = "no answer comes"
    VOID = "its process died after the fence"
    EMPTY = "there is nothing new for the reader"
    FORBID = "the reader may not be mailed"
    BREAK = "it cannot be built"
    EXPIRE = "its time is over, or the next digest covers it"
    SKIP = "the operator skips it"
    ERASE = "its reader is erased"
    CONFIRM = "the operator confirms that it arrived"
    DENY = "the operator confirms that it did not arrive"
    RETRY = "the operator retries it"
    REPORT = "a report shows that it arrived"
    BOUNCE = "a report says that it failed"


BEGINNINGS: Mapping[Event, State] = {Event.PLAN: State.QUEUED, Event.MISS: State.SKIPPED}
"""How a row comes to be."""


def _lead(before: Collection[State], *after: State) -> Mapping[State, tuple[State, ...]]:
    return dict.fromkeys(before, after)


TRANSITIONS: Mapping[Event, Mapping[State, tuple[State, ...]]] = {
    Event.CLAIM: _lead((*WAITING, State.UNCERTAIN), State.CLAIMED),
    # To where it came from.
    Event.RELEASE: _lead((State.CLAIMED,), *WAITING, State.UNCERTAIN),
    Event.FENCE: _lead((State.CLAIMED,), State.IN_DATA),
    # An answer that comes after the claim was voided settles the uncertain row.
    Event.ACCEPT: _lead((State.IN_DATA, State.UNCERTAIN), State.ACCEPTED),
    # MAIL or RCPT may be refused while the row is claimed.
    Event.DEFER: _lead(HELD, State.DEFERRED),
    Event.REFUSE: _lead(HELD, State.REJECTED),
    Event.SILENCE: _lead((State.IN_DATA,), State.UNCERTAIN),
    Event.VOID: _lead((State.IN_DATA,), State.UNCERTAIN),
    Event.EMPTY: _lead((State.CLAIMED,), State.EMPTY),
    Event.FORBID: _lead((State.CLAIMED,), State.SUPPRESSED),
    Event.BREAK: _lead((State.CLAIMED,), State.REJECTED),
    Event.EXPIRE: _lead(WAITING, State.EXPIRED),
    # A claimed one only where it was waiting before: what is uncertain may have arrived.
    Event.SKIP: _lead((*WAITING, State.CLAIMED), State.SKIPPED),
    Event.ERASE: _lead(WAITING, State.SUPPRESSED),
    Event.CONFIRM: _lead((State.UNCERTAIN,), State.ACCEPTED),
    Event.DENY: _lead((State.UNCERTAIN,), State.DEFERRED),
    # Queued where no relay has answered yet.
    Event.RETRY: _lead((State.REJECTED, State.EXPIRED), *WAITING),
    Event.REPORT: _lead((State.UNCERTAIN,), State.ACCEPTED),
    Event.BOUNCE: _lead((State.ACCEPTED, State.UNCERTAIN), State.REJECTED),
}
"""Of each event: the states in which it can happen, and the states to which it leads."""

_ANSWERS = {
    Accepted: Event.ACCEPT,
    Deferred: Event.DEFER,
    Rejected: Event.REFUSE,
    Uncertain: Event.SILENCE,
}
_CLOSES = {State.EMPTY: Event.EMPTY, State.SUPPRESSED: Event.FORBID, State.REJECTED: Event.BREAK}


@cache
def state_after(event: Event) -> State:
    """Return where an event leads. Raises ValueError for one that leads to several states."""
    (after,) = {after for states in TRANSITIONS[event].values() for after in states}
    return after


def move(state: State, event: Event) -> State | None:
    """Return where an event leads from a state, None where it changes nothing."""
    return state_after(event) if state in TRANSITIONS[event] else None


def choose_event(step: LedgerStep) -> Event:
    """Return which event a step of a pass is. Raises KeyError for a Close with a state that closes nothing."""
    match step:
        case BeginData():
            return Event.FENCE
        case RecordOutcome():
            return _ANSWERS[type(step.outcome)]
        case CloseDelivery():
            return _CLOSES[step.state]


def choose_state(step: LedgerStep) -> State:
    """Return the state to which a step leads."""
    return state_after(choose_event(step))


# --- planning -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlannedDigest:
    """A digest of which there is a row. key is its edition."""

    id: DeliveryId
    key: str
    state: State


@dataclass(frozen=True, slots=True)
class LockedReader:
    """What is known of a reader who is locked: digests are those that are pending, and by hand those of the edition
    that is to be planned."""

    next_due_at: datetime | None
    digests: Sequence[PlannedDigest] = ()


def judge_plan(reader: Scheduled, plan: Plan, locked: LockedReader | None, *, by_hand: bool) -> PlanResult:
    """Decide whether a plan can be written. locked is the reader as they are now, None where they are gone.

    by_hand: it plans one date whose slot may lie before its time, so it must bring a new row.
    """
    if locked is None or locked.next_due_at != reader.next_due_at:
        return PlanResult.LOST
    if plan.slot is None:
        return PlanResult.LOST if by_hand else PlanResult.PLANNED
    if by_hand and any(digest.key == plan.edition for digest in locked.digests):
        return PlanResult.LOST
    if any(digest.state in HELD and digest.key != plan.edition for digest in locked.digests):
        return PlanResult.BUSY
    return PlanResult.PLANNED


def list_covered(plan: Plan, locked: LockedReader) -> list[DeliveryId]:
    """Return the waiting digests of other editions: a plan's covers them, but for one without a slot."""
    if plan.slot is None:
        return []
    return [digest.id for digest in locked.digests if digest.state in WAITING and digest.key != plan.edition]


def choose_next_due(reader: Scheduled, plan: Plan, *, by_hand: bool) -> datetime:
    """Return when the reader's next digest is due once the plan is written; by hand it never moves back."""
    if by_hand and reader.next_due_at is not None:
        return max(plan.next_due_at, reader.next_due_at)
    return plan.next_due_at


# --- recording ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LockedDelivery:
    """What decisions need of a delivery, as it is under the lock, and what is kept of it when it ends.

    lost_by is the instance that had it in data when its claim was voided. edition is None of what is no digest.
    """

    id: DeliveryId
    recipient: SubscriberId
    state: State
    claimed_by: InstanceId | None = None
    lost_by: InstanceId | None = None
    attempt: int = 0
    resends: int = 0
    uncertain_at: datetime | None = None
    content_hash: str | None = None
    after_run: int | None = None
    upto_run: int | None = None
    edition: str | None = None
    slot_at: datetime | None = None
    last_reply: str = ""
    relay: str = ""


@dataclass(frozen=True, slots=True)
class CountedMove:
    """A reader's counted_run moves forward to ``upto``; with back_to from ``upto`` back to there, where it still is."""

    reader: SubscriberId
    upto: int
    back_to: int | None = None


RELEASED: Mapping[str, Any] = {"claimed_by": None, "state_before_claim": None}
"""The columns of a claim that is over."""


def may_write(step: LedgerStep, row: LockedDelivery, instance: InstanceId) -> bool:
    """Decide whether a step of an instance takes effect: the table allows it, and the claim is the instance's, or was
    until it was voided and what it had in data became uncertain."""
    holder = row.lost_by if row.state is State.UNCERTAIN else row.claimed_by
    return holder == instance and row.state in TRANSITIONS[choose_event(step)]


def was_written(step: LedgerStep, row: LockedDelivery, instance: InstanceId) -> bool:
    """Decide whether a fence was taken by this very attempt: its commit succeeded, but the answer was lost."""
    return (
        isinstance(step, BeginData)
        and row.claimed_by == instance
        and row.state is State.IN_DATA
        and row.attempt == step.attempt
        and row.content_hash == step.snapshot.content_hash
    )


def is_forgotten(step: LedgerStep, row: LockedDelivery | None) -> bool:
    """Decide whether the database does not know any more that this mail went out: its fence was committed before."""
    if not isinstance(step, RecordOutcome) or not isinstance(step.outcome, Accepted | Uncertain):
        return False
    return row is None or row.attempt < step.attempt


def choose_changes(step: LedgerStep, row: LockedDelivery, now: datetime) -> dict[str, Any]:
    """Return the columns that a step changes, but for what a fence freezes."""
    changes: dict[str, Any] = {"state": choose_state(step)}
    match step:
        case BeginData():
            resends = row.resends + (row.uncertain_at is not None)
            return changes | {"attempt": step.attempt, "relay": step.relay, "resends": resends}
        case CloseDelivery():
            changes |= {"last_reply": step.why, **RELEASED}
        case RecordOutcome():
            outcome = step.outcome
            changes |= {"last_reply": outcome.reply, "attempt": step.attempt, "relay": step.relay, **RELEASED}
            if isinstance(outcome, Deferred):
                changes["next_attempt_at"] = outcome.retry_at
            elif isinstance(outcome, Uncertain):
                changes |= {"next_attempt_at": now, "uncertain_at": row.uncertain_at or now}
    return changes


def choose_snapshot(step: LedgerStep, row: LockedDelivery) -> Snapshot | None:
    """Return what a step freezes: what is frozen already stays as it is."""
    return step.snapshot if isinstance(step, BeginData) and row.content_hash is None else None


def choose_counted(step: LedgerStep, row: LockedDelivery) -> CountedMove | None:
    """Return how a step moves the counted_run of the row's reader: forward over the window of what counts, back where
    a mail that was uncertain, and so has counted, fails permanently."""
    after = choose_state(step)
    if after in COUNTED:
        upto = row.upto_run
        if isinstance(step, CloseDelivery):  # nothing is frozen of it: the step says what was looked through
            upto = step.window.upto_run if step.window else None
        return CountedMove(row.recipient, upto) if upto is not None else None
    if after in PENDING or row.uncertain_at is None or row.upto_run is None:
        return None
    return CountedMove(row.recipient, row.upto_run, row.after_run)
