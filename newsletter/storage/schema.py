"""Opening a database: its tables are brought up to date, and one that is ahead of us is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, inspect, make_url, text
from sqlalchemy.exc import ArgumentError

from newsletter.errors import StoreError
from newsletter.storage.engine import Database

SCHEMA_VERSION = "0021"
"""The newest migration. Known without looking, so that opening a current database does not load Alembic."""

SchemaState = Literal["missing", "old", "current"]
"""What the tables of a database are to this version of the newsletter."""

_MIGRATIONS = Path(__file__).parent / "migrations"


async def open_database(url: str) -> Database:
    """Open ``sqlite:///file``, ``sqlite:///:memory:`` or ``postgresql://…`` and bring its tables up to date.

    Raises StoreError where it cannot be opened, or belongs to a newer version of the newsletter.
    """
    database = _connect(url)
    try:
        database.check_file()
        await migrate(database)
    except BaseException:
        await database.close()
        raise
    return database


async def inspect_database(url: str) -> SchemaState:
    """Return how the tables of a database are; nothing is made or changed. Raises StoreError as open_database does."""
    database = _connect(url)
    try:
        if database.file is not None and not database.file.exists():
            return "missing"
        version = await database.read(load_version)
    finally:
        await database.close()
    if version is None:
        return "missing"
    if version == SCHEMA_VERSION:
        return "current"
    _refuse_unknown(version)
    return "old"


def _connect(url: str) -> Database:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("the database URL cannot be read; write sqlite:///FILE or postgresql://…") from error
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    if parsed.drivername not in drivers:
        raise StoreError(
            f"{parsed.drivername!r} is not a supported database; write sqlite:///FILE or postgresql://…"
        )
    try:
        return Database(parsed.set(drivername=drivers[parsed.drivername]))
    except ImportError as error:
        raise StoreError(
            "PostgreSQL needs its driver: in the folder of the checkout run pip install '.[postgres]'"
        ) from error


async def migrate(database: Database) -> None:
    """Bring the tables to SCHEMA_VERSION. Two processes may do so at once: one waits for the other.

    Raises StoreError where the database was made by a newer version of the newsletter, or early in 0.1.
    """
    if await database.read(load_version) != SCHEMA_VERSION:
        await database.change_schema(_upgrade)


def load_version(connection: Connection) -> str | None:
    """Return the migration that the database is at, None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command

    version = load_version(connection)
    if version is not None:
        _refuse_unknown(version)
    command.upgrade(build_alembic_config(connection), "head")


def _refuse_unknown(version: str) -> None:
    """Raise StoreError for tables that a newer version has made, or one that is too old."""
    known = sorted(path.name[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    if version < known[0]:
        raise StoreError(
            f"the database was made early in 0.1 (its tables are at {version}); open it once with newsletter 0.1.0,"
            " as docs/operations.md says under Upgrade, and then with this version"
        )
    if version not in known:
        raise StoreError(
            f"the database was made by a newer version of the newsletter (its tables are at {version}, this "
            f"version knows {SCHEMA_VERSION}); install that version again, or restore a backup from before it"
        )


def build_alembic_config(connection: Connection) -> Any:
    """Return the configuration with which Alembic works on this connection, inside its transaction."""
    from alembic.config import Config

    config = Config()
    # Alembic interpolates %(name)s in its options.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
