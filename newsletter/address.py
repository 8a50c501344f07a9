"""E-mail addresses: a text becomes an EmailAddress here, or fails here; when two addresses are one is decided here.

Three questions, three answers. Where does mail go? To the address as it was typed. Are these the same reader? If their
`address_key` is the same. Is this the same mailbox, where somebody must not get more by spelling it differently? If
their `mailbox_key` is the same; it merges more than is safe for mailing.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache

from newsletter.errors import AddressError
from newsletter.model.readers import AddressKey, EmailAddress

MOST_CHARS = 254
"""Of an address in SMTP: a path of 256 with its brackets (RFC 5321 section 4.5.3.1.3)."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def parse_address(text: str) -> EmailAddress:
    """Return the address with the name before the @ as it was typed, and the domain as ``xn--`` in small letters.

    No letter of the name is changed, for only its host knows which are the same (RFC 5321 section 2.4): ``groß`` is
    not ``gross``. It is in NFC, in which one text has one spelling (RFC 6532 section 3.1). A name that is not ASCII is
    kept: whether it can be mailed depends on the relay (RFC 6531). A domain must have a dot, be ``localhost``, or end
    in a name reserved for tests (RFC 2606). Asks no name server. Raises AddressError, which says what is wrong.
    """
    address = text.strip()
    if len(address) > MOST_CHARS:
        raise AddressError(
            f"{address[:40] + '…'!r} has more than {MOST_CHARS} characters and cannot receive mail"
        )
    plain = _PLAIN.fullmatch(address)
    domain = _check_domain(plain[2]) if plain else ""
    if plain and domain and len(plain[1]) + 1 + len(domain) <= MOST_CHARS:
        return EmailAddress(f"{plain[1]}@{domain}")
    return _check(address)


_ATOM = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
_PLAIN = re.compile(rf"(?=[^@]{{1,64}}@)({_ATOM}(?:\.{_ATOM})*)@([^@]+)")
"""A name that nothing is to be said of (RFC 5321 section 4.1.2, Dot-string): only the domain is to be looked at, and a
list of a hundred thousand has few of them."""


@lru_cache(maxsize=16_384)
def _check_domain(domain: str) -> str:
    """Return a domain as ``xn--``, empty for what is none."""
    try:
        return _check(f"x@{domain}").partition("@")[2]
    except AddressError:
        return ""


def _check(address: str) -> EmailAddress:
    # Slow to import, and only needed where an address is read.
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AddressError(f"{address!r} is not an e-mail address: {error}") from error
    return EmailAddress(f"{checked.local_part}@{checked.ascii_domain}")


def address_key(address: str) -> AddressKey:
    """Return what is the same for all addresses of one reader: the address with its ASCII letters small.

    A host may tell ``Ada`` from ``ada``, but RFC 5321 section 2.4 asks it not to, and people rely on that none does:
    whoever types a capital is nobody new. Only ASCII has such pairs of letters: in other scripts case folds together
    what is spelled differently (ß and SS, ς and σ, ı and I), and those may be two people.
    """
    return AddressKey(address.lower() if address.isascii() else address.translate(_LOWER))


def is_same_address(one: str, other: str) -> bool:
    """Return whether two addresses are the same reader's, however they are spelled."""
    return address_key(one) == address_key(other)


_SAME_DOMAIN = {
    "googlemail.com": "gmail.com",
    "mac.com": "icloud.com",
    "me.com": "icloud.com",
    "pm.me": "proton.me",
    "protonmail.com": "proton.me",
}
"""Domains under which a provider has the same mailboxes."""
_WITHOUT_DOTS = frozenset({"gmail.com"})


def mailbox_key(address: EmailAddress) -> str:
    """Return what is the same for all spellings of one mailbox, as providers treat them; it is no address to mail.

    Case never counts, nor does what follows a plus (RFC 5233); dots in names at Google; domains of one provider are
    one. The domain may be in Unicode or ``xn--``.
    """
    local, _, domain = address.lower().rpartition("@")
    domain = _write_domain(domain)
    domain = _SAME_DOMAIN.get(domain, domain)
    name = local.partition("+")[0] or local
    if domain in _WITHOUT_DOTS:
        name = name.replace(".", "") or name
    return f"{name}@{domain}"


def list_domains(mailbox: str) -> list[str]:
    """Return the domains under which a mailbox may be written, by its `mailbox_key`."""
    own = mailbox.rpartition("@")[2]
    return [own, *(other for other, same in _SAME_DOMAIN.items() if same == own)]


def _write_domain(domain: str) -> str:
    """Return a domain as ``xn--``; as it is where it cannot be written so."""
    if domain.isascii():
        return domain
    try:
        return parse_address(f"x@{domain}").partition("@")[2]
    except AddressError:
        return domain
