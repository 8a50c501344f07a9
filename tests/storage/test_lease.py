from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from newsletter.model.ledger import Instance, InstanceId
from newsletter.storage import Database, Heartbeat, find_process_space, is_dead, open_database
from newsletter.storage.tables import instances
from tests.support.given import NOW, given_instance


@pytest.mark.parametrize(
    ("host", "boot", "alive", "seconds", "dead"),
    [
        ("here", "this", True, 0, False),
        ("here", "this", True, 60, False),
        ("here", "this", True, 61, True),  # its number belongs to another process, or it hangs
        ("here", "this", False, 0, True),
        (
            "here",
            "another",
            False,
            0,
            False,
        ),  # a container with our name, or a machine: we do not see its processes
        ("here", "another", False, 61, True),
        ("elsewhere", "this", False, 60, False),
        ("elsewhere", "other", False, 60, False),
        ("elsewhere", "other", True, 61, True),
    ],
)
def test_instance_is_dead_when_its_process_is_gone_or_its_heartbeat_is_old(
    host: str, boot: str, alive: bool, seconds: int, dead: bool
) -> None:
    instance = Instance(InstanceId(1), host, boot, 100, NOW - timedelta(seconds=seconds))

    assert is_dead(instance, host="here", boot="this", alive=lambda _: alive, now=NOW) is dead


def test_a_process_space_is_a_run_of_the_machine_and_a_namespace() -> None:
    assert find_process_space() == find_process_space()
    assert re.fullmatch(r"[0-9a-f-]{36} pid:\[\d+\]|", find_process_space())


def test_another_pid_namespace_is_another_process_space() -> None:
    show = "from newsletter.storage import find_process_space; print(find_process_space())"
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", show]
    if shutil.which("unshare") is None:
        pytest.skip("needs the unshare command")
    inside = subprocess.run(command, capture_output=True, text=True, check=False)
    if inside.returncode:
        pytest.skip(f"no PID namespace can be made here: {inside.stderr.strip()}")

    boot, _, namespace = inside.stdout.strip().partition(" ")

    assert find_process_space().split(" ", 1)[0] == boot
    assert find_process_space().split(" ", 1)[1] != namespace


@dataclass
class TickingClock:
    at: datetime = NOW

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


async def load_heartbeat(database: Database) -> datetime:
    def look(connection: Connection) -> datetime:
        heartbeat_at: datetime = (connection.scalars(select(instances.c.heartbeat_at))).one()
        return heartbeat_at

    return await database.read(look)


async def wait_until(holds: Callable[[datetime], bool], database: Database) -> datetime:
    async with asyncio.timeout(10):
        while True:
            heartbeat_at = await load_heartbeat(database)
            if holds(heartbeat_at):
                return heartbeat_at
            await asyncio.sleep(0.01)


async def test_heartbeat_goes_on_until_it_is_stopped(database: Database) -> None:
    instance = await given_instance(database)
    heartbeat = Heartbeat(database, instance, TickingClock(), every_s=0.01)
    heartbeat.start()
    first = await wait_until(lambda at: at > NOW, database)
    await wait_until(lambda at: at > first, database)
    heartbeat.stop()

    stopped_at = await load_heartbeat(database)
    await asyncio.sleep(0.05)
    assert await load_heartbeat(database) == stopped_at


async def test_heartbeat_of_a_database_in_memory_does_nothing() -> None:
    database = await open_database("sqlite:///:memory:")
    heartbeat = Heartbeat(database, await given_instance(database), TickingClock(), every_s=0.001)
    heartbeat.start()
    await asyncio.sleep(0.02)
    heartbeat.stop()

    assert await load_heartbeat(database) == NOW
    await database.close()
