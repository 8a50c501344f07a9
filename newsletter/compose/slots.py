"""A reader's cadence on the clock: local dates and hours become instants, over DST and outages.

The local date is the identity of a slot; the instant is derived from it. So an hour that comes twice
in autumn is one slot (its first), and an hour that spring leaves out is moved on, never lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from newsletter.model.ledger import Plan, Skip
from newsletter.model.readers import Cadence, Scheduled, Slot, Subscriber, SubscriberId

_DAY = timedelta(days=1)


def build_slot(cadence: Cadence, local_on: date) -> Slot:
    """Return the slot of one local date: the first of two equal local times, moved on in a gap (PEP 495, fold=0)."""
    local = datetime.combine(local_on, cadence.at, tzinfo=ZoneInfo(cadence.zone))
    return Slot(local_on, local.astimezone(UTC))


# A cadence and an instant are those of very many readers: both ways are looked up once for all of them.
@lru_cache(maxsize=4096)
def next_slot(cadence: Cadence, after: datetime) -> Slot:
    """Return the first slot whose instant lies after ``after``."""
    # One day back: the local date at `after` may lie behind a slot that a gap has moved on.
    first = cadence.date_at(after) - _DAY
    return next(slot for slot in _slots_from(cadence, first) if slot.at > after)


@lru_cache(maxsize=4096)
def previous_slot(cadence: Cadence, before: datetime) -> Slot:
    """Return the last slot whose instant lies before ``before``."""
    first = cadence.date_at(before) - 9 * _DAY
    previous = None
    for slot in _slots_from(cadence, first):
        if slot.at >= before:
            break
        previous = slot
    assert previous is not None, "a cadence has a slot in any nine days"
    return previous


def spread_slot(slot: Slot, subscriber: SubscriberId, spread: timedelta) -> datetime:
    """Return when a reader's digest may go out: the slot's instant, or later by the reader's share of ``spread``.

    The shares of consecutive readers lie far apart and cover it evenly (multiples of the golden ratio), and a
    reader keeps theirs.
    """
    return slot.at + spread * (subscriber * 0.6180339887498949 % 1)


def choose_plan(
    subscriber: Scheduled,
    now: datetime,
    catch_up: timedelta,
    spread: timedelta = timedelta(),
    ahead: timedelta = timedelta(),
) -> Plan:
    """Decide what becomes of the slots between the reader's next_due_at and now, and those that come within ``ahead``.

    The newest one gets a digest if it is not older than catch_up; it covers the earlier ones too,
    which are skipped. If even the newest is too old all are skipped, and their window belongs to
    the next slot. A digest goes out at its slot or within ``spread`` after it, and expires catch_up after its slot, or
    after it was planned.
    """
    plan = _choose_plan(subscriber.cadence, subscriber.next_due_at, now, catch_up, ahead)
    if plan.slot is None or not spread:
        return plan
    return replace(plan, send_at=spread_slot(plan.slot, subscriber.id, spread))


@lru_cache(maxsize=4096)
def _choose_plan(
    cadence: Cadence, due_at: datetime | None, now: datetime, catch_up: timedelta, ahead: timedelta
) -> Plan:
    """Return what all readers of a cadence have in common who are due at the same moment."""
    upto = now + ahead
    following = next_slot(cadence, upto).at
    due = list(_slots_between(cadence, due_at or upto, upto))
    if not due:
        return Plan(slot=None, skipped=(), next_due_at=following)
    newest = due[-1]
    if now - newest.at > catch_up:
        skipped = tuple(
            Skip(slot, "the newsletter was not running at that time; too late to catch up") for slot in due
        )
        return Plan(slot=None, skipped=skipped, next_due_at=following)
    return Plan(
        slot=newest,
        skipped=tuple(Skip(slot, _covered_by(newest)) for slot in due[:-1]),
        next_due_at=following,
        send_at=newest.at,
        expires_at=max(now, newest.at) + catch_up,
    )


def choose_plan_for_date(
    subscriber: Subscriber, local_on: date, now: datetime, catch_up: timedelta
) -> Plan | None:
    """Plan one date's digest now, whatever the hour; None where the reader has no slot on that date that
    could be sent: the cadence leaves it out, it is still to come there, or it is older than catch_up.

    The slot is thereby used up, and earlier ones that were missed are covered by it. It goes out now, also before its
    hour.
    """
    cadence = subscriber.cadence
    slot = build_slot(cadence, local_on)
    today = cadence.date_at(now)
    if not has_slot(cadence, local_on) or local_on > today or now - slot.at > catch_up:
        return None
    missed = _slots_between(cadence, subscriber.next_due_at or slot.at, slot.at)
    return Plan(
        slot=slot,
        skipped=tuple(Skip(one, _covered_by(slot)) for one in missed if one != slot),
        next_due_at=next_slot(cadence, max(now, slot.at)).at,
        send_at=min(now, slot.at),
        expires_at=now + catch_up,
    )


def realign(cadence: Cadence, due_at: datetime) -> datetime:
    """Return the instant of the slot that ``due_at`` was meant to be, by the rules that its zone has now.

    A country may change its hours at short notice: the local hour is what the reader chose, so the instant moves.
    """
    near = cadence.date_at(due_at)
    slots = [
        build_slot(cadence, near + day * _DAY).at
        for day in (-1, 0, 1)
        if has_slot(cadence, near + day * _DAY)
    ]
    return min(slots, key=lambda at: abs(at - due_at), default=due_at)


def fingerprint_zones(zones: Iterable[str], now: datetime) -> str:
    """Return a text that changes when the rules of one of these zones do, as far as the next 400 days go."""
    first = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    digest = hashlib.sha256()
    for name in sorted(zones):
        zone = ZoneInfo(name)
        offsets = ((first + day * _DAY).astimezone(zone).utcoffset() for day in range(400))
        digest.update(f"{name} {[str(offset) for offset in offsets]}".encode())
    return digest.hexdigest()


def find_pause_end(cadence: Cadence, first_on: date) -> tuple[datetime, datetime]:
    """Return the first slot from a local date on, and the one before it, when a pause until then is over."""
    due_at = next(_slots_from(cadence, first_on)).at
    return due_at, previous_slot(cadence, due_at).at


def _covered_by(slot: Slot) -> str:
    return f"the newsletter was not running at that time; covered by the digest of {slot.local_on}"


def _slots_between(cadence: Cadence, first: datetime, last: datetime) -> Iterator[Slot]:
    start = cadence.date_at(first) - _DAY
    for slot in _slots_from(cadence, start):
        if slot.at > last:
            return
        if slot.at >= first:
            yield slot


def _slots_from(cadence: Cadence, local_on: date) -> Iterator[Slot]:
    """Yield the slots from a local date on, in order, without end."""
    while True:
        if has_slot(cadence, local_on):
            yield build_slot(cadence, local_on)
        local_on += _DAY


def has_slot(cadence: Cadence, local_on: date) -> bool:
    """Whether the cadence has this date. A date that its zone left out altogether (Apia, 30 December 2011) has none."""
    if local_on.weekday() not in cadence.days:
        return False
    zone = ZoneInfo(cadence.zone)
    noon = datetime.combine(local_on, time(12), tzinfo=zone)
    return noon.astimezone(UTC).astimezone(zone).date() == local_on
