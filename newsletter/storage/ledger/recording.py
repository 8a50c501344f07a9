"""What became of a mail: the fence before DATA, and the outcomes.

Each method that writes is one transaction: it locks the rows that it is about, decides row by row, and writes
what is new. A state changes only from the state that was read under the lock, so of two processes one wins.
A reader's counted_run moves in the same transaction as the state that counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from newsletter.compose.snapshot import dump_shown
from newsletter.deliver.ledger_rules import (
    Event,
    LockedDelivery,
    choose_changes,
    choose_counted,
    choose_snapshot,
    choose_state,
    is_forgotten,
    may_write,
    was_written,
)
from newsletter.errors import FellBehindError
from newsletter.model.ledger import (
    OPEN,
    CloseDelivery,
    DeliveryId,
    InstanceId,
    LedgerStep,
    RecordOutcome,
    Snapshot,
    State,
)
from newsletter.model.mail import Rejected, Weight
from newsletter.model.reports import DEFAULT_POLICY, StrikePolicy
from newsletter.storage.dialects import insert_or_ignore
from newsletter.storage.engine import Database, Store, writing
from newsletter.storage.epoch import FORGOTTEN, EpochGuard
from newsletter.storage.ledger.bulk import insert_rows, update_rows, upsert_rows
from newsletter.storage.ledger.moves import (
    build_outcome,
    end_all,
    end_rows,
    lock_rows,
    move_counted,
    move_rows,
)
from newsletter.storage.ledger.view import ledger
from newsletter.storage.suppressions import weigh_failure
from newsletter.storage.tables import (
    attempts,
    bundles,
    cards,
    contents,
    mails,
    queue,
    subscribers,
)


class Recording(Store):
    """What became of mails, in one database. Without a guard its counter is never moved."""

    def __init__(
        self, database: Database, guard: EpochGuard | None = None, policy: StrikePolicy = DEFAULT_POLICY
    ) -> None:
        super().__init__(database)
        self._guard = guard
        self._policy = policy
        # The hashes of cards and bundles that are known to be in the database: nothing takes them out.
        self._kept: set[str] = set()

    async def record(
        self, instance: InstanceId, steps: Sequence[LedgerStep], now: datetime, *, guarded: bool = True
    ) -> Sequence[bool]:
        """Write the steps of different deliveries in one transaction; return of each whether it took effect.

        What each means, and when it takes effect, is in deliver/ledger_rules.py. Where a BeginData took none the claim
        was lost, and no DATA may follow. The same steps may be written again, where the answer to the first commit was
        lost: attempts are numbered. guarded: the counter of storage/epoch.py moves with them. Raises FellBehindError
        where the database is not the one that sent last; then nothing is written.
        """
        guard = (
            self._guard if guarded and any(not isinstance(step, CloseDelivery) for step in steps) else None
        )

        def work(connection: Connection) -> tuple[Sequence[bool], set[str], Mapping[str, int]]:
            rows = _load_deliveries(connection, [step.delivery for step in steps])
            judged = [(step, rows.get(step.delivery)) for step in steps]
            if any(is_forgotten(step, row) for step, row in judged):
                raise FellBehindError(FORGOTTEN)
            wanted = [(step, row) for step, row in judged if row and may_write(step, row, instance)]
            fresh = self._freeze(connection, wanted)
            _write_steps(connection, wanted, self._policy, now)
            took = {step.delivery for step, _ in wanted}
            again = {step.delivery for step, row in judged if row and was_written(step, row, instance)}
            moved = guard.move(connection) if guard else {}
            return [step.delivery in took | again for step in steps], fresh, moved

        def keep(done: tuple[Sequence[bool], set[str], Mapping[str, int]]) -> None:
            if guard:
                guard.keep(done[2])

        results, fresh, _ = await self._database.write(work, keep)
        self._kept |= fresh
        return results

    def _freeze(
        self, connection: Connection, wanted: Sequence[tuple[LedgerStep, LockedDelivery]]
    ) -> set[str]:
        """Keep what mails freeze; return the hashes of cards and bundles that are in the database now."""
        frozen = [(row, found) for step, row in wanted if (found := choose_snapshot(step, row))]
        fresh = {name for _, one in frozen for name in (one.bundle_hash, *one.cards)}
        if fresh - self._kept:
            _save_shared_content(connection, [one for _, one in frozen], self._kept)
        _save_mails(connection, frozen)
        return fresh

    @writing
    def resolve(
        self, connection: Connection, delivery: DeliveryId, accepted: bool, why: str, expires_at: datetime
    ) -> bool:
        """Settle an uncertain row by hand: it was accepted, or it was not sent and is tried again until expires_at.
        False where it is not uncertain."""
        told, this = f"resolved by the operator: {why}", queue.c.id == delivery
        if accepted:
            return end_all(connection, Event.CONFIRM, told, this) > 0
        again = move_rows(Event.DENY).where(this).values(expires_at=expires_at, last_reply=told)
        return connection.execute(again).rowcount > 0


def _load_deliveries(connection: Connection, ids: Sequence[DeliveryId]) -> dict[DeliveryId, LockedDelivery]:
    """Lock these deliveries where they are open, and return by id what decisions need of them."""
    rows = {row.id: row for row in lock_rows(connection, ids)}
    if ended := [one for one in ids if one not in rows]:
        column = ledger.c
        columns = select(column.id, column.recipient, column.state, column.attempt)
        for row in connection.execute(columns.where(column.id.in_(ended))):
            rows[row.id] = LockedDelivery(row.id, row.recipient, State(row.state), attempt=row.attempt)
    return rows


def _write_steps(
    connection: Connection,
    wanted: Sequence[tuple[LedgerStep, LockedDelivery]],
    policy: StrikePolicy,
    now: datetime,
) -> None:
    """Write what these steps change: their rows, the attempts, the readers' windows, and who is mailed no more."""
    going_on = [(step, row) for step, row in wanted if choose_state(step) in OPEN]
    _update_queue(connection, [{"id": row.id, **choose_changes(step, row, now)} for step, row in going_on])
    save_attempts(
        connection,
        [
            (row.id, step.attempt, choose_state(step), step.outcome.reply, step.relay)
            for step, row in going_on
            if isinstance(step, RecordOutcome)
        ],
        now,
    )
    ending = [(step, row) for step, row in wanted if choose_state(step) not in OPEN]
    _keep_windows(connection, ending)
    ended = [
        build_outcome(row, choose_changes(step, row, now), now if isinstance(step, RecordOutcome) else None)
        for step, row in ending
    ]
    end_rows(connection, ended)
    move_counted(connection, filter(None, (choose_counted(step, row) for step, row in wanted)))
    for step, row in ending:
        if not isinstance(step, RecordOutcome) or not isinstance(step.outcome, Rejected):
            continue
        if step.outcome.weight is not Weight.NONE:
            _weigh_refusal(connection, row, step.outcome, policy, now)


