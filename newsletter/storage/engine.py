"""The connection to the database: transactions in threads, on SQLite or PostgreSQL.

A Database does work in transactions, each in a thread: work is plain SQL code that is given the connection. Whatever
the driver raises leaves here as a StoreError whose message says what to do. No message shows a password or a value of
a row.

SQLite begins every writing transaction with BEGIN IMMEDIATE: with the driver's own BEGIN, which waits for the
first change, two tasks that read and then write lose each other's updates without any error.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.pool import StaticPool

from newsletter.errors import StoreError
from newsletter.files import create_private, tighten
from newsletter.storage.failures import LOCK_PATIENCE_S, build_store_error, is_locked, show_url

_SWITCH_S = 0.0005
"""How long a thread that computes keeps the interpreter from others that want it; Python's own 5 ms is longer than a
statement takes, and a thread wants it back after each one."""

_READERS = 8
_WRITERS = 4
"""So many reads and writes go on at once, the others wait; on SQLite one write."""

_LOOK_S = 0.01
_LOCK_LOOK_S = 0.0005

_LARGEST_LOG_BYTES = 64 << 20
"""What SQLite leaves of its log once all is in its place: a backup during a large send lets it grow to gigabytes."""

_TRIES = 5
"""How often a transaction is begun again that stood in the way of another one."""


_POSTGRESQL_SETTINGS = (
    f"-c lock_timeout={LOCK_PATIENCE_S}s"
    # A process that is stopped in the middle of a transaction must not hold its locks for ever, nor one whose machine
    # lost its power or its network.
    " -c idle_in_transaction_session_timeout=60s"
    " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60s"
    # A server may be set up to acknowledge commits that a power cut can still take back.
    " -c synchronous_commit=on"
)

KEEPALIVES: Mapping[str, int] = {
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


_T = TypeVar("_T")
_P = ParamSpec("_P")
_S = TypeVar("_S", bound="Store")


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
        return show_url(self._url)

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
                    is_over = is_conflict or (is_locked(error) and self._end_frozen_sessions())
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
                    allow_long_transaction(connection)  # tables with millions of rows may be rebuilt
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
            raise build_store_error(error, self._url) from error
        except StatementError as error:
            # A value that a column type refused: a mistake of ours, not of the database.
            if error.orig is None:
                raise
            raise error.orig from error


def allow_long_transaction(connection: Connection) -> None:
    """Let the transaction that this connection is in take as long as it needs."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LIMIT_TRANSACTIONS.format(limit="0", local="true"))


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
        **{name: value for name, value in KEEPALIVES.items() if name not in url.query},
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
        cursor.execute(f"PRAGMA journal_size_limit={_LARGEST_LOG_BYTES}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    def begin(connection: Any) -> None:
        if connection.get_execution_options().get("writes", False):
            _begin_to_write(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)


def _begin_to_write(connection: Connection) -> None:
    """Begin a transaction that writes, as soon as no other process does.

    SQLite's own waiting sleeps for up to 100 ms at a time, and misses what others leave free between two of theirs:
    of two processes that sent, each waited 12 ms for what took 4. So we look again ourselves, more rarely with time.
    """
    driver: Any = connection.connection.driver_connection
    patience_s = _SQLITE_OPTIONS["connect_args"]["timeout"]
    begun = time.monotonic()
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while (waited_s := time.monotonic() - begun) < patience_s:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.Error as error:
                # The lower byte is the kind: another process may also be mending the log of one that died.
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(min(max(_LOCK_LOOK_S, waited_s / 20), _LOOK_S))
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises as everything else does
    finally:
        driver.execute(f"PRAGMA busy_timeout={round(patience_s * 1000)}")


def _switch_foreign_keys(connection: Connection, *, on: bool) -> None:
    """Switch the checking of foreign keys outside any transaction (the driver's connection begins none)."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def _identify(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one in its place, None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
