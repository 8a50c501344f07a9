"""Another address for a reader, confirmed at both ends: by a mail to the old one, then by one to the new one.

The old end keeps anybody from taking a subscription over who has come by a link to its preferences; the new end, from
sending mail to others. Whether the new address is known here is seen in its own mailbox only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.address import is_same_address
from newsletter.model.ledger import QueuedNotice
from newsletter.model.readers import AddressChange, Confirmation, Consent, EmailAddress, Subscriber
from newsletter.render.language import Language, load_language
from newsletter.render.notices import write_address_taken, write_new_address, write_old_address
from newsletter.stored_json import from_json, to_json
from newsletter.workflows.confirm_by_mail import NEW_ADDRESS, ConfirmByMail

if TYPE_CHECKING:
    from newsletter.model.mail import Identity, Notice
    from newsletter.storage import PersonalStore, SubscriberStore


class AddressStep(StrEnum):
    """Which end a confirmation is for."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class AddressMove:
    """A change of address as a confirmation keeps it: the end that it is for, and both addresses."""

    step: AddressStep
    old: EmailAddress
    new: EmailAddress


class Moved(StrEnum):
    """What became of a confirmation."""

    ASKED = "asked"  # the old end agreed; the new end is asked
    DONE = "done"
    TAKEN = "taken"
    OVER = "over"  # too late, or the reader has yet another address


def read_move(confirmation: Confirmation) -> AddressMove:
    """Return the change of address that waits for a confirmation."""
    return from_json(AddressMove, confirmation.wanted_json)


@dataclass(frozen=True, slots=True)
class AddressDesk:
    """Where a reader asks for another address: the stores, and what a mail needs."""

    subscribers: SubscriberStore
    personal: PersonalStore
    by_mail: ConfirmByMail
    identity: Identity

    async def ask(self, reader: Subscriber, new: EmailAddress, origin: str, now: datetime) -> bool:
        """Queue the mail to the old address that asks; False where it was asked too often today."""
        if not await self.by_mail.may_ask(NEW_ADDRESS, reader.address, now):
            return False
        lang = self._language(reader)

        def write(url: str) -> Notice:
            return write_old_address(lang, self.identity, reader.address, new, url)

        await self._ask(AddressMove(AddressStep.OLD, reader.address, new), reader, write, reader, origin, now)
        return True

    async def confirm(self, confirmation: Confirmation, origin: str, now: datetime) -> Moved:
        """Do what was confirmed; who confirms again is told the same."""
        reader = (await self.subscribers.load_many([confirmation.subscriber])).get(confirmation.subscriber)
        move = read_move(confirmation)
        if confirmation.done_at is not None and reader is not None:
            if move.step is AddressStep.OLD and is_same_address(reader.address, move.old):
                return Moved.ASKED
            return Moved.DONE if is_same_address(reader.address, move.new) else Moved.OVER
        if confirmation.expires_at <= now or reader is None or not is_same_address(reader.address, move.old):
            return Moved.OVER
        if move.step is AddressStep.NEW:
            return await self._move(confirmation, reader, move, origin, now)
        if await self.by_mail.take(confirmation, now):
            await self._ask_new(reader, move, origin, now)
        return Moved.ASKED

    async def _ask_new(self, reader: Subscriber, move: AddressMove, origin: str, now: datetime) -> None:
        """Queue the mail to the new address. What is kept is the same whether it is taken or free."""
        if not await self.by_mail.may_ask(NEW_ADDRESS, move.new, now):
            return
        holder = await self.subscribers.load(move.new)
        is_taken = holder is not None and holder.consent is not Consent.UNCONFIRMED
        told = holder if holder is not None and is_taken else reader
        lang = self._language(told)

        def write(url: str) -> Notice:
            if is_taken:
                return self._write_taken(told)
            return write_new_address(lang, self.identity, move.new, url)

        await self._ask(AddressMove(AddressStep.NEW, move.old, move.new), reader, write, told, origin, now)

    async def _move(
        self, confirmation: Confirmation, reader: Subscriber, move: AddressMove, origin: str, now: datetime
    ) -> Moved:
        # The change first: a process that ends in between must not leave a used link and nothing done.
        change = await self.personal.change_address(reader.id, move.old, move.new, now, origin)
        await self.by_mail.take(confirmation, now)
        if change is AddressChange.TAKEN:
            holder = await self.subscribers.load(move.new)
            if holder is not None:
                await self._tell_taken(holder, confirmation.id, now)
        return Moved(change.value)

    async def _tell_taken(self, holder: Subscriber, number: int, now: datetime) -> None:
        """Queue the mail that tells who has an address already where their own preferences are."""
        queued = QueuedNotice(
            kind=NEW_ADDRESS.kind,
            key=f"taken:{number}",
            recipient=holder.id,
            address=holder.address,
            notice=self._write_taken(holder),
            language=self._language(holder).code,
            expires_at=now + NEW_ADDRESS.lifetime,
        )
        await self.by_mail.planning.queue_notice(queued, now)

    def _write_taken(self, holder: Subscriber) -> Notice:
        url = self.by_mail.links.preferences(holder.id, holder.address, self.by_mail.secret)
        return write_address_taken(self._language(holder), self.identity, holder.address, url)

    async def _ask(
        self,
        move: AddressMove,
        reader: Subscriber,
        write: Callable[[str], Notice],
        told: Subscriber,
        origin: str,
        now: datetime,
    ) -> None:
        address = move.old if move.step is AddressStep.OLD else move.new
        wanted = to_json(asdict(move))
        language = self._language(told).code
        await self.by_mail.ask(
            NEW_ADDRESS,
            reader,
            address=address,
            wanted_json=wanted,
            write=write,
            language=language,
            origin=origin,
            now=now,
            recipient=told,
        )

    def _language(self, reader: Subscriber) -> Language:
        return load_language(reader.language or self.identity.language)
