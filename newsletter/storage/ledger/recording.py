"""What became of a mail: the fence before DATA, and the outcomes.

Each method that writes is one transaction: it locks the rows that it is about, decides row by row, and writes
what is new. A state changes only from the state that was read under the lock, so of two processes one wins.
A reader's counted_run moves in the same transaction as the state that counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

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
from newsletter.storage.ledger.bulk import update_rows, upsert_rows
from newsletter.storage.ledger.moves import move_counted, move_rows
from newsletter.storage.suppressions import weigh_failure
from newsletter.storage.tables import (
    attempts,
    bundles,
    cards,
    deliveries,
    subscribers,
)

# Made once: to put it together takes longer than to execute it.
_LOCKING = (
    select(*(deliveries.c[field.name] for field in fields(LockedDelivery)))
    .where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(deliveries.c.id)
    .with_for_update()
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
            rows = _lock_deliveries(connection, [step.delivery for step in steps])
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
        """Keep what mails freeze that is not in their rows; return the hashes of cards and bundles that are in the
        database now."""
        snapshots = [found for step, row in wanted if (found := choose_snapshot(step, row))]
        fresh = {name for one in snapshots for name in (one.bundle_hash, *one.cards)}
        if fresh - self._kept:
            _save_shared_content(connection, snapshots, self._kept)
        return fresh

    @writing
    def resolve(
        self, connection: Connection, delivery: DeliveryId, accepted: bool, why: str, expires_at: datetime
    ) -> bool:
        """Settle an uncertain row by hand: it was accepted, or it was not sent and is tried again until expires_at.
        False where it is not uncertain."""
        settle = move_rows(Event.CONFIRM if accepted else Event.DENY).where(deliveries.c.id == delivery)
        if not accepted:
            settle = settle.values(expires_at=expires_at)
        settle = settle.values(last_reply=f"resolved by the operator: {why}")
        return connection.execute(settle).rowcount > 0


def _lock_deliveries(connection: Connection, ids: Sequence[DeliveryId]) -> dict[DeliveryId, LockedDelivery]:
    """Lock these rows, in one order everywhere, and return by id what decisions need of them."""
    rows = connection.execute(_LOCKING, {"ids": sorted(ids)}).mappings()
    return {DeliveryId(row["id"]): LockedDelivery(**{**row, "state": State(row["state"])}) for row in rows}


def _write_steps(
    connection: Connection,
    wanted: Sequence[tuple[LedgerStep, LockedDelivery]],
    policy: StrikePolicy,
    now: datetime,
) -> None:
    """Write what these steps change: their rows, the attempts, the readers' windows, and who is mailed no more."""
    _update_rows(
        connection,
        [
            {"id": row.id, **choose_changes(step, row, now), **_snapshot_columns(choose_snapshot(step, row))}
            for step, row in wanted
        ],
    )
    settled = [(step, row) for step, row in wanted if isinstance(step, RecordOutcome)]
    save_attempts(
        connection,
        [(row.id, step.attempt, choose_state(step), step.outcome.reply, step.relay) for step, row in settled],
        now,
    )
    move_counted(connection, filter(None, (choose_counted(step, row) for step, row in wanted)))
    for step, row in settled:
        if isinstance(step.outcome, Rejected) and step.outcome.weight is not Weight.NONE:
            _weigh_refusal(connection, row, step.outcome, policy, now)


def _update_rows(connection: Connection, changes: Iterable[dict[str, Any]]) -> None:
    """Update deliveries, each with its changes under its id: those with the same columns together."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in changes:
        by_columns[tuple(row)].append(row)
    for rows in by_columns.values():
        update_rows(connection, deliveries, rows)


def _weigh_refusal(
    connection: Connection, row: LockedDelivery, refused: Rejected, policy: StrikePolicy, now: datetime
) -> None:
    """Count a refusal against the address of this row: the one it was frozen with, else its reader's."""
    address = (
        row.address
        or connection.execute(
            select(subscribers.c.address).where(subscribers.c.id == row.recipient)
        ).scalar_one()
    )
    weigh_failure(connection, address, refused.weight, refused.reply, row.id, policy, now)


def save_attempts(
    connection: Connection, ended: Sequence[tuple[int, int, State, str, str]], now: datetime
) -> None:
    """Write how attempts ended; the answer that came late replaces the guess of a voided claim."""
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


def _snapshot_columns(snapshot: Snapshot | None) -> dict[str, Any]:
    if snapshot is None:
        return {}
    return {
        "address": snapshot.address,
        "after_run": snapshot.window.after_run if snapshot.window else None,
        "upto_run": snapshot.window.upto_run if snapshot.window else None,
        "content_json": snapshot.content_json,
        "entries_json": dump_shown(snapshot.entry_ids),
        "bundle_hash": snapshot.bundle_hash,
        "content_hash": snapshot.content_hash,
        "message_id": snapshot.message_id,
        "size_bytes": snapshot.size_bytes,
    }
