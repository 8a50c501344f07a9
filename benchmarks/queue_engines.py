"""Two libraries that carry jobs over PostgreSQL, and what each does when a worker dies, freezes or is cut off.

``make engines`` runs it (some minutes). Two workers are processes of their own; what they do they write into a file,
which needs no network. docs/decisions/0005-wake-ups-by-pgqueuer.md has the figures and what followed from them.

``procrastinate+rescue`` is procrastinate with the periodic task of its manual that looks for stalled jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.support.cut_network import CutNetwork
from tests.support.postgres import PostgresServer, fresh_database, running_postgres

ENGINES = ("pgqueuer", "procrastinate", "procrastinate+rescue")
_WORK_S = 4.0
"""How long a job takes that is struck by a fault."""
_PATIENCE_S = 130.0
_BACKLOG = 1_000


# --- the engines ---------------------------------------------------------------------------


async def _do_job(name: str, work_s: float, journal: Path) -> None:
    """Be a job: say that it begins, take a while, say that it is done."""
    with journal.open("a") as lines:
        lines.write(json.dumps([name, "begun", os.getpid(), time.time()]) + "\n")
    await asyncio.sleep(work_s)
    with journal.open("a") as lines:
        lines.write(json.dumps([name, "done", os.getpid(), time.time()]) + "\n")


async def _work_pgqueuer(url: str, journal: Path) -> None:
    import pgqueuer
    from pgqueuer.adapters.connections import connect_psycopg

    @_as_factory
    async def build() -> Any:
        connecting = connect_psycopg(url)
        connection = await connecting.__aenter__()
        queuer = pgqueuer.PgQueuer.from_psycopg_connection(connection)

        @queuer.entrypoint("job")
        async def job(row: Any) -> None:
            name, work_s = json.loads(row.payload)
            await _do_job(name, work_s, journal)

        return queuer, connecting

    await pgqueuer.run(build, restart_on_failure=True, restart_delay=timedelta(seconds=1))


def _as_factory(build: Callable[[], Awaitable[Any]]) -> Any:
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def factory() -> Any:
        queuer, connecting = await build()
        try:
            yield queuer
        finally:
            with suppress(Exception):
                await connecting.__aexit__(None, None, None)

    return factory


async def _put_pgqueuer(url: str, jobs: list[tuple[str, float]]) -> None:
    from pgqueuer.adapters.connections import connect_psycopg
    from pgqueuer.queries import Queries

    async with connect_psycopg(url) as connection:
        queries = Queries.from_psycopg_connection(connection)
        if not await queries.schema_is_installed():
            await queries.install()
        if jobs:
            payloads: list[bytes | None] = [json.dumps(job).encode() for job in jobs]
            await queries.enqueue(["job"] * len(jobs), payloads, [0] * len(jobs))


def _open_procrastinate(url: str, journal: Path, rescue: bool) -> Any:
    import procrastinate  # of "make engines" alone

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="job")
    async def job(name: str, work_s: float) -> None:
        await _do_job(name, work_s, journal)

    if rescue:

        @app.periodic(cron="* * * * *")
        @app.task(queueing_lock="rescue", name="rescue", pass_context=True)
        async def rescue_stalled(context: Any, timestamp: int) -> None:
            for stalled in await app.job_manager.get_stalled_jobs():
                await app.job_manager.retry_job(stalled)

    return app


async def _work_procrastinate(url: str, journal: Path, rescue: bool) -> None:
    app = _open_procrastinate(url, journal, rescue)
    async with app.open_async():
        await app.run_worker_async(concurrency=10)


async def _put_procrastinate(url: str, jobs: list[tuple[str, float]]) -> None:
    app = _open_procrastinate(url, Path(os.devnull), rescue=False)
    async with app.open_async():
        with suppress(Exception):  # it is there
            await app.schema_manager.apply_schema_async()
        if jobs:
            await app.tasks["job"].batch_defer_async(*({"name": name, "work_s": s} for name, s in jobs))


async def _put(engine: str, url: str, jobs: list[tuple[str, float]]) -> None:
    await (_put_pgqueuer if engine == "pgqueuer" else _put_procrastinate)(url, jobs)


async def _work(engine: str, url: str, journal: Path) -> None:
    if engine == "pgqueuer":
        await _work_pgqueuer(url, journal)
    else:
        await _work_procrastinate(url, journal, engine.endswith("rescue"))


# --- the trial -----------------------------------------------------------------------------


@dataclass(slots=True)
class Result:
    """What one fault led to. again_s: seconds until another worker began the job; twice: jobs done more than once;
    works_after: whether the struck worker takes jobs when it is over."""

    engine: str
    fault: str
    again_s: float | None = None
    twice: int = 0
    works_after: bool | None = None
    jobs_per_s: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Stage:
    """Workers of one engine over one database, and their journal."""

    engine: str
    url: str
    journal: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, url: str = "") -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.queue_engines",
                "--worker",
                self.engine,
                url or self.url,
                self.journal,
            ],
            stderr=subprocess.DEVNULL,
        )
        self.workers.append(worker)
        return worker

    def read(self) -> list[tuple[str, str, int, float]]:
        return [tuple(json.loads(line)) for line in self.journal.read_text().splitlines()]

    async def find(self, name: str, what: str, *, by: int = 0, not_by: int = 0) -> tuple[int, float] | None:
        """Return who did this with a job and when, as soon as it is done; None where it never is."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            for job, did, pid, at in self.read():
                if (job, did) == (name, what) and (not by or pid == by) and pid != not_by:
                    return pid, at
            await asyncio.sleep(0.05)
        return None

    def count_twice(self) -> int:
        done = [job for job, did, *_ in self.read() if did == "done"]
        return len(done) - len(set(done))

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()


