"""What is asked at each tick, claim and plan finds its rows in an index, after a year of mails, whether the engine has
counted them (ANALYZE) or not."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from newsletter.model.digest import Window
from newsletter.model.entries import EntryId
from newsletter.model.ledger import OPEN, CloseDelivery, DeliveryFilter, DeliveryId, InstanceId, Kind, State
from newsletter.model.readers import SubscriberId
from newsletter.storage import Database, Ledger, SubscriberStore, open_database
from newsletter.storage.operator_views import OperatorViews
from tests.support.given import NOW, make_plan
from tests.support.postgres import fresh_database

READERS, DAYS = 20_000, 334
WITH_MAIL = 300
"""So many readers have had a digest on each day: 10^5 mails."""
LAST = date(2026, 6, 15)
ALL = frozenset(Kind)
SOME = [SubscriberId(number) for number in range(1, 21)]
BIG = {"deliveries", "mails", "contents", "outcomes", "subscribers"}
"""But for the queue, which holds what is open alone, and may be read from one end to the other."""

PRIMARY = "primary key"
UNIQUE = "uq_deliveries_recipient_kind_key"
COUNTS = "ix_outcomes_edition_state_delivery"
OF_READER = "ix_mails_recipient_upto_run"
DUE = "ix_subscribers_next_due_at_id"


@dataclass(frozen=True)
class Stores:
    ledger: Ledger
    readers: SubscriberStore
    views: OperatorViews


ME = InstanceId(1)
YESTERDAY = LAST - timedelta(days=1)

ASKED: Mapping[str, tuple[Callable[[Stores], Awaitable[object]], set[str]]] = {
    "is there work": (lambda it: it.ledger.claims.has_work(NOW, ALL), set()),
    "is there a notice": (
        lambda it: it.ledger.claims.has_work(NOW, ALL, ALL - {Kind.DIGEST}),
        set(),
    ),
    "who holds claims": (lambda it: it.ledger.claims.load_instances_with_claims(), set()),
    "claim": (lambda it: it.ledger.claims.claim(ME, NOW, 200, ALL), {PRIMARY}),
    "claim of an edition": (
        lambda it: it.ledger.claims.claim(ME, NOW, 200, ALL, edition=YESTERDAY.isoformat()),
        {PRIMARY},
    ),
    "the next moment": (lambda it: it.ledger.claims.load_next_due(NOW), set()),
    "how many are due": (lambda it: it.ledger.claims.count_due(NOW, 1000), set()),
    "the first due": (lambda it: it.ledger.claims.load_first_due(NOW, 200), set()),
    "fence and outcomes": (lambda it: record_some(it), {PRIMARY}),
    "contents that age": (
        lambda it: it.ledger.retention.drop_contents(NOW - timedelta(days=200), 100),
        {PRIMARY},
    ),
    "mails that age": (
        lambda it: it.ledger.retention.drop_deliveries(NOW - timedelta(days=333), 100),
        {PRIMARY},
    ),
    "release": (lambda it: it.ledger.claims.release(ME), set()),
    "void": (lambda it: it.ledger.claims.void_claims(ME, NOW), set()),
    "retire": (lambda it: it.ledger.claims.retire_instance(InstanceId(2)), set()),
    "expire": (lambda it: it.ledger.planning.expire(NOW), set()),
    "skip": (lambda it: it.ledger.planning.skip_until(NOW - timedelta(days=9), "why"), set()),
    "plan": (lambda it: plan_some(it), {UNIQUE, PRIMARY}),
    "what readers were shown": (
        lambda it: it.ledger.reads.load_shown(SOME, EntryId(DAYS - 30)),
        {OF_READER, PRIMARY},
    ),
    "newest counts": (lambda it: it.ledger.reads.load_counts(3), {COUNTS}),
    "counts of a month": (
        lambda it: it.ledger.reads.load_counts(since=LAST - timedelta(days=30)),
        {COUNTS},
    ),
    "keep counts": (lambda it: it.ledger.kept.keep(LAST - timedelta(days=330)), {COUNTS}),
    "pending": (lambda it: it.ledger.reads.count_pending(), set()),
    "pending of an edition": (lambda it: it.ledger.reads.count_pending(LAST.isoformat()), set()),
    "late": (lambda it: it.ledger.reads.count_late(NOW - timedelta(days=9)), set()),
    "how late an edition was": (
        lambda it: it.ledger.reads.count_lateness(YESTERDAY.isoformat()),
        {COUNTS, PRIMARY},
    ),
    "accepted of late": (
        lambda it: it.ledger.reads.count_accepted(LAST.isoformat(), NOW - timedelta(days=9), 100),
        {COUNTS, PRIMARY},
    ),
    "how late a pass was": (
        lambda it: it.ledger.reads.count_lateness_of(range(90_000, 90_200)),
        {PRIMARY},
    ),
    "uncertain": (lambda it: it.views.count_uncertain(), set()),
    "the first uncertain ones": (
        lambda it: it.ledger.reads.find(DeliveryFilter(states=frozenset({State.UNCERTAIN})), limit=50),
        {PRIMARY},
    ),
    "who was not reached": (
        lambda it: it.ledger.reads.find(
            DeliveryFilter(LAST.isoformat(), frozenset(State) - OPEN - {State.ACCEPTED}), limit=50
        ),
        {COUNTS, PRIMARY},
    ),
    "a page of an edition": (
        lambda it: it.ledger.reads.find(DeliveryFilter(YESTERDAY.isoformat()), limit=100),
        {COUNTS, PRIMARY},
    ),
    "a pass's own rows": (
        lambda it: it.ledger.audit.find_contradictions_in(range(90_000, 90_200)),
        {PRIMARY},
    ),
    "one reader's digests": (
        lambda it: it.ledger.reads.load_of_reader(SubscriberId(7)),
        {UNIQUE, PRIMARY},
    ),
    "who is due": (lambda it: load_due_twice(it), {DUE}),
    "zones": (lambda it: it.readers.load_zones(), {"ix_subscribers_zone", "all of ix_subscribers_zone"}),
    "a page of readers": (lambda it: it.readers.load_page("reader1", 50), {"uq_subscribers_address_key"}),
    "next due": (lambda it: it.views.load_next_due(), {DUE}),
}


async def plan_some(it: Stores) -> object:
    readers = await it.readers.load_after(SubscriberId(0), 200)
    return await it.ledger.planning.plan([(reader, make_plan(3)) for reader in readers], NOW)


async def record_some(it: Stores) -> object:
    ids = [DeliveryId(number) for number in range(WITH_MAIL * DAYS - 120, WITH_MAIL * DAYS - 100)]
    steps = [CloseDelivery(delivery, State.EMPTY, "nothing new", Window(0, 1)) for delivery in ids]
    return await it.ledger.recording.record(ME, steps, NOW)


async def load_due_twice(it: Stores) -> object:
    first = await it.readers.load_due(NOW, 100)
    return await it.readers.load_due(NOW, 100, first[-1])


# --- a year -------------------------------------------------------------------------------

_NUMBERS = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}),
    days(d) AS (SELECT 1 UNION ALL SELECT d + 1 FROM days WHERE d < {days})
"""
_READERS = """
    INSERT INTO subscribers (id, address, address_key, name, language, layout, days, local_time, zone, topics_json,
        everything_else, consent, counted_run, next_due_at, file_owned)
    {numbers} SELECT n, 'reader' || n || '@example.org', 'reader' || n || '@example.org', '', 'en', '', '[0]', '07:00',
        CASE WHEN n / 2 * 2 = n THEN 'UTC' ELSE 'Europe/Berlin' END, '[]', 0, 'confirmed', 0,
        CASE WHEN n <= {due} THEN '2026-06-16 07:00:00.000000' ELSE '2026-06-17 07:00:00.000000' END {as_time}, {no}
    FROM numbers
"""
_DELIVERIES = """
    INSERT INTO deliveries (id, kind, key, recipient, slot_at)
    {numbers} SELECT (d - 1) * {people} + n, 'digest', {day}, n, {at} FROM days, numbers
"""
_MAILS = """
    INSERT INTO mails (delivery, recipient, address, after_run, upto_run, entries_json, bundle_hash, content_hash,
        message_id, size_bytes)
    {numbers} SELECT (d - 1) * {people} + n, n, 'reader' || n || '@example.org', d - 1, d, '[]', 'bundle', 'content',
        'm-' || d || '-' || n || '@example.org', 4000
    FROM days, numbers
"""
_CONTENTS = (
    "INSERT INTO contents (delivery, slot_at, json) SELECT id, slot_at, '{{\"sections\":[]}}' FROM deliveries"
)
_OUTCOMES = """
    INSERT INTO outcomes (delivery, edition, state, answered_at, attempt, resends, last_reply, relay)
    SELECT id, key, 'accepted', slot_at, 1, 0, '250 ok', '' FROM deliveries WHERE key <> {last}
"""
_OPEN = """
    INSERT INTO queue (id, kind, edition, recipient, state, slot_at, next_attempt_at, expires_at, attempt, uncertain_at)
    SELECT id, kind, key, recipient, CASE WHEN recipient < 100 THEN 'queued' WHEN recipient < 200 THEN 'deferred'
        ELSE 'uncertain' END, slot_at, slot_at, {until}, 1, slot_at
    FROM deliveries WHERE key = {last}
"""


