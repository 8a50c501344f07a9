"""The months in which PostgreSQL keeps what mails said: made ahead, dropped as a whole, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, make_url, text

from newsletter.storage import Database, Ledger
from tests.storage.ledger.cases import ACCEPTED, ONE_DAY, UNCERTAIN
from tests.support.given import NOW, given_in_data, given_instance, given_reader, load_row, settle
from tests.support.statements import load_values

MONTHS = ["2026_06", "2026_07", "2026_08"]
ALL_OF_JUNE = datetime(2026, 7, 1, tzinfo=UTC)
_PARTITION = text("SELECT tableoid::regclass::text FROM contents ORDER BY delivery")


async def list_months(database: Database) -> list[str]:
    names = await load_values(
        database,
        text(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent = 'contents'::regclass ORDER BY relname"
        ),
    )
    assert names[-1] == "contents_rest"
    return [name.removeprefix("contents_") for name in names[:-1]]


@pytest.fixture
def months(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("SQLite has no partitions: rows go by range there")
    return database


@contextmanager
def backup(url: str) -> Iterator[None]:
    """Hold what pg_dump holds: a lock on each table, and a snapshot."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM contents"))
        yield
    engine.dispose()


async def given_sent(database: Database, address: str, *, is_sure: bool = True) -> None:
    reader, instance = await given_reader(database, address), await given_instance(database)
    delivery = await given_in_data(database, reader, instance)
    await settle(Ledger(database), delivery, instance, ACCEPTED if is_sure else UNCERTAIN)


async def test_months_are_made_ahead_and_once(months: Database) -> None:
    retention = Ledger(months).retention

    assert await retention.make_months(NOW) == 3
    assert await retention.make_months(NOW) == 0
    assert await list_months(months) == MONTHS
    assert await retention.make_months(NOW + timedelta(days=31)) == 1

    await given_sent(months, "ada@example.org")
    assert await load_values(months, _PARTITION) == ["contents_2026_06"]


async def test_a_mail_whose_month_is_missing_is_sent_all_the_same(months: Database) -> None:
    await given_sent(months, "ada@example.org")

    assert await load_values(months, _PARTITION) == ["contents_rest"]
    assert (await load_row(months)).snapshot is not None
    assert await Ledger(months).retention.make_months(NOW) == 2, (
        "but for the month that has begun without one"
    )
    assert await list_months(months) == MONTHS[1:]


async def test_a_month_goes_when_it_is_over_and_what_is_open_stays(months: Database) -> None:
    retention = Ledger(months).retention
    await retention.make_months(NOW)
    await given_sent(months, "ada@example.org")
    await given_sent(months, "bo@example.org", is_sure=False)

    assert await retention.drop_contents(ALL_OF_JUNE - ONE_DAY) == 0, "mails of this month are younger"
    assert await retention.drop_contents(ALL_OF_JUNE) == 1
    assert await retention.drop_contents(ALL_OF_JUNE) == 0

    assert await list_months(months) == MONTHS[1:]
    assert await load_values(months, _PARTITION) == ["contents_rest"], "it may be sent once more"


async def test_a_backup_keeps_months_from_being_made_and_dropped_and_nobody_waits_for_it(
    months: Database, database_url: str
) -> None:
    retention = Ledger(months).retention
    await retention.make_months(NOW)

    with backup(database_url):
        assert await retention.make_months(NOW + timedelta(days=31)) == 0
        assert await retention.drop_contents(ALL_OF_JUNE) == 0
        await given_sent(months, "ada@example.org")

    assert await retention.make_months(NOW + timedelta(days=31)) == 1
    assert await retention.drop_contents(ALL_OF_JUNE) == 1


async def test_two_that_make_months_at_once_make_each_once(months: Database) -> None:
    first, second = Ledger(months).retention, Ledger(months).retention

    made = await asyncio.gather(first.make_months(NOW), second.make_months(NOW))

    assert sum(made) <= len(MONTHS)
    await first.make_months(NOW)
    assert await list_months(months) == MONTHS


async def test_on_sqlite_there_are_none(database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("for the other engine")
    assert await Ledger(database).retention.make_months(NOW) == 0
