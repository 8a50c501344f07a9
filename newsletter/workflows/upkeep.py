"""Upkeep: forget what is over, keep the counts of what is over, and hold the ledger against its own records."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.logs import log
from newsletter.workflows.health import CHECKED_EDITIONS
from newsletter.workflows.lateness import settle_lateness
from newsletter.workflows.subscribe import thin_unconfirmed

if TYPE_CHECKING:
    from newsletter.model.ledger import RetentionPeriods
    from newsletter.ports import Clock
    from newsletter.storage import ConfirmationStore, Ledger, RunStore, SettingStore, SubscriberStore

_EVERY = timedelta(hours=1)
_MOST_BATCHES = 100
_OVER_AFTER = timedelta(days=4)
"""An edition takes two days around the world; its retries have ended then, too."""


@dataclass(slots=True)
class Upkeep:
    """Thins what is over: looks, old votes, and people who were asked and never confirmed."""

    ledger: Ledger
    settings: SettingStore
    runs: RunStore
    subscribers: SubscriberStore
    confirmations: ConfirmationStore
    retention: RetentionPeriods
    clock: Clock
    due_s: float = 0.0

    async def thin(self) -> None:
        now = self.clock.now()
        await self.runs.thin(now, self.retention.looks)
        erased = await thin_unconfirmed(self.subscribers, self.confirmations, now)
        if erased:
            log.info("erased unconfirmed subscribers", people=erased)
        await self._drop_old(now)
        over = await self.ledger.kept.keep((now - _OVER_AFTER).date())
        await settle_lateness(self.ledger, self.settings, over)
        await self.settings.save_contradictions(await self.ledger.audit.find_contradictions(CHECKED_EDITIONS))

    async def _drop_old(self, now: datetime) -> None:
        """Drop what the ledger need not keep any longer; what is left of a great heap goes the next time."""
        ledger = self.ledger.retention
        await ledger.make_months(now)
        for drop, before in (
            (ledger.drop_contents, now - self.retention.content),
            (ledger.drop_deliveries, now - self.retention.deliveries),
        ):
            for _ in range(_MOST_BATCHES):
                if not await drop(before):
                    break

    async def thin_if_due(self) -> bool:
        """Thin at the start and then once an hour; return whether it was time."""
        if time.monotonic() < self.due_s:
            return False
        await self.thin()
        self.due_s = time.monotonic() + _EVERY.total_seconds()
        return True
