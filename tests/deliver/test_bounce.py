from __future__ import annotations

import base64
import quopri
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.bounce import judge_report, parse_report
from newsletter.model.mail import Blame, Weight
from newsletter.model.reports import ReportKind
from newsletter.text import clean_text
from tests.support.reports import make_delivery_report, make_mail


def test_a_delivery_report_names_recipient_code_and_the_mail_that_it_is_about() -> None:
    report = parse_report(
        make_delivery_report(
            "Final-Recipient: rfc822; Ada@Example.org",
            "Action: failed",
            "Status: 5.1.1",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user",
        )
    )

    (recipient,) = report.recipients
    assert (report.kind, report.is_standard) == (ReportKind.HARD, True)
    assert (recipient.address, recipient.status) == ("ada@example.org", "5.1.1")
    assert (recipient.blame, recipient.weight) == (Blame.RECIPIENT, Weight.GONE)
    assert report.message_ids == ("<original@news.example.org>",)
    assert report.proofs[0] == "bounces+token@news.example.org"


@pytest.mark.parametrize(
    ("action", "status", "said", "kind", "weight"),
    [
        ("failed", "5.1.1", "550 5.1.1 user unknown", ReportKind.HARD, Weight.GONE),
        ("failed", "5.0.0", "550 5.1.10 recipient not found", ReportKind.HARD, Weight.GONE),
        ("failed", "5.0.0", "550 no such user here", ReportKind.HARD, Weight.GONE),
        ("failed", "5.1.1", "", ReportKind.HARD, Weight.STRIKE),
        ("failed", "5.4.4", "host or domain name not found", ReportKind.HARD, Weight.STRIKE),
        ("failed", "5.2.2", "552 5.2.2 mailbox full", ReportKind.HARD, Weight.NONE),
        ("failed", "5.7.1", "550 5.7.1 blocked, looks like spam", ReportKind.HARD, Weight.NONE),
        ("failed", "5.3.4", "552 5.3.4 message too large", ReportKind.HARD, Weight.NONE),
        ("failed", "4.4.7", "delivery time expired", ReportKind.SOFT, Weight.STRIKE),
        ("failed", "", "451 try again later", ReportKind.SOFT, Weight.NONE),
        ("delayed", "4.4.1", "connection timed out", ReportKind.SOFT, Weight.NONE),
        ("delivered", "2.1.5", "250 ok", ReportKind.DELIVERED, Weight.NONE),
        ("relayed", "2.0.0", "250 ok", ReportKind.DELIVERED, Weight.NONE),
    ],
)
def test_what_a_delivery_report_means(
    action: str, status: str, said: str, kind: ReportKind, weight: Weight
) -> None:
    report = parse_report(
        make_delivery_report(
            "Final-Recipient: rfc822; ada@example.org",
            f"Action: {action}",
            f"Status: {status}",
            f"Diagnostic-Code: smtp; {said}",
        )
    )

    (recipient,) = report.recipients
    assert (report.kind, recipient.weight) == (kind, weight)
    assert recipient.is_final is (action != "delayed")


def test_several_recipients_without_an_empty_line_between_are_told_apart() -> None:
    report = parse_report(
        make_delivery_report(
            "Final-Recipient: rfc822; ada@example.org",
            "Action: failed",
            "Status: 5.1.1",
            "Final-Recipient: rfc822; bo@example.org",
            "Action: delayed",
            "Status: 4.2.2",
        )
    )

    assert [(one.address, str(one.kind)) for one in report.recipients] == [
        ("ada@example.org", "hard"),
        ("bo@example.org", "soft"),
    ]


@pytest.mark.parametrize(
    ("feedback", "kind"),
    [
        ("abuse", ReportKind.COMPLAINT),
        ("opt-out", ReportKind.COMPLAINT),
        ("auth-failure", ReportKind.NONE),
        ("not-spam", ReportKind.NONE),
    ],
)
def test_a_feedback_report_is_a_complaint_unless_it_is_about_something_else(
    feedback: str, kind: ReportKind
) -> None:
    report = parse_report(
        (
            "From: feedback@example.org\nSubject: FW: Papers\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n'
            "\n--b\nContent-Type: text/plain\n\nA user does not want this.\n"
            f"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {feedback}\nVersion: 1\n"
            "Original-Rcpt-To: ada@example.org\n"
            "--b\nContent-Type: message/rfc822\n\nMessage-ID: <original@news.example.org>\n\nPapers\n--b--\n"
        ).encode()
    )

    assert report.kind is kind
    if kind is ReportKind.COMPLAINT:
        assert [one.address for one in report.recipients] == ["ada@example.org"]
        assert report.message_ids == ("<original@news.example.org>",)


