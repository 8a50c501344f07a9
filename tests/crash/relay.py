"""A relay that strikes: it sends the signal itself, at the n-th mail, so that each signal lands inside the send."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.rounds import Strike
from tests.support.sink import Hangup, Moment, Sink

_AFTERWARDS = (Moment.AGREED, Moment.ANSWERED)


@dataclass(slots=True, eq=False)
class Trap:
    """A strike that waits for its mail. hit is the process that got the signal, 0 as long as nobody has. family: also
    what descends from these processes may be hit."""

    strike: Strike
    pids: list[int] = field(default_factory=list)
    family: bool = False
    hit: int = 0
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    seen: int = 0


@dataclass(slots=True, eq=False)
class StrikingRelay(Sink):
    """A sink with a trap; without one it is a sink."""

    trap: Trap | None = None
    _strikes: set[asyncio.Task[None]] = field(default_factory=set)

    async def reach(self, moment: Moment, peer: tuple[str, int]) -> None:
        trap = self.trap
        if trap is None or moment is not trap.strike.moment:
            return
        trap.seen += 1
        if trap.seen != trap.strike.at_mail:
            return
        striking = asyncio.create_task(self._strike(trap, peer[1]))
        self._strikes.add(striking)
        striking.add_done_callback(self._strikes.discard)
        if moment in _AFTERWARDS:
            return  # the answer is out; the signal comes into what the sender does next
        await striking
        if trap.strike.cuts:
            raise Hangup

    async def _strike(self, trap: Trap, peer_port: int) -> None:
        strike = trap.strike
        pids = [each for pid in trap.pids for each in list_family(pid)] if trap.family else trap.pids
        pid = pids[0] if len(pids) == 1 else find_owner(peer_port, self.port, pids)
        await asyncio.sleep(strike.delay_ms / 1000)
        with suppress(ProcessLookupError):
            os.kill(pid, strike.signal)
            trap.hit = pid
        trap.sprung.set()
        for wait_ms, number in ((strike.again_ms, strike.signal), (strike.kill_ms, signal.SIGKILL)):
            if wait_ms is not None:
                await asyncio.sleep(wait_ms / 1000)
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


def find_owner(port: int, to_port: int, pids: list[int]) -> int:
    """Return which of these processes holds the loopback connection from a port to a port. Linux only: proc(5)."""
    ends = f"0100007F:{port:04X}", f"0100007F:{to_port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    socket = next(f"socket:[{row[9]}]" for row in rows if (row[1], row[2]) == ends)
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                if str(descriptor.readlink()) == socket:
                    return pid
    raise LookupError(f"none of {pids} holds the connection from port {port}")


def list_family(pid: int) -> list[int]:
    """Return a process and all that descend from it. Linux only: proc(5)."""
    children: list[int] = []
    with suppress(OSError):
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *(each for child in children for each in list_family(child))]
