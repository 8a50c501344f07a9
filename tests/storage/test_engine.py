from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert, make_url, select, text, update

from newsletter.errors import StoreError
from newsletter.storage import Database, SubscriberStore, engine, open_database
from newsletter.storage.tables import counters, runs
from tests.support.builders import make_subscriber
from tests.support.given import NOW
from tests.support.statements import execute, load_values


async def save_visible_at(database: Database, at: datetime) -> None:
    await execute(database, insert(runs).values(number=1, visible_at=at))


async def load_visible_at(database: Database) -> datetime:
    (visible_at,) = await load_values(database, select(runs.c.visible_at))
    assert isinstance(visible_at, datetime)
    return visible_at


async def test_instant_comes_back_as_aware_utc(database: Database) -> None:
    written = datetime(2026, 6, 16, 8, 30, 1, 250_000, timezone(timedelta(hours=1)))
    await save_visible_at(database, written)

    read = await load_visible_at(database)

    assert read == written
    assert read.tzinfo is UTC


async def test_instants_of_different_zones_compare_as_instants(database: Database) -> None:
    await save_visible_at(database, datetime(2026, 6, 16, 8, 0, tzinfo=timezone(timedelta(hours=1))))

    same = datetime(2026, 6, 16, 7, 0, tzinfo=UTC)
    assert await load_values(database, select(runs.c.number).where(runs.c.visible_at <= same)) == [1]


async def test_naive_datetime_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await save_visible_at(database, datetime(2026, 6, 16, 8, 0))  # noqa: DTZ001 - the mistake in question


def increment(connection: Connection) -> None:
    seen = connection.scalars(select(counters.c.last_run).with_for_update()).one()
    connection.execute(update(counters).values(last_run=seen + 1))


async def count(database: Database) -> int:
    """How often it was incremented."""
    (counted,) = await load_values(database, select(counters.c.last_run))
    return int(counted)


async def test_concurrent_changes_are_not_lost(database: Database) -> None:
    await asyncio.gather(*(database.write(increment) for _ in range(200)))

    assert await count(database) == 200


async def test_two_connections_to_one_file_do_not_lose_changes_either(database_url: str) -> None:
    one, other = await open_database(database_url), await open_database(database_url)
    await asyncio.gather(*(database.write(increment) for _ in range(20) for database in (one, other)))

    assert await count(one) == 40
    await one.close()
    await other.close()


async def test_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail_after_a_change(connection: Connection) -> None:
        increment(connection)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(fail_after_a_change)

    assert await count(database) == 0


class Slow:
    """Work that is begun and goes on until it may end."""

    def __init__(self) -> None:
        self.is_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, connection: Connection) -> None:
        increment(connection)
        self.is_begun.set()
        assert self.may_end.wait(30)
        increment(connection)


async def begin(database: Database, slow: Slow) -> asyncio.Task[None]:
    task = asyncio.create_task(database.write(slow))
    assert await asyncio.to_thread(slow.is_begun.wait, 30)
    return task


async def test_a_write_whose_task_is_cancelled_is_done_as_a_whole(database: Database) -> None:
    slow = Slow()
    task = await begin(database, slow)

    task.cancel()
    await asyncio.wait([task])
    slow.may_end.set()

    async with asyncio.timeout(30):
        await database.write(increment)
    assert await count(database) == 3


async def test_a_write_that_has_to_wait_is_not_begun_where_its_task_is_cancelled(database: Database) -> None:
    at_once = 1 if database.is_sqlite else engine._WRITERS
    all_begun, may_end = threading.Barrier(at_once + 1), threading.Event()

    def hold(_: Connection) -> None:
        all_begun.wait(30)
        assert may_end.wait(30)

    holding = [asyncio.create_task(database.write(hold)) for _ in range(at_once)]
    await asyncio.to_thread(all_begun.wait, 30)
    waiting = asyncio.create_task(database.write(increment))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])
    may_end.set()
    await asyncio.gather(*holding)

    assert await count(database) == 0


async def test_closing_waits_for_a_write(database_url: str) -> None:
    database, slow = await open_database(database_url), Slow()
    task = await begin(database, slow)
    task.cancel()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)

    assert not closing.done()
    slow.may_end.set()
    await closing

    again = await open_database(database_url)
    assert await count(again) == 2
    await again.close()


_ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def begin_endless_read(database: Database) -> asyncio.Task[None]:
    begun = threading.Event()

    def read(connection: Connection) -> None:
        begun.set()
        connection.execute(text(_ENDLESS))

    task = asyncio.create_task(database.read(read))
    assert await asyncio.to_thread(begun.wait, 30)
    return task


async def test_a_read_ends_where_nobody_waits_for_it_any_more(database: Database) -> None:
    for _ in range(2 * engine._READERS):
        task = await begin_endless_read(database)
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    async with asyncio.timeout(30):
        assert await count(database) == 0


async def test_closing_does_not_wait_for_a_read(database_url: str) -> None:
    database = await open_database(database_url)
    tasks = [await begin_endless_read(database) for _ in range(3)]

    async with asyncio.timeout(30):
        await database.close()

    for task in tasks:
        with pytest.raises(StoreError):
            await task


async def test_database_in_memory_is_one_for_all_tasks() -> None:
    database = await open_database("sqlite:///:memory:")

    await asyncio.gather(*(database.write(increment) for _ in range(20)))

    assert await count(database) == 20
    await database.close()


