"""Who sends: processes, the rows that each has claimed, and what becomes of them when it dies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

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
    union_all,
    update,
)

from newsletter.model.ledger import NOTICES, Delivery, Instance, InstanceId, Kind, State
from newsletter.storage.engine import Database
from newsletter.storage.ledger.reads import read_deliveries
from newsletter.storage.ledger.recording import RELEASED, count, save_attempts
from newsletter.storage.tables import NOT_A_DIGEST, deliveries, instances

_WAITING = (State.QUEUED, State.DEFERRED)
_HELD = (State.CLAIMED, State.IN_DATA)


class Claims:
    """Who sends: the instances of one database, and the rows that they hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register_instance(self, host: str, boot: str, pid: int, now: datetime) -> InstanceId:
        """Write down a process that is going to claim rows; return its number, which is never given again."""
        async with self._database.write() as connection:
            numbers = await connection.scalars(
                insert(instances)
                .values(host=host, boot=boot, pid=pid, heartbeat_at=now)
                .returning(instances.c.id)
            )
            return InstanceId(numbers.one())

    async def beat(self, instance: InstanceId, now: datetime) -> None:
        """Say that the instance is alive."""
        async with self._database.write() as connection:
            await connection.execute(
                update(instances).where(instances.c.id == instance).values(heartbeat_at=now)
            )

    async def load_instances_with_claims(self) -> Sequence[Instance]:
        """Return the instances that hold rows in ``claimed`` or ``in_data``, by id."""
        holding = select(deliveries.c.claimed_by).where(deliveries.c.state.in_(_HELD))
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(instances).where(instances.c.id.in_(holding)).order_by(instances.c.id)
            )
            return [
                Instance(InstanceId(row.id), row.host, row.boot, row.pid, row.heartbeat_at) for row in rows
            ]

    async def void_claims(self, instance: InstanceId, now: datetime) -> tuple[int, int]:
        """Take the rows of a dead instance back; return how many were claimed and how many in_data.

        Claimed ones are as they were before the claim (queued, deferred or uncertain), in_data ones become
        uncertain with uncertain_at. Uncertain counts: counted_run of their readers moves to their window's
        upper bound.
        """

        def work(connection: Connection) -> tuple[int, int]:
            released = _release(connection, instance)
            lost = connection.execute(
                update(deliveries)
                .where(deliveries.c.claimed_by == instance, deliveries.c.state == State.IN_DATA)
                .values(
                    state=State.UNCERTAIN,
                    uncertain_at=func.coalesce(deliveries.c.uncertain_at, now),
                    last_reply="the process that sent it ended before it could write down an answer",
                    lost_by=instance,
                    **RELEASED,
                )
                .returning(deliveries)
            ).all()
            save_attempts(
                connection,
                [(row.id, row.attempt, State.UNCERTAIN, row.last_reply, row.relay) for row in lost],
                now,
            )
            count(connection, lost)
            return released, len(lost)

        return await self._database.transact(work)

    async def retire_instance(self, instance: InstanceId) -> None:
        """Forget an instance that ended cleanly and holds nothing."""
        holding = exists().where(deliveries.c.claimed_by == instance, deliveries.c.state.in_(_HELD))
        async with self._database.write() as connection:
            await connection.execute(delete(instances).where(instances.c.id == instance, ~holding))

    async def claim(
        self,
        instance: InstanceId,
        now: datetime,
        limit: int,
        resend: Collection[Kind],
        *,
        kinds: Collection[Kind] = frozenset(Kind),
        edition: str | None = None,
    ) -> Sequence[Delivery]:
        """Claim rows of these kinds that can be sent now; return them, notices first, then in the order of their time
        and id, each with its Frozen if it has one.

        Those are queued and deferred ones whose next_attempt_at has come, and of the kinds in ``resend`` uncertain ones
        with resends 0. Those whose expires_at has come are left. Their state is committed as ``claimed`` when this
        returns. edition means digests alone.
        """
        everywhere = [deliveries.c.next_attempt_at <= now, deliveries.c.expires_at > now]
        digests = [deliveries.c.kind == Kind.DIGEST]
        if edition is not None:
            digests.append(deliveries.c.key == edition)
        groups: list[tuple[int, list[ColumnElement[bool]], Collection[Kind]]] = []
        if edition is None and NOTICES & set(kinds):
            groups.append((0, [NOT_A_DIGEST, deliveries.c.kind.in_(sorted(kinds))], NOTICES))
        if Kind.DIGEST in kinds:
            groups.append((1, digests, {Kind.DIGEST}))
        order = (deliveries.c.next_attempt_at, deliveries.c.id)
        # One short list of each state, so that each is read along its index and none is sorted as a whole.
        lists = [
            select(deliveries.c.id, deliveries.c.next_attempt_at, literal(place).label("place"))
            .where(state, *which, *everywhere)
            .order_by(*order)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .subquery()
            for place, which, group in groups
            for state in _sendable(set(group) & set(resend))
        ]
        candidates = union_all(
            *(select(part.c.id, part.c.next_attempt_at, part.c.place) for part in lists)
        ).subquery()
        chosen = (
            select(candidates.c.id)
            .order_by(candidates.c.place, candidates.c.next_attempt_at, candidates.c.id)
            .limit(limit)
            .cte("chosen")
        )
        claim = (
            update(deliveries)
            .where(
                deliveries.c.id.in_(select(chosen.c.id)),
                deliveries.c.state.in_([State.QUEUED, State.DEFERRED, State.UNCERTAIN]),
            )
            .values(state=State.CLAIMED, state_before_claim=deliveries.c.state, claimed_by=instance)
            .returning(deliveries)
        )

        def work(connection: Connection) -> Sequence[Delivery]:
            rows = connection.execute(claim).all()
            rows = sorted(rows, key=lambda row: (row.kind == Kind.DIGEST, row.next_attempt_at, row.id))
            return read_deliveries(connection, rows)

        return await self._database.transact(work)

    async def release(self, instance: InstanceId, now: datetime) -> int:
        """Put this instance's rows in ``claimed`` back as they were; return how many."""
        return await self._database.transact(lambda connection: _release(connection, instance))

    async def has_work(
        self, now: datetime, resend: Collection[Kind], kinds: Collection[Kind] = frozenset(Kind)
    ) -> bool:
        """Tell whether a pass of sending would find anything of these kinds: rows that could be claimed or have
        expired, or claims of others."""
        state = deliveries.c.state
        wanted = [] if Kind.DIGEST in kinds else [NOT_A_DIGEST]
        if set(kinds) < NOTICES:
            wanted.append(deliveries.c.kind.in_(sorted(kinds)))
        kinds_of_work = [
            state.in_(_HELD),
            and_(state.in_(_WAITING), deliveries.c.next_attempt_at <= now),
            and_(state.in_(_WAITING), deliveries.c.expires_at <= now),
        ]
        if resend:
            kinds_of_work.append(
                and_(
                    state == State.UNCERTAIN,
                    deliveries.c.resends == 0,
                    deliveries.c.expires_at > now,
                    deliveries.c.kind.in_(sorted(resend)),
                )
            )
        # Each on its own, so that each is looked up in an index.
        async with self._database.read() as connection:
            return bool(
                await connection.scalar(
                    select(or_(*(exists().where(work, *wanted) for work in kinds_of_work)))
                )
            )


def _sendable(resend: Collection[Kind]) -> list[ColumnElement[bool]]:
    """Return the conditions of state under which a row can be claimed, each of one state."""
    states: list[ColumnElement[bool]] = [deliveries.c.state == waiting for waiting in _WAITING]
    if resend:
        uncertain = and_(deliveries.c.state == State.UNCERTAIN, deliveries.c.resends == 0)
        states.append(and_(uncertain, deliveries.c.kind.in_(sorted(resend))))
    return states


def _release(connection: Connection, instance: InstanceId) -> int:
    """Put the claimed rows of an instance back as they were."""
    released = connection.execute(
        update(deliveries)
        .where(deliveries.c.claimed_by == instance, deliveries.c.state == State.CLAIMED)
        .values(state=deliveries.c.state_before_claim, **RELEASED)
    )
    return released.rowcount
