"""What came back, in the database: each report once, and what followed from it in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from newsletter.deliver.bounce_policy import HALF_LIFE
from newsletter.model.ledger import DeliveryId, State
from newsletter.model.readers import SubscriberId
from newsletter.model.reports import BounceAction, Report, ReportKind, SetAside
from newsletter.storage.engine import Database, insert_or_ignore
from newsletter.storage.ledger.moves import uncount
from newsletter.storage.ledger.recording import suppress
from newsletter.storage.subscriptions import leave_reader
from newsletter.storage.tables import bounces, deliveries, subscribers

Choose = Callable[[str, State, Sequence[datetime]], BounceAction]
"""(address, state of the delivery, earlier soft failures of the address) → what follows."""


_SET_ASIDE = "set aside"


class EvidenceStore:
    """What came back: the reports about our mails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_by_message_id(self, message_id: str) -> DeliveryId | None:
        """Return the delivery of the mail with this Message-ID."""
        async with self._database.read() as connection:
            found = await connection.scalar(
                select(deliveries.c.id).where(deliveries.c.message_id == message_id)
            )
            return DeliveryId(found) if found is not None else None

    async def note(
        self, report_hash: str, report: Report, delivery: DeliveryId | None, choose: Choose, now: datetime
    ) -> BounceAction | None:
        """Write a report down and do what follows from it; None where it was known already.

        A report that belongs to none of our mails (delivery None) changes nothing else.
        """

        def work(connection: Connection) -> BounceAction | None:
            if connection.scalar(select(bounces.c.id).where(bounces.c.report_hash == report_hash)):
                return None
            row = connection.execute(
                select(deliveries, subscribers.c.address.label("current"))
                .join(subscribers)
                .where(deliveries.c.id == delivery)
                .with_for_update(of=deliveries)
            ).one_or_none()
            address = (row.address or row.current) if row else ""
            if row is None:
                action = BounceAction("ignored")
            else:
                action = choose(address, State(row.state), _load_soft(connection, address, now))
                if action.state is not None:
                    connection.execute(
                        update(deliveries)
                        .where(deliveries.c.id == row.id)
                        .values(state=action.state, last_reply=_say(report))
                    )
                    if action.state is State.REJECTED:
                        uncount(connection, [row])
                if action.suppress:
                    is_complaint = report.kind is ReportKind.COMPLAINT
                    suppress(connection, address, action.suppress, now, is_complaint=is_complaint)
                if action.leaves:
                    leave_reader(connection, row.recipient, now, str(report.kind))
            first = next(iter(report.recipients), None)
            connection.execute(
                insert(bounces).values(
                    report_hash=report_hash,
                    delivery=row.id if row else None,
                    address=address,
                    at=now,
                    kind=report.kind,
                    status=first.status if first else "",
                    diagnostic=first.diagnostic if first else "",
                    action=action.what,
                )
            )
            return action

        return await self._database.transact(work)

    async def note_leave(
        self, report_hash: str, report: Report, reader: SubscriberId, now: datetime
    ) -> BounceAction | None:
        """Write down that a reader asked by mail to leave, and let them leave; None where it was known already."""

        def work(connection: Connection) -> BounceAction | None:
            if connection.scalar(select(bounces.c.id).where(bounces.c.report_hash == report_hash)):
                return None
            known = connection.scalar(select(subscribers.c.address).where(subscribers.c.id == reader))
            action = BounceAction("left" if known else "ignored", leaves=bool(known))
            if known:
                leave_reader(connection, reader, now, str(report.kind))
            connection.execute(
                insert(bounces).values(
                    report_hash=report_hash,
                    delivery=None,
                    address=known or "",
                    at=now,
                    kind=report.kind,
                    status="",
                    diagnostic="",
                    action=action.what,
                )
            )
            return action

        return await self._database.transact(work)

    async def note_set_aside(self, report_hash: str, why: str, now: datetime) -> bool:
        """Write down that a message could not be handled; False where it was known already."""
        async with self._database.write() as connection:
            number = await connection.scalar(
                insert_or_ignore(connection, bounces)
                .values(
                    report_hash=report_hash,
                    delivery=None,
                    address="",
                    at=now,
                    kind=ReportKind.NONE,
                    status="",
                    diagnostic=why,
                    action=_SET_ASIDE,
                )
                .returning(bounces.c.id)
            )
        return number is not None

    async def load_set_aside(self, since: datetime) -> SetAside | None:
        """Return what could not be handled since then, None where all could."""
        async with self._database.read() as connection:
            wanted = (bounces.c.action == _SET_ASIDE, bounces.c.at >= since)
            count = await connection.scalar(select(func.count()).select_from(bounces).where(*wanted))
            newest = (
                await connection.execute(
                    select(bounces.c.at, bounces.c.diagnostic)
                    .where(*wanted)
                    .order_by(bounces.c.at.desc(), bounces.c.id.desc())
                    .limit(1)
                )
            ).one_or_none()
        return SetAside(count or 0, newest.at, newest.diagnostic) if newest else None


def _load_soft(connection: Connection, address: str, now: datetime) -> list[datetime]:
    """Return when mail to this address failed without the address being to blame, as far as it still weighs."""
    return list(
        connection.scalars(
            select(bounces.c.at).where(
                bounces.c.address == address,
                bounces.c.action == "counted",
                bounces.c.at > now - 8 * HALF_LIFE,
            )
        )
    )


def _say(report: Report) -> str:
    """Return what a report said, for the delivery's last reply."""
    first = next(iter(report.recipients), None)
    said = " ".join(part for part in (first.status, first.diagnostic) if part) if first else ""
    what = "reported as delivered" if report.kind is ReportKind.DELIVERED else f"{report.kind} report"
    return f"{what}: {said}".rstrip(": ")
