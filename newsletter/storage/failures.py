"""What the errors of the drivers mean: what to do about them, and whether the same may succeed in a moment."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from newsletter.errors import ClashError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import URL

LOCK_PATIENCE_S = 30
"""How long a statement waits for another process before it fails."""

_SQLITE_ADVICE = {
    sqlite3.SQLITE_BUSY: f"another process has locked it for {LOCK_PATIENCE_S} s; check what else has it open",
    sqlite3.SQLITE_LOCKED: "another task has it locked; try again",
    sqlite3.SQLITE_FULL: "the disk is full; free some space, nothing is sent until then",
    sqlite3.SQLITE_READONLY: "it is read-only; make the file and its folder writable for this user",
    sqlite3.SQLITE_PERM: "permission denied; check the owner and mode of the file",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; its folder must exist and be writable for this user",
    sqlite3.SQLITE_NOTADB: "the file is not a database; choose another file or restore a backup",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a backup",
    sqlite3.SQLITE_IOERR: "reading or writing the file failed; check the disk",
}


_POSTGRESQL_ADVICE = {
    "08": "the connection was lost; check whether the server is running",
    "25006": "it is read-only; connect to the primary server",
    "28": "the login was refused; check the user and password in the database URL",
    "3D000": "there is no such database; create it with createdb",
    "40": "another transaction interfered; try again",
    "42501": "this user lacks a permission; make it the owner of the database",
    "53100": "its disk is full; free some space, nothing is sent until then",
    "53300": "it has too many connections; raise max_connections or stop another client",
    "53": "the server is out of a resource; check its log",
    "55P03": f"another process has locked it for {LOCK_PATIENCE_S} s; check what else is connected",
    "57": "the server is stopping or starting; try again when it is up",
}


def show_url(url: URL) -> str:
    """Return a URL as an operator wrote it, its password hidden."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def build_store_error(error: DBAPIError, url: URL) -> StoreError:
    """Return what is raised for what a driver raised. It shows no password and no value of a row."""
    message = f"{show_url(url)}: {_advise(error, url)}"
    if _is_there_already(error):
        return ClashError(message, is_refusal=True)
    return StoreError(message, is_passing=_is_passing(error, url), is_refusal=_is_refusal(error))


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _is_passing(error: DBAPIError, url: URL) -> bool:
    """Tell whether the same may succeed in a moment: a lock, or a server that comes back."""
    if _is_sqlite(url):
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is None:
        return _is_lost(error)
    return sqlstate[:2] in ("08", "40", "55", "57") or sqlstate == "53300"


def _advise(error: DBAPIError, url: URL) -> str:
    cause = error.orig
    advice = _find_sqlite_advice(cause) if _is_sqlite(url) else _find_postgresql_advice(error)
    said = _first_line(cause)
    if url.password:
        said = said.replace(str(url.password), "***")
    if isinstance(error, IntegrityError):
        advice = "a change would violate a constraint and was not made"
    return f"{advice} ({said})"


def _is_refusal(error: DBAPIError) -> bool:
    """Tell whether the database refused the values of a statement and is well: another statement may succeed.

    54 is a limit of PostgreSQL, such as that of the length of an index's entry.
    """
    if isinstance(error, DataError | IntegrityError):
        return True
    return str(getattr(getattr(error, "orig", None), "sqlstate", None)).startswith("54")


def is_locked(error: DBAPIError) -> bool:
    """Tell whether a lock of PostgreSQL was waited for in vain."""
    return getattr(error.orig, "sqlstate", None) == "55P03"


def _is_there_already(error: DBAPIError) -> bool:
    """Tell whether a row was refused because there is one with the same key."""
    if not isinstance(error, IntegrityError):
        return False
    taken = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
    return (
        getattr(error.orig, "sqlstate", None) == "23505"
        or getattr(error.orig, "sqlite_errorcode", None) in taken
    )


def _find_sqlite_advice(cause: BaseException | None) -> str:
    code = getattr(cause, "sqlite_errorcode", 0)
    # The low byte is the primary code, the rest says more than we need.
    return _SQLITE_ADVICE.get(code & 0xFF, "the database refused a statement")


def _is_lost(error: DBAPIError) -> bool:
    """Tell whether an error without a code of the server's means that the server is out of reach; the driver refuses
    values of ours (DataError, NotSupportedError …) without asking it, too."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def _find_postgresql_advice(error: DBAPIError) -> str:
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is None:
        if _is_lost(error):
            return "it cannot be reached; check whether the server is running and the database URL is right"
        return "its driver refused a value or a statement"
    for length in (5, 2):
        if advice := _POSTGRESQL_ADVICE.get(sqlstate[:length]):
            return advice
    return "the database refused a statement"


def _first_line(cause: BaseException | None) -> str:
    """Return what the driver said without the lines that follow: PostgreSQL quotes the row there."""
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]
