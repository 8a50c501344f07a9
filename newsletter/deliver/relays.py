"""I/O: several relays behind one Mailer: the most preferred that can be used now gets the message.

Each has its own pace and daily limit, and is paused while it is unwell (relay_health). Pauses are written down, so
that a restart, another process and the operator's status know of them. A message that a relay
may have taken is not given to another one here: silence goes back to whoever sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from newsletter.deliver.relay_health import RelayHealth, blames_us, note_failure, note_reply, take_over
from newsletter.errors import MailerError, StoreError
from newsletter.logs import log
from newsletter.model.mail import Envelope, Silence, SmtpReply

if TYPE_CHECKING:
    from newsletter.deliver.smtp import SmtpMailer, SmtpSession
    from newsletter.model.ledger import RelayPause
    from newsletter.ports import Clock

_RESERVED_AT_ONCE = 20
_ASK_OTHERS_EVERY = timedelta(minutes=1)


@dataclass(slots=True, eq=False)
class Relay:
    """One relay with its limits. per_second and per_day are 0 where there is none. processes: so many keep its pace
    together, so each waits that much longer between messages."""

    name: str
    mailer: SmtpMailer
    per_second: float = 0
    per_day: int = 0
    processes: int = 1
    health: RelayHealth = field(default_factory=RelayHealth)
    reserved: int = 0  # of the day's limit: taken from the store, not yet used by a mail
    reserved_on: date | None = None
    next_at: float = 0.0
    trying: asyncio.Lock = field(default_factory=asyncio.Lock)


class RelayStore(Protocol):
    """What all processes know together of the relays: how many messages each has been given on a day, and which are
    left alone. A stage imports no storage; who sends hands over newsletter.storage.SettingStore."""

    async def reserve(self, relay: str, day: date, want: int, limit: int) -> int:
        """Take up to ``want`` messages of the day's limit; return how many, 0 where it is used up."""

    async def give_back(self, relay: str, day: date, messages: int) -> None:
        """Return what was reserved and not used."""

    async def save_pause(self, relay: str, pause: RelayPause | None) -> None:
        """Leave a relay alone for a while; None ends that."""

    async def load_pauses(self) -> Mapping[str, RelayPause]:
        """Return the last pause of each relay that has taken nothing since, also where its time is over."""


