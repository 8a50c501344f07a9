"""A short queue: so many work at once, one of each household; so many wait, and beyond that nobody has to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from newsletter.errors import BusyError, LeftError

AT_ONCE = 2
MOST_WAITING = 24
MOST_OF_ONE = 6
RETRY_AFTER_S = 5


class _Waiting(NamedTuple):
    household: str
    called: asyncio.Future[None]


class Queue:
    """Who works and who waits, in the order in which they came; a household that works already lets others pass."""

    def __init__(
        self, *, at_once: int = AT_ONCE, waiting: int = MOST_WAITING, of_one: int = MOST_OF_ONE
    ) -> None:
        self._at_once = at_once
        self._most_waiting = waiting
        self._most_of_one = of_one
        self._working: list[str] = []
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def turn(self, household: str, leaving: asyncio.Future[None]) -> AsyncIterator[None]:
        """Wait for a turn, and have it. leaving is done when nobody waits for the work any more.

        Raises BusyError where too many wait, LeftError where somebody left while they waited.
        """
        if self._may_work(household):
            self._working.append(household)
        else:
            await self._wait(household, leaving)
        try:
            yield
        finally:
            self._working.remove(household)
            self._call()

    def _may_work(self, household: str) -> bool:
        return len(self._working) < self._at_once and household not in self._working

    async def _wait(self, household: str, leaving: asyncio.Future[None]) -> None:
        of_one = sum(other.household == household for other in self._waiting)
        if len(self._waiting) >= self._most_waiting or of_one >= self._most_of_one:
            raise BusyError("too many requests are waiting", retry_after_s=RETRY_AFTER_S)
        me = _Waiting(household, asyncio.get_running_loop().create_future())
        self._waiting.append(me)
        try:
            await asyncio.wait({me.called, leaving}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._give_up(me)
            raise
        if not me.called.done():
            self._give_up(me)
            raise LeftError("the client disconnected while waiting")

    def _give_up(self, me: _Waiting) -> None:
        if me.called.done():  # called in the moment of giving up
            self._working.remove(me.household)
            self._call()
        else:
            self._waiting.remove(me)

    def _call(self) -> None:
        """Give turns to those who waited longest of those who may work."""
        for other in list(self._waiting):
            if self._may_work(other.household):
                self._waiting.remove(other)
                self._working.append(other.household)
                other.called.set_result(None)
