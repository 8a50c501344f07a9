"""A delivery in any state, put there without the way to it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert

from newsletter.model.ledger import HELD, OPEN, DeliveryId, InstanceId, Kind, Snapshot, State
from newsletter.model.readers import Slot, SubscriberId
from newsletter.storage.dialects import insert_or_ignore
from newsletter.storage.tables import bundles, cards, contents, deliveries, mails, outcomes, queue


def put_delivery(
    connection: Connection,
    recipient: SubscriberId,
    slot: Slot,
    state: State,
    *,
    holder: InstanceId | None = None,
    snapshot: Snapshot | None = None,
    **changes: Any,
) -> DeliveryId:
    """Write a digest in this state, tried once; return its id. holder has it where it is held, and had it in data where
    it is uncertain. changes are columns of the queue or of the outcome."""
    edition = slot.local_on.isoformat()
    new = insert(deliveries).values(kind=Kind.DIGEST, key=edition, recipient=recipient, slot_at=slot.at)
    number = DeliveryId(connection.execute(new.returning(deliveries.c.id)).scalar_one())
    if snapshot is not None:
        put_snapshot(connection, number, recipient, slot, snapshot)
    put_state(connection, number, recipient, slot, state, holder=holder, **changes)
    return number


def put_snapshot(
    connection: Connection, number: DeliveryId, recipient: SubscriberId, slot: Slot, snapshot: Snapshot
) -> None:
    """Freeze a delivery."""
    keep_bundle = insert_or_ignore(connection, bundles)
    connection.execute(keep_bundle.values(hash=snapshot.bundle_hash, json=snapshot.bundle_json))
    for name, card in snapshot.cards.items():
        connection.execute(insert_or_ignore(connection, cards).values(hash=name, json=card))
    connection.execute(
        insert(mails).values(
            delivery=number,
            recipient=recipient,
            address=snapshot.address,
            after_run=snapshot.window.after_run if snapshot.window else None,
            upto_run=snapshot.window.upto_run if snapshot.window else None,
            entries_json="[]",
            bundle_hash=snapshot.bundle_hash,
            content_hash=snapshot.content_hash,
            message_id=snapshot.message_id,
            size_bytes=snapshot.size_bytes,
        )
    )
    connection.execute(insert(contents).values(delivery=number, slot_at=slot.at, json=snapshot.content_json))


def put_state(
    connection: Connection,
    number: DeliveryId,
    recipient: SubscriberId,
    slot: Slot,
    state: State,
    *,
    holder: InstanceId | None = None,
    **changes: Any,
) -> None:
    """Put a delivery into a state, whatever it was in."""
    connection.execute(delete(queue).where(queue.c.id == number))
    connection.execute(delete(outcomes).where(outcomes.c.delivery == number))
    edition, is_uncertain = slot.local_on.isoformat(), state is State.UNCERTAIN
    shared = {"edition": edition, "state": state, "attempt": 1}
    if state not in OPEN:
        ended = {"resends": 0, "last_reply": "", "relay": "", "answered_at": None}
        connection.execute(insert(outcomes).values(delivery=number, **{**shared, **ended, **changes}))
        return
    values = {
        **shared,
        "kind": Kind.DIGEST,
        "recipient": recipient,
        "slot_at": slot.at,
        "next_attempt_at": slot.at,
        "expires_at": slot.at,
        "claimed_by": holder if state in HELD else None,
        "state_before_claim": State.QUEUED if state in HELD else None,
        "uncertain_at": slot.at if is_uncertain else None,
        "lost_by": holder if is_uncertain else None,
    }
    connection.execute(insert(queue).values(id=number, **{**values, **changes}))
