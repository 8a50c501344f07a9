from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from newsletter.errors import FellBehindError
from newsletter.model.digest import Shown, Window
from newsletter.model.ledger import (
    BeginData,
    Close,
    DeliveryId,
    Kind,
    LedgerCounts,
    PlanResult,
    QueuedNotice,
    Settle,
    State,
)
from newsletter.model.mail import Accepted, Deferred, Notice, Outcome, Rejected, Uncertain
from newsletter.model.readers import EmailAddress
from newsletter.storage import Database, Ledger, SubscriberStore
from newsletter.storage.tables import attempts, bundles, cards
from tests.support.builders import DAY
from tests.support.given import (
    DUE,
    NOW,
    begin_data,
    claim_one,
    given_entries,
    given_in_data,
    given_instance,
    given_queued,
    given_reader,
    load_row,
    make_frozen,
    make_plan,
    make_slot,
    plan_one,
    reload,
    settle,
)

NONE: frozenset[Kind] = frozenset()
DIGESTS = frozenset({Kind.DIGEST})
MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)
ACCEPTED = Accepted("250 2.0.0 queued as 1")
DEFERRED = Deferred("451 4.7.1 try again later", retry_at=NOW + 5 * MINUTE)
REJECTED = Rejected("550 5.7.1 not wanted")
UNCERTAIN = Uncertain("no answer in 600 s")


async def load_states(database: Database) -> dict[str, State]:
    """The state of each delivery by edition; for tests with one reader."""
    counts = await Ledger(database).reads.load_counts()
    return {edition: state for edition, found in counts.items() for state in found.states}


async def load_attempts(database: Database) -> list[tuple[int, str, str]]:
    async with database.read() as connection:
        rows = await connection.execute(select(attempts).order_by(attempts.c.delivery, attempts.c.number))
        return [(row.number, row.outcome, row.reply) for row in rows]


# --- plan ---------------------------------------------------------------------------------


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


# --- expire -------------------------------------------------------------------------------


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


# --- claim --------------------------------------------------------------------------------


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
        assert await begin_data(ledger, claimed[0], instance, make_frozen())
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


async def test_what_counts_as_sent_is_skipped_also_where_it_was_claimed(database: Database) -> None:
    """As in a copy of the middle of a send: whoever claimed it finds the fence closed."""
    ledger = Ledger(database)
    instance = await given_instance(database)
    uncertain = await given_in_data(database, await given_reader(database), instance)
    await settle(ledger, uncertain, instance, UNCERTAIN)
    await given_queued(database, await given_reader(database, "claimed@example.org"))
    held = await ledger.claims.claim(instance, NOW + 10 * MINUTE, 9, DIGESTS)
    assert len(held) == 2
    [unsent] = [delivery for delivery in held if delivery.frozen is None]
    await given_queued(database, await given_reader(database, "queued@example.org"))
    await given_queued(database, await given_reader(database, "later@example.org"), days=1)

    assert await ledger.planning.skip_until(DUE, "the operator said so") == 2
    assert not await begin_data(ledger, unsent, instance, make_frozen())
    rows = {address: row.state for row, address in await ledger.reads.load_edition(DAY.isoformat())}
    assert rows == {
        "ada@example.org": State.CLAIMED,
        "claimed@example.org": State.SKIPPED,
        "queued@example.org": State.SKIPPED,
    }


# --- in data ------------------------------------------------------------------------------


async def test_frozen_digest_comes_back_with_the_next_claim(database: Database) -> None:
    entries = [entry.id for entry in await given_entries(database, 1, 2, 3)]
    # Not in the order of their ids: the order is the digest's.
    frozen = make_frozen((0, 1), entries=[entries[2], entries[0]], over_limit=[entries[1]])
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance, frozen=frozen)
    await settle(Ledger(database), delivery, instance, DEFERRED)

    again = await claim_one(database, instance, DEFERRED.retry_at)

    assert delivery.frozen is None
    assert again.frozen == frozen
    assert again.address == frozen.address