def _update_queue(connection: Connection, changes: Iterable[dict[str, Any]]) -> None:
    """Update rows of the queue, each with its changes under its id: those with the same columns together."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in changes:
        by_columns[tuple(row)].append(row)
    for rows in by_columns.values():
        update_rows(connection, queue, rows)


def _keep_windows(connection: Connection, ended: Sequence[tuple[LedgerStep, LockedDelivery]]) -> None:
    """Keep what digests that are not sent have looked through."""
    insert_rows(
        connection,
        mails,
        [
            {
                "delivery": row.id,
                "recipient": row.recipient,
                "after_run": step.window.after_run,
                "upto_run": step.window.upto_run,
            }
            for step, row in ended
            if isinstance(step, CloseDelivery) and step.window is not None
        ],
    )


def _save_mails(connection: Connection, frozen: Sequence[tuple[LockedDelivery, Snapshot]]) -> None:
    """Keep what these mails are, and what they say: a notice's content is there already."""
    insert_rows(
        connection,
        mails,
        [
            {
                "delivery": row.id,
                "recipient": row.recipient,
                "address": one.address,
                "after_run": one.window.after_run if one.window else None,
                "upto_run": one.window.upto_run if one.window else None,
                "size_bytes": one.size_bytes,
                "entries_json": dump_shown(one.entry_ids),
                "bundle_hash": one.bundle_hash,
                "content_hash": one.content_hash,
                "message_id": one.message_id,
            }
            for row, one in frozen
        ],
    )
    insert_rows(
        connection,
        contents,
        [
            {"delivery": row.id, "slot_at": row.slot_at, "json": one.content_json}
            for row, one in frozen
            if row.edition is not None
        ],
    )


def _weigh_refusal(
    connection: Connection, row: LockedDelivery, refused: Rejected, policy: StrikePolicy, now: datetime
) -> None:
    """Count a refusal against the address of this row: the one it was frozen with, else its reader's."""
    address = connection.execute(
        select(func.coalesce(ledger.c.address, subscribers.c.address))
        .join_from(ledger, subscribers, subscribers.c.id == ledger.c.recipient)
        .where(ledger.c.id == row.id)
    ).scalar_one()
    weigh_failure(connection, address, refused.weight, refused.reply, row.id, policy, now)


def save_attempts(
    connection: Connection, ended: Sequence[tuple[int, int, State, str, str]], now: datetime
) -> None:
    """Write how attempts ended; the same one may be written again."""
    upsert_rows(
        connection,
        attempts,
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


def _save_shared_content(connection: Connection, snapshots: Sequence[Snapshot], kept: set[str]) -> None:
    """Keep bundles and cards once for all the mails that use them, but for those that are known to be kept."""
    new_bundles = {one.bundle_hash: one.bundle_json for one in snapshots if one.bundle_hash not in kept}
    if new_bundles:
        connection.execute(
            insert_or_ignore(connection, bundles),
            [{"hash": name, "json": text} for name, text in sorted(new_bundles.items())],
        )
    new_cards = {name: card for one in snapshots for name, card in one.cards.items() if name not in kept}
    if new_cards:
        # In one order everywhere: two transactions that insert the same cards would else wait for each other.
        connection.execute(
            insert_or_ignore(connection, cards),
            [{"hash": name, "json": card} for name, card in sorted(new_cards.items())],
        )
