"""A few rounds on each engine, and the faults of which a signal to the sender is no part; ``make crash`` plays many."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.ledger import LedgerView
from tests.crash.play import PAST_THE_LEASE, freeze, wait_until
from tests.crash.report import Result
from tests.crash.rounds import CONNECTIONS, READERS, Engine, Round, Strike
from tests.crash.run import play_rounds
from tests.crash.stage import ADDRESSES, Stage
from tests.support.postgres import NO_POSTGRES, running_postgres
from tests.support.sink import Moment

KILLED_TWICE = (Strike(signal.SIGKILL, 90, Moment.TAKEN), Strike(signal.SIGKILL, 20, Moment.TEXT))
STOPPED_TWICE = (Strike(signal.SIGTERM, 60, Moment.DOT, again_ms=5), Strike(signal.SIGINT, 40, Moment.AGREED))
FROZEN = (Strike(signal.SIGSTOP, 120, Moment.ANSWERED, delay_ms=3),)


@pytest.mark.parametrize(
    ("engine", "hits"),
    [
        (Engine.SQLITE, (KILLED_TWICE, STOPPED_TWICE)),
        (Engine.POSTGRESQL, (KILLED_TWICE, FROZEN)),
        pytest.param(Engine.SQLITE, (FROZEN,), marks=pytest.mark.slow),
        pytest.param(Engine.POSTGRESQL, (STOPPED_TWICE,), marks=pytest.mark.slow),
    ],
)
async def test_whatever_hits_a_sender_nobody_is_lost_and_nobody_has_two_unseen_copies(
    engine: Engine, hits: Sequence[tuple[Strike, ...]], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    postgres = request.getfixturevalue("postgres_url") if engine is Engine.POSTGRESQL else None
    rounds = [Round(seed, engine, 1 + (seed == 0), strikes) for seed, strikes in enumerate(hits)]
    results: list[Result] = []

    await play_rounds(rounds, tmp_path, results.append, postgres=postgres, jobs=2)

    assert [result.problems for result in results] == [()] * len(hits)
    assert all(result.counts for result in results)


async def test_a_database_server_that_is_restarted_slows_a_send_and_costs_nothing(tmp_path: Path) -> None:
    with running_postgres() as server:
        if server is None:
            pytest.skip(NO_POSTGRES)
        engine = Engine.POSTGRESQL
        async with (
            Stage.prepared(tmp_path, {engine}, server.url) as stage,
            stage.set_scene("round", engine) as scene,
        ):
            command = await scene.start_send()
            taken = scene.relay.messages
            await wait_until(lambda: len(taken) > 20 or command.code is not None)
            await asyncio.to_thread(server.restart)
            await wait_until(lambda: len(taken) > 120 or command.code is not None)
            await asyncio.to_thread(server.restart)
            await command.wait()
            assert await (await scene.start_send()).wait() == 0, command
            rows = scene.ledger.load_rows()
            copies = Counter(message.rcpt_to for message in scene.relay.messages)

    assert Counter(row.state for row in rows) == {"accepted": READERS}
    assert set(copies) == ADDRESSES, "somebody was lost"
    twice = {address for address, count in copies.items() if count > 1}
    assert twice <= {row.address for row in rows if row.was_uncertain}, "two copies that nobody knows of"


_SHORT_LIMITS = "&options=-c%20lock_timeout%3D2s%20-c%20idle_in_transaction_session_timeout%3D4s"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "patience_s"), [("", 140), (_SHORT_LIMITS, 60)], ids=["our limits", "limits in the URL"]
)
async def test_a_second_send_gets_through_while_the_first_is_frozen_inside_a_transaction(
    options: str, patience_s: float, postgres_url: str, tmp_path: Path
) -> None:
    engine = Engine.POSTGRESQL
    async with (
        Stage.prepared(tmp_path, {engine}, postgres_url) as stage,
        stage.set_scene("round", engine) as scene,
    ):
        config = scene.house.folder / "config.yaml"
        config.write_text(config.read_text().replace(scene.database_url, f"{scene.database_url}{options}"))
        command = await scene.start_send()
        await wait_until(lambda: len(scene.relay.messages) > 20)
        while not (await freeze(command) and await asyncio.to_thread(_stays_held_up, scene.ledger)):
            assert command.code is None, "it has sent all, and was never caught inside a transaction"
            os.kill(command.pid, signal.SIGCONT)
            await asyncio.sleep(0.003)
        before = len(scene.relay.messages)
        assert before < READERS

        second = await scene.start_send(PAST_THE_LEASE)
        assert await second.wait(patience_s) in (0, 1)
        assert command.code is None
        assert len(scene.relay.messages) >= READERS - CONNECTIONS
        os.kill(command.pid, signal.SIGCONT)
        await command.wait()
        assert await (await scene.start_send(PAST_THE_LEASE)).wait() in (0, 1)
        rows = scene.ledger.load_rows()
        copies = Counter(message.rcpt_to for message in scene.relay.messages)

    assert Counter(row.state for row in rows) == {"accepted": READERS}
    assert set(copies) == ADDRESSES, "somebody was lost"
    twice = {address for address, count in copies.items() if count > 1}
    assert twice <= {row.address for row in rows if row.was_uncertain}, "two copies that nobody knows of"


def _stays_held_up(ledger: LedgerView) -> bool:
    """Tell whether a transaction is open that stands still, a moment from now."""
    time.sleep(0.35)
    return ledger.is_held_up()


async def test_row_8_copies_of_the_files_at_random_moments_open_and_add_up(tmp_path: Path) -> None:
    """What a disk holds when the power goes: the process is stopped in whatever it does, also inside a transaction or a
    checkpoint, and the files are copied. Each copy opens, adds up, and knows of each mail that had been accepted."""
    chance = random.Random(8)
    copies: list[tuple[Path, set[str]]] = []
    engine = Engine.SQLITE
    async with Stage.prepared(tmp_path, {engine}) as stage, stage.set_scene("round", engine) as scene:
        command = await scene.start_send()
        while command.code is None and len(copies) < 25:
            await asyncio.sleep(chance.uniform(0, 0.05))
            if not scene.relay.messages or not await freeze(command):
                continue
            accepted = {message.rcpt_to for message in scene.relay.messages}
            copy = tmp_path / f"copy{len(copies)}"
            copy.mkdir()
            for file in scene.house.folder.glob("newsletter.db*"):
                if not file.name.endswith("-shm"):  # memory shared by processes: it does not outlive them
                    shutil.copy(file, copy)
            os.kill(command.pid, signal.SIGCONT)
            copies.append((copy, accepted))
        await command.wait()

    assert len(copies) >= 5
    for copy, accepted in copies:
        with closing(sqlite3.connect(copy / "newsletter.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = connection.execute(
                "SELECT coalesce(mails.address, subscribers.address), coalesce(queue.state, outcomes.state)"
                " FROM deliveries JOIN subscribers ON subscribers.id = deliveries.recipient"
                " LEFT JOIN queue ON queue.id = deliveries.id"
                " LEFT JOIN outcomes ON outcomes.delivery = deliveries.id"
                " LEFT JOIN mails ON mails.delivery = deliveries.id"
            ).fetchall()
        states = Counter(state for _, state in rows)
        assert len(rows) == READERS
        assert states["in_data"] <= CONNECTIONS
        on_their_way = {address for address, state in rows if state in ("in_data", "accepted")}
        assert accepted <= on_their_way, "accepted, and the ledger does not know"
