"""Events of providers are judged as reports are, and give nobody up for what a provider calls them alone."""

from __future__ import annotations

import json

import pytest

from newsletter.deliver.bounce import parse_report
from newsletter.deliver.webhooks.event import Happened, ProviderEvent
from newsletter.deliver.webhooks.report import build_report
from newsletter.model.mail import Blame, Weight
from newsletter.model.reports import ReportKind
from tests.deliver.webhooks.test_parse import ADA, GONE, RETURN_PATH, ses_bounce

OURS = "bounces@example.org"


def bounced(classification: str = "", diagnostic: str = "", status: str = "") -> ProviderEvent:
    return ProviderEvent("1", Happened.BOUNCED, ADA, status, diagnostic, classification)


@pytest.mark.parametrize(
    ("event", "blame", "weight"),
    [
        (bounced("Permanent General", GONE, "5.1.1"), Blame.RECIPIENT, Weight.GONE),
        (bounced("", "550 5.1.1 no such user"), Blame.RECIPIENT, Weight.GONE),
        (bounced("Permanent NoEmail"), Blame.RECIPIENT, Weight.STRIKE),
        (bounced("Permanent OnAccountSuppressionList"), Blame.RECIPIENT, Weight.STRIKE),
        (bounced("Transient MailboxFull"), Blame.RECIPIENT, Weight.NONE),
        (bounced("Transient MessageTooLarge"), Blame.MESSAGE, Weight.NONE),
        (bounced("Transient ContentRejected"), Blame.MESSAGE, Weight.NONE),
        (bounced("Permanent General"), Blame.UNKNOWN, Weight.STRIKE),
        (bounced("Undetermined Undetermined"), Blame.UNKNOWN, Weight.STRIKE),
        (
            bounced("suppress-bounce", "605 Not delivering to a bounced address"),
            Blame.RECIPIENT,
            Weight.STRIKE,
        ),
        (bounced("HardBounce"), Blame.RECIPIENT, Weight.STRIKE),
        (bounced("Blocked"), Blame.US, Weight.NONE),
        (bounced("DMARCPolicy"), Blame.US, Weight.NONE),
        (bounced("SpamNotification"), Blame.MESSAGE, Weight.NONE),
        (bounced("bounce Invalid Address"), Blame.RECIPIENT, Weight.STRIKE),
        (bounced("blocked Reputation"), Blame.US, Weight.NONE),
        (bounced("blocked Content"), Blame.US, Weight.NONE),
        (
            bounced("blocked", "550 5.7.1 message blocked: our IP is listed at zen.spamhaus.org"),
            Blame.US,
            Weight.NONE,
        ),
        (bounced("", "Bounced Address"), Blame.RECIPIENT, Weight.STRIKE),
        (bounced("", "Invalid"), Blame.RECIPIENT, Weight.STRIKE),
        (bounced(), Blame.UNKNOWN, Weight.STRIKE),
    ],
)
def test_whose_fault_it_is(event: ProviderEvent, blame: Blame, weight: Weight) -> None:
    report = build_report(event, OURS)
    (recipient,) = report.recipients
    assert (report.kind, recipient.blame, recipient.weight) == (ReportKind.HARD, blame, weight)


@pytest.mark.parametrize(
    ("happened", "kind"),
    [
        (Happened.COMPLAINED, ReportKind.COMPLAINT),
        (Happened.UNSUBSCRIBED, ReportKind.UNSUBSCRIBE),
        (Happened.DELIVERED, ReportKind.DELIVERED),
        (Happened.DELAYED, ReportKind.SOFT),
    ],
)
def test_what_is_no_failure_weighs_nothing(happened: Happened, kind: ReportKind) -> None:
    report = build_report(ProviderEvent("1", happened, ADA, "5.1.1", GONE))
    assert report.kind is kind
    assert report.recipients[0].weight is Weight.NONE
    assert report.recipients[0].is_final is (happened is not Happened.DELAYED)


def write_mail(text: str) -> bytes:
    return (
        "From: no-reply@sns.amazonaws.com\nTo: bounces@example.org\nSubject: AWS Notification Message\n"
        f"Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    ).encode()


NOTIFICATION = json.dumps(ses_bounce(status="5.1.1", diagnosticCode=GONE))
FOOT = "\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit the link below"


@pytest.mark.parametrize(
    "text",
    [
        NOTIFICATION,
        NOTIFICATION + FOOT,
        json.dumps(ses_bounce(status="5.1.1", diagnosticCode=GONE), indent=1) + FOOT,
        json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "x", "Message": NOTIFICATION}),
    ],
)
def test_a_notification_that_comes_as_mail_is_read(text: str) -> None:
    report = parse_report(write_mail(text))
    assert report.kind is ReportKind.HARD
    assert report.recipients[0].weight is Weight.GONE
    assert report.message_ids == ("<ours@example.org>",)
    assert any(RETURN_PATH in proof for proof in report.proofs)


@pytest.mark.parametrize(
    "text",
    [
        '{"notificationType": "AmazonSnsSubscriptionSucceeded"}',
        '{"notificationType": "Bounce", "bounce": {',
        'Is "notificationType" what you mean? {}',
    ],
)
def test_another_mail_with_json_is_no_failure(text: str) -> None:
    assert parse_report(write_mail(text)).kind in (ReportKind.NONE, ReportKind.AUTO_REPLY)
