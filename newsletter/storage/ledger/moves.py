"""How rows move, as deliver/ledger_rules.py says: within the queue, out of it when they end, and back into it.

Who moves a row has locked it: what is open in the queue, what has ended in outcomes. A row is put into its new place
before it is taken out of the old one, in one transaction. Windows of readers move with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Delete, Select, Update, bindparam, delete, select, update

from newsletter.deliver.ledger_rules import TRANSITIONS, CountedMove, Event, LockedDelivery, state_after
from newsletter.model.ledger import DeliveryId, State
from newsletter.storage.dialects import in_chunks, insert_or_ignore
from newsletter.storage.ledger.bulk import are_among, dump_ids, insert_rows, update_rows
from newsletter.storage.tables import attempts, mails, outcomes, queue, subscribers

# In the order of the fields of LockedDelivery, which has what is frozen before the edition.
_LOCKED = (
    *("id", "recipient", "state", "claimed_by", "lost_by", "attempt", "resends", "uncertain_at"),
    *("edition", "slot_at", "last_reply", "relay"),
)
_FROZEN = ("content_hash", "after_run", "upto_run")
_NOT_FROZEN = (None, None, None)
_AT_ONCE = 5_000


def can(event: Event) -> ColumnElement[bool]:
    """Return the condition that an event can happen to what is in the queue."""
    return queue.c.state.in_(list(TRANSITIONS[event]))


def move_rows(event: Event) -> Update:
    """Return the UPDATE by which an event happens to rows of the queue, and leaves them there. Raises ValueError for an
    event that leads to several states."""
    return update(queue).where(can(event)).values(state=state_after(event))


def lock_rows(connection: Connection, ids: Collection[int]) -> list[LockedDelivery]:
    """Lock these rows of the queue, in one order everywhere; return those that there are, by id."""
    dialect = connection.dialect.name
    return _read_locked(connection, _build_locking(dialect), dump_ids(dialect, ids))


# Made once, these three: to put them together takes longer than to execute them.
@cache
def _build_locking(dialect: str) -> Select[Any]:
    these = are_among(dialect, queue.c.id)
    return select(*(queue.c[name] for name in _LOCKED)).where(these).order_by(queue.c.id).with_for_update()


@cache
def _build_frozen(dialect: str) -> Select[Any]:
    return select(mails.c.delivery, *(mails.c[name] for name in _FROZEN)).where(
        are_among(dialect, mails.c.delivery)
    )


@cache
def _build_taking_out(dialect: str) -> Delete:
    return delete(queue).where(are_among(dialect, queue.c.id))


def lock_some(connection: Connection, *which: ColumnElement[bool]) -> list[LockedDelivery]:
    """Lock rows of the queue that fit, by id, some at once; return them. Whoever ends them may ask for the next."""
    query = select(*(queue.c[name] for name in _LOCKED)).where(*which).order_by(queue.c.id)
    return _read_locked(connection, query.limit(_AT_ONCE).with_for_update())


def _read_locked(
    connection: Connection, query: Any, values: dict[str, Any] | None = None
) -> list[LockedDelivery]:
    dialect = connection.dialect.name
    rows = connection.execute(query, values).all()
    # Asked only now: who waited for a lock would see its row as it is, and what stands elsewhere as it was.
    begun = [row.id for row in rows if row.attempt > 0]
    found = connection.execute(_build_frozen(dialect), dump_ids(dialect, begun)) if begun else ()
    frozen = {delivery: facts for delivery, *facts in found}
    return [
        LockedDelivery(
            *(row[0], row[1], State(row[2]), *row[3:8]),
            *frozen.get(row[0], _NOT_FROZEN),
            *row[8:],
        )
        for row in rows
    ]


# --- the end ------------------------------------------------------------------------------


def build_outcome(
    row: LockedDelivery, changes: dict[str, Any], answered_at: datetime | None
) -> dict[str, Any]:
    """Return how a delivery ends: as its row in the queue was, but for these changes."""
    kept = {
        name: changes.get(name, getattr(row, name))
        for name in ("state", "uncertain_at", "attempt", "resends", "last_reply", "relay")
    }
    return {"delivery": row.id, "edition": row.edition, "answered_at": answered_at, **kept}


def end_rows(connection: Connection, ended: Sequence[dict[str, Any]]) -> None:
    """Write how deliveries end, which are locked, and take them out of the queue."""
    if not ended:
        return
    insert_rows(connection, outcomes, ended)
    dialect = connection.dialect.name
    connection.execute(_build_taking_out(dialect), dump_ids(dialect, (row["delivery"] for row in ended)))
    # An answer that came late is the one to the last attempt: it replaces the guess.
    guessed = [row for row in ended if row["answered_at"] is not None and row["uncertain_at"] is not None]
    for row in guessed:
        connection.execute(
            delete(attempts).where(
                attempts.c.delivery == row["delivery"], attempts.c.number == row["attempt"]
            )
        )


def end_all(
    connection: Connection, event: Event, why: str, *which: ColumnElement[bool], keep_reply: bool = False
) -> int:
    """Let an event end all rows of the queue that fit and to which it can happen; return how many. A mail that had
    counted and fails leaves its window to the next. keep_reply: the relay's last answer is kept beside the reason."""
    number = 0
    while rows := lock_some(connection, can(event), *which):
        told = {
            row.id: f"{why}; last: {row.last_reply}" if keep_reply and row.last_reply else why for row in rows
        }
        after = state_after(event)
        end_rows(
            connection,
            [build_outcome(row, {"state": after, "last_reply": told[row.id]}, None) for row in rows],
        )
        if after is State.EXPIRED:
            uncount(connection, [row for row in rows if row.uncertain_at is not None])
        number += len(rows)
    return number


