"""Counts of editions: counted once when an edition is over, and kept for ever; of one that goes on, counted each time.

What changes a row of an edition that is over has its counts forgotten in the same transaction (``forget_kept``): they
are counted anew with the next ones. Rows that are gone (retention.py) are counted apart, for ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, bindparam, delete, func, insert, select, union_all, update

from newsletter.model.ledger import Kind, LedgerCounts, State, build_counts
from newsletter.storage.dialects import insert_or_ignore, list_values
from newsletter.storage.engine import Store, writing
from newsletter.storage.tables import kept_counts, outcomes, queue


class KeptCounts(Store):
    """The counts of the editions of one database that are over."""

    @writing
    def keep(self, connection: Connection, before: date) -> Sequence[str]:
        """Count the editions of before that date of which nothing is open and keep what they come to; return them."""
        kept = _load(connection, date.min, is_gone=False)
        known = {*kept, *_list_open(connection)}
        over = [
            edition
            for edition in list_editions(connection)
            if edition < before.isoformat() and edition not in known
        ]
        rows = [
            {"kind": Kind.DIGEST, "key": edition, "state": state, "number": number, "is_gone": False}
            for edition, state, number in _count(connection, over)
        ]
        if rows:
            connection.execute(insert(kept_counts), rows)
        return over


def list_editions(connection: Connection, newest: int | None = None, since: date = date.min) -> Sequence[str]:
    """Return the editions of which there are rows, from that date on, the newest first, at most so many."""
    column = outcomes.c.edition
    which = (column.is_not(None), column >= since.isoformat())
    ended = connection.scalars(list_values(column, *which, newest=True).limit(newest))
    still = (one for one in _list_open(connection) if one >= since.isoformat())
    return sorted({*ended, *still}, reverse=True)[:newest]


def load_editions(
    connection: Connection, newest: int | None = None, since: date = date.min
) -> Mapping[str, LedgerCounts]:
    """Return the counts of the newest editions, at most so many, from that date on, the newest first."""
    kept = _load(connection, since, is_gone=False)
    gone = _load(connection, since, is_gone=True)
    found = sorted({*list_editions(connection, newest, since), *kept, *gone}, reverse=True)[:newest]
    counted = {**kept, **build_counts(_count(connection, [one for one in found if one not in kept]))}
    nothing = LedgerCounts({})
    return {
        edition: _add(counted.get(edition, nothing), gone.get(edition, nothing))
        for edition in found
        if edition in counted or edition in gone
    }


def forget_kept(connection: Connection, editions: Collection[str]) -> None:
    """Forget the counts of these editions, of which something changes: they are counted again."""
    if editions:
        column = kept_counts.c
        connection.execute(
            delete(kept_counts).where(
                column.kind == Kind.DIGEST, column.key.in_(sorted(editions)), column.is_gone.is_(False)
            )
        )


def add_gone(connection: Connection, counts: Sequence[tuple[Kind, str, str, int]]) -> None:
    """Count rows that are about to go, for ever: (kind, edition or nothing, state, how many)."""
    column = kept_counts.c
    rows = [{"kind": kind, "key": key, "state": state, "is_gone": True} for kind, key, state, _ in counts]
    connection.execute(insert_or_ignore(connection, kept_counts), [{**row, "number": 0} for row in rows])
    same = (column[name] == bindparam(f"of_{name}") for name in rows[0])
    connection.execute(
        update(kept_counts).where(*same).values(number=column.number + bindparam("more")),
        [
            {"more": number, **{f"of_{name}": value for name, value in row.items()}}
            for row, (*_, number) in zip(rows, counts, strict=True)
        ],
    )
    forget_kept(connection, {key for kind, key, _, _ in counts if kind is Kind.DIGEST})


def _count(connection: Connection, editions: Collection[str]) -> list[tuple[str, str, int]]:
    """Return of these editions, the newest first, how many rows are in each state: (edition, state, how many)."""
    if not editions:
        return []
    found = []
    for edition in sorted(editions, reverse=True):
        # One statement, so that what ends meanwhile is counted once; and an edition at a time, so that PostgreSQL reads
        # no others.
        parts = [
            select(table.c.state, func.count().label("number"))
            .where(table.c.edition == edition)
            .group_by(table.c.state)
            for table in (queue, outcomes)
        ]
        found += [(edition, state, number) for state, number in connection.execute(union_all(*parts))]
    return found


def _load(connection: Connection, since: date, *, is_gone: bool) -> Mapping[str, LedgerCounts]:
    column = kept_counts.c
    rows = connection.execute(
        select(column.key, column.state, column.number).where(
            column.kind == Kind.DIGEST, column.key >= since.isoformat(), column.is_gone.is_(is_gone)
        )
    )
    return build_counts((edition, state, number) for edition, state, number in rows)


def _add(one: LedgerCounts, other: LedgerCounts) -> LedgerCounts:
    both = Counter(one.states) + Counter(other.states)
    return LedgerCounts({state: both[state] for state in State if state in both})


def _list_open(connection: Connection) -> Sequence[str]:
    """Return the editions of which a digest is pending or uncertain."""
    return list(connection.scalars(select(queue.c.edition).where(queue.c.edition.is_not(None)).distinct()))
