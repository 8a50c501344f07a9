"""What became of a mail: the fence, outcomes, and rows that end without a mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from newsletter.errors import FellBehindError
from newsletter.model.digest import Window
from newsletter.model.ledger import BeginData, CloseDelivery, DeliveryId, RecordOutcome, State
from newsletter.model.mail import Accepted, Outcome, Uncertain
from newsletter.model.readers import EmailAddress
from newsletter.storage import Database, Ledger
from newsletter.storage.tables import bundles, cards
from tests.storage.ledger.cases import (
    ACCEPTED,
    DEFERRED,
    MINUTE,
    NONE,
    ONE_DAY,
    REJECTED,
    UNCERTAIN,
    load_attempts,
)
from tests.support.builders import DAY
from tests.support.given import (
    NOW,
    begin_data,
    claim_one,
    given_entries,
    given_in_data,
    given_instance,
    given_queued,
    given_reader,
    load_row,
    make_snapshot,
    reload,
    settle,
)


async def test_frozen_digest_comes_back_with_the_next_claim(database: Database) -> None:
    entries = [entry.id for entry in await given_entries(database, 1, 2, 3)]
    # Not in the order of their ids: the order is the digest's.
    snapshot = make_snapshot((0, 1), entries=[entries[2], entries[0]], over_limit=[entries[1]])
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance, snapshot=snapshot)
    await settle(Ledger(database), delivery, instance, DEFERRED)

    again = await claim_one(database, instance, DEFERRED.retry_at)

    assert delivery.snapshot is None
    assert again.snapshot == snapshot
    assert again.address == snapshot.address


async def test_what_is_frozen_stays_in_later_attempts(database: Database) -> None:
    entries = [entry.id for entry in await given_entries(database, 1, 2)]
    first = make_snapshot(entries=entries[:1])
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance, snapshot=first)
    ledger = Ledger(database)
    await settle(ledger, delivery, instance, DEFERRED)
    delivery = await claim_one(database, instance, DEFERRED.retry_at)

    other = replace(
        make_snapshot((0, 9), entries=entries), content_hash="other", address=EmailAddress("new@example.org")
    )
    assert await begin_data(ledger, delivery, instance, other)

    row = await load_row(database)
    assert (row.snapshot, row.attempt) == (first, 2)


async def test_cards_and_bundles_are_stored_once(database: Database) -> None:
    instance = await given_instance(database)
    for name in ("a", "b"):
        await given_in_data(database, await given_reader(database, f"{name}@example.org"), instance)

    def look(connection: Connection) -> None:
        assert len((connection.execute(select(cards))).all()) == 2
        assert len((connection.execute(select(bundles))).all()) == 1

    await database.read(look)


async def test_fence_refuses_a_claim_that_was_voided(database: Database) -> None:
    await given_queued(database, await given_reader(database))
    frozen_process, other = await given_instance(database, 1), await given_instance(database, 2)
    delivery = await claim_one(database, frozen_process)
    ledger = Ledger(database)

    assert await ledger.claims.void_claims(frozen_process, NOW) == (1, 0)
    assert not await begin_data(ledger, delivery, frozen_process, make_snapshot())
    await claim_one(database, other)
    assert not await begin_data(ledger, delivery, frozen_process, make_snapshot())

    row = await load_row(database)
    assert (row.state, row.attempt, row.snapshot) == (State.CLAIMED, 0, None)

    def look(connection: Connection) -> None:
        assert (connection.execute(select(cards))).all() == []

    await database.read(look)
    assert await begin_data(ledger, delivery, other, make_snapshot())


async def test_fence_opens_once_for_each_claim(database: Database) -> None:
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)

    ledger = Ledger(database)

    again = replace(delivery, attempt=delivery.attempt + 1)
    assert not await begin_data(ledger, again, instance, make_snapshot())
    # The very same attempt: its commit succeeded and the answer to it was lost.
    assert await begin_data(ledger, delivery, instance, make_snapshot())
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
            BeginData(ada.id, 1, make_snapshot(), "relay-1"),
            CloseDelivery(bo.id, State.SUPPRESSED, "because"),
            BeginData(cy.id, 2, make_snapshot()),
            RecordOutcome(di.id, 1, REJECTED, "relay-1"),
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
    assert await ledger.recording.record(other, [RecordOutcome(ada.id, 1, ACCEPTED)], NOW) == [False]


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
        assert await begin_data(ledger, delivery, instance, make_snapshot((5, 8)))
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
    for days, snapshot, outcome in digests:
        if days:
            await given_queued(database, await reload(database), days)
        (delivery,) = await ledger.claims.claim(instance, NOW + timedelta(days=days), 1, NONE)
        assert await begin_data(ledger, delivery, instance, make_snapshot(snapshot))
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
        assert await begin_data(ledger, delivery, instance, make_snapshot((5, 8)))
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
    assert (row.attempt, row.last_reply, row.snapshot) == (1, outcome.reply, None)
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
            await ledger.recording.record(instance, [RecordOutcome(gone, 1, outcome)], NOW)

    assert await load_row(database) == queued


@pytest.mark.parametrize(
    ("state", "window", "counted_run"),
    [
        (State.EMPTY, Window(5, 8), 8),
        (State.SUPPRESSED, None, 5),
        (State.REJECTED, None, 5),
    ],
)
async def test_row_ends_without_a_mail(
    database: Database, state: State, window: Window | None, counted_run: int
) -> None:
    await given_queued(database, await given_reader(database, counted_run=5))
    instance = await given_instance(database)
    delivery = await claim_one(database, instance)

    await Ledger(database).recording.record(
        instance, [CloseDelivery(delivery.id, state, "because", window)], NOW
    )

    row = await load_row(database)
    assert (row.state, row.last_reply, row.attempt) == (state, "because", 0)
    assert (await reload(database)).counted_run == counted_run


async def test_row_in_data_cannot_be_closed(database: Database) -> None:
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database), instance)

    await Ledger(database).recording.record(
        instance, [CloseDelivery(delivery.id, State.SUPPRESSED, "", None)], NOW
    )

    assert (await load_row(database)).state is State.IN_DATA
