"""Letters of people who want to leave and do not prove who they are: they get the link that does.

Anybody can write a sender's name, so the link goes to a reader's own address and to no other, at most once a week.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.address import parse_address
from newsletter.deliver.message import write_leave_mailto
from newsletter.errors import AddressError
from newsletter.model.ledger import Kind, QueuedNotice
from newsletter.model.readers import Consent, Subscriber
from newsletter.model.reports import ANSWERED, UNPROVEN, BounceReport
from newsletter.render.language import load_language
from newsletter.render.notices import write_leave_link
from newsletter.workflows.subscriptions import NOTICE_LIFETIME

if TYPE_CHECKING:
    from newsletter.model.mail import Identity
    from newsletter.signing import Secret
    from newsletter.storage import FeedbackStore, SubscriberStore
    from newsletter.storage.ledger.planning import Planning
    from newsletter.web_links import WebLinks

ONCE_IN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class LetterAnswers:
    """Answers letters of one newsletter. links is None where there are no pages."""

    subscribers: SubscriberStore
    planning: Planning
    feedback: FeedbackStore
    identity: Identity
    links: WebLinks | None
    secret: Secret

    async def answer(self, report_hash: str, report: BounceReport, now: datetime) -> str | None:
        """Answer a wish to leave, where a reader's address wrote it; return what was done, None where the letter was
        known already."""
        reader = await self._find_reader(report.sender)
        what = UNPROVEN
        if reader is not None and not await self.feedback.was_answered(reader.address, now - ONCE_IN):
            await self.planning.queue_notice(self._write(reader, report_hash, now), now)
            what = ANSWERED
        address = reader.address if reader else report.sender
        return what if await self.feedback.note_letter(report_hash, report, address, what, now) else None

    async def _find_reader(self, sender: str) -> Subscriber | None:
        try:
            reader = await self.subscribers.load(parse_address(sender))
        except AddressError:
            return None
        is_mailed = reader is not None and reader.consent in (Consent.CONFIRMED, Consent.PAUSED)
        return reader if is_mailed else None

    def _write(self, reader: Subscriber, report_hash: str, now: datetime) -> QueuedNotice:
        language = reader.language or self.identity.language
        if self.links is not None:
            url = self.links.leave(reader.id, self.secret)
        else:
            url = write_leave_mailto(self.identity, reader.id, self.secret)
        notice = write_leave_link(load_language(language), self.identity, url)
        return QueuedNotice(
            kind=Kind.LEAVE_LINK,
            key=report_hash,
            recipient=reader.id,
            address=reader.address,
            notice=notice,
            language=language,
            expires_at=now + NOTICE_LIFETIME,
        )
