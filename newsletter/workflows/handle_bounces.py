"""Bounces: read what came back, find the mail that it is about, and do what follows.

A report counts only if it names its mail by something that cannot be made up: the signed token in our return path,
or our Message-ID. Who wants to leave proves it likewise, or with the token in the subject that our List-Unsubscribe
and the mail's own link ask for: a sender's name can be written by anybody, so it proves nothing. What can go wrong:
the mailbox is away (MailerError), the store is away (StoreError); a message is marked as done only after its
transaction, so it is read again then, and known by its hash.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime

import structlog

from newsletter.deliver.bounce import parse_report
from newsletter.deliver.bounce_policy import choose_action
from newsletter.deliver.return_path import read_return_path
from newsletter.model import DeliveryId, EmailAddress, Report, ReportKind, SubscriberId
from newsletter.ports import Clock, EvidenceStore, Inbox
from newsletter.secret import Secret
from newsletter.tokens import Purpose, check_token

log = structlog.get_logger()


async def handle_bounces(
    inbox: Inbox, evidence: EvidenceStore, bounce_address: EmailAddress, secret: Secret, clock: Clock
) -> Counter[str]:
    """Read all new mail of an inbox; return how many messages led to what."""
    done: Counter[str] = Counter()
    async for name, message in inbox.read():
        report = parse_report(message)
        done[await _handle(name, message, report, evidence, bounce_address, secret, clock.now())] += 1
        await inbox.finish(name)
    return done


async def _handle(
    name: str,
    message: bytes,
    report: Report,
    evidence: EvidenceStore,
    bounce_address: EmailAddress,
    secret: Secret,
    now: datetime,
) -> str:
    """Do what follows from one message; return what that was in a word or two."""
    report_hash = hashlib.sha256(message).hexdigest()
    leaver = find_leaver(report, secret)
    if leaver is not None:
        action = await evidence.note_leave(report_hash, report, leaver, now)
        return "known already" if action is None else action.what
    delivery = await _find_delivery(report, evidence, bounce_address, secret)
    action = await evidence.note(
        report_hash,
        report,
        delivery,
        lambda address, state, soft: choose_action(report, address, state, soft, now),
        now,
    )
    if action is None:
        return "known already"
    if delivery is None and report.kind is ReportKind.UNSUBSCRIBE:
        log.warning("somebody asks to leave who does not prove who they are: look yourself", message=name)
        return "asked to leave without proof"
    if delivery is None and report.kind is not ReportKind.NONE:
        log.warning("a report names no mail of ours", kind=str(report.kind), subject=report.subject)
    return action.what


def find_leaver(report: Report, secret: Secret) -> SubscriberId | None:
    """Return the reader whose own leave link wrote this mail; None for all other mail, and for a forged token."""
    if report.kind is not ReportKind.UNSUBSCRIBE:
        return None
    for word in report.subject.lower().split():
        number = check_token(word, Purpose.LEAVE, secret)
        if number is not None:
            return SubscriberId(number)
    return None


async def _find_delivery(
    report: Report, evidence: EvidenceStore, bounce_address: EmailAddress, secret: Secret
) -> DeliveryId | None:
    for address in report.returned_to:
        delivery = read_return_path(address, bounce_address, secret)
        if delivery is not None:
            return delivery
    return await evidence.find_by_message_id(report.message_id) if report.message_id else None
