"""Two containers with one host name on one machine: neither sees the other's processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys

import pytest

from newsletter.model.ledger import State
from newsletter.storage import find_process_space
from tests.support.house import REPOSITORY
from tests.support.invariants import check_invariants
from tests.support.office import MORNING, Office

_IN_A_CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc")


@pytest.fixture
def container() -> tuple[str, ...]:
    """What a command begins with that runs where it sees no process of ours."""
    if shutil.which("unshare") is None:
        pytest.skip("needs the unshare command")
    if subprocess.run([*_IN_A_CONTAINER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no PID namespace can be made here")
    return _IN_A_CONTAINER


async def test_a_live_sender_in_another_container_keeps_its_claims(
    container: tuple[str, ...], office: Office, database_url: str
) -> None:
    readers = ["ada@example.org", "bo@example.org"]
    await office.join(*readers)
    await office.collect()
    office.clock.at = MORNING
    ledger = office.newsletter.ledger
    await office.newsletter.planner.plan_due()
    we = await ledger.claims.register_instance(
        socket.gethostname(), find_process_space(), os.getpid(), MORNING
    )
    assert len(await ledger.claims.claim(we, MORNING, 10, ())) == len(readers)

    other = await asyncio.create_subprocess_exec(
        *container,
        *(sys.executable, "-m", "tests.support.at", MORNING.isoformat(), "send"),
        cwd=office.folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "DATABASE": database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = await other.communicate()

    assert other.returncode == 0, said.decode()
    assert set((await office.states()).values()) == {State.CLAIMED}
    assert await ledger.claims.release(we) == len(readers)
    await office.send()
    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(readers)
