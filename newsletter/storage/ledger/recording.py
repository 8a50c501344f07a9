"""What became of a mail: the fence before DATA, and the outcomes.

Each method that writes is one transaction: it locks the rows that it is about, decides row by row, and writes
what is new. A state changes only from the state that was read under the lock, so of two processes one wins.
A reader's counted_run moves in the same transaction as the state that counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, bindparam, select, update

from newsletter.errors import FellBehindError
from newsletter.model.ledger import (
    COUNTED,
    BeginData,
    Close,
    DeliveryId,
    Frozen,
    InstanceId,
    Settle,
    State,
    Step,
    state_of,
)
from newsletter.model.mail import Accepted, Deferred, Rejected, Uncertain
from newsletter.storage.engine import Database, insert_or_ignore, insert_or_update
from newsletter.storage.epoch import FORGOTTEN, EpochGuard
from newsletter.storage.tables import (
    attempts,
    bundles,
    cards,
    deliveries,
    delivery_entries,
    subscribers,
    suppressions,
)

_HELD = (State.CLAIMED, State.IN_DATA)
RELEASED: Mapping[str, Any] = {"claimed_by": None, "state_before_claim": None}


class Recording:
    """What became of mails, in one database. Without a guard its counter is never moved."""

    def __init__(self, database: Database, guard: EpochGuard | None = None) -> None:
        self._database = database
        self._guard = guard
        # The hashes of cards and bundles that are known to be in the database: nothing takes them out.
        self._kept: set[str] = set()

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
    save_attempts(
        connection,
        [
            (row.id, step.attempt, state_of(step.outcome), step.outcome.reply, step.relay)
            for step, row in settled
        ],
        now,
    )
    count(connection, [row for step, row in settled if state_of(step.outcome) in COUNTED])
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
        **RELEASED,
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
            **RELEASED,
        }
        for step, row in closed
        if step.window is not None
    ]
    _update_rows(connection, windowed)
    _update_rows(
        connection,
        [
            {"row": row.id, "state": step.state, "last_reply": step.why, **RELEASED}
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


def count(connection: Connection, rows: Iterable[Row[Any]]) -> None:
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


def save_attempts(
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
