"""Notices: mails that are no digests. What causes one queues it; the sender sends it within seconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from newsletter.compose.subscription import ask
from newsletter.model import EmailAddress, Identity, Kind, QueuedNotice, Subscriber
from newsletter.ports import DeliveryStore, SubscriberStore
from newsletter.render.language import load_language
from newsletter.render.notices import write_alert
from newsletter.workflows.health import Alert
from newsletter.workflows.preview import make_trial_reader

ALERT_LIFETIME = timedelta(days=1)
"""So long is it tried to tell the operator; a problem that stays is told again the next day."""


async def find_recipient(address: EmailAddress, subscribers: SubscriberStore, now: datetime) -> Subscriber:
    """Return who has this address; somebody unknown is written down as one who gets no digest.

    The ledger knows every mail by its recipient, and an operator need not be a reader.
    """
    known = await subscribers.load(address)
    if known is None:
        stranger = ask(replace(make_trial_reader("[]", 0), address=address))
        assert isinstance(stranger, Subscriber)  # of somebody new an address may always be known
        await subscribers.save([stranger], now, "gets notices, no digest")
        known = await subscribers.load(address)
        assert known is not None
    return known


async def queue_alert(
    alert: Alert,
    to: EmailAddress,
    identity: Identity,
    subscribers: SubscriberStore,
    deliveries: DeliveryStore,
    now: datetime,
) -> bool:
    """Queue a mail to the operator; False where they have been told already."""
    reader = await find_recipient(to, subscribers, now)
    notice = write_alert(load_language(identity.language), identity, alert.what, alert.facts, (alert.advice,))
    queued = QueuedNotice(
        Kind.ALERT, alert.key, reader.id, to, notice, identity.language, now + ALERT_LIFETIME
    )
    return await deliveries.queue_notice(queued, now)
