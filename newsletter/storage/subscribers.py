"""Readers, their consent and the suppressed addresses, in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from newsletter.compose.subscription import status_of, wake
from newsletter.model.ledger import QueuedNotice
from newsletter.model.readers import (
    Consent,
    ConsentMove,
    EmailAddress,
    Lift,
    Refused,
    Status,
    Subscriber,
    SubscriberId,
    Suppression,
)
from newsletter.storage.engine import Database, in_chunks
from newsletter.storage.erase import erase_person, find_erased
from newsletter.storage.ledger.planning import insert_notice
from newsletter.storage.subscriptions import (
    Decide,
    check_move,
    group_by_key,
    insert_readers,
    load_ids,
    lock_readers,
    log_consents,
    move_reader,
    read_subscriber,
    write_readers,
)
from newsletter.storage.tables import subscribers as readers
from newsletter.storage.tables import suppressions

Write = Callable[[Subscriber, Subscriber], QueuedNotice | None]
"""A reader before and after a move → the mail that tells them, if any."""


class SubscriberStore:
    """The readers of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_all(self) -> Sequence[Subscriber]:
        """Return everybody, by address."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(readers).order_by(readers.c.address_key))
            return [read_subscriber(row) for row in rows]

    async def load_after(self, last: SubscriberId, limit: int) -> Sequence[Subscriber]:
        """Return the readers with a higher id than ``last``, by id, at most so many."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(readers).where(readers.c.id > last).order_by(readers.c.id).limit(limit)
            )
            return [read_subscriber(row) for row in rows]

    async def load_topics_with(self, key: str) -> Sequence[str]:
        """Return the different topics_json in which a topic may have that key."""
        found = select(readers.c.topics_json).where(
            readers.c.topics_json.contains(f'"{key}":', autoescape=True)
        )
        async with self._database.read() as connection:
            return [row.topics_json for row in await connection.execute(found.distinct())]

    async def load(self, address: EmailAddress) -> Subscriber | None:
        """Return the reader with this address."""
        return await self._load_one(readers.c.address_key == address)

    async def load_many(self, subscribers: Collection[SubscriberId]) -> Mapping[SubscriberId, Subscriber]:
        """Return those of these readers that there are, by id."""
        found: dict[SubscriberId, Subscriber] = {}
        async with self._database.read() as connection:
            for ids in in_chunks(subscribers):
                rows = await connection.execute(select(readers).where(readers.c.id.in_(ids)))
                found |= {SubscriberId(row.id): read_subscriber(row) for row in rows}
        return found

    async def save(
        self,
        subscribers: Sequence[Subscriber],
        now: datetime,
        why: str,
        origin: str = "",
        move: ConsentMove | None = None,
    ) -> None:
        """Insert (id 0) or update each by id, in one transaction; ``why`` and origin (how, and from where) go into the
        consent record of those whose consent is new or has changed. counted_run of a known reader only moves
        forward.

        Without a move, preferences change and nothing else, and whoever is new is added or has been asked. Raises
        MoveError where a row, as it is now, has no such move; then nothing is written.
        """
        known = [person for person in subscribers if person.id]
        new = [person for person in subscribers if not person.id]

        def work(connection: Connection) -> None:
            before = lock_readers(connection, [person.id for person in known])
            for person in known:
                was = before.get(person.id)
                check_move(status_of(was) if was else Status.UNKNOWN, move or ConsentMove.CHANGE, person)
            for person in new:
                is_asked = person.consent is Consent.UNCONFIRMED
                check_move(Status.UNKNOWN, move or (ConsentMove.ASK if is_asked else ConsentMove.ADD), person)
            if known:
                write_readers(connection, known)
            if new:
                insert_readers(connection, new)
            numbers = load_ids(connection, [person.address for person in new])
            changed = [person for person in known if person.consent is not before[person.id].consent]
            changed += [replace(person, id=numbers[person.address]) for person in new]
            log_consents(connection, changed, now, why, origin)

        if subscribers:
            await self._database.transact(work)

    async def move(
        self,
        reader: SubscriberId,
        move: ConsentMove,
        decide: Decide,
        now: datetime,
        why: str,
        origin: str = "",
        *,
        write: Write = lambda _before, _after: None,
        lift: Lift = Lift.NOTHING,
    ) -> Subscriber | Refused:
        """Move one reader as ``decide`` says of the row as it is now; return them afterwards, or why nothing was done.

        In the same transaction: the line in the record of consent (``why`` and origin: how, and from where), the mail
        that ``write`` returns of the reader before and after, and the end of a suppression of their address.
        """

        def work(connection: Connection) -> Subscriber | Refused:
            moved = move_reader(connection, reader, move, decide, now, why, origin)
            if isinstance(moved, Refused):
                return moved
            before, after = moved
            if lift is not Lift.NOTHING:
                lift_suppression(connection, after.address, why, now, even_complaints=lift is Lift.ALL)
            notice = write(before, after)
            if notice is not None:
                insert_notice(connection, notice, now)
            return after

        return await self._database.transact(work)

    async def load_zones(self) -> Sequence[str]:
        """Return the different time zones of all readers."""
        async with self._database.read() as connection:
            return list(await connection.scalars(select(readers.c.zone).distinct()))

    async def move_due(self, changes: Sequence[tuple[SubscriberId, datetime, datetime]]) -> int:
        """Move next_due_at of these readers from one instant to another, where it still is the first; return how
        many were moved."""

        def work(connection: Connection) -> int:
            moved = 0
            for reader, before, after in changes:
                moved += connection.execute(
                    update(readers)
                    .where(readers.c.id == reader, readers.c.next_due_at == before)
                    .values(next_due_at=after)
                ).rowcount
            return moved

        return await self._database.transact(work) if changes else 0

    async def wake(self, now: datetime, newest_run: int) -> int:
        """End the pauses whose time is over; return how many. What came before is not sent after the readers."""
        ended = select(readers.c.id).where(readers.c.consent == Consent.PAUSED, readers.c.wake_at <= now)

        def work(connection: Connection) -> int:
            woken = []
            for was in lock_readers(connection, connection.scalars(ended)).values():
                reader = wake(was, newest_run)
                if isinstance(reader, Subscriber) and was.wake_at is not None and was.wake_at <= now:
                    check_move(status_of(was), ConsentMove.WAKE, reader)
                    woken.append(reader)
            if woken:
                write_readers(connection, woken)
                log_consents(connection, woken, now, "the pause is over")
            return len(woken)

        return await self._database.transact(work)

    async def load_known(self, addresses: Collection[EmailAddress]) -> frozenset[EmailAddress]:
        """Return those of these addresses that belong to a subscriber, whatever their consent."""
        async with self._database.read() as connection:
            return frozenset(await connection.run_sync(load_ids, addresses))

    async def load_erased(self, addresses: Collection[EmailAddress]) -> frozenset[EmailAddress]:
        """Return those of these addresses whose persons were erased: no list brings them back."""
        async with self._database.read() as connection:
            return await connection.run_sync(find_erased, addresses)

    async def erase(self, subscriber: SubscriberId, now: datetime) -> bool:
        """Erase a person; False, and nothing is done, while a mail to them is on its way.

        See erase_person.
        """

        return await self._database.transact(lambda connection: erase_person(connection, subscriber))

    async def load_all_suppressed(self) -> Sequence[tuple[EmailAddress, str, datetime]]:
        """Return every suppressed address with the reason and since when, by address."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(suppressions.c.address, suppressions.c.reason, suppressions.c.since)
                .where(suppressions.c.lifted_at.is_(None))
                .order_by(suppressions.c.address)
            )
            return [(EmailAddress(row.address), row.reason, row.since) for row in rows]

    async def load_due(self, now: datetime, limit: int) -> Sequence[Subscriber]:
        """Return confirmed readers with next_due_at <= now, the longest due first (then by id)."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(readers)
                .where(readers.c.consent == Consent.CONFIRMED, readers.c.next_due_at <= now)
                .order_by(readers.c.next_due_at, readers.c.id)
                .limit(limit)
            )
            return [read_subscriber(row) for row in rows]

    async def load_suppressed(
        self, addresses: Collection[EmailAddress]
    ) -> Mapping[EmailAddress, Suppression]:
        """Return the suppressed ones of these addresses with why they are."""
        given = group_by_key(addresses)
        found: dict[EmailAddress, Suppression] = {}
        async with self._database.read() as connection:
            for some in in_chunks(given):
                rows = await connection.execute(
                    select(suppressions).where(
                        suppressions.c.lifted_at.is_(None), suppressions.c.address.in_(some)
                    )
                )
                for row in rows:
                    suppression = Suppression(row.reason, row.is_complaint)
                    found |= dict.fromkeys(given[row.address], suppression)
        return found

    async def lift_suppression(self, address: EmailAddress, why: str, now: datetime) -> bool:
        """Mail this address again; False where it was not suppressed. The old reason stays on record."""
        return await self._database.transact(
            lambda connection: lift_suppression(connection, address, why, now, even_complaints=True)
        )

    async def _load_one(self, which: ColumnElement[bool]) -> Subscriber | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(readers).where(which))).one_or_none()
            return read_subscriber(row) if row else None


def lift_suppression(
    connection: Connection, address: EmailAddress, why: str, now: datetime, *, even_complaints: bool
) -> bool:
    """End the suppression of an address; False where there is none, or it is one of a complaint that stays."""
    which = [suppressions.c.address == address, suppressions.c.lifted_at.is_(None)]
    if not even_complaints:
        which.append(suppressions.c.is_complaint.is_(False))
    lifted = connection.execute(update(suppressions).where(*which).values(lifted_at=now, lifted_why=why))
    return lifted.rowcount > 0
