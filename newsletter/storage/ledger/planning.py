"""What is due: the rows of the ledger before anybody sends them, and those that are queued again.

A plan is one transaction: it locks the readers that it is about, decides reader by reader, and moves next_due_at
with the rows that it writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, or_, select

from newsletter.compose.snapshot import dump_notice
from newsletter.deliver.ledger_rules import (
    BEGINNINGS,
    TRANSITIONS,
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
from newsletter.model.readers import Scheduled, SubscriberId
from newsletter.storage.dialects import in_chunks, insert_or_ignore, unindexed
from newsletter.storage.engine import Store, writing
from newsletter.storage.ledger.bulk import are_among, dump_ids, insert_rows, update_rows
from newsletter.storage.ledger.kept import forget_kept
from newsletter.storage.ledger.moves import end_all, keep_answers
from newsletter.storage.ledger.reads import fitting
from newsletter.storage.ledger.view import build_ledger, ended_ledger, ledger
from newsletter.storage.tables import contents, deliveries, outcomes, queue, subscribers

_KEPT = (
    *("kind", "recipient", "edition", "slot_at", "attempt", "resends", "uncertain_at"),
    *("last_reply", "relay"),
)
"""What a delivery that is queued again takes along."""


class Planning(Store):
    """What is due, in one database: put into the queue, and taken out of it without having been claimed."""

    @writing
    def plan(
        self,
        connection: Connection,
        plans: Sequence[tuple[Scheduled, Plan]],
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
        locked = _lock_readers(connection, plans, by_hand=by_hand)
        results = [judge_plan(reader, plan, locked.get(reader.id), by_hand=by_hand) for reader, plan in plans]
        taken = [one for one, result in zip(plans, results, strict=True) if result is PlanResult.PLANNED]
        _expire_covered(connection, taken, locked)
        _write_plans(connection, taken)
        moved = [
            {"id": reader.id, "next_due_at": choose_next_due(reader, plan, by_hand=by_hand)}
            for reader, plan in taken
        ]
        update_rows(connection, subscribers, moved)
        return results

    @writing
    def queue_notice(self, connection: Connection, notice: QueuedNotice, now: datetime) -> bool:
        """Queue one mail that is no digest once; False where there is a row already for (kind, key, recipient)."""
        return insert_notice(connection, notice, now)

    @writing
    def expire(self, connection: Connection, now: datetime) -> int:
        """Expire queued and deferred rows with expires_at <= now; return how many."""
        why = "it could not be sent before its time was over"
        return end_all(connection, Event.EXPIRE, why, queue.c.expires_at <= now, keep_reply=True)

    @writing
    def skip_until(self, connection: Connection, until: datetime, why: str) -> int:
        """Skip the queued and deferred rows whose slot lies at or before ``until``, also those that are
        claimed and have not come to the fence; return how many."""
        was_waiting = or_(queue.c.state != State.CLAIMED, queue.c.state_before_claim.in_(WAITING))
        return end_all(connection, Event.SKIP, why, was_waiting, queue.c.slot_at <= until)

    @writing
    def retry(
        self, connection: Connection, wanted: DeliveryFilter, now: datetime, expires_at: datetime
    ) -> tuple[int, int]:
        """Queue rejected and expired rows that fit again; return how many, and how many were left because a later
        digest of their reader has covered them, or is about to."""
        column, later = ended_ledger.c, build_ledger("later")
        covered = exists().where(
            later.c.recipient == column.recipient,
            unindexed(later.c.kind) == column.kind,
            later.c.key > column.key,
            later.c.state.in_(sorted(COUNTED | PENDING)),
        )
        # What was begun can be sent again only while it is known what it said.
        is_known = or_(column.content_hash.is_(None), column.content_json.is_not(None))
        fits = fitting(replace(wanted, edition=""), ended_ledger)
        if wanted.edition:
            fits.append(column.edition == wanted.edition)
        found = connection.execute(
            select(column.id, covered.label("is_covered"))
            .join(subscribers, subscribers.c.id == column.recipient)
            .where(column.state.in_(list(TRANSITIONS[Event.RETRY])), is_known, *fits)
        ).all()
        if wanted.edition:
            forget_kept(connection, [wanted.edition])
        again = [row.id for row in found if not row.is_covered]
        queued = sum(_queue_again(connection, some, now, expires_at) for some in in_chunks(again))
        return queued, len(found) - len(again)


def _queue_again(connection: Connection, ids: Collection[int], now: datetime, expires_at: datetime) -> int:
    """Put deliveries that have ended back into the queue; return how many. What has changed meanwhile is left."""
    column = outcomes.c
    rows = connection.execute(
        select(outcomes, deliveries.c.kind, deliveries.c.recipient, deliveries.c.slot_at)
        .join_from(outcomes, deliveries, deliveries.c.id == column.delivery)
        .where(column.delivery.in_(ids), column.state.in_(list(TRANSITIONS[Event.RETRY])))
        .order_by(column.delivery)
        .with_for_update(of=outcomes)
    ).all()
    insert_rows(
        connection,
        queue,
        [
            {
                "id": row.delivery,
                "state": State.DEFERRED if row.attempt > 0 else State.QUEUED,
                "next_attempt_at": now,
                "expires_at": expires_at,
                **{name: getattr(row, name) for name in _KEPT},
            }
            for row in rows
        ],
    )
    these = [row.delivery for row in rows]
    keep_answers(connection, these)
    connection.execute(delete(outcomes).where(column.delivery.in_(these)))
    return len(these)


def _lock_readers(
    connection: Connection, plans: Sequence[tuple[Scheduled, Plan]], *, by_hand: bool
) -> dict[SubscriberId, LockedReader]:
    """Lock the readers of these plans, in one order everywhere; return what the ledger says of those that there are."""
    ids = dump_ids(connection.dialect.name, (reader.id for reader, _ in plans))
    locking = (
        select(subscribers.c.id, subscribers.c.next_due_at)
        .where(are_among(connection.dialect.name, subscribers.c.id))
        .order_by(subscribers.c.id)
        .with_for_update(of=subscribers)
    )
    due_at = {SubscriberId(number): at for number, at in connection.execute(locking, ids)}
    digests = _load_digests(connection, ids, {plan.edition for _, plan in plans} if by_hand else set())
    return {reader: LockedReader(at, digests.get(reader, ())) for reader, at in due_at.items()}


def _load_digests(
    connection: Connection, readers: Mapping[str, str], editions: Collection[str]
) -> dict[SubscriberId, list[PlannedDigest]]:
    """Return the digests of these readers that are pending, and those of these editions."""
    pending = select(queue.c.id, queue.c.recipient, queue.c.edition, queue.c.state).where(
        are_among(connection.dialect.name, queue.c.recipient),
        queue.c.edition.is_not(None),
        queue.c.state.in_(sorted(PENDING)),
    )
    found = {row.id: row for row in connection.execute(pending, readers)}
    if editions:
        # On its own, so that each is looked up in its index: a reader of years has a thousand rows.
        column = ledger.c
        planned = select(column.id, column.recipient, column.key, column.state).where(
            are_among(connection.dialect.name, column.recipient),
            column.kind == Kind.DIGEST,
            column.key.in_(sorted(editions)),
        )
        found |= {row.id: row for row in connection.execute(planned, readers)}
    digests: dict[SubscriberId, list[PlannedDigest]] = defaultdict(list)
    for number, reader, edition, state in found.values():
        digests[SubscriberId(reader)].append(PlannedDigest(DeliveryId(number), edition, State(state)))
    return digests


def _expire_covered(
    connection: Connection,
    plans: Sequence[tuple[Scheduled, Plan]],
    locked: Mapping[SubscriberId, LockedReader],
) -> None:
    """Expire the waiting digests that those of these plans cover."""
    covered: dict[str, list[DeliveryId]] = defaultdict(list)
    for reader, plan in plans:
        covered[plan.edition] += list_covered(plan, locked[reader.id])
    for edition, others in covered.items():
        for ids in in_chunks(others):
            why = f"not sent in time: the digest of {edition} covers it"
            end_all(connection, Event.EXPIRE, why, queue.c.id.in_(ids), keep_reply=True)


def _write_plans(connection: Connection, plans: Sequence[tuple[Scheduled, Plan]]) -> None:
    """Write the deliveries of these plans that are not there yet: for each slot that was missed one that ends at once,
    and one that is queued."""
    missed = {
        (reader.id, skip.slot.local_on.isoformat()): skip for reader, plan in plans for skip in plan.skipped
    }
    due = {(reader.id, plan.edition): plan for reader, plan in plans if plan.slot is not None}
    slots = {which: plan.slot.at for which, plan in due.items() if plan.slot is not None}
    slots |= {which: skip.slot.at for which, skip in missed.items()}
    new = insert_rows(
        connection,
        deliveries,
        [
            {"kind": Kind.DIGEST, "key": edition, "recipient": reader, "slot_at": at}
            for (reader, edition), at in slots.items()
        ],
        returning=("id", "recipient", "key"),
    )
    places = {(SubscriberId(row.recipient), row.key): row.id for row in new}
    begun = {which: number for which, number in places.items() if which not in missed}
    ended = {which: number for which, number in places.items() if which in missed}
    insert_rows(
        connection, outcomes, [_build_missed(ended[which], missed[which].why, which[1]) for which in ended]
    )
    insert_rows(
        connection,
        queue,
        [
            {
                "id": number,
                "kind": Kind.DIGEST,
                "edition": edition,
                "recipient": reader,
                "state": BEGINNINGS[Event.PLAN],
                "slot_at": slots[reader, edition],
                "next_attempt_at": due[reader, edition].send_at or slots[reader, edition],
                "expires_at": due[reader, edition].expires_at,
            }
            for (reader, edition), number in begun.items()
        ],
    )
    forget_kept(connection, {edition for _, edition in places})


def _build_missed(delivery: int, why: str, edition: str) -> dict[str, Any]:
    """Return the outcome of a digest whose slot was missed."""
    nothing = {"answered_at": None, "uncertain_at": None, "attempt": 0, "resends": 0, "relay": ""}
    state = BEGINNINGS[Event.MISS]
    return {"delivery": delivery, "edition": edition, "state": state, "last_reply": why, **nothing}


def insert_notice(connection: Connection, queued: QueuedNotice, now: datetime) -> bool:
    """Queue one mail that is no digest; see Planning.queue_notice."""
    inserting = insert_or_ignore(connection, deliveries).values(
        kind=queued.kind, key=queued.key, recipient=queued.recipient, slot_at=now, address=queued.address
    )
    number = connection.scalar(inserting.returning(deliveries.c.id))
    if number is None:
        return False
    connection.execute(
        insert(queue).values(
            id=number,
            kind=queued.kind,
            recipient=queued.recipient,
            state=BEGINNINGS[Event.PLAN],
            slot_at=now,
            next_attempt_at=now,
            expires_at=queued.expires_at,
        )
    )
    content_json = dump_notice(queued.notice, queued.language)
    connection.execute(insert(contents).values(delivery=number, slot_at=now, json=content_json))
    return True
