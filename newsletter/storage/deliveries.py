"""The ledger in the database: plans, claims, the fence before DATA and outcomes.

Each method that writes is one transaction: it locks the rows that it is about, decides row by row, and writes
what is new. A state changes only from the state that was read under the lock, so of two processes one wins.
A reader's counted_run moves in the same transaction as the state that counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
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

from newsletter.compose.frozen import freeze_notice
from newsletter.errors import FellBehindError
from newsletter.model.ledger import (
    COUNTED,
    NOTICES,
    BeginData,
    Close,
    Delivery,
    DeliveryFilter,
    DeliveryId,
    Frozen,
    Instance,
    InstanceId,
    Kind,
    Plan,
    PlanResult,
    QueuedNotice,
    Settle,
    State,
    Step,
    state_of,
)
from newsletter.model.mail import Accepted, Deferred, Rejected, Uncertain
from newsletter.model.readers import Subscriber, SubscriberId
from newsletter.storage.delivery_views import DeliveryViews, fitting, read_deliveries
from newsletter.storage.engine import Database, in_chunks, insert_or_ignore, insert_or_update
from newsletter.storage.epoch import FORGOTTEN, EpochGuard
from newsletter.storage.tables import (
    NOT_A_DIGEST,
    attempts,
    bundles,
    cards,
    deliveries,
    delivery_entries,
    instances,
    subscribers,
    suppressions,
)

_WAITING = (State.QUEUED, State.DEFERRED)
_HELD = (State.CLAIMED, State.IN_DATA)
_RELEASED: Mapping[str, Any] = {"claimed_by": None, "state_before_claim": None}


class DeliveryStore(DeliveryViews):
    """The ledger of one database."""

    def __init__(self, database: Database, guard: EpochGuard | None = None) -> None:
        super().__init__(database)
        self._guard = guard
        # The hashes of cards and bundles that are known to be in the database: nothing takes them out.
        self._kept: set[str] = set()

    # --- who sends ------------------------------------------------------------------------

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
                    **_RELEASED,
                )
                .returning(deliveries)
            ).all()
            _save_attempts(
                connection,
                [(row.id, row.attempt, State.UNCERTAIN, row.last_reply, row.relay) for row in lost],
                now,
            )
            _count(connection, lost)
            return released, len(lost)

        return await self._database.transact(work)

    async def retire_instance(self, instance: InstanceId) -> None:
        """Forget an instance that ended cleanly and holds nothing."""
        holding = exists().where(deliveries.c.claimed_by == instance, deliveries.c.state.in_(_HELD))
        async with self._database.write() as connection:
            await connection.execute(delete(instances).where(instances.c.id == instance, ~holding))

    # --- plan -----------------------------------------------------------------------------

    async def plan(
        self, plans: Sequence[tuple[Subscriber, Plan]], now: datetime, *, by_hand: bool = False
    ) -> Sequence[PlanResult]:
        """Write the plans of different readers in one transaction; return what became of each, in their order.

        next_due_at is moved by compare-and-set from the value that the reader was loaded with. The reader's open
        digest, if any: queued or deferred ones expire (last_reply says that the next one covers it); one that is
        claimed or in_data makes the plan BUSY. A row that exists already for (kind, key, recipient) is left alone.
        by_hand: the slot may lie before its time, so next_due_at only moves forward, and PLANNED means a new row.
        """

        def work(connection: Connection) -> Sequence[PlanResult]:
            due_at = _lock_readers(connection, [reader.id for reader, _ in plans])
            open_rows = _load_open_digests(connection, list(due_at))
            existing = _find_planned(connection, plans) if by_hand else frozenset()
            results, taken = [], []
            for reader, plan in plans:
                result = _judge_plan(reader, plan, due_at, open_rows[reader.id], by_hand, existing)
                results.append(result)
                if result is PlanResult.PLANNED:
                    taken.append((reader, plan))
            _write_plans(connection, taken, open_rows, by_hand)
            return results

        return await self._database.transact(work) if plans else []

    async def queue_notice(self, notice: QueuedNotice, now: datetime) -> bool:
        """Queue one mail that is no digest once; False where there is a row already for (kind, key, recipient)."""
        return await self._database.transact(lambda connection: insert_notice(connection, notice, now))

    async def expire(self, now: datetime) -> int:
        """Expire queued and deferred rows with expires_at <= now; return how many."""
        return await self._database.transact(
            lambda connection: _expire(
                connection, deliveries.c.expires_at <= now, "it could not be sent before its time was over"
            )
        )

    # --- send -----------------------------------------------------------------------------

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

    async def record(
        self, instance: InstanceId, steps: Sequence[Step], now: datetime, *, guarded: bool = True
    ) -> Sequence[bool]:
        """Write the steps of different deliveries in one transaction; return of each whether it took effect.

        BeginData: False where the claim was lost; then no DATA may follow. Counts a resend where uncertain_at is
        set. What is frozen already stays as it is.
        Settle: accepted and uncertain move counted_run of the reader to the window's upper bound; rejected after
        uncertain moves it back to the window's lower bound. Rejected with suppress adds a suppression. Deferred
        releases the claim. A refusal at MAIL or RCPT comes while the row is claimed. A claim that was voided
        meanwhile is over, whatever the relay said, but for one case: Accepted settles the uncertain row that this
        instance had in data.
        Close: empty (with its window, which counts), suppressed, rejected (a digest that cannot be built), expired.
        The same steps may be written again, where the answer to the first commit was lost: attempts are numbered.
        guarded: the counter of storage/epoch.py moves with them. Raises FellBehindError where the database is not the
        one that sent last; then nothing is written.
        """
        guard = self._guard if guarded and any(not isinstance(step, Close) for step in steps) else None

        def work(connection: Connection) -> tuple[Sequence[bool], set[str], Mapping[str, int]]:
            rows = _lock_deliveries(connection, [step.delivery for step in steps])
            judged = [(step, rows.get(step.delivery)) for step in steps]
            if any(_is_forgotten(step, row) for step, row in judged):
                raise FellBehindError(FORGOTTEN)
            wanted = [(step, row) for step, row in judged if row and _may_write(step, row, instance)]
            fresh = self._write_frozen(connection, wanted)
            _write_outcomes(connection, wanted, now)
            _write_closes(connection, wanted)
            took = {step.delivery for step, _ in wanted}
            again = {step.delivery for step, row in judged if row and _was_written(step, row, instance)}
            moved = guard.move(connection) if guard else {}
            return [step.delivery in took | again for step in steps], fresh, moved

        def keep(done: tuple[Sequence[bool], set[str], Mapping[str, int]]) -> None:
            if guard:
                guard.keep(done[2])

        results, fresh, _ = await self._database.transact(work, keep)
        self._kept |= fresh
        return results

    def _write_frozen(self, connection: Connection, wanted: Sequence[tuple[Step, Row[Any]]]) -> set[str]:
        """Take the fences of these steps; return the hashes of cards and bundles that are in the database now."""
        begun = [(step, row) for step, row in wanted if isinstance(step, BeginData)]
        first = [(step, row) for step, row in begun if row.content_hash is None]
        fresh = {name for step, _ in first for name in (step.frozen.bundle_hash, *step.frozen.cards)}
        if fresh - self._kept:
            _save_shared_content(connection, [step.frozen for step, _ in first], self._kept)
        _update_rows(
            connection, [{**_begun_row(step, row), **_frozen_row(step.frozen)} for step, row in first]
        )
        _update_rows(connection, [_begun_row(step, row) for step, row in begun if row.content_hash])
        _save_delivery_entries(connection, [(row.id, step.frozen) for step, row in first])
        return fresh

    async def resolve(self, delivery: DeliveryId, accepted: bool, why: str, expires_at: datetime) -> bool:
        """Settle an uncertain row by hand: it was accepted, or it was not sent and is tried again until expires_at.
        False where it is not uncertain."""
        changes: dict[str, Any] = {"state": State.ACCEPTED, "last_reply": f"resolved by the operator: {why}"}
        if not accepted:
            changes |= {"state": State.DEFERRED, "expires_at": expires_at}
        async with self._database.write() as connection:
            settled = await connection.execute(
                update(deliveries)
                .where(deliveries.c.id == delivery, deliveries.c.state == State.UNCERTAIN)
                .values(changes)
            )
            return settled.rowcount > 0

    async def skip_until(self, until: datetime, why: str) -> int:
        """Skip the queued and deferred rows whose slot lies at or before ``until``, also those that are
        claimed and have not come to the fence; return how many."""
        waiting = or_(
            deliveries.c.state.in_(_WAITING),
            and_(deliveries.c.state == State.CLAIMED, deliveries.c.state_before_claim.in_(_WAITING)),
        )
        async with self._database.write() as connection:
            skipped = await connection.execute(
                update(deliveries)
                .where(waiting, deliveries.c.slot_at <= until)
                .values(state=State.SKIPPED, last_reply=why, **_RELEASED)
            )
            return skipped.rowcount

    async def retry(self, wanted: DeliveryFilter, now: datetime, expires_at: datetime) -> tuple[int, int]:
        """Queue rejected and expired rows that fit again; return how many, and how many were left because a later
        digest of their reader has covered them, or is about to."""
        later = deliveries.alias("later")
        covered = exists().where(
            later.c.recipient == deliveries.c.recipient,
            later.c.kind == deliveries.c.kind,
            later.c.key > deliveries.c.key,
            later.c.state.in_([*COUNTED, *_WAITING, *_HELD]),
        )
        ended = deliveries.c.state.in_([State.REJECTED, State.EXPIRED])
        fits = deliveries.c.id.in_(select(deliveries.c.id).join(subscribers).where(ended, *fitting(wanted)))

        def work(connection: Connection) -> tuple[int, int]:
            all_of_them = connection.scalar(select(func.count()).select_from(deliveries).where(fits)) or 0
            queued = connection.execute(
                update(deliveries)
                .where(fits, ended, ~covered)
                .values(
                    state=case((deliveries.c.attempt > 0, State.DEFERRED), else_=State.QUEUED),
                    next_attempt_at=now,
                    expires_at=expires_at,
                )
            ).rowcount
            return queued, all_of_them - queued

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


# --- planning -----------------------------------------------------------------------------


def _lock_readers(
    connection: Connection, readers: Sequence[SubscriberId]
) -> dict[SubscriberId, datetime | None]:
    """Lock these readers, in one order everywhere; return the next_due_at of those that there are."""
    due_at: dict[SubscriberId, datetime | None] = {}
    for ids in in_chunks(sorted(readers)):
        found = connection.execute(
            select(subscribers.c.id, subscribers.c.next_due_at)
            .where(subscribers.c.id.in_(ids))
            .order_by(subscribers.c.id)
            .with_for_update()
        )
        due_at |= {SubscriberId(row.id): row.next_due_at for row in found}
    return due_at


def _load_open_digests(
    connection: Connection, readers: Sequence[SubscriberId]
) -> dict[SubscriberId, list[Row[Any]]]:
    """Return the digests of these readers that are not settled."""
    found: dict[SubscriberId, list[Row[Any]]] = defaultdict(list)
    for ids in in_chunks(readers):
        for row in connection.execute(
            select(deliveries.c.id, deliveries.c.recipient, deliveries.c.key, deliveries.c.state).where(
                deliveries.c.recipient.in_(ids),
                deliveries.c.kind == Kind.DIGEST,
                deliveries.c.state.in_([*_WAITING, *_HELD]),
            )
        ):
            found[SubscriberId(row.recipient)].append(cast(Row[Any], row))
    return found


def _find_planned(
    connection: Connection, plans: Sequence[tuple[Subscriber, Plan]]
) -> frozenset[tuple[SubscriberId, str]]:
    """Return which of these readers and editions have a row already."""
    keys = sorted({plan.slot.local_on.isoformat() for _, plan in plans if plan.slot})
    found: set[tuple[SubscriberId, str]] = set()
    for ids in in_chunks([reader.id for reader, _ in plans]):
        rows = connection.execute(
            select(deliveries.c.recipient, deliveries.c.key).where(
                deliveries.c.recipient.in_(ids),
                deliveries.c.kind == Kind.DIGEST,
                deliveries.c.key.in_(keys),
            )
        )
        found |= {(SubscriberId(row.recipient), row.key) for row in rows}
    return frozenset(found)


def _judge_plan(
    reader: Subscriber,
    plan: Plan,
    due_at: Mapping[SubscriberId, datetime | None],
    open_rows: Sequence[Row[Any]],
    by_hand: bool,
    existing: frozenset[tuple[SubscriberId, str]],
) -> PlanResult:
    """Decide whether a plan can be written, from what the locked rows say."""
    if reader.id not in due_at or due_at[reader.id] != reader.next_due_at:
        return PlanResult.LOST
    if plan.slot is None:
        return PlanResult.LOST if by_hand else PlanResult.PLANNED
    key = plan.slot.local_on.isoformat()
    if (reader.id, key) in existing:
        return PlanResult.LOST
    if any(row.state in _HELD and row.key != key for row in open_rows):
        return PlanResult.BUSY
    return PlanResult.PLANNED


def _write_plans(
    connection: Connection,
    plans: Sequence[tuple[Subscriber, Plan]],
    open_rows: Mapping[SubscriberId, Sequence[Row[Any]]],
    by_hand: bool,
) -> None:
    """Move next_due_at, expire what the new digests cover, and write the rows."""
    if not plans:
        return
    covered: dict[str, list[int]] = defaultdict(list)
    rows: list[dict[str, Any]] = []
    for reader, plan in plans:
        rows += [_skipped_row(reader.id, skip.slot.local_on.isoformat(), skip) for skip in plan.skipped]
        if plan.slot is None:
            continue  # nothing could cover an open one, so it stays
        key = plan.slot.local_on.isoformat()
        covered[key] += [row.id for row in open_rows[reader.id] if row.state in _WAITING and row.key != key]
        rows.append(_queued_row(reader.id, key, plan))
    for key, others in covered.items():
        for ids in in_chunks(others):
            _expire(connection, deliveries.c.id.in_(ids), f"not sent in time: the digest of {key} covers it")
    if rows:
        connection.execute(insert_or_ignore(connection, deliveries), rows)
    connection.execute(
        update(subscribers).where(subscribers.c.id == bindparam("reader")),
        [{"reader": reader.id, "next_due_at": _choose_due(reader, plan, by_hand)} for reader, plan in plans],
    )


def _choose_due(reader: Subscriber, plan: Plan, by_hand: bool) -> datetime:
    if by_hand and reader.next_due_at is not None:
        return max(plan.next_due_at, reader.next_due_at)
    return plan.next_due_at


def _queued_row(reader: SubscriberId, key: str, plan: Plan) -> dict[str, Any]:
    assert plan.slot is not None
    return {
        "kind": Kind.DIGEST,
        "key": key,
        "recipient": reader,
        "state": State.QUEUED,
        "slot_at": plan.slot.at,
        "next_attempt_at": plan.send_at or plan.slot.at,
        "expires_at": plan.expires_at,
        "last_reply": "",
    }


def _skipped_row(reader: SubscriberId, key: str, skip: Any) -> dict[str, Any]:
    return {
        "kind": Kind.DIGEST,
        "key": key,
        "recipient": reader,
        "state": State.SKIPPED,
        "slot_at": skip.slot.at,
        "next_attempt_at": skip.slot.at,
        "expires_at": skip.slot.at,
        "last_reply": skip.why,
    }


def _expire(connection: Connection, which: ColumnElement[bool], why: str) -> int:
    """Expire the waiting ones of these rows. The relay's last answer is kept beside the reason."""
    expired = connection.execute(
        update(deliveries)
        .where(which, deliveries.c.state.in_(_WAITING))
        .values(
            state=State.EXPIRED,
            last_reply=case(
                (deliveries.c.last_reply == "", why), else_=why + "; last: " + deliveries.c.last_reply
            ),
        )
        .returning(
            deliveries.c.recipient, deliveries.c.after_run, deliveries.c.upto_run, deliveries.c.uncertain_at
        )
    ).all()
    uncount(connection, [row for row in expired if row.uncertain_at is not None])
    return len(expired)


