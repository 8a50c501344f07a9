"""Subscribe on the page, with an answer by mail: double opt-in.

Whoever fills in the form gets the same answer, whoever they are: what happens is decided here and seen in the mailbox
only. Pure: which mail an address gets, what a confirmation does to a reader. I/O: the stores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any

from newsletter.checked_yaml import to_json
from newsletter.compose.slots import next_slot
from newsletter.errors import StoreError
from newsletter.model import Asked, Cadence, Confirmation, Consent, Identity, Kind, Notice, Subscriber
from newsletter.ports import ConfirmationStore, DeliveryStore, EntryStore, SubscriberStore
from newsletter.render.language import load_language
from newsletter.render.notices import write_confirm, write_known
from newsletter.secret import Secret
from newsletter.web_links import WebLinks
from newsletter.workflows.import_subscribers import find_window_start

LIFETIME = timedelta(days=7)
"""How long a confirmation can be clicked, and its mail is tried."""

MOST_MAILS = 3
PERIOD = timedelta(days=1)
"""An address gets at most so many mails of this kind in a day, whoever asks for them."""

_ERASED_AT_ONCE = 200


class Reply(StrEnum):
    """The mail that an address gets when somebody subscribes with it."""

    CONFIRM = "confirm"
    KNOWN = "known"  # you have it already; here are your preferences
    NOTHING = "nothing"


def choose_reply(reader: Subscriber | None, asked: int) -> Reply:
    """Decide which mail an address gets. asked counts what was asked for with it in the last PERIOD."""
    if asked >= MOST_MAILS:
        return Reply.NOTHING
    if reader is not None and reader.consent in (Consent.CONFIRMED, Consent.PAUSED):
        return Reply.KNOWN
    return Reply.CONFIRM


@dataclass(frozen=True, slots=True)
class Desk:
    """Where somebody subscribes: the stores, and what a mail needs."""

    subscribers: SubscriberStore
    entries: EntryStore
    deliveries: DeliveryStore
    confirmations: ConfirmationStore
    identity: Identity
    links: WebLinks
    secret: Secret

    async def ask(self, wanted: Subscriber, language: str, origin: str, now: datetime) -> Reply:
        """Take down what somebody wants and queue the mail that asks whether the address is theirs; return which mail
        it is. Nothing that a known reader has is changed.

        language is that of the mail. origin is the shortened address of the client.
        """
        reader = await self.subscribers.load(wanted.address)
        asked = await self.confirmations.count_since(wanted.address, now - PERIOD)
        reply = choose_reply(reader, asked)
        if reply is Reply.NOTHING:
            return reply
        reader = reader or await self._write_down(wanted, origin, now)
        expires_at = now + LIFETIME
        number = await self.confirmations.ask(
            Asked.SUBSCRIBE, reader.id, reader.address, write_wanted(wanted), origin, now, expires_at
        )
        lang = load_language(language)
        notice: Notice
        if reply is Reply.KNOWN:
            url = self.links.preferences(reader.id, reader.address, self.secret)
            notice = write_known(lang, self.identity, url, is_paused=reader.consent is Consent.PAUSED)
        else:
            url = self.links.confirm(number, self.secret)
            notice = write_confirm(lang, self.identity, reader.address, url)
        await self.deliveries.queue_notice(
            *(Kind.CONFIRM, f"confirm:{number}", reader.id, reader.address, notice, language, now, expires_at)
        )
        return reply

    async def _write_down(self, wanted: Subscriber, origin: str, now: datetime) -> Subscriber:
        """Return the new reader, who gets nothing until they confirm."""
        stranger = replace(wanted, consent=Consent.UNCONFIRMED, next_due_at=None, file_owned=False)
        try:
            await self.subscribers.save([stranger], now, "asked for on the web page", origin)
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
        """Do what was confirmed, once; return what became of it."""
        is_first = await self.confirmations.finish(confirmation.id, now)
        if not is_first:
            confirmation = await self.confirmations.load(confirmation.id) or confirmation
        loaded = await self.subscribers.load_many([confirmation.subscriber])
        reader = loaded.get(confirmation.subscriber)
        if reader is None or reader.address != confirmation.address:
            return Confirmed(None, is_new=False)  # erased, or moved to another address, meanwhile
        if not is_first and not _was_cut_off(reader, confirmation):
            return Confirmed(reader if confirmation.done_at else None, is_new=False)
        began = await find_window_start(parse_cadence(confirmation.wanted_json), self.entries, now)
        joined = join(reader, confirmation.wanted_json, began, now)
        await self.subscribers.save([joined], now, "confirmed by link", confirmation.origin)
        return Confirmed(joined, is_new=True)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of a confirmation. reader is None where it came too late; is_new: it was done just now."""

    reader: Subscriber | None
    is_new: bool


def _was_cut_off(reader: Subscriber, confirmation: Confirmation) -> bool:
    """Say whether a confirmation was taken but, as the process ended in between, not carried out."""
    return confirmation.done_at is not None and reader.consent is Consent.UNCONFIRMED


def join(reader: Subscriber, wanted_json: str, began: int, now: datetime) -> Subscriber:
    """Return the reader with what they confirmed: the first digest is that of the next slot and covers the runs after
    ``began``, but nothing that earlier digests counted."""
    wanted = read_wanted(reader, wanted_json)
    return replace(
        wanted,
        consent=Consent.CONFIRMED,
        wake_at=None,
        next_due_at=next_slot(wanted.cadence, now).at,
        counted_run=max(reader.counted_run, began),
        file_owned=False,
    )


# --- what was asked for, kept as JSON until it is confirmed ---------------------------------------


def write_wanted(wanted: Subscriber) -> str:
    """Return the preferences of a reader as canonical JSON."""
    return to_json(
        {
            "name": wanted.name,
            "topics": json.loads(wanted.topics_json),
            "days": sorted(wanted.cadence.days),
            "hour": wanted.cadence.at.isoformat(),
            "zone": wanted.cadence.zone,
            "language": wanted.language,
            "layout": wanted.layout,
            "everything_else": wanted.everything_else,
        }
    )


def read_wanted(reader: Subscriber, wanted_json: str) -> Subscriber:
    """Return the reader with the preferences that `write_wanted` wrote."""
    wanted = json.loads(wanted_json)
    return replace(
        reader,
        name=wanted["name"],
        topics_json=to_json(wanted["topics"]),
        cadence=_read_cadence(wanted),
        language=wanted["language"],
        layout=wanted["layout"],
        everything_else=wanted["everything_else"],
    )


def parse_cadence(wanted_json: str) -> Cadence:
    """Return the cadence in what `write_wanted` wrote."""
    return _read_cadence(json.loads(wanted_json))


def _read_cadence(wanted: Mapping[str, Any]) -> Cadence:
    return Cadence(frozenset(wanted["days"]), time.fromisoformat(wanted["hour"]), wanted["zone"])


# --- those who never confirmed --------------------------------------------------------------------


async def thin_unconfirmed(
    subscribers: SubscriberStore, confirmations: ConfirmationStore, now: datetime
) -> int:
    """Erase those who were asked and did not confirm in time, and what is over of confirmations; return how many
    people."""
    stale = await confirmations.load_lapsed(now, _ERASED_AT_ONCE)
    erased = [reader for reader in stale if await subscribers.erase(reader, now)]
    await confirmations.thin(now - PERIOD)
    return len(erased)
