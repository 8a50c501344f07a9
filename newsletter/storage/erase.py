"""Erasing a person: in every table that may name them, in one transaction."""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, or_, select, update

from newsletter.model import Consent, State, SubscriberId
from newsletter.storage.tables import (
    attempts,
    bounces,
    confirmations,
    consents,
    deliveries,
    delivery_entries,
    sessions,
)
from newsletter.storage.tables import subscribers as readers


def erase_person(connection: Connection, subscriber: SubscriberId) -> bool:
    """Erase a person; False, and nothing is done, while a mail to them is on its way.

    Their deliveries stay as rows without address, content, entries and replies, so that the counts of editions
    stay true; what was still pending is suppressed. A suppression of the address stays: an import would else
    mail them again.
    """
    mine = deliveries.c.recipient == subscriber
    if connection.scalar(
        select(deliveries.c.id).where(mine, deliveries.c.state.in_([State.CLAIMED, State.IN_DATA])).limit(1)
    ):
        return False
    rows = select(deliveries.c.id).where(mine)
    address = connection.scalar(select(readers.c.address).where(readers.c.id == subscriber))
    connection.execute(delete(delivery_entries).where(delivery_entries.c.delivery.in_(rows)))
    connection.execute(update(attempts).where(attempts.c.delivery.in_(rows)).values(reply="erased"))
    connection.execute(
        update(deliveries)
        .where(mine, deliveries.c.state.in_([State.QUEUED, State.DEFERRED]))
        .values(state=State.SUPPRESSED)
    )
    connection.execute(
        update(deliveries)
        .where(mine)
        .values(
            address=case((deliveries.c.address.is_(None), None), else_=""),
            content_json=case((deliveries.c.content_json.is_(None), None), else_=""),
            card_hashes=case((deliveries.c.card_hashes.is_(None), None), else_="[]"),
            message_id=None,
            last_reply="erased",
        )
    )
    connection.execute(
        update(bounces)
        .where(or_(bounces.c.delivery.in_(rows), bounces.c.address == address))
        .values(address="", diagnostic="")
    )
    connection.execute(delete(consents).where(consents.c.subscriber == subscriber))
    connection.execute(
        delete(confirmations).where(
            or_(confirmations.c.subscriber == subscriber, confirmations.c.address == address)
        )
    )
    connection.execute(delete(sessions).where(sessions.c.address == address))
    connection.execute(
        update(readers)
        .where(readers.c.id == subscriber)
        .values(
            address=f"erased-{subscriber}@erased.invalid",
            name="",
            language="",
            layout="",
            days="[0]",
            local_time="07:00:00",
            zone="UTC",
            topics_json="[]",
            everything_else=0,
            consent=Consent.LEFT,
            next_due_at=None,
            wake_at=None,
            file_owned=False,
        )
    )
    return True
