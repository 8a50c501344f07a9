"""The connection to the database, and everything that differs between SQLite and PostgreSQL.

A Database does work in transactions, each in a thread: work is plain SQL code that is given the connection. Whatever
the driver raises leaves here as a StoreError whose message says what to do. No message shows a password or a value of
a row.

SQLite begins every writing transaction with BEGIN IMMEDIATE: with the driver's own BEGIN, which waits for the
first change, two tasks that read and then write lose each other's updates without any error.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    Date,
    DateTime,
    Dialect,
    Engine,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    StatementError,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from newsletter.address import address_key
from newsletter.errors import ClashError, StoreError
from newsletter.files import create_private, tighten
from newsletter.text import clean_text

LOCK_PATIENCE_S = 30
"""How long a statement waits for another process before it fails."""

_SWITCH_S = 0.0005
"""How long a thread that computes keeps the interpreter from others that want it; Python's own 5 ms is longer than a
statement takes, and a thread wants it back after each one."""

_READERS = 8
_WRITERS = 4
"""So many reads and writes go on at once, the others wait; on SQLite one write."""

_LOOK_S = 0.01

_TRIES = 5
"""How often a transaction is begun again that stood in the way of another one."""

# Fewer than the 32,766 parameters that SQLite allows in one statement.
_CHUNK = 5_000

_POSTGRESQL_SETTINGS = (
    f"-c lock_timeout={LOCK_PATIENCE_S}s"
    # A process that is stopped in the middle of a transaction must not hold its locks for ever, nor one whose machine
    # lost its power or its network.
    " -c idle_in_transaction_session_timeout=60s"
    " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60s"
    # A server may be set up to acknowledge commits that a power cut can still take back.
    " -c synchronous_commit=on"
)

_KEEPALIVES: Mapping[str, int] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""How soon we notice that the server is gone, in seconds, but for tcp_user_timeout, which is in milliseconds."""

_LIMIT_TRANSACTIONS = (
    "SELECT set_config('transaction_timeout', '{limit}', {local})"
    " WHERE current_setting('transaction_timeout', true) IS NOT NULL"
)
"""The only limit that counts in the middle of a pipeline. Servers before PostgreSQL 17 do not know it."""

_LONGEST_TRANSACTION = "110s"

_END_FROZEN_SESSIONS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = session_user AND application_name = 'newsletter'
      AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND wait_event_type = 'Client'
      AND state_change < now() - nullif(current_setting('idle_in_transaction_session_timeout'), '0')::interval
"""

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

_T = TypeVar("_T")
_P = ParamSpec("_P")
_S = TypeVar("_S", bound="Store")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in, aware UTC out, on both engines. Refuses naive values with ValueError.

    SQLite has no type for it: there it is text in UTC, which sorts as it should.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; give an aware datetime")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CleanText(TypeDecorator[str]):
    """A text without control characters, lone surrogates and noncharacters (newsletter.text), of any length or of at
    most ``max_chars``: values and what is compared with them are cleaned alike, so both engines take and find the same.
    """

    impl = Text
    cache_ok = True

    def __init__(self, max_chars: int | None = None) -> None:
        super().__init__()
        self.max_chars = max_chars

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        return Text() if self.max_chars is None else String(self.max_chars)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean_text(value)


class AddressText(CleanText):
    """An address by which somebody is found: its `address_key`, also of what it is compared with."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        cleaned = super().process_bind_param(value, dialect)
        return None if cleaned is None else address_key(cleaned)


class key_of(FunctionElement[str]):
    """The `address_key` of a column whose addresses are as they were typed, to compare it with an address."""

    inherit_cache = True
    type = AddressText()


@compiles(key_of)
def _compile_key_of(element: key_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"  # SQLite knows the case of ASCII only


@compiles(key_of, "postgresql")
def _compile_key_of_there(element: key_of, compiler: SQLCompiler, **options: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **options)}) COLLATE "C")'