@pytest.mark.parametrize(
    "headers",
    [
        ["Subject: Out of office", "From: ada@example.org", "Auto-Submitted: auto-replied"],
        ["Subject: Abwesenheit: Re: Papers", "From: ada@example.org"],
        ["Subject: Re: Papers", "From: ada@example.org", "Precedence: auto_reply"],
        ["Subject: Re: Papers", "From: ada@example.org", "X-Autoreply: yes"],
    ],
)
def test_an_automatic_answer_is_no_bounce(headers: list[str]) -> None:
    report = parse_report(make_mail(*headers, text="I am away until Monday; the mailbox may be full."))

    assert report.kind is ReportKind.AUTO_REPLY
    assert report.recipients == ()


@pytest.mark.parametrize("subject", ["leave", "Auto: Leave", "stop"])
@pytest.mark.parametrize(
    "header",
    [
        *("Auto-Submitted: auto-replied (vacation)", "Auto-Submitted: auto-generated", "Precedence: bulk"),
        *("X-Auto-Response-Suppress: All", "Return-Path: <>", "X-Autogenerated: Reply"),
    ],
)
def test_a_bare_word_of_a_machine_is_no_wish_to_leave(subject: str, header: str) -> None:
    report = parse_report(
        make_mail(f"Subject: {subject}", "From: ada@example.org", header, text="I am away.")
    )

    assert report.kind is ReportKind.AUTO_REPLY


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_subject_that_was_sent_raw_is_read(charset: str) -> None:
    mail = make_mail("Subject: Désabonnement", "From: ada@example.org", text="")
    report = parse_report(mail.decode("utf-8").encode(charset))

    assert report.kind is ReportKind.UNSUBSCRIBE


@pytest.mark.parametrize("subject", ["Read: Papers", "Gelesen: Papers", "已读: Papers"])
def test_a_receipt_in_plain_words_is_no_failure(subject: str) -> None:
    text = "Your message to ada@example.org was read."
    report = parse_report(make_mail(f"Subject: {subject}", "From: postmaster@example.org", text=text))

    assert (report.kind, report.recipients) == (ReportKind.DELIVERED, ())


@pytest.mark.parametrize("charset", ["idna", "undefined", "hex", "rot13"])
def test_what_python_calls_a_codec_and_is_no_charset_hides_nothing(charset: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}"

    assert parse_report(make_mail("Subject: unsubscribe", "From: ada@example.org", head, text="")).kind is (
        ReportKind.UNSUBSCRIBE
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<ada@example.org>: user unknown", ReportKind.HARD),
        ("ada@example.org: ada wasn't found at example.org.", ReportKind.HARD),
        ("Delivery to ada@example.org failed: mailbox is full", ReportKind.SOFT),
        ("ada@example.org could not be reached, we will retry for 3 days", ReportKind.SOFT),
    ],
)
def test_a_notice_that_follows_no_standard_is_read_by_its_words(text: str, kind: ReportKind) -> None:
    report = parse_report(
        make_mail(
            "From: MAILER-DAEMON@mx.example.net",
            "To: bounces@news.example.org",
            "Subject: Undeliverable mail",
            text=text,
        )
    )

    assert report.kind is kind
    assert [one.address for one in report.recipients] == ["ada@example.org"]


def test_a_status_part_that_is_encoded_is_read() -> None:
    status = (
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ada@example.org\nAction: failed\nStatus: 5.1.1\n"
    )
    status += "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n"
    for encoding, coded in (
        ("base64", base64.encodebytes(status.encode())),
        ("quoted-printable", quopri.encodestring(status.encode())),
    ):
        report = parse_report(
            b'From: mailer-daemon@mx.example.org\nContent-Type: multipart/report; boundary="b"\n\n--b\n'
            b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: "
            + encoding.encode()
            + b"\n\n"
            + coded
            + b"\n--b--\n"
        )
        assert [(one.address, one.weight) for one in report.recipients] == [("ada@example.org", Weight.GONE)]


