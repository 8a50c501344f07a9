"""The store moves rows as the table of deliver/ledger_rules.py says, and not otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from newsletter.deliver.ledger_rules import BEGINNINGS, TRANSITIONS, Event
from newsletter.model.ledger import (
    OPEN,
    BeginData,
    CloseDelivery,
    DeliveryFilter,
    DeliveryId,
    InstanceId,
    Kind,
    LedgerStep,
    RecordOutcome,
    State,
)
from newsletter.model.mail import Accepted, Deferred, Rejected, Uncertain, Weight
from newsletter.model.readers import Subscriber
from newsletter.model.reports import BounceReport, ReportKind
from newsletter.storage import Database, FeedbackStore, Ledger, SubscriberStore
from tests.support.deliveries import put_delivery
from tests.support.given import (
    DUE,
    NOW,
    given_instance,
    given_reader,
    load_row,
    make_plan,
    make_slot,
    make_snapshot,
    plan_one,
    reload,
)

LATER = NOW + timedelta(days=9)
SNAPSHOT = make_snapshot()


@dataclass(frozen=True, slots=True)
class Scene:
    """A ledger with a row in each state, all of one edition. holder has those that are held, and had in data what is
    uncertain."""

    database: Database
    holder: InstanceId
    readers: Sequence[Subscriber]
    rows: Sequence[DeliveryId]

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    async def load_states(self) -> dict[DeliveryId, State]:
        found = await self.ledger.reads.load_edition(make_plan().edition)
        return {delivery.id: delivery.state for delivery, _ in found}


async def given_each_state(database: Database) -> Scene:
    holder = await given_instance(database)
    readers = [await given_reader(database, f"{state}@example.org") for state in State]
    for reader in readers:
        await move_on(database, reader)

    def work(connection: Connection) -> list[DeliveryId]:
        return [
            put_delivery(
                *(connection, reader.id, make_slot(), state),
                holder=holder,
                snapshot=replace(SNAPSHOT, address=reader.address, message_id=f"<{state}@example.org>"),
                expires_at=make_plan().expires_at,
            )
            if state in OPEN
            else put_delivery(
                *(connection, reader.id, make_slot(), state),
                snapshot=replace(SNAPSHOT, address=reader.address, message_id=f"<{state}@example.org>"),
            )
            for state, reader in zip(State, readers, strict=True)
        ]

    return Scene(database, holder, readers, await database.write(work))


async def move_on(database: Database, reader: Subscriber) -> None:
    """Let the reader's next digest be that of the next day."""
    await plan_one(Ledger(database), reader, make_plan(with_slot=False))


Act = Callable[[Scene], Awaitable[object]]


def record(build: Callable[[DeliveryId], LedgerStep]) -> Act:
    async def act(scene: Scene) -> None:
        await scene.ledger.recording.record(scene.holder, [build(row) for row in scene.rows], NOW)

    return act


def answer(outcome: Accepted | Deferred | Rejected | Uncertain) -> Act:
    return record(lambda row: RecordOutcome(row, 1, outcome))


def close(state: State) -> Act:
    return record(lambda row: CloseDelivery(row, state, "why"))


async def claim(scene: Scene) -> None:
    other = await given_instance(scene.database, 2)
    await scene.ledger.claims.claim(other, NOW, 99, [Kind.DIGEST])


async def plan_next(scene: Scene) -> None:
    for reader in scene.readers:
        await plan_one(scene.ledger, await reload(scene.database, reader.address), make_plan(1))


async def plan_again(scene: Scene) -> None:
    for reader in scene.readers:
        await plan_one(scene.ledger, await reload(scene.database, reader.address), make_plan())


async def erase(scene: Scene) -> None:
    for reader in scene.readers:
        await SubscriberStore(scene.database).erase(reader.id)


def resolve(*, accepted: bool) -> Act:
    async def act(scene: Scene) -> None:
        for row in scene.rows:
            await scene.ledger.recording.resolve(row, accepted, "why", LATER)

    return act


def report(kind: ReportKind) -> Act:
    async def act(scene: Scene) -> None:
        for row in scene.rows:
            await FeedbackStore(scene.database).note(
                f"report {row}",
                BounceReport(kind),
                row,
                NOW,
            )

    return act


ACTS: Sequence[tuple[str, Act, Sequence[Event]]] = (
    ("claim", claim, [Event.CLAIM]),
    ("release", lambda scene: scene.ledger.claims.release(scene.holder), [Event.RELEASE]),
    (
        "void",
        lambda scene: scene.ledger.claims.void_claims(scene.holder, NOW),
        [Event.VOID, Event.RELEASE],
    ),
    ("fence", record(lambda row: BeginData(row, 2, SNAPSHOT)), [Event.FENCE]),
    ("accepted", answer(Accepted("250")), [Event.ACCEPT]),
    ("deferred", answer(Deferred("451", LATER)), [Event.DEFER]),
    ("rejected", answer(Rejected("550", Weight.GONE)), [Event.REFUSE]),
    ("silence", answer(Uncertain("none")), [Event.SILENCE]),
    ("empty", close(State.EMPTY), [Event.EMPTY]),
    ("suppressed", close(State.SUPPRESSED), [Event.FORBID]),
    ("cannot be built", close(State.REJECTED), [Event.BREAK]),
    ("expire", lambda scene: scene.ledger.planning.expire(LATER), [Event.EXPIRE]),
    ("the next digest", plan_next, [Event.EXPIRE]),
    ("planned again", plan_again, []),
    ("skip", lambda scene: scene.ledger.planning.skip_until(DUE, "why"), [Event.SKIP]),
    ("erase", erase, [Event.ERASE]),
    ("resolve as accepted", resolve(accepted=True), [Event.CONFIRM]),
    ("resolve as not sent", resolve(accepted=False), [Event.DENY]),
    (
        "retry",
        lambda scene: scene.ledger.planning.retry(DeliveryFilter(), NOW, LATER),
        [Event.RETRY],
    ),
    ("delivered", report(ReportKind.DELIVERED), [Event.REPORT]),
    ("out of office", report(ReportKind.AUTO_REPLY), [Event.REPORT]),
    ("complaint", report(ReportKind.COMPLAINT), [Event.REPORT]),
    ("hard bounce", report(ReportKind.HARD), [Event.BOUNCE]),
    ("soft bounce", report(ReportKind.SOFT), [Event.BOUNCE]),
)


@pytest.mark.parametrize(("act", "events"), [pytest.param(*case[1:], id=case[0]) for case in ACTS])
async def test_a_row_moves_as_the_table_says_and_not_otherwise(
    database: Database, act: Act, events: Sequence[Event]
) -> None:
    scene = await given_each_state(database)

    await act(scene)

    states = await scene.load_states()
    for before, row in zip(State, scene.rows, strict=True):
        allowed = {after for event in events for after in TRANSITIONS[event].get(before, ())}
        assert states[row] in (allowed or {before}), f"{before} became {states[row]}"


async def test_rows_begin_as_the_table_says(database: Database) -> None:
    reader = await given_reader(database)

    await plan_one(Ledger(database), reader, make_plan(skipped=[-1]))

    assert (await load_row(database)).state is BEGINNINGS[Event.PLAN]
    assert (await load_row(database, -1)).state is BEGINNINGS[Event.MISS]


def test_each_event_of_the_table_is_tried() -> None:
    assert {event for _, _, events in ACTS for event in events} == set(TRANSITIONS)
