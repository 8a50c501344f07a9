"""Postmark: one record a request, without a signature: the secret path is what proves it. Pure.

Sources: https://postmarkapp.com/developer/webhooks/bounce-webhook, …/spam-complaint-webhook, …/delivery-webhook,
…/subscription-change-webhook; the types of bounces: https://postmarkapp.com/developer/api/bounce-api
"""

from __future__ import annotations

import re
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

_COMPLAINTS = frozenset({"SpamComplaint"})
_LEAVING = frozenset({"Unsubscribe"})
_PASSING = frozenset({"Transient", "DnsError"})
_HARMLESS = frozenset(
    {"AutoResponder", "AddressChange", "OpenRelayTest", "ChallengeVerification", "Subscribe"}
)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


def parse(body: bytes) -> ParsedEvents:
    """Return the event of a request. Raises WebhookError."""
    given = as_mapping(load_json(body))
    record = text_of(given, "RecordType")
    if not record:
        raise WebhookError("this is no record of Postmark")
    happened = _choose(record, given)
    if happened is None:
        return ParsedEvents((), ignored=1)
    said = text_of(given, "Details") or text_of(given, "Description")
    found = _STATUS.search(said)
    recipient = text_of(given, "Email") or text_of(given, "Recipient")
    number = text_of(given, "ID") or f"{text_of(given, 'MessageID')} {text_of(given, 'ChangedAt')}".strip()
    return ParsedEvents(
        (
            ProviderEvent(
                id=f"{number} {happened} {recipient}",
                happened=happened,
                recipient=recipient,
                status=found[1] if found and happened is not Happened.DELIVERED else "",
                diagnostic=said,
                classification=text_of(given, "Type") or text_of(given, "SuppressionReason"),
                message_id=text_of(given, "Metadata", "message-id"),
            ),
        )
    )


def _choose(record: str, given: Mapping[str, Any]) -> Happened | None:
    if record == "SubscriptionChange":
        return _choose_change(given)
    if record == "Delivery":
        return Happened.DELIVERED
    if record not in ("Bounce", "SpamComplaint"):
        return None
    kind = text_of(given, "Type") or record
    if kind in _COMPLAINTS:
        return Happened.COMPLAINED
    if kind in _LEAVING:
        return Happened.UNSUBSCRIBED
    if kind in _HARMLESS:
        return None
    return Happened.DELAYED if kind in _PASSING else Happened.BOUNCED


def _choose_change(given: Mapping[str, Any]) -> Happened | None:
    """Return what a change of Postmark's own suppression list means: bounces of broadcasts are told only so."""
    if given.get("SuppressSending") is not True:
        return None
    reason = text_of(given, "SuppressionReason")
    if reason == "HardBounce":
        return Happened.BOUNCED
    if reason == "SpamComplaint":
        return Happened.COMPLAINED
    # By hand: the reader's own wish, or something that the operator did over there.
    return Happened.UNSUBSCRIBED if text_of(given, "Origin") == "Recipient" else None
