"""Keep slots: what is needed is made ready before the next mail is due, and sending begins at that moment.

The minute's tick would do the same, later: it looks at the world first, and plans. Here everything is planned
(workflows/plan.py). A machine that was asleep at the slot leaves it to the tick, so that the world is looked at first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.ports import Clock

WARM_UP_BEFORE = timedelta(seconds=30)
_LOOK_EVERY_S = 10.0
_PAUSE_S = 5.0
"""After a beginning: where mails are spread, one is due at any moment, and each pass costs something."""
_LATE_S = 5.0


@dataclass(frozen=True, slots=True)
class SlotKeeper:
    """Waits for the moments at which mails are due. next_due returns the first one after an instant; warm_up raises
    nothing."""

    next_due: Callable[[datetime], Awaitable[datetime | None]]
    warm_up: Callable[[datetime], Coroutine[None, None, None]]
    clock: Clock

    async def run(self, send: Callable[[], None], stop: asyncio.Event) -> None:
        """Keep slots until told to stop; send begins to send and returns at once."""
        while not stop.is_set():
            due_at = await self._load_next_due()
            left_s = self._left_s(due_at - WARM_UP_BEFORE) if due_at else _LOOK_EVERY_S
            if due_at is None or left_s > 0:
                await _pause(stop, min(left_s, _LOOK_EVERY_S))
                continue
            if await self.wait_for(due_at, stop):
                send()
            await _pause(stop, _PAUSE_S)

    async def wait_for(self, due_at: datetime, stop: asyncio.Event) -> bool:
        """Warm up and wait for this moment; return whether it is now."""
        warming = asyncio.create_task(self.warm_up(due_at))
        await _pause(stop, self._left_s(due_at))
        is_late = self._left_s(due_at) < -_LATE_S
        if not stop.is_set():
            await asyncio.wait([warming], timeout=_LATE_S)
        warming.cancel()  # sending makes itself ready where this took too long
        return not stop.is_set() and not is_late

    async def _load_next_due(self) -> datetime | None:
        with suppress(Exception):  # the steps of the clock meet the same, and tell it
            return await self.next_due(self.clock.now())
        return None

    def _left_s(self, at: datetime) -> float:
        return (at - self.clock.now()).total_seconds()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
