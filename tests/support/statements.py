"""Statements of a test's own, beside the stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable, Row

from newsletter.storage import Database


async def execute(database: Database, *statements: Executable) -> None:
    """Execute the statements in one transaction."""
    await database.write(lambda connection: [connection.execute(statement) for statement in statements])


async def load_rows(database: Database, query: Executable) -> Sequence[Row[Any]]:
    """Return the rows of a query."""
    return await database.read(lambda connection: connection.execute(query).all())


async def load_values(database: Database, query: Executable) -> list[Any]:
    """Return the first column of a query."""
    return [row[0] for row in await load_rows(database, query)]
