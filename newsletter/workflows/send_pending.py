"""Send what is pending: claim it, look its reader up, compose and render the mail or find out that there is none, and
decide what the relay's answer means.

``claimed`` is committed before any network write. How a mail gets from here to the relay and into the ledger is
workflows/send_pipeline.py. What can go wrong here: the store is away (StoreError: the pass stops), one mail cannot be
built (that row is rejected, the rest goes on).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING

from newsletter.compose.subscription import may_send
from newsletter.deliver.outcome import choose_outcome
from newsletter.errors import StoreError
from newsletter.logs import log
from newsletter.model.digest import Shown
from newsletter.model.ledger import (
    TO_OPERATORS,
    CloseDelivery,
    Delivery,
    DeliveryId,
    HoldKind,
    Kind,
    QuietDay,
    RecordOutcome,
    State,
)
from newsletter.model.readers import EmailAddress, Slot, Subscriber
from newsletter.tracebacks import word_error
from newsletter.workflows.build_mail import DigestMail, LedgerMail, MailBuilder
from newsletter.workflows.garbage import rare_collections
from newsletter.workflows.ledger import LedgerWriter, retry_transient
from newsletter.workflows.send_pipeline import Build, Built, SendPipeline, SendReport

if TYPE_CHECKING:
    from newsletter.model.mail import Silence, SmtpReply
    from newsletter.ports import Clock, Mailer
    from newsletter.storage import EpochGuard, Lease, Ledger, SettingStore, SubscriberStore
    from newsletter.workflows.compose_digests import DigestBuilder

CLAIM_AT_ONCE = 200
_CLAIM_LASTS_S = 2.0
"""A confirmation that somebody waits for is claimed before all digests, but only when the next ones are claimed."""
_RECOVER_EVERY_S = 5.0


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


@dataclass(frozen=True, slots=True)
class Sender:
    """One pass over the ledger, by one instance.

    digests composes over the newest run that was visible when the pass began. resend are the kinds of which an
    uncertain mail is sent once more. return_path gives each mail its own envelope sender. stop, once set, lets the
    mails in flight finish and the rest wait.
    """

    subscribers: SubscriberStore
    ledger: Ledger
    settings: SettingStore
    mailer: Mailer
    guard: EpochGuard
    return_path: Callable[[DeliveryId], EmailAddress] | None
    digests: DigestBuilder
    mails: MailBuilder
    clock: Clock
    resend: frozenset[Kind]
    quiet_day: QuietDay
    lease: Lease
    stop: asyncio.Event
    progress: Callable[[Delivery, State], None] = lambda _delivery, _state: None

    async def warm_up(self, until: datetime) -> int:
        """Build the first digests that wait for their time until then, and throw them away: what mails share is
        remembered. Return for how many this was done."""
        rows = await self.ledger.claims.load_first_due(until, CLAIM_AT_ONCE)
        for one in await self._look_up(rows):
            await self._build_or_close(one)
            await asyncio.sleep(0)
        return len(rows)

    async def send_pending(
        self, edition: str | None = None, at_most: int = 0, kinds: frozenset[Kind] = frozenset(Kind)
    ) -> SendReport:
        """Send all of these kinds that can go out now, of one edition if given; return what became of it. With at_most
        this is a trial (canary.py) of so many deliveries.

        While nothing may be sent (held, or an older copy of the database) mails to operators still go out.
        Raises StoreError where an outcome cannot be recorded.
        """
        report = SendReport()
        refused = await retry_transient(self.guard.check)
        if not refused:
            await retry_transient(self.recover)
            report.states[State.EXPIRED] = await retry_transient(
                lambda: self.ledger.planning.expire(self.clock.now())
            )
        wanted = _Wanted(kinds, edition, at_most)
        if refused or await self._load_hold(wanted):
            wanted = replace(wanted, kinds=kinds & TO_OPERATORS, edition=None)
        writer = LedgerWriter(self.ledger.recording, self.lease.instance, self.clock, guarded=not refused)
        try:
            # A mail that came out uncertain may be sent once more, so ask again until nothing is left.
            with rare_collections():
                while await self._drain(report, writer, wanted) and not report.stopped:
                    pass
        finally:
            with suppress(StoreError):  # which has stopped the run already
                await writer.finish()
            await retry_transient(lambda: self.ledger.claims.release(self.lease.instance))
        report.stopped = report.stopped or refused or await self._load_hold(wanted)
        return report

    async def _load_hold(self, wanted: _Wanted) -> str:
        """Return why nothing may be sent, empty where sending is allowed. A trial's own hold is for all others."""
        hold = await retry_transient(self.settings.load_hold)
        if hold is None or (wanted.at_most and hold.kind is HoldKind.TRIAL):
            return ""
        return hold.why

    async def recover(self) -> None:
        """Take back what instances held that are dead: claimed rows are free again, in_data rows are uncertain."""
        now = self.clock.now()
        for other in await self.ledger.claims.load_instances_with_claims():
            if other.id != self.lease.instance and self.lease.is_dead(other):
                freed, uncertain = await self.ledger.claims.void_claims(other.id, now)
                log.warning(
                    "released the claims of a process that has ended",
                    pid=other.pid,
                    host=other.host,
                    freed=freed,
                    uncertain=uncertain,
                )

    async def _drain(self, report: SendReport, writer: LedgerWriter, wanted: _Wanted) -> int:
        """Claim and send until no row can be claimed; return how many deliveries were taken."""
        pipeline = SendPipeline(self.mailer, writer, self._settle, report, self.stop, self.progress)
        return await pipeline.run(self._claim_all(report, wanted))

    async def _claim_all(self, report: SendReport, wanted: _Wanted) -> AsyncIterator[Build]:
        """Claim and look up a handful of rows after the other, until none can be claimed; yield what builds each. What
        others held who die meanwhile is taken back on the way."""
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        pace = min(self.mailer.connections, CLAIM_AT_ONCE)
        while not report.stopped and not self.stop.is_set():
            if loop.time() - looked_at > _RECOVER_EVERY_S:
                await retry_transient(self.recover)
                looked_at = loop.time()
            if not wanted.kinds <= TO_OPERATORS:
                report.stop(await retry_transient(self.guard.check) or await self._load_hold(wanted))
            limit = pace
            if wanted.at_most:
                limit = min(limit, wanted.at_most - report.taken)
            if report.stopped or limit <= 0:
                return
            found, claimed_at = await self._claim(wanted, limit), loop.time()
            if not found:
                return
            report.taken += len(found)
            report.claimed.extend(one.delivery.id for one in found)
            for one in found:
                yield partial(self._build_or_close, one)
            pace = choose_claim(len(found), loop.time() - claimed_at, self.mailer.connections)

    async def _claim(self, wanted: _Wanted, limit: int) -> list[_Claimed]:
        """Claim a handful, and look their readers up together: consent and suppression as they are now."""
        claiming = asyncio.ensure_future(
            retry_transient(
                lambda: self.ledger.claims.claim(
                    self.lease.instance,
                    self.clock.now(),
                    limit,
                    self.resend,
                    kinds=wanted.kinds,
                    edition=wanted.edition,
                )
            )
        )
        try:
            rows = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # What has begun comes to its end in its thread: what is claimed then must not be released before.
            await asyncio.gather(claiming, return_exceptions=True)
            raise
        if not rows:
            return []
        return await retry_transient(lambda: self._look_up(rows))

    async def _look_up(self, rows: Sequence[Delivery]) -> list[_Claimed]:
        """Return the claimed rows with their readers, what those were shown, and why somebody may not be mailed
        any more."""
        readers = await self.subscribers.load_many([row.recipient for row in rows])
        addresses = {row.id: _address_of(row, readers.get(row.recipient)) for row in rows}
        suppressed = await self.subscribers.load_suppressed([name for name in addresses.values() if name])
        composed = [row for row in rows if row.kind is Kind.DIGEST and not row.snapshot]
        await self.digests.prepare(readers[row.recipient] for row in composed if row.recipient in readers)
        shown = await self.ledger.reads.load_shown(
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

    async def _build_or_close(self, one: _Claimed) -> Built:
        """Build one claimed delivery's mail, or find out that it gets none."""
        delivery = one.delivery
        if one.refusal or one.reader is None:
            return Built(delivery, close=CloseDelivery(delivery.id, State.SUPPRESSED, one.refusal))
        try:
            mail = await self._build(delivery, one.reader, one.shown)
        except StoreError:
            raise
        except Exception as error:
            # One mail that cannot be built must not keep everybody else's from going out.
            log.exception(f"a {delivery.kind} could not be built", delivery=delivery.id, key=delivery.key)
            why = f"the {delivery.kind} could not be built: {word_error(error)}"
            return Built(delivery, close=CloseDelivery(delivery.id, State.REJECTED, why))
        if isinstance(mail, DigestMail) and mail.digest.is_empty and self.quiet_day is QuietDay.SKIP:
            why = "nothing new in the reader's topics"
            return Built(delivery, close=CloseDelivery(delivery.id, State.EMPTY, why, mail.digest.window))
        if self.return_path is not None:
            mail = replace(mail, envelope=replace(mail.envelope, mail_from=self.return_path(delivery.id)))
        return Built(delivery, mail=mail)

    async def _build(self, delivery: Delivery, reader: Subscriber, shown: Shown) -> LedgerMail:
        if delivery.kind is not Kind.DIGEST:
            mail = self.mails.build_notice(delivery, reader)
        elif delivery.snapshot is None:
            slot = Slot(date.fromisoformat(delivery.key), delivery.slot_at)
            mail = self.mails.build(await self.digests.build(reader, slot, shown), reader)
        else:
            mail = self.mails.rebuild(delivery.snapshot, reader)
        if delivery.snapshot and not mail.is_as_frozen(delivery.snapshot):
            log.warning(
                "the program was upgraded since the first attempt: same Message-ID and entries, different bytes",
                delivery=delivery.id,
                key=delivery.key,
            )
        return mail

    def _settle(self, delivery: Delivery, reply: SmtpReply | Silence) -> RecordOutcome:
        """Decide what a relay's answer to the try that was made now means."""
        attempt = delivery.attempt + 1
        outcome = choose_outcome(reply, attempt, self.clock.now(), jitter=random.random())
        return RecordOutcome(delivery.id, attempt, outcome, reply.relay)


def choose_claim(begun: int, took_s: float, connections: int) -> int:
    """Return how many mails to claim next, after so many were begun in so many seconds: what goes out in two seconds,
    at least one for each connection, 200 at most. No more than twice as many: the first ones are only built ahead."""
    at_this_pace = round(begun * _CLAIM_LASTS_S / max(took_s, 0.001))
    return min(max(at_this_pace, connections), max(2 * begun, connections), CLAIM_AT_ONCE)


def _address_of(delivery: Delivery, reader: Subscriber | None) -> EmailAddress | None:
    """Return where a delivery goes: a frozen one keeps the address of its first attempt, a notice that it was queued
    with."""
    if delivery.address:
        return delivery.address
    return reader.address if reader else None
