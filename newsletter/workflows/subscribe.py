"""Subscribe on the page, with an answer by mail: double opt-in.

Whoever fills in the form gets the same answer, whoever they are: what happens is decided here and seen in the mailbox
only. Pure: which mail an address gets, what a confirmation does to a reader. I/O: the stores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.address import is_same_address
from newsletter.compose.subscription import ask
from newsletter.errors import StoreError
from newsletter.model.readers import (
    Cadence,
    Confirmation,
    Consent,
    EmailAddress,
    Refused,
    Subscriber,
    Suppression,
)
from newsletter.render.language import load_language
from newsletter.render.notices import write_confirm, write_known, write_own_link
from newsletter.stored_json import from_parsed, to_json
from newsletter.workflows.confirm_by_mail import SUBSCRIBING, ConfirmByMail, is_open

if TYPE_CHECKING:
    from newsletter.model.mail import Identity, Notice
    from newsletter.storage import ConfirmationStore, SubscriberStore
    from newsletter.workflows.subscriptions import Subscriptions

_ERASED_AT_ONCE = 200


class Reply(StrEnum):
    """The mail that an address gets when somebody subscribes with it."""

    CONFIRM = "confirm"
    KNOWN = "known"  # you have it already; here are your preferences
    NOTHING = "nothing"


def choose_reply(reader: Subscriber | None, suppression: Suppression | None) -> Reply:
    """Decide which mail an address gets that has not had its share of them.

    One that did not take our mail is asked, also where it belongs to a reader: confirming is the way back. One that
    complained gets nothing before the operator lifts it.
    """
    if suppression is not None:
        return Reply.NOTHING if suppression.is_complaint else Reply.CONFIRM
    if reader is not None and reader.consent in (Consent.CONFIRMED, Consent.PAUSED):
        return Reply.KNOWN
    return Reply.CONFIRM


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of a confirmation. reader is None where it came too late; is_new: it was done just now.
    is_out_of_date: the reader has decided something newer since, and nothing was done."""

    reader: Subscriber | None
    is_new: bool = False
    is_out_of_date: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """Where somebody subscribes: the stores, and what a mail needs."""

    subscribers: SubscriberStore
    subscriptions: Subscriptions
    by_mail: ConfirmByMail
    identity: Identity

    async def ask(self, wanted: Subscriber, language: str, origin: str, now: datetime) -> Reply:
        """Take down what somebody wants and queue the mail that asks whether the address is theirs; return which mail
        it is. Nothing that a known reader has is changed.

        language is that of the mail. origin is the shortened address of the client.
        """
        reader = await self.subscribers.load(wanted.address)
        suppressed = await self.subscribers.load_suppressed([wanted.address])
        reply = choose_reply(reader, suppressed.get(wanted.address))
        if reply is Reply.NOTHING or not await self.by_mail.may_ask(SUBSCRIBING, wanted.address, now):
            return Reply.NOTHING
        reader = reader or await self._write_down(wanted, origin, now)
        lang = load_language(language)

        def write(url: str) -> Notice:
            if reply is Reply.CONFIRM:
                return write_confirm(lang, self.identity, reader.address, url)
            own = self.by_mail.links.preferences(reader.id, reader.address, self.by_mail.secret)
            return write_known(lang, self.identity, own, is_paused=reader.consent is Consent.PAUSED)

        await self.by_mail.ask(
            SUBSCRIBING,
            reader,
            address=reader.address,
            wanted_json=write_wanted(wanted),
            write=write,
            language=language,
            origin=origin,
            now=now,
        )
        return reply

    async def send_link(self, address: EmailAddress, language: str, origin: str, now: datetime) -> bool:
        """Queue the mail with the link to their preferences for a reader who has this address; return whether there is
        one who may get it. It counts among the mails that subscribing may send to an address.

        language is that of the mail where the reader has chosen none. origin is the shortened address of the client.
        """
        reader = await self.subscribers.load(address)
        suppressed = await self.subscribers.load_suppressed([address])
        if reader is None or choose_reply(reader, suppressed.get(address)) is not Reply.KNOWN:
            return False
        if not await self.by_mail.may_ask(SUBSCRIBING, reader.address, now):
            return False
        lang = load_language(reader.language or language)
        own = self.by_mail.links.preferences(reader.id, reader.address, self.by_mail.secret)
        await self.by_mail.ask(
            SUBSCRIBING,
            reader,
            address=reader.address,
            wanted_json=write_wanted(reader),
            write=lambda _url: write_own_link(lang, self.identity, own),
            language=lang.code,
            origin=origin,
            now=now,
        )
        return True

    async def _write_down(self, wanted: Subscriber, origin: str, now: datetime) -> Subscriber:
        """Return the new reader, who gets nothing until they confirm."""
        stranger = ask(wanted)
        assert isinstance(stranger, Subscriber)  # of somebody new an address may always be known
        try:
            await self.subscribers.save([stranger], now, "requested on the web page", origin)
        except StoreError:
            # Somebody else may have written the same address down in this moment.
            known = await self.subscribers.load(wanted.address)
            if known is None:
                raise
            return known
        known = await self.subscribers.load(wanted.address)
        assert known is not None  # just saved
        return known

    async def confirm(self, confirmation: Confirmation, now: datetime) -> Confirmed:
        """Do what was confirmed, once; return what became of it.

        The link is used up after what it does: a process that ends in between leaves one that can be pressed again,
        and does the same.
        """
        loaded = await self.subscribers.load_many([confirmation.subscriber])
        reader = loaded.get(confirmation.subscriber)
        if reader is None or not is_same_address(reader.address, confirmation.address):
            return Confirmed(None)  # erased, or moved to another address, meanwhile
        if was_done(confirmation, reader):
            return Confirmed(reader)
        if confirmation.done_at is None and not is_open(confirmation, now):
            return Confirmed(None)
        wanted = read_wanted(reader, confirmation.wanted_json)
        moved = await self.subscriptions.confirm(reader.id, wanted, confirmation)
        if isinstance(moved, Refused):
            return Confirmed(reader, is_out_of_date=True)
        await self.by_mail.take(confirmation, now)
        return Confirmed(moved, is_new=True)


