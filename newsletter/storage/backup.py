"""A consistent copy of the database while it is in use."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.errors import StoreError
from newsletter.files import create_private
from newsletter.storage.failures import LOCK_PATIENCE_S

if TYPE_CHECKING:
    from newsletter.storage.engine import Database


async def backup(database: Database, file: Path) -> None:
    """Write a copy to a new file that only its owner can read. The file appears whole, or not at all.

    Raises StoreError where the file exists, cannot be written, or the database is not an SQLite file.
    """
    if not database.is_sqlite:
        raise StoreError(
            f"PostgreSQL makes its own backups: pg_dump --format=custom --file={file} {database.shown_url}"
        )
    if database.file is None:
        raise StoreError("a database in memory cannot be backed up")
    await asyncio.to_thread(_copy, database.file, file)


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        raise StoreError(f"{target} already exists; choose a new file")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        # VACUUM INTO accepts an empty file: made here, it has the mode that we want.
        create_private(partial)
        try:
            with closing(sqlite3.connect(source, timeout=LOCK_PATIENCE_S)) as connection:
                connection.execute("VACUUM INTO ?", (str(partial),))
            # Put back in place of the original, it must not mail anybody twice: see storage/epoch.py.
            with closing(sqlite3.connect(partial)) as copy, copy:
                copy.execute("INSERT OR REPLACE INTO settings (key, value) VALUES ('copy', 'yes')")
            _flush(partial)
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)
        _flush(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the backup to {target} failed: {error}") from error


def _flush(path: Path) -> None:
    """Wait until the disk has the file, or the folder's list of files."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
