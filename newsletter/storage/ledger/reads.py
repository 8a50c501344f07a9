"""What the ledger tells: counts, the rows of an edition, what readers were shown. Only reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Label,
    Row,
    Subquery,
    Table,
    func,
    literal,
    select,
    union_all,
)

from newsletter.compose.snapshot import list_cards, parse_shown
from newsletter.model.digest import Shown, Window
from newsletter.model.entries import EntryId
from newsletter.model.ledger import (
    COUNTED,
    NOTICES,
    OPEN,
    PENDING,
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
from newsletter.storage.dialects import in_chunks, key_of, unindexed, whole_seconds
from newsletter.storage.engine import Store, reading
from newsletter.storage.ledger.bulk import are_among, dump_ids
from newsletter.storage.ledger.kept import load_editions
from newsletter.storage.ledger.view import answers, ended_ledger, ledger, open_ledger
from newsletter.storage.tables import (
    NOT_A_DIGEST,
    bundles,
    cards,
    deliveries,
    entries,
    former_entries,
    kept_counts,
    mails,
    outcomes,
    queue,
    subscribers,
)

_FIRST = EntryId(0)
# As subqueries, each of which can only be looked up: engines would else read all there is.
_STATE_OF_MAIL = func.coalesce(
    select(queue.c.state).where(queue.c.id == mails.c.delivery).scalar_subquery(),
    select(outcomes.c.state).where(outcomes.c.delivery == mails.c.delivery).scalar_subquery(),
)
_FIRST_DELIVERY = DeliveryId(0)
_LATE = whole_seconds(deliveries.c.slot_at, outcomes.c.answered_at).label("late")
_COUNT_LATENESS = (
    select(outcomes.c.edition, _LATE, func.count().label("number"))
    .join_from(outcomes, deliveries, deliveries.c.id == outcomes.c.delivery)
    .where(outcomes.c.state == State.ACCEPTED, outcomes.c.answered_at.is_not(None))
    .group_by(outcomes.c.edition, _LATE)
)


class LedgerReads(Store):
    """What the ledger of one database tells."""

    @reading
    def load_shown(
        self, connection: Connection, readers: Collection[SubscriberId], since: EntryId = _FIRST
    ) -> Mapping[SubscriberId, Shown]:
        """Return what each reader was shown in digests that count, those over a limit included; by each id given.

        since leaves out older entries, by id: a reader of years has seen thousands of them.
        One that is in data counts already: nobody can say any more that it will not arrive.
        """
        shown: dict[SubscriberId, set[EntryId]] = {reader: set() for reader in readers}
        ever: set[SubscriberId] = set()
        # Only digests have a window, and one that shows an entry has looked at the run that brought it.
        column, first_run = mails.c, _load_run_of(connection, since)
        counts = (column.content_hash.is_not(None), _STATE_OF_MAIL.in_([*COUNTED, State.IN_DATA]))
        for ids in in_chunks(readers):
            one = select(column.delivery).where(
                column.recipient == subscribers.c.id, column.upto_run >= 0, *counts
            )
            one = one.order_by(column.recipient, column.upto_run).limit(1)
            have_had = select(subscribers.c.id).where(
                subscribers.c.id.in_(ids), one.scalar_subquery().is_not(None)
            )
            ever.update(SubscriberId(reader) for reader in connection.scalars(have_had))
            of_late = select(column.recipient, column.entries_json).where(
                column.recipient.in_(ids), column.upto_run >= first_run, *counts
            )
            for reader, entries_json in connection.execute(of_late):
                shown[SubscriberId(reader)].update(entry for entry, _, _ in parse_shown(entries_json))
        absorbed = load_absorbed(connection, since)
        return {
            reader: Shown(
                frozenset(absorbed.get(entry, entry) for entry in found if entry >= since), reader in ever
            )
            for reader, found in shown.items()
        }

    @reading
    def load_counts(
        self, connection: Connection, editions: int | None = None, since: date = date.min
    ) -> Mapping[str, LedgerCounts]:
        """Return the counts of the newest ``editions`` editions (all with None) from that date on, newest first."""
        return load_editions(connection, editions, since)

    @reading
    def load_notice_counts(self, connection: Connection) -> Mapping[Kind, LedgerCounts]:
        """Return the counts of each kind of notice of which there are any."""
        waiting = select(queue.c.kind, queue.c.state, literal(1).label("number")).where(NOT_A_DIGEST)
        ended = select(deliveries.c.kind, outcomes.c.state, literal(1))
        ended = ended.join_from(outcomes, deliveries, deliveries.c.id == outcomes.c.delivery)
        gone = select(kept_counts.c.kind, kept_counts.c.state, kept_counts.c.number)
        gone = gone.where(kept_counts.c.kind.in_(sorted(NOTICES)))
        both = union_all(waiting, ended.where(outcomes.c.edition.is_(None)), gone).subquery()
        rows = connection.execute(
            select(both.c.kind, both.c.state, func.sum(both.c.number))
            .group_by(both.c.kind, both.c.state)
            .order_by(both.c.kind)
        )
        counts = build_counts((kind, state, int(number)) for kind, state, number in rows)
        return {Kind(name): found for name, found in counts.items()}

    @reading
    def count_pending(self, connection: Connection, edition: str | None = None) -> int:
        """Return how many digests are pending, of one edition if given."""
        of_it = queue.c.edition.is_not(None) if edition is None else queue.c.edition == edition
        pending = select(func.count()).where(queue.c.state.in_(sorted(PENDING)), of_it)
        return connection.scalar(pending) or 0

    @reading
    def load_entry_deliveries(
        self, connection: Connection, entry: EntryId, readers: Collection[SubscriberId]
    ) -> Sequence[EntryDelivery]:
        """Return these readers' digests that have this entry, shown or over a limit, the newest edition first, then by
        address."""
        column = ledger.c
        formers = select(former_entries.c.former).where(former_entries.c.entry == entry)
        names = {entry, *(EntryId(former) for former in connection.scalars(formers))}
        columns = select(column.recipient, column.key, column.state, column.last_reply, column.entries_json)
        columns = columns.add_columns(subscribers.c.address).join_from(ledger, subscribers, _IS_READER)
        found, first_run = [], _load_run_of(connection, entry)
        for ids in in_chunks(readers):
            of_late = select(mails.c.delivery).where(
                mails.c.recipient.in_(ids), mails.c.upto_run >= first_run
            )
            rows = columns.where(column.id.in_(of_late))
            found += [
                EntryDelivery(
                    address=EmailAddress(row.address),
                    subscriber=SubscriberId(row.recipient),
                    edition=row.key,
                    state=State(row.state),
                    topic=topic,
                    shown=shown,
                    last_reply=row.last_reply,
                )
                for row in connection.execute(rows.order_by(column.key.desc(), subscribers.c.address))
                for one, topic, shown in parse_shown(row.entries_json)
                if one in names
            ]
        return found

    @reading
    def find(
        self,
        connection: Connection,
        wanted: DeliveryFilter,
        after: DeliveryId = _FIRST_DELIVERY,
        limit: int = 1000,
    ) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return deliveries that fit, by id, those after ``after``, at most so many; without what is frozen."""
        lists = [
            select(column.id)
            .join(subscribers, subscribers.c.id == column.recipient)
            .where(column.id > after, *which)
            .order_by(column.id)
            .limit(limit)
            .subquery()
            for column, which in _list_ranges(wanted)
        ]
        found = union_all(*(select(part.c.id) for part in lists)).subquery()
        ids = connection.scalars(select(found.c.id).order_by(found.c.id).limit(limit)).all()
        rows: dict[int, Row[Any]] = {}
        for some in in_chunks(ids):
            query = select(ledger, _mailed_to()).where(ledger.c.id.in_(some))
            rows |= {row.id: row for row in connection.execute(query)}
        return [
            (_read_delivery(rows[one], None), EmailAddress(rows[one].mailed_to)) for one in ids if one in rows
        ]

    @reading
    def count_lateness(self, connection: Connection, edition: str) -> Mapping[int, int]:
        """Return of an edition's accepted mails how many were accepted how many whole seconds after their slot."""
        rows = connection.execute(_COUNT_LATENESS.where(outcomes.c.edition == edition))
        return {row.late: row.number for row in rows}

    @reading
    def count_accepted(
        self, connection: Connection, edition: str, since: datetime, most: int
    ) -> tuple[int, datetime | None]:
        """Return how many mails of an edition were accepted since then, and when the first of these was. Only the
        ``most`` newest by id are looked at, which are the last of its newest slot."""
        column = outcomes.c
        newest = (
            select(column.answered_at)
            .where(column.edition == edition, column.state == State.ACCEPTED)
            .order_by(column.delivery.desc())
            .limit(most)
            .subquery()
        )
        of_late = select(func.count(), func.min(newest.c.answered_at)).where(newest.c.answered_at >= since)
        number, first_at = connection.execute(of_late).one()
        return number, first_at

    @reading
    def count_lateness_of(
        self, connection: Connection, mails: Collection[int]
    ) -> Mapping[str, Mapping[int, int]]:
        """Return the same of those of these mails that are digests, by edition."""
        found: dict[str, Counter[int]] = defaultdict(Counter)
        dialect = connection.dialect.name
        these = are_among(dialect, outcomes.c.delivery)
        of_these = _COUNT_LATENESS.where(outcomes.c.edition.is_not(None), these)
        for some in in_chunks(set(mails)):
            for row in connection.execute(of_these, dump_ids(dialect, some)):
                found[row.edition][row.late] += row.number
        return found

    @reading
    def count_late(self, connection: Connection, since: datetime) -> int:
        """Return how many queued or deferred rows could have gone out for the first time before ``since``."""
        column = queue.c
        late = select(func.count()).where(
            column.state.in_(WAITING), column.slot_at < since, column.next_attempt_at < since
        )
        return connection.scalar(late) or 0

    @reading
    def load_of_reader(
        self, connection: Connection, reader: SubscriberId, edition: str = ""
    ) -> Sequence[Delivery]:
        """Return a reader's digests, of one edition if given, the newest first, with what is frozen of each."""
        column = ledger.c
        wanted = [column.recipient == reader, column.kind == Kind.DIGEST]
        if edition:
            wanted.append(column.key == edition)
        newest = select(ledger).where(*wanted).order_by(column.key.desc()).limit(10)
        return read_deliveries(connection, connection.execute(newest).all())

    @reading
    def load_attempts(self, connection: Connection, delivery: DeliveryId) -> Sequence[Attempt]:
        """Return the attempts at one delivery, the first one first."""
        rows = connection.execute(
            select(answers).where(answers.c.delivery == delivery).order_by(answers.c.number)
        )
        return [Attempt(row.number, row.at, State(row.outcome), row.reply, row.relay) for row in rows]

    @reading
    def load_edition(self, connection: Connection, edition: str) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return all the rows of an edition, by address."""
        ended = select(outcomes.c.delivery).where(outcomes.c.edition == edition)
        still = select(queue.c.id).where(queue.c.edition == edition)
        address = _mailed_to()
        rows = connection.execute(
            select(ledger, address)
            .where(ledger.c.id.in_(ended.union_all(still)))
            .order_by(address, ledger.c.id)
        ).all()
        found = read_deliveries(connection, rows)
        return [(delivery, EmailAddress(row.mailed_to)) for delivery, row in zip(found, rows, strict=True)]


def _load_run_of(connection: Connection, entry: EntryId) -> int:
    """Return the run that brought an entry, or the one before it: ids are given in the order of runs."""
    up_to = select(entries.c.first_seen_run).where(entries.c.id <= entry).order_by(entries.c.id.desc())
    return connection.scalar(up_to.limit(1)) or 0


def load_absorbed(connection: Connection, since: EntryId = _FIRST) -> Mapping[EntryId, EntryId]:
    """Return by which entry others were absorbed that had been shown before; since leaves out older ones, by id."""
    rows = connection.execute(select(former_entries).where(former_entries.c.former >= since))
    return {EntryId(row.former): EntryId(row.entry) for row in rows}


def _list_ranges(wanted: DeliveryFilter) -> list[tuple[Any, list[ColumnElement[bool]]]]:
    """Return the columns and conditions of a filter, once for each part of the ledger and of an index in which its rows
    stand in the order of their ids; together they are all that fit."""
    states = wanted.states or frozenset(State)
    rest = replace(wanted, edition="", states=frozenset())
    ranges: list[tuple[Any, list[ColumnElement[bool]]]] = []
    if still := sorted(states & OPEN):
        which = [open_ledger.c.state.in_(still), *fitting(replace(rest, edition=wanted.edition), open_ledger)]
        ranges.append((open_ledger.c, which))
    column, fits = ended_ledger.c, fitting(rest, ended_ledger)
    if not wanted.edition:
        return [*ranges, (column, [column.state.in_(sorted(states - OPEN)), *fits])]
    is_of_it = column.edition == wanted.edition
    return [*ranges, *((column, [is_of_it, column.state == state, *fits]) for state in sorted(states - OPEN))]


_IS_READER = subscribers.c.id == ledger.c.recipient


def _mailed_to() -> Label[str]:
    """The address of a delivery: the frozen one, else its reader's."""
    current = select(subscribers.c.address).where(subscribers.c.id == ledger.c.recipient)
    return func.coalesce(ledger.c.address, current.scalar_subquery()).label("mailed_to")


