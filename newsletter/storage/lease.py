"""Whether a process that holds claims still lives.

Heartbeat says that we do; is_dead decides about others, and is pure; hold_lease is both for one pass.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, update

from newsletter.errors import StoreError
from newsletter.storage.tables import instances

if TYPE_CHECKING:
    from newsletter.model.ledger import Instance, InstanceId
    from newsletter.ports import Clock
    from newsletter.storage.engine import Database
    from newsletter.storage.ledger.claims import Claims

HEARTBEAT_S = 10.0
LEASE = timedelta(seconds=60)
"""After this long without a heartbeat a process counts as dead."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


class Heartbeat:
    """A thread that says every 10 seconds that this process lives.

    A thread, so that a long computation in the event loop does not look like death. A database in memory has
    nobody who could ask, so nothing is started for it.
    """

    def __init__(
        self, database: Database, instance: InstanceId, clock: Clock, every_s: float = HEARTBEAT_S
    ) -> None:
        self._database = database
        self._instance = instance
        self._clock = clock
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat."""
        if self._database.in_memory:
            return
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            # The sending tasks meet the same database and say what is wrong with it. If it comes back, so do we;
            # if not, our claims pass to others, as they should.
            with suppress(StoreError):
                self._database.write_here(self._beat)

    def _beat(self, connection: Connection) -> None:
        beat = update(instances).where(instances.c.id == self._instance)
        connection.execute(beat.values(heartbeat_at=self._clock.now()))


@dataclass(frozen=True, slots=True)
class Lease:
    """An instance of ours that may hold claims, and whether another one's claims are void."""

    instance: InstanceId
    is_dead: Callable[[Instance], bool]


@asynccontextmanager
async def hold_lease(database: Database, claims: Claims, clock: Clock) -> AsyncIterator[Lease]:
    """Register an instance and let it live until the block ends.

    One that ends with an error is not retired: it is found dead, and what it held is taken back.
    """
    host, boot = socket.gethostname(), find_process_space()
    instance = await claims.register_instance(host, boot, os.getpid(), clock.now())
    heartbeat = Heartbeat(database, instance, clock)
    heartbeat.start()
    try:
        yield Lease(
            instance, lambda other: is_dead(other, host=host, boot=boot, alive=_is_alive, now=clock.now())
        )
        await claims.retire_instance(instance)
    finally:
        heartbeat.stop()


def find_process_space() -> str:
    """Return what names the space in which a process number means one process: this run of the machine, and the PID
    namespace, of which each container may have one. Empty where the system names neither."""
    names = []
    with suppress(OSError):
        names.append(_BOOT_ID.read_text().strip())
    with suppress(OSError):
        names.append(str(_PID_NAMESPACE.readlink()))
    return " ".join(names)


def is_dead(instance: Instance, *, host: str, boot: str, alive: Callable[[int], bool], now: datetime) -> bool:
    """Decide whether an instance is gone, so that its claims may be taken back.

    On our own host and in our own process space (boot) it is dead at once if its process is gone. Else it is dead when
    its last heartbeat is more than 60 seconds old: the number of a process may have been given to another one, and of
    containers and machines with one name we see only our own processes.
    """
    if instance.host == host and instance.boot == boot and not alive(instance.pid):
        return True
    return now - instance.heartbeat_at > LEASE


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