def _release(connection: Connection, instance: InstanceId) -> int:
    """Put the claimed rows of an instance back as they were."""
    released = connection.execute(
        update(deliveries)
        .where(deliveries.c.claimed_by == instance, deliveries.c.state == State.CLAIMED)
        .values(state=deliveries.c.state_before_claim, **_RELEASED)
    )
    return released.rowcount


# --- recording ----------------------------------------------------------------------------


def _lock_deliveries(connection: Connection, ids: Sequence[DeliveryId]) -> dict[int, Row[Any]]:
    """Lock these rows, in one order everywhere, and return by id what decisions need of them."""
    column = deliveries.c
    rows = connection.execute(
        select(
            *(column.id, column.recipient, column.state, column.claimed_by, column.lost_by, column.attempt),
            *(column.resends, column.uncertain_at, column.content_hash, column.address),
            *(column.after_run, column.upto_run),
        )
        .where(column.id.in_(sorted(ids)))
        .order_by(column.id)
        .with_for_update()
    )
    return {row.id: cast(Row[Any], row) for row in rows}


def _may_write(step: Step, row: Row[Any], instance: InstanceId) -> bool:
    """Decide whether a step takes effect on a row as it is now."""
    if isinstance(step, Settle):
        held = row.claimed_by == instance and row.state in _HELD
        return held or (
            state_of(step.outcome) is State.ACCEPTED
            and row.state == State.UNCERTAIN
            and row.lost_by == instance
        )
    return bool(row.claimed_by == instance and row.state == State.CLAIMED)


