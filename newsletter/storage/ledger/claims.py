"""Who sends: processes, the rows that each has claimed, and what becomes of them when it dies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)

from newsletter.deliver.ledger_rules import RELEASED, CountedMove, Event
from newsletter.model.ledger import HELD, NOTICES, WAITING, Delivery, Instance, InstanceId, Kind, State
from newsletter.storage.dialects import unindexed
from newsletter.storage.engine import Store, reading, writing
from newsletter.storage.ledger.moves import can, move_counted, move_rows
from newsletter.storage.ledger.reads import read_deliveries
from newsletter.storage.ledger.recording import save_attempts
from newsletter.storage.tables import IS_OPEN, IS_WAITING, NOT_A_DIGEST, deliveries, instances


class Claims(Store):
    """Who sends: the instances of one database, and the rows that they hold."""

    @writing
    def register_instance(
        self, connection: Connection, host: str, boot: str, pid: int, now: datetime
    ) -> InstanceId:
        """Write down a process that is going to claim rows; return its number, which is never given again."""
        new = insert(instances).values(host=host, boot=boot, pid=pid, heartbeat_at=now)
        return InstanceId(connection.execute(new.returning(instances.c.id)).scalar_one())

    @writing
    def beat(self, connection: Connection, instance: InstanceId, now: datetime) -> None:
        """Say that the instance is alive."""
        connection.execute(update(instances).where(instances.c.id == instance).values(heartbeat_at=now))

    @reading
    def load_instances_with_claims(self, connection: Connection) -> Sequence[Instance]:
        """Return the instances that hold rows in ``claimed`` or ``in_data``, by id."""
        holding = select(deliveries.c.claimed_by).where(IS_OPEN, deliveries.c.state.in_(HELD))
        rows = connection.execute(
            select(instances).where(instances.c.id.in_(holding)).order_by(instances.c.id)
        )
        return [Instance(InstanceId(row.id), row.host, row.boot, row.pid, row.heartbeat_at) for row in rows]

    @writing
    def void_claims(self, connection: Connection, instance: InstanceId, now: datetime) -> tuple[int, int]:
        """Take the rows of a dead instance back; return how many were claimed and how many in_data.

        Claimed ones are as they were before the claim (queued, deferred or uncertain), in_data ones become
        uncertain with uncertain_at. Uncertain counts: counted_run of their readers moves to their window's
        upper bound.
        """
        released = _release(connection, instance)
        lost = connection.execute(
            move_rows(Event.VOID)
            .where(IS_OPEN, deliveries.c.claimed_by == instance)
            .values(
                uncertain_at=func.coalesce(deliveries.c.uncertain_at, now),
                last_reply="the process that sent it ended before it could write down an answer",
                lost_by=instance,
                **RELEASED,
            )
            .returning(deliveries)
        ).all()
        save_attempts(
            connection,
            [(row.id, row.attempt, State(row.state), row.last_reply, row.relay) for row in lost],
            now,
        )
        counted = [row for row in lost if row.upto_run is not None]
        move_counted(connection, [CountedMove(row.recipient, row.upto_run) for row in counted])
        return released, len(lost)

    @writing
    def retire_instance(self, connection: Connection, instance: InstanceId) -> None:
        """Forget an instance that ended cleanly and holds nothing."""
        holding = exists().where(IS_OPEN, deliveries.c.claimed_by == instance, deliveries.c.state.in_(HELD))
        connection.execute(delete(instances).where(instances.c.id == instance, ~holding))

    @writing
    def claim(
        self,
        connection: Connection,
        instance: InstanceId,
        now: datetime,
        limit: int,
        resend: Collection[Kind],
        *,
        kinds: Collection[Kind] = frozenset(Kind),
        edition: str | None = None,
    ) -> Sequence[Delivery]:
        """Claim rows of these kinds that can be sent now; return them, notices first, then in the order of their time
        and id, each with its snapshot if it has one.

        Those are queued and deferred ones whose next_attempt_at has come, and of the kinds in ``resend`` uncertain ones
        with resends 0. Those whose expires_at has come are left. Their state is committed as ``claimed`` when this
        returns. edition means digests alone.
        """
        chosen = _choose(now, limit, resend, kinds, edition).cte("chosen")
        rows = connection.execute(
            move_rows(Event.CLAIM)
            .where(deliveries.c.id.in_(select(chosen.c.id)))
            .values(state_before_claim=deliveries.c.state, claimed_by=instance)
            .returning(deliveries)
        ).all()
        in_order = sorted(rows, key=lambda row: (row.kind == Kind.DIGEST, row.next_attempt_at, row.id))
        return read_deliveries(connection, in_order)

    @reading
    def load_next_due(self, connection: Connection, now: datetime) -> datetime | None:
        """Return the first instant after ``now`` for which a queued or deferred row waits."""
        column = deliveries.c
        first = [
            connection.scalar(
                select(func.min(column.next_attempt_at)).where(
                    IS_OPEN, column.state == state, column.next_attempt_at > now
                )
            )
            for state in WAITING
        ]
        return min((at for at in first if at is not None), default=None)

    @reading
    def count_due(self, connection: Connection, until: datetime, most: int) -> int:
        """Return how many queued and deferred rows can go out until then; no more than ``most`` of them are looked
        at."""
        column, counted = deliveries.c, 0
        for state in WAITING:
            due = select(column.id).where(IS_OPEN, column.state == state, column.next_attempt_at <= until)
            some = due.limit(most - counted).subquery()
            counted += connection.scalar(select(func.count()).select_from(some)) or 0
        return counted

    @reading
    def load_first_due(self, connection: Connection, until: datetime, limit: int) -> Sequence[Delivery]:
        """Return the queued digests that would be claimed first until then, without claiming them."""
        column = deliveries.c
        first = select(deliveries).where(
            IS_OPEN, column.state == State.QUEUED, column.next_attempt_at <= until
        )
        first = first.order_by(column.next_attempt_at, column.id).limit(limit)
        rows = connection.execute(first).all()
        return read_deliveries(connection, [row for row in rows if row.kind == Kind.DIGEST])

    @writing
    def release(self, connection: Connection, instance: InstanceId) -> int:
        """Put this instance's rows in ``claimed`` back as they were; return how many."""
        return _release(connection, instance)

    @reading
    def has_work(
        self,
        connection: Connection,
        now: datetime,
        resend: Collection[Kind],
        kinds: Collection[Kind] = frozenset(Kind),
    ) -> bool:
        """Tell whether a pass of sending would find anything of these kinds: rows that could be claimed or have
        expired, or claims of others."""
        wanted = [] if Kind.DIGEST in kinds else [NOT_A_DIGEST]
        if set(kinds) < NOTICES:
            wanted.append(unindexed(deliveries.c.kind).in_(sorted(kinds)))
        work = [
            and_(IS_OPEN, deliveries.c.state.in_(HELD)),
            and_(IS_WAITING, deliveries.c.expires_at <= now),
            *_list_sendable(now, resend),
        ]
        # Each on its own, so that each is looked up in an index.
        found = connection.scalar(select(or_(*(exists().where(some, *wanted) for some in work))))
        return bool(found)


