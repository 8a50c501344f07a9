"""Machines of our own: each has a network and a name of its own, and a cable that can be pulled out.

A machine is the process of a fork server in a network namespace, joined to ours by a pair of virtual interfaces
(veth(4)). It has no name in the system, so nothing is left of it when that process has ended, however that ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.fork_server import ForkServer

HERE = "10.78.0.1"
"""Where machines reach servers of ours."""
_OWN_NETWORK = "TESTS_CRASH_OWN_NETWORK"
_NEEDED = ("ip", "unshare", "nsenter")


def find_missing() -> str:
    """Return why this system lets us make no machines, empty where it does."""
    if missing := [program for program in _NEEDED if shutil.which(program) is None]:
        return f"network namespaces need the commands {', '.join(missing)}"
    if os.geteuid() != 0:
        return "network namespaces need root"
    trial = "unshare --net ip link add trial type veth peer name other"
    made = subprocess.run(trial.split(), capture_output=True, text=True)
    return f"this system gives no network namespaces: {made.stderr.strip()}" if made.returncode else ""


def enter_own_network(*command: str) -> None:
    """Begin this command again in a network that nobody else is in; return where we are in it already."""
    if os.environ.get(_OWN_NETWORK):
        for arguments in ("link set lo up", f"address add {HERE}/32 dev lo"):
            _ip(arguments)
        return
    os.environ[_OWN_NETWORK] = "yes"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *command])


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine. address is what servers see of it."""

    name: str
    address: str
    fork_server: ForkServer
    link: str

    def pull_cable(self) -> None:
        """Let nothing through any more, either way; nobody is told."""
        _ip(f"link set {self.link} down")

    def plug_in(self) -> None:
        """Let all through again."""
        _ip(f"link set {self.link} up")


@asynccontextmanager
async def running_machines(network: int, count: int) -> AsyncIterator[list[Machine]]:
    """Have machines until the block ends. network, from 0 to 255, is theirs alone."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(_running_machine(network, number)) for number in range(count)]


@asynccontextmanager
async def _running_machine(network: int, number: int) -> AsyncIterator[Machine]:
    link, name = f"n{network}m{number}", f"machine{number}"
    ours, its = (f"10.77.{network}.{4 * number + end}" for end in (1, 2))
    async with ForkServer.running("unshare", "--net", "--uts") as server:
        await _wait_for_namespace(server.pid)
        _ip(f"link add {link} type veth peer name eth0 netns {server.pid}")
        _ip(f"address add {ours}/30 dev {link}")
        _ip(f"link set {link} up")
        for arguments in (
            f"hostname {name}",
            "ip link set lo up",
            f"ip address add {its}/30 dev eth0",
            "ip link set eth0 up",
            f"ip route add default via {ours}",
        ):
            _run(f"nsenter --target {server.pid} --net --uts {arguments}")
        yield Machine(name, its, server, link)


async def _wait_for_namespace(pid: int) -> None:
    """Wait until a process has left our network."""
    async with asyncio.timeout(30):
        while _find_network(pid) == _find_network(os.getpid()):  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.005)


def _find_network(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def _ip(arguments: str) -> None:
    _run(f"ip {arguments}")


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)
