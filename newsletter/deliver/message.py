"""Rendered → the message's bytes and its envelope. Pure: the same arguments give the same bytes.

Headers are written here and not by the standard email package, because that rewrites a List-Unsubscribe
of 75 characters or more as RFC 2047 encoded words, which are not allowed there, and takes milliseconds
where this takes microseconds. The tests prove that the standard parser reads back what was meant.
"""

from __future__ import annotations

import base64
import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.parse import quote

from newsletter.model.mail import Envelope, Identity, Links, Rendered
from newsletter.signing import Purpose, Secret, build_token, write_hash

if TYPE_CHECKING:
    from newsletter.model.ledger import Kind
    from newsletter.model.readers import EmailAddress, SubscriberId

_HEADER_COLUMNS = 78  # RFC 5322 section 2.1.1: a line should not be longer
_WORD_COLUMNS = 75  # RFC 2047 section 2: an encoded word must not be longer
_WORD_FRAME = len("=?utf-8?q??=")
_LONGEST_PLAIN_WORD = (
    60  # fits beside every header name; a longer one is encoded, because it cannot be folded
)

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_PRINTABLE = re.compile(r"[ -~]*")
_VISIBLE = re.compile(r"[!-~]+")
_FORBIDDEN = re.compile(r"[\r\n\0]")
_CONTROLS = re.compile(r"[\x01-\x1f\x7f-\x9f]")
_PLAIN_IN_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q_WORDS = [
    chr(byte) if byte in _PLAIN_IN_WORD else "_" if byte == 32 else f"={byte:02X}" for byte in range(256)
]


