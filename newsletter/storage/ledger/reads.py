"""What the ledger tells: counts, the rows of an edition, what readers were shown. Only reads."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Label, Row, Table, func, select

from newsletter.model.digest import Shown, Window
from newsletter.model.entries import EntryId
from newsletter.model.ledger import (
    COUNTED,
    NOTICES,
    WAITING,
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryId,
    EntryDelivery,
    Kind,
    LedgerCounts,
    Snapshot,
    State,
    build_counts,
)
from newsletter.model.readers import EmailAddress, SubscriberId
from newsletter.storage.dialects import in_chunks, key_of
from newsletter.storage.engine import Store, reading
from newsletter.storage.tables import attempts, bundles, cards, deliveries, delivery_entries, subscribers

_FIRST = EntryId(0)
_FIRST_DELIVERY = DeliveryId(0)


class LedgerReads(Store):
    """What the ledger of one database tells."""

    @reading
    def load_shown(
        self, connection: Connection, subscribers: Collection[SubscriberId], since: EntryId = _FIRST
    ) -> Mapping[SubscriberId, Shown]:
        """Return what each reader was shown in digests that count, those over a limit included; by each id given.

        since leaves out older entries, by id: a reader of years has seen thousands of them.
        One that is in data counts already: nobody can say any more that it will not arrive.
        """
        entries: dict[SubscriberId, set[EntryId]] = {subscriber: set() for subscriber in subscribers}
        ever: set[SubscriberId] = set()
        counts = deliveries.c.state.in_([*COUNTED, State.IN_DATA])
        for ids in in_chunks(subscribers):
            ours = (
                deliveries.c.recipient.in_(ids),
                deliveries.c.kind == Kind.DIGEST,
                deliveries.c.content_hash.is_not(None),
                counts,
            )
            ever |= {
                SubscriberId(row.recipient)
                for row in connection.execute(select(deliveries.c.recipient).where(*ours).distinct())
            }
            rows = connection.execute(
                select(deliveries.c.recipient, delivery_entries.c.entry)
                .join(deliveries, deliveries.c.id == delivery_entries.c.delivery)
                .where(*ours, delivery_entries.c.entry >= since)
            )
            for recipient, entry in rows:
                entries[SubscriberId(recipient)].add(EntryId(entry))
        return {reader: Shown(frozenset(found), reader in ever) for reader, found in entries.items()}

    @reading
    def load_counts(
        self, connection: Connection, editions: int | None = None, since: date = date.min
    ) -> Mapping[str, LedgerCounts]:
        """Return the counts of the newest ``editions`` editions (all with None) from that date on, newest first."""
        which = [deliveries.c.kind == Kind.DIGEST, deliveries.c.key >= since.isoformat()]
        if editions is not None:
            newest = select(deliveries.c.key).where(*which).distinct()
            newest = newest.order_by(deliveries.c.key.desc()).limit(editions)
            which.append(deliveries.c.key.in_(newest.subquery().select()))
        return build_counts(_count(connection, deliveries.c.key, deliveries.c.key.desc(), *which))

    @reading
    def load_notice_counts(self, connection: Connection) -> Mapping[Kind, LedgerCounts]:
        """Return the counts of each kind of notice of which there are any."""
        kind = deliveries.c.kind
        counts = build_counts(_count(connection, kind, kind, kind.in_(sorted(NOTICES))))
        return {Kind(name): found for name, found in counts.items()}

    @reading
    def load_entry_deliveries(self, connection: Connection, entry: EntryId) -> Sequence[EntryDelivery]:
        """Return the digests that have this entry, shown or over a limit, the newest edition first, then by
        address."""
        rows = connection.execute(
            select(
                deliveries.c.recipient,
                deliveries.c.key,
                deliveries.c.state,
                deliveries.c.last_reply,
                delivery_entries.c.topic,
                delivery_entries.c.shown,
                subscribers.c.address,
            )
            .join(deliveries, deliveries.c.id == delivery_entries.c.delivery)
            .join(subscribers, subscribers.c.id == deliveries.c.recipient)
            .where(delivery_entries.c.entry == entry, deliveries.c.kind == Kind.DIGEST)
            .order_by(deliveries.c.key.desc(), subscribers.c.address)
        )
        return [
            EntryDelivery(
                address=EmailAddress(row.address),
                subscriber=SubscriberId(row.recipient),
                edition=row.key,
                state=State(row.state),
                topic=row.topic,
                shown=row.shown,
                last_reply=row.last_reply,
            )
            for row in rows
        ]

    @reading
    def find(
        self,
        connection: Connection,
        wanted: DeliveryFilter,
        after: DeliveryId = _FIRST_DELIVERY,
        limit: int = 1000,
    ) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return deliveries that fit, by id, those after ``after``, at most so many; without what is frozen."""
        address = _mailed_to()
        rows = connection.execute(
            select(deliveries, address)
            .join(subscribers)
            .where(deliveries.c.id > after, *fitting(wanted))
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        return [(_read_delivery(row, None), EmailAddress(row.mailed_to)) for row in rows]

    @reading
    def count_late(self, connection: Connection, since: datetime) -> int:
        """Return how many queued or deferred rows could have gone out for the first time before ``since``."""
        late = select(func.count()).where(
            deliveries.c.state.in_(WAITING),
            deliveries.c.slot_at < since,
            deliveries.c.next_attempt_at < since,
        )
        return connection.scalar(late) or 0

    @reading
    def load_of_reader(
        self, connection: Connection, reader: SubscriberId, edition: str = ""
    ) -> Sequence[Delivery]:
        """Return a reader's digests, of one edition if given, the newest first, with what is frozen of each."""
        wanted = [deliveries.c.kind == Kind.DIGEST, deliveries.c.recipient == reader]
        if edition:
            wanted.append(deliveries.c.key == edition)
        newest = select(deliveries).where(*wanted).order_by(deliveries.c.key.desc()).limit(10)
        return read_deliveries(connection, connection.execute(newest).all())

    @reading
    def load_attempts(self, connection: Connection, delivery: DeliveryId) -> Sequence[Attempt]:
        """Return the attempts at one delivery, the first one first."""
        rows = connection.execute(
            select(attempts).where(attempts.c.delivery == delivery).order_by(attempts.c.number)
        )
        return [Attempt(row.number, row.at, State(row.outcome), row.reply, row.relay) for row in rows]

    @reading
    def load_unreached(self, connection: Connection, edition: str) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return the rows of an edition that are neither accepted nor empty, with the address, by address."""
        return _load_edition(connection, edition, deliveries.c.state.not_in([State.ACCEPTED, State.EMPTY]))

    @reading
    def load_edition(self, connection: Connection, edition: str) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return all the rows of an edition, by address."""
        return _load_edition(connection, edition)


def _count(
    connection: Connection, name: ColumnElement[str], order: ColumnElement[str], *which: ColumnElement[bool]
) -> list[tuple[str, str, int]]:
    """Count deliveries by a column, in its order, and by their state."""
    counting = select(name, deliveries.c.state, func.count()).where(*which)
    rows = connection.execute(counting.group_by(name, deliveries.c.state).order_by(order))
    return [(found, state, number) for found, state, number in rows]


def _load_edition(
    connection: Connection, edition: str, *which: ColumnElement[bool]
) -> Sequence[tuple[Delivery, EmailAddress]]:
    address = _mailed_to()
    rows = connection.execute(
        select(deliveries, address)
        .join(subscribers)
        .where(deliveries.c.kind == Kind.DIGEST, deliveries.c.key == edition, *which)
        .order_by(address, deliveries.c.id)
    ).all()
    found = read_deliveries(connection, rows)
    return [(delivery, EmailAddress(row.mailed_to)) for delivery, row in zip(found, rows, strict=True)]


def _mailed_to() -> Label[str]:
    """The address of a delivery: the frozen one, else its reader's."""
    return func.coalesce(deliveries.c.address, subscribers.c.address).label("mailed_to")


def fitting(wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter, for deliveries joined with subscribers."""
    address = func.coalesce(deliveries.c.address, subscribers.c.address)
    conditions: list[ColumnElement[bool]] = [deliveries.c.kind == wanted.kind]
    if wanted.edition:
        conditions.append(deliveries.c.key == wanted.edition)
    if wanted.states:
        conditions.append(deliveries.c.state.in_(sorted(wanted.states)))
    if wanted.domain:
        conditions.append(address.endswith(f"@{wanted.domain}", autoescape=True))
    if wanted.address:
        conditions.append(key_of(address) == wanted.address)
    if wanted.reason:
        conditions.append(deliveries.c.last_reply.icontains(wanted.reason, autoescape=True))
    return conditions


# --- rows and values ----------------------------------------------------------------------


def read_deliveries(connection: Connection, rows: Sequence[Row[Any]]) -> list[Delivery]:
    """Return the deliveries of these rows, in their order, with what is frozen of each."""
    frozen = [row for row in rows if row.content_hash is not None]
    hashes = {row.id: json.loads(row.card_hashes) for row in frozen}
    card_of = _load_by_hash(connection, cards, {one for some in hashes.values() for one in some})
    bundle_of = _load_by_hash(connection, bundles, {row.bundle_hash for row in frozen})
    entries_of: dict[int, list[tuple[EntryId, str, bool]]] = defaultdict(list)
    for ids in in_chunks([row.id for row in frozen]):
        for shown in connection.execute(
            select(delivery_entries)
            .where(delivery_entries.c.delivery.in_(ids))
            .order_by(delivery_entries.c.delivery, delivery_entries.c.position)
        ):
            entries_of[shown.delivery].append((EntryId(shown.entry), shown.topic, shown.shown))
    snapshot_of = {
        row.id: Snapshot(
            content_json=row.content_json,
            cards={card_hash: card_of[card_hash] for card_hash in hashes[row.id]},
            bundle_hash=row.bundle_hash,
            bundle_json=bundle_of[row.bundle_hash],
            content_hash=row.content_hash,
            message_id=row.message_id or "",
            address=EmailAddress(row.address),
            window=Window(row.after_run, row.upto_run) if row.upto_run is not None else None,
            size_bytes=row.size_bytes,
            entry_ids=tuple(entries_of[row.id]),
        )
        for row in frozen
    }
    return [_read_delivery(row, snapshot_of.get(row.id)) for row in rows]


def _load_by_hash(connection: Connection, table: Table, hashes: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in in_chunks(hashes):
        for row in connection.execute(select(table).where(table.c.hash.in_(some))):
            found[row.hash] = row.json
    return found


def _read_delivery(row: Row[Any], snapshot: Snapshot | None) -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        kind=Kind(row.kind),
        key=row.key,
        recipient=SubscriberId(row.recipient),
        state=State(row.state),
        slot_at=row.slot_at,
        expires_at=row.expires_at,
        address=EmailAddress(row.address) if row.address else None,
        content_json="" if row.kind == Kind.DIGEST else row.content_json,
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        last_reply=row.last_reply,
        uncertain_at=row.uncertain_at,
        resends=row.resends,
        relay=row.relay,
        snapshot=snapshot,
    )
