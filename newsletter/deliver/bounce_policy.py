"""What follows from a report about a mail of ours. Pure.

A report is evidence, too: whoever reports on a mail has had it, so an uncertain delivery is settled by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from newsletter.deliver.ledger_rules import Event, move
from newsletter.model.ledger import State
from newsletter.model.reports import BounceAction, Report, ReportedRecipient, ReportKind

HALF_LIFE = timedelta(days=14)
MOST_SOFT = 4.0
"""Above this score an address is suppressed: four failures at once, or five digests that fail day after day."""


def score_soft_bounces(times: Sequence[datetime], now: datetime) -> float:
    """Return how much these soft failures weigh now: 1 each, half as much after 14 days, and so on."""
    return sum((math.pow(0.5, max((now - at) / HALF_LIFE, 0.0)) for at in times), 0.0)


def choose_action(
    report: Report, address: str, state: State, soft_before: Sequence[datetime], now: datetime
) -> BounceAction:
    """Decide what follows from a report about a delivery to ``address`` that is in ``state``.

    soft_before are the times of earlier soft failures of that address. Where the report names other recipients (the
    mail was forwarded), the first one counts: it is our mail that failed.
    """
    arrived = move(state, Event.REPORT)
    match report.kind:
        case ReportKind.COMPLAINT:
            return BounceAction("left", arrived, suppress="complaint", leaves=True)
        case ReportKind.UNSUBSCRIBE:
            return BounceAction("left", arrived, leaves=True)
        case ReportKind.AUTO_REPLY | ReportKind.DELIVERED:
            return BounceAction("settled" if arrived else "noted", arrived)
        case ReportKind.HARD | ReportKind.SOFT:
            return _choose_failure(_pick(report, address), report, state, soft_before, now)
    return BounceAction("ignored")


def _choose_failure(
    recipient: ReportedRecipient | None,
    report: Report,
    state: State,
    soft_before: Sequence[datetime],
    now: datetime,
) -> BounceAction:
    failed = move(state, Event.BOUNCE)
    if recipient is not None and recipient.is_bad_address:
        return BounceAction("suppressed", failed, suppress=f"bounced: {recipient.diagnostic}".strip())
    if recipient is not None and not recipient.is_final:
        return BounceAction("noted", move(state, Event.REPORT))
    if score_soft_bounces([*soft_before, now], now) > MOST_SOFT:
        return BounceAction("suppressed", failed, suppress="mail to it has failed again and again")
    return BounceAction("counted", failed)


def _pick(report: Report, address: str) -> ReportedRecipient | None:
    named = [one for one in report.recipients if one.address == address.lower()]
    return next(iter(named or report.recipients), None)
