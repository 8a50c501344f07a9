"""Who sends: processes, the rows that each has claimed, and what becomes of them when it dies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from newsletter.deliver.ledger_rules import RELEASED, CountedMove, Event, state_after
from newsletter.model.ledger import HELD, NOTICES, WAITING, Delivery, Instance, InstanceId, Kind, State
from newsletter.storage.dialects import UtcDateTime, row_by_row
from newsletter.storage.engine import Database, Store, reading, writing
from newsletter.storage.ledger.bulk import update_rows
from newsletter.storage.ledger.moves import can, lock_some, move_counted, move_rows
from newsletter.storage.ledger.reads import read_deliveries
from newsletter.storage.ledger.recording import save_attempts
from newsletter.storage.ledger.view import open_ledger
from newsletter.storage.tables import NOT_A_DIGEST, Id, instances, queue

_LOST = "the process that sent it ended before it could write down an answer"
_WAITS = queue.c.state.in_(WAITING)
_PLACE = (queue.c.next_attempt_at, queue.c.id)


class _Place(NamedTuple):
    """A place in the order in which rows are claimed."""

    next_attempt_at: datetime
    id: int


class Claims(Store):
    """Who sends: the instances of one database, and the rows that they hold."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # Where each instance claimed its last digests. One that is wrong costs another look, nothing else.
        self._places: dict[InstanceId, _Place] = {}

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
        # Looked for of each on its own, and only until one is found: who sends holds what comes first of very much.
        one = select(queue.c.id).where(queue.c.claimed_by == instances.c.id, queue.c.state.in_(HELD)).limit(1)
        rows = connection.execute(
            select(instances).where(one.scalar_subquery().is_not(None)).order_by(instances.c.id)
        )
        return [Instance(InstanceId(row.id), row.host, row.boot, row.pid, row.heartbeat_at) for row in rows]

    @writing
    def void_claims(self, connection: Connection, instance: InstanceId, now: datetime) -> tuple[int, int]:
        """Take the rows of a dead instance back; return how many were claimed and how many in_data.

        Claimed ones are as they were before the claim (queued, deferred or uncertain), in_data ones become
        uncertain with uncertain_at. Uncertain counts: counted_run of their readers moves to their window's
        upper bound.
        """
        released, number = _release(connection, instance), 0
        while lost := lock_some(connection, queue.c.claimed_by == instance, can(Event.VOID)):
            after = state_after(Event.VOID)
            update_rows(
                connection,
                queue,
                [
                    {
                        "id": row.id,
                        "state": after,
                        "uncertain_at": row.uncertain_at or now,
                        "last_reply": _LOST,
                        "lost_by": instance,
                        **RELEASED,
                    }
                    for row in lost
                ],
            )
            save_attempts(connection, [(row.id, row.attempt, after, _LOST, row.relay) for row in lost], now)
            counted = [row for row in lost if row.upto_run is not None]
            move_counted(connection, [CountedMove(row.recipient, row.upto_run or 0) for row in counted])
            number += len(lost)
        return released, number

    @writing
    def retire_instance(self, connection: Connection, instance: InstanceId) -> None:
        """Forget an instance that ended cleanly and holds nothing."""
        holding = exists().where(queue.c.claimed_by == instance, queue.c.state.in_(HELD))
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
        ids: list[int] = []
        if edition is None and NOTICES & set(kinds):
            of_these = queue.c.kind.in_(sorted(kinds))
            ready = [NOT_A_DIGEST, *_can_go(now, NOTICES & set(resend), of_these)]
            ids += _claim(connection, instance, ready, limit, None)[0]
        if Kind.DIGEST in kinds and len(ids) < limit:
            which = [queue.c.kind == Kind.DIGEST]
            if edition is not None:
                which.append(queue.c.edition == edition)
            ready = _can_go(now, {Kind.DIGEST} & set(resend), *which)
            ids += self._claim_digests(connection, instance, ready, limit - len(ids))
        rows = connection.execute(select(open_ledger).where(open_ledger.c.id.in_(ids))).all()
        in_order = sorted(rows, key=lambda row: (row.kind == Kind.DIGEST, row.next_attempt_at, row.id))
        return read_deliveries(connection, in_order)

    def _claim_digests(
        self, connection: Connection, instance: InstanceId, ready: Sequence[ColumnElement[bool]], limit: int
    ) -> list[int]:
        """Claim digests where the last claim ended: before it there are those that are on their way, or gone, and those
        that have come since. These are looked for when no others are left."""
        ids, place = _claim(connection, instance, ready, limit, self._places.get(instance))
        if len(ids) < limit and instance in self._places:
            more, place = _claim(connection, instance, ready, limit - len(ids), None)
            ids += more
        if len(ids) == limit and place is not None:
            self._places[instance] = place
        else:
            self._places.pop(instance, None)
        return ids

    @reading
    def load_next_due(self, connection: Connection, now: datetime) -> datetime | None:
        """Return the first instant after ``now`` for which a queued or deferred row waits."""
        later = select(func.min(queue.c.next_attempt_at)).where(_WAITS, queue.c.next_attempt_at > now)
        first: datetime | None = connection.scalar(later)
        return first

    @reading
    def count_due(self, connection: Connection, until: datetime, most: int) -> int:
        """Return how many queued and deferred rows can go out until then; no more than ``most`` of them are looked
        at."""
        which = (queue.c.next_attempt_at <= until, row_by_row(_WAITS))
        due = select(queue.c.id).where(*which).order_by(*_PLACE).limit(most).subquery()
        return connection.scalar(select(func.count()).select_from(due)) or 0

    @reading
    def load_first_due(self, connection: Connection, until: datetime, limit: int) -> Sequence[Delivery]:
        """Return the queued digests that would be claimed first until then, without claiming them."""
        which = (queue.c.next_attempt_at <= until, row_by_row(queue.c.state == State.QUEUED))
        ids = connection.scalars(select(queue.c.id).where(*which).order_by(*_PLACE).limit(limit)).all()
        rows = connection.execute(select(open_ledger).where(open_ledger.c.id.in_(ids))).all()
        in_order = sorted(rows, key=lambda row: (row.next_attempt_at, row.id))
        return read_deliveries(connection, [row for row in in_order if row.kind == Kind.DIGEST])

    @writing
    def release(self, connection: Connection, instance: InstanceId) -> int:
        """Put this instance's rows in ``claimed`` back as they were; return how many."""
        self._places.pop(instance, None)
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
        apart = [] if Kind.DIGEST in kinds else [NOT_A_DIGEST]
        of_these = queue.c.kind.in_(sorted(kinds))
        its_time = queue.c.next_attempt_at <= now  # what is held was claimed when its time had come
        work = [
            (_can_go(now, resend, of_these), _PLACE),
            ([queue.c.expires_at <= now, row_by_row(_WAITS, of_these)], (queue.c.expires_at,)),
            ([its_time, row_by_row(queue.c.state.in_(HELD), of_these)], _PLACE),
        ]
        # Each on its own and in the order of an index. First what the very first rows answer when very many are due: of
        # those that are held there may be none among a million.
        firsts = (
            select(queue.c.id).where(*which, *apart).order_by(*in_order).limit(1).scalar_subquery()
            for which, in_order in work
        )
        return bool(connection.scalar(select(or_(*(first.is_not(None) for first in firsts)))))


