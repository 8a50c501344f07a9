"""Hand over what was claimed: mails are built ahead, and each connection takes one after the other to the relay.

    build ahead  →  fence  →  hand over  →  record

The order of the commits is the promise: ``in_data`` before DATA, the outcome after the reply. What can go wrong, and
what follows:

- MAIL, RCPT or DATA is refused, or no answer comes: this is an outcome like any other, and the next mail is taken.
- The claim was lost before the fence: no DATA, nothing is recorded, and the next mail is taken.
- No relay can be used (MailerError): nobody is charged, and the pass stops with the relay's words. A mail that only
  one relay may get waits for it alone: it stays claimed until the pass ends, and the others go on.
- The store is away or the wrong one (StoreError, FellBehindError): the pass stops and the error goes on to the caller,
  because what cannot be recorded must not be sent.
- The pass stops, for whatever reason, or is asked to: what has begun is finished and recorded, and no other begins.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from newsletter.deliver.ledger_rules import choose_state
from newsletter.errors import MailerError
from newsletter.logs import log
from newsletter.model.ledger import BeginData, CloseDelivery, Delivery, RecordOutcome, State
from newsletter.model.mail import Silence, SmtpReply
from newsletter.workflows.ledger import LedgerWriter, retry_transient

if TYPE_CHECKING:
    from newsletter.ports import Mailer, MailSession
    from newsletter.workflows.build_mail import LedgerMail

_BY_ERROR = "stopped by an error"


@dataclass(slots=True)
class SendReport:
    """What one pass did: deliveries by the state they came to, how many it claimed (taken), and which. stopped says why
    it ended early, or is empty."""

    states: Counter[State] = field(default_factory=Counter)
    taken: int = 0
    claimed: array[int] = field(default_factory=lambda: array("q"))
    stopped: str = ""

    @property
    def failed(self) -> bool:
        """Whether anybody who should have a mail has none for certain."""
        unlucky = (State.REJECTED, State.DEFERRED, State.UNCERTAIN)
        return bool(self.stopped) or any(self.states[state] for state in unlucky)

    def stop(self, why: str) -> None:
        """End the pass early, unless ``why`` is empty. The first reason stays: what follows from it is no news."""
        self.stopped = self.stopped or why


@dataclass(frozen=True, slots=True)
class Built:
    """A claimed delivery with its mail, or with the reason why it gets none (close)."""

    delivery: Delivery
    mail: LedgerMail | None = None
    close: CloseDelivery | None = None

    @property
    def attempt(self) -> int:
        """The number of the try that comes now."""
        return self.delivery.attempt + 1

    @property
    def only(self) -> str:
        """The relay that may have taken this mail already, empty where none may have."""
        return self.delivery.relay if self.delivery.uncertain_at else ""


Build = Callable[[], Coroutine[Any, Any, Built]]
"""Builds the mail of one claimed delivery, or finds out that it gets none."""


class InFlight:
    """One mail from the moment it is built until it goes out, or until it is known that it does not.

    It holds one place of the room for mails that are built ahead. From ``come`` on it counts, once, as coming: the
    ledger waits a moment for its fence. ``release`` gives both back, once, however often it is called: the next mail
    is built while the fence of this one is written, because a connection has nothing to do then.
    """

    def __init__(self, built: Built, room: asyncio.Semaphore, ledger: LedgerWriter) -> None:
        """Take over one place of the room that is acquired already."""
        self.built = built
        self._room = room
        self._ledger = ledger
        self._is_coming = False
        self._is_released = False

    def come(self) -> None:
        """A connection has taken it, so its fence is near."""
        if not self._is_coming and not self._is_released:
            self._is_coming = True
            self._ledger.coming += 1

    def release(self) -> None:
        """Its fence is asked for, or will not be: the next mail may be built."""
        if self._is_released:
            return
        self._is_released = True
        if self._is_coming:
            self._ledger.coming -= 1
        self._room.release()


class SendPipeline:
    """Takes claimed deliveries to the relay over all its connections, once: for another pass make another.

    settle says what a relay's answer means for a delivery. stop, once set, lets the mails in flight finish and the
    rest wait. What becomes of each is counted in report and told to progress, once it is written down.
    """

    def __init__(
        self,
        mailer: Mailer,
        ledger: LedgerWriter,
        settle: Callable[[Delivery, SmtpReply | Silence], RecordOutcome],
        report: SendReport,
        stop: asyncio.Event,
        progress: Callable[[Delivery, State], None],
    ) -> None:
        self._mailer = mailer
        self._ledger = ledger
        self._settle = settle
        self._report = report
        self._stop = stop
        self._progress = progress
        self._ready: asyncio.Queue[InFlight | None] = asyncio.Queue()
        # For each connection one mail that is on its way to its fence, and one that is built meanwhile.
        self._room = asyncio.Semaphore(2 * mailer.connections)
        self._taken = 0

    async def run(self, builds: AsyncIterator[Build]) -> int:
        """Send until there is nothing left or the pass must stop; return how many deliveries were taken.

        The end has an order: the connections finish what they have begun, then no more is built, then all outcomes
        are written. Where this raises, no connection is at work any more, but the caller has to let the ledger finish.
        """
        building = asyncio.create_task(self._build_ahead(builds))
        connections = [asyncio.create_task(self._send_all()) for _ in range(self._mailer.connections)]
        try:
            await asyncio.gather(*connections)
            building.cancel()  # it may wait for room that nobody makes any more
            await asyncio.wait([building])
            if not building.cancelled():
                building.result()
            await self._ledger.finish()
        except BaseException:
            # The store failed under one of them: no other may begin a message that cannot be recorded.
            self._report.stop(_BY_ERROR)
            await asyncio.gather(*connections, return_exceptions=True)
            building.cancel()
            await asyncio.gather(building, return_exceptions=True)
            raise
        return self._taken

    def _must_stop(self) -> bool:
        return bool(self._report.stopped) or self._stop.is_set()

    async def _build_ahead(self, builds: AsyncIterator[Build]) -> None:
        """Build mails as long as there is room; at the end, however it comes, tell each connection.

        The next one is begun when a fence is asked for, so that it is built while that is written, and not while a
        connection is on its way to DATA.
        """
        try:
            async for build in builds:
                await self._room.acquire()
                if self._must_stop():
                    return
                self._ready.put_nowait(InFlight(await build(), self._room, self._ledger))
                await asyncio.sleep(0)  # one at a time: the replies that have come meanwhile go first
        except Exception:  # not CancelledError: whoever stops it knows why
            self._report.stop(_BY_ERROR)
            raise
        finally:
            for _ in range(self._mailer.connections):
                self._ready.put_nowait(None)

    async def _send_all(self) -> None:
        """Be one connection: take one mail after the other until there is none, or until the pass must stop."""
        last: asyncio.Future[bool] | None = None
        while (mail := await self._ready.get()) is not None:
            built = mail.built
            if self._must_stop():
                return  # its room stays taken: nothing more is to be built
            self._taken += 1
            try:
                step = await self._send(mail, built)
            except MailerError as error:
                mail.release()
                if built.only:
                    # It stays claimed until this pass ends, and then waits for that relay again.
                    log.warning("an uncertain mail is waiting for its relay", error=str(error))
                    continue
                log.error("the relay cannot be used", error=str(error))
                self._report.stop(str(error))
                return
            if step is not None:
                if last is not None:
                    await last  # done already but after refusals: what is unwritten must not pile up
                last = self._record(built.delivery, step)

    async def _send(self, mail: InFlight, built: Built) -> RecordOutcome | CloseDelivery | None:
        """Bring one delivery as far as it comes; return what is to be written down, None where the claim was lost.

        The mail is released when this returns. A MailerError leaves that to the caller; after any other error it does
        not matter, because nothing more is built.
        """
        mail.come()
        message = built.mail
        if message is None:
            mail.release()
            return built.close
        session = await retry_transient(lambda: self._mailer.begin(message.envelope, built.only))
        if isinstance(session, SmtpReply):  # MAIL or RCPT was refused
            mail.release()
            return self._settle(built.delivery, session)
        if not await self._fence(mail, message, session):
            await session.abandon()
            log.warning("the claim was lost before DATA; nothing was sent", delivery=built.delivery.id)
            return None
        return self._settle(built.delivery, await session.data(message.message))

    async def _fence(self, mail: InFlight, message: LedgerMail, session: MailSession) -> bool:
        """Commit ``in_data``; return whether DATA may follow. Where that is not known, the session is abandoned."""
        built = mail.built
        snapshot = built.delivery.snapshot or message.snapshot
        fence = BeginData(built.delivery.id, built.attempt, snapshot, session.relay)
        try:
            written = self._ledger.hand_over(fence)
            mail.release()
            return await written
        except BaseException:
            await session.abandon()
            raise

    def _record(self, delivery: Delivery, step: RecordOutcome | CloseDelivery) -> asyncio.Future[bool]:
        """Have an outcome written; it counts once it is. The connection does not wait for it: see LedgerWriter."""
        written = self._ledger.hand_over(step)
        written.add_done_callback(partial(self._count, delivery, choose_state(step)))
        return written

    def _count(self, delivery: Delivery, state: State, written: asyncio.Future[bool]) -> None:
        if written.exception() is None:
            self._report.states[state] += 1
            self._progress(delivery, state)
