"""Send: claim what can go out now, compose and render it, hand it to the relay, write down what it said.

The order of the commits is the promise: ``claimed`` before any network write, ``in_data`` before DATA,
the outcome after the reply. What can go wrong: the relay cannot be used (MailerError: claims go back,
nobody is charged), the store is away (StoreError: the run stops before the next message, because what
cannot be recorded must not be sent), one digest cannot be built (that row is rejected, the rest goes on).
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import structlog

from newsletter.compose.subscription import may_send
from newsletter.deliver.outcome import choose_outcome
from newsletter.errors import MailerError, StoreError
from newsletter.model import (
    TO_OPERATORS,
    BeginData,
    Close,
    Delivery,
    DeliveryId,
    EmailAddress,
    Instance,
    InstanceId,
    Kind,
    QuietDay,
    Settle,
    Shown,
    Silence,
    Slot,
    SmtpReply,
    State,
    Subscriber,
    state_of,
)
from newsletter.ports import Clock, DeliveryStore, Guard, Mailer, SettingStore, SubscriberStore
from newsletter.tracebacks import word_error
from newsletter.workflows.build_mail import DigestMail, LedgerMail, MailBuilder
from newsletter.workflows.compose_digests import DigestBuilder
from newsletter.workflows.ledger import LedgerWriter, patiently

log = structlog.get_logger()

_CLAIM_AT_ONCE = 200


@dataclass(slots=True)
class SendReport:
    """What one pass did: deliveries by the state they came to, and how many it claimed (taken). stopped says why it
    ended early, or is empty."""

    states: Counter[State] = field(default_factory=Counter)
    taken: int = 0
    stopped: str = ""

    @property
    def failed(self) -> bool:
        """Whether anybody who should have a mail has none for certain."""
        unlucky = (State.REJECTED, State.DEFERRED, State.UNCERTAIN)
        return bool(self.stopped) or any(self.states[state] for state in unlucky)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a pass sends: which kinds, of which edition (None: of any), and at most how many (0: all)."""

    kinds: frozenset[Kind] = frozenset(Kind)
    edition: str | None = None
    at_most: int = 0


@dataclass(frozen=True, slots=True)
class _Claimed:
    """One claimed delivery with what must be fresh at the claim: the reader, and what they were shown before.

    refusal says why the reader must not be mailed, empty where nothing forbids it.
    """

    delivery: Delivery
    reader: Subscriber | None
    shown: Shown
    refusal: str

    @property
    def only(self) -> str:
        """The relay that may have taken this mail already, empty where none may have."""
        return self.delivery.relay if self.delivery.uncertain_at else ""


