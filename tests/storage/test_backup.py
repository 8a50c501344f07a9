from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from newsletter.errors import StoreError
from newsletter.storage import (
    Database,
    EntryStore,
    RunStore,
    RunTransaction,
    SubscriberStore,
    open_database,
)
from newsletter.storage.backup import backup
from tests.support.given import NOW, given_reader


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def open_given_sqlite(folder: Path) -> Database:
    database = await open_database(f"sqlite:///{folder / 'newsletter.db'}")
    await given_reader(database)
    return database


async def test_backup_opens_as_the_same_newsletter(tmp_path: Path) -> None:
    database = await open_given_sqlite(tmp_path)

    await backup(database, tmp_path / "copy.db")

    copy = await open_database(f"sqlite:///{tmp_path / 'copy.db'}")
    assert await SubscriberStore(copy).load_all() == await SubscriberStore(database).load_all()
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    await copy.close()
    await database.close()


async def test_backup_during_a_change_has_the_state_before_it(tmp_path: Path) -> None:
    database = await open_given_sqlite(tmp_path)
    is_open, may_end = threading.Event(), threading.Event()

    def stay_open(_: RunTransaction) -> None:
        is_open.set()
        assert may_end.wait(10)

    run = asyncio.create_task(RunStore(database).save_run(NOW, stay_open))
    await asyncio.to_thread(is_open.wait, 10)
    await asyncio.wait_for(backup(database, tmp_path / "copy.db"), 10)
    may_end.set()
    await run

    copy = await open_database(f"sqlite:///{tmp_path / 'copy.db'}")
    assert await EntryStore(copy).newest_run() == 0
    await copy.close()
    await database.close()


async def test_backup_never_overwrites(tmp_path: Path) -> None:
    database = await open_given_sqlite(tmp_path)
    (tmp_path / "copy.db").write_text("precious")

    with pytest.raises(StoreError, match="exists"):
        await backup(database, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "precious"
    await database.close()


async def test_backup_that_fails_leaves_no_file(tmp_path: Path) -> None:
    database = await open_given_sqlite(tmp_path)
    before = names_in(tmp_path)

    with pytest.raises(StoreError, match="failed"):
        await backup(database, tmp_path / "missing" / "copy.db")

    assert names_in(tmp_path) == before
    await database.close()


async def test_postgresql_is_backed_up_by_its_own_tool(database: Database, tmp_path: Path) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite is backed up by us")

    with pytest.raises(StoreError, match="pg_dump"):
        await backup(database, tmp_path / "copy.dump")
