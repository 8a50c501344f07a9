"""The counter that tells a database that fell behind: which database may send, whatever happened before."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select

from newsletter.errors import FellBehindError, StoreError
from newsletter.storage import Database, EpochGuard, epoch
from newsletter.storage.tables import settings


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours handles it."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "newsletter.epoch"


async def send_batch(guard: EpochGuard, database: Database) -> None:
    """Do with the counter what a batch of the ledger does."""
    await database.write(guard.move, guard.keep)


async def copy_settings(database: Database) -> list[dict[str, str]]:
    def look(connection: Connection) -> list[dict[str, str]]:
        return [{"key": row.key, "value": row.value} for row in connection.execute(select(settings))]

    return await database.read(look)


async def put_back(database: Database, copy: list[dict[str, str]]) -> None:
    def change(connection: Connection) -> None:
        connection.execute(delete(settings))
        connection.execute(insert(settings), copy)

    await database.write(change)


def die(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("batches_before", [0, 3])
@pytest.mark.parametrize("where", ["_EpochFile.make", "_move", "_EpochFile.raise_to"])
async def test_a_kill_at_any_moment_refuses_no_healthy_database(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch, where: str, batches_before: int
) -> None:
    guard = EpochGuard(database, file)
    for _ in range(batches_before):
        await send_batch(guard, database)
    with monkeypatch.context() as patched:
        patched.setattr(f"newsletter.storage.epoch.{where}", die)
        if not (batches_before and where == "_EpochFile.make"):  # which is called once only
            with pytest.raises(Killed):
                await send_batch(guard, database)

    again = EpochGuard(database, file)
    assert await again.check() == ""
    await send_batch(again, database)
    assert await again.check() == ""


async def test_a_database_that_is_one_batch_behind_is_refused(database: Database, file: Path) -> None:
    guard = EpochGuard(database, file)
    copies = []
    for _ in range(3):
        copies.append(await copy_settings(database))
        await send_batch(guard, database)
    for copy in reversed(copies):
        await put_back(database, copy)
        with pytest.raises(FellBehindError, match="older than the mails that were sent last"):
            await send_batch(guard, database)
        assert "older than the mails that were sent last" in await guard.check()
    await guard.accept()
    await send_batch(guard, database)
    assert await guard.check() == ""


async def test_each_machine_knows_a_database_that_fell_behind(database: Database, tmp_path: Path) -> None:
    one, other, third = (EpochGuard(database, tmp_path / name) for name in ("one", "other", "third"))
    await send_batch(one, database)
    assert "is missing" in await other.check()
    await other.accept()
    for _ in range(3):
        await send_batch(one, database)
        assert await other.check() == ""  # what one machine sends does not confuse another
        await send_batch(other, database)
    assert await one.check() == ""

    copy = await copy_settings(database)
    await send_batch(one, database)
    assert await other.check() == ""  # it has seen what the first one sent, and sends nothing itself
    await put_back(database, copy)

    assert "older" in await one.check()
    assert "older" in await other.check()
    await third.accept()
    for _ in range(5):
        await send_batch(third, database)  # which does not make good what the others' counters lack
    assert "older" in await one.check()
    assert "older" in await other.check()
    for machine in (one, other):
        await machine.accept()
        await send_batch(machine, database)
        assert await machine.check() == ""


async def test_processes_of_one_machine_share_a_file(database: Database, file: Path) -> None:
    guards = [EpochGuard(database, file) for _ in range(4)]

    async def send(guard: EpochGuard) -> None:
        for _ in range(6):
            assert await guard.check() == ""
            await send_batch(guard, database)

    await asyncio.gather(*(send(guard) for guard in guards))

    assert read_counters(file) == [24]


def read_counters(file: Path) -> list[int]:
    """Read the counters of a file that only its owner can read, and that nothing lies beside."""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir() if "epoch" in one.name] == [file.name]
    return [int(line.split()[1]) for line in file.read_text().splitlines()[1:]]


async def _lose(_: Database, file: Path) -> None:
    await asyncio.to_thread(file.unlink)


async def _damage(_: Database, file: Path) -> None:
    await asyncio.to_thread(file.write_text, "\0" * 60)


async def _empty(_: Database, file: Path) -> None:
    await asyncio.to_thread(file.write_text, "")


async def _exchange(database: Database, file: Path) -> None:
    other = [row for row in await copy_settings(database) if row["key"] != "secret"]
    await put_back(database, [*other, {"key": "secret", "value": "00" * 32}])


async def _mark(database: Database, file: Path) -> None:
    await put_back(database, [*await copy_settings(database), {"key": "copy", "value": "yes"}])


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (_lose, "is missing"),
        (_damage, "cannot be read"),
        (_empty, "cannot be read"),
        (_exchange, "belongs to another database"),
        (_mark, "restored from a backup"),
    ],
)
async def test_what_is_not_known_to_be_the_newest_is_refused_until_the_operator_says_so(
    database: Database, file: Path, harm: Callable[[Database, Path], Awaitable[None]], says: str
) -> None:
    guard = EpochGuard(database, file)
    await send_batch(guard, database)
    await harm(database, file)

    try:
        refused = await guard.check()
    except StoreError as error:
        refused = str(error)
    assert says in refused

    await guard.accept()
    assert await guard.check() == ""
    await send_batch(guard, database)
    assert await guard.check() == ""


async def test_nothing_is_counted_where_the_file_cannot_be_written(
    database: Database, tmp_path: Path
) -> None:
    guard = EpochGuard(database, tmp_path / "no such folder" / "newsletter.epoch")

    with pytest.raises(StoreError, match="nothing is sent without it"):
        await send_batch(guard, database)

    assert not [row for row in await copy_settings(database) if row["key"].startswith(epoch._EPOCH)]
