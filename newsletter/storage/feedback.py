"""What came back, in the database: each report once, and what followed from it in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from newsletter.deliver.bounce_policy import choose_action
from newsletter.model.ledger import DeliveryId, State
from newsletter.model.reports import (
    ABOUT_US,
    ANSWERED,
    DEFAULT_POLICY,
    SET_ASIDE,
    UNPROVEN,
    BounceAction,
    BounceReport,
    Incoming,
    Noticed,
    ReportKind,
    StrikePolicy,
)
from newsletter.storage.dialects import insert_or_ignore
from newsletter.storage.engine import Database, Store, reading, writing
from newsletter.storage.ledger.kept import forget_kept
from newsletter.storage.ledger.moves import change_outcome, lock_delivery, uncount
from newsletter.storage.ledger.view import ledger
from newsletter.storage.subscriptions import leave_reader
from newsletter.storage.suppressions import suppress, weigh_failure
from newsletter.storage.tables import bounces, deliveries, mails, subscribers

if TYPE_CHECKING:
    from newsletter.model.readers import SubscriberId


class FeedbackStore(Store):
    """What came back: the reports about our mails. policy says when failures are enough."""

    def __init__(self, database: Database, policy: StrikePolicy = DEFAULT_POLICY) -> None:
        super().__init__(database)
        self._policy = policy

    @reading
    def find_by_message_ids(self, connection: Connection, message_ids: Sequence[str]) -> DeliveryId | None:
        """Return the delivery of the mail with the first of these Message-IDs that is one of ours."""
        found = connection.execute(
            select(mails.c.message_id, mails.c.delivery).where(mails.c.message_id.in_(message_ids))
        )
        ours = {row.message_id: DeliveryId(row.delivery) for row in found}
        return next((ours[one] for one in message_ids if one in ours), None)

    @reading
    def find_newest_to(self, connection: Connection, address: str, since: datetime) -> DeliveryId | None:
        """Return the newest mail that went out since then to the reader of an address."""
        to_them = mails.c.recipient.in_(select(subscribers.c.id).where(subscribers.c.address_key == address))
        return _find_newest(connection, to_them, deliveries.c.slot_at >= since)

    @reading
    def find_last_mail(self, connection: Connection, reader: SubscriberId) -> DeliveryId | None:
        """Return the delivery of the last mail that went out to a reader."""
        return _find_newest(connection, mails.c.recipient == reader)

    @writing
    def note(
        self,
        connection: Connection,
        report_hash: str,
        report: BounceReport,
        delivery: DeliveryId | None,
        now: datetime,
    ) -> BounceAction | None:
        """Write a report down and do what follows from it; None where it was known already.

        A report that belongs to none of our mails (delivery None) changes nothing else.
        """
        if _is_known(connection, report_hash):
            return None
        lock_delivery(connection, delivery)
        row = connection.execute(
            select(ledger, subscribers.c.address.label("current"))
            .join_from(ledger, subscribers, subscribers.c.id == ledger.c.recipient)
            .where(ledger.c.id == delivery)
        ).one_or_none()
        first = next(iter(report.recipients), None)
        noted = {"status": first.status, "diagnostic": first.diagnostic} if first else {}
        if row is None:
            _insert(connection, report_hash, report.kind, "ignored", now, **noted)
            return BounceAction("ignored")
        address = row.address or row.current
        action = choose_action(report, address, State(row.state))
        if self._follow(connection, action, row, address, report, now):
            action = action._replace(what="suppressed")
        _insert(
            connection, report_hash, report.kind, action.what, now, delivery=row.id, address=address, **noted
        )
        return action

    def _follow(
        self,
        connection: Connection,
        action: BounceAction,
        row: Row[Any],
        address: str,
        report: BounceReport,
        now: datetime,
    ) -> bool:
        """Do what follows from a report about a delivery, whose row this is; return whether failures are enough now."""
        if action.state is not None:
            change_outcome(connection, row.id, action.state, _say(report))
            forget_kept(connection, [row.key])
            if action.state is State.REJECTED:
                uncount(connection, [row])
        if action.leaves:
            leave_reader(connection, row.recipient, now, str(report.kind))
        if report.kind is ReportKind.COMPLAINT:
            suppress(connection, address, action.why, now, is_complaint=True)
            return False
        return weigh_failure(connection, address, action.weight, action.why, row.id, self._policy, now)

    @writing
    def note_leave(
        self,
        connection: Connection,
        report_hash: str,
        report: BounceReport,
        reader: SubscriberId,
        now: datetime,
    ) -> BounceAction | None:
        """Write down that a reader asked by mail to leave, and let them leave; None where it was known already."""
        if _is_known(connection, report_hash):
            return None
        address = connection.scalar(select(subscribers.c.address).where(subscribers.c.id == reader)) or ""
        action = BounceAction("left" if address else "ignored", leaves=bool(address))
        if address:
            leave_reader(connection, reader, now, str(report.kind))
        _insert(connection, report_hash, report.kind, action.what, now, address=address)
        return action

    @writing
    def note_letter(
        self,
        connection: Connection,
        report_hash: str,
        report: BounceReport,
        sender: str,
        what: str,
        now: datetime,
    ) -> bool:
        """Write down that somebody asked to leave without proof; False where it was known already."""
        return _insert(
            connection,
            report_hash,
            report.kind,
            what,
            now,
            address=sender,
            diagnostic=f"from {sender or '?'}",
        )

    @reading
    def was_answered(self, connection: Connection, address: str, since: datetime) -> bool:
        """Tell whether a letter of this address was answered since then."""
        wanted = (bounces.c.address == address, bounces.c.action == ANSWERED, bounces.c.at > since)
        return connection.scalar(select(bounces.c.id).where(*wanted).limit(1)) is not None

    @writing
    def note_set_aside(self, connection: Connection, report_hash: str, why: str, now: datetime) -> bool:
        """Write down that a message could not be handled; False where it was known already."""
        return _insert(connection, report_hash, ReportKind.NONE, SET_ASIDE, now, diagnostic=why)

    @reading
    def load_incoming(self, connection: Connection, since: datetime) -> Incoming:
        """Return what came in since then that the operator has to know of."""

        def load(*actions: str) -> Noticed | None:
            wanted = (bounces.c.action.in_(actions), bounces.c.at >= since)
            count = connection.scalar(select(func.count()).select_from(bounces).where(*wanted))
            newest = connection.execute(
                select(bounces.c.at, bounces.c.diagnostic)
                .where(*wanted)
                .order_by(bounces.c.at.desc(), bounces.c.id.desc())
                .limit(1)
            ).one_or_none()
            return Noticed(count or 0, newest.at, newest.diagnostic) if newest else None

        return Incoming(load(SET_ASIDE), load(ABOUT_US), load(ANSWERED, UNPROVEN))


def _find_newest(connection: Connection, *which: ColumnElement[bool]) -> DeliveryId | None:
    """Return the delivery of the newest of these mails that went out."""
    found = connection.scalar(
        select(deliveries.c.id)
        .join_from(mails, deliveries, deliveries.c.id == mails.c.delivery)
        .where(mails.c.content_hash.is_not(None), *which)
        .order_by(deliveries.c.slot_at.desc(), deliveries.c.id.desc())
        .limit(1)
    )
    return DeliveryId(found) if found is not None else None


def _is_known(connection: Connection, report_hash: str) -> bool:
    return connection.scalar(select(bounces.c.id).where(bounces.c.report_hash == report_hash)) is not None


def _insert(
    connection: Connection, report_hash: str, kind: ReportKind, action: str, now: datetime, **known: Any
) -> bool:
    """Write a message down with what is known of it and what followed; False where it was known already."""
    row = {"delivery": None, "address": "", "status": "", "diagnostic": "", **known}
    inserting = insert_or_ignore(connection, bounces).values(
        report_hash=report_hash, kind=kind, action=action, at=now, **row
    )
    return connection.scalar(inserting.returning(bounces.c.id)) is not None


def _say(report: BounceReport) -> str:
    """Return what a report said, for the delivery's last reply."""
    first = next(iter(report.recipients), None)
    said = " ".join(part for part in (first.status, first.diagnostic) if part) if first else ""
    what = "reported as delivered" if report.kind is ReportKind.DELIVERED else f"{report.kind} report"
    return f"{what}: {said}".rstrip(": ")
