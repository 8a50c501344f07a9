"""A sender that is stopped by SIGSTOP in the middle of a transaction gives its locks back: PostgreSQL, for real."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from newsletter.model.ledger import State
from newsletter.settings.config import load_config
from newsletter.storage import Database
from newsletter.wiring import open_newsletter
from tests.support.house import REPOSITORY
from tests.support.invariants import check_invariants
from tests.support.office import MORNING, Office
from tests.support.statements import load_values

READERS = [f"r{number}@example.org" for number in range(8)]

# Holds the claims of an instance, changes their rows and stops itself: "pipeline" has sent a part of many statements
# that go together, "statement" waits for nothing and says nothing.
_FREEZE = """
import os, signal, sys
from newsletter.storage import engine
url, where, limit, instance = sys.argv[1:5]
engine._LONGEST_TRANSACTION = limit
from sqlalchemy import make_url
database = engine.Database(make_url(url).set(drivername="postgresql+psycopg"))

def stop_in_the_middle():
    for number in range(2500):
        if number == 2000:
            print("frozen", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
        yield {"instance": int(instance), "number": number}

def freeze(connection):
    cursor = connection.connection.cursor()
    change = "UPDATE queue SET relay = 'frozen' WHERE claimed_by = %(instance)s AND %(number)s::int = 0"
    if where == "pipeline":
        cursor.executemany(change, stop_in_the_middle())
    else:
        cursor.execute(change, {"instance": int(instance), "number": 0})
        print("frozen", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)

database.write_here(freeze)
"""


@asynccontextmanager
async def frozen_sender(office: Office, url: str, where: str, limit: str = "0") -> AsyncIterator[None]:
    """A process of an instance that is dead by its heartbeat, has claimed everybody, and holds locks on their rows."""
    ledger = office.newsletter.ledger
    long_ago = office.clock.now() - timedelta(hours=1)
    instance = await ledger.claims.register_instance("elsewhere", "boot", 1, long_ago)
    assert len(await ledger.claims.claim(instance, office.clock.now(), 100, ())) == len(READERS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _FREEZE, url, where, limit, str(instance)),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"frozen\n"
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def given_planned(office: Office) -> None:
    await office.join(*READERS)
    await office.collect()
    office.clock.at = MORNING
    await office.newsletter.planner.plan_due()


async def count_open_transactions(database: Database) -> int:
    (found,) = await load_values(
        database,
        text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND application_name = 'newsletter'"
        ),
    )
    return int(found)


@pytest.fixture
def postgres_only(database_url: str) -> str:
    if database_url.startswith("sqlite"):
        pytest.skip("a process that is frozen inside a transaction of SQLite keeps its lock")
    return database_url


@pytest.mark.parametrize("where", ["pipeline", "statement"])
async def test_who_waits_for_a_frozen_sender_takes_its_locks_away(
    postgres_only: str, office: Office, where: str
) -> None:
    """As on servers that do not know transaction_timeout: limits of our own in the URL switch it off."""
    await given_planned(office)
    sign = "&" if "?" in postgres_only else "?"
    limits = "-c%20lock_timeout%3D1s%20-c%20idle_in_transaction_session_timeout%3D3s"
    url = f"{postgres_only}{sign}options={limits}"
    config = load_config(office.folder / "config.yaml", {"DATABASE": url})
    async with frozen_sender(office, url, where), open_newsletter(config, clock=office.clock) as newsletter:
        waiting = Office(newsletter, office.sink, office.clock, office.folder)
        async with asyncio.timeout(60):
            await waiting.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


async def test_a_server_that_can_ends_the_transaction_of_a_frozen_sender_by_itself(
    postgres_only: str, office: Office
) -> None:
    await given_planned(office)
    known = text("SELECT current_setting('transaction_timeout', true)")
    if await load_values(office.newsletter.database, known) == [None]:
        pytest.skip("transaction_timeout is new in PostgreSQL 17")
    async with frozen_sender(office, postgres_only, "pipeline", limit="6s"):
        assert await count_open_transactions(office.newsletter.database) == 1
        for _ in range(300):
            if not await count_open_transactions(office.newsletter.database):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the transaction is still open")

        await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
