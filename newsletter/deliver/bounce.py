"""What comes back to us, bytes → Report: a failure, a complaint, an automatic answer, or nothing of these. Pure.

Standard reports are read by their fields (RFC 3464, RFC 5965); for those that follow no standard the library
flufl.bounce finds the addresses, and ``bounce_words`` says what the words mean.
"""

from __future__ import annotations

import contextlib
import email
import re
from collections.abc import Iterable, Iterator, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

import structlog
from flufl.bounce import all_failures

from newsletter.deliver.bounce_words import says_away, says_gone, says_passing
from newsletter.model.reports import Report, ReportedRecipient, ReportKind
from newsletter.text import clean_line, clean_text

log = structlog.get_logger()

_MOST_BYTES = 256 << 10
_MOST_PARTS = 100
_LONGEST_DIAGNOSTIC = 500
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,253}[A-Za-z0-9]")
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY_CODE = re.compile(r"(?<![\d.-])([45][0-5]\d)[ -](?!\d{3}\b)")
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)$")
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
_LEAVE = re.compile(r"\s*(?:re:\s*)?(?:unsubscribe|leave|remove me|abmelden|désinscription)\b", re.IGNORECASE)
_ORIGINAL = re.compile(
    r"^.{0,12}(?:original message|unsent message|returned message|message header|copy of (?:the|your) message"
    r"|your message (?:follows|reads)|below this line|-+ ?(?:included|transcript) )",
    re.IGNORECASE,
)
_HARD_STATUSES = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})
_PERSONAL_CODES = frozenset({"550", "551", "553"})


def parse_report(message: bytes) -> Report:
    """Return what a mail says about a mail of ours; kind NONE for all other mail.

    Only the first 256 kB are looked at. The standard parser has ways to fail on damaged mail that nobody has listed:
    what it raises leaves here as it is, and whoever asks sets the mail aside.
    """
    mail = email.message_from_bytes(message[:_MOST_BYTES])
    parts = _list_parts(mail)
    found = _read_complaint(parts) or _read_delivery_status(mail, parts)
    is_standard = found is not None
    if found is None:
        found = _read_odd_mail(mail, parts)
    kind, recipients = found
    return Report(
        kind=kind,
        recipients=tuple(recipients),
        message_id=_find_original_id(mail, parts) if kind is not ReportKind.NONE else "",
        returned_to=tuple(_find_addressees(mail)),
        subject=_header(mail, "subject"),
        is_standard=is_standard,
    )


# --- standard reports ---------------------------------------------------------------------

_Found = tuple[ReportKind, Sequence[ReportedRecipient]]


def _read_complaint(parts: Sequence[Message]) -> _Found | None:
    """Read a feedback report (RFC 5965). Those about authentication, and "not spam", are no complaints."""
    for part in parts:
        if part.get_content_type() != "message/feedback-report":
            continue
        blocks = _read_blocks(_text_of(part))
        fields = {name: value for block in blocks for name, value in block}
        feedback = fields.get("feedback-type", "").strip().lower()
        if feedback in ("auth-failure", "not-spam", "dmarc"):
            return ReportKind.NONE, ()
        addresses = [value for block in blocks for name, value in block if name == "original-rcpt-to"]
        recipients = [
            ReportedRecipient(address, ReportKind.COMPLAINT, diagnostic=f"complaint: {feedback or 'abuse'}")
            for address in dict.fromkeys(filter(None, map(_clean_address, addresses)))
        ]
        return ReportKind.COMPLAINT, recipients
    return None


def _read_delivery_status(mail: Message, parts: Sequence[Message]) -> _Found | None:
    """Read a delivery report (RFC 3464), also where its media types are wrong but its fields are there."""
    texts = [_text_of(part) for part in parts if "delivery-status" in part.get_content_type()]
    if not texts and "report" in mail.get_content_type():
        texts = [text for text in map(_text_of, parts) if re.search(r"(?im)^final-recipient\s*:", text)]
    explanation = _explain(parts)
    recipients: dict[str, ReportedRecipient] = {}
    for text in texts:
        for block in _read_blocks(text):
            one = _read_recipient(dict(reversed(block)), explanation)
            if one is not None:
                recipients.setdefault(one.address, one)
    if not recipients:
        return None
    return _gravest(recipients.values()), list(recipients.values())


def _read_recipient(fields: dict[str, str], explanation: str) -> ReportedRecipient | None:
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
    diagnostic = clean_line(fields.get("diagnostic-code", ""), _LONGEST_DIAGNOSTIC)
    if action in ("delivered", "relayed", "expanded") or status.startswith("2."):
        return ReportedRecipient(address, ReportKind.DELIVERED, status, diagnostic)
    if action == "delayed":
        return ReportedRecipient(address, ReportKind.SOFT, status, diagnostic, is_final=False)
    is_bad = blames_address(status, diagnostic, explanation)
    status = _best_status(status, diagnostic)
    return ReportedRecipient(
        address,
        _choose_kind(status, diagnostic, is_bad),
        status,
        diagnostic or explanation[:_LONGEST_DIAGNOSTIC],
        is_bad,
    )