async def test_what_is_frozen_stays_in_later_attempts(database: Database) -> None:
    entries = [entry.id for entry in await given_entries(database, 1, 2)]
    first = make_frozen(entries=entries[:1])
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance, frozen=first)
    ledger = Ledger(database)
    await settle(ledger, delivery, instance, DEFERRED)
    delivery = await claim_one(database, instance, DEFERRED.retry_at)

    other = replace(
        make_frozen((0, 9), entries=entries), content_hash="other", address=EmailAddress("new@example.org")
    )
    assert await begin_data(ledger, delivery, instance, other)

    row = await load_row(database)
    assert (row.frozen, row.attempt) == (first, 2)


async def test_cards_and_bundles_are_stored_once(database: Database) -> None:
    instance = await given_instance(database)
    for name in ("a", "b"):
        await given_in_data(database, await given_reader(database, f"{name}@example.org"), instance)

    async with database.read() as connection:
        assert len((await connection.execute(select(cards))).all()) == 2
        assert len((await connection.execute(select(bundles))).all()) == 1


async def test_fence_refuses_a_claim_that_was_voided(database: Database) -> None:
    await given_queued(database, await given_reader(database))
    frozen_process, other = await given_instance(database, 1), await given_instance(database, 2)
    delivery = await claim_one(database, frozen_process)
    ledger = Ledger(database)

    assert await ledger.claims.void_claims(frozen_process, NOW) == (1, 0)
    assert not await begin_data(ledger, delivery, frozen_process, make_frozen())
    await claim_one(database, other)
    assert not await begin_data(ledger, delivery, frozen_process, make_frozen())

    row = await load_row(database)
    assert (row.state, row.attempt, row.frozen) == (State.CLAIMED, 0, None)
    async with database.read() as connection:
        assert (await connection.execute(select(cards))).all() == []
    assert await begin_data(ledger, delivery, other, make_frozen())


async def test_fence_opens_once_for_each_claim(database: Database) -> None:
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)

    ledger = Ledger(database)

    again = replace(delivery, attempt=delivery.attempt + 1)
    assert not await begin_data(ledger, again, instance, make_frozen())
    # The very same attempt: its commit succeeded and the answer to it was lost.
    assert await begin_data(ledger, delivery, instance, make_frozen())
    assert (await load_row(database)).attempt == 1


async def test_steps_of_many_deliveries_are_written_together(database: Database) -> None:
    for name in ("ada", "bo", "cy", "di"):
        await given_queued(database, await given_reader(database, f"{name}@example.org"))
    ledger = Ledger(database)
    instance, other = await given_instance(database, 1), await given_instance(database, 2)
    ada, bo, cy, di = await ledger.claims.claim(instance, NOW, 9, NONE)
    assert await settle(ledger, cy, instance, DEFERRED)

    written = await ledger.recording.record(
        instance,
        [
            BeginData(ada.id, 1, make_frozen(), "relay-1"),
            Close(bo.id, State.SUPPRESSED, "because"),
            BeginData(cy.id, 2, make_frozen()),
            Settle(di.id, 1, REJECTED, "relay-1"),
        ],
        NOW,
    )

    assert written == [True, True, False, True]
    rows = {address[:2]: row for row, address in await ledger.reads.load_edition(DAY.isoformat())}
    assert {name: row.state for name, row in rows.items()} == {
        "ad": State.IN_DATA,
        "bo": State.SUPPRESSED,
        "cy": State.DEFERRED,
        "di": State.REJECTED,
    }
    assert rows["ad"].relay == "relay-1"
    assert await ledger.recording.record(other, [Settle(ada.id, 1, ACCEPTED)], NOW) == [False]