@dataclass(frozen=True, slots=True)
class Letter:
    """Which mail it is (its kind and Message-ID, as in the ledger), and whom it goes to.

    date is the slot's instant (aware), never the time of an attempt, so that every attempt sends the same bytes.
    """

    kind: Kind
    message_id: str
    to: EmailAddress
    to_name: str
    date: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A message, CRLF and pure 7-bit: its headers, each with its line end, and its body in pieces of whole lines.

    body_hash is what its signature says of the body (``deliver.dkim``), empty where it has none.
    """

    headers: tuple[bytes, ...]
    body: tuple[bytes, ...]
    body_hash: bytes = b""

    def to_bytes(self) -> bytes:
        return b"".join((*self.headers, b"\r\n", *self.body))


def build_message(
    rendered: Rendered,
    letter: Letter,
    identity: Identity,
    *,
    links: Links | None = None,
    language: str = "",
) -> tuple[Message, Envelope]:
    """Return the message and its envelope.

    With links the mail belongs to a list that can be left: links.one_click is an https URL that
    takes the POST of RFC 8058; without one only the mailto form is offered and no List-Unsubscribe-Post is
    written.
    Raises ValueError for a CR, LF or NUL in a header, and for an address or URL that cannot be in one.
    Sources: RFC 5322, 2045-2047, 2369 and 2919 (list headers), 3834 (Auto-Submitted), 5064 (Archived-At), 8058.
    """
    # "=_" occurs in neither quoted-printable nor base64, so no content can look like the boundary.
    boundary = "=_" + letter.message_id[1 : letter.message_id.index("@")]
    headers = (
        *_identity_headers(identity, letter.kind, language or identity.language),
        _fold("To", _mailbox("To", letter.to_name, letter.to)),
        _fold("Subject", _free_text("Subject", rendered.subject)),
        _date_header(letter.date),
        _fold("Message-ID", [letter.message_id]),
        *(_link_headers(links) if links else ()),
        b"MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode("ascii"),
    )
    line = f"--{boundary}".encode("ascii")
    text_encoding, text = rendered.text_part.encode()
    html_encoding, html = rendered.html_part.encode()
    body = (
        *(line + _part_headers("plain", text_encoding), *text),
        *(b"\r\n" + line + _part_headers("html", html_encoding), *html),
        b"\r\n" + line + b"--\r\n",
    )
    return Message(headers, body), Envelope(mail_from=identity.bounce_address, rcpt_to=letter.to)


def hash_message(message: Message, sent: bytes) -> str:
    """Return what tells a message from any other; sent are its bytes: their SHA-256 in hexadecimal digits.

    Where it is signed its body was hashed already: then that of its headers and that hash, behind ``2:``. What was kept
    of signed messages before this rule has no such mark.
    """
    if not message.body_hash:
        return hashlib.sha256(sent).hexdigest()
    digest = hashlib.sha256(b"".join((*message.headers, message.body_hash))).digest()
    return _OF_SIGNED + base64.b64encode(digest).decode("ascii")


def is_same_message(sent: bytes, sent_hash: str, kept_hash: str) -> bool:
    """Say whether a message, with its hash, is the one whose hash was kept once."""
    if kept_hash.startswith(_OF_SIGNED) or not sent_hash.startswith(_OF_SIGNED):
        return kept_hash == sent_hash
    return kept_hash == hashlib.sha256(sent).hexdigest()


_OF_SIGNED = "2:"


def build_message_id(
    identity: Identity, kind: Kind, key: str, recipient: SubscriberId, secret: Secret
) -> str:
    """Return ``<id@domain>``: the same for every attempt at one mail, and not to be guessed."""
    named = "\0".join(("message-id", identity.id, kind, key, str(recipient)))
    return f"<{write_hash(secret.sign(named.encode()))}@{identity.domain}>"


# --- which headers ------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _identity_headers(identity: Identity, kind: Kind, language: str) -> tuple[bytes, ...]:
    """Return the headers that are the same for every reader."""
    owner = identity.reply_to or identity.from_address
    list_id = _visible(f"<{identity.id}.{identity.domain}>")
    headers = [
        _fold("From", _mailbox("From", identity.from_name, identity.from_address)),
        _fold("List-Id", [*_phrase("List-Id", identity.name), list_id]),
        _fold("List-Help", [_mailto(identity.leave_address, "help")]),
        _fold("List-Owner", [_mailto(owner)]),
        b"Auto-Submitted: auto-generated\r\n",
        b"X-Auto-Response-Suppress: All\r\n",
        # The last field is the steady one; none of them says anything about the reader.
        _fold("Feedback-ID", [_visible(f"{kind}:{identity.id}:{identity.domain}")]),
        _fold("Content-Language", [_visible(language)]),
    ]
    if identity.reply_to:
        headers.insert(1, _fold("Reply-To", _mailbox("Reply-To", "", identity.reply_to)))
    return tuple(headers)


@lru_cache(maxsize=256)
def _date_header(date: datetime) -> bytes:
    if date.tzinfo is None:
        raise ValueError("the date of a message must be aware")
    return _fold("Date", [format_datetime(date.astimezone(UTC))])


def _link_headers(links: Links) -> list[bytes]:
    """Return List-Unsubscribe, https first, only with https List-Unsubscribe-Post (RFC 8058), and where to read."""
    headers = [b"Precedence: bulk\r\n"]
    for name, url in (("List-Archive", links.archive), ("Archived-At", links.web)):
        if url:
            headers.append(_fold(name, [f"<{_uri(url)}>"]))
    mailto = f"<{links.leave_mailto}>"
    if not links.one_click:
        return [*headers, _fold("List-Unsubscribe", [mailto])]
    if not links.one_click.startswith("https://"):
        raise ValueError(f"one-click unsubscribe needs an https URL, not {links.one_click!r}")
    return [
        *headers,
        _fold("List-Unsubscribe", [f"<{_uri(links.one_click)}>,", mailto]),
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    ]


def _uri(url: str) -> str:
    """Return a URL that can stand in angle brackets in a list of them, or raise ValueError (RFC 2369)."""
    if "<" in url or ">" in url:
        raise ValueError(f"{url!r} cannot be in a header")
    return _visible(url).replace(",", "%2C")


@lru_cache(maxsize=64)
def write_mailto(address: EmailAddress, subject: str = "") -> str:
    """Return a link that writes a mail (RFC 6068). Remembered: those to the newsletter itself stand in every mail."""
    query = f"?subject={quote(subject)}" if subject else ""
    return f"mailto:{quote(_one_line(address), safe='@!$*+')}{query}"


def write_leave_mailto(identity: Identity, reader: SubscriberId, secret: Secret) -> str:
    """Return a link that writes a reader's leave mail. Its subject holds a token, so that nobody can leave for others:
    anybody can write a sender's name into a mail. See workflows/handle_bounces."""
    token = build_token(
        Purpose.LEAVE, reader, secret
    )  # of letters and digits, so that none needs to be quoted
    return write_mailto(identity.leave_address, "unsubscribe ") + token


