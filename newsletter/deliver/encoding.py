"""Text → quoted-printable or base64, as RFC 2045 wants it: what the byte budget counts and what goes over the wire.

A part comes in pieces of whole lines. Quoted-printable knows nothing beyond a line, so pieces are encoded one by
one, and those that many mails share only once.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from newsletter.model.mail import TextPiece

_BLANK_TOO_FAR = re.compile(rb"^([^\n]{74,75})(=20|=09)$", re.MULTILINE)
_BASE64_BYTES_PER_LINE = 57  # 76 columns


class _Encoded(NamedTuple):
    quoted: bytes
    raw_bytes: int


def encode_part(pieces: Iterable[TextPiece]) -> tuple[str, bytes]:
    """Return the name of the shorter encoding and the part in it, with CRLF line ends; no line is over 76 columns."""
    pieces = tuple(pieces)
    encoded = [_encode_shared(text) if is_shared else _encode_own(text) for text, is_shared in pieces]
    body = b"".join([quoted for quoted, _ in encoded])
    if len(body) <= _base64_size(sum([raw_bytes for _, raw_bytes in encoded])):
        return "quoted-printable", body
    return "base64", _encode_base64("".join(piece.text for piece in pieces))


def measure_part(pieces: Iterable[TextPiece]) -> int:
    """Return how many bytes `encode_part` makes of the pieces."""
    quoted = raw = 0
    for text, is_shared in pieces:
        one, raw_bytes = _encode_shared(text) if is_shared else _encode_own(text)
        quoted += len(one)
        raw += raw_bytes
    return min(quoted, _base64_size(raw))


@lru_cache(maxsize=1024)
def _encode_own(text: str) -> _Encoded:
    """Return a piece of one mail. Remembered from its measuring to its encoding, and for the next hundred mails or so:
    the same heading stands in many. What is shared is never pushed out by it."""
    return _encode(text)


@lru_cache(maxsize=8192)
def _encode_shared(text: str) -> _Encoded:
    return _encode(text)


def _encode(text: str) -> _Encoded:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = text.encode()
    return _Encoded(_encode_quoted_printable(data), len(data) + data.count(b"\n"))


def _base64_size(raw_bytes: int) -> int:
    """Return the length of so many bytes in base64, with a CRLF between its lines."""
    lines = -(-raw_bytes // _BASE64_BYTES_PER_LINE)
    return -(-raw_bytes // 3) * 4 + 2 * max(0, lines - 1)


def _encode_quoted_printable(data: bytes) -> bytes:
    """Return ``\\n`` lines as quoted-printable that no server on the way has a reason to touch.

    The C routine encodes a lone dot itself. "From " at the start of a line, which old mailboxes turn
    into ">From ", is left to us, and so are lines that get too long because their last character is a space.
    """
    body = binascii.b2a_qp(data, istext=True)
    if b"=20\n" in body or b"=09\n" in body:
        body = _BLANK_TOO_FAR.sub(rb"\1=\n\2", body)
    if body.startswith(b"From "):
        body = b"=46ro=\nm " + body[5:]
    return body.replace(b"\nFrom ", b"\n=46ro=\nm ").replace(b"\n", b"\r\n")


def _encode_base64(text: str) -> bytes:
    """Return ``\\n`` lines in base64; inside it a line end is CRLF (RFC 2046 section 4.1.1)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    whole = binascii.b2a_base64(lines.encode(), newline=False)
    return b"\r\n".join(whole[start : start + 76] for start in range(0, len(whole), 76))
