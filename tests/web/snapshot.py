"""Everything in a database, to see that nothing changed, or that nothing is left of a person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from newsletter.storage import Database
from newsletter.storage.tables import metadata


async def take_snapshot(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""

    def look(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
        }

    return await database.read(look)


async def find_text(database: Database, *texts: str) -> list[str]:
    """Return ``table: value`` of every column that holds one of these texts, case aside."""
    return [
        f"{table}: {value}"
        for table, rows in (await take_snapshot(database)).items()
        for row in rows
        for value in row
        if isinstance(value, str) and any(text.casefold() in value.casefold() for text in texts)
    ]
