"""Bounces: read what came back, find the mail that it is about, and do what follows.

A report counts only if it names its mail by something that cannot be made up: the signed token in our return path,
or our Message-ID. Who wants to leave proves it likewise, or with the token in the subject that our List-Unsubscribe
and the mail's own link ask for: a sender's name can be written by anybody, so it proves nothing. What can go wrong:
the mailbox is away (MailerError), the store is away (StoreError); a message is marked as done only after its
transaction, so it is read again then, and known by its hash. A message that cannot be handled is set aside, and the
next one is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from newsletter.deliver.bounce import parse_report
from newsletter.deliver.return_path import find_return_path
from newsletter.errors import MailerError, StoreError
from newsletter.logs import log
from newsletter.model.readers import SubscriberId
from newsletter.model.reports import SET_ASIDE, BounceReport, ReportKind, Unreadable
from newsletter.signing import Purpose, Secret, find_token
from newsletter.tracebacks import word_failure

if TYPE_CHECKING:
    from newsletter.model.ledger import DeliveryId
    from newsletter.ports import Clock, Inbox
    from newsletter.storage import FeedbackStore
    from newsletter.workflows.answer_letters import LetterAnswers

KNOWN = "already known"


@dataclass(slots=True)
class IncomingReport:
    """What reading an inbox did: how many messages led to what, where those are that were set aside, and why messages
    could not be marked as read, empty where all could. wishes: who asked to leave without proof, and what was done."""

    done: Counter[str] = field(default_factory=Counter)
    place: str = ""
    unmarked: str = ""
    wishes: list[str] = field(default_factory=list)

    @property
    def set_aside(self) -> int:
        return self.done[SET_ASIDE]


async def handle_bounces(
    inbox: Inbox, feedback: FeedbackStore, secret: Secret, answers: LetterAnswers, clock: Clock
) -> IncomingReport:
    """Read all new mail of an inbox; return what that led to.

    Raises MailerError where the mailbox is away, StoreError where the store is.
    """
    report = IncomingReport(place=inbox.set_aside_place)
    async for name, message in inbox.read():
        what = why = ""
        try:
            if isinstance(message, Unreadable):
                why = message.why
            else:
                what = await _handle(name, message, feedback, secret, answers, report.wishes, clock.now())
        except Exception as error:
            if isinstance(error, StoreError) and not error.is_refusal:
                raise
            why = word_failure(error)  # whatever it is, it is about this message
        if why and not await _note_set_aside(name, message, why, feedback, clock.now()):
            what = KNOWN
        report.done[what or SET_ASIDE] += 1
        try:
            await (inbox.set_aside(name) if why else inbox.finish(name))
        except MailerError as error:
            if error.is_passing:
                raise
            report.unmarked = report.unmarked or str(error)
    return report


def log_incoming(report: IncomingReport) -> None:
    """Tell the clock's log. Raises MailerError where all was read, but cannot be marked as read."""
    done = {what: count for what, count in report.done.items() if what != KNOWN}
    if done:
        log.info("processed the bounce mailbox", **done)
    if report.unmarked:
        raise MailerError(report.unmarked)


async def _note_set_aside(
    name: str, message: bytes | Unreadable, why: str, feedback: FeedbackStore, now: datetime
) -> bool:
    """Write down and log that a message is set aside; False where it was known already, from an earlier reading."""
    text = os.fsencode(f"unreadable {name}") if isinstance(message, Unreadable) else message
    is_new = await feedback.note_set_aside(hashlib.sha256(text).hexdigest(), why, now)
    if is_new:
        log.error("a message cannot be processed and is set aside", message=name, why=why)
    return is_new


async def _handle(
    name: str,
    message: bytes,
    feedback: FeedbackStore,
    secret: Secret,
    answers: LetterAnswers,
    wishes: list[str],
    now: datetime,
) -> str:
    """Do what follows from one message; return what that was in a word or two."""
    # In a thread, since some take long to read and mails go out meanwhile.
    report = await asyncio.to_thread(parse_report, message)
    report_hash = hashlib.sha256(message).hexdigest()
    leaver = find_token(report.subject, Purpose.LEAVE, secret)
    if leaver is not None:
        action = await feedback.note_leave(report_hash, report, SubscriberId(leaver), now)
        return KNOWN if action is None else action.what
    delivery = await find_delivery(report, feedback, secret)
    if report.kind is ReportKind.WISH or (report.kind is ReportKind.UNSUBSCRIBE and delivery is None):
        what = await answers.answer(report_hash, report, now)
        if what is None:
            return KNOWN
        log.warning("somebody asks to unsubscribe without proof of identity", message=name, done=what)
        wishes.append(f"{report.sender or 'somebody'}: {what}")
        return what
    action = await feedback.note(report_hash, report, delivery, now)
    if action is None:
        return KNOWN
    if delivery is None and report.kind is not ReportKind.NONE:
        log.warning("a report matches no mail of ours", kind=str(report.kind), subject=report.subject)
    return action.what


async def find_delivery(report: BounceReport, feedback: FeedbackStore, secret: Secret) -> DeliveryId | None:
    """Return the delivery that a mail is about, by whatever in it is signed by us, wherever it stands."""
    if report.kind is ReportKind.NONE:
        return None
    text = "\n".join(report.proofs)
    delivery = find_return_path(text, secret) or await feedback.find_by_message_ids(report.message_ids)
    if delivery is not None:
        return delivery
    reader = find_token(text, Purpose.LEAVE, secret)
    return await feedback.find_last_mail(SubscriberId(reader)) if reader is not None else None
