"""Why nothing is to be sent, and when the next digest is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.compose.slots import has_slot

if TYPE_CHECKING:
    from newsletter.model.ledger import LedgerCounts
    from newsletter.model.readers import ComingDigests

Coming = Sequence["ComingDigests"]
"""Who is mailed, and when next; never empty."""


def word_nothing_due(coming: Coming, now: datetime) -> str:
    """Return when the next digest is, and how those that come later today are sent at once."""
    told = f"no digest is due now\n{word_next_digest(coming)}"
    today = [
        day for some in coming if (day := some.cadence.date_at(some.due_at)) == some.cadence.date_at(now)
    ]
    return f"{told}\nTo send today's digests now: newsletter send --edition {min(today)}" if today else told


def word_no_edition(
    local_on: date, coming: Coming, counts: Mapping[str, LedgerCounts], catch_up: timedelta, now: datetime
) -> str:
    """Return why a date has nothing to send, and when the next digest is. counts are the ledger's, by edition."""
    day = f"{local_on:%A}, {local_on}"
    known = counts.get(local_on.isoformat())
    if known is not None:
        why = f"its digests are done, {known.equation}"
    elif all(local_on > some.cadence.date_at(now) for some in coming):
        why = "it is in the future; its digests go out by themselves when the day comes"
    elif not any(has_slot(some.cadence, local_on) for some in coming):
        why = "no reader gets a digest on that day"
    elif all(local_on < some.cadence.date_at(now - catch_up) for some in coming):
        why = f"it is longer ago than {catch_up / timedelta(days=1):g} days (schedule.catch_up)"
    else:
        why = "it has not come yet where its readers live, or they joined later"
    return f"{day}: {why}\n{word_next_digest(coming)}"


def word_next_digest(coming: Coming) -> str:
    """Return when the next digest is, for whom, and how many more readers have one on the same date."""
    first = min(coming, key=lambda some: (some.due_at, some.address))
    local_on, at = first.cadence.date_at(first.due_at), first.cadence.at
    others = sum(some.readers for some in coming if some.cadence.date_at(some.due_at) == local_on) - 1
    more = f", and to {others:,} more that day" if others else ""
    return (
        f"The next digest is of {local_on:%A}, {local_on}: to {first.address} at {at:%H:%M} {first.cadence.zone}"
        f" ({first.due_at:%Y-%m-%d %H:%M} UTC){more}"
    )
