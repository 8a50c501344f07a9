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