def _was_written(step: Step, row: Row[Any], instance: InstanceId) -> bool:
    """Decide whether a fence was taken by this very attempt: its commit succeeded, but the answer was lost."""
    return (
        isinstance(step, BeginData)
        and row.claimed_by == instance
        and row.state == State.IN_DATA
        and row.attempt == step.attempt
        and row.content_hash == step.frozen.content_hash
    )


def _is_forgotten(step: Step, row: Row[Any] | None) -> bool:
    """Decide whether the database does not know any more that this mail went out: its fence was committed before."""
    if not isinstance(step, Settle) or not isinstance(step.outcome, Accepted | Uncertain):
        return False
    return row is None or row.attempt < step.attempt


def _write_outcomes(connection: Connection, wanted: Sequence[tuple[Step, Row[Any]]], now: datetime) -> None:
    settled = [(step, row) for step, row in wanted if isinstance(step, Settle)]
    if not settled:
        return
    _update_rows(connection, [_settled_row(step, row, now) for step, row in settled if _is_plain(step)])
    _update_rows(connection, [_settled_row(step, row, now) for step, row in settled if not _is_plain(step)])
    _save_attempts(
        connection,
        [
            (row.id, step.attempt, state_of(step.outcome), step.outcome.reply, step.relay)
            for step, row in settled
        ],
        now,
    )
    _count(connection, [row for step, row in settled if state_of(step.outcome) in COUNTED])
    refused = [(step, row) for step, row in settled if isinstance(step.outcome, Rejected)]
    uncount(connection, [row for _, row in refused if row.uncertain_at is not None])
    for step, row in refused:
        if isinstance(step.outcome, Rejected) and step.outcome.suppress:
            _suppress(connection, row, step.outcome.reply, now)