def was_done(confirmation: Confirmation, reader: Subscriber) -> bool:
    """Return whether a confirmation was taken and carried out."""
    return confirmation.done_at is not None and reader.consent is not Consent.UNCONFIRMED


# --- what was asked for, kept as JSON until it is confirmed ---------------------------------------


_AS_THEY_ARE = ("name", "language", "layout", "pictures", "everything_else")


def write_wanted(wanted: Subscriber) -> str:
    """Return the preferences of a reader as canonical JSON."""
    cadence = wanted.cadence
    return to_json(
        {
            **{name: getattr(wanted, name) for name in _AS_THEY_ARE},
            "topics": json.loads(wanted.topics_json),
            "days": sorted(cadence.days),
            "hour": cadence.at,
            "zone": cadence.zone,
        }
    )


def read_wanted(reader: Subscriber, wanted_json: str) -> Subscriber:
    """Return the reader with the preferences that `write_wanted` wrote."""
    wanted = json.loads(wanted_json)
    return replace(
        reader,
        # What waited while the program was replaced by a newer one may not have all of them.
        **{name: wanted[name] for name in _AS_THEY_ARE if name in wanted},
        topics_json=to_json(wanted["topics"]),
        cadence=from_parsed(Cadence, {**wanted, "at": wanted["hour"]}),
    )


# --- those who never confirmed --------------------------------------------------------------------


async def thin_unconfirmed(
    subscribers: SubscriberStore, confirmations: ConfirmationStore, now: datetime
) -> int:
    """Erase those who were asked and did not confirm in time, and what is over of confirmations; return how many
    people."""
    stale = await confirmations.load_lapsed(now, _ERASED_AT_ONCE)
    erased = [reader for reader in stale if await subscribers.erase(reader)]
    await confirmations.thin(now - SUBSCRIBING.period)
    return len(erased)
