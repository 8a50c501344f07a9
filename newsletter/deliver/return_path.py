"""The address that a mail says it comes from on the envelope: one for each mail, so that a report names its mail.

``bounces@example.org`` becomes ``bounces+TOKEN@example.org`` (variable envelope return path). The token holds the
number of the delivery and a signature, so nobody can make one up. Pure.
"""

from __future__ import annotations

import base64
import hmac
import itertools
import re
from typing import TYPE_CHECKING

from newsletter.model.ledger import DeliveryId
from newsletter.model.readers import EmailAddress

if TYPE_CHECKING:
    from newsletter.signing import Secret

_TOKEN = re.compile(r"(?<![0-9a-z])([0-9a-f]{1,15})-([a-z2-7]{16})(?![0-9a-z])")
_MOST_TOKENS = 100


def build_return_path(bounces: EmailAddress, delivery: DeliveryId, secret: Secret) -> EmailAddress:
    """Return the envelope sender of one delivery: the same for every attempt, as greylisting wants it."""
    local, _, domain = bounces.rpartition("@")
    return EmailAddress(f"{local}+{delivery:x}-{_sign(delivery, secret)}@{domain}")


def find_return_path(text: str, secret: Secret) -> DeliveryId | None:
    """Return the delivery whose return path stands in a text; None where none does, or a forged one.

    Only the token counts, which nobody can make up: gateways wrap the address in others (prvs=, SRS0=) and change its
    domain.
    """
    for found in itertools.islice(_TOKEN.finditer(text.lower()), _MOST_TOKENS):
        delivery = DeliveryId(int(found[1], 16))
        if hmac.compare_digest(found[2], _sign(delivery, secret)):
            return delivery
    return None


def _sign(delivery: DeliveryId, secret: Secret) -> str:
    digest = secret.sign(b"return-path\0%d" % delivery)
    return base64.b32encode(digest[:10]).decode("ascii").lower()
