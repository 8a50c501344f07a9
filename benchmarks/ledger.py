"""What the ledger costs a mail: its commits, its bytes, and a claim beside old mails and beside a backup.

    python -m benchmarks.ledger [--engine sqlite|postgresql] [--mails N] [--old N] [--batch N] [--json FILE]

Mails go through the ledger's own rooms: planned, claimed 200 at a time, fenced and settled ``batch`` of each at once,
as so many connections do. CPU is that of this process, user and system; of PostgreSQL beside it that of the server's
processes that serve us. ``old`` mails are written beforehand, a copy of a real one each. A snapshot is what a backup
holds: a transaction that has read and stays open from before the first claim to after the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, create_engine, inspect, text

from newsletter.model.digest import Window
from newsletter.model.entries import EntryId
from newsletter.model.ledger import BeginData, Delivery, InstanceId, Kind, Plan, RecordOutcome, Snapshot
from newsletter.model.mail import Accepted
from newsletter.model.readers import EmailAddress, Slot, SubscriberId
from newsletter.storage import Database, Ledger, SubscriberStore, open_database
from tests.support.builders import DAY, make_subscriber
from tests.support.given import given_entries
from tests.support.postgres import running_postgres

_CLAIMED_AT_ONCE = 200
_ENTRIES = 12
_LASTING = (
    ("deliveries", "id"),
    ("mails", "delivery"),
    ("contents", "delivery"),
    ("outcomes", "delivery"),
)
_TICKS = os.sysconf("SC_CLK_TCK")
DUE = datetime.combine(DAY, clock_time(7), UTC)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one mail costs, in microseconds of CPU (ours, the server's) and of time, and in bytes on disk; and what a
    claim of 200 and the look at what their readers were shown take, in milliseconds: at the beginning and at the end,
    and with a snapshot held."""

    record_cpu_us: float
    server_cpu_us: float
    record_us: float
    plan_cpu_us: float
    mail_bytes: float
    claim_ms: tuple[float, float]
    claim_beside_snapshot_ms: tuple[float, float]
    shown_ms: float
    has_work_ms: float


async def measure(url: str, mails: int, old: int, batch: int) -> Cost:
    """Send so many mails through the ledger of a fresh database, twice: the second time beside a snapshot."""
    database = await open_database(url)
    ledger, readers = Ledger(database), SubscriberStore(database)
    entries = [entry.id for entry in await given_entries(database, *range(1, _ENTRIES + 1))]
    people = [make_subscriber(f"reader{number}@example.org", next_due_at=DUE) for number in range(mails)]
    await readers.save(people, DUE, "added")
    instance = await ledger.claims.register_instance("bench", "boot", os.getpid(), DUE)
    await _pass(database, instance, entries, 0, batch)
    if old:
        await database.write(lambda connection: _copy_old(connection, old, mails))
    size = await database.read(_measure_size)
    plain = await _pass(database, instance, entries, 1, batch)
    grown = await database.read(_measure_size) - size
    with hold_snapshot(url):
        beside = await _pass(database, instance, entries, 2, batch)
    ids = [SubscriberId(number) for number in range(1, _CLAIMED_AT_ONCE + 1)]
    shown_ms = await _time_ms(lambda: ledger.reads.load_shown(ids, EntryId(1)))
    has_work_ms = await _time_ms(lambda: ledger.claims.has_work(DUE, frozenset(Kind)))
    await database.close()
    return Cost(
        record_cpu_us=plain.record_cpu_s / mails * 1e6,
        server_cpu_us=plain.server_cpu_s / mails * 1e6,
        record_us=plain.record_s / mails * 1e6,
        plan_cpu_us=plain.plan_cpu_s / mails * 1e6,
        mail_bytes=grown / mails,
        claim_ms=plain.ends_ms,
        claim_beside_snapshot_ms=beside.ends_ms,
        shown_ms=shown_ms,
        has_work_ms=has_work_ms,
    )


@dataclass(frozen=True, slots=True)
class _Passed:
    """What one pass took, all mails together."""

    record_cpu_s: float
    server_cpu_s: float
    record_s: float
    plan_cpu_s: float
    ends_ms: tuple[float, float]


