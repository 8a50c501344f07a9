"""Notices: mails that are no digests. What causes one queues it; the sender sends it within seconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from newsletter.compose.subscription import ask
from newsletter.model.readers import EmailAddress, Subscriber
from newsletter.workflows.preview import make_trial_reader

if TYPE_CHECKING:
    from newsletter.storage import SubscriberStore


async def find_recipient(address: EmailAddress, subscribers: SubscriberStore, now: datetime) -> Subscriber:
    """Return who has this address; somebody unknown is written down as one who gets no digest.

    The ledger knows every mail by its recipient, and an operator need not be a reader.
    """
    known = await subscribers.load(address)
    if known is None:
        stranger = ask(replace(make_trial_reader("[]", 0), address=address))
        assert isinstance(stranger, Subscriber)  # of somebody new an address may always be known
        await subscribers.save([stranger], now, "gets transactional mail, no digests")
        known = await subscribers.load(address)
        assert known is not None
    return known