def _is_plain(step: Settle) -> bool:
    """Tell whether an outcome changes nothing but what every outcome changes."""
    return not isinstance(step.outcome, Deferred | Uncertain)


def _settled_row(step: Settle, row: Row[Any], now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "row": row.id,
        "state": state_of(step.outcome),
        "last_reply": step.outcome.reply,
        "attempt": step.attempt,
        "relay": step.relay,
        **_RELEASED,
    }
    if not _is_plain(step):
        deferred = isinstance(step.outcome, Deferred)
        changes["next_attempt_at"] = step.outcome.retry_at if isinstance(step.outcome, Deferred) else now
        changes["uncertain_at"] = row.uncertain_at if deferred else row.uncertain_at or now
    return changes


def _write_closes(connection: Connection, wanted: Sequence[tuple[Step, Row[Any]]]) -> None:
    closed = [(step, row) for step, row in wanted if isinstance(step, Close)]
    windowed = [
        {
            "row": row.id,
            "state": step.state,
            "last_reply": step.why,
            "after_run": step.window.after_run,
            "upto_run": step.window.upto_run,
            **_RELEASED,
        }
        for step, row in closed
        if step.window is not None
    ]
    _update_rows(connection, windowed)
    _update_rows(
        connection,
        [
            {"row": row.id, "state": step.state, "last_reply": step.why, **_RELEASED}
            for step, row in closed
            if step.window is None
        ],
    )
    _move_counted(
        connection,
        [
            (row.recipient, step.window.upto_run)
            for step, row in closed
            if step.window is not None and step.state in COUNTED
        ],
    )
    uncount(
        connection,
        [row for step, row in closed if step.state not in COUNTED and row.uncertain_at is not None],
    )


