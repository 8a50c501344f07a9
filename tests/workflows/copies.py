"""Copies of a database, taken and put back while it is in use, on both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from newsletter.storage import Database
from newsletter.storage.dialects import insert_or_update
from newsletter.storage.tables import (
    attempts,
    bundles,
    cards,
    contents,
    deliveries,
    instances,
    mails,
    outcomes,
    queue,
    relay_days,
    settings,
    subscribers,
)

# What sending changes, each after what it refers to.
_TABLES = (
    settings,
    relay_days,
    instances,
    bundles,
    cards,
    subscribers,
    deliveries,
    queue,
    mails,
    contents,
    outcomes,
    attempts,
)

Copy = Mapping[str, Sequence[dict[str, Any]]]


def take_copy(database: Database) -> Copy:
    """Return what a snapshot of this moment would hold of all that sending changes."""

    def read(connection: Connection) -> Copy:
        if not database.is_sqlite:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        return {
            table.name: [dict(row) for row in connection.execute(table.select()).mappings()]
            for table in _TABLES
        }

    return database.write_here(read)


def put_back(database: Database, copy: Copy) -> None:
    """Let the database be as it was, as on a standby that lagged and takes over. On PostgreSQL all connections end."""

    def write(connection: Connection) -> None:
        if not database.is_sqlite:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        for table in reversed(_TABLES):
            if table is not subscribers:  # the same people, and others refer to them
                connection.execute(table.delete())
        for table in _TABLES:
            if copy[table.name]:
                connection.execute(insert_or_update(connection, table), copy[table.name])

    database.write_here(write)
