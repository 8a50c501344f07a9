"""What the clock sends: a pass over the ledger where something waits, and none where nothing does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog

from newsletter.model.ledger import NOTICES, TO_OPERATORS, Delivery, Kind, State
from newsletter.ports import Clock
from newsletter.storage import EpochGuard, Ledger, SettingStore
from newsletter.workflows.health import CHECKED_EDITIONS
from newsletter.workflows.pace import PaceKeeper
from newsletter.workflows.send_pending import Sender

log = structlog.get_logger()

Progress = Callable[[Delivery, State], None]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Sends what waits. resend are the kinds of which an uncertain mail is sent once more."""

    ledger: Ledger
    settings: SettingStore
    guard: EpochGuard
    clock: Clock
    resend: frozenset[Kind]
    open_sender: Callable[[Progress], AbstractAsyncContextManager[Sender]]

    async def send_all(self) -> None:
        """Send all that can go out now."""
        await self._send_waiting(frozenset(Kind))

    async def send_notices(self) -> None:
        """Send the mails that somebody waits for, if there are any: confirmations, logins, alerts."""
        held = await self.settings.load_hold() or await self.guard.check()
        await self._send_waiting(TO_OPERATORS if held else NOTICES)

    async def _send_waiting(self, kinds: frozenset[Kind]) -> None:
        """Send what waits, if anything does; after digests the ledger is held against its own records."""
        if not await self.ledger.claims.has_work(self.clock.now(), self.resend & kinds, kinds):
            return
        counted = await self.ledger.reads.load_counts(CHECKED_EDITIONS)
        keeper = PaceKeeper(sum(found.pending for found in counted.values()))

        def progress(_delivery: Delivery, _state: State) -> None:
            if pace := keeper.advance():
                log.info("sending", pace=str(pace))

        async with self.open_sender(progress) as sender:
            report = await sender.send_pending()
        counts = {str(state): count for state, count in report.states.items() if count}
        if counts or report.stopped:
            log.info("sent", **counts, stopped=report.stopped)
        if counts and Kind.DIGEST in kinds:
            for what in await self.ledger.audit.find_contradictions(CHECKED_EDITIONS):
                log.error("the ledger is inconsistent", found=what)
