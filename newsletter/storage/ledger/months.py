"""The months in which PostgreSQL keeps what mails said: each is a partition, so that it goes at once.

A mail never waits for its month, nor fails without one: what has none lies in a partition for the rest. So months are
made ahead, and only where nothing of theirs lies in the rest. To make or drop one, PostgreSQL locks the whole table for
a moment; where somebody else holds it for longer, a backup say, it is left to the next time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, column, insert, select, table, text

from newsletter.errors import StoreError
from newsletter.storage.dialects import UtcDateTime
from newsletter.storage.tables import Id, contents, queue

if TYPE_CHECKING:
    from newsletter.storage.engine import Database

_PATIENCE = "200ms"
_PREFIX = "contents_"
_REST = f"{_PREFIX}rest"
_AHEAD = 2
_PARTITIONS = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'contents'::regclass ORDER BY relname"
)

rest = table(_REST, column("delivery", Id), column("slot_at", UtcDateTime()))
"""What lies in no month."""


class _Month(NamedTuple):
    """A month in UTC."""

    year: int
    month: int

    @property
    def name(self) -> str:
        return f"{_PREFIX}{self.year:04}_{self.month:02}"

    @property
    def begins_at(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def next(self) -> _Month:
        return _Month(self.year + self.month // 12, self.month % 12 + 1)


async def make_months(database: Database, now: datetime) -> int:
    """Make this month and the next ones that are missing; return how many."""
    if database.is_sqlite:
        return 0
    utc = now.astimezone(UTC)
    months = [_Month(utc.year, utc.month)]
    for _ in range(_AHEAD):
        months.append(months[-1].next)
    known = await database.read(_list_months)
    return sum([await _try(database, partial(_make, month=one)) for one in months if one not in known])


async def drop_month(database: Database, before: datetime) -> int:
    """Drop the oldest month that was over by then, but for what is open; return how many."""
    if database.is_sqlite:
        return 0
    over = [one for one in await database.read(_list_months) if one.next.begins_at <= before]
    return await _try(database, partial(_drop, month=min(over))) if over else 0


def _list_months(connection: Connection) -> list[_Month]:
    names = [name for name in connection.scalars(_PARTITIONS) if name != _REST]
    return [_Month(*map(int, name.removeprefix(_PREFIX).split("_"))) for name in names]


async def _try(database: Database, change: Callable[[Connection], int]) -> int:
    """Change the partitions, unless somebody holds the table."""

    def work(connection: Connection) -> int:
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
        return change(connection)

    try:
        return await database.write(work)
    except StoreError as error:
        if not error.is_passing:
            raise
        return 0


def _make(connection: Connection, month: _Month) -> int:
    connection.execute(text("LOCK TABLE contents IN SHARE UPDATE EXCLUSIVE MODE"))
    if month in _list_months(connection):
        return 0
    span = f"FROM ('{month.begins_at:%Y-%m-%d}+00') TO ('{month.next.begins_at:%Y-%m-%d}+00')"
    there = text(f"SELECT 1 FROM {_REST} WHERE slot_at >= :first AND slot_at < :last LIMIT 1")
    if connection.scalar(there, {"first": month.begins_at, "last": month.next.begins_at}):
        return 0
    connection.execute(text(f"CREATE TABLE {month.name} PARTITION OF contents FOR VALUES {span}"))
    return 1


def _drop(connection: Connection, month: _Month) -> int:
    connection.execute(text("LOCK TABLE contents IN ACCESS EXCLUSIVE MODE"))
    if month not in _list_months(connection):
        return 0
    is_of_it = contents.c.slot_at >= month.begins_at, contents.c.slot_at < month.next.begins_at
    still = connection.execute(
        select(contents).join(queue, queue.c.id == contents.c.delivery).where(*is_of_it)
    )
    kept = [dict(row._mapping) for row in still]
    connection.execute(text(f"DROP TABLE {month.name}"))
    if kept:
        connection.execute(insert(contents), kept)
    return 1