def fill(connection: Connection) -> None:
    """Write a year of mails, the last day of which is under way."""
    is_sqlite = connection.dialect.name == "sqlite"
    first = LAST - timedelta(days=DAYS - 1)
    day = f"date('{first}', '+' || (d - 1) || ' days')" if is_sqlite else f"('{first}'::date + d - 1)::text"
    as_time = "" if is_sqlite else "::timestamptz"
    at = f"({day} || ' 07:00:00.000000'){as_time}"
    numbers = _NUMBERS.format(last=READERS, days=1)
    mails = _NUMBERS.format(last=WITH_MAIL, days=DAYS)
    no = "0" if is_sqlite else "false"
    for statement in (
        _READERS.format(numbers=numbers, due=READERS // 2, as_time=as_time, no=no),
        "INSERT INTO instances (host, boot, pid, heartbeat_at) VALUES ('h', 'b', 1, '2026-06-16 07:00:00.000000')",
        "INSERT INTO bundles (hash, json) VALUES ('bundle', '{}')",
        _DELIVERIES.format(numbers=mails, day=day, at=at, people=WITH_MAIL),
        _MAILS.format(numbers=mails, people=WITH_MAIL),
        _CONTENTS.format(),
        _OUTCOMES.format(last=f"'{LAST}'"),
        _OPEN.format(last=f"'{LAST}'", until=f"'2026-06-20 07:00:00.000000'{as_time}"),
    ):
        connection.exec_driver_sql(statement)


@contextmanager
def open_year(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if engine == "sqlite":
        file = folder / "year.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite:///{file}"
        return
    with fresh_database(request.getfixturevalue("migrated_postgres"), as_template=True) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(scope="module", params=["sqlite", "sqlite, analyzed", "postgresql", "postgresql, analyzed"])
def year(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, bool]]:
    """A database with a year of mails, and whether its engine has counted them."""
    engine, _, analyzed = request.param.partition(", ")
    with open_year(engine, request, tmp_path_factory.mktemp("year")) as url:
        database = asyncio.run(open_database(url))
        asyncio.run(database.write(fill))
        if analyzed:
            asyncio.run(database.write(lambda connection: connection.execute(text("ANALYZE")) and None))
        yield database, bool(analyzed)
        asyncio.run(database.close())


# --- what an engine says that it does -----------------------------------------------------


@contextmanager
def statements_of() -> Iterator[list[tuple[str, Any]]]:
    """Collect what is executed meanwhile."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and re.match(r"\s*(SELECT|WITH|UPDATE|DELETE)", statement):
            found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def list_paths(connection: Connection, statement: str, parameters: Any) -> set[tuple[str, str]]:
    """How the big tables are read: (table, index), where a whole table or a whole index is read with "all of" it."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return {path for row in rows if (path := read_line(row.detail)) is not None}
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
    return set(walk(plan["Plan"], ""))


def read_line(line: str) -> tuple[str, str] | None:
    found = re.match(
        r"(SCAN|SEARCH) (\w+)(?: USING (?:(INTEGER PRIMARY KEY|PRIMARY KEY)|.*?INDEX (\w+)))?", line
    )
    if found is None:
        return None
    how, table, primary, index = found.groups()
    if table not in BIG:
        return None
    if index and index.startswith("sqlite_autoindex_deliveries"):
        index = UNIQUE
    name = PRIMARY if primary or (index or "").startswith("sqlite_autoindex") else index or "the table"
    return table, f"all of {name}" if how == "SCAN" else name


def walk(node: Mapping[str, Any], table: str) -> Iterator[tuple[str, str]]:
    table = node.get("Relation Name", table)
    table = "contents" if table.startswith("contents_") else table
    if node["Node Type"] == "Seq Scan" and table in BIG:
        yield table, "all of the table"
    if index := node.get("Index Name"):
        name = PRIMARY if index.startswith("pk_") or index.endswith("_pkey") else index
        if table in BIG:
            yield table, name if "Index Cond" in node else f"all of {name}"
    for child in node.get("Plans", ()):
        yield from walk(child, table)


@pytest.mark.parametrize("asked", ASKED)
def test_rows_are_looked_up_in_an_index(year: tuple[Database, bool], asked: str) -> None:
    (database, has_statistics), (act, expected) = year, ASKED[asked]

    with statements_of() as statements:
        asyncio.run(
            asyncio.wait_for(
                act(Stores(Ledger(database), SubscriberStore(database), OperatorViews(database))), 60
            )
        )

    assert statements
    allowed = expected | {PRIMARY}
    for statement, parameters in statements:
        paths = asyncio.run(database.read(lambda it, s=statement, p=parameters: list_paths(it, s, p)))  # type: ignore[misc]
        here = allowed | {COUNTS} if "RECURSIVE" in statement else allowed  # which editions there are
        wrong = {path for path in paths if path[0] != "subscribers" and path[1] not in here}
        if (
            has_statistics or database.is_sqlite
        ):  # PostgreSQL, which soon has them, takes as few as these for fewer
            wrong |= {
                path for path in paths if path[0] == "subscribers" and path[1] not in expected | {PRIMARY}
            }
        assert not wrong, f"{wrong} of {paths}\n{statement}"
