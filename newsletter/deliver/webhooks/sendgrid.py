"""SendGrid: a list of events a request, signed in its head. Pure.

Sources: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event and
…/getting-started-event-webhook-security-features
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletter.deliver.webhooks.event import (
    Happened,
    ParsedEvents,
    ProviderEvent,
    as_mapping,
    load_json,
    text_of,
)
from newsletter.errors import WebhookError

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


def parse_public_key(text: str) -> ec.EllipticCurvePublicKey:
    """Return the verification key that SendGrid shows: a key of an elliptic curve, in base64. Raises ValueError."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error) as error:
        raise ValueError(
            "is no verification key; copy the one that SendGrid shows, which begins with MFk"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("is a key of another kind; copy the one that SendGrid shows, which begins with MFk")
    return key


def check(headers: Mapping[str, str], body: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Say whether SendGrid has sent this."""
    try:
        signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
        key.verify(signature, headers.get(TIMESTAMP, "").encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def parse(body: bytes) -> ParsedEvents:
    """Return the events of a request. Raises WebhookError."""
    given = load_json(body)
    if not isinstance(given, list):
        raise WebhookError("this is no list of events of SendGrid")
    events = tuple(event for one in given if (event := _read(as_mapping(one))) is not None)
    return ParsedEvents(events, ignored=len(given) - len(events))


def _read(given: Mapping[str, Any]) -> ProviderEvent | None:
    happened = _choose(given)
    if happened is None:
        return None
    recipient = text_of(given, "email")
    kind, classification = text_of(given, "type"), text_of(given, "bounce_classification")
    return ProviderEvent(
        id=text_of(given, "sg_event_id") or f"{text_of(given, 'timestamp')} {happened} {recipient}",
        happened=happened,
        recipient=recipient,
        status=text_of(given, "status"),
        diagnostic=text_of(given, "reason") or text_of(given, "response"),
        classification=" ".join(word for word in (kind, classification) if word),
        message_id=text_of(given, "smtp-id"),
    )


def _choose(given: Mapping[str, Any]) -> Happened | None:
    name = text_of(given, "event")
    if name == "dropped":
        # Not tried at all: the address is on a list of SendGrid's, for a reason that it names.
        reason = text_of(given, "reason").lower()
        if "spam" in reason and "content" not in reason:
            return Happened.COMPLAINED
        return Happened.UNSUBSCRIBED if "unsubscribed" in reason else Happened.BOUNCED
    return {
        "bounce": Happened.BOUNCED,
        "deferred": Happened.DELAYED,
        "delivered": Happened.DELIVERED,
        "spamreport": Happened.COMPLAINED,
        "unsubscribe": Happened.UNSUBSCRIBED,
        "group_unsubscribe": Happened.UNSUBSCRIBED,
    }.get(name)