@dataclass(frozen=True, slots=True)
class _Built:
    """A claimed delivery with its mail, or with the reason why it gets none (close)."""

    claimed: _Claimed
    mail: LedgerMail | None = None
    close: Close | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """One pass over the ledger, by one instance.

    digests composes over the newest run that was visible when the pass began. resend are the kinds of which an
    uncertain mail is sent once more. is_dead tells whether another
    instance's claims are void. return_path gives each mail its own envelope sender. stop, once set, lets the mails
    in flight finish and the rest wait.
    """

    subscribers: SubscriberStore
    deliveries: DeliveryStore
    settings: SettingStore
    mailer: Mailer
    guard: Guard
    return_path: Callable[[DeliveryId], EmailAddress] | None
    digests: DigestBuilder
    mails: MailBuilder
    clock: Clock
    resend: frozenset[Kind]
    quiet_day: QuietDay
    instance: InstanceId
    is_dead: Callable[[Instance], bool]
    stop: asyncio.Event
    progress: Callable[[Delivery, State], None] = lambda _delivery, _state: None

    async def send_pending(self, edition: str | None = None, at_most: int = 0) -> SendReport:
        """Send all that can go out now, of one edition if given, and only so many deliveries if at_most is not 0;
        return what became of it.

        While nothing may be sent (held, or an older copy of the database) mails to operators still go out.
        Raises StoreError where an outcome cannot be recorded.
        """
        report = SendReport()
        refused = await patiently(self.guard.check)
        if not refused:
            await patiently(self.recover)
            report.states[State.EXPIRED] = await patiently(lambda: self.deliveries.expire(self.clock.now()))
        wanted = _Wanted(edition=edition, at_most=at_most)
        if refused or await patiently(self.settings.load_hold):
            wanted = _Wanted(kinds=TO_OPERATORS)
        ledger = LedgerWriter(self.deliveries, self.instance, self.clock, guarded=not refused)
        try:
            # A mail that came out uncertain may be sent once more, so ask again until nothing is left.
            while await self._drain(report, ledger, wanted) and not report.stopped:
                pass
        finally:
            with suppress(StoreError):  # which has stopped the run already
                await ledger.finish()
            await patiently(lambda: self.deliveries.release(self.instance, self.clock.now()))
        report.stopped = report.stopped or refused or await patiently(self.settings.load_hold)
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

    async def _drain(self, report: SendReport, ledger: LedgerWriter, wanted: _Wanted) -> int:
        """Claim and send until no row can be claimed; return how many deliveries were taken.

        Mails are built ahead, one for each connection: the next one when a message goes out, so that it is built while
        the relay takes that, and not while a connection is on its way to DATA.
        """
        ready: asyncio.Queue[asyncio.Task[_Built] | None] = asyncio.Queue()
        room = asyncio.Semaphore(2 * self.mailer.connections)
        taken = 0

        def must_stop() -> bool:
            return bool(report.stopped) or self.stop.is_set()

        def go_out() -> None:
            ledger.coming -= 1
            room.release()

        def note(delivery: Delivery, state: State, written: asyncio.Future[bool]) -> None:
            if written.exception() is None:
                report.states[state] += 1
                self.progress(delivery, state)

        async def build() -> None:
            try:
                async for one in self._claim_all(report, wanted):
                    await room.acquire()
                    if must_stop():
                        return
                    ready.put_nowait(asyncio.create_task(self._build_or_close(one)))
                    await asyncio.sleep(0)  # one at a time: the replies that have come meanwhile go first
            except Exception:  # not CancelledError: whoever stops it knows why
                report.stopped = report.stopped or "stopped by an error"
                raise
            finally:
                for _ in range(self.mailer.connections):
                    ready.put_nowait(None)

        async def work() -> None:
            nonlocal taken
            last: asyncio.Future[bool] | None = None
            while (mail := await ready.get()) is not None:
                built = await mail
                if must_stop():
                    return
                taken += 1
                one = built.claimed
                ledger.coming += 1
                try:
                    step = await self._send_one(built, ledger, go_out)
                except MailerError as error:
                    go_out()
                    if one.only:
                        # It stays claimed until this pass ends, and then waits for that relay again.
                        log.warning("an uncertain mail waits for its relay", error=str(error))
                        continue
                    log.error("the relay cannot be used", error=str(error))
                    report.stopped = report.stopped or str(error)
                    return
                if step is not None:
                    if last is not None:
                        await last  # done already but after refusals: what is unwritten must not pile up
                    last = ledger.hand_over(step)
                    state = step.state if isinstance(step, Close) else state_of(step.outcome)
                    last.add_done_callback(partial(note, one.delivery, state))

        building = asyncio.create_task(build())
        workers = [asyncio.create_task(work()) for _ in range(self.mailer.connections)]
        try:
            await asyncio.gather(*workers)
            building.cancel()  # it may wait for room that nobody makes any more
            await asyncio.wait([building])
            if not building.cancelled():
                building.result()
            await ledger.finish()
        except BaseException:
            # The store failed under one of them: no other may begin a message that cannot be recorded.
            report.stopped = report.stopped or "stopped by an error"
            await asyncio.gather(*workers, return_exceptions=True)
            building.cancel()
            await asyncio.gather(building, return_exceptions=True)
            raise
        finally:
            while not ready.empty():
                left = ready.get_nowait()
                if left is not None:
                    left.cancel()
        return taken

    async def _claim_all(self, report: SendReport, wanted: _Wanted) -> AsyncIterator[_Claimed]:
        """Claim and look up a handful of rows after the other, until none can be claimed."""
        while not report.stopped and not self.stop.is_set():
            if wanted.kinds != TO_OPERATORS:
                why = await patiently(self.guard.check) or await patiently(self.settings.load_hold)
                # Not simply "= why": a worker may have met a dead relay meanwhile.
                report.stopped = report.stopped or why
            limit = _CLAIM_AT_ONCE
            if wanted.at_most:
                limit = min(limit, wanted.at_most - report.taken)
            if report.stopped or limit <= 0:
                return
            found = await self._claim(wanted, limit)
            if not found:
                return
            report.taken += len(found)
            for one in found:
                yield one

    async def _claim(self, wanted: _Wanted, limit: int) -> list[_Claimed]:
        """Claim a handful, and look their readers up together: consent and suppression as they are now."""
        rows = await patiently(
            lambda: self.deliveries.claim(
                *(self.instance, self.clock.now(), limit, self.resend),
                kinds=wanted.kinds,
                edition=wanted.edition,
            )
        )
        if not rows:
            return []
        return await patiently(lambda: self._look_up(rows))

    async def _look_up(self, rows: Sequence[Delivery]) -> list[_Claimed]:
        readers = await self.subscribers.load_many([row.recipient for row in rows])
        addresses = {row.id: _address_of(row, readers.get(row.recipient)) for row in rows}
        suppressed = await self.subscribers.load_suppressed([name for name in addresses.values() if name])
        composed = [row for row in rows if row.kind is Kind.DIGEST and not row.frozen]
        await self.digests.prepare(readers[row.recipient] for row in composed if row.recipient in readers)
        shown = await self.deliveries.load_shown(
            [row.recipient for row in composed], self.digests.oldest_entry
        )
        claimed = []
        for row in rows:
            reader, address = readers.get(row.recipient), addresses[row.id]
            refusal = "the subscriber was erased"
            if reader is not None:
                refusal = may_send(row.kind, reader, suppressed.get(address) if address else None)
            claimed.append(_Claimed(row, reader, shown.get(row.recipient, Shown()), refusal))
        return claimed

    async def _build_or_close(self, one: _Claimed) -> _Built:
        """Build one claimed delivery's mail, or find out that it gets none."""
        delivery = one.delivery
        if one.refusal or one.reader is None:
            return _Built(one, close=Close(delivery.id, State.SUPPRESSED, one.refusal))
        try:
            mail = await self._build(delivery, one.reader, one.shown)
        except StoreError:
            raise
        except Exception as error:
            # One mail that cannot be built must not keep everybody else's from going out.
            log.exception(f"a {delivery.kind} could not be built", delivery=delivery.id, key=delivery.key)
            why = f"the {delivery.kind} could not be built: {word_error(error)}"
            return _Built(one, close=Close(delivery.id, State.REJECTED, why))
        if isinstance(mail, DigestMail) and mail.digest.is_empty and self.quiet_day is QuietDay.SKIP:
            why = "nothing new in the reader's topics"
            return _Built(one, close=Close(delivery.id, State.EMPTY, why, mail.digest.window))
        return _Built(one, mail=mail)

    async def _build(self, delivery: Delivery, reader: Subscriber, shown: Shown) -> LedgerMail:
        if delivery.kind is not Kind.DIGEST:
            mail = self.mails.build_notice(delivery, reader)
        elif delivery.frozen is None:
            slot = Slot(date.fromisoformat(delivery.key), delivery.slot_at)
            finish = self.mails.begin(await self.digests.build(reader, slot, shown), reader, reader.address)
            if not self.mails.signs:
                return finish()
            # In a thread: most of a signature is arithmetic, for which the interpreter is free.
            return await asyncio.get_running_loop().run_in_executor(None, finish)
        else:
            mail = self.mails.rebuild(delivery.frozen, reader)
        if delivery.frozen and mail.frozen.content_hash != delivery.frozen.content_hash:
            log.warning(
                "the program has changed since the first attempt: same Message-ID and entries, other bytes",
                delivery=delivery.id,
                key=delivery.key,
            )
        return mail

    async def _send_one(
        self, built: _Built, ledger: LedgerWriter, going_out: Callable[[], None]
    ) -> Settle | Close | None:
        """Bring one delivery as far as it comes; return what is to be written down, None where the claim was lost.

        going_out is called once: before the message goes out, or when it is known that it does not.
        """
        if built.mail is None:
            going_out()
            return built.close
        mail, delivery = built.mail, built.claimed.delivery
        attempt = delivery.attempt + 1
        envelope = mail.envelope
        if self.return_path is not None:
            envelope = replace(envelope, mail_from=self.return_path(delivery.id))
        session = await patiently(lambda: self.mailer.begin(envelope, built.claimed.only))
        if isinstance(session, SmtpReply):  # MAIL or RCPT was refused
            going_out()
            return self._settle(delivery, attempt, session)
        try:
            fenced = await ledger.record(
                BeginData(delivery.id, attempt, delivery.frozen or mail.frozen, session.relay)
            )
        except BaseException:
            await session.abandon()
            raise
        going_out()
        if not fenced:
            await session.abandon()
            log.warning("the claim was lost before DATA; nothing was sent", delivery=delivery.id)
            return None
        return self._settle(delivery, attempt, await session.data(mail.message))

    def _settle(self, delivery: Delivery, attempt: int, reply: SmtpReply | Silence) -> Settle:
        outcome = choose_outcome(reply, attempt, self.clock.now(), jitter=random.random())
        return Settle(delivery.id, attempt, outcome, reply.relay)


def _address_of(delivery: Delivery, reader: Subscriber | None) -> EmailAddress | None:
    """Return where a delivery goes: a frozen one keeps the address of its first attempt, a notice that it was queued
    with."""
    if delivery.address:
        return delivery.address
    return reader.address if reader else None
