"""Plan: decide who is due. It writes intents only; digests are composed when their deliveries are claimed
(`compose_digests`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from newsletter.compose.slots import choose_plan, choose_plan_for_date, realign
from newsletter.model.ledger import PlanResult
from newsletter.model.readers import Consent, SubscriberId
from newsletter.storage import SubscriberStore
from newsletter.storage.ledger.planning import Planning

_BATCH = 500


@dataclass(frozen=True, slots=True)
class PlanReport:
    """How many readers got a queued digest, how many slots were skipped, and how many readers must wait."""

    planned: int = 0
    skipped: int = 0
    busy: int = 0


async def plan_due(
    subscribers: SubscriberStore,
    planning: Planning,
    now: datetime,
    catch_up: timedelta,
    spread: timedelta = timedelta(),
) -> PlanReport:
    """Queue a digest for every reader whose next_due_at has come. Two of these at once harm nobody."""
    planned = skipped = 0
    waiting: set[int] = set()
    while True:
        # Readers that must wait stay due; reading past them keeps them from hiding the others.
        due = await subscribers.load_due(now, _BATCH + len(waiting))
        fresh = [reader for reader in due if reader.id not in waiting]
        if not fresh:
            return PlanReport(planned, skipped, len(waiting))
        plans = [(reader, choose_plan(reader, now, catch_up, spread)) for reader in fresh]
        for (reader, plan), result in zip(plans, await planning.plan(plans, now), strict=True):
            if result is PlanResult.PLANNED:
                planned += plan.slot is not None
                skipped += len(plan.skipped)
            else:
                waiting.add(reader.id)


async def realign_schedule(subscribers: SubscriberStore, now: datetime) -> int:
    """Move the coming slots of readers whose zone has got other rules; return how many were moved."""
    moved = 0
    last = SubscriberId(0)
    while readers := await subscribers.load_after(last, _BATCH):
        last = readers[-1].id
        changes = []
        for reader in readers:
            due_at = reader.next_due_at
            if due_at is not None and due_at > now and (right := realign(reader.cadence, due_at)) != due_at:
                changes.append((reader.id, due_at, right))
        moved += await subscribers.move_due(changes)
    return moved


async def plan_date(
    subscribers: SubscriberStore,
    planning: Planning,
    local_on: date,
    now: datetime,
    catch_up: timedelta,
) -> PlanReport:
    """Queue one date's digest now for every confirmed reader who has a slot on it and no row for it yet."""
    planned = busy = 0
    last = SubscriberId(0)
    while readers := await subscribers.load_after(last, _BATCH):
        last = readers[-1].id
        chosen = [
            (reader, choose_plan_for_date(reader, local_on, now, catch_up))
            for reader in readers
            if reader.consent is Consent.CONFIRMED
        ]
        plans = [(reader, plan) for reader, plan in chosen if plan is not None]
        results = await planning.plan(plans, now, by_hand=True)
        planned += results.count(PlanResult.PLANNED)
        busy += results.count(PlanResult.BUSY)
    return PlanReport(planned=planned, busy=busy)
