"""Headers and bodies as DKIM signs them: white space is folded (RFC 6376 section 3.4, "relaxed").

What many mails share is relaxed once: the folding knows nothing beyond a line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=256)  # most headers are those of every mail
def relax_header(header: bytes) -> tuple[str, bytes]:
    """Return the name of a header in small letters, and the whole of it, relaxed, with its CRLF (section 3.4.2)."""
    name, _, value = header.partition(b":")
    name = name.strip().lower()
    return name.decode("ascii"), name + b":" + relax_value(value) + b"\r\n"


def relax_value(value: bytes) -> bytes:
    """Return the value of a header, relaxed."""
    return re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t")


def hash_body(pieces: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of a body of whole lines, relaxed and without empty lines at its end (section 3.4.4).

    Only the last line may lack its end.
    """
    body = b"".join(map(_relax_lines, pieces))
    if body[-4:] in (b"\r\n\r\n", b"\r\n") or not body.endswith(b"\r\n"):
        body = body.rstrip(b"\r\n")
        body += b"\r\n" if body else b""
    return hashlib.sha256(body).digest()


@lru_cache(maxsize=8192)
def _relax_lines(lines: bytes) -> bytes:
    # Cut at each two spaces, and put together with one: a regular expression takes longer.
    first, *rest = lines.replace(b"\t", b" ").split(b"  ")
    relaxed = b" ".join([first, *(part for cut in rest if (part := cut.lstrip(b" ")))]) if rest else first
    relaxed = relaxed.replace(b" \r\n", b"\r\n").removesuffix(b" ")
    return lines if relaxed == lines else relaxed