class RelayPool:
    """Mailer over relays in the order of preference."""

    def __init__(self, relays: Sequence[Relay], store: RelayStore, clock: Clock) -> None:
        self.connections = max(relay.mailer.connections for relay in relays)
        self._relays = tuple(relays)
        self._store = store
        self._clock = clock
        self._reserving = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._asked_at: datetime | None = None

    @property
    def relays(self) -> Sequence[Relay]:
        """The relays in the order of preference."""
        return self._relays

    async def begin(self, envelope: Envelope, only: str = "") -> PooledSession | SmtpReply:
        """Open a session with the most preferred relay that can be used; the reply where MAIL or RCPT was refused.

        A relay that finds fault with us, and not with the mail or its recipient, leaves it to the next one.
        only names a relay that has to be used: one that may have taken this message already.
        Raises MailerError where none can be used, and StoreError, before anything was sent, where the daily limits
        are away.
        """
        await self._ask_others()
        reasons: list[str] = []
        refusal: SmtpReply | None = None
        for relay in self._relays:
            if only and relay.name != only:
                continue
            why = await self._take_turn(relay)
            if why:
                reasons.append(why)
                continue
            try:
                answer = await self._open(relay, envelope)
            except MailerError as error:
                relay.reserved += 1  # no mail was sent: its share of the day goes back
                if not relay.health.is_paused(self._clock.now()):  # else another connection has said so
                    relay.health = note_failure(relay.health, str(error), self._clock.now())
                    await self._tell_others(relay)
                reasons.append(str(error))
                continue
            except BaseException:
                relay.reserved += 1
                raise
            if isinstance(answer, SmtpReply):
                relay.reserved += 1
                refusal = await self.note(relay, answer, envelope)
                if not blames_us(refusal):
                    return refusal
                continue
            return PooledSession(self, relay, answer, envelope)
        if refusal is not None:
            return refusal
        raise MailerError("; ".join(reasons) or f"the relay {only} is no longer configured")

    async def warm_up(self, mails: int) -> None:
        """Open connections for so many mails to the relay that they would go to now."""
        await self._ask_others()
        now = self._clock.now()
        usable = (relay for relay in self._relays if not relay.health.is_paused(now))
        if relay := next(usable, None):
            await relay.mailer.warm_up(mails)

    async def close(self) -> None:
        """Say goodbye on the kept connections, and give back what is left of the daily limits."""
        for relay in self._relays:
            await relay.mailer.close()
            if relay.reserved > 0 and relay.reserved_on is not None:
                left, relay.reserved = relay.reserved, 0
                await self._store.give_back(relay.name, relay.reserved_on, left)

    async def _open(self, relay: Relay, envelope: Envelope) -> SmtpSession | SmtpReply:
        """Open a session; with a relay that has taken nothing since its last pause one at a time, so that the first one
        decides and a login that is still refused is not tried by all connections."""
        if relay.health.pause is None:
            return await relay.mailer.begin(envelope)
        async with relay.trying:
            if relay.health.is_paused(self._clock.now()):
                raise MailerError(_word_pause(relay))
            return await relay.mailer.begin(envelope)

    async def _take_turn(self, relay: Relay) -> str:
        """Wait for the relay's pace and take one message of its daily limit; return why it cannot be used, or ""."""
        now = self._clock.now()
        if relay.health.is_paused(now):
            return _word_pause(relay)
        if relay.per_day and not await self._reserve(relay, now.date()):
            return (
                f"relay {relay.name}: its daily limit of {relay.per_day} messages is used up until 00:00 UTC"
            )
        relay.reserved -= 1
        interval_s = max(1 / relay.per_second if relay.per_second else 0.0, relay.health.gap_s)
        interval_s *= relay.processes
        if interval_s:
            loop = asyncio.get_running_loop()
            at = max(loop.time(), relay.next_at)
            relay.next_at = at + interval_s
            try:
                await asyncio.sleep(at - loop.time())
            except BaseException:
                relay.reserved += 1
                raise
        return ""

    async def _reserve(self, relay: Relay, day: date) -> bool:
        async with self._reserving:
            if relay.reserved_on != day:
                relay.reserved, relay.reserved_on = 0, day
            if relay.reserved <= 0:
                relay.reserved += await self._store.reserve(relay.name, day, _RESERVED_AT_ONCE, relay.per_day)
            return relay.reserved > 0

    async def note(self, relay: Relay, reply: SmtpReply, envelope: Envelope) -> SmtpReply:
        """Learn from a reply how the relay is; return the reply with its name and what it answers. Never raises."""
        before, now = relay.health, self._clock.now()
        reply = replace(reply, relay=relay.name, envelope=envelope)
        has_stand_in = any(one is not relay and not one.health.is_paused(now) for one in self._relays)
        relay.health = note_reply(before, reply, now, has_stand_in=has_stand_in)
        if relay.health.pause != before.pause:
            await self._tell_others(relay)
        return replace(reply, elsewhere=True) if has_stand_in and relay.health.is_paused(now) else reply

    async def _tell_others(self, relay: Relay) -> None:
        """Write a pause down, or its end. A reply in hand must not be lost because the store is away."""
        pause = relay.health.pause
        if pause is not None:
            log.warning("relay paused", relay=relay.name, until=pause.until, why=pause.why)
        else:
            log.info("relay accepts mail again", relay=relay.name)
        try:
            await self._store.save_pause(relay.name, pause)
        except StoreError as error:
            log.warning("other processes do not know of it", relay=relay.name, error=str(error))

    async def _ask_others(self) -> None:
        """Take over the pauses that other processes, or this one before a restart, have written down.

        Whoever comes meanwhile waits for it: no connection goes on without knowing of them.
        """
        async with self._asking:
            now = self._clock.now()
            if self._asked_at is not None and timedelta() <= now - self._asked_at < _ASK_OTHERS_EVERY:
                return
            self._asked_at = now
            try:
                pauses = await self._store.load_pauses()
            except StoreError as error:
                log.warning("it is unknown which relays are paused", error=str(error))
                return
            for relay in self._relays:
                relay.health = take_over(relay.health, pauses.get(relay.name))


def _word_pause(relay: Relay) -> str:
    pause = relay.health.pause
    return f"relay {relay.name} is paused until {pause.until:%H:%M} UTC: {pause.why}" if pause else ""


class PooledSession:
    """A session with one of the relays. relay is its name."""

    def __init__(self, pool: RelayPool, relay: Relay, session: SmtpSession, envelope: Envelope) -> None:
        self.relay = relay.name
        self._envelope = envelope
        self._pool = pool
        self._of = relay
        self._session = session

    async def data(self, message: bytes) -> SmtpReply | Silence:
        """Send the message; see SmtpSession."""
        answer = await self._session.data(message)
        if isinstance(answer, Silence):
            return replace(answer, relay=self.relay)
        return await self._pool.note(self._of, answer, self._envelope)

    async def abandon(self) -> None:
        """Leave without DATA."""
        self._of.reserved += 1
        await self._session.abandon()
