"""Message → the same message with a DKIM signature in front (RFC 6376). Optional: normally the relay signs.

Relaxed canonicalisation of headers and body, no time in the signature, and both algorithms (RSA with PKCS #1 v1.5,
Ed25519 of RFC 8463) are deterministic: every attempt at a mail has the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from newsletter.deliver.message import Message
from newsletter.deliver.relaxed import hash_body, relax_header, relax_value

MIN_RSA_BITS = 2048

# Signed once more than they occur, so that one added on the way breaks the signature.
_ONCE_MORE = (
    *("from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
_IF_PRESENT = (
    *("list-id", "list-help", "list-owner", "list-archive", "archived-at", "feedback-id"),
    *("auto-submitted", "content-language", "content-transfer-encoding"),
)
_COLUMNS = 72
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")


@dataclass(frozen=True)
class DkimKey:
    """A private key and where its public half stands in the DNS. Its repr does not show the key."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def dns_name(self) -> str:
        """The name of the TXT record that receivers look up."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def dns_record(self) -> str:
        """What that TXT record must say."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k={self.algorithm}; p={base64.b64encode(octets).decode()}"


def load_dkim_key(pem: bytes, domain: str, selector: str) -> DkimKey:
    """Return the key of a PEM file: RSA of 2048 bits or more, or Ed25519. Raises ValueError for anything else."""
    for what, name in (("domain", domain), ("selector", selector)):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a DKIM {what}; write letters, digits, '-' and '.'")
    try:
        private = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise ValueError("the DKIM key is encrypted with a password; store it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("there is no private key in PEM form in the DKIM key file") from error
    if isinstance(private, RSAPrivateKey):
        if private.key_size < MIN_RSA_BITS:
            raise ValueError(
                f"the DKIM key has {private.key_size} bits; receivers require {MIN_RSA_BITS} or more"
            )
        return DkimKey(domain, selector, private)
    if isinstance(private, Ed25519PrivateKey):
        return DkimKey(domain, selector, private)
    raise ValueError("the DKIM key is neither RSA nor Ed25519")


def sign_message(message: Message, key: DkimKey) -> Message:
    """Return a message with one DKIM-Signature in front."""
    headers: dict[str, list[bytes]] = {}
    for header in message.headers:
        name, relaxed = relax_header(header)
        headers.setdefault(name, []).append(relaxed)
    present = tuple(name for name in (*_ONCE_MORE, *_IF_PRESENT) for _ in headers.get(name, ()))
    # Of each name the last header first; one too many is nothing (section 5.4.2).
    signed = [headers[name].pop() for name in present]
    body_hash = base64.b64encode(hash_body(message.body))
    unsigned = _write_tags(key, (*present, *_ONCE_MORE)).replace(_ANY_HASH, body_hash)
    signature = _sign(key, b"".join((*signed, b"dkim-signature:", relax_value(unsigned))))
    text = base64.b64encode(signature).decode()
    pieces = "\r\n ".join(text[start : start + _COLUMNS] for start in range(0, len(text), _COLUMNS))
    header = b"DKIM-Signature: " + unsigned + f"\r\n {pieces}\r\n".encode()
    return Message((header, *message.headers), message.body, body_hash)


_ANY_HASH = b"#" * 44  # as long as that of a body


@lru_cache(maxsize=64)  # most mails have the same headers
def _write_tags(key: DkimKey, signed: tuple[str, ...]) -> bytes:
    """Return the tags of a signature up to ``b=``, with _ANY_HASH in place of the body's."""
    return _fold_tags(
        [
            *("v=1;", f"a={key.algorithm}-sha256;", "c=relaxed/relaxed;"),
            *(f"d={key.domain};", f"s={key.selector};"),
            *(f"h={signed[0]}", *(f":{name}" for name in signed[1:-1]), f":{signed[-1]};"),
            f"bh={_ANY_HASH.decode()};",
            "b=",
        ]
    )


def _fold_tags(tags: list[str]) -> bytes:
    """Return the tags with a space between two, folded before one that would be too long."""
    lines = [""]
    columns = len("DKIM-Signature: ")
    for tag in tags:
        glue = "" if tag.startswith(":") or not lines[-1] else " "
        if columns + len(glue) + len(tag) > _COLUMNS + 4:
            lines.append("")
            columns, glue = 1, ""
        lines[-1] += glue + tag
        columns += len(glue) + len(tag)
    return "\r\n ".join(lines).encode()


def _sign(key: DkimKey, data: bytes) -> bytes:
    if isinstance(key.private, RSAPrivateKey):
        return key.private.sign(data, PKCS1v15(), SHA256())
    return key.private.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3: what is signed is the hash
