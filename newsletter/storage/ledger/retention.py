"""What ages in the ledger: the contents of mails go first, then the rows. What they came to is counted for ever.

Rows go in the order of their ids, which is that of time, some at once in a transaction of their own: nobody waits long.
"""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection, case, delete, func, select, update

from newsletter.model.ledger import OPEN, PENDING, Kind
from newsletter.storage.dialects import insert_or_update
from newsletter.storage.engine import Store, writing
from newsletter.storage.ledger.kept import add_gone
from newsletter.storage.tables import IS_DIGEST, attempts, bounces, deliveries, settings, strikes

_AT_ONCE = 2_000
_CONTENTS_UPTO = "contents_dropped_upto"


class Retention(Store):
    """What of the ledger of one database is old enough to go."""

    @writing
    def drop_contents(self, connection: Connection, before: datetime, at_once: int = _AT_ONCE) -> int:
        """Drop what mails of slots before then said, but for those that are open; return how many mails were looked at,
        at_once or fewer. They cannot be sent again; what they showed, and to whom, stays."""
        column = deliveries.c
        done = connection.scalar(select(settings.c.value).where(settings.c.key == _CONTENTS_UPTO))
        first = int(done or 0)
        rows = connection.execute(
            select(column.id, column.slot_at).where(column.id > first).order_by(column.id).limit(at_once)
        )
        old = [row.id for row in takewhile(lambda row: row.slot_at < before, rows)]
        if not old:
            return 0
        connection.execute(
            update(deliveries)
            .where(
                column.id > first,
                column.id <= old[-1],
                column.state.not_in(sorted(OPEN)),
                column.content_json.is_not(None),
            )
            # A check of the table says that a notice has a content.
            .values(content_json=case((IS_DIGEST, None), else_=""), bundle_hash=None)
        )
        connection.execute(
            insert_or_update(connection, settings).values(key=_CONTENTS_UPTO, value=str(old[-1]))
        )
        return len(old)

    @writing
    def drop_deliveries(self, connection: Connection, before: datetime, at_once: int = _AT_ONCE) -> int:
        """Drop the mails of slots before then with all that belongs to them, and add them to what is counted for ever;
        return how many, at_once or fewer."""
        column = deliveries.c
        rows = connection.execute(
            select(column.id, column.slot_at, column.state)
            .where(column.id > 0)
            .order_by(column.id)
            .limit(at_once)
        )
        old = [
            row.id for row in takewhile(lambda row: row.slot_at < before and row.state not in PENDING, rows)
        ]
        if not old:
            return 0
        these = column.id.between(old[0], old[-1])
        key = case((IS_DIGEST, column.key), else_="")
        each = select(column.kind, key.label("key"), column.state).where(these).subquery()
        counted = connection.execute(
            select(each, func.count()).group_by(each.c.kind, each.c.key, each.c.state)
        )
        add_gone(connection, [(Kind(kind), name, state, number) for kind, name, state, number in counted])
        for table in (attempts, bounces, strikes):
            connection.execute(delete(table).where(table.c.delivery.between(old[0], old[-1])))
        connection.execute(delete(deliveries).where(these))
        return len(old)
