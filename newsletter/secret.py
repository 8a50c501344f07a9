"""The key of this newsletter, in a type that shows itself nowhere: not in a repr, a format, a pickle or an error."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """A key that signs. Whoever holds it can sign, and nobody can print it."""

    __slots__ = ("__key",)

    def __init__(self, key: bytes) -> None:
        self.__key = key

    @classmethod
    def from_hex(cls, text: str) -> Secret:
        """Return the key that is written so. Raises ValueError, which does not quote the text."""
        try:
            return cls(bytes.fromhex(text))
        except ValueError:
            raise ValueError("the secret in the database is damaged; restore a backup") from None

    def sign(self, text: bytes) -> bytes:
        """Return the HMAC-SHA256 of a text: 32 bytes. Source: RFC 2104."""
        return hmac.digest(self.__key, text, "sha256")

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__key, other.__key)

    def __hash__(self) -> int:
        return hash(self.sign(b"hash"))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")
