"""Mails of editions that are over, in great numbers: some hundreds are composed and go through the ledger's own rooms,
as they do when they are sent, and are then copied to everybody within the database: a million takes some minutes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    FromClause,
    Table,
    Text,
    cast,
    event,
    func,
    insert,
    literal,
    null,
    select,
    text,
)

from newsletter.model.digest import Shown, Window
from newsletter.model.ledger import BeginData, Delivery, Kind, Plan, RecordOutcome
from newsletter.model.mail import Accepted
from newsletter.model.readers import Slot, Subscriber, SubscriberId
from newsletter.storage.dialects import UtcDateTime
from newsletter.storage.tables import deliveries, metadata, subscribers
from newsletter.wiring import Newsletter

_COMPOSED = 500
_AT_ONCE = 50_000
_BEFORE_OUR_FIRST_RUN = Window(0, 0)
"""What was shown so long ago has no part in what is composed today."""


async def write_old_mails(newsletter: Newsletter, engine: Engine, mails: int, last_on: date) -> None:
    """Write so many accepted digests, of the edition of that date and of as many before it as it takes, each to
    everybody."""
    models = await _send_some(newsletter, last_on)
    with engine.connect() as connection:
        readers = connection.scalar(select(func.max(subscribers.c.id))) or 0
    _hurry(engine)
    left, days = mails - models, 0
    while left > 0:
        days += 1
        for first in range(1, readers + 1, _AT_ONCE):
            some = min(_AT_ONCE, readers + 1 - first, left)
            if some > 0:
                with engine.begin() as connection:
                    _copy_mails(connection, models, last_on, days, first, some)
                left -= some
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence('deliveries', 'id'), max(id)) FROM deliveries")
            )


def _hurry(engine: Engine) -> None:
    """Let what is written here be lost with the machine, and indexes be held in memory meanwhile."""

    def hurry(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        if engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("PRAGMA cache_size=-1000000")
        else:
            cursor.execute("SET synchronous_commit=off")
            connection.commit()
        cursor.close()

    engine.dispose()
    event.listen(engine, "connect", hurry)


async def _send_some(newsletter: Newsletter, on: date) -> int:
    """Send the edition of a date to the first readers, as far as the ledger knows; return to how many."""
    at = datetime.combine(on, newsletter.clock.now().timetz())
    readers = await newsletter.subscribers.load_after(SubscriberId(0), _COMPOSED)
    plan = Plan(Slot(on, at), (), readers[0].next_due_at or at, expires_at=at + timedelta(hours=20))
    ledger = newsletter.ledger
    await ledger.planning.plan([(reader, plan) for reader in readers], at)
    instance = await ledger.claims.register_instance("benchmark", "", os.getpid(), at)
    by_id = {reader.id: reader for reader in readers}
    while rows := await ledger.claims.claim(instance, at, 100, frozenset(), kinds={Kind.DIGEST}):
        begun = [step async for step in _compose(newsletter, rows, by_id)]
        await ledger.recording.record(instance, begun, at)
        answer = Accepted("250 2.0.0 Ok: queued as 4bXyz")
        await ledger.recording.record(
            instance, [RecordOutcome(step.delivery, 1, answer, step.relay) for step in begun], at
        )
    await ledger.claims.retire_instance(instance)
    return len(readers)


async def _compose(
    newsletter: Newsletter, rows: Sequence[Delivery], readers: Mapping[SubscriberId, Subscriber]
) -> AsyncIterator[BeginData]:
    digests, mails = await newsletter.new_digest_builder(), await newsletter.new_mail_builder()
    await digests.prepare(readers.values())
    for row in rows:
        reader = readers[row.recipient]
        digest = await digests.build(reader, Slot(date.fromisoformat(row.key), row.slot_at), Shown())
        snapshot = replace(mails.build(digest, reader).snapshot, window=_BEFORE_OUR_FIRST_RUN)
        yield BeginData(row.id, 1, snapshot, "127.0.0.1:25")


def _copy_mails(
    connection: Connection, models: int, last_on: date, days: int, first: int, number: int
) -> None:
    """Copy the composed mails, and what belongs to each, to so many readers from the first one on, so many days
    earlier."""
    base = (connection.scalar(select(func.max(deliveries.c.id))) or 0) + 1 - first
    model = deliveries.alias("model")
    pairs = subscribers.join(
        model,
        (model.c.kind == Kind.DIGEST)
        & (model.c.key == last_on.isoformat())
        & (model.c.recipient == 1 + subscribers.c.id % models),
    )
    these = subscribers.c.id.between(first, first + number - 1)
    edition = literal((last_on - timedelta(days=days)).isoformat())
    mine = {
        **dict.fromkeys(("id", "delivery"), base + subscribers.c.id),
        **dict.fromkeys(("key", "edition"), edition),
        "recipient": subscribers.c.id,
        "address": subscribers.c.address,
    }
    _copy_rows(connection, deliveries, model, pairs, these, {**mine, "address": null()}, days)
    for table in metadata.sorted_tables:
        if "delivery" in table.primary_key.columns:
            part = table.alias("part")
            _copy_rows(
                connection, table, part, pairs.join(part, part.c.delivery == model.c.id), these, mine, days
            )


def _copy_rows(
    connection: Connection,
    table: Table,
    model: FromClause,
    pairs: FromClause,
    these: Any,
    mine: Mapping[str, Any],
    days: int,
) -> None:
    """Insert a row for each pair: the model's, but for what is somebody's own (mine), and all so many days earlier."""
    row = connection.execute(select(*model.c).select_from(pairs).limit(1)).first()
    if row is None:  # attempts, say: these mails were taken at the first one
        return
    one = row._mapping

    def earlier(column: Any) -> Any:
        if not isinstance(column.type, UtcDateTime):
            return column
        return null() if one[column] is None else literal(one[column] - timedelta(days=days), UtcDateTime)

    def of_its_own(column: Any) -> Any:
        if column.name == "message_id":
            return func.replace(column, "<", f"<{days}." + cast(subscribers.c.id, Text) + ".")
        return mine.get(column.name, earlier(column))

    values = [of_its_own(column) for column in model.c]
    connection.execute(
        insert(table).from_select(
            [column.name for column in model.c], select(*values).select_from(pairs).where(these)
        )
    )
