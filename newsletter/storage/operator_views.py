"""What the operator's page shows: counts by day, by reason and by topic. Only reads, and few rows come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select

from newsletter.compose.snapshot import parse_shown
from newsletter.model.ledger import DayCount, ReplyCount, State
from newsletter.model.readers import ComingDigests, Consent, EmailAddress
from newsletter.storage.dialects import utc_day
from newsletter.storage.engine import Store, reading
from newsletter.storage.subscriptions import read_cadence
from newsletter.storage.tables import (
    bounces,
    consents,
    fetches,
    mails,
    outcomes,
    queue,
    subscribers,
    suppressions,
)

_IS_MAILED = and_(
    subscribers.c.consent == Consent.CONFIRMED,
    subscribers.c.next_due_at.is_not(None),
    ~select(suppressions.c.id)
    .where(suppressions.c.address == subscribers.c.address_key, suppressions.c.lifted_at.is_(None))
    .exists(),
)


class OperatorViews(Store):
    """Looks at the whole of a newsletter, for its operator."""

    @reading
    def count_replies(
        self, connection: Connection, since: date, states: Sequence[State], limit: int
    ) -> Sequence[ReplyCount]:
        """Return the last replies of digests in these states, of editions from that date on, the most frequent
        first, at most so many."""
        counts: Counter[tuple[str, str]] = Counter()
        for table in (queue, outcomes):
            column = table.c
            rows = select(column.state, column.last_reply, func.count()).where(
                column.edition >= since.isoformat(), column.state.in_(states)
            )
            for state, reply, number in connection.execute(rows.group_by(column.state, column.last_reply)):
                counts[state, reply] += number
        in_order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        return [ReplyCount(State(state), reply, number) for (state, reply), number in in_order[:limit]]

    @reading
    def count_uncertain(self, connection: Connection) -> int:
        """Return how many digests are uncertain, of whatever edition."""
        rows = select(func.count()).where(queue.c.state == State.UNCERTAIN, queue.c.edition.is_not(None))
        return connection.scalar(rows) or 0

    async def count_bounces(self, since: datetime) -> Sequence[DayCount]:
        """Return how many reports of each kind came back on each day, by day and kind."""
        day = utc_day(bounces.c.at)
        return await self._count_by_day(day, bounces.c.kind, literal(1), bounces.c.at >= since)

    async def count_new_entries(self, since: datetime) -> Sequence[DayCount]:
        """Return how many new entries each source brought on each day, by day and source."""
        day = utc_day(fetches.c.finished_at)
        return await self._count_by_day(
            day, fetches.c.source, fetches.c.new, fetches.c.finished_at >= since, fetches.c.new > 0
        )

    async def count_moves(self, since: datetime) -> Sequence[DayCount]:
        """Return how many readers ``joined`` and ``left`` on each day. Who ends a pause has not joined."""
        earlier = consents.alias("earlier")
        before = (
            select(earlier.c.consent)
            .where(earlier.c.subscriber == consents.c.subscriber, earlier.c.id < consents.c.id)
            .order_by(earlier.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        was_in = func.coalesce(before, "").in_([Consent.CONFIRMED, Consent.PAUSED])
        name = case(
            (and_(consents.c.consent == Consent.CONFIRMED, ~was_in), "joined"),
            (and_(consents.c.consent == Consent.LEFT, was_in), "left"),
            else_="",
        )
        rows = await self._count_by_day(
            utc_day(consents.c.at),
            name,
            literal(1),
            consents.c.at >= since,
            consents.c.consent.in_([Consent.CONFIRMED, Consent.LEFT]),
        )
        return [row for row in rows if row.name]

    @reading
    def count_topics(self, connection: Connection, digests: int) -> Sequence[tuple[str, int]]:
        """Return how many papers each topic brought in the newest digests, at most so many digests; "" is what no
        topic brought. The most frequent first."""
        column = mails.c
        newest = select(column.entries_json).where(column.entries_json.is_not(None))
        newest = newest.order_by(column.delivery.desc())
        counts: Counter[str] = Counter()
        for entries_json in connection.scalars(newest.limit(digests)):
            counts.update(topic for _, topic, _ in parse_shown(entries_json))
        return sorted(counts.items(), key=lambda one: (-one[1], one[0]))

    @reading
    def count_readers(self, connection: Connection) -> Mapping[Consent, int]:
        """Return how many subscribers there are by consent, each consent named."""
        rows = select(subscribers.c.consent, func.count()).group_by(subscribers.c.consent)
        counts = dict.fromkeys(Consent, 0)
        for consent, number in connection.execute(rows):
            counts[Consent(consent)] = number
        return counts

    @reading
    def count_asking_for_pictures(self, connection: Connection) -> int:
        """Return how many confirmed readers have asked for pictures in their mails."""
        column = subscribers.c
        rows = select(func.count()).where(column.pictures.is_(True), column.consent == Consent.CONFIRMED)
        return connection.scalar(rows) or 0

    @reading
    def count_suppressed(self, connection: Connection) -> int:
        """Return how many addresses are not mailed any more."""
        rows = select(func.count()).where(suppressions.c.lifted_at.is_(None))
        return connection.scalar(rows) or 0

    @reading
    def load_next_due(self, connection: Connection) -> datetime | None:
        """Return when the next digest is due, None where nobody waits for one."""
        column = subscribers.c
        rows = select(column.next_due_at).where(_IS_MAILED).order_by(column.next_due_at, column.id)
        due: datetime | None = connection.scalar(rows.limit(1))
        return due

    @reading
    def load_coming(self, connection: Connection) -> Sequence[ComingDigests]:
        """Return the next digests of all who are mailed, those of one cadence and moment together, the first due
        first."""
        column = subscribers.c
        one = (column.next_due_at, column.days, column.local_time, column.zone)
        rows = select(*one, func.count(), func.min(column.address)).where(_IS_MAILED).group_by(*one)
        coming = [
            ComingDigests(due_at, read_cadence(days, at, zone), readers, EmailAddress(address))
            for due_at, days, at, zone, readers, address in connection.execute(rows)
        ]
        return sorted(coming, key=lambda some: (some.due_at, some.address))

    @reading
    def _count_by_day(
        self,
        connection: Connection,
        day: ColumnElement[date],
        name: ColumnElement[str],
        amount: ColumnElement[int],
        *which: ColumnElement[bool],
    ) -> Sequence[DayCount]:
        # In two steps: PostgreSQL does not take an expression with parameters twice for the same one.
        each = select(day.label("day"), name.label("name"), amount.label("amount")).where(*which).subquery()
        rows = (
            select(each.c.day, each.c.name, func.sum(each.c.amount).label("number"))
            .group_by(each.c.day, each.c.name)
            .order_by(each.c.day, each.c.name)
        )
        return [DayCount(row.day, row.name, int(row.number)) for row in connection.execute(rows)]
