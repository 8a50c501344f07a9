"""Amazon SES, by way of SNS or as mail: notifications and event publishing. Pure.

Sources: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html,
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from newsletter.deliver.webhooks.event import (
    Happened,
    ParsedEvents,
    ProviderEvent,
    as_list,
    as_mapping,
    load_json,
    text_of,
)
from newsletter.errors import WebhookError

_NOTIFICATION = re.compile(r'"(?:notification|event)Type\\?"')
_HOST = re.compile(r"sns\.[a-z0-9-]{2,30}\.amazonaws\.com(?:\.cn)?")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}


class SnsMessage(NamedTuple):
    """A message of SNS. kind is one of the three of its documents; fields are its texts as they came."""

    kind: str
    fields: Mapping[str, str]

    @property
    def topic(self) -> str:
        return self.fields.get("TopicArn", "")

    @property
    def signed_text(self) -> bytes:
        """What its signature is made of: names and values in lines of their own, in a fixed order."""
        return "".join(
            f"{name}\n{self.fields[name]}\n" for name in _SIGNED[self.kind] if name in self.fields
        ).encode("utf-8", "surrogatepass")


def parse_sns(body: bytes) -> SnsMessage:
    """Return the message of a request. Raises WebhookError."""
    given = as_mapping(load_json(body))
    fields = {name: value for name, value in given.items() if isinstance(value, str)}
    kind = fields.get("Type", "")
    if kind not in _SIGNED:
        raise WebhookError("this is no message of Amazon SNS")
    return SnsMessage(kind, fields)


def is_of_amazon(url: str) -> bool:
    """Say whether an address is one of SNS itself: the certificate and the confirmation come from nowhere else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_plain = not parts.username and not parts.password and port in (None, 443)
    return parts.scheme == "https" and is_plain and _HOST.fullmatch(parts.hostname or "") is not None


def check(message: SnsMessage, certificate_pem: bytes) -> bool:
    """Say whether SNS has signed a message with the key of this certificate. Raises WebhookError for a broken one."""
    version = _HASHES.get(message.fields.get("SignatureVersion", ""))
    if version is None:
        return False
    try:
        signature = base64.b64decode(message.fields.get("Signature", ""), validate=True)
        key = x509.load_pem_x509_certificate(certificate_pem).public_key()
    except (ValueError, binascii.Error) as error:
        raise WebhookError("the signature or its certificate cannot be read") from error
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(signature, message.signed_text, padding.PKCS1v15(), version())
    except InvalidSignature:
        return False
    return True


def parse(text: bytes | str) -> ParsedEvents:
    """Return the events of one notification of SES. Raises WebhookError."""
    given = as_mapping(load_json(text))
    kind = text_of(given, "notificationType") or text_of(given, "eventType")
    if not kind:
        raise WebhookError("this is no notification of Amazon SES")
    reader = _READERS.get(kind)
    events = tuple(reader(given)) if reader else ()
    return ParsedEvents(events, ignored=0 if events else 1)


def find_notification(text: str) -> ParsedEvents | None:
    """Return the events of a notification that came as mail, from SES or through SNS; None for any other text."""
    if not _NOTIFICATION.search(text):
        return None
    try:
        given, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        inner = as_mapping(given).get("Message")
        return parse(inner if isinstance(inner, str) else json.dumps(given))
    except (ValueError, RecursionError, WebhookError):
        return None


def _bounces(given: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    bounce = as_mapping(given.get("bounce"))
    for recipient in as_list(bounce.get("bouncedRecipients")):
        action = text_of(recipient, "action").lower()
        yield _event(
            given,
            text_of(bounce, "feedbackId"),
            Happened.DELAYED if action == "delayed" else Happened.BOUNCED,
            text_of(recipient, "emailAddress"),
            status=text_of(recipient, "status"),
            diagnostic=text_of(recipient, "diagnosticCode"),
            classification=" ".join(
                (text_of(bounce, "bounceType"), text_of(bounce, "bounceSubType"))
            ).strip(),
        )


def _complaints(given: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    complaint = as_mapping(given.get("complaint"))
    kind = text_of(complaint, "complaintFeedbackType")
    if kind == "not-spam":  # the opposite: a reader has taken the mail out of the junk folder
        return
    for recipient in as_list(complaint.get("complainedRecipients")):
        address = text_of(recipient, "emailAddress")
        yield _event(
            given, text_of(complaint, "feedbackId"), Happened.COMPLAINED, address, classification=kind
        )


def _deliveries(given: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    delivery = as_mapping(given.get("delivery"))
    for recipient in as_list(delivery.get("recipients")):
        yield _event(
            given, "", Happened.DELIVERED, text_of(recipient), diagnostic=text_of(delivery, "smtpResponse")
        )


def _delays(given: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    delay = as_mapping(given.get("deliveryDelay"))
    for recipient in as_list(delay.get("delayedRecipients")):
        yield _event(
            given,
            text_of(delay, "timestamp"),
            Happened.DELAYED,
            text_of(recipient, "emailAddress"),
            status=text_of(recipient, "status"),
            diagnostic=text_of(recipient, "diagnosticCode"),
            classification=text_of(delay, "delayType"),
        )


_READERS = {
    "Bounce": _bounces,
    "Complaint": _complaints,
    "Delivery": _deliveries,
    "DeliveryDelay": _delays,
}


def _event(
    given: Mapping[str, Any], feedback_id: str, happened: Happened, recipient: str, **told: str
) -> ProviderEvent:
    mail = as_mapping(given.get("mail"))
    number = feedback_id or text_of(mail, "messageId")
    return ProviderEvent(
        id=f"{number} {happened} {recipient}",
        happened=happened,
        recipient=recipient,
        message_id=_find_message_id(mail),
        return_path=text_of(mail, "source"),
        **told,
    )


def _find_message_id(mail: Mapping[str, Any]) -> str:
    """Return our Message-ID; SES puts another one into the mail, and tells ours among the headers as they were."""
    for header in as_list(mail.get("headers")):
        if text_of(header, "name").lower() == "message-id":
            return text_of(header, "value")
    return text_of(mail, "commonHeaders", "messageId")
