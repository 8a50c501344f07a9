"""A whole edition to very many readers: imported, planned, and sent at its slot, signed, from all cores.

    python -m benchmarks.million [--readers N] [--store sqlite|postgresql] [--old N] [--snapshot] [--json FILE]

The clock of `newsletter run` sends into one smtp-sink of Postfix on this machine, over durable commits; meanwhile a
confirmation is asked for now and then. Beforehand ``old`` mails of past editions are written. With ``snapshot`` a
transaction that has read stays open all the while, as that of a backup does. Then everybody's contents age. Each stage
is told as it ends and written into FILE; in the end each Message-ID that the sink has heard is held against the ledger.
A million takes most of an hour, and 10 GB; with as many old mails twice that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, make_url, select, text
from sqlalchemy.engine import Engine

from benchmarks.claim_times import sum_up_claims, timed_claims
from benchmarks.counting_sink import CountingSink, count_ids, counting_sink
from benchmarks.delivery import CONNECTIONS
from benchmarks.delivery_newsletter import write_config
from benchmarks.fill import OLD, READERS
from benchmarks.ledger import hold_snapshot
from benchmarks.processes import Watch
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.model.lateness import build_lateness
from newsletter.model.ledger import Kind, QueuedNotice, State
from newsletter.model.mail import Notice
from newsletter.model.readers import SubscriberId
from newsletter.scheduler import run_forever
from newsletter.settings.config import Config
from newsletter.storage.ledger.view import ended_ledger
from newsletter.storage.tables import deliveries, subscribers
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workers import forking
from newsletter.workflows.garbage import collect_rarely
from newsletter.workflows.health import CHECKED_EDITIONS
from newsletter.workflows.plan import PLANNED_AHEAD
from newsletter.workflows.send_crew import Forks
from tests.support.postgres import fresh_database, running_postgres

_EVE = datetime(2026, 6, 16, 4, 0, tzinfo=UTC)
_PLANNED_A_SECOND = {"sqlite": 8_000, "postgresql": 6_000}
"""The slot must lie behind the plan, and within ten minutes of its beginning."""
_TELL_EVERY_S = 30.0
_ASK_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class LaterClock:
    """The time of this machine, and so much later or earlier: the sample's papers are of one day."""

    offset: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass(slots=True)
