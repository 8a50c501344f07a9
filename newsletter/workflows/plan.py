"""Plan: decide who is due. It writes intents only; digests are composed when their deliveries are claimed
(`compose_digests`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.compose.slots import choose_plan, choose_plan_for_date, fingerprint_zones, realign
from newsletter.logs import log
from newsletter.model.ledger import PlanResult
from newsletter.model.readers import Consent, SubscriberId

if TYPE_CHECKING:
    from newsletter.model.ledger import Plan
    from newsletter.model.readers import DueReader, Subscriber
    from newsletter.ports import Clock
    from newsletter.storage import EntryStore, SettingStore, SubscriberStore
    from newsletter.storage.ledger.planning import Planning

PLANNED_AHEAD = timedelta(minutes=10)
"""So long before its slot does the clock queue a digest, so that nothing is left to do at the slot but to send. It is
composed when it is sent, with the topics, the consent and the papers of then."""
_BATCH = 4_000


@lru_cache(maxsize=1)
def _read_rules(zones: tuple[str, ...], hour: datetime) -> str:
    """Return the fingerprint of the zones' rules, which are read anew each hour: a zone takes some milliseconds."""
    return fingerprint_zones(zones, datetime(hour.year, hour.month, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class PlanReport:
    """How many readers got a queued digest, how many slots were skipped, and how many readers must wait."""

    planned: int = 0
    skipped: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides who is due. catch_up is how far back a missed slot is made up for, spread over how long those of one
    minute are handed out."""

    subscribers: SubscriberStore
    entries: EntryStore
    settings: SettingStore
    planning: Planning
    clock: Clock
    catch_up: timedelta
    spread: timedelta

    async def prepare(self) -> None:
        """End pauses that are over, and follow time zones whose rules have changed."""
        now = self.clock.now()
        await self.subscribers.wake(now, await self.entries.newest_run())
        zones = await self.subscribers.load_zones()
        rules = _read_rules(tuple(zones), now.replace(minute=0, second=0, microsecond=0))
        if rules != await self.settings.load_zone_rules():
            moved = await self._realign(now)
            await self.settings.save_zone_rules(rules)
            if moved:
                log.info("time zone rules changed; slots moved", readers=moved)

    async def plan_due(self, ahead: timedelta = timedelta()) -> PlanReport:
        """Queue a digest for every reader whose next_due_at has come, or comes within ``ahead``. Two of these at once
        harm nobody."""
        now = self.clock.now()
        planned = skipped = waiting = 0
        async for due in self._load_due(now + ahead):
            plans = [(reader, choose_plan(reader, now, self.catch_up, self.spread, ahead)) for reader in due]
            for (_, plan), result in zip(plans, await self._write(plans, now), strict=True):
                if result is PlanResult.PLANNED:
                    planned += plan.slot is not None
                    skipped += len(plan.skipped)
                else:
                    waiting += 1
        return PlanReport(planned, skipped, waiting)

    async def plan_and_log(self) -> None:
        """As plan_due, for the clock, which plans ahead and tells its log."""
        report = await self.plan_due(PLANNED_AHEAD)
        if report.planned or report.skipped:
            log.info("planned", digests=report.planned, skipped=report.skipped)

    async def plan_date(self, local_on: date) -> PlanReport:
        """Queue one date's digest now for every confirmed reader who has a slot on it and no row for it yet."""
        now = self.clock.now()
        planned = busy = 0
        async for readers in self._load_all():
            chosen = [
                (reader, choose_plan_for_date(reader, local_on, now, self.catch_up))
                for reader in readers
                if reader.consent is Consent.CONFIRMED
            ]
            plans = [(reader, plan) for reader, plan in chosen if plan is not None]
            results = await self.planning.plan(plans, now, by_hand=True)
            planned += results.count(PlanResult.PLANNED)
            busy += results.count(PlanResult.BUSY)
        return PlanReport(planned=planned, busy=busy)

    async def _write(self, plans: Sequence[tuple[DueReader, Plan]], now: datetime) -> Sequence[PlanResult]:
        """Write plans, half of them beside the other half: while PostgreSQL is at one, this process is at the other."""
        half = -(-len(plans) // 2)
        halves = [some for some in (plans[:half], plans[half:]) if some]
        written = await asyncio.gather(*(self.planning.plan(some, now) for some in halves))
        return [result for results in written for result in results]

    async def _realign(self, now: datetime) -> int:
        """Move the coming slots of readers whose zone has got other rules; return how many were moved."""
        moved = 0
        async for readers in self._load_all():
            moved += await self.subscribers.move_due(
                [
                    (reader.id, reader.next_due_at, right)
                    for reader in readers
                    if reader.next_due_at is not None and reader.next_due_at > now
                    if (right := realign(reader.cadence, reader.next_due_at)) != reader.next_due_at
                ]
            )
        return moved

    async def _load_due(self, until: datetime) -> AsyncIterator[Sequence[DueReader]]:
        """Yield those who are due, the next ones being loaded while the last ones are planned. Readers that must wait
        stay due; reading on past them keeps them from hiding the others."""
        due = await self.subscribers.load_due(until, _BATCH)
        while due:
            coming = asyncio.create_task(self.subscribers.load_due(until, _BATCH, due[-1]))
            try:
                yield due
            except BaseException:
                coming.cancel()
                raise
            due = await coming

    async def _load_all(self) -> AsyncIterator[Sequence[Subscriber]]:
        last = SubscriberId(0)
        while readers := await self.subscribers.load_after(last, _BATCH):
            last = readers[-1].id
            yield readers
