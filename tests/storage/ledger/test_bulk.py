"""Many rows in one statement hold what they would hold one by one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from newsletter.model.ledger import State
from newsletter.storage import Database
from newsletter.storage.ledger.bulk import update_rows, upsert_rows
from newsletter.storage.tables import attempts, queue, subscribers
from tests.support.given import NOW, given_queued, given_reader
from tests.support.statements import load_rows

TEXTS = (
    "plain",
    "quotes \" and \\ and '",
    "Ünïcode — 论文 🙂",
    "null\x00 and \x1b escape",
    "",
    "a\ud800lone",
    "line\nbreak",
)


async def given_two(database: Database) -> list[int]:
    for address in ("ada@example.org", "bo@example.org"):
        await given_queued(database, await given_reader(database, address))
    return [row.id for row in await load_rows(database, select(queue.c.id).order_by(queue.c.id))]


@pytest.mark.parametrize("text", TEXTS)
async def test_an_update_of_many_writes_what_an_update_of_each_does(database: Database, text: str) -> None:
    one, other = await given_two(database)
    changes: dict[str, Any] = {
        "last_reply": text,
        "next_attempt_at": datetime(2026, 6, 16, 9, 30, 0, 1, timezone(timedelta(hours=2))),
        "uncertain_at": None,
        "resends": 52_000,
        "relay": "smtp.example.org:25",
    }

    def work(connection: Connection) -> None:
        connection.execute(update(queue).where(queue.c.id == one).values(**changes))
        update_rows(connection, queue, [{"id": other, **changes}])

    await database.write(work)

    columns = select(*(queue.c[name] for name in changes)).order_by(queue.c.id)
    first, second = await load_rows(database, columns)
    assert tuple(first) == tuple(second)


async def test_each_row_gets_its_own_values_and_others_none(database: Database) -> None:
    one, other = await given_two(database)
    rows = [
        {"id": other, "attempt": 2, "relay": "b"},
        {"id": one, "attempt": 1, "relay": "a"},
        {"id": 99, "attempt": 9, "relay": ""},
    ]

    await database.write(lambda connection: update_rows(connection, queue, rows))

    found = await load_rows(database, select(queue.c.id, queue.c.attempt, queue.c.relay).order_by("id"))
    assert [tuple(row) for row in found] == [(one, 1, "a"), (other, 2, "b")]


async def test_only_what_fits_is_updated(database: Database) -> None:
    ada, bo = await given_reader(database, counted_run=5), await given_reader(database, "bo@example.org")
    rows = [{"id": ada.id, "counted_run": 3}, {"id": bo.id, "counted_run": 3}]

    await database.write(
        lambda connection: update_rows(
            connection, subscribers, rows, only="subscribers.counted_run < new.counted_run"
        )
    )

    found = await load_rows(database, select(subscribers.c.counted_run).order_by(subscribers.c.id))
    assert [row.counted_run for row in found] == [5, 3]


@pytest.mark.parametrize("text", TEXTS)
async def test_rows_are_inserted_as_one_by_one_and_overwritten_by_their_key(
    database: Database, text: str
) -> None:
    one, other = await given_two(database)
    row = {"number": 1, "at": NOW, "outcome": State.DEFERRED, "reply": text, "relay": text}

    def work(connection: Connection) -> None:
        connection.execute(insert(attempts).values(delivery=one, **row))
        upsert_rows(connection, attempts, [{"delivery": other, **row, "reply": "old"}])
        upsert_rows(connection, attempts, [{"delivery": other, **row}])

    await database.write(work)

    first, second = await load_rows(
        database, select(*(attempts.c[name] for name in row)).order_by(attempts.c.delivery)
    )
    assert tuple(first) == tuple(second)