def test_a_notice_in_html_alone_is_read_as_people_see_it() -> None:
    report = parse_report(
        make_mail(
            "From: postmaster@mx.example.org",
            "Subject: Undeliverable: Papers",
            "Content-Type: text/html",
            text="<p><b>Delivery has failed to these recipients:</b></p>ada@example.org<br>"
            "The address you entered couldn&#39;t be found.",
        )
    )

    assert [(one.address, one.weight) for one in report.recipients] == [("ada@example.org", Weight.GONE)]


@pytest.mark.parametrize(
    "part",
    [
        "Content-Type: text/plain\n\nFeedback-Type: abuse\nVersion: 1\n",
        "Content-Type: message/rfc822\n\nX-HmXmrOriginalRecipient: ada@example.org\nSubject: Papers\n\nPapers\n",
    ],
)
def test_complaints_of_other_forms_are_read(part: str) -> None:
    mail = (
        "From: staff@hotmail.example\nSubject: complaint\n"
        f'Content-Type: multipart/report; boundary="b"\n\n--b\n{part}\n--b--\n'
    )

    assert parse_report(mail.encode()).kind is ReportKind.COMPLAINT


def test_a_read_receipt_is_no_failure() -> None:
    mail = (
        "From: ada@example.org\nSubject: Read: Papers\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\n\n--b\n'
        "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ada@example.org\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\n\n--b--\n"
    )

    assert parse_report(mail.encode()).kind is ReportKind.DELIVERED


@pytest.mark.parametrize(
    "text",
    [
        "Delivery to ada@example.org is delayed; no action is required. The mailbox does not answer.",
        "Die Zustellung an ada@example.org verzögert sich. Weitere Versuche folgen.",
    ],
)
def test_a_delay_is_no_end(text: str) -> None:
    report = parse_report(
        make_mail("From: MAILER-DAEMON@mx.example.net", "Subject: Undeliverable: delay", text=text)
    )

    assert not any(one.is_final for one in report.recipients)


def test_a_letter_from_a_person_is_none_of_it() -> None:
    report = parse_report(
        make_mail(
            "From: ada@example.org", "Subject: Thank you", text="What a fine newsletter. Is robotics full?"
        )
    )

    assert report.kind is ReportKind.NONE


def test_a_mail_that_asks_to_leave_is_told_apart() -> None:
    assert (
        parse_report(make_mail("From: ada@example.org", "Subject: unsubscribe")).kind
        is ReportKind.UNSUBSCRIBE
    )


def test_in_doubt_nothing_is_final() -> None:
    assert judge_report("", "something went wrong").weight is Weight.STRIKE
    said = judge_report("5.7.1", "550 5.7.1 user unknown or rejected as spam by policy")
    assert said.weight is not Weight.GONE


@given(st.binary(max_size=3000))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    parse_report(data)


@given(st.data())
def test_a_damaged_report_is_read_without_an_error(data: st.DataObject) -> None:
    whole = bytearray(make_delivery_report("Final-Recipient: rfc822; ada@example.org", "Action: failed"))
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    parse_report(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


@pytest.mark.parametrize(
    "junk", [b"a@", b"<", b"5.", b"user ", b"--b\n", b"Final-Recipient: ", b"\xe4", b"no "]
)
def test_a_megabyte_of_junk_takes_no_long_time(junk: bytes) -> None:
    begun = time.process_time()

    parse_report(
        b"From: mailer-daemon@example.org\nSubject: failure notice\n\n" + junk * (1_000_000 // len(junk))
    )

    assert time.process_time() - begun < 10


@pytest.mark.parametrize("bad", ["\0", "\x1b[31m", "\x9b", "\x07", "\x7f"])
def test_nothing_that_a_report_says_holds_a_control_character(bad: str) -> None:
    body = (
        f"550 5.1.1 <kim@example.org>: no{bad} such user\n"
        f"Reporting-MTA: x{bad}y\nMessage-ID: <ab{bad}cd@mx.example.org>\n"
    )
    mail = (
        f"From: mailer-daemon@mx.example.org\nTo: bounces@example.org\nSubject: failure{bad} notice\n"
        "MIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(body.encode()).decode()
    ).encode()

    report = parse_report(mail)

    said = [*report.message_ids, report.subject, *report.proofs[1:2]]
    for one in report.recipients:
        said += [one.address, one.status, one.diagnostic]
    assert report.message_ids[0].startswith("<ab")
    assert report.recipients
    assert all(clean_text(text) == text for text in said)
