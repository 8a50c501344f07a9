"""Only the provider itself is believed: signatures, their keys, and where keys come from."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from newsletter.deliver.webhooks import mailgun, sendgrid, ses
from newsletter.errors import WebhookError

NOW = datetime(2026, 6, 16, 7, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"


@dataclass(frozen=True)
class Signer:
    """What SNS signs with, and the certificate that it shows."""

    key: rsa.RSAPrivateKey
    certificate: bytes

    def sign(self, fields: dict[str, str], names: tuple[str, ...], version: str = "2") -> bytes:
        text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
        how = hashes.SHA256() if version == "2" else hashes.SHA1()
        signature = base64.b64encode(self.key.sign(text, padding.PKCS1v15(), how)).decode()
        return json.dumps({**fields, "SignatureVersion": version, "Signature": signature}).encode()


@pytest.fixture(scope="module")
def signer() -> Signer:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Signer(key, certificate.public_bytes(Encoding.PEM))


NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "sns-1",
    "TopicArn": TOPIC,
    "Message": '{"notificationType": "Bounce"}\nzweite Zeile mit ü',
    "Timestamp": "2026-06-16T07:00:00.000Z",
    "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
}
SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "Amazon SES Email Event Notification"}])
def test_a_message_of_sns_is_believed(signer: Signer, version: str, more: dict[str, str]) -> None:
    message = ses.parse_sns(signer.sign({**NOTIFICATION, **more}, SIGNED, version))
    assert ses.check(message, signer.certificate)
    assert (message.kind, message.topic) == ("Notification", TOPIC)


def test_a_subscription_of_sns_is_believed(signer: Signer) -> None:
    fields = {
        **NOTIFICATION,
        "Type": "SubscriptionConfirmation",
        "Token": "2336412f37",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
    }
    names = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    assert ses.check(ses.parse_sns(signer.sign(fields, names)), signer.certificate)


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature"])
def test_a_changed_message_of_sns_is_not_believed(signer: Signer, name: str) -> None:
    given: dict[str, Any] = json.loads(signer.sign(NOTIFICATION, SIGNED))
    given[name] = "SubscriptionConfirmation" if name == "Type" else base64.b64encode(b"x").decode()
    assert not ses.check(ses.parse_sns(json.dumps(given).encode()), signer.certificate)


@pytest.mark.parametrize(("name", "value"), [("SignatureVersion", "3"), ("SignatureVersion", "")])
def test_an_unknown_way_to_sign_is_not_believed(signer: Signer, name: str, value: str) -> None:
    given = json.loads(signer.sign(NOTIFICATION, SIGNED)) | {name: value}
    assert not ses.check(ses.parse_sns(json.dumps(given).encode()), signer.certificate)


def test_a_broken_certificate_is_told(signer: Signer) -> None:
    with pytest.raises(WebhookError, match="cannot be read"):
        ses.check(ses.parse_sns(signer.sign(NOTIFICATION, SIGNED)), b"no certificate")


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("https://sns.eu-west-1.amazonaws.com/cert.pem", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/cert.pem", True),
        ("https://sns.us-gov-west-1.amazonaws.com:443/cert.pem", True),
        ("http://sns.eu-west-1.amazonaws.com/cert.pem", False),
        ("https://sns.eu-west-1.amazonaws.com.example.org/cert.pem", False),
        ("https://example.org/sns.eu-west-1.amazonaws.com/cert.pem", False),
        ("https://sns.eu-west-1.amazonaws.com@example.org/cert.pem", False),
        ("https://x@sns.eu-west-1.amazonaws.com/cert.pem", False),
        ("https://bucket.s3.amazonaws.com/sns.pem", False),
        ("https://sns.eu-west-1.evil.amazonaws.com/cert.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:8443/cert.pem", False),
        ("https://[sns.eu-west-1.amazonaws.com/cert.pem", False),
        ("https://sns.eu-west-1.amazonaws.com:x/cert.pem", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_certificates_come_from_amazon_only(url: str, is_right: bool) -> None:
    assert ses.is_of_amazon(url) is is_right


def sign_mailgun(key: str, timestamp: str, token: str = "t0k3n") -> bytes:
    signature = hmac.digest(key.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    return json.dumps({"signature": signed, "event-data": {}}).encode()


def test_mailgun_is_believed_for_a_day() -> None:
    at = str(int(NOW.timestamp()))
    assert mailgun.check(sign_mailgun("key", at), "key", NOW)
    assert mailgun.check(sign_mailgun("key", at), "key", NOW + timedelta(hours=9))
    assert not mailgun.check(sign_mailgun("key", at), "key", NOW + timedelta(days=2))
    assert not mailgun.check(sign_mailgun("key", at), "key", NOW - timedelta(days=2))
    assert not mailgun.check(sign_mailgun("other", at), "key", NOW)
    assert not mailgun.check(sign_mailgun("key", "soon"), "key", NOW)
    assert not mailgun.check(b'{"signature": {"signature": 7}}', "key", NOW)
    assert not mailgun.check(b"{}", "key", NOW)


def test_sendgrid_is_believed_by_its_key() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    shown = base64.b64encode(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    body = b'[{"event": "bounce"}]\r\n'
    signature = base64.b64encode(key.sign(b"1781593200" + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {sendgrid.SIGNATURE: signature, sendgrid.TIMESTAMP: "1781593200"}
    public = sendgrid.parse_public_key(shown)

    assert sendgrid.check(headers, body, public)
    assert not sendgrid.check(headers, body + b" ", public)
    assert not sendgrid.check({**headers, sendgrid.TIMESTAMP: "1781593201"}, body, public)
    assert not sendgrid.check({**headers, sendgrid.SIGNATURE: "!"}, body, public)
    assert not sendgrid.check({}, body, public)


def test_a_key_of_another_kind_is_refused() -> None:
    other = rsa.generate_private_key(65537, 2048).public_key()
    text = base64.b64encode(other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    for wrong in (text, "MFk", "no key", ""):
        with pytest.raises(ValueError, match="key"):
            sendgrid.parse_public_key(wrong)