@contextmanager
def _stage(engine: str, server: PostgresServer) -> Iterator[Stage]:
    with fresh_database(make_url(server.url)) as url, tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal"
        journal.touch()
        stage = Stage(engine, url.render_as_string(hide_password=False), journal)
        try:
            yield stage
        finally:
            stage.end()


async def try_struck(engine: str, server: PostgresServer, fault: str) -> Result:
    """Strike a worker in the middle of a job: it is killed, frozen, or cut from the network."""
    result = Result(engine, fault)
    with _stage(engine, server) as stage:
        await _put(engine, stage.url, [])
        network = CutNetwork(f"{make_url(server.url).query['host']}/.s.PGSQL.5432")
        async with await network.start():
            far = make_url(stage.url).set(host="127.0.0.1", port=network.port, query={})
            victim = stage.start(far.render_as_string(hide_password=False))
            await _put(engine, stage.url, [("first", _WORK_S)])
            assert await stage.find("first", "begun")
            stage.start()
            await asyncio.sleep(2)  # it has nothing to do yet
            at = time.time()
            if fault == "killed":
                victim.kill()
            elif fault == "frozen":
                victim.send_signal(signal.SIGSTOP)
            else:
                network.cut()
            again = await stage.find("first", "begun", not_by=victim.pid)
            result.again_s = round(again[1] - at, 1) if again else None
            if fault != "killed":
                victim.send_signal(signal.SIGCONT)
                network.mend()
                await stage.find("first", "done", by=victim.pid)
                result.works_after = await _works(stage, victim)
            await asyncio.sleep(_WORK_S + 1)
            result.twice = stage.count_twice()
    return result


async def _works(stage: Stage, worker: subprocess.Popen[bytes]) -> bool:
    """Return whether a worker takes jobs, when it is the only one."""
    for other in stage.workers:
        if other is not worker:
            other.terminate()
            await asyncio.to_thread(other.wait)
    await _put(stage.engine, stage.url, [("after", 0.0)])
    return await stage.find("after", "done", by=worker.pid) is not None


async def try_restart(engine: str) -> Result:
    """Restart the database, as a crash would; again_s is until a job that was put in then is done."""
    result = Result(engine, "database restarted")
    with running_postgres() as server:
        assert server is not None
        with _stage(engine, server) as stage:
            await _put(engine, stage.url, [("first", 0.0)])
            worker = stage.start()
            await stage.find("first", "done")
            await asyncio.to_thread(server.restart)
            at = time.time()
            await _put(engine, stage.url, [("after", 0.0)])
            after = await stage.find("after", "done")
            result.again_s = round(after[1] - at, 1) if after else None
            result.works_after = worker.poll() is None
    return result


async def try_backlog(engine: str, server: PostgresServer) -> Result:
    """Let one worker do what has waited."""
    result = Result(engine, f"{_BACKLOG} waiting")
    with _stage(engine, server) as stage:
        await _put(engine, stage.url, [(str(number), 0.0) for number in range(_BACKLOG)])
        stage.start()
        while len(done := [row for row in stage.read() if row[1] == "done"]) < _BACKLOG:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        first = min(row[3] for row in stage.read())
        result.jobs_per_s = round(_BACKLOG / (max(row[3] for row in done) - first))
        result.twice = stage.count_twice()
    return result


async def try_all() -> list[Result]:
    """Return what all engines do at all faults: the slow ones at once, for they mostly wait; the backlog alone."""
    with running_postgres() as server:
        assert server is not None, "no PostgreSQL"
        backlog = [await try_backlog(engine, server) for engine in ENGINES[:2]]
        struck = [
            try_struck(engine, server, fault)
            for engine in ENGINES
            for fault in ("killed", "frozen", "cut off")
        ]
        return [*backlog, *await asyncio.gather(*struck, *(try_restart(engine) for engine in ENGINES[:2]))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=3, metavar=("ENGINE", "URL", "JOURNAL"), help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="also write the results there")
    arguments = parser.parse_args()
    if arguments.worker:
        engine, url, journal = arguments.worker
        asyncio.run(_work(engine, url, Path(journal)))
        return
    results = asyncio.run(try_all())
    for result in results:
        again = "never" if result.again_s is None else f"{result.again_s} s"
        rate = f", {result.jobs_per_s} jobs/s" if result.jobs_per_s else f", done by another after {again}"
        print(
            f"{result.engine:21} {result.fault:19}{rate}, twice: {result.twice}, works after: {result.works_after}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2))


if __name__ == "__main__":
    main()