def fitting(wanted: DeliveryFilter, part: Subquery) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter, for a part of the ledger joined with subscribers."""
    column = part.c
    address = func.coalesce(column.address, subscribers.c.address)
    conditions: list[ColumnElement[bool]] = [unindexed(column.kind) == wanted.kind]
    if wanted.edition:
        conditions.append(unindexed(column.key) == wanted.edition)
    if wanted.states:
        conditions.append(column.state.in_(sorted(wanted.states)))
    if wanted.domain:
        conditions.append(address.endswith(f"@{wanted.domain}", autoescape=True))
    if wanted.address:
        conditions.append(key_of(address) == wanted.address)
    if wanted.reason:
        conditions.append(column.last_reply.icontains(wanted.reason, autoescape=True))
    return conditions


# --- rows and values ----------------------------------------------------------------------


def read_deliveries(connection: Connection, rows: Sequence[Row[Any]]) -> list[Delivery]:
    """Return the deliveries of these rows, in their order, with what is frozen of each, while that is kept."""
    frozen = [row for row in rows if row.content_hash is not None and row.content_json is not None]
    hashes = {row.id: list_cards(row.content_json) for row in frozen}
    card_of = _load_by_hash(connection, cards, {one for some in hashes.values() for one in some})
    bundle_of = _load_by_hash(connection, bundles, {row.bundle_hash for row in frozen})
    absorbed = load_absorbed(connection) if frozen else {}
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
            entry_ids=tuple(
                (absorbed.get(entry, entry), topic, shown)
                for entry, topic, shown in parse_shown(row.entries_json)
            ),
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
        content_json="" if row.kind == Kind.DIGEST else row.content_json or "",
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        last_reply=row.last_reply,
        uncertain_at=row.uncertain_at,
        resends=row.resends,
        relay=row.relay,
        snapshot=snapshot,
    )
