"""A mail of somebody else's, taken apart: its parts, their texts in plain words, and where a token may stand. Pure.

Whatever is damaged is read as far as it goes: a wrong charset, base64 where none is allowed, headers in 8 bits.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import quopri
import re
from collections.abc import Iterator, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from newsletter.text import clean_line

_MOST_PARTS = 100
_MOST_PROOF_CHARS = 200_000
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)$")
_TAG = re.compile(r"<[^>]{0,1000}>")
_BREAK = re.compile(r"(?i)<(?:br|/p|/div|/tr|/h\d)\b[^>]{0,200}>")
_ORIGINAL = re.compile(
    r"^.{0,12}(?:original message|unsent message|returned message|message header|copy of (?:the|your) message"
    r"|your message (?:follows|reads)|below this line|-+ ?(?:included|transcript) )"
    r"|^(?:received|return-path|message-id|mime-version):",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"^\s*>|^-{3,}|^_{5,}|^-- $|^(?:from|von|de|da|van|från|fra|od|от|发件人|差出人|寄件者) ?: "
    r"|sent from my |gesendet von |envoyé de "
    r"|(?:wrote|writes|schrieb|a écrit|escribió|escreveu|ha scritto|schreef|skrev"
    r"|kirjoitti|napisał|пишет|написал|写道)[^:：]{0,40}[:：]\s*$",
    re.IGNORECASE,
)
_ARRIVED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc")

Fields = list[tuple[str, str]]


def list_parts(mail: Message) -> list[Message]:
    """Return the mail and its parts; what lies inside of a returned mail is left out."""
    found: list[Message] = []

    def walk(part: Message, depth: int) -> None:
        if len(found) >= _MOST_PARTS or depth > 10:
            return
        found.append(part)
        below = part.get_payload()
        if isinstance(below, list) and part.get_content_maintype() == "multipart":
            for one in below:
                if isinstance(one, Message):
                    walk(one, depth + 1)

    walk(mail, 0)
    return found


def text_of(part: Message) -> str:
    """Return the text of a part, whatever its media type. A part that was parsed into blocks is written again."""
    payload = part.get_payload()
    if isinstance(payload, list):
        if part.get_content_maintype() != "message":
            return ""
        written = "\n".join(str(one) for one in payload)
        return _undo_encoding(written, str(part.get("content-transfer-encoding", "")))
    decoded = part.get_payload(decode=True)
    raw = decoded if isinstance(decoded, bytes) else str(payload).encode("utf-8", "surrogateescape")
    try:
        charset = part.get_content_charset("utf-8")
    except (LookupError, ValueError, TypeError):  # a charset that is itself in one that nobody knows
        charset = "utf-8"
    return _decode(raw, charset)


def explain(parts: Sequence[Message]) -> str:
    """Return the words for people, on one line, up to where the returned mail begins."""
    found = ""
    for part in parts:
        if part.is_multipart() or part.get_content_maintype() != "text":
            continue
        lines: list[str] = []
        for line in _plain_text_of(part).splitlines()[:200]:
            if lines and _ORIGINAL.match(line):
                break
            lines.append(line)
        found = clean_line(f"{found} {' '.join(lines)}", 4000)
    return found


def own_words(parts: Sequence[Message]) -> str:
    """Return what somebody wrote above the mail that they answer, on one line."""
    texts = [part for part in parts if not part.is_multipart() and part.get_content_maintype() == "text"]
    for part in sorted(texts, key=lambda part: part.get_content_type() != "text/plain"):
        lines: list[str] = []
        for line in _plain_text_of(part).splitlines()[:50]:
            if _QUOTED.search(line):
                break
            lines.append(line.strip())
        words = clean_line(" ".join(lines), 2000).strip()
        if words:
            return words
    return ""


def read_blocks(text: str) -> list[Fields]:
    """Return the blocks of fields that empty lines divide; names in lower case, folded lines joined."""
    blocks: list[Fields] = [[]]
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


def header(mail: Message, name: str) -> str:
    """Return a header in plain words, on one line; empty where there is none."""
    return next(_list_headers(mail, name), "")


def _list_headers(mail: Message, name: str) -> Iterator[str]:
    """Yield the headers of a name as they came: Message.get would give replacement signs for raw letters."""
    return (_plain_header(value) for known, value in mail.raw_items() if known.lower() == name)


def find_arrival(mail: Message) -> list[str]:
    """Return the headers that say at which addresses a mail arrived."""
    return [value for name in _ARRIVED for value in _list_headers(mail, name)]


def list_proofs(mail: Message) -> tuple[str, ...]:
    """Return all texts in which a token of ours may stand, however deep: where the mail arrived first, then its other
    headers, then what it says and what it returns."""
    found = ["\n".join(find_arrival(mail))]
    left = _MOST_PROOF_CHARS
    for text in _walk_texts(mail, 0):
        found.append(text[:left])
        left -= len(text)
        if left <= 0:
            break
    return tuple(found)


def _walk_texts(part: Message, depth: int) -> Iterator[str]:
    yield "\n".join(_plain_header(value) for _, value in part.raw_items())
    below = part.get_payload()
    if isinstance(below, list) and str(part.get("content-transfer-encoding", "7bit")).lower() in (
        "7bit",
        "8bit",
        "binary",
    ):
        for one in below[:_MOST_PARTS]:
            if isinstance(one, Message) and depth < 10:
                yield from _walk_texts(one, depth + 1)
    else:
        yield text_of(part)


def _plain_text_of(part: Message) -> str:
    text = text_of(part)
    if part.get_content_type() == "text/html":
        text = html.unescape(_TAG.sub(" ", _BREAK.sub("\n", text)))
    return text


def _undo_encoding(text: str, encoding: str) -> str:
    """Return the text of a part of fields that was encoded although RFC 2046 section 5.2 does not allow it."""
    raw = text.encode("utf-8", "surrogateescape")
    with contextlib.suppress(binascii.Error, ValueError):
        if encoding.strip().lower() == "base64":
            return _decode(base64.b64decode(raw, validate=False), "utf-8")
        if encoding.strip().lower() == "quoted-printable":
            return _decode(quopri.decodestring(raw), "utf-8")
    return text


def _decode(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):  # no charset, or one that Python has for other things
        return raw.decode("utf-8", "replace")


def _plain_header(value: object) -> str:
    sent = str(value).encode("utf-8", "surrogateescape")
    try:
        raw = sent.decode()
    except ValueError:
        raw = sent.decode("cp1252", "replace")
    if "=?" in raw:
        with contextlib.suppress(LookupError, ValueError, HeaderParseError):
            raw = str(make_header(decode_header(raw)))
    return clean_line(raw, 2000)
