"""What providers tell, from the request to what follows in the ledger."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from newsletter.collect.fetch import HttpFetcher
from newsletter.deliver.webhooks import sendgrid, ses
from newsletter.errors import StoreError
from newsletter.model.ledger import State
from newsletter.model.readers import Consent, EmailAddress
from newsletter.web.app import build_app
from newsletter.web.limits import Limit
from newsletter.web.pages import webhooks
from newsletter.web.security import MAX_EVENTS_BYTES
from newsletter.web.site import Site, open_site
from newsletter.web.sns import Sns
from tests.support.office import MORNING, SECRET, Office, opened_office
from tests.support.website import URL, client_of

SENDGRID = ec.generate_private_key(ec.SECP256R1())
ADA, BO = "ada@example.org", "bo@example.org"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
GONE = "550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in virtual mailbox table"
OURS = "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org"


@dataclass
class Desk:
    """A site that listens to all providers, and the office whose mails it is about."""

    office: Office
    site: Site
    client: httpx2.AsyncClient

    def path(self, provider: str) -> str:
        return self.site.links.webhook(provider, self.site.secret).removeprefix(URL)

    async def post(
        self, provider: str, told: object, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        answer = await self.client.post(self.path(provider), content=body, headers=headers)
        return answer.status_code, answer.text

    async def is_suppressed(self, address: str) -> bool:
        return bool(await self.office.newsletter.subscribers.load_suppressed([EmailAddress(address)]))

    async def state(self, address: str) -> State:
        return (await self.office.states())[address]

    def message_id(self, address: str) -> str:
        mail = next(one for one in self.office.sink.messages if one.rcpt_to == address)
        return str(message_from_bytes(mail.content)["Message-ID"])


@pytest.fixture
async def desk(tmp_path: Path, database_url: str) -> AsyncIterator[Desk]:
    public = SENDGRID.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    more = f"""\
        web: {{url: '{URL}'}}
        webhooks:
          mailgun: {{signing_key: '${{SECRET}}'}}
          sendgrid: {{public_key: '{base64.b64encode(public).decode()}'}}
          postmark: on
          generic: on
          ses: {{topic: '{TOPIC}'}}
        """
    async with opened_office(tmp_path, database_url, more) as office:
        settings = office.newsletter.config.web
        assert settings is not None
        site = await open_site(office.newsletter, settings)
        await office.join(ADA, BO)
        await office.collect()
        office.clock.at = MORNING
        await office.send()
        async with client_of(build_app(site), URL) as client:
            yield Desk(office, site, client)


def bounce(number: str = "1", recipient: str = ADA, **more: str) -> dict[str, str]:
    return {"id": number, "event": "bounce", "recipient": recipient, **more}


def sign_mailgun(data: object, key: str = SECRET) -> dict[str, Any]:
    timestamp = str(int(MORNING.timestamp()))
    signature = hmac.digest(key.encode(), f"{timestamp}t".encode(), "sha256").hex()
    return {"signature": {"timestamp": timestamp, "token": "t", "signature": signature}, "event-data": data}


def sign_sendgrid(told: object) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(told).encode()
    signature = base64.b64encode(SENDGRID.sign(b"7" + body, ec.ECDSA(hashes.SHA256()))).decode()
    return body, {sendgrid.SIGNATURE: signature, sendgrid.TIMESTAMP: "7"}


async def test_a_mailbox_that_is_gone_is_mailed_no_more(desk: Desk) -> None:
    told = bounce(status="5.1.1", diagnostic=GONE, message_id=desk.message_id(ADA))
    assert await desk.post("generic", told) == (200, "read\n")

    assert await desk.is_suppressed(ADA)
    assert await desk.office.states() == {ADA: State.REJECTED, BO: State.ACCEPTED}


async def test_an_event_counts_once(desk: Desk) -> None:
    told = bounce(diagnostic="550 5.2.0 something odd")
    for _ in range(20):
        assert (await desk.post("generic", told))[0] == 200
    assert not await desk.is_suppressed(ADA)
    counted = await desk.office.newsletter.views.count_bounces(MORNING - timedelta(days=1))
    assert sum(day.number for day in counted) == 1


@pytest.mark.parametrize(
    "told",
    [
        bounce(status="5.7.1", diagnostic=OURS),
        bounce(status="5.1.1"),  # a code alone
        bounce(classification="HardBounce"),  # nor what a provider calls it
        bounce(),
        bounce(recipient="nobody@example.org", diagnostic=GONE),
        bounce(recipient="no address", diagnostic=GONE),
        {**bounce(diagnostic=GONE), "event": "delay"},
        {**bounce(), "event": "delivery"},
        {**bounce(), "event": "opened"},
    ],
)
async def test_what_proves_nothing_gives_nobody_up(desk: Desk, told: dict[str, str]) -> None:
    assert (await desk.post("generic", told))[0] == 200
    assert not await desk.is_suppressed(ADA)
    assert not await desk.is_suppressed(BO)


@pytest.mark.parametrize("event", ["complaint", "unsubscribe"])
async def test_a_complaint_ends_the_subscription(desk: Desk, event: str) -> None:
    assert (await desk.post("generic", {"id": "1", "event": event, "recipient": ADA.upper()}))[0] == 200

    reader = await desk.office.newsletter.subscribers.load(EmailAddress(ADA))
    assert reader is not None
    assert reader.consent is Consent.LEFT
    assert await desk.is_suppressed(ADA) is (event == "complaint")


async def test_a_mail_is_found_by_its_message_id_first(desk: Desk) -> None:
    """The mail was forwarded: the address that failed is not the reader's."""
    told = bounce(
        recipient="elsewhere@example.net", diagnostic="550 mailbox full", message_id=desk.message_id(BO)
    )
    assert (await desk.post("generic", told))[0] == 200
    assert await desk.office.states() == {ADA: State.ACCEPTED, BO: State.REJECTED}


