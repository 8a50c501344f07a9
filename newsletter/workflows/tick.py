"""The one list of what the clock does (``StepName``), and how its steps are kept from stopping each other.

Each step stands behind the same guard: whatever it raises is logged, kept in the store until the step succeeds again
(``newsletter status``, the operator's page and an alert tell of it), and the others go on. What looks at the world
(``BESIDE``) runs in tasks of its own beside sending, never two of one step at once: a source or a mailbox that is slow
delays no slot. Planning waits for them a little, so that what is quick comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.errors import NewsletterError
from newsletter.logs import log
from newsletter.model.steps import StepFailure, StepName
from newsletter.tracebacks import word_failure

if TYPE_CHECKING:
    from newsletter.ports import Clock
    from newsletter.storage import SettingStore
    from newsletter.workflows.keep_slots import SlotKeeper

Act = Callable[[], Awaitable[object]]
"""Does a step; gives False where there was nothing to do. May raise anything."""

BESIDE = (
    StepName.SUBSCRIBERS_FILE,
    StepName.COLLECTING,
    StepName.INCOMING_MAIL,
    StepName.PICTURES,
    StepName.UPKEEP,
)
"""What runs beside sending, and is begun before it. A stop cancels it."""
PATIENCE_S = 5.0
"""So long after its beginning does planning wait for what runs beside it. Without that, a machine that wakes up after
its slot would mail yesterday's news, also to somebody whose wish to leave waits in the mailbox."""
RETRY_AFTER_S = {StepName.COLLECTING: 600.0}
"""How long a step that failed is left alone: sources are asked too often otherwise. Others are tried at each tick."""
OVERDUE_S = 3600.0
"""A step beside sending that has not ended after so long is told as a failure."""
_CANCEL_S = 10.0


