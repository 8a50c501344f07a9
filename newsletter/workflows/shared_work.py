"""The clock's work as jobs, which any number of machines share: who takes a job is left to the wake-ups, what there is
to do is decided by rows. So a job that comes twice, late or to a second machine does nothing.

A process that sends holds seats. All seats of all machines together are what the relays allow; a seat is a job, so it
is held once. Rung each minute while something waits, it is kept as long as mails come due within the next minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from newsletter.logs import log
from newsletter.model.ledger import NOTICES, Kind
from newsletter.model.servers import Part
from newsletter.model.steps import Role, StepName
from newsletter.tracebacks import word_failure
from newsletter.workflows.keep_slots import WARM_UP_BEFORE, SlotKeeper
from newsletter.workflows.tick import PATIENCE_S, Act, StepGuard

if TYPE_CHECKING:
    from newsletter.ports import Clock, Job, WakeUps
    from newsletter.storage.ledger.claims import Claims
    from newsletter.workflows.collect_all import Collector
    from newsletter.workflows.send_waiting import Dispatcher

CLOCK = "clock"
_COMES_SOON = timedelta(seconds=90)
"""A seat is rung for what comes due so soon, at the minute before; it is made ready half a minute before."""
_LOOK_FOR_NOTICES_EVERY_S = 5.0
_LOOK_AFTER_OTHERS_EVERY_S = 5.0
_SEATS = 4
_HANDED_ON_AT_MOST = 2
"""So often does a process that holds a seat leave another one to others."""
_UPKEEP_AT = 7
"""The minute of each hour."""


@dataclass(slots=True)
class SharedWork:
    """The jobs of one process. open_seat returns who sends with a part of what the relays allow; acts are the other
    steps of the clock. stop, once set, lets the mails in flight finish, and cancels the rest."""

    wake_ups: WakeUps
    guard: StepGuard
    clock: Clock
    stop: asyncio.Event
    collector: Collector
    claims: Claims
    resend: frozenset[Kind]
    acts: Mapping[StepName, Act]
    seats: int
    open_seat: Callable[[Part], Dispatcher]
    _held: set[int] = field(default_factory=set)

    async def run(self, roles: Collection[Role]) -> None:
        """Work until told to stop. Raises StoreError where there is no library for the queue of jobs."""
        log.info("working", roles=[*map(str, roles)], seats=self.seats)
        watching = asyncio.create_task(self._watch_for_notices()) if Role.SEND in roles else None
        try:
            await self.wake_ups.run(self.build_jobs(roles), CLOCK, self.stop)
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.wait([watching])
        log.info("stopped")

    def build_jobs(self, roles: Collection[Role]) -> dict[str, Job]:
        """Return the jobs of these roles by name."""
        jobs: dict[str, Job] = {}
        if Role.PLAN in roles:
            jobs[CLOCK] = self._job(StepName.PLANNING, self._ring_all)
            jobs[StepName.PLANNING] = self._plan
            for step in (StepName.SUBSCRIBERS_FILE, StepName.UPKEEP):
                jobs[step] = self._job(step, self.acts[step])
        if Role.MAIL in roles:
            jobs[StepName.INCOMING_MAIL] = self._job(
                StepName.INCOMING_MAIL, self.acts[StepName.INCOMING_MAIL]
            )
        if Role.COLLECT in roles:
            jobs[StepName.PICTURES] = self._job(StepName.PICTURES, self.acts[StepName.PICTURES])
            for name in self.collector.list_looks():
                jobs[name_look(name)] = self._job(StepName.COLLECTING, partial(self._look, name))
        if Role.SEND in roles:
            jobs |= {name_seat(seat): partial(self._take_seat, seat) for seat in range(self.seats)}
        return jobs

    async def _ring_all(self) -> None:
        """Ring what may have something to do at this minute; planning a little later, so that what is quick to look at
        the world comes first."""
        steps = [StepName.SUBSCRIBERS_FILE, StepName.INCOMING_MAIL, StepName.PICTURES]
        if self.clock.now().minute == _UPKEEP_AT:
            steps.append(StepName.UPKEEP)
        await self.wake_ups.ring([*steps, *map(name_look, await self.collector.list_due())])
        await self.wake_ups.ring([StepName.PLANNING], after_s=PATIENCE_S)
        await self._ring_seats()

    async def _look(self, name: str) -> bool:
        """Look at a source; planning follows the last one that it was time for."""
        has_looked = await self.collector.look_if_due(name)
        if has_looked and not await self.collector.list_due():
            await self.wake_ups.ring([StepName.PLANNING])
        return has_looked

    async def _plan(self, _handed_on: int) -> bool:
        """Plan, and wake those who send; before anything was collected ever, the next minute does."""
        if await self._is_first():
            return True
        for step in (StepName.PAUSES_AND_ZONES, StepName.PLANNING, StepName.ALERTS):
            await self.guard.run(step, self.acts[step])
        await self.guard.run(StepName.SENDING, self._ring_seats)
        return True

    async def _ring_seats(self) -> bool:
        """Wake those who send, where something waits or comes due soon; return whether it does."""
        now = self.clock.now()
        is_work = await self.claims.has_work(now, self.resend)
        due_at = None if is_work else await self.claims.load_next_due(now)
        if is_work or (due_at is not None and due_at - now <= _COMES_SOON):
            await self.wake_ups.ring(map(name_seat, range(self.seats)))
            return True
        return False

    async def _take_seat(self, seat: int, handed_on: int) -> bool:
        """Send with this seat, as long as something waits or comes due soon. Where this process holds one, it is handed
        on: another process is more use to it. It stays where nobody else wants it."""
        if self._held and handed_on < _HANDED_ON_AT_MOST:
            return False
        self._held.add(seat)
        try:
            dispatcher = self.open_seat(Part(seat, self.seats))
            await self.guard.run(StepName.SENDING, partial(self._send, dispatcher))
        finally:
            self._held.discard(seat)
        return True

    async def _send(self, dispatcher: Dispatcher) -> None:
        keeper = SlotKeeper(self.claims.load_next_due, dispatcher.warm_up, self.clock)
        while not self.stop.is_set():
            await dispatcher.send_all()
            if await self.claims.load_instances_with_claims():
                await self._sleep(_LOOK_AFTER_OTHERS_EVERY_S)  # one that dies now is taken over at once
                continue
            due_at = await self.claims.load_next_due(self.clock.now())
            if due_at is None or due_at - self.clock.now() > _COMES_SOON:
                return
            await self._sleep_until(due_at - WARM_UP_BEFORE)
            await keeper.wait_for(due_at, self.stop)

    async def _watch_for_notices(self) -> None:
        """Wake one who sends when somebody waits for a mail: a confirmation, a login."""
        while not self.stop.is_set():
            with suppress(Exception):  # the steps of the clock meet the same, and tell it
                if await self.claims.has_work(self.clock.now(), self.resend & NOTICES, NOTICES):
                    await self.wake_ups.ring([name_seat(0)])
            await self._sleep(_LOOK_FOR_NOTICES_EVERY_S)

    def _job(self, step: StepName, act: Act) -> Job:
        async def run(_handed_on: int) -> bool:
            await _until(self.stop, self.guard.run(step, act))
            return True

        return run

    async def _is_first(self) -> bool:
        try:
            return await self.collector.is_first()
        except Exception as error:
            log.warning("cannot ask whether anything was collected", error=word_failure(error))
            return False

    async def _sleep_until(self, at: datetime) -> None:
        await self._sleep((at - self.clock.now()).total_seconds())

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), seconds)


def choose_seats(wanted: int | None, connections: Sequence[int]) -> int:
    """Return into how many seats the relays' connections are divided: as wanted, each with one connection at least.
    Without a relay there is one."""
    return min(wanted or _SEATS, *connections) if connections else 1


def name_look(source: str) -> str:
    """Return the name of the job that looks at a source."""
    return f"{StepName.COLLECTING}: {source}"


def name_seat(seat: int) -> str:
    """Return the name of the job that sends with a seat."""
    return f"{StepName.SENDING} {seat + 1}"


async def _until(stop: asyncio.Event, work: Awaitable[object]) -> None:
    """Wait for the end of some work, or cancel it when told to stop."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.wait({task})
