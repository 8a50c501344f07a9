"""What operators do by hand: the operator's page and the commands call the same, and each act leaves one record.

An act that cannot be done raises ActError, whose message says why; nothing is recorded then. `act_on` does it.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.address import parse_address
from newsletter.compose.subscription import word_refusal
from newsletter.errors import ActError, AddressError, ConfigError, MailerError, Message
from newsletter.model.acts import OF_READERS, Act, ActRecord, Wish
from newsletter.model.ledger import DeliveryFilter, DeliveryId, Hold, HoldKind, State
from newsletter.model.mail import Silence, SmtpReply
from newsletter.model.readers import Consent, EmailAddress, Refused, Subscriber, Unwanted
from newsletter.settings.readers import check_reader, new_subscriber
from newsletter.settings.topic_lines import require_topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import timedelta

    from newsletter.model.sources import FetchRecord
    from newsletter.model.topics import Topic
    from newsletter.ports import Clock, Mailer
    from newsletter.storage import Ledger, OperatorLog, SettingStore, SubscriberStore
    from newsletter.workflows.build_mail import Mail
    from newsletter.workflows.subscriptions import Subscriptions


_BY_HAND = "by the operator: {}"


@dataclass(frozen=True, slots=True)
class OperatorDesk:
    """Where an operator acts. build_test makes the test mail of a reader, None where nothing is new; poll looks at one
    source now; retry_for is how long a mail that goes out again is tried."""

    ledger: Ledger
    subscribers: SubscriberStore
    subscriptions: Subscriptions
    settings: SettingStore
    log: OperatorLog
    library: Mapping[str, Topic]
    layouts: tuple[str, ...]
    everything_else: int
    clock: Clock
    retry_for: timedelta
    choose_mailer: Callable[[], Mailer]
    build_test: Callable[[Subscriber, EmailAddress], Awaitable[Mail | None]]
    poll: Callable[[str], Awaitable[FetchRecord | None]]

    async def act_on(self, wish: Wish) -> Message:
        """Do what is wished and write down who did it; return what was done, for people.

        Raises ActError, StoreError.
        """
        subject = wish.subject
        if wish.act in OF_READERS:
            subject, outcome = await self._act_on_reader(wish)
        else:
            acts = {
                Act.HOLD: self._hold,
                Act.RELEASE: self._release,
                Act.RETRY: self._retry,
                Act.ACCEPTED: self._settle,
                Act.NOT_SENT: self._settle,
                Act.TEST: self._send_test,
                Act.POLL: self._poll,
            }
            outcome = await acts[wish.act](wish)
        await self.log.note(ActRecord(self.clock.now(), wish.who, wish.act, subject, str(outcome)))
        return outcome

    # --- sending ------------------------------------------------------------------------------

    async def _hold(self, wish: Wish) -> Message:
        why = wish.why.strip()
        if not why:
            raise ActError(Message("Say why: it is shown until you release."))
        await self.settings.save_hold(Hold(HoldKind.MANUAL, why))
        return Message("On hold: {why}", why=why)

    async def _release(self, _wish: Wish) -> Message:
        await self.settings.save_hold(None)
        return Message("Released: the next run sends what is queued.")

    async def retry(self, wanted: DeliveryFilter, who: str) -> tuple[int, int]:
        """Queue the rejected or expired mails that fit again, and write down who did it; return how many, and how many
        were left out because a later digest covers their papers. Raises StoreError."""
        now = self.clock.now()
        queued, covered = await self.ledger.planning.retry(wanted, now, now + self.retry_for)
        said = _word_retry(queued, covered)
        await self.log.note(ActRecord(now, who, Act.RETRY, wanted.edition, said))
        return queued, covered

    async def _retry(self, wish: Wish) -> Message:
        now = self.clock.now()
        wanted = DeliveryFilter(wish.subject, frozenset({State.REJECTED}))
        queued, covered = await self.ledger.planning.retry(wanted, now, now + self.retry_for)
        return _word_retry(queued, covered)

    async def _settle(self, wish: Wish) -> Message:
        if not wish.why.strip():
            raise ActError(Message("Say how you know: it is kept in the ledger."))
        accepted = wish.act is Act.ACCEPTED
        expires_at = self.clock.now() + self.retry_for
        number = (
            DeliveryId(int(wish.subject))
            if wish.subject.isascii() and wish.subject.isdigit()
            else DeliveryId(0)
        )
        if not await self.ledger.recording.resolve(number, accepted, wish.why.strip(), expires_at):
            raise ActError(Message("This mail is not uncertain any more."))
        if accepted:
            return Message("Settled: it arrived.")
        return Message("Settled: it did not arrive, and goes out again with the next run.")

    async def _send_test(self, wish: Wish) -> Message:
        if hold := await self.settings.load_hold():
            raise ActError(Message("Nothing was sent: sending is on hold ({why}).", why=hold.why))
        address = read_address(wish.who)
        reader = await self.subscribers.load(address)
        if why := word_no_test(address, reader):
            raise ActError(why)
        assert reader is not None  # word_no_test
        mail = await self.build_test(reader, address)
        if mail is None:
            raise ActError(
                Message("There is nothing new for {address}, so there is nothing to send.", address=address)
            )
        try:
            reply = await send_once(self.choose_mailer(), mail)
        except MailerError as error:
            raise ActError(Message("The relay did not take it: {reply}", reply=str(error))) from error
        if not isinstance(reply, SmtpReply) or not 200 <= reply.code < 300:
            raise ActError(Message("The relay did not take it: {reply}", reply=str(reply)))
        return Message("A test is on its way to {address}. The ledger does not record it.", address=address)

    async def _poll(self, wish: Wish) -> Message:
        record = await self.poll(wish.subject)
        if record is None:
            raise ActError(Message("There is no source of this name."))
        return Message(
            "{source}: {state}, {listed} listed, {new} new. {message}",
            source=record.source,
            state=str(record.state),
            listed=record.listed,
            new=record.new,
            message=record.message,
        )

    # --- readers ------------------------------------------------------------------------------

    async def _act_on_reader(self, wish: Wish) -> tuple[str, Message]:
        """Do an act on a reader; return what names them in the record, and what was done."""
        address = read_address(wish.subject)
        if wish.act is Act.ADD:
            added = await self._add(address, wish.why)
            return _name(added), Message(
                "{address} is added and gets the next digest.", address=added.address
            )
        reader = await self.subscribers.load(address)
        if wish.act in (Act.SUPPRESS, Act.LIFT):
            return _name(reader), await self._suppress_or_lift(wish, reader.address if reader else address)
        if reader is None:
            raise ActError(Message("{address} is no reader.", address=address))
        why = wish.why.strip() or f"{wish.act} by the operator"
        if wish.act is Act.PAUSE:
            moved = await self.subscriptions.pause(reader.id, None, why)
            done = Message("{address} is paused.", address=reader.address)
        elif wish.act is Act.REMOVE:
            moved = await self.subscriptions.leave(reader.id, why, is_told=True)
            done = Message("{address} has left and gets no digest.", address=reader.address)
        else:
            moved = await self.subscriptions.restore(reader.id, why)
            done = Message("{address} is mailed again.", address=reader.address)
        if isinstance(moved, Refused):
            raise ActError(Message("{address} {why}", address=reader.address, why=word_refusal(moved)))
        return _name(reader), done

    async def _suppress_or_lift(self, wish: Wish, address: EmailAddress) -> Message:
        why, now = wish.why.strip(), self.clock.now()
        if not why:
            raise ActError(Message("Say why: it is kept in the record."))
        if wish.act is Act.SUPPRESS:
            await self.subscribers.suppress(address, _BY_HAND.format(why), now)
            return Message("{address} is mailed no more.", address=address)
        if not await self.subscribers.lift_suppression(address, why, now):
            raise ActError(Message("{address} is not suppressed.", address=address))
        return Message("{address} may be mailed again.", address=address)

    async def suppress_all(self, addresses: Sequence[EmailAddress], why: str, who: str) -> None:
        """Mail none of these addresses any more, and write down who did it. Raises StoreError."""
        now = self.clock.now()
        await self.subscribers.suppress_all(
            [Unwanted(address, _BY_HAND.format(why)) for address in addresses], now
        )
        outcome = f"{len(addresses)} addresses are mailed no more: {why}"
        await self.log.note(ActRecord(now, who, Act.SUPPRESS, "", outcome))

    async def _add(self, address: EmailAddress, lines: str) -> Subscriber:
        try:
            read = require_topics(
                [line for line in lines.splitlines() if line.strip()], self.library, "topics"
            )
            checked = check_reader(
                {"address": address},
                read.topics_json,
                layouts=self.layouts,
                everything_else=self.everything_else,
            )
        except ConfigError as error:
            raise ActError(Message("{problems}", problems=str(error))) from error
        added = await self.subscriptions.add(new_subscriber(checked), "added by the operator")
        if isinstance(added, Refused):
            raise ActError(Message("{address} {why}", address=address, why=word_refusal(added)))
        return await self.subscribers.load(address) or added


def read_address(typed: str) -> EmailAddress:
    """Return the address that was typed. Raises ActError."""
    try:
        return parse_address(typed)
    except AddressError as error:
        raise ActError(Message("This is not an e-mail address.")) from error


def word_no_test(address: EmailAddress, reader: Subscriber | None) -> Message | None:
    """Return why no test can be sent to the operator at an address, who reads as ``reader``; None where it can."""
    if reader is not None and reader.consent in (Consent.CONFIRMED, Consent.PAUSED):
        return None
    return Message("{address} is not subscribed. Subscribe it to send yourself a test.", address=address)


def _word_retry(queued: int, covered: int) -> Message:
    return Message(
        "Queued again: {queued}. Left out, because a later digest covers their papers: {covered}.",
        queued=queued,
        covered=covered,
    )


def name_command_line() -> str:
    """Return who acts by a command, as the record has it."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # a user without a name, in a container
        return f"command line (user {os.getuid()})"


def _name(reader: Subscriber | None) -> str:
    """Return what names a reader in the record, which outlives their data: never the address."""
    return f"reader {reader.id}" if reader is not None and reader.id else "nobody known"


async def send_once(mailer: Mailer, mail: Mail) -> SmtpReply | Silence:
    """Send a mail of which the ledger knows nothing; return what the relay said, if it did. Raises MailerError."""
    try:
        session = await mailer.begin(mail.envelope)
        return session if isinstance(session, SmtpReply) else await session.data(mail.message)
    finally:
        await mailer.close()
