"""Where a test begins: readers, entries and deliveries that are in the database already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection

from newsletter.model.digest import Window
from newsletter.model.entries import Entry, EntryChange, EntryId, Sighting
from newsletter.model.ledger import (
    BeginData,
    Delivery,
    InstanceId,
    Kind,
    Plan,
    PlanResult,
    RecordOutcome,
    Skip,
    Snapshot,
)
from newsletter.model.mail import Outcome
from newsletter.model.readers import EmailAddress, Slot, Subscriber
from newsletter.storage import Database, EntryStore, Ledger, RunStore, RunTransaction, SubscriberStore
from newsletter.storage.subscriptions import insert_readers, load_ids, log_consents
from tests.support.builders import DAY, make_entry, make_subscriber

NOW = datetime.combine(DAY, time(8), UTC)
DUE = datetime.combine(DAY, time(7), UTC)


def make_plan(days: int = 0, *, skipped: Sequence[int] = (), with_slot: bool = True) -> Plan:
    """A plan for the slot so many days after DAY, the next one a day later. skipped are such days too."""
    slot = make_slot(days)
    return Plan(
        slot=slot if with_slot else None,
        skipped=tuple(Skip(make_slot(day), "the newsletter was away") for day in skipped),
        next_due_at=slot.at + timedelta(days=1),
        expires_at=slot.at + timedelta(hours=20) if with_slot else None,
    )


def make_slot(days: int = 0) -> Slot:
    return Slot(DAY + timedelta(days=days), DUE + timedelta(days=days))


def make_snapshot(
    window: tuple[int, int] = (0, 1), entries: Sequence[int] = (), over_limit: Sequence[int] = ()
) -> Snapshot:
    """A frozen digest whose texts are short."""
    shown = [(EntryId(entry), "RAG", True) for entry in entries]
    shown += [(EntryId(entry), "RAG", False) for entry in over_limit]
    return Snapshot(
        content_json='{"sections":[{"items":[{"card":"card-1"},{"card":"card-2"}]}]}',
        cards={"card-1": '{"title":"A paper"}', "card-2": '{"title":"Another"}'},
        bundle_hash="bundle",
        bundle_json='{"body":"…"}',
        content_hash="content",
        message_id="<message@example.org>",
        address=EmailAddress("ada@example.org"),
        window=Window(*window),
        size_bytes=4_000,
        entry_ids=tuple(shown),
    )


async def given_reader(
    database: Database, address: str = "ada@example.org", *, counted_run: int = 0
) -> Subscriber:
    """A confirmed reader whose next digest is due."""
    store = SubscriberStore(database)
    await store.save([make_subscriber(address, counted_run=counted_run, next_due_at=DUE)], NOW, "added")
    return await reload(database, address)


async def put_readers(database: Database, *people: Subscriber) -> None:
    """Write new readers as they are, whatever brought them there."""

    def work(connection: Connection) -> None:
        insert_readers(connection, people)
        numbers = load_ids(connection, [one.address for one in people])
        log_consents(connection, [replace(one, id=numbers[one.address]) for one in people], NOW, "added")

    await database.write(work)


async def reload(database: Database, address: str = "ada@example.org") -> Subscriber:
    """The reader as the database has them now."""
    reader = await SubscriberStore(database).load(EmailAddress(address))
    assert reader is not None
    return reader


async def given_instance(database: Database, pid: int = 100) -> InstanceId:
    return await Ledger(database).claims.register_instance("host", "boot", pid, NOW)


async def given_queued(database: Database, reader: Subscriber, days: int = 0) -> None:
    reader = await reload(database, reader.address)
    result = await plan_one(Ledger(database), reader, make_plan(days))
    assert result is PlanResult.PLANNED


async def plan_one(ledger: Ledger, reader: Subscriber, plan: Plan, *, by_hand: bool = False) -> PlanResult:
    """Write one reader's plan."""
    (result,) = await ledger.planning.plan([(reader, plan)], NOW, by_hand=by_hand)
    return result


async def begin_data(ledger: Ledger, delivery: Delivery, instance: InstanceId, snapshot: Snapshot) -> bool:
    """Take the fence before DATA, for the next attempt at this delivery as it was claimed."""
    (took,) = await ledger.recording.record(
        instance, [BeginData(delivery.id, delivery.attempt + 1, snapshot)], NOW
    )
    return took


async def settle(ledger: Ledger, delivery: Delivery, instance: InstanceId, outcome: Outcome) -> bool:
    """Write the outcome of the next attempt at this delivery as it was claimed."""
    (took,) = await ledger.recording.record(
        instance, [RecordOutcome(delivery.id, delivery.attempt + 1, outcome)], NOW
    )
    return took


async def claim_one(
    database: Database,
    instance: InstanceId,
    now: datetime = NOW,
) -> Delivery:
    """Claim the only row that can be claimed."""
    (delivery,) = await Ledger(database).claims.claim(instance, now, 10, [Kind.DIGEST])
    return delivery


async def given_in_data(
    database: Database,
    reader: Subscriber,
    instance: InstanceId,
    *,
    snapshot: Snapshot | None = None,
    days: int = 0,
) -> Delivery:
    """A digest of this reader that this instance has begun to send."""
    await given_queued(database, reader, days)
    delivery = await claim_one(database, instance, NOW + timedelta(days=days))
    assert await begin_data(Ledger(database), delivery, instance, snapshot or make_snapshot())
    return delivery


async def load_row(database: Database, days: int = 0) -> Delivery:
    """The only delivery of the edition so many days after DAY."""
    edition = (DAY + timedelta(days=days)).isoformat()
    ((delivery, _),) = await Ledger(database).reads.load_edition(edition)
    return delivery


def make_change(number: int, source: str = "hf", *, run: int = 1, upvotes: int | None = None) -> EntryChange:
    """A new entry that a source lists."""
    entry = replace(make_entry(number, upvotes=upvotes, first_seen_run=run), id=EntryId(0))
    return EntryChange(entry, (make_sighting(entry, source),), observed=upvotes is not None)


def make_sighting(entry: Entry, source: str = "hf") -> Sighting:
    return Sighting(entry, source, guid=entry.key.rpartition(":")[2], listed_on=DAY)


async def save_run(database: Database, *changes: EntryChange, now: datetime = NOW) -> int:
    """Save changes as one run; return its number."""

    def fill(run: RunTransaction) -> int:
        run.save(changes, now)
        return run.number

    return await RunStore(database).save_run(now, fill)


async def given_entries(database: Database, *numbers: int) -> list[Entry]:
    """Entries that the next run brings, by id."""
    run = await save_run(database, *(make_change(number) for number in numbers))
    return list(await EntryStore(database).load_entries(Window(run - 1, run)))
