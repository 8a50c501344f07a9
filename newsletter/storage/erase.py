"""Erasing a person: in every table that may name them, in one transaction.

What is left of a reader is a row that deliveries point to. In place of the address it has a keyed hash of it, which
tells nothing without the secret, and with it only whether a given address was erased: subscribers.yaml or another list
may still name the person, and who was erased must not be mailed again because of it.
"""

from __future__ import annotations

import base64
from collections.abc import Collection

from sqlalchemy import Connection, case, delete, or_, select, update

from newsletter.address import address_key
from newsletter.compose.subscription import ERASED_DOMAIN, erase
from newsletter.deliver.ledger_rules import Event
from newsletter.model.ledger import HELD
from newsletter.model.readers import Consent, EmailAddress, Subscriber, SubscriberId
from newsletter.signing import Secret
from newsletter.storage.dialects import in_chunks, key_of
from newsletter.storage.ledger.moves import end_all
from newsletter.storage.subscriptions import insert_readers, lock_readers, write_readers
from newsletter.storage.tables import (
    attempts,
    bounces,
    confirmations,
    consents,
    contents,
    deliveries,
    mails,
    operator_acts,
    outcomes,
    queue,
    sessions,
    settings,
    strikes,
)
from newsletter.storage.tables import subscribers as readers

_ERASED = "erased"


def find_erased(connection: Connection, addresses: Collection[EmailAddress]) -> frozenset[EmailAddress]:
    """Return those of these addresses that were erased, and not because they never confirmed, or given up."""
    secret = _load_secret(connection)
    by_name: dict[str, list[EmailAddress]] = {}
    for address in addresses:
        by_name.setdefault(_hash_address(address, secret), []).append(address)
    found: set[EmailAddress] = set()
    for names in in_chunks(by_name):
        rows = connection.scalars(select(readers.c.address).where(readers.c.address_key.in_(names)))
        found.update(*(by_name[name] for name in rows))
    return frozenset(found)


def give_up_address(connection: Connection, reader: Subscriber) -> None:
    """Leave of an address that its reader gives up what is left of an erased one, so that no list brings it back."""
    name = _hash_address(reader.address, _load_secret(connection))
    if connection.scalar(select(readers.c.id).where(readers.c.address_key == name)) is None:
        insert_readers(connection, [erase(reader, name)])


def _load_secret(connection: Connection) -> Secret:
    return Secret.from_hex(
        connection.scalar(select(settings.c.value).where(settings.c.key == "secret")) or ""
    )


def _hash_address(address: str, secret: Secret) -> str:
    digest = secret.sign(b"erased\0" + address_key(address).encode())
    return f"{base64.b32encode(digest[:20]).decode().lower()}{ERASED_DOMAIN}"


def _choose_name(connection: Connection, reader: Subscriber) -> str:
    """Return what stands in place of the address. Nobody who only entered it, or was erased before, needs the hash."""
    if reader.consent is not Consent.UNCONFIRMED:
        name = _hash_address(reader.address, _load_secret(connection))
        if connection.scalar(select(readers.c.id).where(readers.c.address_key == name)) is None:
            return name
    return f"erased-{reader.id}{ERASED_DOMAIN}"


def erase_person(connection: Connection, subscriber: SubscriberId) -> bool:
    """Erase a person; False, and nothing is done, while a mail to them is on its way.

    Their deliveries stay as rows without address, content, entries and replies, so that the counts of editions
    stay true; what was still pending is suppressed. A suppression of the address stays: an import would else
    mail them again.
    """
    held = select(queue.c.id).where(queue.c.recipient == subscriber, queue.c.state.in_(HELD))
    if connection.scalar(held.limit(1)):
        return False
    rows = select(deliveries.c.id).where(deliveries.c.recipient == subscriber)
    before = lock_readers(connection, [subscriber])
    address = next((reader.address for reader in before.values()), None)
    _blank_deliveries(connection, subscriber)
    connection.execute(
        update(bounces)
        .where(or_(bounces.c.delivery.in_(rows), bounces.c.address == address))
        .values(address="", diagnostic="")
    )
    connection.execute(delete(strikes).where(or_(strikes.c.delivery.in_(rows), strikes.c.address == address)))
    connection.execute(delete(consents).where(consents.c.subscriber == subscriber))
    connection.execute(
        delete(confirmations).where(
            or_(confirmations.c.subscriber == subscriber, key_of(confirmations.c.address) == address)
        )
    )
    connection.execute(delete(sessions).where(sessions.c.address == address))
    connection.execute(update(operator_acts).where(operator_acts.c.who == address).values(who=""))
    left_over = [erase(was, _choose_name(connection, was)) for was in before.values()]
    if left_over:
        write_readers(connection, left_over)
    return True


def _blank_deliveries(connection: Connection, subscriber: SubscriberId) -> None:
    """Leave of a person's deliveries what the counts need; what is pending is suppressed."""
    rows = select(deliveries.c.id).where(deliveries.c.recipient == subscriber)
    connection.execute(update(attempts).where(attempts.c.delivery.in_(rows)).values(reply=_ERASED))
    end_all(connection, Event.ERASE, _ERASED, queue.c.recipient == subscriber)
    connection.execute(update(queue).where(queue.c.recipient == subscriber).values(last_reply=_ERASED))
    connection.execute(update(outcomes).where(outcomes.c.delivery.in_(rows)).values(last_reply=_ERASED))
    connection.execute(delete(contents).where(contents.c.delivery.in_(rows)))
    connection.execute(
        update(mails)
        .where(mails.c.recipient == subscriber)
        .values(
            address=case((mails.c.address.is_(None), None), else_=""),
            entries_json=case((mails.c.entries_json.is_(None), None), else_="[]"),
            message_id=None,
        )
    )
    connection.execute(
        update(deliveries)
        .where(deliveries.c.recipient == subscriber, deliveries.c.address.is_not(None))
        .values(address="")
    )
