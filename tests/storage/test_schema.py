from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from newsletter.errors import StoreError
from newsletter.storage import Database, open_database
from newsletter.storage.schema import SCHEMA_VERSION, build_alembic_config
from newsletter.storage.tables import metadata
from tests.support.statements import execute, load_values

WORD_INDEX = "entry_words"
"""It and the tables that FTS5 makes for it are in no metadata: see storage/word_index.py."""
PARTITIONS = "contents_"
"""Of contents, on PostgreSQL: see storage/ledger/months.py."""


def read_promises(connection: Connection) -> dict[str, Any]:
    """The named constraints and indexes of every table, as the engine tells them."""
    inspector = inspect(connection)
    found: dict[str, Any] = {}
    for table in sorted(inspector.get_table_names()):
        if table == "alembic_version":
            continue
        found[table] = {
            # Their order is no promise: a migration can only add at the end.
            "columns": sorted(
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            ),
            "primary key": inspector.get_pk_constraint(table),
            "checks": sorted((one["name"], one["sqltext"]) for one in inspector.get_check_constraints(table)),
            "unique": sorted(
                (one["name"], one["column_names"]) for one in inspector.get_unique_constraints(table)
            ),
            "foreign": sorted(
                (one["name"], one["constrained_columns"], one["referred_table"])
                for one in inspector.get_foreign_keys(table)
            ),
            "indexes": sorted(
                (one["name"], one["column_names"], one["unique"]) for one in inspector.get_indexes(table)
            ),
        }
    return found


async def test_migrations_build_what_tables_says(database: Database) -> None:
    def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "table" or not (name or "").startswith((WORD_INDEX, PARTITIONS))

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        return list(compare_metadata(context, metadata))

    assert await database.read(compare) == []


async def test_migrations_make_the_same_promises_as_tables(database: Database) -> None:
    await check_promises(database)


async def check_promises(database: Database) -> None:
    """Fail where the tables of a database do not promise what tables.py says."""

    def change(connection: Connection) -> None:
        migrated = read_promises(connection)
        for table in reversed(metadata.sorted_tables):
            table.drop(connection)
        metadata.create_all(connection)
        assert migrated == read_promises(connection)
        connection.rollback()

    await database.write(change)


async def test_newest_migration_is_the_version_that_the_code_expects(database: Database) -> None:
    config = await database.read(build_alembic_config)

    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]


async def test_two_that_open_a_new_database_at_once_both_can(bare_database_url: str) -> None:
    opened = await asyncio.gather(*(open_database(bare_database_url) for _ in range(3)))

    for database in opened:
        assert await load_values(database, text("SELECT count(*) FROM counters")) == [1]
        await database.close()


def test_two_processes_that_open_a_new_database_at_once_both_can(bare_database_url: str) -> None:
    program = (
        "import asyncio, sys; from newsletter.storage import open_database;"
        "asyncio.run(asyncio.wait_for(open_database(sys.argv[1]), 60))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, bare_database_url]) for _ in range(2)]

    assert [process.wait() for process in processes] == [0, 0]


async def test_database_of_a_newer_version_is_refused(database_url: str) -> None:
    database = await open_database(database_url)
    await execute(database, text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()

    with pytest.raises(StoreError, match="newer version of the newsletter"):
        await open_database(database_url)


def test_opening_a_current_database_does_not_load_alembic(database_url: str) -> None:
    program = (
        "import asyncio, sys; from newsletter.storage import open_database;"
        "asyncio.run(open_database(sys.argv[1])); sys.exit('alembic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program, database_url], check=False).returncode == 0


async def test_change_of_the_schema_that_breaks_a_reference_is_undone(migrated_sqlite: Any) -> None:
    def refer_to_nothing(connection: Connection) -> None:
        connection.execute(text("INSERT INTO entry_keys (key, entry, position) VALUES ('arxiv:1', 99, 0)"))

    database = await open_database(f"sqlite:///{migrated_sqlite}")

    with pytest.raises(StoreError, match="refer to rows that do not exist"):
        await database.change_schema(refer_to_nothing)

    assert await load_values(database, text("SELECT count(*) FROM entry_keys")) == [0]
    assert await load_values(database, text("PRAGMA foreign_keys")) == [1]
    await database.close()