async def _pass(
    database: Database, instance: InstanceId, entries: Sequence[EntryId], day: int, batch: int
) -> _Passed:
    """Plan, claim and record a digest of that day for everybody."""
    ledger = Ledger(database)
    now = DUE + timedelta(days=day)
    begun = time.process_time()
    await _plan_all(SubscriberStore(database), ledger, day, now)
    plan_cpu_s = time.process_time() - begun
    claims_ms: list[float] = []
    cpu_s = server_s = wall_s = 0.0
    while True:
        begun = time.perf_counter()
        rows = await ledger.claims.claim(instance, now, _CLAIMED_AT_ONCE, frozenset(), kinds={Kind.DIGEST})
        claims_ms.append((time.perf_counter() - begun) * 1e3)
        if not rows:
            break
        before = time.process_time(), await database.read(_read_server_cpu), time.perf_counter()
        await _record(ledger, instance, rows, entries, batch, now)
        wall_s += time.perf_counter() - before[2]
        server_s += await database.read(_read_server_cpu) - before[1]
        cpu_s += time.process_time() - before[0]
    some = max(len(claims_ms) // 5, 1)
    ends_ms = statistics.median(claims_ms[:some]), statistics.median(claims_ms[-some - 1 : -1])
    return _Passed(cpu_s, server_s, wall_s, plan_cpu_s, ends_ms)


async def _plan_all(readers: SubscriberStore, ledger: Ledger, day: int, now: datetime) -> None:
    slot = Slot(DAY + timedelta(days=day), now)
    plan = Plan(slot, (), now + timedelta(days=1), expires_at=now + timedelta(hours=20))
    last = SubscriberId(0)
    while people := await readers.load_after(last, 500):
        last = people[-1].id
        await ledger.planning.plan([(reader, plan) for reader in people], now)


async def _record(
    ledger: Ledger,
    instance: InstanceId,
    rows: Sequence[Delivery],
    entries: Sequence[EntryId],
    batch: int,
    now: datetime,
) -> None:
    """Fence the first handful; settle it in the commit that fences the next one, and so on."""
    settled: list[RecordOutcome] = []
    for start in range(0, len(rows), batch):
        begun = [
            BeginData(row.id, 1, _freeze(row, entries), "relay:25") for row in rows[start : start + batch]
        ]
        await ledger.recording.record(instance, [*settled, *begun], now)
        settled = [
            RecordOutcome(step.delivery, 1, Accepted("250 2.0.0 Ok: queued as 4bXyz"), "relay:25")
            for step in begun
        ]
    await ledger.recording.record(instance, settled, now)


def _freeze(row: Delivery, entries: Sequence[EntryId]) -> Snapshot:
    """Return a snapshot of the size of a real one with ten papers: 1.4 kB and the hashes of its cards."""
    cards = {f"{number:064x}": '{"title":"A paper"}' for number in entries}
    sections = [{"topic": "Robots", "items": [{"card": card, "why": {"any": ["robot"]}} for card in cards]}]
    return Snapshot(
        content_json=json.dumps({"id": row.id, "sections": sections}),
        cards=cards,
        bundle_hash="b" * 64,
        bundle_json="{}",
        content_hash=f"{row.id:064x}",
        message_id=f"<{row.id:032x}@news.example.org>",
        address=EmailAddress(f"reader{row.recipient}@example.org"),
        window=Window(0, 1),
        size_bytes=52_000,
        entry_ids=tuple((entry, "Robots", place < 10) for place, entry in enumerate(entries)),
    )


# --- beside it ----------------------------------------------------------------------------


def _copy_old(connection: Connection, old: int, mails: int) -> None:
    """Copy the mails that went out until there are so many more of them, each of an edition before."""
    first = connection.execute(text("SELECT max(id) FROM deliveries")).scalar_one()
    for copy in range(1, -(-old // mails) + 1):
        edition = f"'{DAY - timedelta(days=copy)}'"
        changed = {
            "id": f"id + {copy * first}",
            "delivery": f"delivery + {copy * first}",
            "key": edition,
            "edition": edition,
            "message_id": f"message_id || '{copy}'",
        }
        for table, number in _LASTING:
            columns = _list_columns(connection, table)
            values = ", ".join(changed.get(name, name) for name in columns)
            connection.execute(
                text(
                    f"INSERT INTO {table} ({', '.join(columns)})"
                    f" SELECT {values} FROM {table} WHERE {number} <= {first}"
                )
            )
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('deliveries', 'id'), max(id)) FROM deliveries")
        )


def _list_columns(connection: Connection, table: str) -> list[str]:
    return [column["name"] for column in inspect(connection).get_columns(table)]


def _measure_size(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages, size = (
            connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size")
        )
        return int(pages * size)
    return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def _read_server_cpu(connection: Connection) -> float:
    """Return the CPU seconds of the server's processes that serve this database; 0 where there is no server."""
    if connection.dialect.name == "sqlite":
        return 0.0
    ours = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'newsletter'"
    )
    ticks = 0
    for pid in connection.scalars(ours):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


@contextmanager
def hold_snapshot(url: str) -> Iterator[None]:
    """Hold what a backup holds."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect().execution_options(
        isolation_level="SERIALIZABLE" if url.startswith("sqlite") else "REPEATABLE READ"
    ) as connection:
        if url.startswith("sqlite"):
            connection.exec_driver_sql("BEGIN")
        connection.execute(text("SELECT count(*) FROM instances"))
        yield
    engine.dispose()


async def _time_ms(act: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        await act()
        taken.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(taken)


@contextmanager
def _open_engine(engine: str) -> Iterator[str]:
    """Yield the URL of an empty database whose commits reach the disk."""
    if engine == "sqlite":
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            yield f"sqlite:///{folder}/ledger.db"
        return
    with running_postgres(durable=True) as server:
        if server is None:
            sys.exit("needs PostgreSQL")
        yield server.url


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the ledger costs.")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--mails", type=int, default=4_000)
    parser.add_argument("--old", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    costs: dict[str, Cost] = {}
    for engine in args.engine or ["sqlite", "postgresql"]:
        with _open_engine(engine) as url:
            costs[engine] = asyncio.run(measure(url, args.mails, args.old, args.batch))
    table = Table(title=f"{args.mails:,} mails, {args.old:,} old ones, {args.batch} + {args.batch} a commit")
    for column in ("", *costs):
        table.add_column(column, justify="right" if column else "left")
    for field in fields(Cost):
        table.add_row(field.name, *(_show(getattr(cost, field.name)) for cost in costs.values()))
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps({engine: asdict(cost) for engine, cost in costs.items()}, indent=2))


def _show(value: float | tuple[float, float]) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else " … ".join(f"{one:,.1f}" for one in value)


if __name__ == "__main__":
    main()
