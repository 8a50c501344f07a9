"""Mailgun: one event a request, signed in its body. Pure.

Sources: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhooks and …/securing-webhooks
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
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

MOST_OFF = timedelta(hours=24)
"""Mailgun repeats a request for eight hours; an older one is somebody else's repetition."""


def check(body: bytes, signing_key: str, now: datetime) -> bool:
    """Say whether Mailgun has sent this, and lately. Raises WebhookError for what is no JSON."""
    signed = as_mapping(as_mapping(load_json(body)).get("signature"))
    timestamp, token = text_of(signed, "timestamp"), text_of(signed, "token")
    right = hmac.digest(signing_key.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    if not hmac.compare_digest(right.encode(), text_of(signed, "signature").encode()):
        return False
    return (
        timestamp.isascii()
        and timestamp.isdigit()
        and abs(now.timestamp() - int(timestamp[:12])) < (MOST_OFF.total_seconds())
    )


def parse(body: bytes) -> ParsedEvents:
    """Return the event of a request. Raises WebhookError."""
    data = as_mapping(as_mapping(load_json(body)).get("event-data"))
    name = text_of(data, "event")
    if not name:
        raise WebhookError("this is no event of Mailgun")
    happened = _choose(name, data)
    if happened is None:
        return ParsedEvents((), ignored=1)
    status = as_mapping(data.get("delivery-status"))
    said = text_of(status, "message") or text_of(status, "description")
    code = text_of(status, "code")
    return ParsedEvents(
        (
            ProviderEvent(
                id=text_of(data, "id") or f"{text_of(data, 'timestamp')} {text_of(data, 'recipient')}",
                happened=happened,
                recipient=text_of(data, "recipient"),
                status=text_of(status, "enhanced-code"),
                diagnostic=said if said.startswith(code) else f"{code} {said}".strip(),
                classification=text_of(data, "reason"),
                message_id=text_of(data, "message", "headers", "message-id"),
                return_path=text_of(data, "envelope", "sender"),
            ),
        )
    )


def _choose(name: str, data: Mapping[str, Any]) -> Happened | None:
    if name == "failed":
        # What Mailgun itself did not send, because of what the reader had said about an earlier mail.
        earlier = {"suppress-complaint": Happened.COMPLAINED, "suppress-unsubscribe": Happened.UNSUBSCRIBED}
        if (reason := text_of(data, "reason")) in earlier:
            return earlier[reason]
        return Happened.DELAYED if text_of(data, "severity") == "temporary" else Happened.BOUNCED
    return {
        "complained": Happened.COMPLAINED,
        "unsubscribed": Happened.UNSUBSCRIBED,
        "delivered": Happened.DELIVERED,
    }.get(name)
