"""Addresses that are mailed no more, and the failures that count towards it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, select, update

from newsletter.deliver.bounce_policy import is_common
from newsletter.model.mail import Weight
from newsletter.model.readers import Consent, Unwanted
from newsletter.storage.dialects import insert_or_ignore
from newsletter.storage.tables import strikes, subscribers, suppressions

if TYPE_CHECKING:
    from newsletter.model.reports import StrikePolicy


def suppress(
    connection: Connection, address: str, reason: str, now: datetime, *, is_complaint: bool = False
) -> None:
    """Mail this address no more. One that is suppressed already keeps its reason; a complaint weighs more."""
    if is_complaint:
        connection.execute(
            update(suppressions)
            .where(suppressions.c.address == address, suppressions.c.lifted_at.is_(None))
            .values(is_complaint=True)
        )
    connection.execute(
        insert_or_ignore(connection, suppressions).values(
            address=address, reason=reason, since=now, lifted_why="", is_complaint=is_complaint
        )
    )


def suppress_all(connection: Connection, unwanted: Sequence[Unwanted], now: datetime) -> None:
    """Mail none of these addresses any more. Those that are suppressed already stay as they are."""
    rows = [
        {
            "address": one.address,
            "reason": one.why,
            "since": now,
            "lifted_why": "",
            "is_complaint": one.is_complaint,
        }
        for one in unwanted
    ]
    if rows:
        connection.execute(insert_or_ignore(connection, suppressions), rows)


def weigh_failure(
    connection: Connection,
    address: str,
    weight: Weight,
    why: str,
    delivery: int | None,
    policy: StrikePolicy,
    now: datetime,
) -> bool:
    """Write a failure down against an address, once for each mail and day; return whether it is enough, so that the
    address is mailed no more."""
    if weight is Weight.NONE:
        return False
    if weight is Weight.GONE and policy.hard == "suppress":
        suppress(connection, address, f"bounced: {why}".strip(), now)
        return True
    domain = address.rpartition("@")[2].lower()
    connection.execute(
        insert_or_ignore(connection, strikes).values(
            address=address, domain=domain, day=now.date(), delivery=delivery, why=why
        )
    )
    recent = (strikes.c.address == address, strikes.c.day > (now - policy.within).date())
    days = connection.scalars(select(strikes.c.day).where(*recent)).all()
    if len(days) < policy.strikes:
        return False
    counted = sum(not _is_of_many(connection, domain, day) for day in days)
    if counted < policy.strikes:
        return False
    suppress(connection, address, f"mail to it failed on {counted} days, last: {why}".strip(), now)
    return True


def forget_strikes(connection: Connection, address: str) -> None:
    """Begin anew with an address."""
    connection.execute(delete(strikes).where(strikes.c.address == address))


def _is_of_many(connection: Connection, domain: str, day: date) -> bool:
    """Tell whether many failed on that day, of all readers or of those at one domain."""
    reads = subscribers.c.consent == Consent.CONFIRMED
    some = (
        connection.scalar(select(func.count()).where(strikes.c.day == day, strikes.c.domain == domain)) or 0
    )
    of = connection.scalar(select(func.count()).where(reads, subscribers.c.address.like(f"%@{domain}"))) or 0
    if is_common(some, of):
        return True
    all_failed = connection.scalar(select(func.count()).where(strikes.c.day == day)) or 0
    return is_common(all_failed, connection.scalar(select(func.count()).where(reads)) or 0)
