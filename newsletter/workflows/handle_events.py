"""What providers tell by webhook: each event once, found its mail, and judged as reports that come as mail are.

Whoever knows the secret address is the provider (web/pages/webhooks.py has checked it), so an event may also name its
mail by the address alone: then it is about the newest one to it. What can go wrong: the store is away (StoreError);
the provider repeats the request, and what was done already is known.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.deliver.webhooks.report import build_report
from newsletter.workflows.handle_bounces import KNOWN, find_delivery

if TYPE_CHECKING:
    from newsletter.deliver.webhooks.event import ParsedEvents
    from newsletter.model.readers import EmailAddress
    from newsletter.signing import Secret
    from newsletter.storage import FeedbackStore

ABOUT_THE_NEWEST = timedelta(days=30)
"""An event that names no mail is about the newest one to its address, if that is not older."""


async def handle_events(
    provider: str,
    parsed: ParsedEvents,
    feedback: FeedbackStore,
    bounce_address: EmailAddress,
    secret: Secret,
    now: datetime,
) -> dict[str, int]:
    """Do what follows from the events of one request; return how many led to what. Raises StoreError."""
    done: Counter[str] = Counter()
    for event in parsed.events:
        report = build_report(event, bounce_address)
        delivery = await find_delivery(report, feedback, secret)
        if delivery is None:
            delivery = await feedback.find_newest_to(event.recipient, now - ABOUT_THE_NEWEST)
        report_hash = hashlib.sha256(f"{provider}\0{event.id}".encode("utf-8", "replace")).hexdigest()
        action = await feedback.note(report_hash, report, delivery, now)
        done[KNOWN if action is None else action.what] += 1
    if parsed.ignored:
        done["not for us"] = parsed.ignored
    return dict(done)
