"""A crew: processes that send side by side, as one pass. They claim rows like senders on different machines, so
nothing is sent twice; what one of them held when it died is taken over by the others.

Whoever starts them plans, collects and reads what comes back meanwhile; workers only send.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from newsletter.logs import log
from newsletter.model.ledger import Delivery, State
from newsletter.model.servers import Part
from newsletter.workflows.send_pipeline import SendReport

if TYPE_CHECKING:
    from newsletter.workflows.send_pending import Sender

SMALL_QUEUE = 2_000
"""Fewer mails than these go out from one process: they take it some seconds, and making others ready takes one."""
_MOST_REPLACED = 3


Hear = Callable[[Delivery | None, State], None]
"""Hears of each mail that has come to a state: the delivery, None where another process sent it."""


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a worker does: send what is due, of one edition if given, from a moment on. part is its part of what the
    relays allow."""

    part: Part
    edition: str | None = None
    begin_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        begin_at = self.begin_at.isoformat() if self.begin_at else None
        return {"part": self.part, "edition": self.edition, "begin_at": begin_at}

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> WorkOrder:
        begin_at = datetime.fromisoformat(read["begin_at"]) if read["begin_at"] else None
        return cls(Part(*read["part"]), read["edition"], begin_at)


class Worker(Protocol):
    """A process that sends."""

    def listen(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what it tells: pid first, then counts and mails, in the end taken and stopped with ended; nothing more
        once it is gone, however."""

    def let_begin(self) -> None:
        """Let it connect to the relays."""

    def stop(self) -> None:
        """Let it finish the mails in flight."""


class Forks(Protocol):
    """Where workers come from. most is how many there may be, least how many mails are worth it."""

    most: int
    least: int

    async def start(self, order: WorkOrder) -> Worker:
        """Start a worker. Raises OSError where that is not possible."""


def hire(
    forks: Forks | None,
    due: int,
    stop: asyncio.Event,
    progress: Hear,
    *,
    edition: str | None = None,
    begin_at: datetime | None = None,
) -> Crew | None:
    """Return a crew for so many mails that are due, which waits until it may begin; None where this process is enough
    for them."""
    if forks is None or due < forks.least:
        return None
    crew = Crew(forks, stop, progress)
    crew.start(edition, begin_at)
    return crew


class Crew:
    """Workers at one order. They make themselves ready, and connect to the relays once they may begin: together they
    use all that the relays allow. What they do is told to progress as it becomes known. stop, once set, lets the mails
    in flight finish."""

    def __init__(self, forks: Forks, stop: asyncio.Event, progress: Hear) -> None:
        self.report = SendReport()
        self.progress = progress
        self._forks = forks
        self._stop = stop
        self._workers: set[Worker] = set()
        self._watching: Sequence[asyncio.Task[None]] = ()
        self._stopping: asyncio.Task[None] | None = None
        self._replaced = 0
        self._may_begin = False

    @property
    def is_over(self) -> bool:
        """Whether all workers have ended."""
        return all(watch.done() for watch in self._watching)

    def start(self, edition: str | None = None, begin_at: datetime | None = None) -> None:
        """Start the workers, for a moment or at once."""
        most = self._forks.most
        orders = [WorkOrder(Part(number, most), edition, begin_at) for number in range(most)]
        self._watching = [asyncio.create_task(self._watch(order)) for order in orders]
        self._stopping = asyncio.create_task(self._pass_on_stop())

    def let_begin(self) -> None:
        """Let the workers connect: nobody else of this process does before they have ended."""
        self._may_begin = True
        for worker in self._workers:
            worker.let_begin()

    async def finish(self) -> SendReport:
        """Return, when all have ended, what became of the mails."""
        try:
            await asyncio.gather(*self._watching)
        finally:
            if self._stopping is not None:
                self._stopping.cancel()
        return self.report

    async def _pass_on_stop(self) -> None:
        await self._stop.wait()
        for worker in self._workers:
            worker.stop()

    async def _watch(self, order: WorkOrder) -> None:
        """Follow a worker to its end; one that dies is replaced, some times."""
        while not self._stop.is_set():
            try:
                worker = await self._forks.start(order)
            except OSError as error:
                log.error("cannot start a process for sending", error=str(error))
                return
            self._workers.add(worker)
            if self._may_begin:
                worker.let_begin()
            if self._stop.is_set():
                worker.stop()
            has_ended, pid = await self._read(worker)
            self._workers.discard(worker)
            if has_ended:
                return
            log.error("a process for sending has died; others take over what it held", pid=pid)
            self._replaced += 1
            if self._replaced > _MOST_REPLACED:
                return

    async def _read(self, worker: Worker) -> tuple[bool, int]:
        """Take in what a worker tells; return whether it came to its own end, and its process."""
        pid = 0
        has_ended = False
        async for news in worker.listen():
            pid = news.get("pid", pid)
            for state, number in news.get("counts", {}).items():
                self.report.states[State(state)] += number
                for _ in range(number):
                    self.progress(None, State(state))
            self.report.claimed.extend(news.get("mails", ()))
            if "ended" in news:
                has_ended = True
                self.report.taken += news["taken"]
                self.report.stop(news["stopped"])
        return has_ended, pid


async def send_with(sender: Sender, crew: Crew | None, edition: str | None = None) -> SendReport:
    """Send with a crew, if there is one, and then from this process what is left; return what became of all."""
    done = SendReport()
    if crew is not None:
        crew.let_begin()
        done = await crew.finish()
    return add_reports(done, await sender.send_pending(edition))


def add_reports(done: SendReport, rest: SendReport) -> SendReport:
    """Return what became of the mails of a crew, and of those that it left."""
    return SendReport(
        states=done.states + rest.states,
        taken=done.taken + rest.taken,
        claimed=done.claimed + rest.claimed,
        stopped=rest.stopped or done.stopped,
    )
