"""What comes back, from the mail that went out to what follows in the ledger, over a Maildir."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from newsletter.deliver.inbox import MaildirInbox
from newsletter.deliver.maildir import file_message, make_maildir
from newsletter.deliver.return_path import build_return_path, find_return_path
from newsletter.errors import StoreError
from newsletter.model.ledger import DeliveryId, State
from newsletter.model.readers import Consent, EmailAddress
from newsletter.model.reports import ANSWERED, SET_ASIDE, UNPROVEN, BounceAction
from newsletter.signing import Purpose, Secret, build_token
from newsletter.storage import FeedbackStore
from newsletter.workflows.alerts import choose_alerts
from newsletter.workflows.answer_letters import LetterAnswers
from newsletter.workflows.handle_bounces import KNOWN, handle_bounces
from tests.support.office import MORNING, Office
from tests.support.reports import make_delivery_report, make_mail
from tests.support.statements import execute

SECRET = Secret(b"s" * 32)
GONE = ("Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 User unknown")
BOUNCES = EmailAddress("bounces@news.example.org")


async def come_back(office: Office, *mails: bytes) -> dict[str, int]:
    """Let these mails arrive and be read; return what they led to."""
    folder = office.folder / "bounces"
    make_maildir(folder)
    for mail in mails:
        file_message(folder, mail)
    secret = await office.newsletter.settings.load_secret()
    inbox = MaildirInbox(folder)
    report = await handle_bounces(
        inbox, office.newsletter.feedback, secret, answers(office, secret), office.clock
    )
    assert not list((folder / "new").iterdir()), "what is done is marked as done"
    return dict(report.done)


def answers(office: Office, secret: Secret) -> LetterAnswers:
    of = office.newsletter
    return LetterAnswers(of.subscribers, of.ledger.planning, of.feedback, of.identity, of.web_links, secret)


async def report_on(office: Office, address: str, *fields: str) -> bytes:
    """A delivery report that arrives at the return path of this reader's mail."""
    secret = await office.newsletter.settings.load_secret()
    delivery = (await office.rows())[address]
    to = build_return_path(BOUNCES, delivery.id, secret)
    report = make_delivery_report(f"Final-Recipient: rfc822; {address}", *fields)
    return report.replace(b"bounces+token@news.example.org", to.encode())


async def given_sent(office: Office, *addresses: str) -> None:
    await office.join(*addresses)
    await office.collect()
    office.clock.at = MORNING
    await office.send()


async def test_an_unknown_address_is_suppressed_and_its_papers_wait(office: Office) -> None:
    await given_sent(office, "ada@example.org", "bo@example.org")

    done = await come_back(office, await report_on(office, "ada@example.org", *GONE))

    assert done == {"suppressed": 1}
    assert await office.states() == {"ada@example.org": State.REJECTED, "bo@example.org": State.ACCEPTED}
    suppressed = await office.newsletter.subscribers.load_suppressed(
        [EmailAddress("ada@example.org"), EmailAddress("bo@example.org")]
    )
    assert list(suppressed) == ["ada@example.org"]


