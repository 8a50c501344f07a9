"""Text → quoted-printable or base64, as RFC 2045 wants it: what the byte budget counts and what goes over the wire.

A part of a mail is put together from whole lines that are encoded already: quoted-printable knows nothing beyond a
line, so what many mails share is encoded once. Base64 is made of the whole, where it is shorter.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_BLANK_TOO_FAR = re.compile(rb"^([^\n]{74,75})(=20|=09)$", re.MULTILINE)
_DOT_AFTER_BREAK = re.compile(rb"((?:=[0-9A-F]{2}|[^=.\n])\.{0,9})=\n(\.{1,9})(?=[^.\n])")
_BASE64_BYTES_PER_LINE = 57  # 76 columns
_QUOTED_COLUMNS = 76


class Lines(NamedTuple):
    """Text in quoted-printable. raw_bytes are those of the text itself. Both have CRLF line ends."""

    quoted: bytes
    raw_bytes: int

    @property
    def size(self) -> int:
        """How many bytes they have in the shorter encoding."""
        return min(len(self.quoted), _base64_size(self.raw_bytes))


@dataclass(frozen=True, slots=True)
class Part:
    """A text part of a mail: lines in quoted-printable, in pieces that other mails may share."""

    pieces: tuple[bytes, ...]
    quoted_bytes: int
    raw_bytes: int

    @classmethod
    def of(cls, pieces: Sequence[bytes], raw_bytes: int) -> Part:
        """Return a part of these pieces. raw_bytes as in Lines, of all together."""
        return cls(tuple(pieces), sum(map(len, pieces)), raw_bytes)

    @classmethod
    def of_text(cls, text: str) -> Part:
        """Return a text as a part."""
        lines = encode_lines(text)
        return cls.of((lines.quoted,), lines.raw_bytes)

    @property
    def size(self) -> int:
        """How many bytes `encode` makes of it."""
        return min(self.quoted_bytes, _base64_size(self.raw_bytes))

    @property
    def text(self) -> str:
        """The text that it says, with ``\\n`` line ends."""
        return self._decode().replace(b"\r\n", b"\n").decode()

    def encode(self) -> tuple[str, Iterable[bytes]]:
        """Return the name of the shorter encoding and the part in it, its lines of at most 76 columns ended by CRLF."""
        if self.size == self.quoted_bytes:
            return "quoted-printable", self.pieces
        # Inside it a line end is CRLF (RFC 2046 section 4.1.1).
        whole = binascii.b2a_base64(self._decode(), newline=False)
        return "base64", (b"\r\n".join(whole[start : start + 76] for start in range(0, len(whole), 76)),)

    def _decode(self) -> bytes:
        return binascii.a2b_qp(b"".join(self.pieces))


def encode_lines(text: str) -> Lines:
    """Return a text in quoted-printable. It begins at the start of a line."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode()
    return Lines(_encode_quoted_printable(data), len(data) + data.count(b"\n"))


encode_line = lru_cache(maxsize=8192)(encode_lines)
"""The same for a line that may stand in many mails: it is remembered."""


def encode_opening(text: str) -> tuple[Lines, str]:
    """Return what can be encoded already of a line that has only begun, whatever follows, and the rest of its text.

    That is all up to the last soft break: behind one everything is encoded as at the start of a line.
    """
    data = text.encode()
    # What ends a text is broken otherwise: a blank is encoded there, and a letter may have a line end behind it.
    head = data[:-1].rstrip(b" \t")
    body = binascii.b2a_qp(head, istext=True) if len(head) > _QUOTED_COLUMNS else b""
    quoted = body[: body.rfind(b"=\n") + 2] if b"=\n" in body else b""
    raw_bytes = len(binascii.a2b_qp(quoted))
    follows = data[raw_bytes : raw_bytes + 1]
    # A dot behind a break moves it; and a letter that is several bytes may be broken inside.
    if not quoted or b"=\n." in body or follows == b"." or follows >= b"\x80":
        return Lines(b"", 0), text
    return Lines(_mend(quoted), raw_bytes), data[raw_bytes:].decode()


def _base64_size(raw_bytes: int) -> int:
    """Return the length of so many bytes in base64, with a CRLF between its lines."""
    lines = -(-raw_bytes // _BASE64_BYTES_PER_LINE)
    return -(-raw_bytes // 3) * 4 + 2 * max(0, lines - 1)


def _encode_quoted_printable(data: bytes) -> bytes:
    """Return ``\\n`` lines as quoted-printable that no server on the way has a reason to touch.

    The C routine encodes a lone dot itself. "From " at the start of a line, which old mailboxes turn
    into ">From ", is left to us, and so are lines that get too long because their last character is a space. A dot that
    a soft break brought to the start of a line, where SMTP would double it in each mail anew, is broken off later.
    """
    return _mend(binascii.b2a_qp(data, istext=True))


def _mend(body: bytes) -> bytes:
    if b"=\n." in body:
        body = _DOT_AFTER_BREAK.sub(rb"=\n\1\2=\n", body)
    if b"=20\n" in body or b"=09\n" in body:
        body = _BLANK_TOO_FAR.sub(rb"\1=\n\2", body)
    if body.startswith(b"From "):
        body = b"=46ro=\nm " + body[5:]
    return body.replace(b"\nFrom ", b"\n=46ro=\nm ").replace(b"\n", b"\r\n")