async def test_mailgun_is_believed_with_its_signature_only(desk: Desk) -> None:
    data = {
        "event": "failed",
        "severity": "permanent",
        "id": "1",
        "recipient": ADA,
        "delivery-status": {"code": 550, "message": GONE},
    }
    assert (await desk.post("mailgun", sign_mailgun(data, "another key")))[0] == 400
    assert (await desk.post("mailgun", {"event-data": data}))[0] == 400
    assert not await desk.is_suppressed(ADA)

    assert (await desk.post("mailgun", sign_mailgun(data)))[0] == 200
    assert await desk.is_suppressed(ADA)


async def test_sendgrid_is_believed_with_its_signature_only(desk: Desk) -> None:
    event = {"event": "bounce", "sg_event_id": "1", "email": ADA, "status": "5.1.1", "reason": GONE}
    body, headers = sign_sendgrid([event, {"event": "open"}])
    assert (await desk.post("sendgrid", body))[0] == 400
    assert (await desk.post("sendgrid", body + b" ", headers))[0] == 400
    assert not await desk.is_suppressed(ADA)

    assert (await desk.post("sendgrid", body, headers))[0] == 200
    assert await desk.is_suppressed(ADA)


async def test_postmark_is_read(desk: Desk) -> None:
    record = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 7, "Email": ADA, "Details": GONE}
    assert (await desk.post("postmark", record))[0] == 200
    assert await desk.is_suppressed(ADA)


async def test_only_the_secret_address_of_each_provider_is_there(desk: Desk) -> None:
    right = desk.path("generic")
    for path in (
        right[:-1] + ("a" if right[-1] != "a" else "b"),
        right.replace("generic", "postmark"),
        right.replace("generic", "nobody"),
        "/webhooks/generic/",
        "/webhooks/generic/x",
    ):
        answer = await desk.client.post(path, content=json.dumps(bounce(diagnostic=GONE)))
        assert answer.status_code == 404, path
    assert (await desk.client.get(right)).status_code == 405
    assert not await desk.is_suppressed(ADA)


async def test_what_is_no_event_is_refused_with_a_reason(desk: Desk) -> None:
    assert await desk.post("generic", b"{") == (400, "this is no JSON\n")
    assert await desk.post("generic", {"event": "bounce"}) == (
        400,
        "an event needs an 'id' of its own and a 'recipient'\n",
    )


async def test_a_request_may_be_large_but_not_endless(desk: Desk) -> None:
    many = [{"id": str(number), "event": "opened", "recipient": ADA} for number in range(4_000)]
    assert (await desk.post("generic", many))[0] == 200
    assert (await desk.post("generic", b" " * (MAX_EVENTS_BYTES + 1)))[0] == 413


async def test_too_many_requests_are_put_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "EVENTS", Limit("webhooks", client="2/minute"))
    opened = {"id": "1", "event": "opened", "recipient": ADA}
    statuses = [(await desk.post("generic", opened))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await desk.post("postmark", {"RecordType": "Open"}))[0] == 200, "another provider goes on"


async def test_a_store_that_is_away_lets_the_provider_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    told = bounce(status="5.1.1", diagnostic=GONE)
    with monkeypatch.context() as patch:
        patch.setattr("newsletter.storage.FeedbackStore.note", fail)
        assert (await desk.post("generic", told))[0] == 503
    assert (await desk.post("generic", told))[0] == 200
    assert await desk.is_suppressed(ADA)


