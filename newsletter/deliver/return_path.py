"""The address that a mail says it comes from on the envelope: one for each mail, so that a report names its mail.

``bounces@example.org`` becomes ``bounces+TOKEN@example.org`` (variable envelope return path). The token holds the
number of the delivery and a signature, so nobody can make one up. Pure.
"""

from __future__ import annotations

import base64
import hmac
import re

from newsletter.model.ledger import DeliveryId
from newsletter.model.readers import EmailAddress
from newsletter.signing import Secret

_TOKEN = re.compile(r"([0-9a-f]{1,15})-([a-z2-7]{16})")


def build_return_path(bounces: EmailAddress, delivery: DeliveryId, secret: Secret) -> EmailAddress:
    """Return the envelope sender of one delivery: the same for every attempt, as greylisting wants it."""
    local, _, domain = bounces.rpartition("@")
    return EmailAddress(f"{local}+{delivery:x}-{_sign(delivery, secret)}@{domain}")


def read_return_path(address: str, bounces: EmailAddress, secret: Secret) -> DeliveryId | None:
    """Return the delivery whose return path this is; None for any other address, and for a forged one."""
    local, _, domain = address.lower().rpartition("@")
    own_local, _, own_domain = bounces.lower().rpartition("@")
    before, _, token = local.rpartition("+")
    found = _TOKEN.fullmatch(token)
    if (before, domain) != (own_local, own_domain) or not found:
        return None
    delivery = DeliveryId(int(found[1], 16))
    return delivery if hmac.compare_digest(found[2], _sign(delivery, secret)) else None


def _sign(delivery: DeliveryId, secret: Secret) -> str:
    digest = secret.sign(b"return-path\0%d" % delivery)
    return base64.b32encode(digest[:10]).decode("ascii").lower()
