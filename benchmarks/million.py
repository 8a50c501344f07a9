"""A whole edition to very many readers: imported, planned, and sent at its slot, signed, from all cores.

    python -m benchmarks.million [--readers 1000000] [--store sqlite|postgresql] [--json FILE]

The clock of `newsletter run` sends into one smtp-sink of Postfix on this machine, over durable commits. Printed are the
minutes from the slot to the last mail, the rate, how late mails were, the memory of each process, and the size of the
ledger; in the end each Message-ID that the sink has heard is held against the ledger. Half an hour for a million.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import Engine

from benchmarks.delivery import CONNECTIONS, count_listeners
from benchmarks.delivery_newsletter import prepare, write_config
from benchmarks.processes import Watch
from newsletter.model.lateness import build_lateness
from newsletter.scheduler import run_forever
from newsletter.settings.config import Config
from newsletter.storage.tables import deliveries, subscribers
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workers import forking
from newsletter.workflows.plan import PLANNED_AHEAD
from newsletter.workflows.send_crew import Forks
from tests.support.postgres import fresh_database, running_postgres
from tests.support.tools import take_port

_EVE = datetime(2026, 6, 16, 4, 0, tzinfo=UTC)
_PLANNED_A_SECOND = (
    4_000  # slower than any machine: the slot must lie behind the plan, and within ten minutes of it
)
_MESSAGE_ID = re.compile(rb"^Message-ID: (<[^>\r\n]+>)", re.MULTILINE | re.IGNORECASE)
_PIPE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LaterClock:
    """The time of this machine, and so much later or earlier: the sample's papers are of one day."""

    offset: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


# --- the sink -----------------------------------------------------------------------------


def count_mails(fifo: Path) -> None:
    """Read what the sink takes from a pipe until told to stop; print how many mails there were, how many different
    Message-IDs, and the sum of their hashes."""
    pipe = os.open(fifo, os.O_RDWR)  # the sink closes it after each mail
    os.set_blocking(pipe, False)
    seen: set[int] = set()
    mails, rest = 0, b""
    while True:
        ready, _, _ = select.select([pipe, sys.stdin], [], [])
        if pipe in ready:
            data = rest + os.read(pipe, _PIPE_BYTES)
            end = data.rfind(b"\n") + 1
            found = _MESSAGE_ID.findall(data, 0, end)
            mails += len(found)
            seen.update(map(_hash, found))
            rest = data[end:]
        elif sys.stdin in ready:
            break
    print(json.dumps({"mails": mails, "different": len(seen), "sum": sum(seen) % (1 << 64)}))


def _hash(message_id: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(message_id, digest_size=8).digest())


@dataclass(slots=True)
class CountingSink:
    """A running smtp-sink, and who counts what it takes."""

    port: int
    sink: subprocess.Popen[bytes]
    counter: subprocess.Popen[str]

    def count(self) -> dict[str, int]:
        """Return what count_mails has found; nothing is counted any more."""
        said, _ = self.counter.communicate("stop\n", timeout=600)
        counts: dict[str, int] = json.loads(said)
        return counts


@contextmanager
def counting_sink(folder: Path) -> Iterator[CountingSink]:
    """Run smtp-sink, which writes all that it takes into a pipe, and a process that counts there."""
    folder.chmod(0o777)
    folder.parent.chmod(0o711)  # smtp-sink is nobody
    fifo = folder / "mails"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    port = take_port()
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "needs smtp-sink, a part of Postfix"
    counter = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.million", "--count", str(fifo)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    sink = subprocess.Popen([program, "-u", "nobody", "-D", str(fifo), f"127.0.0.1:{port}", "1000"])
    try:
        while count_listeners(port) != 1:
            time.sleep(0.05)
        yield CountingSink(port, sink, counter)
    finally:
        for process in (sink, counter):
            process.kill()
            process.wait()


# --- the edition --------------------------------------------------------------------------


