"""Whose turn it is with the relays: that of this process, or of its crew.

A crew uses all that the relays allow, so nothing is sent beside it. Passes of this process give way: they finish the
mails in flight, and the crew sends what they leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.workflows.send_crew import Crew

PATIENCE_S = 10.0
"""So long a crew waits for mails in flight. An answer may take a relay ten minutes, and nobody else waits for that."""


@dataclass(slots=True)
class RelayTurns:
    """stop, once set, lets the mails in flight of all passes finish. disconnect closes connections that nothing
    uses."""

    stop: asyncio.Event
    disconnect: Callable[[], Awaitable[None]]
    _crew: Crew | None = field(default=None, init=False)
    _passes: dict[asyncio.Event, asyncio.Event] = field(default_factory=dict, init=False)
    _giving: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def is_with_crew(self) -> bool:
        return self._crew is not None and not self._crew.is_over

    @asynccontextmanager
    async def take(self) -> AsyncIterator[asyncio.Event]:
        """A turn of this process; yields what stops it."""
        stop, ended = asyncio.Event(), asyncio.Event()
        following = asyncio.create_task(self._follow(stop))
        self._passes[stop] = ended
        try:
            yield stop
        finally:
            following.cancel()
            del self._passes[stop]
            ended.set()

    async def give(self, crew: Crew, after_s: float = 0) -> None:
        """Let a crew begin, when the passes of this process have ended."""
        await asyncio.sleep(max(after_s, 0))
        self._crew = crew
        passes = dict(self._passes)
        for stop in passes:
            stop.set()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    for ended in passes.values():
                        await ended.wait()
            await self.disconnect()
        finally:
            crew.let_begin()

    def give_later(self, crew: Crew, after_s: float) -> None:
        """Let a crew begin after a while; returns at once."""
        self._giving = asyncio.create_task(self.give(crew, after_s))

    async def _follow(self, stop: asyncio.Event) -> None:
        await self.stop.wait()
        stop.set()
