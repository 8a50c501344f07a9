"""Whether a process that holds claims still lives.

Heartbeat says that we do; is_dead decides about others, and is pure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from newsletter.errors import StoreError
from newsletter.model import Instance, InstanceId
from newsletter.ports import Clock
from newsletter.storage.engine import Database
from newsletter.storage.tables import instances

HEARTBEAT_S = 10.0
LEASE = timedelta(seconds=60)
"""After this long without a heartbeat a process counts as dead."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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
        engine = self._database.build_sync_engine()
        try:
            while not self._stopping.wait(self._every_s):
                beat = update(instances).where(instances.c.id == self._instance)
                try:
                    with engine.begin() as connection:
                        connection.execute(beat.values(heartbeat_at=self._clock.now()))
                except (SQLAlchemyError, StoreError):
                    # The sending tasks meet the same database and say what is wrong with it. If it comes
                    # back, so do we; if not, our claims pass to others, as they should.
                    continue
        finally:
            engine.dispose()


def boot_id() -> str:
    """Return what names this run of the machine, empty where the system has no such name."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def is_dead(instance: Instance, *, host: str, boot: str, alive: Callable[[int], bool], now: datetime) -> bool:
    """Decide whether an instance is gone, so that its claims may be taken back.

    On our own host it is dead at once if the machine was started anew since, or if its process is gone.
    Else it is dead when its last heartbeat is more than 60 seconds old: the number of a process may have been
    given to another one.
    """
    if instance.host == host and (instance.boot != boot or not alive(instance.pid)):
        return True
    return now - instance.heartbeat_at > LEASE