class CleanJson(CleanText):
    """JSON whose texts are clean: in it control characters stand as escapes."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        cleaned = super().process_bind_param(value, dialect)
        return cleaned if cleaned is None or "\\" not in cleaned else _ESCAPED_CONTROL.sub(r"\1", cleaned)


# An escaped backslash stays, so that what follows it is not taken for an escape.
_ESCAPED_CONTROL = re.compile(r"(\\\\)|\\(?:[bfr]|u00[01][0-9a-f])")


class utc_day(FunctionElement[Any]):
    """The UTC date of a UtcDateTime column, for comparing with another of its kind."""

    inherit_cache = True
    type = Date()


@compiles(utc_day, "sqlite")
def _compile_utc_day_for_sqlite(element: utc_day, compiler: SQLCompiler, **kw: Any) -> str:
    return f"substr({compiler.process(element.clauses, **kw)}, 1, 10)"


@compiles(utc_day, "postgresql")
def _compile_utc_day_for_postgresql(element: utc_day, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC' AS DATE)"


def _dialect_insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def insert_or_ignore(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that leaves rows alone that are there already."""
    return _dialect_insert(connection, table).on_conflict_do_nothing()


def insert_or_update(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that overwrites the row with the same primary key."""
    insert = _dialect_insert(connection, table)
    keys = list(table.primary_key.columns)
    rest = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=keys, set_=rest)


def in_chunks(values: Collection[_T]) -> Iterator[Sequence[_T]]:
    """Yield the values in lists that are short enough for one ``IN (…)``."""
    rest = list(values)
    for start in range(0, len(rest), _CHUNK):
        yield rest[start : start + _CHUNK]


def list_sqlite_files(file: Path) -> list[Path]:
    """Return the paths of a database and of what SQLite keeps beside it, whether they are there or not."""
    return [file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm", "-journal"))]


class Database:
    """One database, open. Made by open_database.

    file is the path of an SQLite file, None for one in memory and for PostgreSQL.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.in_memory = self.is_sqlite and url.database in (None, "", ":memory:")
        self.file = Path(url.database) if self.is_sqlite and url.database and not self.in_memory else None
        self._file_identity: tuple[int, int] | None = None
        self._engine = self._build_engine()
        self._writing_engine = self._engine.execution_options(writes=True)
        # A database in memory has a single connection, which can be in one transaction only.
        self._writers = ThreadPoolExecutor(
            1 if self.is_sqlite else _WRITERS, thread_name_prefix="database-write"
        )
        self._readers = self._writers
        if not self.in_memory:
            self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database-read")
        self._reads: set[_Read] = set()
        sys.setswitchinterval(_SWITCH_S)

    def __repr__(self) -> str:
        return f"Database({self.shown_url!r})"

    @property
    def shown_url(self) -> str:
        """The URL as an operator wrote it, its password hidden."""
        return self._url.set(drivername=self._url.get_backend_name()).render_as_string(hide_password=True)

    def check_file(self) -> None:
        """Make a missing SQLite file, and close it to others."""
        if self.file is None:
            return
        # What SQLite makes beside it (-wal, -shm) takes the mode of the file.
        with suppress(OSError):
            create_private(self.file)
        tighten(*list_sqlite_files(self.file))
        self._file_identity = _identify(self.file)

    def check_same_file(self) -> None:
        """Raise StoreError where the SQLite file was deleted or replaced since it was opened.

        What is written to it then is lost with this process, and a connection that is opened now leads elsewhere.
        """
        if self.file is None or self._file_identity is None or _identify(self.file) == self._file_identity:
            return
        raise StoreError(
            f"{self.shown_url}: the file was deleted or replaced while it was in use; nothing is sent. Stop"
            " whatever uses it, put the right file in its place and start again"
        )

    def _check_before_connecting(self, *_: object) -> None:
        self.check_same_file()

    async def read(self, work: Callable[[Connection], _T]) -> _T:
        """Do work that only reads, in one transaction in a thread; return what it returns.

        On SQLite all its statements see the same state. It is ended where nobody waits for it any more.
        """
        read = _Read()
        going_on = self._readers.submit(self._read_here, work, read)
        self._reads.add(read)
        going_on.add_done_callback(lambda _: self._reads.discard(read))
        try:
            return await asyncio.wrap_future(going_on)
        except asyncio.CancelledError:
            read.end()
            raise

    def _read_here(self, work: Callable[[Connection], _T], read: _Read) -> _T:
        with self._only_store_errors(), self._engine.begin() as connection, read.on(connection):
            return work(connection)

    async def write(
        self, work: Callable[[Connection], _T], then: Callable[[_T], None] = lambda _: None
    ) -> _T:
        """Do work in one transaction that commits at its end, in a thread; return what it returns.

        work talks to the connection and changes nothing else: where its transaction stood in the way of another it is
        called again. then is called with what work returned, in the same thread, once that is committed. Once begun,
        both come to their end, also where nobody waits for it any more.
        """
        return await asyncio.wrap_future(self._writers.submit(self.write_here, work, then))

    def write_here(self, work: Callable[[Connection], _T], then: Callable[[_T], None] = lambda _: None) -> _T:
        """As ``write``, for who has a thread of their own."""
        with self._only_store_errors():
            for attempt in range(1, _TRIES + 1):
                try:
                    with self._writing_engine.begin() as connection:
                        done = work(connection)
                    then(done)
                    return done
                except DBAPIError as error:
                    is_conflict = str(getattr(error.orig, "sqlstate", None)).startswith("40")
                    is_over = is_conflict or (_is_locked(error) and self._end_frozen_sessions())
                    if not is_over or attempt == _TRIES:
                        raise
        raise AssertionError("the last try returns or raises")

    def _end_frozen_sessions(self) -> int:
        """End sessions of ours that have waited in a transaction for too long for their process; return how many.

        For who has waited for a lock in vain. The server's own limit does not count while a process has sent a part
        of a pipeline, and one that it knows for whole transactions is new in PostgreSQL 17.
        """
        with self._engine.begin() as connection:
            ended = connection.exec_driver_sql(_END_FROZEN_SESSIONS).scalar_one()
        return int(ended)

    async def change_schema(self, work: Callable[[Connection], None]) -> None:
        """Do work in a transaction that may rebuild tables, one process at a time."""
        await asyncio.wrap_future(self._writers.submit(self._change_schema_here, work))

    def _change_schema_here(self, work: Callable[[Connection], None]) -> None:
        with self._only_store_errors(), self._writing_engine.connect() as connection:
            if not self.is_sqlite:
                with connection.begin():
                    # Tables with millions of rows may be rebuilt.
                    connection.exec_driver_sql(_LIMIT_TRANSACTIONS.format(limit="0", local="true"))
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('newsletter schema'))")
                    work(connection)
                return
            # Rebuilding a table drops the old one, which foreign keys would see as deleting its rows.
            # SQLite heeds this switch only outside a transaction.
            _switch_foreign_keys(connection, on=False)
            try:
                with connection.begin():
                    work(connection)
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                    if broken:
                        raise StoreError(
                            f"{self.shown_url}: {len(broken)} rows refer to rows that do not exist"
                        )
            finally:
                _switch_foreign_keys(connection, on=True)

    async def close(self) -> None:
        """Close all the connections: reads are ended, what is being written is written."""
        await asyncio.to_thread(self._close_here)

    def _close_here(self) -> None:
        while reads := tuple(self._reads):
            for read in reads:
                read.end()
            time.sleep(_LOOK_S)
        self._readers.shutdown()
        self._writers.shutdown()
        self._engine.dispose()

    def _build_engine(self) -> Engine:
        pool: dict[str, Any] = {"pool_size": _READERS + _WRITERS, "pool_use_lifo": True}
        if not self.is_sqlite:
            engine = create_engine(self._url, **pool, **_postgresql_options(self._url))
            _prepare_postgresql(engine, self._url)
            return engine
        if self.in_memory:
            pool = {"poolclass": StaticPool}
        engine = create_engine(self._url, **pool, **_SQLITE_OPTIONS)
        _prepare_sqlite(engine)
        event.listen(engine, "do_connect", self._check_before_connecting)
        return engine

    @contextmanager
    def _only_store_errors(self) -> Iterator[None]:
        self.check_same_file()
        try:
            yield
        except DBAPIError as error:
            message = f"{self.shown_url}: {self._advise(error)}"
            if _is_there_already(error):
                raise ClashError(message, is_refusal=True) from error
            raise StoreError(
                message, is_passing=self._is_passing(error), is_refusal=_is_refusal(error)
            ) from error
        except StatementError as error:
            # A value that a column type refused: a mistake of ours, not of the database.
            if error.orig is None:
                raise
            raise error.orig from error

    def _is_passing(self, error: DBAPIError) -> bool:
        """Tell whether the same may succeed in a moment: a lock, or a server that comes back."""
        if self.is_sqlite:
            code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
            return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        sqlstate = getattr(error.orig, "sqlstate", None)
        if sqlstate is None:
            return _is_lost(error)
        return sqlstate[:2] in ("08", "40", "55", "57") or sqlstate == "53300"

    def _advise(self, error: DBAPIError) -> str:
        cause = error.orig
        advice = _find_sqlite_advice(cause) if self.is_sqlite else _find_postgresql_advice(error)
        said = _first_line(cause)
        if self._url.password:
            said = said.replace(str(self._url.password), "***")
        if isinstance(error, IntegrityError):
            advice = "a change would violate a constraint and was not made"
        return f"{advice} ({said})"


