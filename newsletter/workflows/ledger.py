"""The ledger as many connections write it: what waits at the same moment goes into one transaction.

A commit waits for the disk or for the server; sixteen connections that each made their own would spend most of
their time waiting for each other. A step returns when its transaction is committed, so the order that is promised
(``in_data`` before DATA, the outcome after the reply) is that of each connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from newsletter.errors import StoreError
from newsletter.model import InstanceId, Settle, Step
from newsletter.ports import Clock, DeliveryStore

log = structlog.get_logger()

_MOST_AT_ONCE = 100
_GATHER_S = 0.005
"""How long the first step that waits lets others join it. Less than a commit takes on most disks."""
PASSING_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0)
"""How long a failure is borne that may be over soon by itself: a server that restarts, a lock."""
_OUTCOME_WAITS_S = (0.5, 2.0, 8.0)

_T = TypeVar("_T")


async def patiently(act: Callable[[], Awaitable[_T]], *, holds_outcomes: bool = False) -> _T:
    """Return what ``act`` returns; it is tried again while the store may come back by itself.

    holds_outcomes: a reply that is forgotten makes a mail uncertain, so even other failures are borne for a while.
    Raises StoreError.
    """
    waited = 0
    while True:
        try:
            return await act()
        except StoreError as error:
            waits_s = PASSING_WAITS_S if error.is_passing else _OUTCOME_WAITS_S if holds_outcomes else ()
            if waited >= len(waits_s):
                raise
            log.warning("the store is away; waiting", error=str(error), wait_s=waits_s[waited])
            await asyncio.sleep(waits_s[waited])
            waited += 1


class LedgerWriter:
    """Writes the steps of one instance's connections, those that wait together in one transaction."""

    def __init__(
        self, deliveries: DeliveryStore, instance: InstanceId, clock: Clock, connections: int
    ) -> None:
        self._deliveries = deliveries
        self._instance = instance
        self._clock = clock
        self._connections = connections
        self._waiting: list[tuple[Step, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, step: Step) -> bool:
        """Write a step; return, once it is committed, whether it took effect. Raises StoreError."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        try:
            while self._waiting:
                if len(self._waiting) * 2 < self._connections:
                    await asyncio.sleep(_GATHER_S)
                batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _write_batch(self, batch: Sequence[tuple[Step, asyncio.Future[bool]]]) -> None:
        steps = [step for step, _ in batch]
        try:
            results = await patiently(
                lambda: self._deliveries.record(self._instance, steps, self._clock.now()),
                holds_outcomes=any(isinstance(step, Settle) for step in steps),
            )
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(
                        error if isinstance(error, Exception) else StoreError("stopped while writing")
                    )
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