def change_outcome(connection: Connection, delivery: DeliveryId, state: State, reply: str) -> None:
    """Let a report change how a delivery ended, or end it where it is uncertain. It is locked (``lock_delivery``)."""
    open_rows = lock_rows(connection, [delivery])
    end_rows(
        connection, [build_outcome(row, {"state": state, "last_reply": reply}, None) for row in open_rows]
    )
    if not open_rows:
        keep_answers(connection, [delivery])
        connection.execute(
            update(outcomes)
            .where(outcomes.c.delivery == delivery)
            .values(state=state, last_reply=reply, answered_at=None)
        )


def lock_delivery(connection: Connection, delivery: DeliveryId | None) -> None:
    """Lock a delivery, wherever it is."""
    connection.execute(select(queue.c.id).where(queue.c.id == delivery).with_for_update())
    connection.execute(select(outcomes.c.delivery).where(outcomes.c.delivery == delivery).with_for_update())


def keep_answers(connection: Connection, ids: Collection[int]) -> None:
    """Keep as an attempt's the answers that ended these deliveries, which go on."""
    answered = select(
        *(outcomes.c.delivery, outcomes.c.attempt, outcomes.c.answered_at, outcomes.c.state),
        *(outcomes.c.last_reply, outcomes.c.relay),
    ).where(outcomes.c.answered_at.is_not(None))
    columns = ["delivery", "number", "at", "outcome", "reply", "relay"]
    for some in in_chunks(sorted(ids)):
        keeping = insert_or_ignore(connection, attempts)
        connection.execute(keeping.from_select(columns, answered.where(outcomes.c.delivery.in_(some))))


# --- windows ------------------------------------------------------------------------------


def move_counted(connection: Connection, moves: Iterable[CountedMove]) -> None:
    """Move readers' counted_run. Back it goes only where no later digest has counted since."""
    in_order = sorted(moves, key=lambda move: (move.reader, move.upto))
    forward = {move.reader: move.upto for move in in_order if move.back_to is None}
    rows = [{"id": reader, "counted_run": upto} for reader, upto in forward.items()]
    update_rows(connection, subscribers, rows, only="subscribers.counted_run < new.counted_run")
    reader, counted_run = subscribers.c.id == bindparam("reader"), subscribers.c.counted_run
    if back := [asdict(move) for move in in_order if move.back_to is not None]:
        same = update(subscribers).where(reader, counted_run == bindparam("upto"))
        connection.execute(same.values(counted_run=bindparam("back_to")), back)


def uncount(connection: Connection, rows: Iterable[Any]) -> None:
    """The mails of these rows had counted and failed since: their windows are the next ones'."""
    found = [row for row in rows if row.upto_run is not None]
    move_counted(connection, [CountedMove(row.recipient, row.upto_run, row.after_run) for row in found])
