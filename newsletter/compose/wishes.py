"""What becomes of a reader who wishes something: other preferences, fewer digests, a pause, to be back. Pure.

Whoever wishes something owns their preferences from then on, whatever subscribers.yaml says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.compose.slots import next_slot, pause_until
from newsletter.model import Cadence, Consent, Subscriber

LONGEST_PAUSE = timedelta(days=366)
_FRIDAY = 4


def follow_cadence(before: Subscriber, after: Subscriber, now: datetime) -> Subscriber:
    """Return ``after`` with the schedule that its cadence means.

    A slot that is due stays so where the cadence is the same; a pause ends at the same date with any cadence. What was
    counted stays counted: changed topics look at what comes after the last digest, like all others.
    """
    owned = replace(after, file_owned=False)
    if after.cadence == before.cadence:
        return owned
    if after.consent is Consent.PAUSED and before.next_due_at and before.wake_at:
        return pause_until(owned, before.next_due_at.astimezone(ZoneInfo(before.cadence.zone)).date())
    return replace(owned, next_due_at=next_slot(after.cadence, now).at)


def choose_weekly(cadence: Cadence) -> Cadence | None:
    """Return the cadence with one of its days, the last one up to Friday; None where it has only one."""
    if len(cadence.days) == 1:
        return None
    before_weekend = [day for day in cadence.days if day <= _FRIDAY]
    return replace(cadence, days=frozenset({max(before_weekend or cadence.days)}))


def come_back(reader: Subscriber, now: datetime, counted_run: int = 0) -> Subscriber:
    """Return a reader who is mailed again from the next slot on; what came up to counted_run is not sent any more."""
    return replace(
        reader,
        consent=Consent.CONFIRMED,
        counted_run=max(reader.counted_run, counted_run),
        next_due_at=next_slot(reader.cadence, now).at,
        wake_at=None,
        file_owned=False,
    )


def pause_for(reader: Subscriber, weeks: int, now: datetime) -> Subscriber:
    """Return a reader who gets no mail for so many weeks."""
    return pause_until(reader, local_date(reader, now) + timedelta(weeks=weeks))


def read_pause_end(text: str, reader: Subscriber, now: datetime) -> date | None:
    """Return the day from which on a reader wants mail again: after today and within a year; None for all else."""
    try:
        first_on = date.fromisoformat(text)
    except ValueError:
        return None
    today = local_date(reader, now)
    return first_on if today < first_on <= today + LONGEST_PAUSE else None


def local_date(reader: Subscriber, at: datetime) -> date:
    """Return the date that it is for a reader at an instant."""
    return at.astimezone(ZoneInfo(reader.cadence.zone)).date()
