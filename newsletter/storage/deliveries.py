"""The ledger in the database: plans, claims, the fence before DATA, outcomes and counts.

Every state changes by an UPDATE that names the state it comes from, so that of two processes one wins.
A reader's counted_run moves in the same transaction as the state that counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.model import (
    COUNTED,
    Deferred,
    Delivery,
    DeliveryId,
    EmailAddress,
    EntryDelivery,
    EntryId,
    Frozen,
    Instance,
    InstanceId,
    Kind,
    LedgerCount,
    OnUncertain,
    Outcome,
    Plan,
    PlanResult,
    Rejected,
    State,
    Subscriber,
    SubscriberId,
    Uncertain,
    Window,
    state_of,
)
from newsletter.storage.engine import Database, in_chunks, insert_or_ignore, insert_or_update
from newsletter.storage.tables import (
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
_ORDER_OF_STATES = {state: place for place, state in enumerate(State)}


class SqlDeliveryStore:
    """The ledger of one database. See newsletter.ports.DeliveryStore."""

    def __init__(self, database: Database) -> None:
        self._database = database
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
        async with self._database.write() as connection:
            released = await _release(connection, instance)
            lost = (
                await connection.execute(
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
                )
            ).all()
            for row in lost:
                await _save_attempt(connection, row.id, row.attempt, State.UNCERTAIN, row.last_reply, now)
                await _count(connection, row)
            return released, len(lost)

    async def retire_instance(self, instance: InstanceId) -> None:
        """Forget an instance that ended cleanly and holds nothing."""
        holding = exists().where(deliveries.c.claimed_by == instance, deliveries.c.state.in_(_HELD))
        async with self._database.write() as connection:
            await connection.execute(delete(instances).where(instances.c.id == instance, ~holding))

    # --- plan -----------------------------------------------------------------------------

    async def plan(self, subscriber: Subscriber, plan: Plan, now: datetime) -> PlanResult:
        """Move next_due_at by compare-and-set from subscriber.next_due_at and write the plan's rows.

        The reader's open digest, if any: queued or deferred ones expire (last_reply says that the next one
        covers it); one that is claimed or in_data makes it BUSY. A row that exists already for (kind, key,
        recipient) is left alone.
        """
        async with self._database.write() as connection:
            if not await _move_next_due(connection, subscriber, plan.next_due_at):
                return PlanResult.LOST
            if not await _merge_open_digest(connection, subscriber.id, plan):
                await connection.rollback()
                return PlanResult.BUSY
            await _insert_skipped(connection, subscriber.id, plan)
            await _insert_planned(connection, subscriber.id, plan)
            return PlanResult.PLANNED

    async def queue_now(self, subscriber: Subscriber, plan: Plan, now: datetime) -> PlanResult:
        """As plan, but next_due_at is only moved (by compare-and-set) if plan.next_due_at is later than it;
        PLANNED only if the row is new, LOST otherwise."""
        async with self._database.write() as connection:
            # Moved to where it is, it is a lock: plans of one reader come one after the other.
            later = max(plan.next_due_at, subscriber.next_due_at or plan.next_due_at)
            if not await _move_next_due(connection, subscriber, later):
                return PlanResult.LOST
            if not await _insert_planned(connection, subscriber.id, plan):
                await connection.rollback()
                return PlanResult.LOST
            if not await _merge_open_digest(connection, subscriber.id, plan):
                await connection.rollback()
                return PlanResult.BUSY
            await _insert_skipped(connection, subscriber.id, plan)
            return PlanResult.PLANNED

    async def expire(self, now: datetime) -> int:
        """Expire queued and deferred rows with expires_at <= now; return how many."""
        async with self._database.write() as connection:
            return await _expire(
                connection, deliveries.c.expires_at <= now, "it could not be sent before its time was over"
            )

    # --- send -----------------------------------------------------------------------------

    async def claim(
        self,
        instance: InstanceId,
        now: datetime,
        limit: int,
        on_uncertain: OnUncertain,
        edition: str | None = None,
    ) -> Sequence[Delivery]:
        """Claim rows that can be sent now; return them by slot then id, each with its Frozen if it has one.

        Those are queued ones, deferred ones whose next_attempt_at has come, and with resend_once uncertain
        ones with resends 0. Those whose expires_at has come are left. Their state is committed as ``claimed``
        when this returns.
        """
        conditions = [
            deliveries.c.state == State.QUEUED,
            and_(deliveries.c.state == State.DEFERRED, deliveries.c.next_attempt_at <= now),
        ]
        if on_uncertain is OnUncertain.RESEND_ONCE:
            conditions.append(and_(deliveries.c.state == State.UNCERTAIN, deliveries.c.resends == 0))
        everywhere = [deliveries.c.expires_at > now]
        if edition is not None:
            everywhere.append(deliveries.c.key == edition)
        # One short list of each state, so that each is read along its index and none is sorted as a whole.
        lists = [
            select(deliveries.c.id, deliveries.c.slot_at)
            .where(condition, *everywhere)
            .order_by(deliveries.c.slot_at, deliveries.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .subquery()
            for condition in conditions
        ]
        candidates = union_all(*(select(part.c.id, part.c.slot_at) for part in lists)).subquery()
        chosen = (
            select(candidates.c.id).order_by(candidates.c.slot_at, candidates.c.id).limit(limit).cte("chosen")
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
        async with self._database.write() as connection:
            rows = (await connection.execute(claim)).all()
            return await _read_deliveries(connection, sorted(rows, key=lambda row: (row.slot_at, row.id)))

    async def mark_in_data(
        self, delivery: DeliveryId, instance: InstanceId, frozen: Frozen, now: datetime
    ) -> bool:
        """The fence: freeze the digest, count the attempt and commit ``in_data``, only where claimed by me.

        Returns False where the claim was lost: then no DATA may follow. Counts a resend where uncertain_at is
        set. What is frozen already stays as it is.
        """
        fence = (
            update(deliveries)
            .where(
                deliveries.c.id == delivery,
                deliveries.c.claimed_by == instance,
                deliveries.c.state == State.CLAIMED,
            )
            .values(
                state=State.IN_DATA,
                attempt=deliveries.c.attempt + 1,
                resends=deliveries.c.resends + case((deliveries.c.uncertain_at.is_(None), 0), else_=1),
            )
        )
        async with self._database.write() as connection:
            again = await connection.execute(fence.where(deliveries.c.content_hash.is_not(None)))
            if again.rowcount:
                return True
            fresh = {frozen.bundle_hash, *frozen.cards} - self._kept
            if fresh:
                await _save_shared_content(connection, frozen)
            first = await connection.execute(
                fence.where(deliveries.c.content_hash.is_(None)).values(_frozen_row(frozen))
            )
            if not first.rowcount:
                await connection.rollback()
                return False
            await _save_delivery_entries(connection, delivery, frozen)
        self._kept |= fresh
        return True

    async def save_outcome(
        self, delivery: DeliveryId, instance: InstanceId, outcome: Outcome, now: datetime
    ) -> None:
        """Write what the relay said, with a row in attempts.

        Accepted and uncertain move counted_run of the reader to the window's upper bound; rejected after
        uncertain moves it back to the window's lower bound. Rejected with suppress adds a suppression.
        Deferred releases the claim. Takes rows in in_data and in claimed: those were refused at MAIL or RCPT,
        and the attempt is counted here.

        A claim that was voided meanwhile is over, whatever the relay said, but for one case: Accepted settles
        the uncertain row that this instance had in data.
        """
        state = state_of(outcome)
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    select(deliveries).where(deliveries.c.id == delivery).with_for_update()
                )
            ).one_or_none()
            if row is None:
                return
            held = row.claimed_by == instance and row.state in _HELD
            settles = state is State.ACCEPTED and row.state == State.UNCERTAIN and row.lost_by == instance
            if not held and not settles:
                return
            changes: dict[str, Any] = {"state": state, "last_reply": outcome.reply, **_RELEASED}
            if row.state == State.CLAIMED:
                changes["attempt"] = row.attempt + 1
            if isinstance(outcome, Deferred):
                changes["next_attempt_at"] = outcome.retry_at
            if isinstance(outcome, Uncertain):
                changes["uncertain_at"] = row.uncertain_at or now
            await connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(changes))
            number = changes.get("attempt", row.attempt)
            await _save_attempt(connection, delivery, number, state, outcome.reply, now)
            if state in COUNTED:
                await _count(connection, row)
            elif state is State.REJECTED:
                await _uncount(connection, row)
            if isinstance(outcome, Rejected) and outcome.suppress:
                await _suppress(connection, row, outcome.reply, now)

    async def close(
        self,
        delivery: DeliveryId,
        instance: InstanceId,
        state: State,
        why: str,
        window: Window | None,
        now: datetime,
    ) -> None:
        """End a claimed row without a mail: empty (with its window, which counts), suppressed, rejected
        (a digest that cannot be built), or expired. Nothing happens where the claim was lost."""
        changes: dict[str, Any] = {"state": state, "last_reply": why, **_RELEASED}
        if window is not None:
            changes |= {"after_run": window.after_run, "upto_run": window.upto_run}
        async with self._database.write() as connection:
            row = (
                await connection.execute(
                    update(deliveries)
                    .where(
                        deliveries.c.id == delivery,
                        deliveries.c.claimed_by == instance,
                        deliveries.c.state == State.CLAIMED,
                    )
                    .values(changes)
                    .returning(deliveries)
                )
            ).one_or_none()
            if row is None:
                return
            if state in COUNTED:
                await _count(connection, row)
            else:
                await _uncount(connection, row)

    async def release(self, instance: InstanceId, now: datetime) -> int:
        """Put this instance's rows in ``claimed`` back as they were; return how many."""
        async with self._database.write() as connection:
            return await _release(connection, instance)

    # --- look -----------------------------------------------------------------------------

    async def load_shown(
        self, subscribers: Collection[SubscriberId]
    ) -> Mapping[SubscriberId, frozenset[EntryId]]:
        """Return the entries of each reader's counted digests, those over a limit included; by each id given.

        One that is in data counts already: nobody can say any more that it will not arrive.
        """
        shown: dict[SubscriberId, set[EntryId]] = {subscriber: set() for subscriber in subscribers}
        async with self._database.read() as connection:
            for ids in in_chunks(subscribers):
                rows = await connection.execute(
                    select(deliveries.c.recipient, delivery_entries.c.entry)
                    .join(deliveries, deliveries.c.id == delivery_entries.c.delivery)
                    .where(
                        deliveries.c.recipient.in_(ids),
                        deliveries.c.state.in_([*COUNTED, State.IN_DATA]),
                    )
                )
                for recipient, entry in rows:
                    shown[SubscriberId(recipient)].add(EntryId(entry))
        return {subscriber: frozenset(entries) for subscriber, entries in shown.items()}

    async def load_counts(self, editions: int | None = None) -> Sequence[LedgerCount]:
        """Return the counts of the newest ``editions`` editions (all with None), newest first, the states of
        each in the order of State."""
        digests = deliveries.c.kind == Kind.DIGEST
        counting = (
            select(deliveries.c.key, deliveries.c.state, func.count().label("count"))
            .where(digests)
            .group_by(deliveries.c.key, deliveries.c.state)
            .order_by(deliveries.c.key.desc())
        )
        if editions is not None:
            newest = select(deliveries.c.key).where(digests).distinct()
            newest = newest.order_by(deliveries.c.key.desc()).limit(editions)
            counting = counting.where(deliveries.c.key.in_(newest.subquery().select()))
        async with self._database.read() as connection:
            counts = [
                LedgerCount(edition, State(state), count)
                for edition, state, count in await connection.execute(counting)
            ]
        counts.sort(key=lambda count: _ORDER_OF_STATES[count.state])
        return sorted(counts, key=lambda count: count.edition, reverse=True)

    async def load_entry_deliveries(self, entry: EntryId) -> Sequence[EntryDelivery]:
        """Return the digests that have this entry, shown or over a limit, the newest edition first, then by
        address."""
        async with self._database.read() as connection:
            rows = await connection.execute(
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

    async def load_unreached(self, edition: str) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return the rows of an edition that are neither accepted nor empty, with the address, by address."""
        return await self._load_edition(edition, deliveries.c.state.not_in([State.ACCEPTED, State.EMPTY]))

    async def load_edition(self, edition: str) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return all the rows of an edition, by address."""
        return await self._load_edition(edition)

    async def has_work(self, now: datetime) -> bool:
        """Tell whether a pass of sending would find anything: rows that could be claimed or have expired, or
        claims of others."""
        state = deliveries.c.state
        due = or_(deliveries.c.next_attempt_at <= now, deliveries.c.expires_at <= now)
        kinds_of_work = (
            state.in_([State.QUEUED, *_HELD]),
            and_(state == State.DEFERRED, due),
            and_(state == State.UNCERTAIN, deliveries.c.resends == 0, deliveries.c.expires_at > now),
        )
        # Each on its own, so that each is looked up in an index.
        async with self._database.read() as connection:
            return bool(
                await connection.scalar(select(or_(*(exists().where(work) for work in kinds_of_work))))
            )

    async def _load_edition(
        self, edition: str, *which: ColumnElement[bool]
    ) -> Sequence[tuple[Delivery, EmailAddress]]:
        address = func.coalesce(deliveries.c.address, subscribers.c.address).label("mailed_to")
        async with self._database.read() as connection:
            rows = (
                await connection.execute(
                    select(deliveries, address)
                    .join(subscribers)
                    .where(deliveries.c.kind == Kind.DIGEST, deliveries.c.key == edition, *which)
                    .order_by(address, deliveries.c.id)
                )
            ).all()
            found = await _read_deliveries(connection, rows)
            return [
                (delivery, EmailAddress(row.mailed_to)) for delivery, row in zip(found, rows, strict=True)
            ]


# --- pieces of a transaction --------------------------------------------------------------


async def _move_next_due(connection: AsyncConnection, subscriber: Subscriber, to: datetime) -> bool:
    """Move next_due_at, if it still is where it was; else return False."""
    moved = await connection.execute(
        update(subscribers)
        .where(
            subscribers.c.id == subscriber.id,
            subscribers.c.next_due_at.is_not_distinct_from(subscriber.next_due_at),
        )
        .values(next_due_at=to)
    )
    return moved.rowcount > 0


async def _merge_open_digest(connection: AsyncConnection, reader: SubscriberId, plan: Plan) -> bool:
    """Expire the reader's open digest in favour of the planned one; False where it must be settled first.

    Without a new digest there is nothing that could cover the old one, so it stays.
    """
    if plan.slot is None:
        return True
    others = and_(
        deliveries.c.recipient == reader,
        deliveries.c.kind == Kind.DIGEST,
        deliveries.c.key != plan.slot.local_on.isoformat(),
    )
    edition = plan.slot.local_on.isoformat()
    await _expire(connection, others, f"not sent in time: the digest of {edition} covers it")
    busy = await connection.scalar(select(exists().where(others, deliveries.c.state.in_(_HELD))))
    return not busy


async def _insert_planned(connection: AsyncConnection, reader: SubscriberId, plan: Plan) -> bool:
    """Queue the planned digest once; False where there is none, or its row exists."""
    if plan.slot is None:
        return False
    queued = await connection.execute(
        insert_or_ignore(connection, deliveries)
        .values(
            kind=Kind.DIGEST,
            key=plan.slot.local_on.isoformat(),
            recipient=reader,
            state=State.QUEUED,
            slot_at=plan.slot.at,
            expires_at=plan.expires_at,
        )
        .returning(deliveries.c.id)
    )
    return queued.one_or_none() is not None


async def _insert_skipped(connection: AsyncConnection, reader: SubscriberId, plan: Plan) -> None:
    """Write down the slots that get no digest of their own."""
    if not plan.skipped:
        return
    await connection.execute(
        insert_or_ignore(connection, deliveries),
        [
            {
                "kind": Kind.DIGEST,
                "key": skip.slot.local_on.isoformat(),
                "recipient": reader,
                "state": State.SKIPPED,
                "slot_at": skip.slot.at,
                "expires_at": skip.slot.at,
                "last_reply": skip.why,
            }
            for skip in plan.skipped
        ],
    )


async def _expire(connection: AsyncConnection, which: ColumnElement[bool], why: str) -> int:
    """Expire the waiting ones of these rows. The relay's last answer is kept beside the reason."""
    expired = (
        await connection.execute(
            update(deliveries)
            .where(which, deliveries.c.state.in_(_WAITING))
            .values(
                state=State.EXPIRED,
                last_reply=case(
                    (deliveries.c.last_reply == "", why), else_=why + "; last: " + deliveries.c.last_reply
                ),
            )
            .returning(
                deliveries.c.recipient,
                deliveries.c.after_run,
                deliveries.c.upto_run,
                deliveries.c.uncertain_at,
            )
        )
    ).all()
    for row in expired:
        await _uncount(connection, row)
    return len(expired)


async def _release(connection: AsyncConnection, instance: InstanceId) -> int:
    """Put the claimed rows of an instance back as they were."""
    released = await connection.execute(
        update(deliveries)
        .where(deliveries.c.claimed_by == instance, deliveries.c.state == State.CLAIMED)
        .values(state=deliveries.c.state_before_claim, **_RELEASED)
    )
    return released.rowcount


async def _count(connection: AsyncConnection, row: Row[Any]) -> None:
    """The window of this row is done: later digests of its reader begin after it."""
    await connection.execute(
        update(subscribers)
        .where(subscribers.c.id == row.recipient, subscribers.c.counted_run < row.upto_run)
        .values(counted_run=row.upto_run)
    )


async def _uncount(connection: AsyncConnection, row: Row[Any]) -> None:
    """The mail of this row counted while it was uncertain and failed since: its window is the next one's.

    Nothing happens where it was never uncertain, or where a later digest has counted since.
    """
    if row.uncertain_at is None:
        return
    await connection.execute(
        update(subscribers)
        .where(subscribers.c.id == row.recipient, subscribers.c.counted_run == row.upto_run)
        .values(counted_run=row.after_run)
    )


async def _suppress(connection: AsyncConnection, row: Row[Any], reason: str, now: datetime) -> None:
    """Mail the address of this row no more: the one it was frozen with, else its reader's."""
    address = row.address or await connection.scalar(
        select(subscribers.c.address).where(subscribers.c.id == row.recipient)
    )
    await connection.execute(
        insert_or_ignore(connection, suppressions).values(
            address=address, reason=reason, since=now, lifted_why=""
        )
    )


async def _save_attempt(
    connection: AsyncConnection, delivery: int, number: int, state: State, reply: str, now: datetime
) -> None:
    """Write how one attempt ended; the answer that came late replaces the guess of a voided claim."""
    await connection.execute(
        insert_or_update(connection, attempts).values(
            delivery=delivery, number=number, at=now, outcome=state, reply=reply
        )
    )


async def _save_shared_content(connection: AsyncConnection, frozen: Frozen) -> None:
    """Keep the bundle and the cards once for all the mails that use them."""
    await connection.execute(
        insert_or_ignore(connection, bundles).values(hash=frozen.bundle_hash, json=frozen.bundle_json)
    )
    if frozen.cards:
        # In one order everywhere: two transactions that insert the same cards would else wait for each other.
        await connection.execute(
            insert_or_ignore(connection, cards),
            [{"hash": card_hash, "json": card} for card_hash, card in sorted(frozen.cards.items())],
        )


async def _save_delivery_entries(connection: AsyncConnection, delivery: DeliveryId, frozen: Frozen) -> None:
    """Write which entries the digest shows, in its order."""
    if not frozen.entry_ids:
        return
    await connection.execute(
        insert_or_ignore(connection, delivery_entries),
        [
            {"delivery": delivery, "entry": entry, "topic": topic, "position": position, "shown": shown}
            for position, (entry, topic, shown) in enumerate(frozen.entry_ids)
        ],
    )


# --- rows and values ----------------------------------------------------------------------


def _frozen_row(frozen: Frozen) -> dict[str, Any]:
    return {
        "address": frozen.address,
        "after_run": frozen.window.after_run,
        "upto_run": frozen.window.upto_run,
        "digest_json": frozen.digest_json,
        "card_hashes": json.dumps(sorted(frozen.cards)),
        "bundle_hash": frozen.bundle_hash,
        "content_hash": frozen.content_hash,
        "size_bytes": frozen.size_bytes,
    }


async def _read_deliveries(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Delivery]:
    """Return the deliveries of these rows, in their order, with what is frozen of each."""
    frozen = [row for row in rows if row.content_hash is not None]
    hashes = {row.id: json.loads(row.card_hashes) for row in frozen}
    card_of = await _load_by_hash(connection, cards, {one for some in hashes.values() for one in some})
    bundle_of = await _load_by_hash(connection, bundles, {row.bundle_hash for row in frozen})
    entries_of: dict[int, list[tuple[EntryId, str, bool]]] = defaultdict(list)
    for ids in in_chunks([row.id for row in frozen]):
        for shown in await connection.execute(
            select(delivery_entries)
            .where(delivery_entries.c.delivery.in_(ids))
            .order_by(delivery_entries.c.delivery, delivery_entries.c.position)
        ):
            entries_of[shown.delivery].append((EntryId(shown.entry), shown.topic, shown.shown))
    frozen_of = {
        row.id: Frozen(
            digest_json=row.digest_json,
            cards={card_hash: card_of[card_hash] for card_hash in hashes[row.id]},
            bundle_hash=row.bundle_hash,
            bundle_json=bundle_of[row.bundle_hash],
            content_hash=row.content_hash,
            address=EmailAddress(row.address),
            window=Window(row.after_run, row.upto_run),
            size_bytes=row.size_bytes,
            entry_ids=tuple(entries_of[row.id]),
        )
        for row in frozen
    }
    return [_read_delivery(row, frozen_of.get(row.id)) for row in rows]


async def _load_by_hash(connection: AsyncConnection, table: Table, hashes: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in in_chunks(hashes):
        for row in await connection.execute(select(table).where(table.c.hash.in_(some))):
            found[row.hash] = row.json
    return found


def _read_delivery(row: Row[Any], frozen: Frozen | None) -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        kind=Kind(row.kind),
        key=row.key,
        recipient=SubscriberId(row.recipient),
        state=State(row.state),
        slot_at=row.slot_at,
        expires_at=row.expires_at,
        address=EmailAddress(row.address) if row.address else None,
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        last_reply=row.last_reply,
        uncertain_at=row.uncertain_at,
        resends=row.resends,
        frozen=frozen,
    )