def _mailto(address: EmailAddress, subject: str = "") -> str:
    return f"<{write_mailto(address, subject)}>"


# --- how a header is written --------------------------------------------------------------


def _fold(name: str, tokens: Sequence[str]) -> bytes:
    """Return one header with its CRLF: tokens with a space between, folded before one that would be too long.

    A token is never broken, and the first one stays beside the name.
    """
    lines = [f"{name}:"]
    for place, token in enumerate(tokens):
        if place and len(lines[-1]) + 1 + len(token) > _HEADER_COLUMNS:
            lines.append("")
        lines[-1] += f" {token}"
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _visible(value: str) -> str:
    """Return a value that may only have visible ASCII characters, or raise ValueError."""
    if not _VISIBLE.fullmatch(value):
        raise ValueError(f"{value!r} cannot be in a header")
    return value


def _one_line(value: str) -> str:
    """Return the value, or raise ValueError if it could begin a header of its own."""
    if _FORBIDDEN.search(value):
        raise ValueError(f"a line end or NUL cannot be in a header: {value!r}")
    return value


def _mailbox(header: str, name: str, address: EmailAddress) -> list[str]:
    """Return the tokens of one mailbox.

    An address with a non-ASCII local part can only be named in 7-bit as an empty group (RFC 6857
    section 3.1); the envelope has it as it is.
    """
    if not address.isascii():
        if header != "To":
            raise ValueError(f"{address!r} cannot be in the header {header}: it is not ASCII")
        return [*_encoded_words(header, address), ":;"]
    if _visible(address) and not name:
        return [address]
    return [*_phrase(header, name), f"<{address}>"]


def _phrase(header: str, text: str) -> list[str]:
    """Return a display name: atoms, a quoted string or encoded words (RFC 5322 section 3.2.5)."""
    if not _is_plain(text):
        return _encoded_words(header, text)
    if not _ATOMS.fullmatch(text):
        text = '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
    return text.split()


def _free_text(header: str, text: str) -> list[str]:
    return text.split() if _is_plain(text) else _encoded_words(header, text)


def _is_plain(text: str) -> bool:
    """Say whether a header can take a text as it is: ASCII, single spaces, short words to fold between."""
    return (
        _PRINTABLE.fullmatch(text) is not None
        and "=?" not in text
        and " ".join(words := text.split()) == text
        and all(len(word) <= _LONGEST_PLAIN_WORD for word in words)
    )


def _encoded_words(header: str, text: str) -> list[str]:
    """Return a text as RFC 2047 encoded words, in the shorter of both encodings, cut between characters."""
    text = _CONTROLS.sub(" ", _one_line(text))  # a mail program may show nothing of them, or do as they say
    signs = list(map(_encode_q, text))
    ends = list(accumulate(map(len, signs), initial=0))
    as_q = ends[-1] <= len(text.encode()) * 4 / 3
    if not as_q:
        ends = list(accumulate((len(char.encode()) for char in text), initial=0))
    words: list[str] = []
    start = 0
    room = min(_HEADER_COLUMNS - len(header) - len(": "), _WORD_COLUMNS) - _WORD_FRAME
    while start < len(text) or not words:
        most = room if as_q else room // 4 * 3
        end = bisect_right(ends, ends[start] + most) - 1
        word = "".join(signs[start:end]) if as_q else _encode_b(text[start:end])
        words.append(f"=?utf-8?{'q' if as_q else 'b'}?{word}?=")
        start, room = end, _WORD_COLUMNS - _WORD_FRAME
    return words


@lru_cache(maxsize=1024)
def _encode_q(char: str) -> str:
    """Return a character in RFC 2047 "Q", with only the characters plain that may be so in a phrase (section 5)."""
    return "".join([_Q_WORDS[byte] for byte in char.encode()])


def _encode_b(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


@lru_cache(maxsize=8)
def _part_headers(subtype: str, encoding: str) -> bytes:
    """Return what stands between the boundary's line and a part."""
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}"
    return f"\r\n{head}\r\n\r\n".encode("ascii")