def _update_rows(connection: Connection, changes: Sequence[dict[str, Any]]) -> None:
    """Update deliveries, each with its changes (all of the same columns) under its id, ``row``."""
    if changes:
        connection.execute(
            update(deliveries).where(deliveries.c.id == bindparam("row")), [dict(row) for row in changes]
        )


def _count(connection: Connection, rows: Iterable[Row[Any]]) -> None:
    """The windows of these rows are done: later digests of their readers begin after them."""
    _move_counted(connection, [(row.recipient, row.upto_run) for row in rows if row.upto_run is not None])


def _move_counted(connection: Connection, bounds: Sequence[tuple[int, int]]) -> None:
    if bounds:
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == bindparam("reader"), subscribers.c.counted_run < bindparam("upto"))
            .values(counted_run=bindparam("upto")),
            [{"reader": reader, "upto": upto} for reader, upto in sorted(bounds)],
        )


def uncount(connection: Connection, rows: Iterable[Row[Any]]) -> None:
    """The mails of these rows had counted and failed since: their windows are the next ones'.

    Nothing happens where a later digest has counted since.
    """
    bounds = sorted((row.recipient, row.upto_run, row.after_run) for row in rows if row.upto_run is not None)
    if bounds:
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == bindparam("reader"), subscribers.c.counted_run == bindparam("upto"))
            .values(counted_run=bindparam("after")),
            [{"reader": reader, "upto": upto, "after": after} for reader, upto, after in bounds],
        )


