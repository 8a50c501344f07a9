"""What the ledger need not keep for ever: what mails said, and years later their rows. What they came to is counted for
ever.

Rows go in the order of their ids, which is that of time, some at once in a transaction of their own: nobody waits long.
On PostgreSQL what mails said lies in months (storage/ledger/months.py), each of which goes as a whole.
"""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection, case, delete, func, select

from newsletter.model.ledger import PENDING, Kind
from newsletter.storage.engine import Store, writing
from newsletter.storage.ledger.kept import add_gone
from newsletter.storage.ledger.months import drop_month, make_months, rest
from newsletter.storage.ledger.view import ledger
from newsletter.storage.tables import (
    attempts,
    bounces,
    contents,
    deliveries,
    mails,
    outcomes,
    queue,
    strikes,
)

_AT_ONCE = 2_000


class Retention(Store):
    """What of the ledger of one database is old enough to go."""

    async def make_months(self, now: datetime) -> int:
        """Make room for what mails will say in this month and the next; return how many months were made. One that
        cannot be made now can be later: what belongs there has a place meanwhile."""
        return await make_months(self._database, now)

    async def drop_contents(self, before: datetime, at_once: int = _AT_ONCE) -> int:
        """Drop what mails of slots before then said, but for those that are open; return how many lost it (a month
        counts as one), at_once or fewer. They cannot be sent again; what they showed, and to whom, stays.

        A month on PostgreSQL goes when it is over as a whole.
        """
        return await drop_month(self._database, before) or await self._drop_some_contents(before, at_once)

    @writing
    def _drop_some_contents(self, connection: Connection, before: datetime, at_once: int) -> int:
        """Drop some of what lies in no month."""
        places = rest if connection.dialect.name == "postgresql" else contents
        column = places.c
        still = select(queue.c.id).where(queue.c.id == column.delivery).scalar_subquery()
        rows = connection.execute(
            select(column.delivery, column.slot_at)
            .where(column.delivery > 0, still.is_(None))
            .order_by(column.delivery)
            .limit(at_once)
        )
        old = [row.delivery for row in takewhile(lambda row: row.slot_at < before, rows)]
        if old:
            span = column.delivery.between(old[0], old[-1])
            connection.execute(delete(places).where(span, still.is_(None)))
        return len(old)

    @writing
    def drop_deliveries(self, connection: Connection, before: datetime, at_once: int = _AT_ONCE) -> int:
        """Drop the mails of slots before then with all that belongs to them, and add them to what is counted for ever;
        return how many, at_once or fewer."""
        column = deliveries.c
        rows = connection.execute(
            select(column.id, column.slot_at, queue.c.state)
            .outerjoin(queue, queue.c.id == column.id)
            .where(column.id > 0)
            .order_by(column.id)
            .limit(at_once)
        )
        old = [
            row.id for row in takewhile(lambda row: row.slot_at < before and row.state not in PENDING, rows)
        ]
        if not old:
            return 0
        span = (old[0], old[-1])
        key = case((ledger.c.kind == Kind.DIGEST, ledger.c.key), else_="")
        these = ledger.c.id.between(*span)
        each = select(ledger.c.kind, key.label("key"), ledger.c.state).where(these).subquery()
        counted = connection.execute(
            select(each, func.count()).group_by(each.c.kind, each.c.key, each.c.state)
        )
        add_gone(connection, [(Kind(kind), name, state, number) for kind, name, state, number in counted])
        for table in (attempts, bounces, strikes, outcomes, mails, contents):
            connection.execute(delete(table).where(table.c.delivery.between(*span)))
        connection.execute(delete(queue).where(queue.c.id.between(*span)))
        connection.execute(delete(deliveries).where(column.id.between(*span)))
        return len(old)
