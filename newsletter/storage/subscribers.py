"""Readers, their consent and the suppressed addresses, in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, and_, func, literal, select, tuple_, update

from newsletter.compose.subscription import status_of, wake
from newsletter.model.ledger import QueuedNotice
from newsletter.model.readers import (
    Consent,
    ConsentMove,
    DueReader,
    EmailAddress,
    Lift,
    Refused,
    Status,
    Subscriber,
    SubscriberId,
    SuppressedAddress,
    Suppression,
    Unwanted,
)
from newsletter.storage.dialects import UtcDateTime, in_chunks, list_values
from newsletter.storage.engine import Store, allow_long_transaction, reading, writing
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
    read_cadence,
    read_subscriber,
    write_readers,
)
from newsletter.storage.suppressions import forget_strikes, suppress, suppress_all
from newsletter.storage.tables import Id, bounces, deliveries, suppressions
from newsletter.storage.tables import subscribers as readers

Write = Callable[[Subscriber, Subscriber], QueuedNotice | None]
"""A reader before and after a move → the mail that tells them, if any."""

_MANY = 50_000
"""Who saves more at once imports a list, which may take minutes."""


class SubscriberStore(Store):
    """The readers of one database."""

    @reading
    def load_all(self, connection: Connection) -> Sequence[Subscriber]:
        """Return everybody, by address."""
        rows = connection.execute(select(readers).order_by(readers.c.address_key))
        return [read_subscriber(row) for row in rows]

    @reading
    def load_page(self, connection: Connection, after: str, limit: int) -> Sequence[Subscriber]:
        """Return the readers whose addresses follow ``after``, by address, at most so many."""
        in_order = select(readers).where(readers.c.address_key > after).order_by(readers.c.address_key)
        return [read_subscriber(row) for row in connection.execute(in_order.limit(limit))]

    @reading
    def load_after(self, connection: Connection, last: SubscriberId, limit: int) -> Sequence[Subscriber]:
        """Return the readers with a higher id than ``last``, by id, at most so many."""
        rows = connection.execute(
            select(readers).where(readers.c.id > last).order_by(readers.c.id).limit(limit)
        )
        return [read_subscriber(row) for row in rows]

    @reading
    def load_topics_with(self, connection: Connection, key: str) -> Sequence[str]:
        """Return the different topics_json in which a topic may have that key."""
        found = select(readers.c.topics_json).where(
            readers.c.topics_json.contains(f'"{key}":', autoescape=True)
        )
        return [row.topics_json for row in connection.execute(found.distinct())]

    @reading
    def load(self, connection: Connection, address: EmailAddress) -> Subscriber | None:
        """Return the reader with this address."""
        row = connection.execute(select(readers).where(readers.c.address_key == address)).one_or_none()
        return read_subscriber(row) if row else None

    @reading
    def load_file_owned(self, connection: Connection) -> Sequence[Subscriber]:
        """Return those whose preferences the subscribers file decides, by address."""
        owned = select(readers).where(readers.c.file_owned.is_(True)).order_by(readers.c.address_key)
        return [read_subscriber(row) for row in connection.execute(owned)]

    @reading
    def load_named(self, connection: Connection, addresses: Collection[EmailAddress]) -> Sequence[Subscriber]:
        """Return those of these readers that there are, however their addresses are spelled there."""
        found = []
        for keys in in_chunks(group_by_key(addresses)):
            rows = connection.execute(select(readers).where(readers.c.address_key.in_(keys)))
            found += [read_subscriber(row) for row in rows]
        return found

    @reading
    def load_many(
        self, connection: Connection, subscribers: Collection[SubscriberId]
    ) -> Mapping[SubscriberId, Subscriber]:
        """Return those of these readers that there are, by id."""
        found: dict[SubscriberId, Subscriber] = {}
        for ids in in_chunks(subscribers):
            rows = connection.execute(select(readers).where(readers.c.id.in_(ids)))
            found |= {SubscriberId(row.id): read_subscriber(row) for row in rows}
        return found

    @writing
    def save(
        self,
        connection: Connection,
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
        if len(subscribers) > _MANY:
            allow_long_transaction(connection)
        known = [person for person in subscribers if person.id]
        new = [person for person in subscribers if not person.id]
        before = lock_readers(connection, [person.id for person in known])
        for person in known:
            was = before.get(person.id)
            check_move(status_of(was) if was else Status.UNKNOWN, move or ConsentMove.CHANGE, person)
        for person in new:
            is_asked = person.consent is Consent.UNCONFIRMED
            check_move(Status.UNKNOWN, move or (ConsentMove.ASK if is_asked else ConsentMove.ADD), person)
        if known:
            write_readers(connection, known)
        changed = [person for person in known if person.consent is not before[person.id].consent]
        log_consents(connection, changed, now, why, origin)
        for some in in_chunks(new):
            insert_readers(connection, some)
            numbers = load_ids(connection, [person.address for person in some])
            added = [replace(person, id=numbers[person.address]) for person in some]
            log_consents(connection, added, now, why, origin)

    @writing
    def move(
        self,
        connection: Connection,
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

    @reading
    def load_zones(self, connection: Connection) -> Sequence[str]:
        """Return the different time zones of all readers, in order."""
        return list(connection.scalars(list_values(readers.c.zone)))

    @writing
    def move_due(
        self, connection: Connection, changes: Sequence[tuple[SubscriberId, datetime, datetime]]
    ) -> int:
        """Move next_due_at of these readers from one instant to another, where it still is the first; return how
        many were moved."""
        moved = 0
        for reader, before, after in changes:
            moved += connection.execute(
                update(readers)
                .where(readers.c.id == reader, readers.c.next_due_at == before)
                .values(next_due_at=after)
            ).rowcount
        return moved

    @writing
    def wake(self, connection: Connection, now: datetime, newest_run: int) -> int:
        """End the pauses whose time is over; return how many. What came before is not sent after the readers."""
        ended = select(readers.c.id).where(readers.c.consent == Consent.PAUSED, readers.c.wake_at <= now)

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

    @reading
    def load_known(
        self, connection: Connection, addresses: Collection[EmailAddress]
    ) -> frozenset[EmailAddress]:
        """Return those of these addresses that belong to a subscriber, whatever their consent."""
        return frozenset(load_ids(connection, addresses))

    @reading
    def load_erased(
        self, connection: Connection, addresses: Collection[EmailAddress]
    ) -> frozenset[EmailAddress]:
        """Return those of these addresses whose persons were erased: no list brings them back."""
        return find_erased(connection, addresses)

    @writing
    def erase(self, connection: Connection, subscriber: SubscriberId) -> bool:
        """Erase a person; False, and nothing is done, while a mail to them is on its way.

        See erase_person.
        """
        return erase_person(connection, subscriber)

    @reading
    def load_all_suppressed(self, connection: Connection) -> Sequence[SuppressedAddress]:
        """Return every suppressed address with the report that did it, by address."""
        # It was written down in the transaction that suppressed the address, at the same moment.
        did_it = and_(bounces.c.address == suppressions.c.address, bounces.c.at == suppressions.c.since)
        rows = connection.execute(
            select(
                suppressions.c.address,
                suppressions.c.reason,
                suppressions.c.since,
                *(func.coalesce(column, "") for column in (bounces.c.kind, deliveries.c.key)),
                *(func.coalesce(column, "") for column in (bounces.c.status, bounces.c.diagnostic)),
            )
            .outerjoin(bounces, did_it)
            .outerjoin(deliveries, deliveries.c.id == bounces.c.delivery)
            .where(suppressions.c.lifted_at.is_(None))
            .order_by(suppressions.c.address, bounces.c.id)
        )
        return list({row.address: SuppressedAddress(*row) for row in rows}.values())

    @reading
    def load_due(
        self, connection: Connection, now: datetime, limit: int, after: DueReader | None = None
    ) -> Sequence[DueReader]:
        """Return of confirmed readers with next_due_at <= now when they are due, the longest due first (then by id), at
        most so many; with ``after`` those that come after that one, as they were loaded."""
        column = readers.c
        which = [column.consent == Consent.CONFIRMED, column.next_due_at <= now]
        if after is not None:
            place = (literal(after.next_due_at, UtcDateTime), literal(after.id, Id))
            which.append(tuple_(column.next_due_at, column.id) > tuple_(*place))
        columns = select(column.id, column.days, column.local_time, column.zone, column.next_due_at)
        in_order = columns.where(*which).order_by(column.next_due_at, column.id).limit(limit)
        return [
            DueReader(SubscriberId(number), read_cadence(days, local_time, zone), due_at)
            for number, days, local_time, zone, due_at in connection.execute(in_order)
        ]

    @reading
    def load_suppressed(
        self, connection: Connection, addresses: Collection[EmailAddress]
    ) -> Mapping[EmailAddress, Suppression]:
        """Return the suppressed ones of these addresses with why they are."""
        given = group_by_key(addresses)
        found: dict[EmailAddress, Suppression] = {}
        for some in in_chunks(given):
            rows = connection.execute(
                select(suppressions).where(
                    suppressions.c.lifted_at.is_(None), suppressions.c.address.in_(some)
                )
            )
            for row in rows:
                suppression = Suppression(row.reason, row.is_complaint)
                found |= dict.fromkeys(given[row.address], suppression)
        return found

    @writing
    def lift_suppression(
        self, connection: Connection, address: EmailAddress, why: str, now: datetime
    ) -> bool:
        """Mail this address again; False where it was not suppressed. The old reason stays on record."""
        return lift_suppression(connection, address, why, now, even_complaints=True)

    @writing
    def suppress(self, connection: Connection, address: EmailAddress, why: str, now: datetime) -> None:
        """Mail this address no more. One that is suppressed already keeps its reason."""
        suppress(connection, address, why, now)

    @writing
    def suppress_all(self, connection: Connection, unwanted: Sequence[Unwanted], now: datetime) -> None:
        """Mail none of these addresses any more, in one transaction. Those that are suppressed already keep their
        reason."""
        suppress_all(connection, unwanted, now)


def lift_suppression(
    connection: Connection, address: EmailAddress, why: str, now: datetime, *, even_complaints: bool
) -> bool:
    """End the suppression of an address; False where there is none, or it is one of a complaint that stays."""
    which = [suppressions.c.address == address, suppressions.c.lifted_at.is_(None)]
    if not even_complaints:
        which.append(suppressions.c.is_complaint.is_(False))
    forget_strikes(connection, address)
    lifted = connection.execute(update(suppressions).where(*which).values(lifted_at=now, lifted_why=why))
    return lifted.rowcount > 0
