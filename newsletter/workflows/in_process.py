"""Wake-ups within one process, for a database that no other machine can reach."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.ports import Job

HAND_ON_S = 2.0


@dataclass(slots=True)
class InProcess:
    """Runs jobs as tasks of this process; what waits is lost with it, and rung again by the next clock."""

    _jobs: Mapping[str, Job] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def ring(self, jobs: Iterable[str], after_s: float = 0) -> None:
        for name in jobs:
            if name in self._jobs and name not in self._tasks and not self._stop.is_set():
                self._tasks[name] = asyncio.create_task(self._do(name, after_s), name=name)

    async def run(self, jobs: Mapping[str, Job], clock: str, stop: asyncio.Event) -> None:
        self._jobs, self._stop = jobs, stop
        while not stop.is_set():
            await self.ring([clock])
            await self._pause(60 - time.time() % 60)
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _do(self, name: str, after_s: float) -> None:
        try:
            await self._pause(after_s)
            handed_on = 0
            while not self._stop.is_set() and not await self._jobs[name](handed_on):
                handed_on += 1
                await self._pause(HAND_ON_S)
        finally:
            del self._tasks[name]

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)
