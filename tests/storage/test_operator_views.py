from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, insert

from newsletter.model.ledger import State
from newsletter.model.mail import Accepted, Rejected, Uncertain, Weight
from newsletter.model.readers import ComingDigests, Consent, ConsentMove, EmailAddress
from newsletter.model.sources import FetchRecord, FetchState
from newsletter.storage import Database, Ledger, RunStore, SubscriberStore
from newsletter.storage.operator_views import OperatorViews
from newsletter.storage.tables import bounces
from tests.support.builders import DAY, at, make_cadence, make_subscriber
from tests.support.given import (
    DUE,
    NOW,
    given_entries,
    given_in_data,
    given_instance,
    given_reader,
    make_snapshot,
    put_readers,
    reload,
    settle,
)


async def test_replies_are_counted_the_most_frequent_first(database: Database) -> None:
    instance = await given_instance(database)
    ledger, views = Ledger(database), OperatorViews(database)
    for name, reply in (("a", "550 policy"), ("b", "550 policy"), ("c", "550 full"), ("d", "")):
        reader = await given_reader(database, f"{name}@example.org")
        delivery = await given_in_data(database, reader, instance)
        await settle(ledger, delivery, instance, Rejected(reply) if reply else Accepted("250 ok"))

    counts = await views.count_replies(DAY, [State.REJECTED], 10)

    assert counts == [(State.REJECTED, "550 policy", 2), (State.REJECTED, "550 full", 1)]
    assert len(await views.count_replies(DAY, [State.REJECTED], 1)) == 1
    assert await views.count_replies(DAY + timedelta(days=1), [State.REJECTED], 10) == []


async def test_uncertain_digests_are_counted(database: Database) -> None:
    instance = await given_instance(database)
    ada = await given_reader(database)
    delivery = await given_in_data(database, ada, instance)
    assert await OperatorViews(database).count_uncertain() == 0
    await settle(Ledger(database), delivery, instance, Uncertain("the connection broke"))
    assert await OperatorViews(database).count_uncertain() == 1


async def test_what_came_back_is_counted_by_day_in_utc(database: Database) -> None:
    times = ("2026-06-15 23:59", "2026-06-16 00:00", "2026-06-16 12:00", "2026-06-01 12:00")

    def change(connection: Connection) -> None:
        for number, when in enumerate(times):
            connection.execute(
                insert(bounces).values(
                    report_hash=str(number),
                    address="a@example.org",
                    at=at(when),
                    kind="hard",
                    status="",
                    diagnostic="",
                    action="",
                )
            )

    await database.write(change)

    counts = await OperatorViews(database).count_bounces(at("2026-06-15 00:00"))

    assert counts == [(DAY - timedelta(days=1), "hard", 1), (DAY, "hard", 2)]


async def test_who_joins_and_leaves_is_counted_and_a_pause_is_neither(database: Database) -> None:
    store = SubscriberStore(database)

    async def change(consent: Consent, when: str, move: ConsentMove) -> None:
        reader = await store.load(make_subscriber().address)
        reader = replace(reader or make_subscriber(), consent=consent)
        await store.save([reader], at(when), "a test", move=move)

    await change(Consent.UNCONFIRMED, "2026-06-10 07:00", ConsentMove.ASK)
    await change(Consent.CONFIRMED, "2026-06-11 07:00", ConsentMove.CONFIRM)
    await change(Consent.PAUSED, "2026-06-12 07:00", ConsentMove.PAUSE)
    await change(Consent.CONFIRMED, "2026-06-13 07:00", ConsentMove.WAKE)
    await change(Consent.LEFT, "2026-06-14 07:00", ConsentMove.LEAVE)
    await change(Consent.CONFIRMED, "2026-06-14 08:00", ConsentMove.COME_BACK)
    await store.save([make_subscriber("never@example.org", consent=Consent.UNCONFIRMED)], NOW, "asked")

    views = OperatorViews(database)
    day = DAY.replace(day=14)
    assert await views.count_moves(at("2026-06-01 00:00")) == [
        (DAY.replace(day=11), "joined", 1),
        (day, "joined", 1),
        (day, "left", 1),
    ]
    # What was before the time that is looked at still tells who was in.
    assert await views.count_moves(at("2026-06-13 00:00")) == [(day, "joined", 1), (day, "left", 1)]


