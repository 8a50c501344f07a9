"""A real database that fell behind in the middle of a real send, or after it: a lagging standby, a dump put back."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from tests.crash.play import wait_until
from tests.crash.rounds import CONNECTIONS, READERS, Engine
from tests.crash.stage import ADDRESSES, EDITION, Scene, Stage
from tests.support.papers import make_day
from tests.support.postgres import NO_POSTGRES, PostgresServer, running_postgres

pytestmark = pytest.mark.slow

_CHOICES = ("newsletter restored --sent-until", "newsletter restored --nothing-was-sent")
_SENT_UNTIL = f"{EDITION}T12:00Z"
_NEXT_DAY = "2026-06-17T08:00:00+00:00"


@asynccontextmanager
async def given_due(folder: Path, *needed: str) -> AsyncIterator[tuple[PostgresServer, Scene]]:
    """A newsletter that has mails to send, on a server of its own that has these programs beside it."""
    with running_postgres() as server:
        if server is None:
            pytest.skip(NO_POSTGRES)
        for program in needed:
            if not (server.programs / program).exists():
                pytest.skip(f"needs {program}, which is not in {server.programs}")
        engine = Engine.POSTGRESQL
        async with (
            Stage.prepared(folder, {engine}, server.url) as stage,
            stage.set_scene("round", engine) as scene,
        ):
            scene.relay.delay_s = 0.2  # so that a send takes long enough to be met in its middle
            yield server, scene


async def run(scene: Scene, *arguments: str, at: str = "") -> tuple[int, str]:
    """Run a command of the newsletter to its end; return its exit code and what it said, on one line."""
    outputs = set(scene.house.folder.glob("output-*"))
    command = await scene.fork_server.start(scene.house, *arguments, at=at)
    scene.commands.append(command)
    code = await command.wait()
    [output] = set(scene.house.folder.glob("output-*")) - outputs
    return code, " ".join(output.read_text().split())


async def assert_refuses_and_then_keeps_its_promises(scene: Scene) -> None:
    """The next send refuses with the two choices. Once the operator has said until when mails went out, nobody gets a
    second copy that is not known of, and on the next day everybody gets one digest, with nothing that they had."""
    taken = scene.relay.messages
    before = len(taken)
    code, said = await run(scene, "send", "--edition", EDITION)
    assert code != 0
    assert all(choice in said for choice in _CHOICES), said
    assert len(taken) == before, "it refused, and sent"

    assert (await run(scene, "restored", "--sent-until", _SENT_UNTIL))[0] == 0
    for _ in range(2):
        await run(scene, "send", "--edition", EDITION)
    rows = scene.ledger.load_rows()
    copies = Counter(message.rcpt_to for message in taken)
    twice = {address for address, count in copies.items() if count > 1}
    assert twice <= {row.address for row in rows if row.was_uncertain}, "copies that nobody knows of"
    assert max(copies.values()) <= 2
    assert len(twice) <= 2 * CONNECTIONS
    names = {(message.rcpt_to, message.message_id) for message in taken}
    assert len(names) == len(copies), "a second copy has another name"
    assert len(rows) == READERS
    assert {row.state for row in rows} <= {"accepted", "skipped"}

    first_day = len(taken)
    (scene.house.folder / "day.json").write_text(make_day(12, on="2026-06-17"))
    assert (await run(scene, "collect", "--now", at=_NEXT_DAY))[0] == 0
    code, said = await run(scene, "send", at=_NEXT_DAY)
    assert code == 0, said
    assert {message.rcpt_to for message in taken[first_day:]} == ADDRESSES
    assert len(taken) == first_day + READERS
    for message in taken[first_day:]:
        assert b"part 11" in message.content or b"part 12" in message.content
        assert not any(b"part %d," % part in message.content for part in range(1, 9))


@pytest.mark.parametrize(("cut_at", "dies_at"), [(0, 100), (60, 61), (150, 200)], ids=lambda mail: str(mail))
async def test_a_standby_that_lagged_and_takes_over_in_the_middle_of_a_send_sends_nothing_twice(
    cut_at: int, dies_at: int, tmp_path: Path
) -> None:
    async with given_due(tmp_path, "pg_basebackup") as (server, scene):
        standby = await asyncio.to_thread(server.make_standby)
        taken = scene.relay.messages
        if not cut_at:
            await asyncio.to_thread(standby.cut_off)
        command = await scene.start_send()
        if cut_at:
            await wait_until(lambda: len(taken) >= cut_at or command.code is not None)
            await asyncio.to_thread(standby.cut_off)
        await wait_until(lambda: len(taken) >= dies_at or command.code is not None)
        assert command.code is None
        await asyncio.to_thread(standby.take_over)
        assert await command.wait() != 0, "the pass went on with a database that had forgotten what it sent"
        assert len(taken) < READERS

        await assert_refuses_and_then_keeps_its_promises(scene)


def empty(database_url: str) -> None:
    """Leave nothing in a database: pg_restore --clean would stumble over the keys of partitions."""
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


@pytest.mark.parametrize("dumped_at", [0, 100])
async def test_a_dump_of_the_middle_of_a_send_that_is_put_back_after_it_sends_nothing_twice(
    dumped_at: int, tmp_path: Path
) -> None:
    dump = tmp_path / "dump"
    async with given_due(tmp_path, "pg_dump", "pg_restore") as (server, scene):

        async def call(program: str, *arguments: str | Path) -> None:
            where = server.programs / program, "--dbname", scene.database_url
            await asyncio.to_thread(subprocess.run, [*where, *arguments], check=True)

        taken = scene.relay.messages
        command = await scene.start_send()
        await wait_until(lambda: len(taken) >= dumped_at or command.code is not None)
        await call("pg_dump", "--format=custom", "--file", dump)
        assert len(taken) < READERS
        assert await command.wait() == 0
        assert len(taken) == READERS
        await asyncio.to_thread(empty, scene.database_url)
        await call("pg_restore", dump)

        await assert_refuses_and_then_keeps_its_promises(scene)
