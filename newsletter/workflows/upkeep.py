"""Upkeep: forget what is over, keep the counts of what is over, and hold the ledger against its own records."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

import structlog

from newsletter.ports import Clock
from newsletter.storage import ConfirmationStore, Ledger, RunStore, SettingStore, SubscriberStore
from newsletter.workflows.health import CHECKED_EDITIONS
from newsletter.workflows.subscribe import thin_unconfirmed

log = structlog.get_logger()

_EVERY = timedelta(hours=1)
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
    clock: Clock
    due_s: float = 0.0

    async def thin(self) -> None:
        now = self.clock.now()
        await self.runs.thin(now)
        erased = await thin_unconfirmed(self.subscribers, self.confirmations, now)
        if erased:
            log.info("erased unconfirmed subscribers", people=erased)
        await self.ledger.kept.keep((now - _OVER_AFTER).date())
        await self.settings.save_contradictions(await self.ledger.audit.find_contradictions(CHECKED_EDITIONS))

    async def thin_if_due(self) -> bool:
        """Thin at the start and then once an hour; return whether it was time."""
        if time.monotonic() < self.due_s:
            return False
        await self.thin()
        self.due_s = time.monotonic() + _EVERY.total_seconds()
        return True