# --- Amazon -------------------------------------------------------------------------------


class Amazon(AbstractResolver):
    """SNS of one region on this machine: it shows its certificate and takes confirmations; and the names lead here."""

    host = "sns.eu-west-1.amazonaws.com"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.host)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        builder = builder.public_key(self.key.public_key()).serial_number(1)
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        names = x509.SubjectAlternativeName([x509.DNSName(self.host)])
        self.certificate = builder.add_extension(names, critical=False).sign(self.key, hashes.SHA256())

    async def serve(self, folder: Path) -> web.AppRunner:
        """Listen, with the certificate for TLS, too, which stands in the folder then."""
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        pem = self.certificate.public_bytes(Encoding.PEM)
        (folder / "sns.pem").write_bytes(pem + self.key.private_bytes(Encoding.PEM, *plain))

        async def answer(request: web.Request) -> web.Response:
            self.asked.append(request.path_qs)
            return web.Response(body=pem)

        app = web.Application()
        app.router.add_get("/{rest:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "sns.pem")
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        self.port = runner.addresses[0][1]
        return runner

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        assert host == self.host
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": self.port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self) -> None: ...

    def sign(self, kind: str, message: object, **more: str) -> dict[str, str]:
        """A message of SNS, signed."""
        fields = {
            "Type": kind,
            "MessageId": "sns-1",
            "TopicArn": TOPIC,
            "Message": message if isinstance(message, str) else json.dumps(message),
            "Timestamp": "2026-06-16T07:00:00.000Z",
            "SigningCertURL": f"https://{self.host}/cert.pem",
            **more,
        }
        text = ses.SnsMessage(kind, fields).signed_text
        signature = self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return {**fields, "SignatureVersion": "2", "Signature": base64.b64encode(signature).decode()}


@pytest.fixture
async def amazon(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Amazon]:
    amazon = Amazon()
    runner = await amazon.serve(tmp_path)
    # The HTTP client makes its context when it is imported, too early for SSL_CERT_FILE.
    trusted = ssl.create_default_context(cafile=str(tmp_path / "sns.pem"))
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusted)

    @asynccontextmanager
    async def open_fetcher() -> AsyncIterator[HttpFetcher]:
        fetcher = HttpFetcher(
            version="1",
            contact="",
            base_folder=tmp_path,
            allow_private_hosts=True,
            backoff_s=0.01,
            resolver=amazon,
        )
        yield fetcher
        await fetcher.close()

    desk.site.__dict__["sns"] = Sns(open_fetcher)
    yield amazon
    await runner.cleanup()


async def test_amazon_tells_by_a_topic_that_we_confirm(desk: Desk, amazon: Amazon) -> None:
    offer = amazon.sign(
        "SubscriptionConfirmation",
        "You have chosen to subscribe",
        Token="t",
        SubscribeURL=f"https://{amazon.host}/?Action=ConfirmSubscription&Token=t",
    )
    assert (await desk.post("ses", offer))[0] == 200
    assert amazon.asked == ["/cert.pem", "/?Action=ConfirmSubscription&Token=t"]

    notification = {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "feedbackId": "1",
            "bouncedRecipients": [
                {"emailAddress": ADA, "status": "5.1.1", "diagnosticCode": f"smtp; {GONE}"}
            ],
        },
        "mail": {"messageId": "ses-1", "source": "digest@news.example.org"},
    }
    assert (await desk.post("ses", amazon.sign("Notification", notification)))[0] == 200
    assert await desk.is_suppressed(ADA)
    assert amazon.asked.count("/cert.pem") == 1, "a certificate is kept"


async def test_another_topic_or_signature_is_not_believed(desk: Desk, amazon: Amazon) -> None:
    told = {"notificationType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": ADA}]}}
    other_topic = amazon.sign("Notification", told, TopicArn=TOPIC + "2")
    elsewhere = amazon.sign("Notification", told, SigningCertURL="https://example.org/cert.pem")
    changed = {**amazon.sign("Notification", told), "Timestamp": "2026-06-16T08:00:00.000Z"}
    offer = amazon.sign("SubscriptionConfirmation", "x", Token="t", SubscribeURL="https://example.org/")
    for body in (other_topic, elsewhere, changed, offer):
        assert (await desk.post("ses", body))[0] == 400
    assert amazon.asked == ["/cert.pem"]
    reader = await desk.office.newsletter.subscribers.load(EmailAddress(ADA))
    assert reader is not None
    assert reader.consent is Consent.CONFIRMED