# --- outcome ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "state", "counted_run"),
    [
        ([ACCEPTED], State.ACCEPTED, 8),
        ([DEFERRED], State.DEFERRED, 5),
        ([DEFERRED, ACCEPTED], State.ACCEPTED, 8),
        ([REJECTED], State.REJECTED, 5),
        ([UNCERTAIN], State.UNCERTAIN, 8),
        ([UNCERTAIN, ACCEPTED], State.ACCEPTED, 8),
        ([UNCERTAIN, UNCERTAIN], State.UNCERTAIN, 8),
        ([UNCERTAIN, REJECTED], State.REJECTED, 5),
        ([UNCERTAIN, DEFERRED], State.DEFERRED, 8),
        ([UNCERTAIN, DEFERRED, REJECTED], State.REJECTED, 5),
    ],
)
async def test_window_counts_once_the_digest_is_accepted_or_uncertain(
    database: Database, outcomes: list[Outcome], state: State, counted_run: int
) -> None:
    await given_queued(database, await given_reader(database, counted_run=5))
    instance = await given_instance(database)
    ledger = Ledger(database)
    for outcome in outcomes:
        delivery = await claim_one(database, instance, NOW + 10 * MINUTE)
        assert await begin_data(ledger, delivery, instance, make_frozen((5, 8)))
        await settle(ledger, delivery, instance, outcome)

    row = await load_row(database)
    assert (row.state, row.last_reply, row.attempt) == (state, outcomes[-1].reply, len(outcomes))
    assert (row.uncertain_at is not None) is (UNCERTAIN in outcomes)
    assert (await reload(database)).counted_run == counted_run
    assert [reply for _, _, reply in await load_attempts(database)] == [outcome.reply for outcome in outcomes]


async def test_failed_resend_does_not_reopen_a_window_when_a_later_one_has_counted(
    database: Database,
) -> None:
    await given_queued(database, await given_reader(database, counted_run=5))
    instance = await given_instance(database)
    ledger = Ledger(database)
    digests: list[tuple[int, tuple[int, int], Outcome]] = [
        (0, (5, 8), UNCERTAIN),
        (1, (8, 9), ACCEPTED),
    ]
    for days, frozen, outcome in digests:
        if days:
            await given_queued(database, await reload(database), days)
        (delivery,) = await ledger.claims.claim(instance, NOW + timedelta(days=days), 1, NONE)
        assert await begin_data(ledger, delivery, instance, make_frozen(frozen))
        await settle(ledger, delivery, instance, outcome)

    delivery = await claim_one(database, instance)
    await settle(ledger, delivery, instance, REJECTED)

    assert (await load_row(database)).state is State.REJECTED
    assert (await reload(database)).counted_run == 9


async def test_resend_that_expires_gives_its_window_to_the_next(database: Database) -> None:
    await given_queued(database, await given_reader(database, counted_run=5))
    instance = await given_instance(database)
    ledger = Ledger(database)
    for outcome in (UNCERTAIN, DEFERRED):
        delivery = await claim_one(database, instance)
        assert await begin_data(ledger, delivery, instance, make_frozen((5, 8)))
        await settle(ledger, delivery, instance, outcome)

    assert await ledger.planning.expire(NOW + ONE_DAY) == 1
    assert (await reload(database)).counted_run == 5


@pytest.mark.parametrize("outcome", [DEFERRED, REJECTED])
async def test_refusal_before_data_is_an_attempt_too(database: Database, outcome: Outcome) -> None:
    await given_queued(database, await given_reader(database))
    instance = await given_instance(database)
    delivery = await claim_one(database, instance)

    await settle(Ledger(database), delivery, instance, outcome)

    row = await load_row(database)
    assert (row.attempt, row.last_reply, row.frozen) == (1, outcome.reply, None)
    assert [(number, reply) for number, _, reply in await load_attempts(database)] == [(1, outcome.reply)]


async def test_outcome_is_written_once(database: Database) -> None:
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)
    ledger = Ledger(database)
    # The answer to the first commit was lost, so it is written again.
    for _ in range(2):
        await settle(ledger, delivery, instance, ACCEPTED)
    await settle(ledger, delivery, instance, REJECTED)

    assert (await load_row(database)).state is State.ACCEPTED
    assert len(await load_attempts(database)) == 1