def _choose_kind(status: str, diagnostic: str, is_bad: bool) -> ReportKind:
    """Return hard or soft by the class of the code (RFC 3463 section 3.1); without one, the words decide."""
    if status.startswith("4.") or ((code := _REPLY_CODE.search(diagnostic)) and code[1].startswith("4")):
        return ReportKind.SOFT
    return ReportKind.HARD if is_bad or status.startswith("5.") else ReportKind.SOFT


def blames_address(status: str, diagnostic: str, explanation: str = "") -> bool:
    """Decide whether a failure means that the address is bad.

    status is the enhanced code of the report, diagnostic what the server said, explanation the words for people,
    which count only where the two say nothing. A 4.y.z never blames it, nor does anything that speaks of a full
    mailbox, of policy, of content or of time. A permanent failure (5.y.z: "not likely to be resolved by resending
    the message", RFC 3463) that gives no such reason does.
    """
    status = _best_status(status, diagnostic)
    if status.startswith("4."):
        return False
    said = diagnostic if says_gone(diagnostic) or says_passing(diagnostic) else f"{diagnostic} {explanation}"
    if status in _HARD_STATUSES and not _is_only_passing(diagnostic):
        return True
    if status in ("5.2.2", "5.2.3", "5.3.4") or status.startswith(("5.7.", "5.6.", "5.4.7")):
        return says_gone(diagnostic) and not says_passing(diagnostic)
    if _is_only_passing(said):
        return False
    if says_gone(said):
        return True
    code = _REPLY_CODE.search(diagnostic)
    if code and not status:
        return code[1] in _PERSONAL_CODES
    return status.startswith("5.")


def _is_only_passing(text: str) -> bool:
    return says_passing(text) and not says_gone(text)


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
    if any("disposition-notification" in part.get_content_type() for part in parts):
        return ReportKind.NONE, ()
    temporary, permanent = _ask_library(mail)
    explanation = _explain(parts)
    if not (temporary or permanent or _is_notice(mail) or _NOTICE_TEXT.search(explanation)):
        if _LEAVE.match(_header(mail, "subject")):
            return ReportKind.UNSUBSCRIBE, ()
        return (ReportKind.AUTO_REPLY if _is_auto_reply(mail) else ReportKind.NONE), ()
    if _is_auto_reply(mail) and not permanent:
        return ReportKind.AUTO_REPLY, ()
    addresses = permanent or temporary or _find_failed_addresses(mail, explanation)
    if not addresses and not (says_gone(explanation) or says_passing(explanation)):
        return ReportKind.NONE, ()
    status = _STATUS.search(explanation)
    code = status[0] if status else ""
    kind = _choose_odd_failure(code, explanation, permanent, temporary)
    recipients = [
        ReportedRecipient(
            address,
            ReportKind.SOFT if address in temporary and address not in permanent else kind,
            code,
            explanation[:_LONGEST_DIAGNOSTIC],
            is_bad_address=kind is ReportKind.HARD and address not in temporary,
            is_final=address not in temporary,
        )
        for address in addresses
    ]
    return (_gravest(recipients) if recipients else kind), recipients


def _choose_odd_failure(
    status: str, explanation: str, permanent: Sequence[str], temporary: Sequence[str]
) -> ReportKind:
    if (temporary and not permanent) or status.startswith("4."):
        return ReportKind.SOFT
    if status in _HARD_STATUSES or says_gone(explanation):
        return ReportKind.HARD
    if says_passing(explanation):
        return ReportKind.SOFT
    is_permanent = permanent or _PERMANENT.search(explanation)
    return ReportKind.HARD if is_permanent else ReportKind.SOFT


def _ask_library(mail: Message) -> tuple[list[str], list[str]]:
    """Return whom flufl.bounce finds to have failed for now and for good."""
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
    subject = _header(mail, "subject")
    path = _header(mail, "return-path").strip()
    from_server = _NOTICE_SENDER.search(_header(mail, "from")) is not None
    return bool(from_server or (path == "<>" and _NOTICE_SUBJECT.search(subject))) or (
        _NOTICE_SUBJECT.search(subject) is not None and mail["x-failed-recipients"] is not None
    )


def _is_auto_reply(mail: Message) -> bool:
    """Tell whether a mail says that it was written by a machine in answer to ours (RFC 3834)."""
    submitted = _header(mail, "auto-submitted").split(";")[0].strip().lower()
    if submitted in ("auto-replied", "auto-generated") and not _NOTICE_SENDER.search(_header(mail, "from")):
        return submitted == "auto-replied" or says_away(_header(mail, "subject"))
    if _NOTICE_SENDER.search(_header(mail, "from")):
        return submitted == "auto-replied" and says_away(_header(mail, "subject"))
    if _header(mail, "precedence").strip().lower() == "auto_reply":
        return True
    if any(mail[name] is not None for name in ("x-autoreply", "x-autorespond", "x-auto-response")):
        return True
    return says_away(_header(mail, "subject"))


