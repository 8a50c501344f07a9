"""Any other provider, or a script in between: events in a form of ours, which docs/webhooks.md describes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsletter.deliver.webhooks.event import (
    Happened,
    ParsedEvents,
    ProviderEvent,
    as_mapping,
    load_json,
    text_of,
)
from newsletter.errors import WebhookError

KINDS = {
    "bounce": Happened.BOUNCED,
    "delay": Happened.DELAYED,
    "complaint": Happened.COMPLAINED,
    "unsubscribe": Happened.UNSUBSCRIBED,
    "delivery": Happened.DELIVERED,
}
"""What ``event`` may be."""


def parse(body: bytes) -> ParsedEvents:
    """Return the events of a request: one object, or a list of them. Raises WebhookError with what is missing."""
    given = load_json(body)
    rows = given if isinstance(given, list) else [given]
    events = tuple(event for row in rows if (event := _read(as_mapping(row))) is not None)
    return ParsedEvents(events, ignored=len(rows) - len(events))


def _read(given: Mapping[str, Any]) -> ProviderEvent | None:
    name = text_of(given, "event")
    if not name:
        raise WebhookError(f"an event has no 'event'; known are {', '.join(KINDS)}")
    if name not in KINDS:
        return None
    number, recipient = text_of(given, "id"), text_of(given, "recipient")
    if not number or not recipient:
        raise WebhookError("an event needs an 'id' of its own and a 'recipient'")
    return ProviderEvent(
        id=number,
        happened=KINDS[name],
        recipient=recipient,
        status=text_of(given, "status"),
        diagnostic=text_of(given, "diagnostic"),
        classification=text_of(given, "classification"),
        message_id=text_of(given, "message_id"),
        return_path=text_of(given, "return_path"),
    )
