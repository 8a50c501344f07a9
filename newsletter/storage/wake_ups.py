"""Wake-ups over PostgreSQL, carried by PgQueuer: its tables lie beside ours, and say nothing that counts. Why this
library: docs/decisions/0005.

What it does for us: a job waits as a row, one of all processes takes it at once (LISTEN and NOTIFY), says every
15 seconds that it is still at it, and where it does not say so for 30, another process takes the job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from newsletter.errors import StoreError
from newsletter.logs import log
from newsletter.storage.engine import KEEPALIVES
from newsletter.tracebacks import word_failure

if TYPE_CHECKING:
    from newsletter.ports import Job

_EACH_MINUTE = "* * * * *"
_EACH_NIGHT = "23 3 * * *"
_HAND_ON_AFTER = timedelta(seconds=2)
_LOOK_EVERY = timedelta(seconds=5)
"""For the jobs of the dead: nothing notifies of these."""
_DEAD_AFTER = timedelta(seconds=30)
_CONNECT_AGAIN_AFTER = timedelta(seconds=5)
_FORGET = "DELETE FROM {table} WHERE created < now() - interval '7 days'"
"""The library keeps a line for each job for ever; its own commands can only delete all."""


class QueuedWakeUps:
    """Wake-ups among all processes that share a PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._queries: Any = None

    async def ring(self, jobs: Iterable[str], after_s: float = 0) -> None:
        names = list(jobs)
        if not names:
            return
        if self._queries is None:
            raise StoreError(
                "the queue of jobs is away; it is opened again in a few seconds", is_passing=True
            )
        import psycopg

        try:
            await self._queries.enqueue(
                names,
                [None] * len(names),
                [0] * len(names),
                execute_after=[timedelta(seconds=after_s)] * len(names),
                dedupe_key=list(names),
                on_conflict="skip",
            )
        except psycopg.Error as error:
            raise StoreError(f"cannot write to the queue of jobs: {error}", is_passing=True) from error

    async def run(self, jobs: Mapping[str, Job], clock: str, stop: asyncio.Event) -> None:
        pgqueuer = _import_engine()
        # What it says at a lost connection fills pages.
        logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)

        @asynccontextmanager
        async def open_and_tell() -> AsyncIterator[Any]:
            """Give a queue over a new connection; called again after each failure."""
            try:
                async with self._open(jobs, clock, pgqueuer) as queuer:
                    yield queuer
            except Exception as error:
                log.warning("the queue of jobs is away; trying again", error=word_failure(error))
                raise

        await pgqueuer.run(
            open_and_tell,
            dequeue_timeout=_LOOK_EVERY,
            batch_size=1,  # who takes several at once keeps them from others
            heartbeat_timeout=_DEAD_AFTER,
            shutdown_on_listener_failure=True,
            restart_on_failure=True,
            restart_delay=_CONNECT_AGAIN_AFTER,
            shutdown=stop,
        )

    @asynccontextmanager
    async def _open(self, jobs: Mapping[str, Job], clock: str, pgqueuer: Any) -> AsyncIterator[Any]:
        """Open a queue for these jobs, until the block ends."""
        async with await self._connect() as connection:
            queuer = pgqueuer.PgQueuer.from_psycopg_connection(connection)
            await _prepare_tables(queuer.queries)
            for name, job in jobs.items():
                queuer.entrypoint(name)(_build_entrypoint(name, job, pgqueuer.RetryRequested))
            self._queries = queuer.queries
            try:
                self._keep_time(queuer, clock)
                if clock in jobs:
                    await self.ring([clock])
                yield queuer
            finally:
                self._queries = None

    async def _connect(self) -> Any:
        import psycopg

        options: dict[str, Any] = {
            "application_name": "newsletter worker",
            "connect_timeout": 10,
            **KEEPALIVES,
        }
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, **options)

    def _keep_time(self, queuer: Any, clock: str) -> None:
        """Ring the clock each minute, and forget what the library remembers; one of all processes does it."""

        async def ring(_schedule: Any) -> None:
            await self.ring([clock])

        async def forget(_schedule: Any) -> None:
            names = queuer.queries.qbe.settings
            for table in (names.queue_table_log, names.statistics_table):
                await queuer.connection.execute(_FORGET.format(table=table))

        queuer.schedule("clock", _EACH_MINUTE)(ring)
        queuer.schedule("forget", _EACH_NIGHT)(forget)


def _import_engine() -> Any:
    try:
        import pgqueuer
    except ImportError as error:
        raise StoreError(
            "'newsletter worker' needs PgQueuer: in the folder of the checkout run pip install '.[postgres]'"
        ) from error
    return pgqueuer


def _build_entrypoint(name: str, job: Job, retry: Callable[..., Exception]) -> Callable[[Any], Any]:
    async def entrypoint(row: Any) -> None:
        try:
            is_done = await job(row.attempts)
        except Exception:
            log.exception("a job failed; it is rung again when its time comes", job=name)
            return
        if not is_done:
            raise retry(delay=_HAND_ON_AFTER, reason="another process may be free")

    return entrypoint


async def _prepare_tables(queries: Any) -> None:
    """Make the library's tables, or bring them to its version. Others wait meanwhile."""
    async with queries.schema_lock():
        if not await queries.schema_is_installed():
            await queries.install()
            return
    await queries.upgrade()
