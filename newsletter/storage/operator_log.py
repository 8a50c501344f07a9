"""Who did what by hand, in the database: one row for each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from newsletter.model.acts import Act, ActRecord
from newsletter.storage.engine import Store, reading, writing
from newsletter.storage.tables import operator_acts


class OperatorLog(Store):
    """The record of what operators did."""

    @writing
    def note(self, connection: Connection, record: ActRecord) -> None:
        """Write down what was done."""
        connection.execute(insert(operator_acts).values(record._asdict()))

    @reading
    def load_newest(self, connection: Connection, limit: int) -> Sequence[ActRecord]:
        """Return the newest records, the newest first."""
        table = operator_acts
        rows = connection.execute(
            select(table.c.at, table.c.who, table.c.act, table.c.subject, table.c.outcome)
            .order_by(table.c.id.desc())
            .limit(limit)
        )
        return [ActRecord(row.at, row.who, Act(row.act), row.subject, row.outcome) for row in rows]
