"""Who sends: claims, what becomes of those of a dead process, and whether there is work."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, text, update

from newsletter.model.ledger import DeliveryId, Kind, State
from newsletter.model.mail import Outcome
from newsletter.storage import Database, Ledger
from newsletter.storage.tables import queue
from tests.storage.ledger.cases import (
    ACCEPTED,
    DEFERRED,
    DIGESTS,
    MINUTE,
    NONE,
    ONE_DAY,
    REJECTED,
    UNCERTAIN,
    load_attempts,
)
from tests.support.builders import DAY
from tests.support.deliveries import put_snapshot
from tests.support.given import (
    DUE,
    NOW,
    begin_data,
    claim_one,
    given_in_data,
    given_instance,
    given_queued,
    given_reader,
    load_row,
    make_plan,
    make_slot,
    make_snapshot,
    plan_one,
    reload,
    settle,
)


async def test_claims_of_two_instances_never_overlap(database: Database) -> None:
    for number in range(30):
        await given_queued(database, await given_reader(database, f"{number}@example.org"))
    ledger = Ledger(database)
    claimed: list[DeliveryId] = []

    async def claim_all(pid: int) -> None:
        instance = await given_instance(database, pid)
        while some := await ledger.claims.claim(instance, NOW, 4, NONE):
            assert len(some) <= 4
            claimed.extend(delivery.id for delivery in some)

    await asyncio.gather(*(claim_all(pid) for pid in range(4)))

    assert len(claimed) == len(set(claimed)) == 30


async def test_claims_come_by_slot_then_id(database: Database) -> None:
    ledger = Ledger(database)
    for name, days in [("a", 2), ("b", 1), ("c", 2), ("d", 0)]:
        reader = await given_reader(database, f"{name}@example.org")
        await plan_one(ledger, reader, replace(make_plan(days), send_at=DUE + days * MINUTE))
    instance = await given_instance(database)

    first = await ledger.claims.claim(instance, NOW, 3, NONE)
    rest = await ledger.claims.claim(instance, NOW, 3, NONE)

    assert [delivery.slot_at for delivery in first] == [make_slot(days).at for days in (0, 1, 2)]
    assert [delivery.recipient for delivery in (*first, *rest)][2:] == [1, 3]
    assert {delivery.state for delivery in first} == {State.CLAIMED}


async def test_claim_can_be_limited_to_one_edition(database: Database) -> None:
    for name, days in [("a", 0), ("b", 1)]:
        await given_queued(database, await given_reader(database, f"{name}@example.org"), days)
    ledger = Ledger(database)
    edition = make_slot(1).local_on.isoformat()

    now = NOW + ONE_DAY
    claimed = await ledger.claims.claim(await given_instance(database), now, 9, NONE, edition=edition)

    assert [delivery.key for delivery in claimed] == [edition]


async def test_deferred_row_is_claimed_when_its_next_attempt_has_come(database: Database) -> None:
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)
    ledger = Ledger(database)
    await settle(ledger, delivery, instance, DEFERRED)

    assert await ledger.claims.claim(instance, DEFERRED.retry_at - MINUTE, 9, NONE) == []
    again = await claim_one(database, instance, DEFERRED.retry_at)
    assert (again.id, again.attempt, again.last_reply) == (delivery.id, 1, DEFERRED.reply)


async def test_row_whose_time_is_over_is_not_claimed(database: Database) -> None:
    await given_queued(database, await given_reader(database))
    instance = await given_instance(database)

    assert await Ledger(database).claims.claim(instance, NOW + ONE_DAY, 9, NONE) == []


@pytest.mark.parametrize(
    ("resend", "sends"),
    [(DIGESTS, 2), (NONE, 1), (frozenset({Kind.CONFIRM}), 1)],
)
async def test_uncertain_row_is_sent_once_more_only_where_that_is_asked_for(
    database: Database, resend: frozenset[Kind], sends: int
) -> None:
    await given_queued(database, await given_reader(database))
    instance = await given_instance(database)
    ledger = Ledger(database)
    sent = 0
    while claimed := await ledger.claims.claim(instance, NOW, 9, resend):
        assert await begin_data(ledger, claimed[0], instance, make_snapshot())
        await settle(ledger, claimed[0], instance, UNCERTAIN)
        sent += 1

    row = await load_row(database)
    assert sent == sends
    assert (row.state, row.attempt, row.resends) == (State.UNCERTAIN, sends, sends - 1)


async def test_uncertain_row_is_not_sent_again_when_its_time_is_over(database: Database) -> None:
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)
    ledger = Ledger(database)
    await settle(ledger, delivery, instance, UNCERTAIN)

    assert await ledger.claims.claim(instance, NOW + ONE_DAY, 9, DIGESTS) == []


async def test_released_rows_are_as_they_were_before_the_claim(database: Database) -> None:
    ledger = Ledger(database)
    instance = await given_instance(database)
    outcomes: list[tuple[str, Outcome]] = [("deferred", DEFERRED), ("uncertain", UNCERTAIN)]
    for name, outcome in outcomes:
        delivery = await given_in_data(
            database, await given_reader(database, f"{name}@example.org"), instance
        )
        await settle(ledger, delivery, instance, outcome)
    await given_queued(database, await given_reader(database, "queued@example.org"))
    before = await ledger.reads.load_edition(DAY.isoformat())
    await ledger.claims.claim(instance, NOW + 10 * MINUTE, 9, DIGESTS)

    assert await ledger.claims.release(instance) == 3
    assert await ledger.reads.load_edition(DAY.isoformat()) == before
    assert [delivery.state for delivery, _ in before] == [State.DEFERRED, State.UNCERTAIN, State.QUEUED]


async def test_rows_of_a_dead_instance_are_free_again_or_uncertain(database: Database) -> None:
    ledger = Ledger(database)
    dead, alive = await given_instance(database, 1), await given_instance(database, 2)
    await given_in_data(
        database,
        await given_reader(database, "a@example.org", counted_run=5),
        dead,
        snapshot=make_snapshot((5, 8)),
    )
    await given_in_data(database, await given_reader(database, "b@example.org"), alive)
    for name in ("c", "d"):
        await given_queued(database, await given_reader(database, f"{name}@example.org"))
        await claim_one(database, dead)

    assert await ledger.claims.void_claims(dead, NOW) == (2, 1)

    states = [delivery.state for delivery, _ in await ledger.reads.load_edition(DAY.isoformat())]
    assert states == [State.UNCERTAIN, State.IN_DATA, State.QUEUED, State.QUEUED]
    assert (await reload(database, "a@example.org")).counted_run == 8
    assert [number for number, outcome, _ in await load_attempts(database) if outcome == "uncertain"] == [1]
    assert await ledger.claims.void_claims(dead, NOW) == (0, 0)


async def test_instances_with_claims_are_those_that_hold_rows(database: Database) -> None:
    ledger = Ledger(database)
    holder = await given_instance(database, 1)
    await given_instance(database, 2)
    await given_in_data(database, await given_reader(database), holder)
    await ledger.claims.beat(holder, NOW + MINUTE)

    (found,) = await ledger.claims.load_instances_with_claims()

    assert (found.id, found.host, found.boot, found.pid) == (holder, "host", "boot", 1)
    assert found.heartbeat_at == NOW + MINUTE


async def test_instance_that_holds_rows_is_not_forgotten(database: Database) -> None:
    ledger = Ledger(database)
    holder = await given_instance(database)
    await given_in_data(database, await given_reader(database), holder)

    await ledger.claims.retire_instance(holder)

    assert [instance.id for instance in await ledger.claims.load_instances_with_claims()] == [holder]


async def test_number_of_an_instance_is_never_given_again(database: Database) -> None:
    first = await given_instance(database)
    await Ledger(database).claims.retire_instance(first)

    assert await given_instance(database) > first


@pytest.mark.parametrize(
    ("outcome", "at", "work"),
    [
        (None, NOW, True),  # still in data
        (DEFERRED, NOW, False),
        (DEFERRED, DEFERRED.retry_at, True),
        (UNCERTAIN, NOW, True),
        (UNCERTAIN, NOW + ONE_DAY, False),
        (ACCEPTED, NOW, False),
        (REJECTED, NOW, False),
    ],
)
async def test_there_is_work_while_a_row_can_be_claimed_expired_or_voided(
    database: Database, outcome: Outcome | None, at: datetime, work: bool
) -> None:
    ledger = Ledger(database)
    assert not await ledger.claims.has_work(at, DIGESTS)
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)
    if outcome is not None:
        await settle(ledger, delivery, instance, outcome)

    assert await ledger.claims.has_work(at, DIGESTS) is work


async def test_an_uncertain_row_that_is_held_is_no_work(database: Database) -> None:
    ledger = Ledger(database)
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)
    await settle(ledger, delivery, instance, UNCERTAIN)

    assert not await ledger.claims.has_work(NOW, NONE)


async def test_queued_row_is_work(database: Database) -> None:
    await given_queued(database, await given_reader(database))

    assert await Ledger(database).claims.has_work(NOW, DIGESTS)


async def test_what_comes_before_the_last_claim_is_claimed_when_the_rest_is(database: Database) -> None:
    ledger, instance = Ledger(database), await given_instance(database)
    for name in ("a", "b", "c"):
        await given_queued(database, await given_reader(database, f"{name}@example.org"))
    assert len(await ledger.claims.claim(instance, NOW, 2, NONE)) == 2

    earlier = replace(make_plan(), send_at=DUE - ONE_DAY)
    await plan_one(ledger, await given_reader(database, "earlier@example.org"), earlier)
    claimed = [await ledger.claims.claim(instance, NOW, 1, NONE) for _ in range(3)]

    assert [[delivery.recipient for delivery in some] for some in claimed] == [[3], [4], []]


async def test_given_back_rows_are_claimed_again_by_whoever_gave_them_back(database: Database) -> None:
    ledger, instance = Ledger(database), await given_instance(database)
    for name in ("a", "b", "c"):
        await given_queued(database, await given_reader(database, f"{name}@example.org"))
    await ledger.claims.claim(instance, NOW, 2, NONE)

    await ledger.claims.release(instance)

    again = await ledger.claims.claim(instance, NOW, 9, NONE)
    assert [delivery.recipient for delivery in again] == [1, 2, 3]


async def test_a_claim_is_voided_as_it_is_when_its_fence_commits_at_that_moment(database: Database) -> None:
    """On PostgreSQL who waits for a lock gets its row as it is then; what was frozen beside it must be as new."""
    if database.is_sqlite:
        pytest.skip("writes wait for each other as a whole there")
    ledger, instance = Ledger(database), await given_instance(database)
    reader = await given_reader(database)
    await given_queued(database, reader)
    delivery = await claim_one(database, instance)
    fenced = threading.Event()

    def take_fence(connection: Connection) -> None:
        connection.execute(
            update(queue).where(queue.c.id == delivery.id).values(state=State.IN_DATA, attempt=1)
        )
        put_snapshot(connection, delivery.id, reader.id, make_slot(), make_snapshot((0, 3)))
        fenced.set()
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        deadline = time.monotonic() + 60
        while not connection.scalar(waiting) and time.monotonic() < deadline:
            connection.execute(text("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()"))

    fence = asyncio.create_task(database.write(take_fence))
    await asyncio.to_thread(fenced.wait, 60)

    assert await ledger.claims.void_claims(instance, NOW) == (0, 1)

    await fence
    assert (await load_row(database)).state is State.UNCERTAIN
    assert (await reload(database)).counted_run == 3
