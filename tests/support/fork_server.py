"""Commands that start quickly: a process that has imported the newsletter forks one for each.

Each is a process of its own with its own signals, as if started from a shell; only the imports (two seconds of work)
are paid once. It ends with this server, and the server with whoever started it, however they end.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tests.support.at import run_at
from tests.support.house import REPOSITORY, House

_IMPORTED = (
    "newsletter.cli.collecting",
    "newsletter.cli.operate",
    "newsletter.cli.show",
    "newsletter.scheduler",
    "newsletter.wiring",
)
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True, eq=False)
class Command:
    """A command that was started. code is its exit code once it has ended, or the signal's number, negative."""

    pid: int
    code: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, timeout_s: float = 120) -> int:
        """Return its exit code. Raises TimeoutError where it does not end."""
        async with asyncio.timeout(timeout_s):
            await self.ended.wait()
        assert self.code is not None
        return self.code

    def kill(self) -> None:
        """End it, whatever it does, also where it is stopped."""
        if self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ForkServer:
    """The side of whoever starts commands."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._begun: asyncio.Queue[Command | None] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()
        self._commands: dict[int, Command] = {}

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    @asynccontextmanager
    async def running(cls, *within: str) -> AsyncIterator[ForkServer]:
        """Start the server; at the end it ends, and with it every command that is left. within: a command that becomes
        the one that it is given, for a server on a machine of its own."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("NEWSLETTER_")}
        process = await asyncio.create_subprocess_exec(
            *(*within, sys.executable, "-m", "tests.support.fork_server"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
            env={**clean, "PYTHONPATH": str(REPOSITORY)},
            start_new_session=True,  # Ctrl-C is for whoever plays the rounds
        )
        server = cls(process)
        reading = asyncio.create_task(server._read())
        try:
            yield server
        finally:
            process.kill()
            await process.wait()
            reading.cancel()

    async def start(self, house: House, *arguments: str, at: str = "") -> Command:
        """Start a command in the newsletter's folder; what it prints goes to a file there."""
        async with self._one_at_a_time:
            output = house.folder / f"output-{len(list(house.folder.glob('output-*'))) + 1}"
            output.touch()
            order = {"folder": str(house.folder), "output": str(output), "at": at or house.at}
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({**order, "arguments": arguments}).encode() + b"\n")
            command = await self._begun.get()
            assert command is not None, "the fork server has ended"
            return command

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            news: dict[str, int] = json.loads(line)
            pid = news["pid"]
            if "code" not in news:
                self._commands[pid] = Command(pid)
                self._begun.put_nowait(self._commands[pid])
            else:
                command = self._commands.pop(pid)
                command.code = news["code"]
                command.ended.set()
        self._begun.put_nowait(None)


# --- the process --------------------------------------------------------------------------


def _serve() -> None:
    """Fork a command for each line of the standard input; tell on the standard output who begins and who ends."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake)
    left = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_who_ended()
        if 0 in ready:
            got = os.read(0, 65536)
            if not got:
                return
            *lines, left = (left + got).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    _become(json.loads(line))
                _tell(pid=pid)


def _tell(**news: int) -> None:
    os.write(1, json.dumps(news).encode() + b"\n")


def _tell_who_ended() -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell(pid=ended[0], code=os.waitstatus_to_exitcode(ended[1]))


def _become(order: dict[str, Any]) -> NoReturn:
    """Turn this fork into the command, and end with its exit code."""
    code = 70
    try:
        _die_with_parent()
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(order["output"], os.O_WRONLY | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(order["folder"])
        sys.argv = ["newsletter", *order["arguments"]]
        try:
            run_at(order["at"])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    _die_with_parent()
    for name in _IMPORTED:
        importlib.import_module(name)
    _serve()
