"""What providers tell, in the shapes that their documents show, with invented content."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.webhooks import generic, mailgun, postmark, sendgrid, ses
from newsletter.deliver.webhooks.event import Happened, ParsedEvents, ProviderEvent
from newsletter.errors import WebhookError

ADA = "ada@example.org"
GONE = "smtp; 550 5.1.1 <ada@example.org>... User unknown"
RETURN_PATH = "bounces+1f-abcdefghijklmnop@example.org"

SES_MAIL = {
    "timestamp": "2026-06-16T07:00:00.000Z",
    "source": RETURN_PATH,
    "messageId": "0100-ses",
    "destination": [ADA],
    "headersTruncated": False,
    "headers": [{"name": "From", "value": "x"}, {"name": "Message-ID", "value": "<ours@example.org>"}],
    "commonHeaders": {"messageId": "<ours@example.org>"},
}


def ses_bounce(kind: str = "Permanent", subtype: str = "General", **recipient: str) -> dict[str, Any]:
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [{"emailAddress": ADA, **recipient}],
            "timestamp": "2026-06-16T07:00:05.000Z",
            "feedbackId": "feed-1",
            "reportingMTA": "dns; mail.example.com",
        },
        "mail": SES_MAIL,
    }


def mailgun_event(event: str, **more: Any) -> dict[str, Any]:
    return {
        "signature": {"timestamp": "1781593200", "token": "t", "signature": "s"},
        "event-data": {
            "event": event,
            "id": "mg-1",
            "timestamp": 1781593200.5,
            "recipient": ADA,
            "message": {"headers": {"message-id": "ours@example.org", "to": ADA}},
            "envelope": {"sender": RETURN_PATH, "targets": ADA},
            **more,
        },
    }


def sendgrid_event(event: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "email": ADA,
            "timestamp": 1781593200,
            "smtp-id": "<ours@example.org>",
            "event": event,
            "sg_event_id": "sg-1",
            **more,
        }
    ]


def postmark_record(record: str, **more: Any) -> dict[str, Any]:
    return {"RecordType": record, "ID": 692560173, "MessageID": "pm-1", "Email": ADA, **more}


def one(parse: Callable[[bytes], ParsedEvents], given: object) -> ProviderEvent:
    parsed = parse(json.dumps(given).encode())
    assert parsed.ignored == 0
    (event,) = parsed.events
    assert event.recipient == ADA
    assert event.id
    return event


TABLE: list[tuple[Callable[[bytes], ParsedEvents], object, Happened | None]] = [
    (ses.parse, ses_bounce(status="5.1.1", action="failed", diagnosticCode=GONE), Happened.BOUNCED),
    (ses.parse, ses_bounce("Transient", "MailboxFull"), Happened.BOUNCED),
    (ses.parse, ses_bounce("Transient", action="delayed"), Happened.DELAYED),
    (ses.parse, {"eventType": "Send", "mail": SES_MAIL, "send": {}}, None),
    (ses.parse, {"eventType": "Open", "mail": SES_MAIL, "open": {}}, None),
    (
        ses.parse,
        {
            "eventType": "Complaint",
            "complaint": {"complainedRecipients": [{"emailAddress": ADA}]},
            "mail": SES_MAIL,
        },
        Happened.COMPLAINED,
    ),
    (
        ses.parse,
        {
            "notificationType": "Complaint",
            "complaint": {
                "complainedRecipients": [{"emailAddress": ADA}],
                "complaintFeedbackType": "not-spam",
            },
            "mail": SES_MAIL,
        },
        None,
    ),
    (
        ses.parse,
        {"notificationType": "Delivery", "delivery": {"recipients": [ADA]}, "mail": SES_MAIL},
        Happened.DELIVERED,
    ),
    (
        ses.parse,
        {
            "eventType": "DeliveryDelay",
            "deliveryDelay": {
                "delayType": "MailboxFull",
                "timestamp": "2026-06-16T08:00:00Z",
                "delayedRecipients": [{"emailAddress": ADA, "status": "4.2.2"}],
            },
            "mail": SES_MAIL,
        },
        Happened.DELAYED,
    ),
    (
        mailgun.parse,
        mailgun_event(
            "failed",
            severity="permanent",
            reason="bounce",
            **{"delivery-status": {"code": 550, "message": "5.1.1 No such user", "description": ""}},
        ),
        Happened.BOUNCED,
    ),
    (mailgun.parse, mailgun_event("failed", severity="temporary", reason="generic"), Happened.DELAYED),
    (mailgun.parse, mailgun_event("failed"), Happened.BOUNCED),
    (mailgun.parse, mailgun_event("failed", reason="suppress-complaint"), Happened.COMPLAINED),
    (mailgun.parse, mailgun_event("failed", reason="suppress-unsubscribe"), Happened.UNSUBSCRIBED),
    (mailgun.parse, mailgun_event("complained"), Happened.COMPLAINED),
    (mailgun.parse, mailgun_event("unsubscribed"), Happened.UNSUBSCRIBED),
    (mailgun.parse, mailgun_event("delivered"), Happened.DELIVERED),
    (mailgun.parse, mailgun_event("opened"), None),
    (mailgun.parse, mailgun_event("something new"), None),
    (postmark.parse, postmark_record("Bounce", Type="HardBounce", Details=GONE), Happened.BOUNCED),
    (postmark.parse, postmark_record("Bounce", Type="SoftBounce"), Happened.BOUNCED),
    (postmark.parse, postmark_record("Bounce", Type="Transient"), Happened.DELAYED),
    (postmark.parse, postmark_record("Bounce", Type="DnsError"), Happened.DELAYED),
    (postmark.parse, postmark_record("Bounce", Type="SpamComplaint"), Happened.COMPLAINED),
    (postmark.parse, postmark_record("Bounce", Type="AutoResponder"), None),
    (postmark.parse, postmark_record("Bounce", Type="ChallengeVerification"), None),
    (postmark.parse, postmark_record("Bounce", Type="Unsubscribe"), Happened.UNSUBSCRIBED),
    (postmark.parse, postmark_record("SpamComplaint"), Happened.COMPLAINED),
    (postmark.parse, postmark_record("Delivery", Recipient=ADA), Happened.DELIVERED),
    (postmark.parse, postmark_record("Open"), None),
    (
        postmark.parse,
        postmark_record("SubscriptionChange", SuppressSending=True, SuppressionReason="HardBounce"),
        Happened.BOUNCED,
    ),
    (
        postmark.parse,
        postmark_record(
            "SubscriptionChange",
            SuppressSending=True,
            SuppressionReason="ManualSuppression",
            Origin="Recipient",
        ),
        Happened.UNSUBSCRIBED,
    ),
    (
        postmark.parse,
        postmark_record(
            "SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression", Origin="Admin"
        ),
        None,
    ),
    (postmark.parse, postmark_record("SubscriptionChange", SuppressSending=False), None),
    (sendgrid.parse, sendgrid_event("bounce", status="5.1.1", reason=GONE, type="bounce"), Happened.BOUNCED),
    (sendgrid.parse, sendgrid_event("bounce", type="blocked"), Happened.BOUNCED),
    (sendgrid.parse, sendgrid_event("deferred", response="451 later"), Happened.DELAYED),
    (sendgrid.parse, sendgrid_event("dropped", reason="Bounced Address"), Happened.BOUNCED),
    (sendgrid.parse, sendgrid_event("dropped", reason="Spam Reporting Address"), Happened.COMPLAINED),
    (sendgrid.parse, sendgrid_event("dropped", reason="Spam Content"), Happened.BOUNCED),
    (sendgrid.parse, sendgrid_event("dropped", reason="Unsubscribed Address"), Happened.UNSUBSCRIBED),
    (sendgrid.parse, sendgrid_event("spamreport"), Happened.COMPLAINED),
    (sendgrid.parse, sendgrid_event("group_unsubscribe", asm_group_id=7), Happened.UNSUBSCRIBED),
    (sendgrid.parse, sendgrid_event("delivered"), Happened.DELIVERED),
    (sendgrid.parse, sendgrid_event("click", url="x"), None),
    (generic.parse, {"event": "bounce", "id": "1", "recipient": ADA, "status": "5.1.1"}, Happened.BOUNCED),
    (generic.parse, [{"event": "complaint", "id": "1", "recipient": ADA}], Happened.COMPLAINED),
    (generic.parse, {"event": "opened", "id": "1", "recipient": ADA}, None),
]


@pytest.mark.parametrize(("parse", "given", "happened"), TABLE)
def test_what_a_provider_tells_is_understood(
    parse: Callable[[bytes], ParsedEvents], given: object, happened: Happened | None
) -> None:
    if happened is None:
        assert parse(json.dumps(given).encode()) == ParsedEvents((), ignored=1)
    else:
        assert one(parse, given).happened is happened


@pytest.mark.parametrize(
    ("parse", "given"),
    [
        (ses.parse, ses_bounce(status="5.1.1", diagnosticCode=GONE)),
        (
            mailgun.parse,
            mailgun_event(
                "failed", **{"delivery-status": {"code": 550, "enhanced-code": "5.1.1", "message": GONE}}
            ),
        ),
        (postmark.parse, postmark_record("Bounce", Type="HardBounce", Details=GONE)),
        (sendgrid.parse, sendgrid_event("bounce", status="5.1.1", reason=GONE)),
    ],
)
def test_the_words_of_the_server_are_kept(parse: Callable[[bytes], ParsedEvents], given: object) -> None:
    event = one(parse, given)
    assert event.status == "5.1.1"
    assert GONE in event.diagnostic


@pytest.mark.parametrize(
    ("parse", "given", "message_id", "return_path"),
    [
        (ses.parse, ses_bounce(), "<ours@example.org>", RETURN_PATH),
        (mailgun.parse, mailgun_event("failed"), "ours@example.org", RETURN_PATH),
        (sendgrid.parse, sendgrid_event("bounce"), "<ours@example.org>", ""),
        (
            generic.parse,
            {"event": "bounce", "id": "1", "recipient": ADA, "message_id": "<a@b>", "return_path": "c@d"},
            "<a@b>",
            "c@d",
        ),
    ],
)
def test_what_proves_which_mail_it_is_about_is_kept(
    parse: Callable[[bytes], ParsedEvents], given: object, message_id: str, return_path: str
) -> None:
    event = one(parse, given)
    assert (event.message_id, event.return_path) == (message_id, return_path)


def test_several_recipients_are_several_events() -> None:
    given = ses_bounce()
    given["bounce"]["bouncedRecipients"].append({"emailAddress": "bo@example.org"})
    events = ses.parse(json.dumps(given)).events
    assert [event.recipient for event in events] == [ADA, "bo@example.org"]
    assert len({event.id for event in events}) == 2


def test_a_list_of_sendgrid_keeps_its_order_and_counts_the_rest() -> None:
    given = sendgrid_event("bounce") + sendgrid_event("open") + sendgrid_event("spamreport") + [7]
    parsed = sendgrid.parse(json.dumps(given).encode())
    assert [event.happened for event in parsed.events] == [Happened.BOUNCED, Happened.COMPLAINED]
    assert parsed.ignored == 2


@pytest.mark.parametrize("module", [ses, mailgun, postmark, sendgrid, generic])
@pytest.mark.parametrize("body", [b"", b"x", b"{}", b"7", b"null", b'{"a": ', b"\xff", b"[" * 100_000])
def test_what_no_provider_would_send_is_refused(module: Any, body: bytes) -> None:
    with pytest.raises(WebhookError):
        module.parse(body)


@pytest.mark.parametrize(
    "missing",
    [{"id": "1", "recipient": ADA}, {"event": "bounce", "id": "1"}, {"event": "bounce", "recipient": ADA}],
)
def test_an_event_of_our_own_form_says_what_is_missing(missing: dict[str, str]) -> None:
    with pytest.raises(WebhookError, match="event"):
        generic.parse(json.dumps(missing).encode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_no_odd_value_breaks_the_reading(data: st.DataObject) -> None:
    parse, shape, _ = data.draw(st.sampled_from(TABLE))
    broken = json.loads(json.dumps(shape))
    spot = broken
    while isinstance(spot, dict | list) and spot:
        key = data.draw(st.sampled_from(list(spot) if isinstance(spot, dict) else range(len(spot))))
        if data.draw(st.booleans()):
            spot[key] = data.draw(VALUES)
            break
        spot = spot[key]
    with contextlib.suppress(WebhookError):
        for event in parse(json.dumps(broken).encode()).events:
            assert all(isinstance(part, str) for part in (event.recipient, event.diagnostic, event.status))