class _Read:
    """A read that goes on in a thread, so that others can end it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._driver: Any = None

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Say on which connection it goes on, and that it does so no more."""
        self._driver = connection.connection.driver_connection
        try:
            yield
        finally:
            with self._lock:
                self._driver = None

    def end(self) -> None:
        """End the statement that it waits for now, if any."""
        with self._lock:
            if isinstance(self._driver, sqlite3.Connection):
                self._driver.interrupt()
            elif self._driver is not None and not self._driver.closed:
                # The line is cut: a server that does not answer would not hear that it should stop, either.
                with suppress(OSError), socket.socket(fileno=os.dup(self._driver.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)


class Store:
    """What a part of the database is asked through: its methods are SQL, marked with ``reading`` or ``writing``."""

    def __init__(self, database: Database) -> None:
        self._database = database


def reading(
    method: Callable[Concatenate[_S, Connection, _P], _T],
) -> Callable[Concatenate[_S, _P], Coroutine[Any, Any, _T]]:
    """Make of a method that reads with a connection one that is awaited: in one transaction, in a thread."""

    @wraps(method)
    async def run(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._database.read(lambda connection: method(self, connection, *args, **kwargs))

    return run


def writing(
    method: Callable[Concatenate[_S, Connection, _P], _T],
) -> Callable[Concatenate[_S, _P], Coroutine[Any, Any, _T]]:
    """Make of a method that writes with a connection one that is awaited: in one transaction, in a thread.

    The method talks to the connection and changes nothing else: where its transaction stood in the way of another it
    is called again.
    """

    @wraps(method)
    async def run(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._database.write(lambda connection: method(self, connection, *args, **kwargs))

    return run


def _is_refusal(error: DBAPIError) -> bool:
    """Tell whether the database refused the values of a statement and is well: another statement may succeed.

    54 is a limit of PostgreSQL, such as that of the length of an index's entry.
    """
    if isinstance(error, DataError | IntegrityError):
        return True
    return str(getattr(getattr(error, "orig", None), "sqlstate", None)).startswith("54")


_SQLITE_OPTIONS: dict[str, Any] = {
    # isolation_level None: the driver begins nothing on its own, we do (_prepare_sqlite).
    # Of its connections each is used by one thread at a time.
    "connect_args": {"timeout": LOCK_PATIENCE_S, "isolation_level": None, "check_same_thread": False},
    "hide_parameters": True,
}


def _postgresql_options(url: URL) -> dict[str, Any]:
    connect_args: dict[str, Any] = {
        "application_name": "newsletter",
        "connect_timeout": 10,
        **{name: value for name, value in _KEEPALIVES.items() if name not in url.query},
    }
    if "options" not in url.query:
        connect_args["options"] = _POSTGRESQL_SETTINGS
    return {
        "connect_args": connect_args,
        "isolation_level": "READ COMMITTED",
        "pool_pre_ping": True,
        "hide_parameters": True,
    }


def _prepare_postgresql(engine: Engine, url: URL) -> None:
    """Limit the transactions of each new connection, but where the operator gave options of their own."""
    if "options" in url.query:
        return

    def set_up(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(_LIMIT_TRANSACTIONS.format(limit=_LONGEST_TRANSACTION, local="false"))
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", set_up)


def _prepare_sqlite(engine: Engine) -> None:
    """Set up each new connection, and say how its transactions begin."""

    def set_up(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)


def _switch_foreign_keys(connection: Connection, *, on: bool) -> None:
    """Switch the checking of foreign keys outside any transaction (the driver's connection begins none)."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def _is_locked(error: DBAPIError) -> bool:
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


def _identify(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one in its place, None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
