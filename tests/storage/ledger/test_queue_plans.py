"""What is asked of the queue again and again takes its first rows, in the order of an index, while very many are due:
also before PostgreSQL has counted them for the first time, which is when they begin to go out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, text

from newsletter.model.ledger import InstanceId, Kind
from newsletter.storage import Database, Ledger, open_database
from tests.storage.ledger.test_query_plans import open_year, statements_of
from tests.support.given import NOW

ROWS = 100_000
ALL = frozenset(Kind)
ME = InstanceId(1)

ASKED: Mapping[str, Callable[[Ledger], Awaitable[object]]] = {
    "is there work": lambda it: it.claims.has_work(NOW, ALL),
    "is there work for one kind": lambda it: it.claims.has_work(NOW, ALL, {Kind.LOGIN}),
    "claim": lambda it: it.claims.claim(ME, NOW, 200, ALL),
    "claim after another": lambda it: claim_twice(it),
    "the next moment": lambda it: it.claims.load_next_due(NOW),
    "how many are due": lambda it: it.claims.count_due(NOW, 1000),
    "the first due": lambda it: it.claims.load_first_due(NOW, 200),
}


async def claim_twice(it: Ledger) -> object:
    await it.claims.claim(ME, NOW, 200, ALL)
    return await it.claims.claim(ME, NOW, 200, ALL)


_QUEUE = """
    INSERT INTO queue (id, kind, edition, recipient, state, slot_at, next_attempt_at, expires_at)
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
    SELECT n, 'digest', '2026-06-16', n, 'queued', {at}, {at}, {until} FROM numbers
"""


def fill(connection: Connection) -> None:
    as_time = "" if connection.dialect.name == "sqlite" else "::timestamptz"
    at, until = (f"'2026-06-{day} 07:00:00.000000'{as_time}" for day in (16, 20))
    connection.exec_driver_sql(_QUEUE.format(rows=ROWS, at=at, until=until))


@pytest.fixture(scope="module", params=["sqlite", "sqlite, analyzed", "postgresql", "postgresql, analyzed"])
def queued(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database in which very many mails are due."""
    engine, _, analyzed = request.param.partition(", ")
    with open_year(engine, request, tmp_path_factory.mktemp("queue")) as url:
        database = asyncio.run(open_database(url))
        asyncio.run(database.write(fill))
        if analyzed:
            asyncio.run(database.write(lambda connection: connection.execute(text("ANALYZE")) and None))
        yield database
        asyncio.run(database.close())


def find_whole_reads(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Return the steps of a plan that read the whole queue, or sort what they have read of it."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row.detail for row in rows]
        return [step for step in steps if step.startswith("SCAN queue") and "INDEX" not in step]
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    steps = [row[0].strip(" ->") for row in rows]
    return [step for step in steps if step.startswith(("Seq Scan on queue", "Sort Key: queue"))]


@pytest.mark.parametrize("asked", ASKED)
def test_no_question_reads_or_sorts_all_that_is_due(queued: Database, asked: str) -> None:
    with statements_of() as statements:
        asyncio.run(asyncio.wait_for(ASKED[asked](Ledger(queued)), 60))

    assert statements
    for statement, parameters in statements:
        whole = asyncio.run(queued.read(lambda it, s=statement, p=parameters: find_whole_reads(it, s, p)))  # type: ignore[misc]
        assert not whole, f"{whole}\n{statement}"