async def test_sqlite_is_set_up_to_survive_a_power_cut(migrated_sqlite: Path) -> None:
    database = await open_database(f"sqlite:///{migrated_sqlite}")

    read = {
        name: (await load_values(database, text(f"PRAGMA {name}")))[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    await database.close()

    assert read == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


async def test_full_disk_is_a_store_error_and_leaves_all_as_it_was(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(migrated_sqlite, tmp_path / "full.db"))
    database = await open_database(f"sqlite:///{file}")
    store = SubscriberStore(database)
    await store.save([make_subscriber("first@example.org")], NOW, "added")

    def limit(connection: Connection) -> None:
        # The connection that was used last is used next.
        pages = connection.scalars(text("PRAGMA page_count")).one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")

    await database.write(limit)

    with pytest.raises(StoreError, match="disk is full"):
        await store.save(
            [make_subscriber(f"{number}@example.org", topics_json="x" * 1000) for number in range(50)],
            NOW,
            "added",
        )

    assert [reader.address for reader in await store.load_all()] == ["first@example.org"]
    await database.close()


@contextmanager
def locked_elsewhere(database_url: str) -> Iterator[None]:
    """Another process is in the middle of a change of the counters."""
    url = make_url(database_url)
    if url.drivername == "sqlite":
        other = sqlite3.connect(str(url.database), isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
        return
    with create_engine(url).connect() as connection:
        connection.execute(text("SELECT * FROM counters FOR UPDATE"))
        yield


async def test_lock_that_lasts_is_a_store_error(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine._SQLITE_OPTIONS["connect_args"], "timeout", 0.2)
    monkeypatch.setattr(engine, "_POSTGRESQL_SETTINGS", "-c lock_timeout=200ms")
    database = await open_database(database_url)

    with locked_elsewhere(database_url), pytest.raises(StoreError, match="locked"):
        await execute(database, update(counters).values(last_run=1))

    await execute(database, update(counters).values(last_run=1))
    await database.close()


async def test_writer_looks_often_for_the_end_of_another_process(
    migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(shutil.copy(migrated_sqlite, tmp_path / "shared.db"))
    database = await open_database(f"sqlite:///{file}")
    await execute(database, update(counters).values(last_run=1))
    slept_s: list[float] = []
    with ExitStack() as other:
        other.enter_context(locked_elsewhere(f"sqlite:///{file}"))

        def sleep(seconds: float) -> None:
            slept_s.append(seconds)
            if len(slept_s) == 3:
                other.close()

        monkeypatch.setattr("newsletter.storage.engine.time.sleep", sleep)
        await execute(database, update(counters).values(last_run=2))

    assert len(slept_s) == 3
    assert max(slept_s) <= 0.01  # SQLite alone sleeps for up to 100 ms, and for the third time already for 5
    await database.close()


async def test_lost_server_is_a_store_error(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has no server")

    with pytest.raises(StoreError, match="stopping or starting"):
        await execute(database, text("SELECT pg_terminate_backend(pg_backend_pid())"))

    await execute(database, update(counters).values(last_run=1))


async def test_error_quotes_no_value_of_a_row(database: Database) -> None:
    store = SubscriberStore(database)
    await store.save([make_subscriber("secret-name@example.org")], NOW, "added")

    with pytest.raises(StoreError) as caught:
        await store.save([make_subscriber("secret-name@example.org")], NOW, "added")

    assert "secret-name" not in str(caught.value)
    assert "constraint" in str(caught.value)


def folder_that_is_a_file(tmp_path: Path) -> str:
    (tmp_path / "file").write_text("")
    return f"sqlite:///{tmp_path}/file/newsletter.db"


def file_that_is_no_database(tmp_path: Path) -> str:
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    return f"sqlite:///{tmp_path}/notes.txt"


@pytest.mark.parametrize(
    ("make_url_text", "advice"),
    [
        (lambda path: f"sqlite:///{path}/missing/newsletter.db", "its folder must exist"),
        (folder_that_is_a_file, "its folder must exist"),
        (file_that_is_no_database, "not a database"),
        (lambda _: "postgresql://ada:hunter2@127.0.0.1:1/news", "check whether the server is running"),
        (lambda _: "mysql://localhost/news", "write sqlite:///FILE or postgresql://"),
        (lambda _: "newsletter.db", "write sqlite:///FILE or postgresql://"),
    ],
)
async def test_database_that_cannot_be_opened_says_what_to_do(
    make_url_text: Any, advice: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=advice) as caught:
        await open_database(make_url_text(tmp_path))

    assert "hunter2" not in str(caught.value)


async def test_missing_driver_of_postgresql_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(StoreError, match=r"pip install '\.\[postgres\]'"):
        await open_database("postgresql://127.0.0.1/news")


async def test_password_is_not_shown() -> None:
    database = Database(make_url("postgresql+psycopg://ada:hunter2@127.0.0.1/news"))

    assert repr(database) == "Database('postgresql://ada:***@127.0.0.1/news')"
    await database.close()


async def test_the_log_of_sqlite_shrinks_when_a_backup_has_ended(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_LARGEST_LOG_BYTES", 100_000)
    file = tmp_path / "newsletter.db"
    shutil.copy(migrated_sqlite, file)
    database = await open_database(f"sqlite:///{file}")
    readers, log = SubscriberStore(database), file.with_name(f"{file.name}-wal")

    async def add(number: int) -> None:
        await readers.save([make_subscriber(f"reader{number}@example.org")], NOW, "added")

    held = sqlite3.connect(file)
    held.execute("BEGIN")
    held.execute("SELECT count(*) FROM subscribers").fetchone()
    for number in range(150):
        await add(number)
    grown = log.stat().st_size
    held.close()
    for number in range(200, 203):  # the first moves all into its place, the next one begins the log anew
        await add(number)

    assert grown > 4_096_000  # moved after a thousand pages
    assert log.stat().st_size <= 100_000
    await database.close()
