"""Ask by mail: whoever asks for something in the name of an address gets it when its mailbox says so.

Subscribing, another address and the operator's login are asked for in the same way: so many mails an address, a link
that holds for a while, and what was asked for is done at the press of a button, once. What that is, each of them says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.model.ledger import Kind, QueuedNotice
from newsletter.model.mail import Notice
from newsletter.model.readers import Asked, Confirmation, EmailAddress, Subscriber

if TYPE_CHECKING:
    from newsletter.signing import Secret
    from newsletter.storage import ConfirmationStore
    from newsletter.storage.ledger.planning import Planning
    from newsletter.web_links import WebLinks

Write = Callable[[str], Notice]
"""Where the button leads → the mail."""


@dataclass(frozen=True, slots=True)
class Terms:
    """An address gets at most so many mails in a period, whoever asks for them. lifetime: how long a link can be
    pressed, and its mail is tried."""

    asked: Asked
    kind: Kind
    most: int
    period: timedelta
    lifetime: timedelta


SUBSCRIBING = Terms(Asked.SUBSCRIBE, Kind.CONFIRM, 3, timedelta(days=1), timedelta(days=7))
NEW_ADDRESS = Terms(Asked.ADDRESS, Kind.CONFIRM, 3, timedelta(days=1), timedelta(days=7))
# No longer than a link holds: an operator who gets none now has one that works, so nobody else can lock them out.
LOGGING_IN = Terms(Asked.LOGIN, Kind.LOGIN, 5, timedelta(minutes=15), timedelta(minutes=15))


@dataclass(frozen=True, slots=True)
class ConfirmByMail:
    """Where something is asked for. secret signs the links."""

    confirmations: ConfirmationStore
    planning: Planning
    links: WebLinks
    secret: Secret

    async def may_ask(self, terms: Terms, address: EmailAddress, now: datetime) -> bool:
        """Return whether an address may get one more mail of this kind."""
        return await self.confirmations.count_since(address, now - terms.period) < terms.most

    async def ask(
        self,
        terms: Terms,
        reader: Subscriber,
        *,
        address: EmailAddress,
        wanted_json: str,
        write: Write,
        language: str,
        origin: str,
        now: datetime,
        recipient: Subscriber | None = None,
    ) -> None:
        """Write down what was asked for and queue the mail that asks the address; the ledger knows it by its
        recipient, the reader where no other one is given. origin is the shortened address of the client."""
        expires_at = now + terms.lifetime
        number = await self.confirmations.ask(
            terms.asked, reader.id, address, wanted_json, origin, now, expires_at
        )
        notice = write(self.links.confirm(number, self.secret))
        to = recipient or reader
        queued = QueuedNotice(
            kind=terms.kind,
            key=f"{terms.kind}:{number}",
            recipient=to.id,
            address=address,
            notice=notice,
            language=language,
            expires_at=expires_at,
        )
        await self.planning.queue_notice(queued, now)

    async def take(self, confirmation: Confirmation, now: datetime) -> bool:
        """Take what was confirmed; True for the first one who presses in time, and for nobody else."""
        return await self.confirmations.finish(confirmation.id, now)


def is_open(confirmation: Confirmation, now: datetime) -> bool:
    """Return whether a button can still be pressed for the first time."""
    return confirmation.done_at is None and confirmation.expires_at > now


def is_out_of_date(confirmation: Confirmation, reader: Subscriber) -> bool:
    """Return whether a reader has decided something newer since they asked: they have left, say, or have chosen other
    preferences. What they asked for before is not wanted any more."""
    return reader.decided_at is not None and confirmation.asked_at < reader.decided_at
