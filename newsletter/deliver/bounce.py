"""What comes back to us, bytes → Report: a failure, a complaint, an automatic answer, or nothing of these. Pure.

Standard reports are read by their fields (RFC 3464, RFC 5965, RFC 8098); for those that follow no standard the library
flufl.bounce finds the addresses. Whose fault a failure is says ``judgement``, what a letter wants ``reply_words``.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from email.message import Message

from flufl.bounce import all_failures

from newsletter.deliver.judgement import Judgement, judge
from newsletter.deliver.judgement_words import Cause
from newsletter.deliver.mail_parts import (
    explain,
    find_arrival,
    header,
    list_parts,
    list_proofs,
    own_words,
    read_blocks,
    text_of,
)
from newsletter.deliver.reply_words import (
    asks_for_proof,
    is_wish_to_leave,
    says_away,
    says_late,
    sounds_like_leaving,
)
from newsletter.deliver.webhooks.report import build_report
from newsletter.deliver.webhooks.ses import find_notification
from newsletter.logs import log
from newsletter.model.mail import Weight
from newsletter.model.reports import BounceReport, ReportedRecipient, ReportKind
from newsletter.text import clean_line, clean_text

_MOST_BYTES = 256 << 10
_LONGEST_DIAGNOSTIC = 500
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,253}[A-Za-z0-9]")
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY_CODE = re.compile(r"(?<![\d.-])([45][0-5]\d)[ -](?!\d{3}\b)")
_NOTICE_SUBJECT = re.compile(
    r"undeliver|deliver(?:y|able)?.{0,30}(?:fail|status|problem|error|unsuccess|delay|report|notif|not possible)"
    r"|(?:fail|return|reject|bounce|non.?deliver|could not|cannot|unable|not).{0,30}(?:mail|message|deliver|send)"
    r"|mail (?:system )?(?:error|failure)|failure notice|unzustellbar|nondeliverable|problem delivering",
    re.IGNORECASE,
)
_NOTICE_SENDER = re.compile(
    r"mailer-?daemon|post_?master|mail-?delivery|mail (?:delivery )?(?:sub)?system|mdaemon|mmdf|uucp",
    re.IGNORECASE,
)
_NOTICE_TEXT = re.compile(
    r"(?:could|can) ?not be delivered to|not delivered to|following (?:recipients?|address(?:es)?) (?:failed|had)"
    r"|送信できません|配信(?:でき|され)ませんでした",
    re.IGNORECASE,
)
_PERMANENT = re.compile(
    r"permanent(?:ly)? (?:fatal )?(?:delivery )?(?:error|fail|undeliver|reject)", re.IGNORECASE
)
_COMPLAINT_FIELD = re.compile(r"(?im)^feedback-type[ \t]*:")
_NO_COMPLAINTS = frozenset({"auth-failure", "not-spam", "dmarc"})
_MESSAGE_ID = re.compile(r"(?im)^[> ]{0,4}(?:x-)?(?:original-)?message-id[ \t]*:\s*(<[^<>\s]{3,250}>)")
_MOST_IDS = 5
_PREFIX = re.compile(r"^(?:\s|\[[^\]]{0,40}\]|[*{(][^*})]{0,30}[*})]+|[\w ]{1,9}[:：](?=\s|\S)|[\"'“„«])+")
_NAMES = re.compile(r"\S+@\S+|(?<![a-z0-9])[a-z0-9-]{16,}|%20|[+\"'”“»<>]", re.IGNORECASE)


def parse_report(message: bytes) -> BounceReport:
    """Return what a mail says about a mail of ours; kind NONE for all other mail.

    Only the first 256 kB are looked at. The standard parser has ways to fail on damaged mail that nobody has listed:
    what it raises leaves here as it is, and whoever asks sets the mail aside.
    """
    mail = email.message_from_bytes(message[:_MOST_BYTES])
    parts = list_parts(mail)
    notification = _read_notification(parts)
    if notification is not None:
        return replace(notification, proofs=list_proofs(mail))
    found = _read_receipt(parts) or _read_complaint(mail, parts) or _read_delivery_status(mail, parts)
    is_standard = found is not None
    if found is None:
        found = _read_odd_mail(mail, parts)
    kind, recipients = found
    return BounceReport(
        kind=kind,
        recipients=tuple(recipients),
        message_ids=_find_original_ids(mail, parts) if kind is not ReportKind.NONE else (),
        proofs=list_proofs(mail),
        subject=header(mail, "subject"),
        sender=_clean_address(header(mail, "from").rpartition("<")[2]),
        is_standard=is_standard,
    )


# --- standard reports ---------------------------------------------------------------------

_Found = tuple[ReportKind, Sequence[ReportedRecipient]]


def _read_notification(parts: Sequence[Message]) -> BounceReport | None:
    """Read what Amazon SES says by mail, as JSON. One that concerns nobody here is no report."""
    for part in parts:
        told = find_notification(text_of(part)) if part.get_content_type() == "text/plain" else None
        if told is not None:
            return build_report(told.events[0]) if told.events else BounceReport(ReportKind.NONE)
    return None


def _read_receipt(parts: Sequence[Message]) -> _Found | None:
    """Read a receipt (RFC 8098): whoever sends one has had the mail."""
    if any("disposition-notification" in part.get_content_type() for part in parts):
        return ReportKind.DELIVERED, ()
    return None


def _read_complaint(mail: Message, parts: Sequence[Message]) -> _Found | None:
    """Read a feedback report (RFC 5965), also where its media type is wrong, and those that Hotmail sent before.

    Reports about authentication, and "not spam", are no complaints.
    """
    is_report = "report" in mail.get_content_type()
    for part in parts:
        text = text_of(part) if not part.is_multipart() or part.get_content_maintype() == "message" else ""
        is_feedback = part.get_content_type() == "message/feedback-report"
        if not is_feedback and not (is_report and _COMPLAINT_FIELD.search(text)):
            continue
        blocks = read_blocks(text)
        fields = {name: value for block in blocks for name, value in block}
        feedback = fields.get("feedback-type", "").strip().lower()
        if feedback in _NO_COMPLAINTS:
            return ReportKind.NONE, ()
        addresses = [value for block in blocks for name, value in block if name == "original-rcpt-to"]
        return ReportKind.COMPLAINT, _list_complainers(addresses, feedback or "abuse")
    old = header(mail, "x-hmxmroriginalrecipient")
    for part in parts[1:]:
        found = re.search(r"(?im)^x-hmxmroriginalrecipient[ \t]*:[ \t]*(\S+)", _head_of(part))
        old = old or (found[1] if found else "")
    return (ReportKind.COMPLAINT, _list_complainers([old], "abuse")) if old else None


def _list_complainers(addresses: Iterable[str], feedback: str) -> list[ReportedRecipient]:
    return [
        ReportedRecipient(address, ReportKind.COMPLAINT, diagnostic=f"complaint: {feedback}")
        for address in dict.fromkeys(filter(None, map(_clean_address, addresses)))
    ]


def _head_of(part: Message) -> str:
    """Return the beginning of a returned mail, which has its headers; empty for other parts."""
    if part.get_content_type() not in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"):
        return ""
    below = part.get_payload()
    return (str(below[0]) if isinstance(below, list) and below else text_of(part))[:20_000]


def _read_delivery_status(mail: Message, parts: Sequence[Message]) -> _Found | None:
    """Read a delivery report (RFC 3464), also where its media types are wrong but its fields are there."""
    texts = [text_of(part) for part in parts if "delivery-status" in part.get_content_type()]
    if not texts and "report" in mail.get_content_type():
        texts = [text for text in map(text_of, parts) if re.search(r"(?im)^final-recipient\s*:", text)]
    explanation = explain(parts)
    ours = _find_ours(mail)
    recipients: dict[str, ReportedRecipient] = {}
    for text in texts:
        for block in read_blocks(text):
            one = _read_recipient(dict(reversed(block)), explanation, ours)
            if one is not None:
                recipients.setdefault(one.address, one)
    if not recipients:
        return None
    return _gravest(recipients.values()), list(recipients.values())


def _read_recipient(fields: dict[str, str], explanation: str, ours: str) -> ReportedRecipient | None:
    """Return what one block of a delivery report says; None where it names nobody."""
    named = [
        _clean_address(fields.get(name, "").rpartition(";")[2] or fields.get(name, ""))
        for name in ("final-recipient", "original-recipient", "x-actual-recipient")
    ]
    # Some servers name a host of theirs, which has no dot, as the final one.
    address = next((one for one in named if "." in one.rpartition("@")[2]), next(filter(None, named), ""))
    action = fields.get("action", "").split(";")[0].split("(")[0].strip().lower()
    if not any(name in fields for name in ("final-recipient", "original-recipient")):
        return None
    status_found = _STATUS.search(fields.get("status", ""))
    status = status_found[0] if status_found else ""
    # Some servers write what they were answered into the field of the code.
    said = fields.get("diagnostic-code", "") or ("" if status else fields.get("status", ""))
    diagnostic = clean_line(said, _LONGEST_DIAGNOSTIC)
    if action in ("delivered", "relayed", "expanded") or status.startswith("2."):
        return ReportedRecipient(address, ReportKind.DELIVERED, status, diagnostic)
    if action == "delayed":
        return ReportedRecipient(address, ReportKind.SOFT, status, diagnostic, is_final=False)
    status = _best_status(status, diagnostic)
    judgement = judge_report(status, diagnostic, explanation, ours, address)
    return ReportedRecipient(
        address,
        _choose_kind(status, diagnostic, judgement),
        status,
        diagnostic or explanation[:_LONGEST_DIAGNOSTIC],
        judgement.blame,
        judgement.weight,
    )


def judge_report(
    status: str, diagnostic: str, explanation: str = "", ours: str = "", theirs: str = ""
) -> Judgement:
    """Judge a failure that a report tells of.

    status is its enhanced code, diagnostic what the server said, explanation the words for people, which count only
    where the two say nothing that is known.
    """
    code = _REPLY_CODE.search(diagnostic)
    given = (code[1] if code else "", _best_status(status, diagnostic))
    said = judge(*given, diagnostic, ours, theirs)
    is_clear = diagnostic and judge("", "", diagnostic, ours, theirs).cause is not Cause.UNKNOWN
    return said if is_clear or not explanation else judge(*given, f"{diagnostic} {explanation}", ours, theirs)


def _choose_kind(status: str, diagnostic: str, judgement: Judgement) -> ReportKind:
    """Return hard or soft by the class of the code (RFC 3463 section 3.1); without one, the words decide."""
    code = _REPLY_CODE.search(diagnostic)
    if status.startswith("4.") or (code and code[1].startswith("4")):
        return ReportKind.SOFT
    is_hard = judgement.weight is Weight.GONE or status.startswith("5.") or code
    return ReportKind.HARD if is_hard else ReportKind.SOFT


def _best_status(status: str, diagnostic: str) -> str:
    """Return the most telling code: many reports say 5.0.0 where the server had said 5.1.1."""
    if status and not status.endswith(".0.0"):
        return status
    found = _STATUS.search(diagnostic)
    if found and (not status or found[1] == status[0]):
        return found[0]
    return status


# --- mail that follows no standard --------------------------------------------------------


def _read_odd_mail(mail: Message, parts: Sequence[Message]) -> _Found:
    """Return what a mail without a report (RFC 3464) tells: its words are judged as those of a report are."""
    temporary, permanent = _ask_library(mail)
    explanation = explain(parts)
    if not (temporary or permanent or _is_notice(mail) or _NOTICE_TEXT.search(explanation)):
        return _read_letter(mail, parts), ()
    if (_is_auto_reply(mail) and not permanent) or _is_challenge(mail, explanation):
        return ReportKind.AUTO_REPLY, ()
    addresses = permanent or temporary or _find_failed_addresses(mail, explanation)
    found = _STATUS.search(explanation)
    status = found[0] if found else ""
    theirs = addresses[0] if len(addresses) == 1 else ""
    judgement = judge("", status, explanation, _find_ours(mail), theirs)
    if not addresses and judgement.cause in (Cause.UNKNOWN, Cause.POLICY):
        return ReportKind.NONE, ()
    is_late = says_late(explanation) and judgement.weight is not Weight.GONE
    kind = _choose_odd_failure(status, explanation, permanent, temporary, judgement)
    recipients = [
        ReportedRecipient(
            address,
            ReportKind.SOFT if address in temporary and address not in permanent else kind,
            status,
            explanation[:_LONGEST_DIAGNOSTIC],
            judgement.blame,
            judgement.weight if address not in temporary else Weight.NONE,
            is_final=address not in temporary and not is_late,
        )
        for address in addresses
    ]
    return (_gravest(recipients) if recipients else kind), recipients


def _read_letter(mail: Message, parts: Sequence[Message]) -> ReportKind:
    """Read what no server wrote: an automatic answer, somebody who wants to leave, or a letter that is none of it."""
    subject = _NAMES.sub(" ", _PREFIX.sub("", header(mail, "subject"))).strip()
    if _is_auto_reply(mail) or _is_challenge(mail, own_words(parts)):
        # Mail programs that unsubscribe for somebody say that they are no people.
        is_wish = is_wish_to_leave(subject) and sounds_like_leaving(subject) and not says_away(subject)
        return ReportKind.UNSUBSCRIBE if is_wish else ReportKind.AUTO_REPLY
    words = _NAMES.sub(" ", own_words(parts)).strip()
    if is_wish_to_leave(subject) or is_wish_to_leave(words):
        return ReportKind.UNSUBSCRIBE
    sounds = sounds_like_leaving(subject) or sounds_like_leaving(words)
    return ReportKind.WISH if sounds else ReportKind.NONE


def _choose_odd_failure(
    status: str, explanation: str, permanent: Sequence[str], temporary: Sequence[str], judgement: Judgement
) -> ReportKind:
    if (temporary and not permanent) or status.startswith("4."):
        return ReportKind.SOFT
    if judgement.cause in (Cause.GONE, Cause.NO_HOST) or status in _HARD_STATUSES:
        return ReportKind.HARD
    if judgement.cause is not Cause.UNKNOWN and not permanent:
        return ReportKind.SOFT
    return ReportKind.HARD if permanent or _PERMANENT.search(explanation) else ReportKind.SOFT


_HARD_STATUSES = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})


def _ask_library(mail: Message) -> tuple[list[str], list[str]]:
    """Return whom flufl.bounce finds to have failed temporarily and permanently."""
    try:
        temporary, permanent = all_failures(mail)
    except Exception as error:
        log.info("flufl.bounce could not read a mail", error=repr(error))
        return [], []
    return _clean_all(temporary), _clean_all(permanent)


def _clean_all(addresses: Iterable[bytes | str]) -> list[str]:
    texts = (one.decode("ascii", "replace") if isinstance(one, bytes) else one for one in addresses)
    return sorted({cleaned for cleaned in map(_clean_address, texts) if cleaned})


def _is_notice(mail: Message) -> bool:
    """Tell whether a mail looks like one that a mail server wrote."""
    subject = header(mail, "subject")
    path = header(mail, "return-path").strip()
    from_server = _NOTICE_SENDER.search(header(mail, "from")) is not None
    return bool(from_server or (path == "<>" and _NOTICE_SUBJECT.search(subject))) or (
        _NOTICE_SUBJECT.search(subject) is not None and mail["x-failed-recipients"] is not None
    )


def _is_auto_reply(mail: Message) -> bool:
    """Tell whether a mail says that it was written by a machine in answer to ours (RFC 3834)."""
    submitted = header(mail, "auto-submitted").split(";")[0].strip().lower()
    if submitted in ("auto-replied", "auto-generated") and not _NOTICE_SENDER.search(header(mail, "from")):
        return submitted == "auto-replied" or says_away(header(mail, "subject"))
    if _NOTICE_SENDER.search(header(mail, "from")):
        return submitted == "auto-replied" and says_away(header(mail, "subject"))
    if header(mail, "precedence").strip().lower() == "auto_reply":
        return True
    if any(mail[name] is not None for name in ("x-autoreply", "x-autorespond", "x-auto-response")):
        return True
    return says_away(header(mail, "subject"))


def _is_challenge(mail: Message, text: str) -> bool:
    """Tell whether a machine asks us to prove that we are a person: our mail lies there, and has not failed."""
    return asks_for_proof(header(mail, "subject")) or asks_for_proof(text[:1000])


def _find_failed_addresses(mail: Message, explanation: str) -> list[str]:
    """Return the addresses that a notice names as failed, but for those that it comes from or goes to."""
    failed = header(mail, "x-failed-recipients")
    if failed:
        return _clean_all(failed.split(","))
    own = {
        one.lower()
        for name in ("from", "to", "cc", "reply-to")
        for one in _ADDRESS.findall(header(mail, name))
    }
    named = (one.lower() for one in _ADDRESS.findall(explanation))
    return [one for one in dict.fromkeys(named) if one not in own and not _NOTICE_SENDER.search(one)][:5]


def _clean_address(text: str) -> str:
    """Return the first address in a text, in lower case; empty where there is none."""
    text = text.strip().strip("<>").strip()
    found = _ADDRESS.search(text)
    return found[0].strip(".'").lower() if found else ""


def _find_ours(mail: Message) -> str:
    """Return the address at which a report arrived: we had sent from it, or from another one of its domain."""
    return next((one for one in map(_clean_address, find_arrival(mail)) if one), "")


def _find_original_ids(mail: Message, parts: Sequence[Message]) -> tuple[str, ...]:
    """Return what may be the Message-ID of the mail that a report is about, the likeliest first: from its returned
    headers, from its own fields, or what it answers."""
    found: list[str] = []
    for part in parts[1:]:
        found += _MESSAGE_ID.findall(_head_of(part))[:1]
    text = "\n".join(text_of(part) for part in parts if part.get_content_maintype() != "multipart")
    found += _MESSAGE_ID.findall(text[:100_000])
    found += re.findall(r"<[^<>\s]{3,250}>", header(mail, "in-reply-to"))
    return tuple(dict.fromkeys(clean_text(one) for one in found))[:_MOST_IDS]


def _gravest(recipients: Iterable[ReportedRecipient]) -> ReportKind:
    kinds = {one.kind for one in recipients}
    return next(kind for kind in ReportKind if kind in kinds)