async def test_new_entries_are_counted_by_source_and_day(database: Database) -> None:
    def look(source: str, when: str, new: int) -> FetchRecord:
        return FetchRecord(source, FetchState.OK, at(when), at(when), listed=9, new=new)

    looks = [
        look("hf", "2026-06-16 06:00", 3),
        look("hf", "2026-06-16 18:00", 4),
        look("blog", "2026-06-16 18:00", 1),
        look("hf", "2026-06-17 06:00", 0),
        look("hf", "2026-06-01 06:00", 50),
    ]
    await RunStore(database).save_looks(looks, [], [], {})

    assert await OperatorViews(database).count_new_entries(at("2026-06-10 00:00")) == [
        (DAY, "blog", 1),
        (DAY, "hf", 7),
    ]


async def test_topics_are_counted_in_the_newest_digests(database: Database) -> None:
    instance = await given_instance(database)
    entries = await given_entries(database, 1, 2, 3)
    ledger = Ledger(database)
    numbers = [entry.id for entry in entries]
    for name, shown in (("a", numbers), ("b", numbers[:1])):
        reader = await given_reader(database, f"{name}@example.org")
        delivery = await given_in_data(
            database, reader, instance, snapshot=make_snapshot(entries=shown, over_limit=())
        )
        await settle(ledger, delivery, instance, Accepted("250 ok"))

    views = OperatorViews(database)
    assert await views.count_topics(10) == [("RAG", 4)]
    assert await views.count_topics(1) == [("RAG", 1)]


async def test_readers_are_counted_by_consent(database: Database) -> None:
    store, views = SubscriberStore(database), OperatorViews(database)
    assert await views.load_next_due() is None
    await store.save(
        [
            make_subscriber("a@example.org", next_due_at=DUE + timedelta(days=1)),
            make_subscriber("b@example.org", next_due_at=DUE),
        ],
        NOW,
        "a test",
    )
    await put_readers(database, make_subscriber("c@example.org", consent=Consent.LEFT))

    counts = await views.count_readers()

    assert (counts[Consent.CONFIRMED], counts[Consent.LEFT], counts[Consent.PAUSED]) == (2, 1, 0)
    assert await views.load_next_due() == DUE


async def test_suppressed_addresses_are_counted_while_they_are(database: Database) -> None:
    instance = await given_instance(database)
    ada = await given_reader(database)
    delivery = await given_in_data(database, ada, instance)
    await settle(Ledger(database), delivery, instance, Rejected("550 5.1.1 gone", Weight.GONE))
    views = OperatorViews(database)
    assert await views.count_suppressed() == 1
    assert await views.load_next_due() is None
    await SubscriberStore(database).lift_suppression((await reload(database)).address, "back", NOW)
    assert await views.count_suppressed() == 0


async def test_coming_digests_are_counted_by_moment_and_cadence_without_those_who_are_not_mailed(
    database: Database,
) -> None:
    store, later = SubscriberStore(database), DUE + timedelta(days=1)
    berlin = replace(make_cadence(), zone="Europe/Berlin")
    await put_readers(
        database,
        make_subscriber("b@example.org", next_due_at=later),
        make_subscriber("a@example.org", next_due_at=later),
        make_subscriber("z@example.org", next_due_at=DUE, cadence=berlin),
        make_subscriber("c@example.org", next_due_at=later, cadence=berlin),
        make_subscriber("d@example.org", next_due_at=DUE, consent=Consent.PAUSED),
        make_subscriber("E@example.org", next_due_at=DUE),
    )
    await store.suppress(EmailAddress("e@EXAMPLE.org"), "bounced", NOW)

    views = OperatorViews(database)

    assert await views.load_coming() == [
        ComingDigests(DUE, berlin, 1, EmailAddress("z@example.org")),
        ComingDigests(later, make_cadence(), 2, EmailAddress("a@example.org")),
        ComingDigests(later, berlin, 1, EmailAddress("c@example.org")),
    ]
    assert await views.load_next_due() == DUE
