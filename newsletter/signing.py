"""The key of this newsletter, and the signed names for links that it makes. Pure.

A token stands in a mail or a form, and nobody can make one up. It is a number in base32 and 128 bits of HMAC-SHA256,
in lower case and without time, so that every attempt at a mail has the same bytes and an address with one stays below
75 characters. It holds for one purpose only; bound is what else it depends on, such as the address that a link to
preferences was sent to: after a change of address the old mailbox's link leads nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
from enum import StrEnum
from typing import NoReturn

_BLOCK_BYTES = 64  # of SHA-256


class Secret:
    """A key that signs. Whoever holds it can sign, and nobody can print it."""

    __slots__ = ("__inner", "__outer")

    def __init__(self, key: bytes) -> None:
        # Begun once for all texts: several stand in each mail, and hmac.digest takes three times as long.
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
        self.__inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in block]))
        self.__outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in block]))

    @classmethod
    def from_hex(cls, text: str) -> Secret:
        """Return the key that is written so. Raises ValueError, which does not quote the text."""
        try:
            return cls(bytes.fromhex(text))
        except ValueError:
            raise ValueError("the secret in the database is damaged; restore a backup") from None

    def sign(self, text: bytes) -> bytes:
        """Return the HMAC-SHA256 of a text: 32 bytes. Source: RFC 2104."""
        inner, outer = self.__inner.copy(), self.__outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.sign(b"equal"), other.sign(b"equal"))

    def __hash__(self) -> int:
        return hash(self.sign(b"hash"))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


_SIGNATURE_CHARS = 26
_TOKEN = re.compile(r"([a-z2-7]{1,13})([a-z2-7]{26})")
_ANYWHERE = re.compile(r"(?<![a-z2-7])[a-z2-7]{27,39}(?![a-z2-7])")
_LETTERS = re.compile(r"[a-z2-7]{27,80}")
_MOST_RUNS = 200
_LONGEST_TOKEN = 39
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
# Two digits at a time: the standard library takes ten times as long.
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_SHIFTS = range(120, -1, -10)


class Purpose(StrEnum):
    """What a token is good for."""

    LEAVE = "leave"
    PREFERENCES = "preferences"
    CONFIRM = "confirm"  # grants what was asked for: a subscription, another address, the operator's login
    FORM = "form"  # a form was asked for before it was sent
    WEBHOOK = "webhook"  # bound to a provider, which may tell what became of mails


def build_token(purpose: Purpose, number: int, secret: Secret, bound: str = "") -> str:
    """Return the token of a number (0 or more) for one purpose: at most 39 of a-z and 2-7."""
    return _write_number(number) + _sign(purpose, number, secret, bound)


def read_number(token: str) -> int | None:
    """Return the number that a token names, before anything is known of its truth; None for what is no token."""
    found = _TOKEN.fullmatch(token)
    if not found:
        return None
    number = 0
    for digit in found[1]:
        number = number * 32 + _DIGITS.index(digit)
    # One number has one token: leading zeros would make others of it.
    return number if number < 2**63 and _write_number(number) == found[1] else None


def check_token(token: str, purpose: Purpose, secret: Secret, bound: str = "") -> int | None:
    """Return the number of a true token of this purpose; None for any other text."""
    number = read_number(token)
    if number is None:
        return None
    true = hmac.compare_digest(token[-_SIGNATURE_CHARS:], _sign(purpose, number, secret, bound))
    return number if true else None


def find_token(text: str, purpose: Purpose, secret: Secret) -> int | None:
    """Return the number of the first true token of this purpose that stands in a text; other letters may touch it on
    one side."""
    for found in itertools.islice(_LETTERS.finditer(text.lower()), _MOST_RUNS):
        for length in range(_SIGNATURE_CHARS + 1, _LONGEST_TOKEN + 1):
            for token in {found[0][:length], found[0][-length:]}:
                number = check_token(token, purpose, secret)
                if number is not None:
                    return number
    return None


def check_webhook(provider: str, token: str, secret: Secret) -> bool:
    """Say whether this is the token of a provider's webhook."""
    return check_token(token, Purpose.WEBHOOK, secret, provider) is not None


def hide_tokens(text: str) -> str:
    """Return a text with ``[token]`` in place of all that looks like a token: for logs, which others may read."""
    return _ANYWHERE.sub("[token]", text)


def _sign(purpose: Purpose, number: int, secret: Secret, bound: str) -> str:
    named = "\0".join(("token", purpose, str(number), bound))
    return write_hash(secret.sign(named.encode()))


def write_hash(digest: bytes) -> str:
    """Return the first 128 bits of a hash as 26 lower-case base32 characters (RFC 4648, without padding)."""
    bits = int.from_bytes(digest[:16]) << 2
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def _write_number(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return digits
