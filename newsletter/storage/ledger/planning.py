"""What is due: the rows of the ledger before anybody sends them, and those that are queued again.

A plan is one transaction: it locks the readers that it is about, decides reader by reader, and moves next_due_at
with the rows that it writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from newsletter.compose.frozen import freeze_notice
from newsletter.model.ledger import COUNTED, DeliveryFilter, Kind, Plan, PlanResult, QueuedNotice, State
from newsletter.model.readers import Subscriber, SubscriberId
from newsletter.storage.engine import Database, in_chunks, insert_or_ignore
from newsletter.storage.ledger.reads import fitting
from newsletter.storage.ledger.recording import RELEASED, uncount
from newsletter.storage.tables import deliveries, subscribers

_WAITING = (State.QUEUED, State.DEFERRED)
_HELD = (State.CLAIMED, State.IN_DATA)


class Planning:
    """What is due, in one database: put into the queue, and taken out of it without having been claimed."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
                .values(state=State.SKIPPED, last_reply=why, **RELEASED)
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


def insert_notice(connection: Connection, queued: QueuedNotice, now: datetime) -> bool:
    """Queue one mail that is no digest; see Planning.queue_notice."""
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