def _choose(
    now: datetime, limit: int, resend: Collection[Kind], kinds: Collection[Kind], edition: str | None
) -> Select[Any]:
    """Return the query for the ids of the rows to claim: see Claims.claim."""
    digests = [unindexed(deliveries.c.kind) == Kind.DIGEST]
    if edition is not None:
        digests.append(unindexed(deliveries.c.key) == edition)
    groups: list[tuple[int, list[ColumnElement[bool]], Collection[Kind]]] = []
    if edition is None and NOTICES & set(kinds):
        groups.append((0, [NOT_A_DIGEST, unindexed(deliveries.c.kind).in_(sorted(kinds))], NOTICES))
    if Kind.DIGEST in kinds:
        groups.append((1, digests, {Kind.DIGEST}))
    # One short list of each state, so that each is read along its index and none is sorted as a whole.
    lists = [
        select(deliveries.c.id, deliveries.c.next_attempt_at, literal(place).label("place"))
        .where(sendable, *which)
        .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
        for place, which, group in groups
        for sendable in _list_sendable(now, set(group) & set(resend))
    ]
    found = union_all(*(select(part.c.id, part.c.next_attempt_at, part.c.place) for part in lists)).subquery()
    return select(found.c.id).order_by(found.c.place, found.c.next_attempt_at, found.c.id).limit(limit)


def _list_sendable(now: datetime, resend: Collection[Kind]) -> list[ColumnElement[bool]]:
    """Return the conditions under which a row can be claimed, each of one state. What is uncertain is sent once more
    where it is of the kinds in ``resend``."""
    column = deliveries.c
    its_time = and_(IS_OPEN, column.next_attempt_at <= now, column.expires_at > now)
    sendable = [and_(column.state == state, its_time) for state in WAITING]
    if resend:
        once_more = and_(column.resends == 0, unindexed(column.kind).in_(sorted(resend)))
        sendable.append(and_(column.state == State.UNCERTAIN, its_time, once_more))
    return sendable


def _release(connection: Connection, instance: InstanceId) -> int:
    """Put the claimed rows of an instance back as they were."""
    return connection.execute(
        update(deliveries)
        .where(IS_OPEN, deliveries.c.claimed_by == instance, can(Event.RELEASE))
        .values(state=deliveries.c.state_before_claim, **RELEASED)
    ).rowcount
