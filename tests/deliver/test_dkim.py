"""Signatures, verified by dkimpy, which shares no code with their writer (opendkim: `make inbox`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.dkim import DkimKey, load_dkim_key, sign_message
from newsletter.deliver.message import Letter, Message, build_message, hash_message, is_same_message
from newsletter.encoding import Part
from newsletter.model.ledger import Kind
from newsletter.model.mail import Identity, Links, Rendered
from newsletter.model.readers import EmailAddress
from tests.support.examples import examples

IDENTITY = Identity(
    name="Daily papers",
    id="daily",
    from_name="Żółw, daily",
    from_address=EmailAddress("news@example.org"),
    leave_address=EmailAddress("leave@example.org"),
    bounce_address=EmailAddress("bounce@example.org"),
)
LINKS = Links(
    "https://example.org/u/x",
    "https://example.org/p/x",
    "mailto:leave@example.org",
    one_click="https://example.org/u/" + "x" * 180,
)


def write_pem(
    private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@cache
def rsa_pem() -> bytes:
    return write_pem(rsa.generate_private_key(65537, 2048))


def make_key(kind: str = "rsa") -> DkimKey:
    pem = rsa_pem() if kind == "rsa" else write_pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
    return load_dkim_key(pem, "example.org", "s1")


def build(key: DkimKey | None, text: str = "Three papers\n") -> bytes:
    return build_whole(key, text).to_bytes()


def build_whole(key: DkimKey | None, text: str = "Three papers\n", to: str = "ada@example.org") -> Message:
    message, _ = build_message(
        Rendered("Drei Paper über Pruning", Part.of_text("<p>Three papers</p>\n"), Part.of_text(text)),
        Letter(
            kind=Kind.DIGEST,
            message_id="<abc@example.org>",
            to=EmailAddress(to),
            to_name="Ada",
            date=datetime(2026, 6, 1, 5, 30, tzinfo=UTC),
        ),
        IDENTITY,
        links=LINKS,
    )
    return sign_message(message, key) if key else message


def verifies(message: bytes, key: DkimKey) -> bool:
    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return key.dns_record.encode() if name.decode().rstrip(".") == key.dns_name else b""

    try:
        return bool(dkim.DKIM(message).verify(dnsfunc=look_up))
    except dkim.DKIMException:
        return False


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_signed_message_verifies_and_is_otherwise_untouched(kind: str) -> None:
    key = make_key(kind)
    message = build(key)
    assert verifies(message, key)
    assert message.endswith(build(None))
    assert message == build(key)


def test_both_list_headers_are_signed() -> None:
    head = build(make_key()).partition(b"\r\nFrom:")[0].decode()
    signed = re.sub(r"\s", "", re.search(r"h=([^;]+);", head)[1]).split(":")  # type: ignore[index]
    for name in ("from", "subject", "list-unsubscribe", "list-unsubscribe-post"):
        assert signed.count(name) == 2  # once more than it is there
    assert all(len(line) <= 78 for line in head.split("\r\n"))


SIGNED = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
]


@pytest.mark.parametrize("name", SIGNED)
def test_changing_a_signed_header_breaks_the_signature(name: str) -> None:
    key = make_key()
    message = build(key)
    changed = re.sub(rb"(\r\n%s: )" % name.encode(), rb"\1x", message, count=1)
    assert changed != message
    assert not verifies(changed, key)


@pytest.mark.parametrize("name", ["From", "Subject", "List-Unsubscribe", "Reply-To", "Date", "To"])
def test_a_second_header_of_that_name_breaks_the_signature(name: str) -> None:
    key = make_key()
    message = build(key)
    for place in (b"\r\nFrom: ", b"\r\nMIME-Version: "):
        more = message.replace(place, f"\r\n{name}: eve@example.net".encode() + place, 1)
        assert not verifies(more, key)


def test_changing_a_byte_of_the_body_breaks_the_signature() -> None:
    key = make_key()
    assert not verifies(build(key).replace(b"Three papers", b"Threw papers", 1), key)


@examples(60)
@given(
    st.lists(st.sampled_from(["a", " ", "  ", "\t", "\r\n", "\r\n\r\n", ".", "end ", "x" * 80]), max_size=20),
    st.text(st.sampled_from("ab \t"), max_size=30),
)
def test_any_white_space_is_canonicalised_as_the_verifier_does(parts: list[str], value: str) -> None:
    key = make_key()
    headers = ("From:  news@example.org \r\n", f"Subject: x{value}\r\n\ty \r\n", "Date: today\r\n")
    body = "".join([*parts, "\r\n"]).encode().splitlines(keepends=True)
    message = Message(tuple(header.encode() for header in headers), tuple(body))
    assert verifies(sign_message(message, key).to_bytes(), key)


@pytest.mark.parametrize(
    ("make_pem", "says"),
    [
        (lambda: b"no key", "no private key"),
        (lambda: write_pem(rsa.generate_private_key(65537, 1024)), "1024 bits"),
        (lambda: write_pem(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor Ed25519"),
        (
            lambda: write_pem(
                ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), BestAvailableEncryption(b"x")
            ),
            "password",
        ),
    ],
    ids=["no key", "short", "elliptic", "password"],
)
def test_what_is_no_usable_key_is_refused_with_the_reason(make_pem: Callable[[], bytes], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load_dkim_key(make_pem(), "example.org", "s1")


@pytest.mark.parametrize(
    ("domain", "selector"), [("exa mple.org", "s1"), ("example.org", "s;1"), ("", "s1"), ("a", "")]
)
def test_domain_and_selector_are_checked(domain: str, selector: str) -> None:
    with pytest.raises(ValueError, match="is not a DKIM"):
        load_dkim_key(rsa_pem(), domain, selector)


def test_repr_does_not_show_the_key() -> None:
    assert "private" not in repr(make_key())


# --- what is kept of a message --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["", "rsa", "ed25519"])
def test_what_is_kept_tells_one_message_from_any_other(kind: str) -> None:
    key = make_key(kind) if kind else None

    def hash_of(text: str = "Three papers\n", to: str = "ada@example.org") -> str:
        message = build_whole(key, text, to)
        return hash_message(message, message.to_bytes())

    hashes = {hash_of(), hash_of(text="Two papers\n"), hash_of(to="bo@example.org")}
    assert len(hashes) == 3
    assert all(len(known) <= 64 for known in hashes)
    assert hash_of() == hash_of()


def test_a_message_is_known_again_by_what_was_kept_of_it() -> None:
    signed, unsigned = build_whole(make_key()), build_whole(None)
    kept = {message: hash_message(message, message.to_bytes()) for message in (signed, unsigned)}
    for message, known in kept.items():
        sent = message.to_bytes()
        former = hashlib.sha256(sent).hexdigest()
        assert is_same_message(sent, known, known)
        assert is_same_message(sent, known, former)
        assert not any(is_same_message(sent, known, other) for other in kept.values() if other != known)
        assert not is_same_message(sent, known, "0" * 64)
