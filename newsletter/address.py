"""E-mail addresses: a text becomes an EmailAddress here, or fails here."""

from __future__ import annotations

from newsletter.errors import AddressError
from newsletter.model import EmailAddress


def parse_address(text: str) -> EmailAddress:
    """Return the address casefolded, with its domain as ``xn--``. Asks no name server.

    A domain must have a dot, be ``localhost``, or end in a name reserved for tests (RFC 2606).
    A non-ASCII local part is kept: whether it can be mailed depends on the relay (RFC 6531).
    Raises AddressError, which says what is wrong.
    """
    # Slow to import, and only needed where an address is read.
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise AddressError(f"{text.strip()!r} is not an e-mail address: {error}") from error
    local = checked.local_part.casefold()
    return EmailAddress(f"{local}@{checked.ascii_domain}")


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
    local, _, domain = address.casefold().rpartition("@")
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