def _suppress(connection: Connection, row: Row[Any], reason: str, now: datetime) -> None:
    """Mail the address of this row no more: the one it was frozen with, else its reader's."""
    address = (
        row.address
        or connection.execute(
            select(subscribers.c.address).where(subscribers.c.id == row.recipient)
        ).scalar_one()
    )
    suppress(connection, address, reason, now)


def suppress(
    connection: Connection, address: str, reason: str, now: datetime, *, is_complaint: bool = False
) -> None:
    """Mail this address no more. One that is suppressed already keeps its reason; a complaint weighs more."""
    if is_complaint:
        connection.execute(
            update(suppressions)
            .where(suppressions.c.address == address, suppressions.c.lifted_at.is_(None))
            .values(is_complaint=True)
        )
    connection.execute(
        insert_or_ignore(connection, suppressions).values(
            address=address, reason=reason, since=now, lifted_why="", is_complaint=is_complaint
        )
    )


def insert_notice(connection: Connection, queued: QueuedNotice, now: datetime) -> bool:
    """Queue one mail that is no digest; see DeliveryStore.queue_notice."""
    inserted = connection.execute(
        insert_or_ignore(connection, deliveries)
        .values(
            kind=queued.kind,
            key=queued.key,
            recipient=queued.recipient,
            address=queued.address,
            content_json=freeze_notice(queued.notice, queued.language),
            state=State.QUEUED,
            slot_at=now,
            next_attempt_at=now,
            expires_at=queued.expires_at,
        )
        .returning(deliveries.c.id)
    )
    return inserted.one_or_none() is not None