async def test_answer_of_a_voided_claim_settles_its_uncertain_row(database: Database) -> None:
    thawed = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), thawed)
    ledger = Ledger(database)
    await ledger.claims.void_claims(thawed, NOW)

    await settle(ledger, delivery, thawed, DEFERRED)
    assert (await load_row(database)).state is State.UNCERTAIN
    await settle(ledger, delivery, thawed, ACCEPTED)

    row = await load_row(database)
    assert (row.state, row.last_reply, row.uncertain_at) == (State.ACCEPTED, ACCEPTED.reply, NOW)
    assert await load_attempts(database) == [(1, "accepted", ACCEPTED.reply)]


async def test_answer_of_a_voided_claim_does_not_disturb_the_next_one(database: Database) -> None:
    thawed, other = await given_instance(database, 1), await given_instance(database, 2)
    delivery = await given_in_data(database, await given_reader(database), thawed)
    ledger = Ledger(database)
    await ledger.claims.void_claims(thawed, NOW)
    await claim_one(database, other)

    await settle(ledger, delivery, thawed, ACCEPTED)

    assert (await load_row(database)).state is State.CLAIMED


async def test_stranger_cannot_write_an_outcome(database: Database) -> None:
    holder, stranger = await given_instance(database, 1), await given_instance(database, 2)
    delivery = await given_in_data(database, await given_reader(database), holder)
    ledger = Ledger(database)

    await settle(ledger, delivery, stranger, ACCEPTED)

    assert (await load_row(database)).state is State.IN_DATA


@pytest.mark.parametrize("outcome", [ACCEPTED, Uncertain("the connection broke")])
async def test_a_database_that_has_forgotten_a_mail_that_went_out_takes_nothing_more(
    database: Database, outcome: Accepted | Uncertain
) -> None:
    instance = await given_instance(database)
    await given_queued(database, await given_reader(database))
    queued = await load_row(database)
    ledger = Ledger(database)

    for gone in (queued.id, DeliveryId(999)):
        with pytest.raises(FellBehindError, match="newsletter restored"):
            await ledger.recording.record(instance, [Settle(gone, 1, outcome)], NOW)

    assert await load_row(database) == queued


# --- close --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "window", "counted_run"),
    [
        (State.EMPTY, Window(5, 8), 8),
        (State.SUPPRESSED, None, 5),
        (State.REJECTED, None, 5),
        (State.EXPIRED, None, 5),
    ],
)
async def test_row_ends_without_a_mail(
    database: Database, state: State, window: Window | None, counted_run: int
) -> None:
    await given_queued(database, await given_reader(database, counted_run=5))
    instance = await given_instance(database)
    delivery = await claim_one(database, instance)

    await Ledger(database).recording.record(instance, [Close(delivery.id, state, "because", window)], NOW)

    row = await load_row(database)
    assert (row.state, row.last_reply, row.attempt) == (state, "because", 0)
    assert (await reload(database)).counted_run == counted_run


async def test_row_in_data_cannot_be_closed(database: Database) -> None:
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)

    await Ledger(database).recording.record(instance, [Close(delivery.id, State.EXPIRED, "", None)], NOW)

    assert (await load_row(database)).state is State.IN_DATA


# --- instances ----------------------------------------------------------------------------