async def send_edition(
    config: Config, clock: LaterClock, forks: Forks | None, readers: int, engine: Engine, sink: CountingSink
) -> dict[str, Any]:
    """Import, plan and send; return the figures."""
    begun = time.monotonic()
    async with open_newsletter(config, clock=clock, forks=forks) as newsletter:
        await prepare(newsletter, readers)
        imported = time.monotonic()
        before = measure_size(engine)
        slot = choose_slot(clock.now(), readers)
        move_everybody(engine, slot)
        _tell(f"imported in {imported - begun:.0f} s; the slot is {slot:%H:%M}, it is {clock.now():%H:%M:%S}")
        planning = time.monotonic()
        await newsletter.planner.plan_due(PLANNED_AHEAD)
        planned = time.monotonic()
        assert clock.now() < slot, "planning took longer than was thought; the slot is over"
        _tell(f"planned in {planned - planning:.1f} s")
        with Watch({sink.sink.pid, sink.counter.pid}) as watch:
            await run_until_sent(newsletter, slot, sink)
        found = await newsletter.ledger.reads.count_lateness(slot.date().isoformat())
    lateness = build_lateness(found)
    span_s = lateness.last_s + 1
    return {
        "readers": readers,
        "accepted": lateness.mails,
        "import_s": round(imported - begun, 1),
        "plan_s": round(planned - planning, 1),
        "minutes": round(span_s / 60, 2),
        "rate": round(lateness.mails / span_s, 1),
        "first_s": min(found),
        "lateness_s": {"p50": lateness.p50_s, "p99": lateness.p99_s, "p99.9": lateness.p999_s},
        "ledger_kb_a_mail": round((measure_size(engine) - before) / readers / 1000, 2),
        "memory_mb": [round(usage.own_mb) for usage in watch.usages.values()],
        "peak_mb": [round(usage.peak_mb) for usage in watch.usages.values()],
        "cpu_us_a_mail": round(sum(usage.cpu_s for usage in watch.usages.values()) / readers * 1e6),
    }


def choose_slot(now: datetime, readers: int) -> datetime:
    """Return the full minute at which everything is planned for certain, and everybody warm."""
    ready = now + timedelta(seconds=readers / _PLANNED_A_SECOND + 45)
    return ready.replace(second=0, microsecond=0) + timedelta(minutes=1)


def move_everybody(engine: Engine, slot: datetime) -> None:
    """Let everybody's next digest be due at that moment."""
    with engine.begin() as connection:
        connection.execute(subscribers.update().values(local_time=f"{slot:%H:%M}", next_due_at=slot))


async def run_until_sent(newsletter: Newsletter, slot: datetime, sink: CountingSink) -> None:
    """Let the clock of the newsletter run until everybody's mail is sent."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_forever(newsletter, stop))
    told_at = 0.0
    while pending := await newsletter.ledger.reads.count_pending():
        assert sink.sink.poll() is None, "the sink has ended"
        after_s = (newsletter.clock.now() - slot).total_seconds()
        if after_s > 0 and time.monotonic() - told_at > 30:
            _tell(f"{after_s:.0f} s after the slot: {pending} to send")
            told_at = time.monotonic()
        await asyncio.sleep(1)
    stop.set()
    await running


def measure_size(engine: Engine) -> int:
    """Return the bytes of a database, with what is not yet in its place."""
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*") if path.is_file())
    with engine.connect() as connection:
        connection.execute(text("CHECKPOINT"))
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def compare(engine: Engine, counted: dict[str, int]) -> bool:
    """Tell whether the sink has heard each Message-ID of the ledger once, and no other."""
    with engine.connect() as connection:
        accepted = connection.execution_options(yield_per=10_000).scalars(
            deliveries.select()
            .with_only_columns(deliveries.c.message_id)
            .where(deliveries.c.state == "accepted")
        )
        hashes = [_hash(message_id.encode()) for message_id in accepted]
    return counted == {"mails": len(hashes), "different": len(set(hashes)), "sum": sum(hashes) % (1 << 64)}


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--processes", default="auto")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--count", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.count:
        count_mails(arguments.count)
        return 0
    random.seed(7)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "sink").mkdir()
        sink = stack.enter_context(counting_sink(folder / "sink"))
        url = f"sqlite:///{folder / 'newsletter.db'}"
        if arguments.store == "postgresql":
            server = stack.enter_context(running_postgres(durable=True))
            assert server, "needs PostgreSQL"
            made = stack.enter_context(fresh_database(make_url(server.url)))
            url = made.render_as_string(hide_password=False)
        driver = make_url(url).set(drivername="postgresql+psycopg") if "postgresql" in url else make_url(url)
        engine = create_engine(driver)
        config = write_config(folder, sink.port, url, True, CONNECTIONS, arguments.processes)
        clock = LaterClock(_EVE - datetime.now(UTC))
        with forking(config, clock) as forks:
            figures = asyncio.run(send_edition(config, clock, forks, arguments.readers, engine, sink))
        figures["store"] = arguments.store
        figures["sink"] = sink.count()
        figures["sink_equals_ledger"] = compare(engine, figures["sink"])
        engine.dispose()
    print(json.dumps(figures, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    return int(not figures["sink_equals_ledger"] or figures["accepted"] != arguments.readers)


if __name__ == "__main__":
    sys.exit(main())