def _save_attempts(
    connection: Connection, ended: Sequence[tuple[int, int, State, str, str]], now: datetime
) -> None:
    """Write how attempts ended; the answer that came late replaces the guess of a voided claim."""
    if ended:
        connection.execute(
            insert_or_update(connection, attempts),
            [
                {
                    "delivery": delivery,
                    "number": number,
                    "at": now,
                    "outcome": state,
                    "reply": reply,
                    "relay": relay,
                }
                for delivery, number, state, reply, relay in ended
            ],
        )


def _save_shared_content(connection: Connection, frozen: Sequence[Frozen], kept: set[str]) -> None:
    """Keep bundles and cards once for all the mails that use them, but for those that are known to be kept."""
    new_bundles = {one.bundle_hash: one.bundle_json for one in frozen if one.bundle_hash not in kept}
    if new_bundles:
        connection.execute(
            insert_or_ignore(connection, bundles),
            [{"hash": name, "json": text} for name, text in sorted(new_bundles.items())],
        )
    new_cards = {name: card for one in frozen for name, card in one.cards.items() if name not in kept}
    if new_cards:
        # In one order everywhere: two transactions that insert the same cards would else wait for each other.
        connection.execute(
            insert_or_ignore(connection, cards),
            [{"hash": name, "json": card} for name, card in sorted(new_cards.items())],
        )


def _save_delivery_entries(connection: Connection, digests: Sequence[tuple[int, Frozen]]) -> None:
    """Write which entries the digests show, in their order."""
    rows = [
        {"delivery": delivery, "entry": entry, "topic": topic, "position": position, "shown": shown}
        for delivery, frozen in digests
        for position, (entry, topic, shown) in enumerate(frozen.entry_ids)
    ]
    if rows:
        connection.execute(insert_or_ignore(connection, delivery_entries), rows)


def _begun_row(step: BeginData, row: Row[Any]) -> dict[str, Any]:
    return {
        "row": row.id,
        "state": State.IN_DATA,
        "attempt": step.attempt,
        "relay": step.relay,
        "resends": row.resends + (row.uncertain_at is not None),
    }


def _frozen_row(frozen: Frozen) -> dict[str, Any]:
    return {
        "address": frozen.address,
        "after_run": frozen.window.after_run if frozen.window else None,
        "upto_run": frozen.window.upto_run if frozen.window else None,
        "content_json": frozen.content_json,
        "card_hashes": json.dumps(sorted(frozen.cards)),
        "bundle_hash": frozen.bundle_hash,
        "content_hash": frozen.content_hash,
        "message_id": frozen.message_id,
        "size_bytes": frozen.size_bytes,
    }
