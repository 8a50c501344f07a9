"""Send: claim what can go out now, compose and render it, hand it to the relay, write down what it said.

The order of the commits is the promise: ``claimed`` before any network write, ``in_data`` before DATA,
the outcome after the reply. What can go wrong: the relay cannot be used (MailerError: claims go back,
nobody is charged), the store is away (StoreError: the run stops before the next message, because what
cannot be recorded must not be sent), one digest cannot be built (that row is rejected, the rest goes on).
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import structlog

from newsletter.deliver.outcome import choose_outcome
from newsletter.errors import MailerError, StoreError
from newsletter.model import (
    Consent,
    Delivery,
    EmailAddress,
    EntryId,
    Instance,
    InstanceId,
    OnUncertain,
    Outcome,
    QuietDay,
    Silence,
    Slot,
    SmtpReply,
    State,
    Subscriber,
    state_of,
)
from newsletter.ports import Clock, DeliveryStore, Mailer, SettingStore, SubscriberStore
from newsletter.workflows.build_edition import DigestBuilder
from newsletter.workflows.build_mail import DigestMail, MailBuilder

log = structlog.get_logger()

_OUTCOME_WAITS_S = (0.5, 2.0, 8.0)
_CLAIM_AT_ONCE = 50


@dataclass(slots=True)
class SendReport:
    """What one pass did: deliveries by the state they came to. stopped says why it ended early, or is empty."""

    states: Counter[State] = field(default_factory=Counter)
    stopped: str = ""

    @property
    def failed(self) -> bool:
        """Whether anybody who should have a mail has none for certain."""
        unlucky = (State.REJECTED, State.DEFERRED, State.UNCERTAIN)
        return bool(self.stopped) or any(self.states[state] for state in unlucky)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """One claimed delivery with what must be fresh at the claim: the reader, and what they were shown before.

    refusal says why the reader must not be mailed, empty where nothing forbids it.
    """

    delivery: Delivery
    reader: Subscriber | None
    shown: frozenset[EntryId]
    refusal: str


@dataclass(frozen=True, slots=True)
class Sender:
    """One pass over the ledger, by one instance.

    digests composes over the newest run that was visible when the pass began. is_dead tells whether another
    instance's claims are void. stop, once set, lets the mails in flight finish and the rest wait.
    """

    subscribers: SubscriberStore
    deliveries: DeliveryStore
    settings: SettingStore
    mailer: Mailer
    digests: DigestBuilder
    mails: MailBuilder
    clock: Clock
    on_uncertain: OnUncertain
    quiet_day: QuietDay
    instance: InstanceId
    is_dead: Callable[[Instance], bool]
    stop: asyncio.Event
    progress: Callable[[Delivery, State], None] = lambda _delivery, _state: None

    async def send_pending(self, edition: str | None = None) -> SendReport:
        """Send all that can go out now (of one edition, if given); return what became of it.

        Raises StoreError where an outcome cannot be recorded.
        """
        report = SendReport()
        await self.recover()
        report.states[State.EXPIRED] = await self.deliveries.expire(self.clock.now())
        try:
            # A mail that came out uncertain may be sent once more, so ask again until nothing is left.
            while await self._drain(report, edition) and not report.stopped:
                pass
        finally:
            await self.deliveries.release(self.instance, self.clock.now())
        return report

    async def recover(self) -> None:
        """Take back what instances held that are dead: claimed rows are free again, in_data rows are uncertain."""
        now = self.clock.now()
        for other in await self.deliveries.load_instances_with_claims():
            if other.id != self.instance and self.is_dead(other):
                freed, uncertain = await self.deliveries.void_claims(other.id, now)
                log.warning(
                    "took back the claims of a process that is gone",
                    pid=other.pid,
                    host=other.host,
                    freed=freed,
                    uncertain=uncertain,
                )

    async def _drain(self, report: SendReport, edition: str | None) -> int:
        """Claim and send until no row can be claimed; return how many deliveries were taken."""
        claimed: deque[_Claimed] = deque()
        claiming = asyncio.Lock()
        taken = 0

        async def take() -> _Claimed | None:
            nonlocal taken
            async with claiming:
                if not claimed and not report.stopped and not self.stop.is_set():
                    held = await self.settings.load_hold()
                    # Not simply "= held": another worker may have met a dead relay meanwhile.
                    report.stopped = report.stopped or held
                    if not report.stopped:
                        claimed.extend(await self._claim(edition))
                if not claimed or report.stopped or self.stop.is_set():
                    return None
                taken += 1
                return claimed.popleft()

        async def work() -> None:
            while (one := await take()) is not None:
                try:
                    state = await self._send_one(one)
                except MailerError as error:
                    log.error("the relay cannot be used", error=str(error))
                    report.stopped = report.stopped or str(error)
                    return
                if state is not None:
                    report.states[state] += 1
                    self.progress(one.delivery, state)

        workers = [asyncio.create_task(work()) for _ in range(self.mailer.connections)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            # The store failed under one of them: no other may begin a message that cannot be recorded.
            report.stopped = report.stopped or "stopped by an error"
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        return taken

    async def _claim(self, edition: str | None) -> list[_Claimed]:
        """Claim a handful, and look their readers up together: consent and suppression as they are now."""
        now = self.clock.now()
        rows = await self.deliveries.claim(self.instance, now, _CLAIM_AT_ONCE, self.on_uncertain, edition)
        readers = await self.subscribers.load_many([row.recipient for row in rows])
        shown = await self.deliveries.load_shown([row.recipient for row in rows])
        addresses = {row.id: _address_of(row, readers.get(row.recipient)) for row in rows}
        suppressed = await self.subscribers.load_suppressed([name for name in addresses.values() if name])
        claimed = []
        for row in rows:
            reader, address = readers.get(row.recipient), addresses[row.id]
            refusal = suppressed.get(address, "") if address else ""
            if reader is None:
                refusal = "the subscriber was erased"
            elif reader.consent is not Consent.CONFIRMED:
                refusal = f"the subscriber is {reader.consent}"
            claimed.append(_Claimed(row, reader, shown[row.recipient], refusal))
        await self.digests.prepare(one.reader for one in claimed if one.reader and not one.delivery.frozen)
        return claimed

    async def _send_one(self, one: _Claimed) -> State | None:
        """Bring one claimed delivery as far as it comes; return its new state, None where the claim was lost."""
        delivery = one.delivery
        if one.refusal or one.reader is None:
            return await self._close(delivery, State.SUPPRESSED, one.refusal)
        try:
            mail = await self._build(delivery, one.reader, one.shown)
        except StoreError:
            raise
        except Exception as error:
            # One digest that cannot be built must not keep everybody else's from going out.
            log.exception("a digest could not be built", delivery=delivery.id, edition=delivery.key)
            return await self._close(delivery, State.REJECTED, f"the digest could not be built: {error}")
        if mail.digest.is_empty and self.quiet_day is QuietDay.SKIP:
            await self.deliveries.close(
                delivery.id,
                self.instance,
                State.EMPTY,
                "nothing new in the reader's topics",
                mail.digest.window,
                self.clock.now(),
            )
            return State.EMPTY
        return await self._hand_over(delivery, mail)

    async def _build(self, delivery: Delivery, reader: Subscriber, shown: frozenset[EntryId]) -> DigestMail:
        if delivery.frozen is None:
            slot = Slot(date.fromisoformat(delivery.key), delivery.slot_at)
            return self.mails.build(await self.digests.build(reader, slot, shown), reader, reader.address)
        mail = self.mails.rebuild(delivery.frozen, reader)
        if mail.frozen.content_hash != delivery.frozen.content_hash:
            log.warning(
                "the program has changed since the first attempt: same Message-ID and entries, other bytes",
                delivery=delivery.id,
                edition=delivery.key,
            )
        return mail

    async def _hand_over(self, delivery: Delivery, mail: DigestMail) -> State | None:
        attempt = delivery.attempt + 1
        session = await self.mailer.begin(mail.envelope)
        if isinstance(session, SmtpReply):  # MAIL or RCPT was refused
            return await self._record(delivery, self._choose(session, attempt))
        try:
            fenced = await self.deliveries.mark_in_data(
                delivery.id, self.instance, mail.frozen, self.clock.now()
            )
        except BaseException:
            await session.abandon()
            raise
        if not fenced:
            await session.abandon()
            log.warning("the claim was lost before DATA; nothing was sent", delivery=delivery.id)
            return None
        reply = await session.data(mail.message)
        return await self._record(delivery, self._choose(reply, attempt))

    def _choose(self, reply: SmtpReply | Silence, attempt: int) -> Outcome:
        return choose_outcome(reply, attempt, self.clock.now(), jitter=random.random())

    async def _record(self, delivery: Delivery, outcome: Outcome) -> State:
        """Write the outcome down, patiently: a reply that is forgotten makes a mail uncertain."""
        for wait_s in (*_OUTCOME_WAITS_S, None):
            try:
                await self.deliveries.save_outcome(delivery.id, self.instance, outcome, self.clock.now())
                break
            except StoreError:
                if wait_s is None:
                    raise
                await asyncio.sleep(wait_s)
        return state_of(outcome)

    async def _close(self, delivery: Delivery, state: State, why: str) -> State:
        await self.deliveries.close(delivery.id, self.instance, state, why, None, self.clock.now())
        return state


def _address_of(delivery: Delivery, reader: Subscriber | None) -> EmailAddress | None:
    """Return where a delivery goes: a frozen one keeps the address of its first attempt."""
    if delivery.frozen:
        return delivery.frozen.address
    return reader.address if reader else None
