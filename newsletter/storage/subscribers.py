"""Readers, their consent and the suppressed addresses, in the database."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    case,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.model import Cadence, Consent, EmailAddress, Subscriber, SubscriberId
from newsletter.storage.engine import Database, UtcDateTime, in_chunks
from newsletter.storage.erase import erase_person, find_erased
from newsletter.storage.tables import (
    consents,
    suppressions,
)
from newsletter.storage.tables import subscribers as readers


class SqlSubscriberStore:
    """The readers of one database. See newsletter.ports.SubscriberStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_all(self) -> Sequence[Subscriber]:
        """Return everybody, by address."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(readers).order_by(readers.c.address))
            return [_read_subscriber(row) for row in rows]

    async def load_after(self, last: SubscriberId, limit: int) -> Sequence[Subscriber]:
        """Return the readers with a higher id than ``last``, by id, at most so many."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(readers).where(readers.c.id > last).order_by(readers.c.id).limit(limit)
            )
            return [_read_subscriber(row) for row in rows]

    async def load_topics_with(self, key: str) -> Sequence[str]:
        """Return the different topics_json in which a topic may have that key."""
        found = select(readers.c.topics_json).where(
            readers.c.topics_json.contains(f'"{key}":', autoescape=True)
        )
        async with self._database.read() as connection:
            return [row.topics_json for row in await connection.execute(found.distinct())]

    async def load(self, address: EmailAddress) -> Subscriber | None:
        """Return the reader with this address."""
        return await self._load_one(readers.c.address == address)

    async def load_many(self, subscribers: Collection[SubscriberId]) -> Mapping[SubscriberId, Subscriber]:
        """Return those of these readers that there are, by id."""
        found: dict[SubscriberId, Subscriber] = {}
        async with self._database.read() as connection:
            for ids in in_chunks(subscribers):
                rows = await connection.execute(select(readers).where(readers.c.id.in_(ids)))
                found |= {SubscriberId(row.id): _read_subscriber(row) for row in rows}
        return found

    async def save(
        self, subscribers: Sequence[Subscriber], now: datetime, why: str, origin: str = ""
    ) -> None:
        """Insert (id 0) or update each by id, in one transaction; ``why`` and origin (how, and from where) go into the
        consent record of those whose consent is new or has changed. counted_run of a known reader only moves
        forward."""
        known = [person for person in subscribers if person.id]
        new = [person for person in subscribers if not person.id]
        async with self._database.write() as connection:
            changed = await _find_changed_consents(connection, known)
            if known:
                # A digest may have been counted since these readers were loaded.
                given = bindparam("given_run", type_=readers.c.counted_run.type)
                forward = case((readers.c.counted_run < given, given), else_=readers.c.counted_run)
                await connection.execute(
                    update(readers).where(readers.c.id == bindparam("reader_id")).values(counted_run=forward),
                    [
                        {"reader_id": person.id, "given_run": person.counted_run, **preferences_row(person)}
                        for person in known
                    ],
                )
            if new:
                await connection.execute(
                    insert(readers),
                    [{"counted_run": person.counted_run, **preferences_row(person)} for person in new],
                )
            for ids in in_chunks(changed):
                await _log_consents(connection, readers.c.id.in_(ids), now, why, origin)
            for addresses in in_chunks([person.address for person in new]):
                await _log_consents(connection, readers.c.address.in_(addresses), now, why, origin)

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
        ended = (readers.c.consent == Consent.PAUSED, readers.c.wake_at <= now)
        async with self._database.write() as connection:
            ids = list(await connection.scalars(select(readers.c.id).where(*ended)))
            for some in in_chunks(ids):
                await connection.execute(
                    update(readers)
                    .where(readers.c.id.in_(some), *ended)
                    .values(
                        consent=Consent.CONFIRMED,
                        wake_at=None,
                        counted_run=case(
                            (readers.c.counted_run < newest_run, newest_run), else_=readers.c.counted_run
                        ),
                    )
                )
                await _log_consents(connection, readers.c.id.in_(some), now, "the pause is over")
            return len(ids)

    async def load_known(self, addresses: Collection[EmailAddress]) -> frozenset[EmailAddress]:
        """Return those of these addresses that belong to a subscriber, whatever their consent."""
        found: set[EmailAddress] = set()
        async with self._database.read() as connection:
            for some in in_chunks(addresses):
                rows = await connection.scalars(select(readers.c.address).where(readers.c.address.in_(some)))
                found |= {EmailAddress(address) for address in rows}
        return frozenset(found)

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
            return [_read_subscriber(row) for row in rows]

    async def load_suppressed(self, addresses: Collection[EmailAddress]) -> Mapping[EmailAddress, str]:
        """Return the suppressed ones of these addresses with the reason."""
        found: dict[EmailAddress, str] = {}
        async with self._database.read() as connection:
            for some in in_chunks(addresses):
                rows = await connection.execute(
                    select(suppressions.c.address, suppressions.c.reason).where(
                        suppressions.c.lifted_at.is_(None), suppressions.c.address.in_(some)
                    )
                )
                found |= {EmailAddress(row.address): row.reason for row in rows}
        return found

    async def lift_suppression(self, address: EmailAddress, why: str, now: datetime) -> bool:
        """Mail this address again; False where it was not suppressed. The old reason stays on record."""
        async with self._database.write() as connection:
            lifted = await connection.execute(
                update(suppressions)
                .where(suppressions.c.address == address, suppressions.c.lifted_at.is_(None))
                .values(lifted_at=now, lifted_why=why)
            )
            return lifted.rowcount > 0

    async def _load_one(self, which: ColumnElement[bool]) -> Subscriber | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(readers).where(which))).one_or_none()
            return _read_subscriber(row) if row else None