async def test_who_is_suppressed_is_listed_with_the_report_that_did_it(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    said = ("Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 no such user")
    await come_back(office, await report_on(office, "ada@example.org", "Action: delayed"))
    await come_back(office, await report_on(office, "ada@example.org", *said))

    (listed,) = await office.newsletter.subscribers.load_all_suppressed()
    assert (listed.address, listed.since) == ("ada@example.org", office.clock.now())
    assert (listed.report, listed.edition, listed.status) == ("hard", "2026-06-16", "5.1.1")
    assert "no such user" in listed.diagnostic


async def test_the_same_report_counts_once(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    report = await report_on(office, "ada@example.org", "Action: failed", "Status: 4.4.7")

    assert await come_back(office, report, report) == {"counted": 1, "already known": 1}


@pytest.mark.parametrize(
    "forge",
    [
        lambda report: report.replace(b"bounces+", b"bounces+f"),
        lambda report: report.replace(b"bounces+", b"bounces"),
    ],
)
async def test_a_forged_bounce_changes_nothing(office: Office, forge: Callable[[bytes], bytes]) -> None:
    await given_sent(office, "ada@example.org")
    report = await report_on(office, "ada@example.org", *GONE)

    assert await come_back(office, forge(report)) == {"ignored": 1}
    assert await office.states() == {"ada@example.org": State.ACCEPTED}
    assert not await office.newsletter.subscribers.load_suppressed([EmailAddress("ada@example.org")])


async def test_our_message_id_names_a_mail_as_well(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    message_id = message_from_bytes(office.sink.messages[0].content)["Message-ID"]
    report = make_delivery_report("Final-Recipient: rfc822; ada@example.org", *GONE)

    done = await come_back(office, report.replace(b"<original@news.example.org>", message_id.encode()))

    assert done == {"suppressed": 1}


async def test_a_complaint_ends_the_subscription(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    message_id = message_from_bytes(office.sink.messages[0].content)["Message-ID"]

    await come_back(
        office,
        (
            "From: feedback@example.org\nSubject: complaint\n"
            'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n'
            "\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
            f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {message_id}\n\nPapers\n--b--\n"
        ).encode(),
    )

    reader = await office.newsletter.subscribers.load(EmailAddress("ada@example.org"))
    assert reader is not None
    assert (reader.consent, reader.file_owned) == (Consent.LEFT, True)


@pytest.mark.parametrize("form", ["{}", "Re: {}", "{} please", "UNSUBSCRIBE {}"])
async def test_the_leave_link_of_a_mail_ends_its_readers_subscription(office: Office, form: str) -> None:
    """The subject is read from the mail that went out, as the reader's mail program would take it from there."""
    await given_sent(office, "ada@example.org", "bo@example.org")
    mail = next(one for one in office.sink.messages if one.rcpt_to == "ada@example.org")
    link = message_from_bytes(mail.content)["List-Unsubscribe"].strip("<>")
    (subject,) = parse_qs(urlsplit(link).query)["subject"]
    wish = form.format(subject) if "UNSUB" not in form else form.format(subject.split()[1].upper())
    leave = make_mail("From: ada@home.example.net", "To: leave@news.example.org", f"Subject: {wish}")

    assert await come_back(office, leave, leave) == {"left": 1, "already known": 1}

    store = office.newsletter.subscribers
    ada, bo = [await store.load(EmailAddress(f"{name}@example.org")) for name in ("ada", "bo")]
    assert ada is not None
    assert bo is not None
    assert (ada.consent, ada.file_owned) == (Consent.LEFT, True)
    assert bo.consent is Consent.CONFIRMED
    office.clock.at += timedelta(days=1)
    await office.collect()
    await office.send()
    assert "ada@example.org" not in await office.states("2026-06-17")


async def test_nobody_can_leave_for_somebody_else(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    reader = await office.newsletter.subscribers.load(EmailAddress("ada@example.org"))
    assert reader is not None
    token = build_token(Purpose.LEAVE, reader.id, await office.newsletter.settings.load_secret())
    forged = [
        "unsubscribe",
        "unsubscribe ada@example.org",
        f"unsubscribe {token[:-1]}",
        f"unsubscribe {build_token(Purpose.LEAVE, reader.id, Secret(b'x' * 32))}",
        f"unsubscribe {'b' + token[1:] if token[0] != 'b' else 'c' + token[1:]}",
    ]

    done = await come_back(
        office, *(make_mail("From: ada@example.org", f"Subject: {subject}") for subject in forged)
    )

    assert done == {ANSWERED: 1, UNPROVEN: len(forged) - 1}
    reader = await office.newsletter.subscribers.load(EmailAddress("ada@example.org"))
    assert reader is not None
    assert reader.consent is Consent.CONFIRMED


async def test_a_vacation_does_no_harm(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    message_id = message_from_bytes(office.sink.messages[0].content)["Message-ID"]
    away = make_mail(
        "From: ada@example.org",
        "Subject: Out of office",
        "Auto-Submitted: auto-replied",
        f"In-Reply-To: {message_id}",
    )

    assert await come_back(office, away) == {"noted": 1}
    assert await office.states() == {"ada@example.org": State.ACCEPTED}


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        (("Action: delivered", "Status: 2.0.0"), State.ACCEPTED),
        (("Action: delayed", "Status: 4.4.1"), State.ACCEPTED),
        (GONE, State.REJECTED),
    ],
)
async def test_a_report_settles_an_uncertain_mail(
    office: Office, fields: tuple[str, ...], state: State
) -> None:
    await office.join("dropafterdot-ada@example.org")
    await office.collect()
    office.clock.at = MORNING
    await office.send()
    assert await office.states() == {"dropafterdot-ada@example.org": State.UNCERTAIN}

    await come_back(office, await report_on(office, "dropafterdot-ada@example.org", *fields))

    assert await office.states() == {"dropafterdot-ada@example.org": state}


ODD = "Diagnostic-Code: smtp; 550 the frobnicator says no"


async def fail_daily(office: Office, address: str, said: str, days: int) -> list[dict[str, int]]:
    """Send this reader a digest on so many days, and let a report about each come back."""
    done = []
    await office.join(address)
    for day in range(days):
        await office.collect()
        office.clock.at = MORNING + timedelta(days=day)
        await office.send()
        mail = office.sink.messages[-1]
        message_id = message_from_bytes(mail.content)["Message-ID"]
        report = make_delivery_report(
            f"Final-Recipient: rfc822; {address}", "Action: failed", "Status: 5.0.0", said
        ).replace(b"<original@news.example.org>", message_id.encode())
        done.append(await come_back(office, report))
    return done


async def suppressed(office: Office, *addresses: str) -> set[str]:
    return set(await office.newsletter.subscribers.load_suppressed(list(map(EmailAddress, addresses))))


def test_a_return_path_holds_its_delivery_and_cannot_be_made_up() -> None:
    path = build_return_path(BOUNCES, DeliveryId(4711), SECRET)

    assert path.startswith("bounces+")
    assert find_return_path(path.upper(), SECRET) == 4711
    assert find_return_path(path, Secret(b"x" * 32)) is None
    assert find_return_path(path.replace("+1267", "+1268"), SECRET) is None
    assert find_return_path(BOUNCES, SECRET) is None
    local, _, domain = path.partition("@")
    for wrapped in (f"prvs=0412ab34cd={path}", f"SRS0=Hq7z=K4={domain}={local}@relay.example.org"):
        assert find_return_path(f"To: <{wrapped}>", SECRET) == 4711
    assert len(path.partition("@")[0]) <= 64


async def test_each_mail_goes_out_under_its_own_return_path(office: Office) -> None:
    await office.join("ada@example.org", "bo@example.org")
    await office.collect()
    office.clock.at = MORNING
    newsletter = office.newsletter
    await newsletter.planner.plan_due()
    async with newsletter.sender(asyncio.Event()) as sender:
        tagged = replace(sender, return_path=lambda delivery: build_return_path(BOUNCES, delivery, SECRET))
        await tagged.send_pending()

    rows = await office.rows()
    named = {one.rcpt_to: find_return_path(one.mail_from, SECRET) for one in office.sink.messages}
    assert named == {address: row.id for address, row in rows.items()}


async def test_doubtful_failures_end_mail_to_an_address_on_the_fifth_day(office: Office) -> None:
    done = await fail_daily(office, "ada@example.org", ODD, days=5)

    assert done == [{"counted": 1}] * 4 + [{"suppressed": 1}]
    assert await suppressed(office, "ada@example.org")


@pytest.mark.parametrize(
    "said",
    [
        "Diagnostic-Code: smtp; 552 5.2.2 mailbox full",
        "Diagnostic-Code: smtp; 550 5.1.8 Sender address rejected: Domain not found",
        "Diagnostic-Code: smtp; 554 5.7.1 content of the message rejected",
    ],
)
async def test_a_full_mailbox_and_what_is_about_us_or_the_mail_never_end_mail_to_an_address(
    office: Office, said: str
) -> None:
    done = await fail_daily(office, "ada@example.org", said, days=7)

    assert "suppressed" not in str(done)
    assert not await suppressed(office, "ada@example.org")


async def test_six_reports_about_one_mail_are_one_strike(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    report = await report_on(office, "ada@example.org", "Action: failed", "Status: 5.0.0", ODD)

    for day in range(6):
        office.clock.at = MORNING + timedelta(days=day)
        assert await come_back(office, report + b"\ncopy %d\n" % day) == {"counted": 1}

    assert not await suppressed(office, "ada@example.org")


async def test_a_day_on_which_many_fail_is_no_strike(office: Office) -> None:
    readers = [f"r{n}@example.org" for n in range(4)]
    await office.join(*readers)
    for day in range(8):
        await office.collect()
        office.clock.at = MORNING + timedelta(days=day)
        before = len(office.sink.messages)
        await office.send()
        for mail in office.sink.messages[before:]:
            message_id = message_from_bytes(mail.content)["Message-ID"]
            fields = (f"Final-Recipient: rfc822; {mail.rcpt_to}", "Action: failed", "Status: 5.0.0", ODD)
            report = make_delivery_report(*fields)
            await come_back(office, report.replace(b"<original@news.example.org>", message_id.encode()))

    assert not await suppressed(office, *readers)


# --- letters ------------------------------------------------------------------------------


async def consent_of(office: Office, address: str) -> Consent:
    reader = await office.newsletter.subscribers.load(EmailAddress(address))
    assert reader is not None
    return reader.consent


@pytest.mark.parametrize(
    "subject",
    ["[EXTERNAL] unsubscribe {}", "***SPAM*** {}", "unsubscribe%20{}", '"unsubscribe+{}"', "WG: {} bitte"],
)
async def test_the_leave_token_counts_wherever_it_stands_in_the_subject(office: Office, subject: str) -> None:
    await given_sent(office, "ada@example.org")
    reader = await office.newsletter.subscribers.load(EmailAddress("ada@example.org"))
    assert reader
    token = build_token(Purpose.LEAVE, reader.id, await office.newsletter.settings.load_secret())

    done = await come_back(office, make_mail("From: x@example.net", f"Subject: {subject.format(token)}"))

    assert done == {"left": 1}


@pytest.mark.parametrize(
    "words", ["STOP", "Please unsubscribe me.", "Bitte abmelden", "Désinscription", "退订"]
)
async def test_a_reply_to_our_mail_that_only_says_so_is_the_wish_to_leave(office: Office, words: str) -> None:
    await given_sent(office, "ada@example.org")
    message_id = message_from_bytes(office.sink.messages[0].content)["Message-ID"]
    reply = make_mail(
        "From: ada@example.org",
        "Subject: Re: Papers",
        f"In-Reply-To: {message_id}",
        "Content-Type: text/plain; charset=utf-8",
        text=f"{words}\n\nOn Monday Papers wrote:\n> a paper",
    )

    assert await come_back(office, reply) == {"left": 1}
    assert await consent_of(office, "ada@example.org") is Consent.LEFT


async def test_who_asks_without_proof_is_answered_once_a_week_at_the_readers_address_alone(
    office: Office,
) -> None:
    await given_sent(office, "ada@example.org")
    before = len(office.sink.messages)

    def ask(n: int, who: str) -> bytes:
        return make_mail(f"From: Somebody <{who}>", "Subject: unsubscribe", text=f"letter {n}")

    assert await come_back(office, ask(1, "Ada@example.org")) == {ANSWERED: 1}
    office.clock.at += timedelta(days=6)
    assert await come_back(office, ask(2, "ada@example.org"), ask(3, "bo@example.org")) == {UNPROVEN: 2}
    await office.send()
    office.clock.at += timedelta(days=2)
    assert await come_back(office, ask(4, "ada@example.org")) == {ANSWERED: 1}
    await office.send()

    letters = [one for one in office.sink.messages[before:] if b"Unsubscribe from" in one.content]
    assert [one.rcpt_to for one in letters] == ["ada@example.org"]
    assert await consent_of(office, "ada@example.org") is Consent.CONFIRMED
    health = await office.newsletter.load_health()
    assert health.wishes
    assert any(alert.key.startswith("wishes:") for alert in choose_alerts(health))


async def test_what_only_sounds_like_it_is_told_and_changes_nothing(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    message_id = message_from_bytes(office.sink.messages[0].content)["Message-ID"]
    reply = make_mail(
        "From: ada@example.org",
        "Subject: Re: Papers",
        f"In-Reply-To: {message_id}",
        text="How would I unsubscribe from one topic only? I love the rest.",
    )

    assert await come_back(office, reply) == {ANSWERED: 1}
    assert await consent_of(office, "ada@example.org") is Consent.CONFIRMED


@pytest.mark.parametrize(
    "headers",
    [
        ("Subject: Leave of absence Re: Papers", "Auto-Submitted: auto-replied"),
        ("Subject: Leave notice: back on 7 December", "X-Autoreply: yes"),
        ("Subject: Please confirm that you are a human being",),
        ("Subject: Abwesend", "Precedence: auto_reply"),
    ],
)
async def test_no_machine_unsubscribes_or_strikes_anybody(office: Office, headers: tuple[str, ...]) -> None:
    await given_sent(office, "ada@example.org")
    message_id = message_from_bytes(office.sink.messages[0].content)["Message-ID"]

    mail = make_mail("From: ada@example.org", f"In-Reply-To: {message_id}", *headers, text="I am on leave.")

    assert await come_back(office, mail) == {"noted": 1}
    assert await consent_of(office, "ada@example.org") is Consent.CONFIRMED


async def test_a_complaint_without_a_message_id_is_known_by_any_other_token(office: Office) -> None:
    await given_sent(office, "ada@example.org", "bo@example.org")
    secret = await office.newsletter.settings.load_secret()
    path = build_return_path(BOUNCES, (await office.rows())["ada@example.org"].id, secret)
    bo = await office.newsletter.subscribers.load(EmailAddress("bo@example.org"))
    assert bo
    link = (
        f"<mailto:leave@news.example.org?subject=unsubscribe%20{build_token(Purpose.LEAVE, bo.id, secret)}>"
    )
    complaint = (
        "From: feedback@example.org\nSubject: complaint\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n'
        "\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n{}\n"
        "--b\nContent-Type: message/rfc822\n\nMessage-ID: <redacted@example.org>\n{}\n\nPapers\n--b--\n"
    )

    await come_back(office, complaint.format(f"Original-Mail-From: <{path}>", "X: y").encode())
    await come_back(office, complaint.format("Version: 1", f"List-Unsubscribe: {link}").encode())

    assert await consent_of(office, "ada@example.org") is Consent.LEFT
    assert await consent_of(office, "bo@example.org") is Consent.LEFT


# --- what cannot be handled ---------------------------------------------------------------


async def leave_mail_of(office: Office) -> bytes:
    """The mail that the leave link of ada@example.org writes."""
    reader = await office.newsletter.subscribers.load(EmailAddress("ada@example.org"))
    assert reader
    token = build_token(Purpose.LEAVE, reader.id, await office.newsletter.settings.load_secret())
    return make_mail("From: ada@example.org", "To: leave@news.example.org", f"Subject: unsubscribe {token}")


def nest(depth: int) -> bytes:
    """A mail within a mail within a mail."""
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: the innermost\r\n\r\n"


POISON = {
    "nested deeply": nest(5000),
    "a multipart without a boundary, in 8 bits": b"Content-Type: multipart/mixed\r\n\r\nHei\xdfe Ware\r\n",
    "a boundary that never occurs": b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--y\r\n\xfc\xfc\r\n--y--\r\n',
    "odd headers": b"Subject: =?x-unknown?b?/////?= \xff\xfe\r\nFrom: \xed\xa0\x80\r\nTo: \0\r\n\r\n",
    "nothing at all": b"",
    "no header": b"\r\n\r\n\r\n",
    "zeros": b"\0" * 4096,
    "a NUL in a Message-ID": make_mail(
        "From: mailer-daemon@mx.example.net",
        "Subject: failure notice",
        text="ada@example.org is unknown\r\nMessage-ID: <ab\0cd@x.example.org>\r\n",
    ),
    "a surrogate in a Message-ID": make_mail(
        "From: mailer-daemon@mx.example.net",
        "Subject: failure notice",
        text="ada@example.org is unknown\r\nMessage-ID: <ab@x.example.org>\r\n",
    ).replace(b"<ab@", b"<ab\xed\xa0\x80\xff@"),
}


@pytest.mark.parametrize("what", POISON)
async def test_no_mail_hides_the_wish_to_leave_behind_it(office: Office, what: str) -> None:
    await given_sent(office, "ada@example.org")

    done = await come_back(office, POISON[what], await leave_mail_of(office))

    assert done.get("left") == 1, done
    assert sum(done.values()) == 2


async def test_what_cannot_be_handled_is_set_aside_once_and_told(office: Office) -> None:
    done = await come_back(office, nest(5000), nest(5001))

    assert done == {SET_ASIDE: 2}
    folder = office.folder / "bounces" / ".set-aside" / "new"
    assert sorted(path.read_bytes() for path in folder.iterdir()) == sorted([nest(5000), nest(5001)])
    assert await come_back(office, nest(5000)) == {KNOWN: 1}
    health = await office.newsletter.load_health()
    assert health.set_aside
    assert (health.set_aside.count, health.set_aside.at) == (2, office.clock.at)
    assert "RecursionError" in health.set_aside.why
    assert [alert.key for alert in choose_alerts(health)] == [f"set-aside:{office.clock.at:%Y-%m-%d}"]


@pytest.mark.parametrize("is_refusal", [True, False])
async def test_a_value_that_the_store_refuses_is_about_the_message_and_a_store_that_is_away_is_not(
    office: Office, is_refusal: bool
) -> None:
    class OddStore(FeedbackStore):
        async def note(self, *_arguments: object) -> BounceAction | None:
            raise StoreError("no", is_refusal=is_refusal)

    folder = office.folder / "bounces"
    make_maildir(folder)
    file_message(folder, make_mail("From: ada@example.org", "Subject: hello"))
    odd = OddStore(office.newsletter.database)
    reading = handle_bounces(MaildirInbox(folder), odd, SECRET, answers(office, SECRET), office.clock)
    if is_refusal:
        assert (await reading).set_aside == 1
        assert not list((folder / "new").iterdir())
        return
    with pytest.raises(StoreError):
        await reading
    assert list((folder / "new").iterdir()), "it is read again"


async def test_a_database_refuses_a_value_without_being_away(office: Office) -> None:
    store = office.newsletter.feedback
    assert await store.note_set_aside("0" * 64, "why", MORNING)
    with pytest.raises(StoreError) as raised:
        await execute(office.newsletter.database, text("UPDATE bounces SET report_hash = NULL"))

    assert (raised.value.is_refusal, raised.value.is_passing) == (True, False)


async def test_a_maildir_that_cannot_be_written_is_told_once_and_read_all_the_same(office: Office) -> None:
    await given_sent(office, "ada@example.org")
    folder = office.folder / "bounces"
    make_maildir(folder)
    file_message(folder, make_mail("From: bo@example.org"))
    file_message(folder, await leave_mail_of(office))
    (folder / "cur").rmdir()
    (folder / "cur").touch()
    secret = await office.newsletter.settings.load_secret()

    reports = [
        await handle_bounces(
            MaildirInbox(folder), office.newsletter.feedback, secret, answers(office, secret), office.clock
        )
        for _ in range(2)
    ]

    assert dict(reports[0].done) == {"ignored": 1, "left": 1}
    assert dict(reports[1].done) == {KNOWN: 2}
    assert all("make the Maildir writable" in report.unmarked for report in reports)
