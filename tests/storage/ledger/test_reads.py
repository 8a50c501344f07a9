"""What the ledger tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletter.model.digest import Shown, Window
from newsletter.model.lateness import build_lateness
from newsletter.model.ledger import (
    CloseDelivery,
    DeliveryFilter,
    Kind,
    LedgerCounts,
    QueuedNotice,
    RecordOutcome,
    State,
)
from newsletter.model.mail import Notice, Outcome
from newsletter.model.readers import EmailAddress
from newsletter.storage import Database, Ledger, SettingStore
from newsletter.storage.tables import deliveries
from newsletter.workflows.lateness import add_lateness, settle_lateness
from tests.storage.ledger.cases import ACCEPTED, DEFERRED, ONE_DAY, REJECTED, UNCERTAIN
from tests.support.builders import DAY
from tests.support.given import (
    NOW,
    claim_one,
    given_entries,
    given_in_data,
    given_instance,
    given_queued,
    given_reader,
    make_plan,
    make_snapshot,
    settle,
)
from tests.support.statements import load_values


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
    snapshot = make_snapshot(entries=entries[:1], over_limit=entries[1:])
    delivery = await given_in_data(database, reader, instance, snapshot=snapshot)
    ledger = Ledger(database)
    if outcome is not None:
        await settle(ledger, delivery, instance, outcome)

    assert await ledger.reads.load_shown([reader.id, other.id]) == {
        reader.id: Shown(frozenset(entries), ever=True) if shown else Shown(),
        other.id: Shown(),
    }


async def test_lateness_is_the_time_from_the_slot_to_the_answer_in_whole_seconds(database: Database) -> None:
    ledger, instance = Ledger(database), await given_instance(database)
    answers: list[tuple[timedelta, Outcome]] = [
        (timedelta(), ACCEPTED),
        (timedelta(seconds=0.999), ACCEPTED),
        (timedelta(seconds=1), ACCEPTED),
        (timedelta(days=1, seconds=61.5), ACCEPTED),
        (timedelta(seconds=-540.5), ACCEPTED),
        (timedelta(seconds=30), REJECTED),
    ]
    for number, (after, outcome) in enumerate(answers):
        reader = await given_reader(database, f"{number}@example.org")
        delivery = await given_in_data(database, reader, instance)
        step = RecordOutcome(delivery.id, 1, outcome)
        await ledger.recording.record(instance, [step], delivery.slot_at + after)

    edition, whole = DAY.isoformat(), {0: 2, 1: 1, 86_461: 1, -540: 1}
    assert await ledger.reads.count_lateness(edition) == whole
    assert await ledger.reads.count_lateness("2026-06-15") == {}
    ids = await load_values(database, select(deliveries.c.id).order_by(deliveries.c.id))
    assert await ledger.reads.count_lateness_of(ids[2:]) == {edition: {1: 1, 86_461: 1, -540: 1}}
    assert await ledger.reads.count_lateness_of(ids[5:]) == {}


async def test_lateness_is_added_up_pass_by_pass_and_counted_once_from_the_rows_in_the_end(
    database: Database,
) -> None:
    ledger, settings, instance = Ledger(database), SettingStore(database), await given_instance(database)
    edition, sent = DAY.isoformat(), []
    for number, seconds in enumerate((0, 1, 1)):
        reader = await given_reader(database, f"{number}@example.org")
        sent.append(await given_in_data(database, reader, instance))
        await ledger.recording.record(
            instance, [RecordOutcome(sent[-1].id, 1, ACCEPTED)], sent[-1].slot_at + timedelta(seconds=seconds)
        )

    await add_lateness(ledger, settings, [])
    assert await settings.load_lateness(9) == {}
    await add_lateness(ledger, settings, [sent[0].id, sent[0].id])
    await add_lateness(ledger, settings, [sent[1].id])
    assert await settings.load_lateness(9) == {edition: build_lateness({0: 1, 1: 1})}

    await settle_lateness(ledger, settings, [edition, "2026-06-15"])
    assert await settings.load_lateness(9) == {edition: build_lateness({0: 1, 1: 2})}
    await settings.save_lateness("2026-06-17", {5: 1})
    assert [*await settings.load_lateness(1)] == ["2026-06-17"]


@pytest.mark.parametrize(("most", "expected"), [(10, (2, 50)), (1, (1, 70))])
async def test_what_was_accepted_of_late_is_counted_among_the_newest(
    database: Database, most: int, expected: tuple[int, int]
) -> None:
    ledger = Ledger(database)
    instance = await given_instance(database)
    for number, after_s in enumerate((0, 20, 50, 70)):
        reader = await given_reader(database, f"{number}@example.org")
        delivery = await given_in_data(database, reader, instance)
        step = RecordOutcome(delivery.id, 1, ACCEPTED)
        await ledger.recording.record(instance, [step], delivery.slot_at + timedelta(seconds=after_s))
    since = delivery.slot_at + timedelta(seconds=30)

    number, first_after_s = expected
    first_at = delivery.slot_at + timedelta(seconds=first_after_s)
    assert await ledger.reads.count_accepted(DAY.isoformat(), since, most) == (number, first_at)
    assert await ledger.reads.count_accepted("2026-06-15", since, most) == (0, None)


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
            snapshot=replace(make_snapshot(), address=EmailAddress(f"{name}@example.org")),
        )
        await settle(ledger, delivery, instance, outcome)
    await given_queued(database, await given_reader(database, "nobody-home@example.org"))
    empty = await claim_one(database, instance)
    await ledger.recording.record(instance, [CloseDelivery(empty.id, State.EMPTY, "", Window(0, 1))], NOW)

    wanted = DeliveryFilter(DAY.isoformat(), frozenset(State) - {State.ACCEPTED, State.EMPTY})
    unreached = await ledger.reads.find(wanted)

    assert [(address, delivery.last_reply) for delivery, address in unreached] == [
        ("rejected@example.org", REJECTED.reply),
        ("asked-later@example.org", DEFERRED.reply),
    ]
    assert [address for _, address in await ledger.reads.find(wanted, limit=1)] == ["rejected@example.org"]
    assert await ledger.reads.find(wanted, unreached[0][0].id) == unreached[1:]