async def test_rows_of_a_dead_instance_are_free_again_or_uncertain(database: Database) -> None:
    ledger = Ledger(database)
    dead, alive = await given_instance(database, 1), await given_instance(database, 2)
    await given_in_data(
        database,
        await given_reader(database, "a@example.org", counted_run=5),
        dead,
        frozen=make_frozen((5, 8)),
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


# --- look ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [(None, True), (ACCEPTED, True), (UNCERTAIN, True), (REJECTED, False), (DEFERRED, False)],
)
async def test_shown_are_the_entries_of_digests_that_count(
    database: Database, outcome: Outcome | None, shown: bool
) -> None:
    entries = [entry.id for entry in await given_entries(database, 1, 2)]
    reader = await given_reader(database)
    other = await given_reader(database, "bo@example.org")
    instance = await given_instance(database)
    frozen = make_frozen(entries=entries[:1], over_limit=entries[1:])
    delivery = await given_in_data(database, reader, instance, frozen=frozen)
    ledger = Ledger(database)
    if outcome is not None:
        await settle(ledger, delivery, instance, outcome)

    assert await ledger.reads.load_shown([reader.id, other.id]) == {
        reader.id: Shown(frozenset(entries), ever=True) if shown else Shown(),
        other.id: Shown(),
    }


async def test_counts_of_an_edition_add_up_to_what_was_due(database: Database) -> None:
    ledger = Ledger(database)
    instance = await given_instance(database)
    outcomes: list[Outcome] = [ACCEPTED, ACCEPTED, REJECTED, DEFERRED, UNCERTAIN]
    for number, outcome in enumerate(outcomes):
        delivery = await given_in_data(
            database, await given_reader(database, f"{number}@example.org"), instance
        )
        await settle(ledger, delivery, instance, outcome)
    await given_queued(database, await given_reader(database, "queued@example.org"))
    await given_queued(database, await given_reader(database, "next@example.org"), days=1)

    counts = await ledger.reads.load_counts()

    today, tomorrow = make_plan().edition, make_plan(1).edition
    assert list(counts) == [tomorrow, today]
    assert counts[tomorrow].states == {State.QUEUED: 1}
    assert list(counts[today].states.items()) == [
        (State.QUEUED, 1),
        (State.DEFERRED, 1),
        (State.ACCEPTED, 2),
        (State.REJECTED, 1),
        (State.UNCERTAIN, 1),
    ]
    assert counts[today].due == len(await ledger.reads.load_edition(today))
    assert list(await ledger.reads.load_counts(1)) == [tomorrow]
    assert list(await ledger.reads.load_counts(since=DAY + ONE_DAY)) == [tomorrow]


async def test_notices_are_in_no_edition(database: Database) -> None:
    ada, ledger = await given_reader(database), Ledger(database)
    notice = Notice("Subject", "", ("Text",))
    queued = QueuedNotice(Kind.LOGIN, "9999-12-31", ada.id, ada.address, notice, "en", NOW + ONE_DAY)
    assert await ledger.planning.queue_notice(queued, NOW)
    assert not await ledger.planning.queue_notice(queued, NOW)

    assert await ledger.reads.load_counts() == {}
    assert await ledger.reads.load_notice_counts() == {Kind.LOGIN: LedgerCounts({State.QUEUED: 1})}


async def test_unreached_are_those_without_a_mail_in_hand(database: Database) -> None:
    ledger = Ledger(database)
    instance = await given_instance(database)
    outcomes: list[tuple[str, Outcome]] = [
        ("accepted", ACCEPTED),
        ("rejected", REJECTED),
        ("asked-later", DEFERRED),
    ]
    for name, outcome in outcomes:
        delivery = await given_in_data(
            database,
            await given_reader(database, f"{name}@example.org"),
            instance,
            frozen=replace(make_frozen(), address=EmailAddress(f"{name}@example.org")),
        )
        await settle(ledger, delivery, instance, outcome)
    await given_queued(database, await given_reader(database, "nobody-home@example.org"))
    empty = await claim_one(database, instance)
    await ledger.recording.record(instance, [Close(empty.id, State.EMPTY, "", Window(0, 1))], NOW)

    unreached = await ledger.reads.load_unreached(DAY.isoformat())

    assert [(address, delivery.last_reply) for delivery, address in unreached] == [
        ("asked-later@example.org", DEFERRED.reply),
        ("rejected@example.org", REJECTED.reply),
    ]


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