def _find_failed_addresses(mail: Message, explanation: str) -> list[str]:
    """Return the addresses that a notice names as failed, but for those that it comes from or goes to."""
    failed = _header(mail, "x-failed-recipients")
    if failed:
        return _clean_all(failed.split(","))
    own = {
        one.lower()
        for name in ("from", "to", "cc", "reply-to")
        for one in _ADDRESS.findall(_header(mail, name))
    }
    named = (one.lower() for one in _ADDRESS.findall(explanation))
    return [one for one in dict.fromkeys(named) if one not in own and not _NOTICE_SENDER.search(one)][:5]


# --- pieces of mail -----------------------------------------------------------------------


def _list_parts(mail: Message) -> list[Message]:
    """Return the mail and its parts; what lies inside of a returned mail is left out."""
    found: list[Message] = []

    def walk(part: Message, depth: int) -> None:
        if len(found) >= _MOST_PARTS or depth > 10:
            return
        found.append(part)
        below = part.get_payload()
        kind = part.get_content_type()
        if isinstance(below, list) and (
            part.get_content_maintype() == "multipart" or "delivery-status" in kind
        ):
            for one in below:
                if isinstance(one, Message) and "delivery-status" not in kind:
                    walk(one, depth + 1)

    walk(mail, 0)
    return found


def _text_of(part: Message) -> str:
    """Return the text of a part, whatever its media type. A part that was parsed into blocks is written again."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return "\n".join(str(one) for one in payload) if part.get_content_maintype() == "message" else ""
    decoded = part.get_payload(decode=True)
    raw = decoded if isinstance(decoded, bytes) else str(payload).encode("utf-8", "surrogateescape")
    charset = part.get_content_charset("utf-8")
    try:
        return raw.decode(charset, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _explain(parts: Sequence[Message]) -> str:
    """Return the words for people, on one line, up to where the returned mail begins."""
    found = ""
    for part in parts:
        kind = part.get_content_type()
        if part.is_multipart() or (
            kind not in ("text/plain", "text/html") and part.get_content_maintype() != "text"
        ):
            continue
        text = _text_of(part)
        if kind == "text/html":
            text = re.sub(r"<[^>]{0,1000}>", " ", text)
        lines: list[str] = []
        for line in text.splitlines()[:200]:
            if lines and (
                _ORIGINAL.match(line)
                or re.match(r"(?i)(?:received|return-path|message-id|mime-version):", line)
            ):
                break
            lines.append(line)
        found = clean_line(f"{found} {' '.join(lines)}", 4000)
    return found


def _read_blocks(text: str) -> list[list[tuple[str, str]]]:
    """Return the blocks of fields that empty lines divide; names in lower case, folded lines joined."""
    blocks: list[list[tuple[str, str]]] = [[]]
    for line in text.splitlines()[:2000]:
        field = _FIELD.match(line)
        if not line.strip():
            if blocks[-1]:
                blocks.append([])
        elif line[0] in " \t" and blocks[-1]:
            name, value = blocks[-1][-1]
            blocks[-1][-1] = (name, f"{value} {line.strip()}")
        elif field:
            name = field[1].lower()
            if name == "final-recipient" and any(known == name for known, _ in blocks[-1]):
                blocks.append([])  # the empty line is missing
            blocks[-1].append((name, field[2].strip()))
    return [block for block in blocks if block]


def _clean_address(text: str) -> str:
    """Return the first address in a text, in lower case; empty where there is none."""
    text = text.strip().strip("<>").strip()
    found = _ADDRESS.search(text)
    return found[0].strip(".'").lower() if found else ""


def _find_addressees(mail: Message) -> Iterator[str]:
    for name in ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to"):
        for value in mail.get_all(name, []):
            yield from (one.lower() for one in _ADDRESS.findall(str(value))[:5])


def _find_original_id(mail: Message, parts: Sequence[Message]) -> str:
    """Return the Message-ID of the mail that a report is about: from its returned headers, or what it answers."""
    for part in parts[1:]:
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"):
            below = part.get_payload()
            text = str(below[0]) if isinstance(below, list) and below else _text_of(part)
            found = re.search(r"(?im)^message-id[ \t]*:\s*(<[^<>\s]{3,250}>)", text[:20_000])
            if found:
                return clean_text(found[1])
    text = "\n".join(_text_of(part) for part in parts if not part.is_multipart())
    found = re.search(r"(?im)^[> ]{0,4}message-id[ \t]*:\s*(<[^<>\s]{3,250}>)", text[:100_000])
    if found:
        return clean_text(found[1])
    answered = re.search(r"<[^<>\s]{3,250}>", _header(mail, "in-reply-to"))
    return answered[0] if answered else ""


def _header(mail: Message, name: str) -> str:
    """Return a header in plain words, on one line; empty where there is none."""
    raw = str(mail.get(name, "")).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if "=?" in raw:
        with contextlib.suppress(LookupError, ValueError, HeaderParseError):
            raw = str(make_header(decode_header(raw)))
    return clean_line(raw, 2000)


def _gravest(recipients: Iterable[ReportedRecipient]) -> ReportKind:
    kinds = {one.kind for one in recipients}
    return next(kind for kind in ReportKind if kind in kinds)
