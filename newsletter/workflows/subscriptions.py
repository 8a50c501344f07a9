"""Subscriptions: load, decide, write, and tell the reader by mail. One transaction for each move.

What is allowed, and what it changes, says ``compose.subscription``. Whoever's subscription changes is told, by whomever
it was changed: what the pages do and what the operator does goes through here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.compose import subscription
from newsletter.match.topics import list_names
from newsletter.model.ledger import Kind, QueuedNotice
from newsletter.model.readers import (
    Confirmation,
    Consent,
    ConsentMove,
    Lift,
    Refusal,
    Refused,
    Subscriber,
    SubscriberId,
)
from newsletter.render.language import load_language
from newsletter.render.notices import write_changed, write_goodbye
from newsletter.workflows.import_subscribers import begin_reading, find_window_start

if TYPE_CHECKING:
    from newsletter.model.mail import Identity
    from newsletter.model.topics import Topic
    from newsletter.ports import Clock
    from newsletter.signing import Secret
    from newsletter.storage import EntryStore, SubscriberStore
    from newsletter.web_links import WebLinks

NOTICE_LIFETIME = timedelta(days=2)
"""So long is it tried to tell a reader what has changed."""

Decide = Callable[[Subscriber], Subscriber | Refused]
IsAsShown = Callable[[Subscriber], bool]


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of one newsletter. links is None where there are no pages; secret signs their tokens."""

    subscribers: SubscriberStore
    entries: EntryStore
    identity: Identity
    library: Mapping[str, Topic]
    links: WebLinks | None
    secret: Secret
    clock: Clock

    async def add(self, wanted: Subscriber, why: str) -> Subscriber | Refused:
        """Add somebody who has agreed, and has heard of it; their first digest covers what an ordinary one would.

        An address that is suppressed is not added: nothing would go there.
        """
        known = await self.subscribers.load(wanted.address)
        if known is not None:
            refusal = subscription.MOVES[subscription.status_of(known)][ConsentMove.ADD]
            return Refused(refusal if isinstance(refusal, Refusal) else Refusal.KNOWN)
        if await self.subscribers.load_suppressed([wanted.address]):
            return Refused(Refusal.SUPPRESSED)
        now = self.clock.now()
        joined = await begin_reading(wanted, self.entries, now)
        await self.subscribers.save([joined], now, why)
        return joined

    async def confirm(
        self, reader: SubscriberId, wanted: Subscriber, confirmation: Confirmation
    ) -> Subscriber | Refused:
        """Begin what was confirmed by mail. It shows that mail arrives, so what bounces had ended is over."""
        now = self.clock.now()
        began = await find_window_start(wanted.cadence, self.entries, now)
        return await self._move(
            reader,
            ConsentMove.CONFIRM,
            lambda before: subscription.confirm(before, wanted, confirmation.asked_at, now, began),
            "confirmed by link",
            confirmation.origin,
            lift=Lift.BOUNCES,
            is_told=False,
        )

    async def change(
        self, reader: SubscriberId, wanted: Subscriber, origin: str, is_as_shown: IsAsShown
    ) -> Subscriber | Refused:
        """Give a reader the preferences of ``wanted``, unless they are not as the page showed them any more."""
        now = self.clock.now()
        return await self._move_as_shown(
            reader,
            ConsentMove.CHANGE,
            lambda before: subscription.change(before, wanted, now),
            "on the preferences page",
            origin,
            is_as_shown,
        )

    async def pause(
        self,
        reader: SubscriberId,
        first_on: date | None,
        why: str,
        origin: str = "",
        is_as_shown: IsAsShown = lambda _reader: True,
    ) -> Subscriber | Refused:
        """Send nothing before a date that is local to the reader, or until they are back."""
        now = self.clock.now()
        return await self._move_as_shown(
            reader,
            ConsentMove.PAUSE,
            lambda before: subscription.pause(before, first_on, now),
            why,
            origin,
            is_as_shown,
        )

    async def take_up(
        self, reader: Subscriber, why: str, origin: str, is_as_shown: IsAsShown
    ) -> Subscriber | Refused:
        """Mail a reader again who has a pause, or has left. What came meanwhile is not sent after them."""
        now, newest = self.clock.now(), await self.entries.newest_run()
        if reader.consent is Consent.LEFT:
            move, decide = ConsentMove.COME_BACK, subscription.come_back
        else:
            move, decide = ConsentMove.RESUME, subscription.resume
        return await self._move_as_shown(
            reader.id, move, lambda before: decide(before, now, newest), why, origin, is_as_shown
        )

    async def leave(
        self, reader: SubscriberId, why: str, origin: str = "", *, is_told: bool
    ) -> Subscriber | Refused:
        """Let a reader leave; as they are, where they had left before.

        A mail that is under way is not sent any more: the sender looks at the consent when it claims one.
        """
        now = self.clock.now()
        return await self._move(
            reader,
            ConsentMove.LEAVE,
            lambda before: subscription.leave(before, now),
            why,
            origin,
            is_told=is_told,
        )

    async def undo_leaving(
        self, reader: SubscriberId, move: ConsentMove, decide: Decide, origin: str
    ) -> Subscriber | Refused:
        """Give back what the goodbye page took, or less of it."""
        return await self._move(reader, move, decide, "resubscribed on the goodbye page", origin)

    async def restore(self, reader: SubscriberId, why: str) -> Subscriber | Refused:
        """Mail a reader again because the operator says so, whatever ended it. See take_up."""
        now, newest = self.clock.now(), await self.entries.newest_run()
        return await self._move(
            reader,
            ConsentMove.RESTORE,
            lambda before: subscription.restore(before, now, newest),
            why,
            lift=Lift.ALL,
        )

    async def _move_as_shown(
        self,
        reader: SubscriberId,
        move: ConsentMove,
        decide: Decide,
        why: str,
        origin: str,
        is_as_shown: IsAsShown,
    ) -> Subscriber | Refused:
        """Move a reader, unless a page showed them as they are no longer: two pages do not undo each other's work."""

        def decide_if_shown(before: Subscriber) -> Subscriber | Refused:
            return decide(before) if is_as_shown(before) else Refused(Refusal.STALE)

        return await self._move(reader, move, decide_if_shown, why, origin)

    async def _move(
        self,
        reader: SubscriberId,
        move: ConsentMove,
        decide: Decide,
        why: str,
        origin: str = "",
        *,
        lift: Lift = Lift.NOTHING,
        is_told: bool = True,
    ) -> Subscriber | Refused:
        now = self.clock.now()

        def write(before: Subscriber, after: Subscriber) -> QueuedNotice | None:
            return self._choose_mail(before, after, now) if is_told and before != after else None

        return await self.subscribers.move(reader, move, decide, now, why, origin, write=write, lift=lift)

    def _choose_mail(self, before: Subscriber, after: Subscriber, now: datetime) -> QueuedNotice | None:
        """Return the mail about a move; None to those who never had a subscription."""
        match after.consent:
            case Consent.CONFIRMED | Consent.PAUSED:
                return self.write_changed(after, now)
            case Consent.LEFT if before.consent in (Consent.CONFIRMED, Consent.PAUSED):
                return self._write_goodbye(after, now)
        return None

    def write_changed(self, reader: Subscriber, now: datetime) -> QueuedNotice:
        """Return the mail that says what a reader's preferences are now, so that no change goes unnoticed."""
        language = reader.language or self.identity.language
        topics = list_names(reader.topics_json, self.library)
        has_page = self.links is not None
        notice = write_changed(load_language(language), self.identity, reader, topics, has_page=has_page)
        return QueuedNotice(
            kind=Kind.CHANGED,
            key=now.isoformat(),
            recipient=reader.id,
            address=reader.address,
            notice=notice,
            language=language,
            expires_at=now + NOTICE_LIFETIME,
        )

    def _write_goodbye(self, reader: Subscriber, now: datetime) -> QueuedNotice:
        language = reader.language or self.identity.language
        back = self.links.preferences(reader.id, reader.address, self.secret) if self.links else ""
        notice = write_goodbye(load_language(language), self.identity, back)
        return QueuedNotice(
            kind=Kind.GOODBYE,
            key=now.isoformat(),
            recipient=reader.id,
            address=reader.address,
            notice=notice,
            language=language,
            expires_at=now + NOTICE_LIFETIME,
        )