def _can_go(
    now: datetime, resend: Collection[Kind], *which: ColumnElement[bool]
) -> list[ColumnElement[bool]]:
    """Return the conditions under which a row of these can be claimed. What is uncertain is sent once more where it is
    of the kinds in ``resend``."""
    states: ColumnElement[bool] = _WAITS
    if resend:
        once_more = and_(
            queue.c.state == State.UNCERTAIN,
            queue.c.resends == 0,
            queue.c.kind.in_(sorted(resend)),
        )
        states = or_(_WAITS, once_more)
    return [queue.c.next_attempt_at <= now, row_by_row(states, queue.c.expires_at > now, *which)]


def _claim(
    connection: Connection,
    instance: InstanceId,
    ready: Sequence[ColumnElement[bool]],
    limit: int,
    after: _Place | None,
) -> tuple[list[int], _Place | None]:
    """Claim so many of the rows that are ready, after a place in their order if given; return their ids, and the place
    of the last."""
    first = select(queue.c.id).where(*ready).order_by(*_PLACE).limit(limit)
    if after is not None:
        first = first.where(tuple_(*_PLACE) > tuple_(literal(after[0], UtcDateTime), literal(after[1], Id)))
    chosen = first.with_for_update(skip_locked=True).cte("chosen")
    rows = connection.execute(
        move_rows(Event.CLAIM)
        .where(queue.c.id.in_(select(chosen.c.id)))
        .values(state_before_claim=queue.c.state, claimed_by=instance)
        .returning(queue.c.next_attempt_at, queue.c.id)
    ).all()
    return [row.id for row in rows], max((_Place(row[0], row[1]) for row in rows), default=None)


def _release(connection: Connection, instance: InstanceId) -> int:
    """Put the claimed rows of an instance back as they were."""
    return connection.execute(
        update(queue)
        .where(queue.c.claimed_by == instance, can(Event.RELEASE))
        .values(state=queue.c.state_before_claim, **RELEASED)
    ).rowcount