class Trial:
    """One run: on what, with how many, and what it came to so far, which file has as JSON."""

    engine: Engine
    url: str
    folder: Path
    config: Path
    sink: CountingSink
    clock: LaterClock
    readers: int
    old: int
    snapshot: bool
    file: Path | None
    figures: dict[str, Any] = field(default_factory=dict)

    def note(self, stage: str, **figures: Any) -> None:
        """Tell what a stage came to."""
        self.figures |= figures
        _tell(f"{stage}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))
        if self.file:
            self.file.write_text(json.dumps(self.figures, indent=1) + "\n")

    def fill(self) -> None:
        """Import everybody, and write old mails."""
        import_s, peak_mb = self._run_apart(
            "benchmarks.fill", self.config, READERS, self.readers, self.clock.now()
        )
        self.note("imported", import_s=import_s, import_peak_mb=peak_mb)
        self.figures["empty_mb"] = round(measure_size(self.engine) / 1e6)
        if self.old:
            old_s, _ = self._run_apart("benchmarks.fill", self.config, OLD, self.old, self.clock.now())
            self.note("old mails written", old_s=old_s, old_mb=round(measure_size(self.engine) / 1e6))

    async def run(self, newsletter: Newsletter) -> None:
        """Plan and send, and look at what it cost."""
        base = measure_size(self.engine)
        last_id = self._load_last_id()
        slot = choose_slot(self.clock.now(), self.readers, self.engine.dialect.name)
        await self._plan(newsletter, slot)
        snapshot = hold_snapshot(self.url) if self.snapshot else nullcontext()
        with Watch(self.sink.pids) as watch, snapshot:
            waits = await self._send(newsletter, slot, watch)
        found = await newsletter.ledger.reads.count_lateness(slot.date().isoformat())
        counted, first_at = self.sink.count()
        lateness = build_lateness(found)
        span_s = lateness.last_s + 1
        self.note(
            "sent",
            accepted=lateness.mails,
            minutes=round(span_s / 60, 2),
            rate=round(lateness.mails / span_s, 1),
            first_s=round(first_at - (slot - self.clock.offset).timestamp(), 2),
            lateness_s={"p50": lateness.p50_s, "p99": lateness.p99_s, "p99.9": lateness.p999_s},
            confirmation_s=waits,
            claim_ms=sum_up_claims(self.folder / "claims"),
        )
        usages = watch.usages.values()
        self.note(
            "used",
            memory_mb=[round(usage.own_mb) for usage in usages],
            peak_mb=[round(usage.peak_mb) for usage in usages],
            all_memory_mb=round(watch.all_own_mb),
            cpu_us_a_mail=round(sum(usage.cpu_s for usage in usages) / self.readers * 1e6),
        )
        self.note("counted", sink=counted.mails, sink_equals_ledger=counted == self._count_ledger(last_id))
        await self._look(newsletter)
        await self._age(newsletter, slot, base)

    async def _plan(self, newsletter: Newsletter, slot: datetime) -> None:
        """Let everybody be due at that moment, and plan."""
        with self.engine.begin() as connection:
            connection.execute(subscribers.update().values(local_time=f"{slot:%H:%M}", next_due_at=slot))
        _tell(f"the slot is {slot:%H:%M}, it is {self.clock.now():%H:%M:%S}")
        begun = time.monotonic()
        with Watch(self.sink.pids) as watch:
            await newsletter.planner.plan_due(PLANNED_AHEAD)
        us = (time.monotonic() - begun) / self.readers * 1e6
        peak_mb = round(max(usage.own_mb for usage in watch.usages.values()))
        self.note("planned", plan_s=_since(begun), plan_us_a_reader=round(us), plan_mb=peak_mb)
        late_s = max((self.clock.now() - slot).total_seconds(), 0)
        if late_s:
            self.note("planned too late", planned_late_s=round(late_s, 1))

    async def _send(self, newsletter: Newsletter, slot: datetime, watch: Watch) -> dict[str, float]:
        """Let the clock run until everybody's mail is sent; return how long confirmations took meanwhile."""
        stop = asyncio.Event()
        running = asyncio.create_task(run_forever(newsletter, stop))
        asking = asyncio.create_task(ask_for_confirmations(newsletter, slot))
        told_at, wal_mb = time.monotonic(), 0.0
        while pending := await newsletter.ledger.reads.count_pending():
            assert self.sink.sink.poll() is None, "the sink has ended"
            after_s = (self.clock.now() - slot).total_seconds()
            wal_mb = max(wal_mb, self._measure_wal_mb())
            if after_s > 0 and time.monotonic() - told_at > _TELL_EVERY_S:
                told_at = time.monotonic()
                rate = (self.readers - pending) / after_s
                _tell(
                    f"{after_s:.0f} s after the slot: {pending} to send, {rate:.0f}/s,"
                    f" {pending / max(rate, 1) / 60:.1f} min left; {watch.all_own_mb:.0f} MB, log {wal_mb:.0f} MB"
                )
            await asyncio.sleep(1 if pending < 20_000 else 10)  # it counts them one by one
        asking.cancel()
        (waits,) = await asyncio.gather(asking)
        stop.set()
        await running
        self.figures["log_mb"] = round(wal_mb)
        if not waits:
            return {"asked": 0}
        return {"asked": len(waits), "median": statistics.median(waits), "longest": max(waits)}

    def _measure_wal_mb(self) -> float:
        """Return the size of what SQLite has not put in its place."""
        file = Path(f"{self.engine.url.database}-wal")
        is_sqlite = self.engine.dialect.name == "sqlite"
        return file.stat().st_size / 1e6 if is_sqlite and file.exists() else 0.0

    def _load_last_id(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(select(func.max(deliveries.c.id))) or 0

    def _count_ledger(self, after: int) -> Any:
        """Return what the Message-IDs of accepted mails come to, as the sink counts those that it hears."""
        column = ended_ledger.c
        with self.engine.connect() as connection:
            accepted = connection.execution_options(yield_per=10_000).scalars(
                select(column.message_id).where(column.id > after, column.state == State.ACCEPTED)
            )
            return count_ids(message_id.encode() for message_id in accepted)

    async def _look(self, newsletter: Newsletter) -> None:
        """Take the time of what operators look at, and of what is done each hour."""
        ledger = newsletter.ledger
        self.note(
            "looked",
            health_s=await _time(newsletter.load_health()),
            contradictions_s=await _time(ledger.audit.find_contradictions(CHECKED_EDITIONS)),
            pauses_and_zones_s=await _time(newsletter.planner.prepare()),
            status_s_mb=self._run_command("status"),
            metrics_s_mb=self._run_command("status", "--metrics"),
        )

    def _run_command(self, *arguments: str) -> tuple[float, int]:
        return self._run_apart("newsletter", *arguments, "--config", self.config)

    def _run_apart(self, module: str, *arguments: object) -> tuple[float, int]:
        """Return how long a program takes that has its own process, and its memory in MB. Raises CalledProcessError."""
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            env={**os.environ, "DATABASE": self.url},
            stdout=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (DONE, DONE_WITH_FAILURES):
            raise subprocess.CalledProcessError(process.returncode, process.args)
        return _since(begun), used.ru_maxrss // 1024

    async def _age(self, newsletter: Newsletter, slot: datetime, base: int) -> None:
        """Drop the contents of all mails, as upkeep does after a month; take what is left."""
        grown = measure_size(self.engine) - base
        batches_ms = []
        begun = time.monotonic()
        while True:
            one = time.perf_counter()
            if not await newsletter.ledger.retention.drop_contents(slot + timedelta(days=1)):
                break
            batches_ms.append((time.perf_counter() - one) * 1e3)
        took_s = _since(begun)
        aged, free = vacuum(self.engine)
        packed = measure_packed(self.engine, self.folder)
        mails = self.readers + self.old
        self.note(
            "aged",
            ledger_kb_a_mail=round(grown / self.readers / 1000, 2),
            retention_s=took_s,
            retention_batch_ms={
                "median": round(statistics.median(batches_ms)),
                "longest": round(max(batches_ms)),
            },
            aged_file_mb=round(aged / 1e6),
            aged_free_mb=round(free / 1e6),
            aged_packed_kb_a_mail=round((packed - self.figures["empty_mb"] * 1e6) / mails / 1000, 2),
        )


# --- at its slot --------------------------------------------------------------------------


def choose_slot(now: datetime, readers: int, engine: str) -> datetime:
    """Return the full minute at which everything is planned for certain, and everybody warm."""
    ready = now + timedelta(seconds=readers / _PLANNED_A_SECOND[engine] + 45)
    return ready.replace(second=0, microsecond=0) + timedelta(minutes=1)


async def ask_for_confirmations(newsletter: Newsletter, slot: datetime) -> list[float]:
    """Ask for a mail that somebody waits for, again and again from the slot on until cancelled; return how many seconds
    each took to be accepted."""
    (reader,) = await newsletter.subscribers.load_after(SubscriberId(0), 1)
    waits: list[float] = []
    try:
        while True:
            await asyncio.sleep(max((slot - newsletter.clock.now()).total_seconds(), 0) + _ASK_EVERY_S / 4)
            now, begun = newsletter.clock.now(), time.monotonic()
            notice = Notice("Please confirm", "One click", ("We received a request.",))
            expires_at = now + timedelta(days=7)
            await newsletter.ledger.planning.queue_notice(
                QueuedNotice(
                    Kind.CONFIRM, f"{len(waits)}", reader.id, reader.address, notice, "en", expires_at
                ),
                now,
            )
            while await _count_accepted(newsletter) <= len(waits):  # noqa: ASYNC110 - another process sends it
                await asyncio.sleep(0.1)
            waits.append(_since(begun))
            await asyncio.sleep(_ASK_EVERY_S)
    except asyncio.CancelledError:
        return waits


async def _count_accepted(newsletter: Newsletter) -> int:
    counts = await newsletter.ledger.reads.load_notice_counts()
    return counts[Kind.CONFIRM][State.ACCEPTED] if Kind.CONFIRM in counts else 0


# --- sizes --------------------------------------------------------------------------------


def measure_size(engine: Engine) -> int:
    """Return the bytes of a database, with all in its place."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(str(engine.url.database)).stat().st_size
    with engine.connect() as connection:
        connection.execute(text("CHECKPOINT"))
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def vacuum(engine: Engine) -> tuple[int, int]:
    """Do what engines do by themselves about rows that are gone; return the bytes of the database then, and how many of
    them whole free pages have (of PostgreSQL nobody tells)."""
    if engine.dialect.name == "sqlite":
        size = measure_size(engine)
        with engine.connect() as connection:
            pages, page = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("freelist_count", "page_size")
            )
        return size, pages * page
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return measure_size(engine), 0


def measure_packed(engine: Engine, folder: Path) -> int:
    """Return the bytes of the database without any room between its rows."""
    if engine.dialect.name == "sqlite":
        file = folder / "packed.db"
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(file),))
        size = file.stat().st_size
        file.unlink()
        return size
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL"))
    return measure_size(engine)


# --- one run ------------------------------------------------------------------------------


async def _time(work: Any) -> float:
    begun = time.monotonic()
    await work
    return _since(begun)


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 1)


def _tell(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", file=sys.stderr, flush=True)


@contextmanager
def open_store(store: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database whose commits reach the disk."""
    if store == "sqlite":
        yield f"sqlite:///{folder / 'newsletter.db'}"
        return
    with running_postgres(durable=True) as server:
        assert server, "needs PostgreSQL"
        with fresh_database(make_url(server.url)) as url:
            yield url.render_as_string(hide_password=False)


async def run(trial: Trial, config: Config, forks: Forks | None) -> None:
    async with open_newsletter(config, clock=trial.clock, forks=forks) as newsletter:
        await trial.run(newsletter)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--old", type=int, default=0, help="mails of past editions, written beforehand")
    parser.add_argument("--snapshot", action="store_true", help="hold what a backup holds while it sends")
    parser.add_argument("--processes", default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is cleaned up
    collect_rarely()  # as a command does
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newsletter-million-")))
        for name in ("sink", "claims"):
            (folder / name).mkdir()
        sink = stack.enter_context(counting_sink(folder / "sink"))
        url = stack.enter_context(open_store(arguments.store, folder))
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        stack.callback(engine.dispose)
        config = write_config(folder, sink.port, url, True, CONNECTIONS, arguments.processes)
        clock = LaterClock(_EVE - datetime.now(UTC))
        trial = Trial(
            engine,
            url,
            folder,
            config.file,
            sink,
            clock,
            arguments.readers,
            arguments.old,
            arguments.snapshot,
            arguments.json,
        )
        trial.figures = {name: getattr(arguments, name) for name in ("readers", "store", "old", "snapshot")}
        trial.fill()
        stack.enter_context(timed_claims(folder / "claims"))
        with forking(config, clock) as forks:
            asyncio.run(run(trial, config, forks))
    print(json.dumps(trial.figures, indent=1))
    is_whole = trial.figures["sink_equals_ledger"] and trial.figures["accepted"] == arguments.readers
    return int(not is_whole)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; everything is cleaned up")
