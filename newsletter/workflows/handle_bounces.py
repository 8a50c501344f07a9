"""Bounces: read what came back, find the mail that it is about, and do what follows.

A report counts only if it names its mail by something that cannot be made up: the signed token in our return path,
or our Message-ID. What can go wrong: the mailbox is away (MailerError), the store is away (StoreError); a message is
marked as done only after its transaction, so it is read again then, and known by its hash.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import structlog

from newsletter.deliver.bounce import parse_report
from newsletter.deliver.bounce_policy import choose_action
from newsletter.deliver.return_path import read_return_path
from newsletter.model import DeliveryId, EmailAddress, Report, ReportKind
from newsletter.ports import Clock, EvidenceStore, Inbox

log = structlog.get_logger()


async def handle_bounces(
    inbox: Inbox, evidence: EvidenceStore, bounce_address: EmailAddress, secret: bytes, clock: Clock
) -> Counter[str]:
    """Read all new mail of an inbox; return how many messages led to what."""
    done: Counter[str] = Counter()
    async for name, message in inbox.read():
        report = parse_report(message)
        delivery = await _find_delivery(report, evidence, bounce_address, secret)
        now = clock.now()
        action = await evidence.note(
            hashlib.sha256(message).hexdigest(),
            report,
            delivery,
            lambda address, state, soft, report=report, now=now: choose_action(  # type: ignore[misc]
                report, address, state, soft, now
            ),
            now,
        )
        what = "known already" if action is None else action.what
        if action is not None and delivery is None and report.kind is not ReportKind.NONE:
            log.warning("a report names no mail of ours", kind=str(report.kind), subject=report.subject)
        done[what] += 1
        await inbox.finish(name)
    return done


async def _find_delivery(
    report: Report, evidence: EvidenceStore, bounce_address: EmailAddress, secret: bytes
) -> DeliveryId | None:
    for address in report.returned_to:
        delivery = read_return_path(address, bounce_address, secret)
        if delivery is not None:
            return delivery
    return await evidence.find_by_message_id(report.message_id) if report.message_id else None
