"""What is due: the rows of the ledger before anybody sends them, and those that are queued again.

A plan is one transaction: it locks the readers that it is about, decides reader by reader, and moves next_due_at
with the rows that it writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, func, or_, select, update

from newsletter.compose.snapshot import dump_notice
from newsletter.deliver.ledger_rules import (
    BEGINNINGS,
    RELEASED,
    Event,
    LockedReader,
    PlannedDigest,
    choose_next_due,
    judge_plan,
    list_covered,
)
from newsletter.model.ledger import (
    COUNTED,
    PENDING,
    WAITING,
    DeliveryFilter,
    DeliveryId,
    Kind,
    Plan,
    PlanResult,
    QueuedNotice,
    State,
)
from newsletter.model.readers import Subscriber, SubscriberId
from newsletter.storage.dialects import in_chunks, insert_or_ignore, unindexed
from newsletter.storage.engine import Store, writing
from newsletter.storage.ledger.kept import forget_kept
from newsletter.storage.ledger.moves import can, move_rows, uncount
from newsletter.storage.ledger.reads import fitting
from newsletter.storage.tables import IS_OPEN, IS_PENDING, IS_WAITING, deliveries, subscribers


class Planning(Store):
    """What is due, in one database: put into the queue, and taken out of it without having been claimed."""

    @writing
    def plan(
        self,
        connection: Connection,
        plans: Sequence[tuple[Subscriber, Plan]],
        now: datetime,
        *,
        by_hand: bool = False,
    ) -> Sequence[PlanResult]:
        """Write the plans of different readers in one transaction; return what became of each, in their order.

        next_due_at is moved by compare-and-set from the value that the reader was loaded with. The reader's open
        digest, if any: queued or deferred ones expire (last_reply says that the next one covers it); one that is
        claimed or in_data makes the plan BUSY. A row that exists already for (kind, key, recipient) is left alone.
        by_hand: the slot may lie before its time, so next_due_at only moves forward, and PLANNED means a new row.
        """
        locked = _lock_readers(connection, plans)
        results = [judge_plan(reader, plan, locked.get(reader.id), by_hand=by_hand) for reader, plan in plans]
        taken = [one for one, result in zip(plans, results, strict=True) if result is PlanResult.PLANNED]
        _expire_covered(connection, taken, locked)
        if rows := [row for reader, plan in taken for row in _list_rows(reader.id, plan)]:
            connection.execute(insert_or_ignore(connection, deliveries), rows)
            forget_kept(connection, {row["key"] for row in rows})
        if taken:
            connection.execute(
                update(subscribers).where(subscribers.c.id == bindparam("reader")),
                [
                    {"reader": reader.id, "next_due_at": choose_next_due(reader, plan, by_hand=by_hand)}
                    for reader, plan in taken
                ],
            )
        return results

    @writing
    def queue_notice(self, connection: Connection, notice: QueuedNotice, now: datetime) -> bool:
        """Queue one mail that is no digest once; False where there is a row already for (kind, key, recipient)."""
        return insert_notice(connection, notice, now)

    @writing
    def expire(self, connection: Connection, now: datetime) -> int:
        """Expire queued and deferred rows with expires_at <= now; return how many."""
        why = "it could not be sent before its time was over"
        return _expire(connection, and_(IS_WAITING, deliveries.c.expires_at <= now), why)

    @writing
    def skip_until(self, connection: Connection, until: datetime, why: str) -> int:
        """Skip the queued and deferred rows whose slot lies at or before ``until``, also those that are
        claimed and have not come to the fence; return how many."""
        was_waiting = or_(deliveries.c.state != State.CLAIMED, deliveries.c.state_before_claim.in_(WAITING))
        return connection.execute(
            move_rows(Event.SKIP)
            .where(IS_OPEN, was_waiting, deliveries.c.slot_at <= until)
            .values(last_reply=why, **RELEASED)
        ).rowcount

    @writing
    def retry(
        self, connection: Connection, wanted: DeliveryFilter, now: datetime, expires_at: datetime
    ) -> tuple[int, int]:
        """Queue rejected and expired rows that fit again; return how many, and how many were left because a later
        digest of their reader has covered them, or is about to."""
        later = deliveries.alias("later")
        covered = exists().where(
            later.c.recipient == deliveries.c.recipient,
            unindexed(later.c.kind) == deliveries.c.kind,
            later.c.key > deliveries.c.key,
            later.c.state.in_(sorted(COUNTED | PENDING)),
        )
        # What was begun can be sent again only while it is known what it said.
        is_known = or_(deliveries.c.content_hash.is_(None), deliveries.c.bundle_hash.is_not(None))
        ended = and_(can(Event.RETRY), is_known)
        fits = deliveries.c.id.in_(select(deliveries.c.id).join(subscribers).where(ended, *fitting(wanted)))
        found = connection.scalar(select(func.count()).select_from(deliveries).where(fits)) or 0
        if wanted.edition:
            forget_kept(connection, [wanted.edition])
        queued = connection.execute(
            update(deliveries)
            .where(fits, ended, ~covered)
            .values(
                state=case((deliveries.c.attempt > 0, State.DEFERRED), else_=State.QUEUED),
                next_attempt_at=now,
                expires_at=expires_at,
            )
        ).rowcount
        return queued, found - queued


def _lock_readers(
    connection: Connection, plans: Sequence[tuple[Subscriber, Plan]]
) -> dict[SubscriberId, LockedReader]:
    """Lock the readers of these plans, in one order everywhere; return what the ledger says of those that there are."""
    due_at: dict[SubscriberId, datetime | None] = {}
    for ids in in_chunks(sorted(reader.id for reader, _ in plans)):
        found = connection.execute(
            select(subscribers.c.id, subscribers.c.next_due_at)
            .where(subscribers.c.id.in_(ids))
            .order_by(subscribers.c.id)
            .with_for_update()
        )
        due_at |= {SubscriberId(row.id): row.next_due_at for row in found}
    digests = _load_digests(connection, list(due_at), {plan.edition for _, plan in plans})
    return {
        reader: LockedReader(next_due_at, digests.get(reader, ())) for reader, next_due_at in due_at.items()
    }


def _load_digests(
    connection: Connection, readers: Sequence[SubscriberId], editions: Collection[str]
) -> dict[SubscriberId, list[PlannedDigest]]:
    """Return the digests of these readers that are pending, and those of these editions."""
    digests: dict[SubscriberId, dict[DeliveryId, PlannedDigest]] = defaultdict(dict)
    column = deliveries.c
    is_digest, is_planned = unindexed(column.kind) == Kind.DIGEST, column.key.in_(sorted(editions))
    columns = select(column.id, column.recipient, column.key, column.state)
    for ids in in_chunks(readers):
        of_readers = columns.where(column.recipient.in_(ids))
        # Each on its own, so that each is looked up in its index: a reader of years has a thousand rows.
        for which in (and_(IS_PENDING, is_digest), and_(column.kind == Kind.DIGEST, is_planned)):
            for row in connection.execute(of_readers.where(which)):
                digest = PlannedDigest(DeliveryId(row.id), row.key, State(row.state))
                digests[SubscriberId(row.recipient)][digest.id] = digest
    return {reader: list(found.values()) for reader, found in digests.items()}


def _expire_covered(
    connection: Connection,
    plans: Sequence[tuple[Subscriber, Plan]],
    locked: Mapping[SubscriberId, LockedReader],
) -> None:
    """Expire the waiting digests that those of these plans cover."""
    covered: dict[str, list[DeliveryId]] = defaultdict(list)
    for reader, plan in plans:
        covered[plan.edition] += list_covered(plan, locked[reader.id])
    for edition, others in covered.items():
        for ids in in_chunks(others):
            why = f"not sent in time: the digest of {edition} covers it"
            _expire(connection, deliveries.c.id.in_(ids), why)


def _list_rows(reader: SubscriberId, plan: Plan) -> list[dict[str, Any]]:
    """Return the rows that a plan writes: a skipped one for each slot that was missed, and a queued one."""
    digest = {"kind": Kind.DIGEST, "recipient": reader}
    rows = [
        {
            **digest,
            "key": skip.slot.local_on.isoformat(),
            "state": BEGINNINGS[Event.MISS],
            "slot_at": skip.slot.at,
            "next_attempt_at": skip.slot.at,
            "expires_at": skip.slot.at,
            "last_reply": skip.why,
        }
        for skip in plan.skipped
    ]
    if plan.slot is not None:
        rows.append(
            {
                **digest,
                "key": plan.edition,
                "state": BEGINNINGS[Event.PLAN],
                "slot_at": plan.slot.at,
                "next_attempt_at": plan.send_at or plan.slot.at,
                "expires_at": plan.expires_at,
                "last_reply": "",
            }
        )
    return rows


def _expire(connection: Connection, which: ColumnElement[bool], why: str) -> int:
    """Expire the waiting ones of these rows. The relay's last answer is kept beside the reason."""
    column = deliveries.c
    told = case((column.last_reply == "", why), else_=why + "; last: " + column.last_reply)
    expired = connection.execute(
        move_rows(Event.EXPIRE)
        .where(which)
        .values(last_reply=told)
        .returning(column.recipient, column.after_run, column.upto_run, column.uncertain_at)
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
            content_json=dump_notice(queued.notice, queued.language),
            state=BEGINNINGS[Event.PLAN],
            slot_at=now,
            next_attempt_at=now,
            expires_at=queued.expires_at,
        )
        .returning(deliveries.c.id)
    )
    return inserted.one_or_none() is not None
