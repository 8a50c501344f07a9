"""What follows from a report about a mail of ours, and when failures are enough. Pure.

A report is evidence, too: whoever reports on a mail has had it, so an uncertain delivery is settled by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.deliver.ledger_rules import Event, move
from newsletter.model.mail import Blame, Weight
from newsletter.model.reports import ABOUT_US, BounceAction, BounceReport, ReportedRecipient, ReportKind

if TYPE_CHECKING:
    from newsletter.model.ledger import State

_COMMON = 0.1
_FEWEST_IN_COMMON = 3


def choose_action(report: BounceReport, address: str, state: State) -> BounceAction:
    """Decide what follows from a report about a delivery to ``address`` that is in ``state``.

    Where the report names other recipients (the mail was forwarded), the first one counts: it is our mail that failed.
    """
    arrived = move(state, Event.REPORT)
    match report.kind:
        case ReportKind.COMPLAINT:
            return BounceAction("left", arrived, Weight.GONE, "complaint", leaves=True)
        case ReportKind.UNSUBSCRIBE:
            return BounceAction("left", arrived, leaves=True)
        case ReportKind.AUTO_REPLY | ReportKind.DELIVERED | ReportKind.WISH:
            return BounceAction("settled" if arrived else "noted", arrived)
        case ReportKind.HARD | ReportKind.SOFT:
            return _choose_failure(_pick(report, address), state)
    return BounceAction("ignored")


def _choose_failure(recipient: ReportedRecipient | None, state: State) -> BounceAction:
    failed = move(state, Event.BOUNCE)
    if recipient is None:
        return BounceAction("counted", failed, Weight.STRIKE, "a report that names nobody")
    if not recipient.is_final:
        return BounceAction("noted", move(state, Event.REPORT))
    what = {Blame.US: ABOUT_US, Blame.MESSAGE: "about the mail"}.get(recipient.blame, "failed")
    if recipient.weight is Weight.STRIKE:
        what = "counted"
    return BounceAction(what, failed, recipient.weight, recipient.diagnostic or recipient.status)


def is_common(failed: int, readers: int) -> bool:
    """Tell whether so many of so many readers failed on one day that it was not about any of them: a filter, a
    resolver, a relay. Such a day is no strike."""
    return failed >= _FEWEST_IN_COMMON and failed > _COMMON * readers


def _pick(report: BounceReport, address: str) -> ReportedRecipient | None:
    named = [one for one in report.recipients if one.address == address.lower()]
    return next(iter(named or report.recipients), None)
