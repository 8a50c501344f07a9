"""How rows move, as deliver/ledger_rules.py says: states as the condition of a statement, and windows with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Update, bindparam, update

from newsletter.deliver.ledger_rules import TRANSITIONS, CountedMove, Event, state_after
from newsletter.storage.ledger.bulk import update_rows
from newsletter.storage.tables import deliveries, subscribers


def can(event: Event) -> ColumnElement[bool]:
    """Return the condition that an event can happen to a delivery."""
    return deliveries.c.state.in_(list(TRANSITIONS[event]))


def move_rows(event: Event) -> Update:
    """Return the UPDATE by which an event happens to all deliveries to which it can. Raises ValueError for an event
    that leads to several states."""
    return update(deliveries).where(can(event)).values(state=state_after(event))


def move_counted(connection: Connection, moves: Iterable[CountedMove]) -> None:
    """Move readers' counted_run. Back it goes only where no later digest has counted since."""
    in_order = sorted(moves, key=lambda move: (move.reader, move.upto))
    forward = {move.reader: move.upto for move in in_order if move.back_to is None}
    rows = [{"id": reader, "counted_run": upto} for reader, upto in forward.items()]
    update_rows(connection, subscribers, rows, only=_is_later)
    reader, counted_run = subscribers.c.id == bindparam("reader"), subscribers.c.counted_run
    if back := [asdict(move) for move in in_order if move.back_to is not None]:
        same = update(subscribers).where(reader, counted_run == bindparam("upto"))
        connection.execute(same.values(counted_run=bindparam("back_to")), back)


def _is_later(new: Any) -> ColumnElement[bool]:
    later: ColumnElement[bool] = subscribers.c.counted_run < new.counted_run
    return later


def uncount(connection: Connection, rows: Iterable[Row[Any]]) -> None:
    """The mails of these rows had counted and failed since: their windows are the next ones'."""
    found = [row for row in rows if row.upto_run is not None]
    move_counted(connection, [CountedMove(row.recipient, row.upto_run, row.after_run) for row in found])
