"""What the clock sends: a pass over the ledger where something waits, and none where nothing does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from newsletter.logs import log
from newsletter.model.ledger import NOTICES, TO_OPERATORS, Delivery, Kind, State
from newsletter.tracebacks import word_failure
from newsletter.workflows.lateness import add_lateness
from newsletter.workflows.pace import PaceKeeper
from newsletter.workflows.relay_turns import PATIENCE_S, RelayTurns
from newsletter.workflows.send_crew import SMALL_QUEUE, Crew, Hear, add_reports
from newsletter.workflows.send_pipeline import SendReport

if TYPE_CHECKING:
    from newsletter.ports import Clock, Mailer
    from newsletter.storage import EntryStore, EpochGuard, Ledger, SettingStore
    from newsletter.workflows.build_mail import MailBuilder
    from newsletter.workflows.compose_digests import DigestBuilder
    from newsletter.workflows.send_pending import Sender

CONNECT_BEFORE = timedelta(seconds=5)
"""So long before a slot connections are opened: few relays keep one that waits for long."""
_KEPT_FOR = timedelta(minutes=2)
_COMES_SOON = timedelta(minutes=1)
"""What comes due so soon counts when it is decided how many processes send: a pass takes it along."""


class Builders(NamedTuple):
    """What a pass builds its mails with; they remember what mails share. made_at is when they were made."""

    digests: DigestBuilder
    mails: MailBuilder
    made_at: datetime


@dataclass(slots=True)
class Dispatcher:
    """Sends what waits. resend are the kinds of which an uncertain mail is sent once more. stop, once set, lets the
    mails in flight finish."""

    ledger: Ledger
    entries: EntryStore
    settings: SettingStore
    guard: EpochGuard
    clock: Clock
    resend: frozenset[Kind]
    stop: asyncio.Event
    choose_mailer: Callable[[], Mailer]
    new_builders: Callable[[], Awaitable[Builders]]
    open_sender: Callable[[asyncio.Event, Hear, Builders], AbstractAsyncContextManager[Sender]]
    hire: Callable[..., Awaitable[Crew | None]]
    _builders: Builders | None = field(default=None, init=False)
    _crew: Crew | None = field(default=None, init=False)
    _turns: RelayTurns = field(init=False)

    def __post_init__(self) -> None:
        self._turns = RelayTurns(self.stop, self._disconnect)

    async def send_all(self) -> None:
        """Send all that can go out now."""
        await self._send_waiting(frozenset(Kind))

    async def send_notices(self) -> None:
        """Send the mails that somebody waits for, if there are any: confirmations, logins, alerts."""
        held = await self.settings.load_hold() or await self.guard.check()
        await self._send_waiting(TO_OPERATORS if held else NOTICES)

    async def warm_up(self, due_at: datetime) -> None:
        """Make ready what the mails of a moment that is near will share, and open connections for them just before it;
        for many mails in processes that begin at that moment by themselves. Where that fails they go out all the same,
        a little later."""
        if self._crew is not None or self._turns.is_with_crew:
            return
        try:
            due = await self.ledger.claims.count_due(due_at, SMALL_QUEUE)
            self._crew = await self.hire(_do_nothing, due=due, begin_at=due_at)
            if self._crew is not None:
                self._turns.give_later(self._crew, self._left_s(due_at - CONNECT_BEFORE) - PATIENCE_S)
                return
            mails = await self._build_first(due_at)
            await asyncio.sleep(max(self._left_s(due_at - CONNECT_BEFORE), 0))
            if self._builders is not await self._choose_builders():
                await self._build_first(due_at)  # a run has become visible meanwhile
            await self.choose_mailer().warm_up(mails)
        except Exception as error:
            log.warning("not ready before the slot", error=word_failure(error))

    async def _build_first(self, due_at: datetime) -> int:
        builders = await self._choose_builders()
        async with self.open_sender(self.stop, _do_nothing, builders) as sender:
            return await sender.warm_up(due_at)

    def _left_s(self, at: datetime) -> float:
        return (at - self.clock.now()).total_seconds()

    async def _disconnect(self) -> None:
        await self.choose_mailer().close()

    async def _choose_builders(self) -> Builders:
        """Return what builds mails from what is visible now: what was made ready where it is new enough."""
        known, now = self._builders, self.clock.now()
        if (
            known is None
            or not timedelta() <= now - known.made_at <= _KEPT_FOR
            or known.digests.newest_run != await self.entries.newest_run()
        ):
            self._builders = known = await self.new_builders()
        return known

    async def _send_waiting(self, kinds: frozenset[Kind]) -> None:
        """Send what waits, if anything does; after digests their rows are held against their own records."""
        crew = None
        if Kind.DIGEST in kinds:
            crew, self._crew = self._crew, None
        if crew is None and not await self._has_work(kinds):
            return
        keeper = PaceKeeper(await self.ledger.reads.count_pending())

        def progress(_delivery: Delivery | None, _state: State) -> None:
            if pace := keeper.advance():
                log.info("sending", pace=str(pace))

        if crew is not None:
            crew.progress = progress
        elif Kind.DIGEST in kinds:
            due = await self.ledger.claims.count_due(self.clock.now() + _COMES_SOON, SMALL_QUEUE)
            if crew := await self.hire(progress, due=due):
                await self._turns.give(crew)
        report = await crew.finish() if crew else SendReport()
        builders = await self._choose_builders()
        async with self._turns.take() as stop, self.open_sender(stop, progress, builders) as sender:
            report = add_reports(report, await sender.send_pending(kinds=kinds))
        counts = {str(state): count for state, count in report.states.items() if count}
        if counts or report.stopped:
            log.info("sent", **counts, stopped=report.stopped)
        await add_lateness(self.ledger, self.settings, report.claimed)
        if counts and Kind.DIGEST in kinds:
            found = await self.ledger.audit.find_contradictions_in(report.claimed)
            for what in found:
                log.error("the ledger is inconsistent", found=what)
            if found:
                await self.settings.save_contradictions(found)

    async def _has_work(self, kinds: frozenset[Kind]) -> bool:
        """Tell whether a pass of this process would find anything; beside a crew it does not: that takes all along."""
        if self._turns.is_with_crew:
            return False
        is_work = await self.ledger.claims.has_work(self.clock.now(), self.resend & kinds, kinds)
        if not is_work:
            self._builders = None
        return is_work


def _do_nothing(_delivery: Delivery | None, _state: State) -> None:
    """What is warmed up makes no progress."""
