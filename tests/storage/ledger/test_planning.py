"""What is due: planned, expired and skipped."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.model.ledger import Kind, PlanResult, State
from newsletter.storage import Database, Ledger, SubscriberStore
from tests.storage.ledger.cases import DEFERRED, DIGESTS, MINUTE, ONE_DAY, UNCERTAIN, load_states
from tests.support.builders import DAY
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
    make_snapshot,
    plan_one,
    reload,
    settle,
)


async def test_plan_queues_the_digest_and_moves_the_next_due_instant(database: Database) -> None:
    reader = await given_reader(database)

    assert await plan_one(Ledger(database), reader, make_plan()) is PlanResult.PLANNED

    row = await load_row(database)
    assert (row.kind, row.key, row.recipient) == (Kind.DIGEST, DAY.isoformat(), reader.id)
    assert (row.state, row.slot_at, row.expires_at) == (State.QUEUED, DUE, DUE + timedelta(hours=20))
    assert (await reload(database)).next_due_at == DUE + ONE_DAY


async def test_of_two_that_plan_the_same_slot_one_loses(database: Database) -> None:
    reader = await given_reader(database)
    ledger = Ledger(database)

    results = await asyncio.gather(*(plan_one(ledger, reader, make_plan()) for _ in range(4)))

    assert Counter(results) == {PlanResult.PLANNED: 1, PlanResult.LOST: 3}
    assert len(await ledger.reads.load_edition(DAY.isoformat())) == 1


async def test_plan_that_loses_writes_nothing(database: Database) -> None:
    reader = await given_reader(database)
    stale = replace(reader, next_due_at=DUE - ONE_DAY)

    assert await plan_one(Ledger(database), stale, make_plan(skipped=[-1])) is PlanResult.LOST

    assert await load_states(database) == {}
    assert (await reload(database)).next_due_at == DUE


async def test_skipped_slots_are_written_down_with_the_reason(database: Database) -> None:
    reader = await given_reader(database)
    await plan_one(Ledger(database), reader, make_plan(skipped=[-2, -1]))

    assert sorted((await load_states(database)).values()) == [State.QUEUED, State.SKIPPED, State.SKIPPED]
    assert (await load_row(database, days=-1)).last_reply == "the newsletter was away"
    assert (await reload(database)).counted_run == 0


async def test_plan_without_a_digest_leaves_the_open_one_alone(database: Database) -> None:
    reader = await given_reader(database)
    await given_queued(database, reader)
    plan = make_plan(2, skipped=[1], with_slot=False)

    assert await plan_one(Ledger(database), await reload(database), plan) is PlanResult.PLANNED

    assert (await load_row(database)).state is State.QUEUED
    assert (await load_row(database, days=1)).state is State.SKIPPED


async def test_row_that_exists_for_the_date_is_left_alone(database: Database) -> None:
    """The second 02:30 of an autumn night: the same local date again."""
    reader = await given_reader(database)
    await given_queued(database, reader)
    again = replace(make_plan(), next_due_at=DUE + 2 * ONE_DAY)

    assert await plan_one(Ledger(database), await reload(database), again) is PlanResult.PLANNED

    assert await load_states(database) == {DAY.isoformat(): State.QUEUED}
    assert (await reload(database)).next_due_at == DUE + 2 * ONE_DAY


async def test_waiting_digest_gives_its_window_to_the_next(database: Database) -> None:
    reader = await given_reader(database, counted_run=3)
    await given_queued(database, reader)
    await given_queued(database, reader, days=1)

    assert (await load_row(database)).state is State.EXPIRED
    assert "digest of 2026-06-17 covers it" in (await load_row(database)).last_reply
    assert (await load_row(database, days=1)).state is State.QUEUED
    assert (await reload(database)).counted_run == 3


async def test_deferred_digest_expires_with_the_relays_last_answer(database: Database) -> None:
    reader = await given_reader(database)
    instance = await given_instance(database)
    delivery = await given_in_data(database, reader, instance)
    await settle(Ledger(database), delivery, instance, DEFERRED)
    await given_queued(database, reader, days=1)

    assert (await load_row(database)).state is State.EXPIRED
    assert DEFERRED.reply in (await load_row(database)).last_reply


@pytest.mark.parametrize("in_data", [False, True])
async def test_digest_in_flight_makes_planning_wait(database: Database, in_data: bool) -> None:
    reader = await given_reader(database)
    instance = await given_instance(database)
    if in_data:
        await given_in_data(database, reader, instance)
    else:
        await given_queued(database, reader)
        await claim_one(database, instance)
    reader = await reload(database)

    for by_hand in (False, True):
        plan = make_plan(1, skipped=[2])
        assert await plan_one(Ledger(database), reader, plan, by_hand=by_hand) is PlanResult.BUSY

    assert list(await load_states(database)) == [DAY.isoformat()]
    assert await reload(database) == reader


async def test_open_digest_of_another_reader_is_not_touched(database: Database) -> None:
    await given_queued(database, await given_reader(database))
    await given_queued(database, await given_reader(database, "bo@example.org"), days=1)

    assert (await load_row(database)).state is State.QUEUED


async def test_queue_now_leaves_a_later_next_due_instant_alone(database: Database) -> None:
    reader = await given_reader(database)
    plan = replace(make_plan(), next_due_at=DUE - ONE_DAY)

    assert await plan_one(Ledger(database), reader, plan, by_hand=True) is PlanResult.PLANNED

    assert (await load_row(database)).state is State.QUEUED
    assert (await reload(database)).next_due_at == DUE


async def test_queue_now_moves_an_earlier_next_due_instant(database: Database) -> None:
    reader = await given_reader(database)

    assert await plan_one(Ledger(database), reader, make_plan(), by_hand=True) is PlanResult.PLANNED
    assert (await reload(database)).next_due_at == DUE + ONE_DAY


async def test_queue_now_of_an_edition_that_is_there_already_changes_nothing(database: Database) -> None:
    await given_queued(database, await given_reader(database))
    reader = await reload(database)
    again = replace(make_plan(), next_due_at=DUE + 2 * ONE_DAY)

    assert await plan_one(Ledger(database), reader, again, by_hand=True) is PlanResult.LOST

    assert await load_states(database) == {DAY.isoformat(): State.QUEUED}
    assert await reload(database) == reader


async def test_of_two_that_queue_the_same_edition_one_loses(database: Database) -> None:
    reader = await given_reader(database)
    plan = replace(make_plan(), next_due_at=DUE)
    ledger = Ledger(database)

    results = await asyncio.gather(*(plan_one(ledger, reader, plan, by_hand=True) for _ in range(4)))

    assert Counter(results) == {PlanResult.PLANNED: 1, PlanResult.LOST: 3}


async def test_queue_now_without_a_digest_does_nothing(database: Database) -> None:
    reader = await given_reader(database)
    plan = make_plan(1, skipped=[0], with_slot=False)

    assert await plan_one(Ledger(database), reader, plan, by_hand=True) is PlanResult.LOST
    assert await load_states(database) == {}
    assert await reload(database) == reader


async def test_reader_without_a_schedule_can_be_planned_once(database: Database) -> None:
    reader = await given_reader(database)
    await SubscriberStore(database).save([replace(reader, next_due_at=None)], NOW, "")
    reader = await reload(database)
    ledger = Ledger(database)

    assert await plan_one(ledger, reader, make_plan()) is PlanResult.PLANNED
    assert await plan_one(ledger, reader, make_plan(1)) is PlanResult.LOST


async def test_waiting_rows_expire_when_their_time_is_over(database: Database) -> None:
    reader = await given_reader(database)
    await given_queued(database, reader)
    ledger = Ledger(database)
    expires_at = DUE + timedelta(hours=20)

    assert await ledger.planning.expire(expires_at - MINUTE) == 0
    assert await ledger.planning.expire(expires_at) == 1
    assert (await load_row(database)).state is State.EXPIRED
    assert (await reload(database)).counted_run == 0


async def test_row_in_flight_does_not_expire(database: Database) -> None:
    await given_in_data(database, await given_reader(database), await given_instance(database))

    assert await Ledger(database).planning.expire(NOW + 9 * ONE_DAY) == 0


async def test_what_counts_as_sent_is_skipped_also_where_it_was_claimed(database: Database) -> None:
    """As in a copy of the middle of a send: whoever claimed it finds the fence closed."""
    ledger = Ledger(database)
    instance = await given_instance(database)
    uncertain = await given_in_data(database, await given_reader(database), instance)
    await settle(ledger, uncertain, instance, UNCERTAIN)
    await given_queued(database, await given_reader(database, "claimed@example.org"))
    held = await ledger.claims.claim(instance, NOW + 10 * MINUTE, 9, DIGESTS)
    assert len(held) == 2
    [unsent] = [delivery for delivery in held if delivery.snapshot is None]
    await given_queued(database, await given_reader(database, "queued@example.org"))
    await given_queued(database, await given_reader(database, "later@example.org"), days=1)

    assert await ledger.planning.skip_until(DUE, "the operator said so") == 2
    assert not await begin_data(ledger, unsent, instance, make_snapshot())
    rows = {address: row.state for row, address in await ledger.reads.load_edition(DAY.isoformat())}
    assert rows == {
        "ada@example.org": State.CLAIMED,
        "claimed@example.org": State.SKIPPED,
        "queued@example.org": State.SKIPPED,
    }