class StepGuard:
    """Runs steps so that none of them raises, and keeps in the store which of them fail."""

    def __init__(self, settings: SettingStore, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._failures: dict[StepName, StepFailure] = {}
        self._told: dict[StepName, str] = {}

    def is_failing(self, step: StepName) -> bool:
        """Tell whether a step failed the last time that this process ran it."""
        return step in self._failures

    async def run(self, step: StepName, act: Act) -> bool:
        """Run a step; return whether it did something. Raises nothing but the cancellation of its own task."""
        try:
            did_something = await act() is not False
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await self.note(step, error)  # a library's own, which means nothing to us
            return False
        except Exception as error:
            await self.note(step, error)
            return False
        if did_something:
            await self._clear(step)
        return did_something

    async def note(self, step: StepName, error: BaseException) -> None:
        """Log a failure of a step, and keep it."""
        now = self._clock.now()
        known = self._failures.get(step) or await self._load(step)
        self._failures[step] = failure = StepFailure(
            step=step,
            since=known.since if known else now,
            times=known.times + 1 if known else 1,
            at=now,
            error=word_failure(error),
            is_passing=bool(getattr(error, "is_passing", False)),
        )
        self._log(failure, error)
        with suppress(
            Exception
        ):  # the store is away, most likely; what is kept here is written with the next one
            await self._settings.save_step_failure(failure)

    def _log(self, failure: StepFailure, error: BaseException) -> None:
        """Log a kind of failure at once, what is not of our own making with its traceback; the same again when its
        number has doubled."""
        kind = failure.error if isinstance(error, NewsletterError) else type(error).__qualname__
        is_new = self._told.get(failure.step) != kind
        self._told[failure.step] = kind
        if is_new or failure.times & (failure.times - 1) == 0:
            is_odd = is_new and not isinstance(error, NewsletterError)
            log.error(
                "a scheduled step failed; the others continue",
                step=str(failure.step),
                error=failure.error,
                times=failure.times,
                since=f"{failure.since:%Y-%m-%d %H:%M}",
                **({"exc_info": error} if is_odd else {}),
            )

    async def _clear(self, step: StepName) -> None:
        failure = self._failures.pop(step, None)
        self._told.pop(step, None)
        try:
            if failure is None:
                failure = await self._load(step)  # of a process that is gone
            if failure is not None:
                await self._settings.clear_step_failure(step)
                log.info("a scheduled step works again", step=str(step), failures=failure.times)
        except Exception as error:
            if failure is not None:
                self._failures[step] = failure
            log.error(
                "cannot record that a scheduled step works again", step=str(step), error=word_failure(error)
            )

    async def _load(self, step: StepName) -> StepFailure | None:
        with suppress(Exception):
            for failure in await self._settings.load_step_failures():
                if failure.step is step:
                    return failure
        return None


@dataclass(slots=True)
class _Job:
    """A step that runs beside sending: its task, and when it began, on the loop's clock."""

    task: asyncio.Task[bool]
    begun: float


@dataclass(slots=True)
class Clockwork:
    """The steps of one clock at work.

    acts does each step. is_first tells whether nothing has been collected ever: then planning waits for the first
    look to end. stop, once set, lets the mails in flight finish; what runs beside sending is cancelled. slots says when
    mails are due between ticks.
    """

    acts: Mapping[StepName, Act]
    guard: StepGuard
    is_first: Callable[[], Awaitable[bool]]
    stop: asyncio.Event
    slots: SlotKeeper
    patience_s: float = field(default_factory=lambda: PATIENCE_S)
    _jobs: dict[StepName, _Job] = field(default_factory=dict)
    _not_before: dict[StepName, float] = field(default_factory=dict)

    async def tick(self) -> None:
        """Begin what is not under way, wait a little for it, plan, and send."""
        await self._tell_overdue()
        first = await self._is_first()
        for step in BESIDE:
            self._begin(step, self.guard.run(step, self.acts[step]))
        await self._wait(first)
        if self.stop.is_set():
            return
        await self.guard.run(StepName.PAUSES_AND_ZONES, self.acts[StepName.PAUSES_AND_ZONES])
        await self.guard.run(StepName.PLANNING, self.acts[StepName.PLANNING])
        self._send()
        self._begin(StepName.ALERTS, self.guard.run(StepName.ALERTS, self.acts[StepName.ALERTS]))

    async def keep_slots(self) -> None:
        """Send what waits for its time at that moment, until told to stop."""
        await self.slots.run(self.send_now, self.stop)

    def send_now(self) -> None:
        """Begin to send; where that is under way, again when it ends: it may have looked for the last time."""
        if self._is_running(StepName.SENDING):
            self._jobs[StepName.SENDING].task.add_done_callback(lambda _task: self._send())
        else:
            self._send()

    def post(self) -> None:
        """Send the mails that somebody waits for, unless a pass of sending is under way: that takes them along."""
        if not self._is_running(StepName.SENDING) and not self.stop.is_set():
            self._begin(StepName.NOTICES, self.guard.run(StepName.NOTICES, self.acts[StepName.NOTICES]))

    def _send(self) -> None:
        if not self.stop.is_set():
            self._begin(StepName.SENDING, self.guard.run(StepName.SENDING, self.acts[StepName.SENDING]))

    async def finish(self) -> None:
        """End: cancel what runs beside sending, and wait until the mails in flight are done."""
        sending = [job.task for step, job in self._jobs.items() if not _is_beside(step)]
        beside = [job.task for step, job in self._jobs.items() if _is_beside(step)]
        for task in beside:
            task.cancel()
        if beside:
            await asyncio.wait(beside, timeout=_CANCEL_S)
        await asyncio.gather(*sending, return_exceptions=True)

    def _is_running(self, step: StepName) -> bool:
        job = self._jobs.get(step)
        return job is not None and not job.task.done()

    def _begin(self, step: StepName, work: Coroutine[None, None, bool]) -> None:
        """Run a step in a task of its own, unless it is under way or has failed a moment ago."""
        now = asyncio.get_running_loop().time()
        if self._is_running(step) or now < self._not_before.get(step, 0.0):
            work.close()
            return
        self._jobs[step] = job = _Job(asyncio.create_task(work, name=str(step)), now)
        if step in RETRY_AFTER_S:
            job.task.add_done_callback(lambda _task: self._space_out(step))

    def _space_out(self, step: StepName) -> None:
        if self.guard.is_failing(step):
            self._not_before[step] = asyncio.get_running_loop().time() + RETRY_AFTER_S[step]

    async def _is_first(self) -> bool:
        with suppress(Exception):  # collecting and planning meet the same error, and tell it
            return await self.is_first()
        return False

    async def _wait(self, first: bool) -> None:
        """Wait for what runs beside sending, each for so long after its beginning, and not for what failed last time;
        on a first look, until collecting has ended."""
        stopping = asyncio.create_task(self.stop.wait())
        try:
            if first and self._is_running(StepName.COLLECTING):
                looking = self._jobs[StepName.COLLECTING].task
                await asyncio.wait({looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            while not self.stop.is_set():
                now = asyncio.get_running_loop().time()
                left = {
                    job.task: job.begun + self.patience_s - now
                    for step, job in self._jobs.items()
                    if step in BESIDE and not job.task.done() and not self.guard.is_failing(step)
                }
                left = {task: seconds for task, seconds in left.items() if seconds > 0}
                if not left:
                    return
                await asyncio.wait(
                    {*left, stopping}, timeout=min(left.values()), return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            stopping.cancel()

    async def _tell_overdue(self) -> None:
        now = asyncio.get_running_loop().time()
        for step, job in list(self._jobs.items()):
            if _is_beside(step) and not job.task.done() and now - job.begun > OVERDUE_S:
                hours = timedelta(seconds=round(now - job.begun))
                await self.guard.note(
                    step, NewsletterError(f"has been running for {hours} h; restart 'newsletter run'")
                )


def _is_beside(step: StepName) -> bool:
    return step not in (StepName.SENDING, StepName.NOTICES)
