"""The ledger as many connections write it: what waits at the same moment goes into one transaction.

A commit waits for the disk or for the server; sixteen connections that each made their own would spend most of
their time waiting for each other. ``in_data`` is waited for before DATA. An outcome is handed over and the connection
goes on: steps are written in the order in which they were handed over, so the next ``in_data`` of a connection is
committed with its last outcome or after it, never before, and of each connection one row at most is in data. Where a
step cannot be written no later one is: nothing is sent any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from newsletter.errors import FellBehindError, StoreError
from newsletter.logs import log
from newsletter.model.ledger import InstanceId, LedgerStep, RecordOutcome

if TYPE_CHECKING:
    from newsletter.ports import Clock
    from newsletter.storage.ledger.recording import Recording

_MOST_AT_ONCE = 100
_GATHER_S = 0.005
"""How long steps wait for those that are on their way. Less than a commit takes on most disks."""
_LOOKS = 5
PASSING_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0)
"""How long a failure is borne that may be over soon by itself: a server that restarts, a lock."""
_OUTCOME_WAITS_S = (0.5, 2.0, 8.0)

_T = TypeVar("_T")


async def retry_transient(act: Callable[[], Awaitable[_T]], *, holds_outcomes: bool = False) -> _T:
    """Return what ``act`` returns; it is tried again while the store may come back by itself.

    holds_outcomes: a reply that is forgotten makes a mail uncertain, so even other failures are borne for a while.
    Raises StoreError; at once where the database is not the one that sent last.
    """
    waited = 0
    while True:
        try:
            return await act()
        except FellBehindError:
            raise
        except StoreError as error:
            waits_s = PASSING_WAITS_S if error.is_passing else _OUTCOME_WAITS_S if holds_outcomes else ()
            if waited >= len(waits_s):
                raise
            log.warning("the database is unavailable; waiting", error=str(error), wait_s=waits_s[waited])
            await asyncio.sleep(waits_s[waited])
            waited += 1


class LedgerWriter:
    """Writes the steps of one instance's connections, those that wait together in one transaction.

    coming is how many connections are on their way to a fence, as whoever drives them says: it is worth waiting a
    moment for these. Where a relay is slow, few are, and nobody waits. guarded: see Recording.record.
    """

    def __init__(
        self, recording: Recording, instance: InstanceId, clock: Clock, *, guarded: bool = True
    ) -> None:
        self.coming = 0
        self._recording = recording
        self._instance = instance
        self._clock = clock
        self._guarded = guarded
        self._waiting: list[tuple[LedgerStep, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def record(self, step: LedgerStep) -> bool:
        """Write a step; return, once it is committed, whether it took effect. Raises StoreError."""
        return await self.hand_over(step)

    def hand_over(self, step: LedgerStep) -> asyncio.Future[bool]:
        """Have a step written after all that were handed over before; return what tells whether it took effect."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_heed)
        if self._failure is not None:
            future.set_exception(self._failure)
            return future
        self._waiting.append((step, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return future

    async def finish(self) -> None:
        """Return when everything that was handed over is written. Raises StoreError where something could not be."""
        while self._writing is not None:
            await asyncio.wait([self._writing])
        if self._failure is not None:
            raise self._failure

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                await self._write_batch(batch)
        finally:
            self._writing = None

    async def _gather(self) -> None:
        for _ in range(_LOOKS):
            if not self.coming:
                return
            await asyncio.sleep(_GATHER_S / _LOOKS)

    async def _write_batch(self, batch: Sequence[tuple[LedgerStep, asyncio.Future[bool]]]) -> None:
        """Write the steps in one transaction. What fails lastingly ends the pass: these steps and all that wait
        get the error."""
        steps = [step for step, _ in batch]
        try:
            results = await retry_transient(
                lambda: self._recording.record(
                    self._instance, steps, self._clock.now(), guarded=self._guarded
                ),
                holds_outcomes=any(isinstance(step, RecordOutcome) for step in steps),
            )
        except BaseException as error:
            self._failure = error if isinstance(error, Exception) else StoreError("stopped while writing")
            unwritten, self._waiting = [*batch, *self._waiting], []
            for _, future in unwritten:
                if not future.done():
                    future.set_exception(self._failure)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)


def _heed(future: asyncio.Future[bool]) -> None:
    """Look at what a step that nobody waits for came to: its failure shows at the next step, and in the end."""
    if not future.cancelled():
        future.exception()