async def _find_changed_consents(
    connection: AsyncConnection, known: Sequence[Subscriber]
) -> list[SubscriberId]:
    """Return those of the known readers whose consent in the database is another one."""
    consent_of = {person.id: person.consent for person in known}
    changed: list[SubscriberId] = []
    for ids in in_chunks(consent_of):
        rows = await connection.execute(select(readers.c.id, readers.c.consent).where(readers.c.id.in_(ids)))
        changed += [row.id for row in rows if row.consent != consent_of[row.id]]
    return changed


def leave_reader(
    connection: Connection, reader: SubscriberId, now: datetime, why: str, origin: str = ""
) -> int:
    """Note that a reader has left; return the number in the record of consent, 0 where they had left before, or there
    is no such reader."""
    left = connection.execute(
        update(readers)
        .where(readers.c.id == reader, readers.c.consent != Consent.LEFT)
        .values(consent=Consent.LEFT, wake_at=None, file_owned=False)
    )
    return log_consent(connection, reader, now, Consent.LEFT, why, origin) if left.rowcount else 0


def log_consent(
    connection: Connection, reader: SubscriberId, now: datetime, consent: Consent, why: str, origin: str
) -> int:
    """Write into the record of consent; return the number of what was written."""
    number: int = connection.execute(
        insert(consents)
        .values(subscriber=reader, at=now, consent=consent, why=why, origin=origin)
        .returning(consents.c.id)
    ).scalar_one()
    return number


async def _log_consents(
    connection: AsyncConnection, which: ColumnElement[bool], now: datetime, why: str, origin: str = ""
) -> None:
    """Write the present consent of these readers into the record."""
    present = select(
        *(readers.c.id, literal(now, UtcDateTime), readers.c.consent, literal(why), literal(origin))
    ).where(which)
    columns = ["subscriber", "at", "consent", "why", "origin"]
    await connection.execute(insert(consents).from_select(columns, present.order_by(readers.c.id)))


def preferences_row(person: Subscriber) -> dict[str, Any]:
    """Return the columns of a reader but for the number and counted_run."""
    return {
        "address": person.address,
        "name": person.name,
        "language": person.language,
        "layout": person.layout,
        "days": json.dumps(sorted(person.cadence.days)),
        "local_time": person.cadence.at.isoformat(),
        "zone": person.cadence.zone,
        "topics_json": person.topics_json,
        "everything_else": person.everything_else,
        "consent": person.consent,
        "next_due_at": person.next_due_at,
        "wake_at": person.wake_at,
        "file_owned": person.file_owned,
    }


def _read_subscriber(row: Row[Any]) -> Subscriber:
    return Subscriber(
        address=EmailAddress(row.address),
        cadence=Cadence(
            days=frozenset(json.loads(row.days)), at=time.fromisoformat(row.local_time), zone=row.zone
        ),
        topics_json=row.topics_json,
        name=row.name,
        language=row.language,
        layout=row.layout,
        everything_else=row.everything_else,
        consent=Consent(row.consent),
        id=SubscriberId(row.id),
        counted_run=row.counted_run,
        next_due_at=row.next_due_at,
        wake_at=row.wake_at,
        file_owned=row.file_owned,
    )
