"""Alerts: what of a newsletter's health the operator is told by mail, each thing once.

Pure: choose_alerts decides. I/O: queue_alerts queues.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.logs import log
from newsletter.model.ledger import Kind, QueuedNotice, State
from newsletter.model.mail import Fact, Identity
from newsletter.render.language import load_language
from newsletter.render.notices import write_alert
from newsletter.workflows.health import BROKEN_AFTER, SHOWN_INCOMING, Health, is_broken
from newsletter.workflows.notices import find_recipient

if TYPE_CHECKING:
    from newsletter.model.readers import EmailAddress
    from newsletter.storage import SubscriberStore
    from newsletter.storage.ledger.planning import Planning

ALERT_LIFETIME = timedelta(days=1)
"""So long is it tried to tell the operator; a problem that stays is told again the next day."""
_PARTIAL = 0.05
_FAILED = (State.REJECTED, State.EXPIRED, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that the operator must know, once: key names it. what is one sentence; advice says what to do."""

    key: str
    what: str
    facts: tuple[Fact, ...]
    advice: str


async def queue_alerts(
    health: Health,
    to: Sequence[EmailAddress],
    identity: Identity,
    subscribers: SubscriberStore,
    planning: Planning,
    now: datetime,
) -> int:
    """Queue a mail to the operators about each thing that is wrong, each once; return how many were queued."""
    told = 0
    for alert in choose_alerts(health):
        for address in to:
            if await queue_alert(alert, address, identity, subscribers, planning, now):
                log.error("alert", key=alert.key, what=alert.what)
                told += 1
    return told


async def queue_alert(
    alert: Alert,
    to: EmailAddress,
    identity: Identity,
    subscribers: SubscriberStore,
    planning: Planning,
    now: datetime,
) -> bool:
    """Queue a mail to the operator; False where they have been told already."""
    reader = await find_recipient(to, subscribers, now)
    notice = write_alert(load_language(identity.language), identity, alert.what, alert.facts, (alert.advice,))
    queued = QueuedNotice(
        kind=Kind.ALERT,
        key=alert.key,
        recipient=reader.id,
        address=to,
        notice=notice,
        language=identity.language,
        expires_at=now + ALERT_LIFETIME,
    )
    return await planning.queue_notice(queued, now)


def choose_alerts(health: Health) -> list[Alert]:
    """Decide what the operator must be told: a run that is late, partial or empty against expectation, a relay that
    refuses us, a source that is broken, a database that may not send."""
    return [
        *_choose_sending_alerts(health),
        *_choose_outside_alerts(health),
        *_choose_clock_alerts(health),
        *_choose_incoming_alerts(health),
        *_choose_edition_alerts(health),
    ]


def _choose_sending_alerts(health: Health) -> Iterator[Alert]:
    """Look at what keeps mails from going out, and at the ledger."""
    day = f"{health.at:%Y-%m-%d}"
    if health.late:
        yield Alert(
            f"late:{day}",
            f"{health.late} mails are overdue",
            (Fact("Held", health.held),) if health.held else (),
            "Check 'newsletter status', that 'newsletter run' is running, and that the relay accepts mail.",
        )
    if health.refused:
        yield Alert(f"guard:{day}", "sending is stopped", (Fact("Why", health.refused),), health.refused)
    if health.contradictions:
        yield Alert(
            f"ledger:{day}",
            "the ledger is inconsistent",
            tuple(Fact("Found", what) for what in health.contradictions),
            "Say 'newsletter hold' until it is known why: somebody might get a mail twice, or none."
            " Has a hand, or another program, been in the database?",
        )


def _choose_outside_alerts(health: Health) -> Iterator[Alert]:
    """Look at relays and sources."""
    day = f"{health.at:%Y-%m-%d}"
    for relay, why in sorted(health.paused.items()):
        yield Alert(
            f"relay:{relay}:{day}",
            f"relay {relay} is paused",
            (Fact("Why", why),),
            "Run 'newsletter check --relay', and ask the operator of the relay.",
        )
    for source in filter(is_broken, health.sources):
        yield Alert(
            f"source:{source.source}:{day}",
            f"source {source.source} is broken",
            (Fact("Failed polls", str(source.failures)), Fact("Why", source.why)),
            "Run 'newsletter sources'.",
        )
    for held in health.held_back:
        yield Alert(
            # Once, until it is let out or forgotten.
            f"archive:{held.source}:{held.since:%Y-%m-%d}",
            f"source {held.source} lists its archive again",
            (Fact("Held back", f"{held.count} old entries"),),
            f"Nobody gets them by mail. If they are news: newsletter sources release {shlex.quote(held.source)}",
        )


def _choose_clock_alerts(health: Health) -> list[Alert]:
    """Look at the steps of the clock: a failure that may pass by itself is told when it has not."""
    day = f"{health.at:%Y-%m-%d}"
    return [
        Alert(
            f"step:{failure.step}:{day}",
            f"the scheduled step '{failure.step}' fails",
            (
                Fact("Since", f"{failure.since:%Y-%m-%d %H:%M} UTC"),
                Fact("Times in a row", str(failure.times)),
                Fact("Why", failure.error),
            ),
            "Check 'newsletter status' and the log. The other steps continue.",
        )
        for failure in health.failing
        if failure.times >= BROKEN_AFTER or not failure.is_passing
    ]


def _choose_incoming_alerts(health: Health) -> Iterator[Alert]:
    """Look at what came in today."""
    day = f"{health.at:%Y-%m-%d}"
    for name, found, what, advice in (
        (
            "set-aside",
            health.set_aside,
            "incoming mail could not be processed",
            "They are set aside. Please check them: one may be a request to unsubscribe (docs/operations.md).",
        ),
        (
            "blamed",
            health.blamed,
            "reports blame our sender, server or account",
            "Mend what they name: DNS of the sender, SPF, DKIM, reputation, limits. No reader is charged for it.",
        ),
        (
            "wishes",
            health.wishes,
            "somebody asks to unsubscribe without proof of identity",
            "A reader's address gets the link to unsubscribe, at most once a week; others, please answer yourself.",
        ),
    ):
        if found and f"{found.at:%Y-%m-%d}" == day:
            facts = (
                Fact(f"Messages in {SHOWN_INCOMING.days} days", str(found.count)),
                Fact("Last", found.why),
            )
            yield Alert(f"{name}:{day}", what, facts, advice)


def _choose_edition_alerts(health: Health) -> list[Alert]:
    """Look at the newest edition that is done."""
    done = [edition for edition, counts in health.counts.items() if not counts.pending]
    if not done:
        return []
    edition = max(done)
    counts = health.counts[edition]
    facts = tuple(Fact(str(state), str(count)) for state, count in counts.states.items() if count)
    failed = sum(counts[state] for state in _FAILED)
    sent = counts[State.ACCEPTED]
    alerts = []
    if failed > _PARTIAL * (failed + sent):
        advice = f"Check 'newsletter deliveries --edition {edition}'; 'newsletter retry' sends the failed mails again."
        alerts.append(Alert(f"partial:{edition}", f"{failed} mails of {edition} failed", facts, advice))
    week_ago = health.counts.get(f"{datetime.fromisoformat(edition) - timedelta(days=7):%Y-%m-%d}")
    if not sent and counts[State.EMPTY] and week_ago and week_ago[State.ACCEPTED]:
        advice = "Check 'newsletter sources': most likely nothing new was read."
        alerts.append(Alert(f"empty:{edition}", f"{edition} had no papers for anybody", facts, advice))
    return alerts
