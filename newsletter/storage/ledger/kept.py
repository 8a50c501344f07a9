"""Counts of editions: counted once when an edition is over, and kept for ever; of one that goes on, counted each time.

What changes a row of an edition that is over has its counts forgotten in the same transaction (``forget_kept``): they
are counted anew with the next ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, delete, exists, func, insert, select

from newsletter.model.ledger import Kind, LedgerCounts, build_counts
from newsletter.storage.dialects import list_values, unindexed
from newsletter.storage.engine import Store, writing
from newsletter.storage.tables import IS_DIGEST, IS_OPEN, deliveries, kept_counts


class KeptCounts(Store):
    """The counts of the editions of one database that are over."""

    @writing
    def keep(self, connection: Connection, before: date) -> int:
        """Count the editions of before that date of which nothing is open and keep what they come to; return how
        many."""
        kept = load_kept(connection)
        over = [
            edition
            for edition in list_editions(connection)
            if edition < before.isoformat() and edition not in kept and not _is_open(connection, edition)
        ]
        rows = [
            {"kind": Kind.DIGEST, "key": edition, "state": state, "number": number}
            for edition, state, number in count_editions(connection, over)
        ]
        if rows:
            connection.execute(insert(kept_counts), rows)
        return len(over)


def list_editions(connection: Connection, newest: int | None = None, since: date = date.min) -> Sequence[str]:
    """Return the editions of which there are rows, from that date on, the newest first, at most so many."""
    column = deliveries.c
    which = (column.kind == Kind.DIGEST, column.key >= since.isoformat())
    return list(connection.scalars(list_values(column.key, *which, newest=True).limit(newest)))


def count_editions(connection: Connection, editions: Collection[str]) -> list[tuple[str, str, int]]:
    """Return of these editions, the newest first, how many rows are in each state: (edition, state, how many)."""
    if not editions:
        return []
    column = deliveries.c
    counting = select(column.key, column.state, func.count()).where(
        IS_DIGEST, column.key.in_(sorted(editions))
    )
    rows = connection.execute(counting.group_by(column.key, column.state).order_by(column.key.desc()))
    return [(edition, state, number) for edition, state, number in rows]


def load_kept(connection: Connection, since: date = date.min) -> Mapping[str, LedgerCounts]:
    """Return the counts that are kept of editions from that date on."""
    column = kept_counts.c
    rows = connection.execute(
        select(column.key, column.state, column.number).where(
            column.kind == Kind.DIGEST, column.key >= since.isoformat()
        )
    )
    return build_counts((edition, state, number) for edition, state, number in rows)


def forget_kept(connection: Connection, editions: Collection[str]) -> None:
    """Forget the counts of these editions, of which something changes: they are counted again. What is kept of rows
    that are gone stays."""
    if editions:
        column = kept_counts.c
        connection.execute(
            delete(kept_counts).where(
                column.kind == Kind.DIGEST, column.key.in_(sorted(editions)), column.for_ever.is_(False)
            )
        )


def _is_open(connection: Connection, edition: str) -> bool:
    """Tell whether a digest of this edition is pending or uncertain."""
    column = deliveries.c
    some = exists().where(IS_OPEN, unindexed(column.kind) == Kind.DIGEST, unindexed(column.key) == edition)
    return bool(connection.scalar(select(some)))
