"""SIGKILL at a random moment of a send, then a restart: nobody is lost, nobody is mailed twice unseen.

``make crash`` runs many rounds (ROUNDS=500) and then some with a database server that is restarted at random; here
there are five, and one.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.acceptance.house import REPOSITORY, House
from tests.acceptance.papers import make_day
from tests.postgres import NO_POSTGRES, running_postgres

READERS = 300
CONNECTIONS = 16
ROUNDS = int(os.environ.get("ROUNDS", "5"))
PLANNING_S = 2.0  # about what starting and planning take: one round in ten is killed in it
EDITION = "2026-06-16"

_SUBSCRIBERS = "defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + "".join(
    f"  - {{address: reader{number}@example.org, topics: [robot, pruning]}}\n" for number in range(READERS)
)


class SinkProcess:
    """The sink in a process of its own: it writes each accepted message down before it answers."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "accepted.log"
        self._port_file = folder / "port"
        where = ["--port-file", str(self._port_file), "--log", str(self.log)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.deliver.sink", *where, "--delay-ms", "20"], cwd=REPOSITORY
        )

    def wait_for_port(self) -> None:
        """Wait until it listens."""
        _wait_until(lambda: self._port_file.exists() or self._process.poll() is not None)
        self.port = int(self._port_file.read_text())

    def mark(self) -> int:
        """Where the log ends now."""
        return self.log.stat().st_size if self.log.exists() else 0

    def copies(self, since: int) -> Counter[str]:
        """How many copies of each message were accepted since a mark, by recipient.

        The sink may be in the middle of a line: what stands behind the last line's end is left for the next time.
        """
        if not self.log.exists():
            return Counter()
        with self.log.open("rb") as log:
            log.seek(since)
            whole = log.read().rpartition(b"\n")[0]
        return Counter(line.split()[1].decode() for line in whole.splitlines())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    process = SinkProcess(tmp_path_factory.mktemp("sink"))
    try:
        process.wait_for_port()
        yield process
    finally:
        process.stop()


@contextmanager
def sending(house: House) -> Iterator[subprocess.Popen[str]]:
    """A sender at work. However the block ends, it does not outlive it: its mails would count in the next test."""
    process = house.start("send", "--edition", EDITION)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """What all the rounds came to; printed at the end."""
    counts: Counter[str] = Counter()
    yield counts
    print("\n" + "\n".join(f"{count:8} {what}" for what, count in sorted(counts.items())))


@pytest.fixture(scope="module")
def prepared(sink: SinkProcess, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A newsletter that has collected and imported, and has sent nothing yet."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "day.json").write_text(make_day())
    house = House.build(
        folder,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers=_SUBSCRIBERS,
        port=sink.port,
        connections=CONNECTIONS,
    )
    done = house.run("collect")
    assert done.returncode == 0, done.stderr
    assert house.run("send", "--dry-run").returncode == 0
    return house


@pytest.mark.parametrize("number", range(ROUNDS))
def test_after_sigkill_the_ledger_adds_up_and_nobody_has_two_unseen_copies(
    number: int, prepared: House, sink: SinkProcess, tmp_path: Path, tally: Counter[str]
) -> None:
    chance = random.Random(number if ROUNDS <= 5 else None)
    folder = tmp_path / "house"
    shutil.copytree(prepared.folder, folder)
    house = House(folder)
    begun = sink.mark()

    with sending(house) as process:
        if chance.random() < 0.1:
            time.sleep(chance.uniform(0, PLANNING_S))
        else:
            enough = chance.randrange(READERS)
            _wait_until(lambda: sink.copies(begun).total() > enough or process.poll() is not None)
            time.sleep(chance.uniform(0, 0.05))
    killed = sink.copies(begun).total()
    left = _read_states(folder)
    in_data = left.get("in_data", 0)

    finished = house.run("send", "--edition", EDITION)

    states = _read_states(folder)
    copies = sink.copies(begun)
    print(f"round {number}: {killed} accepted before the kill, which left {left}; then {states}")
    assert finished.returncode in (0, 1), finished.stdout + finished.stderr
    assert sum(states.values()) == READERS
    assert states["accepted"] == READERS
    assert set(copies) == {f"reader{reader}@example.org" for reader in range(READERS)}, "somebody was lost"
    assert in_data <= CONNECTIONS, "more uncertain mails than open connections"
    twice = {address for address, count in copies.items() if count > 1}
    assert twice <= _read_uncertain(folder), "two copies of a mail that was never uncertain"
    assert max(copies.values()) <= 2
    tally["rounds"] += 1
    tally["killed in the middle of the send"] += 0 < killed < READERS
    tally["mails due"] += READERS
    tally.update(states)
    tally["uncertain at the kill"] += in_data
    tally["two copies, known as uncertain"] += len(twice)
    tally[f"rounds with {in_data:2} uncertain"] += 1


@pytest.mark.parametrize("number", range(max(1, ROUNDS // 25)))
def test_a_database_server_that_is_restarted_slows_a_send_and_costs_nothing(
    number: int, sink: SinkProcess, tmp_path: Path
) -> None:
    with running_postgres() as server:
        if server is None:
            pytest.skip(NO_POSTGRES)
        (tmp_path / "day.json").write_text(make_day())
        house = House.build(
            tmp_path,
            sources="- {kind: hf_daily_papers, location: day.json}",
            subscribers=_SUBSCRIBERS,
            port=sink.port,
            database_url=server.url,
            connections=CONNECTIONS,
        )
        assert house.run("collect").returncode == 0
        begun = sink.mark()
        with sending(house) as process:
            _wait_until(lambda: sink.copies(begun).total() > 0 or process.poll() is not None)
            restarts = 0
            while process.poll() is None and restarts < 2:
                time.sleep(random.uniform(0, 0.3))
                server.restart()
                restarts += 1
            output, _ = process.communicate(timeout=300)
        assert house.run("send", "--edition", EDITION).returncode in (0, 1), output

        engine = create_engine(make_url(server.url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT address, state, uncertain_at FROM deliveries")).all()
        engine.dispose()
    copies = sink.copies(begun)
    states = Counter(row.state for row in rows)
    print(f"round {number}: {restarts} restarts; {dict(states)}")
    assert states == {"accepted": READERS}, output
    assert set(copies) == {row.address for row in rows}, "somebody was lost"
    twice = {address for address, count in copies.items() if count > 1}
    assert twice <= {row.address for row in rows if row.uncertain_at}, "two copies that nobody knows of"


def test_two_processes_and_one_of_them_frozen_past_its_lease(sink: SinkProcess, tmp_path: Path) -> None:
    (tmp_path / "day.json").write_text(make_day())
    house = House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers=_SUBSCRIBERS,
        port=sink.port,
        connections=CONNECTIONS,
    )
    assert house.run("collect").returncode == 0
    begun = sink.mark()
    with sending(house) as frozen:
        _wait_until(lambda: sink.copies(begun).total() > 50 or frozen.poll() is not None)
        frozen.send_signal(signal.SIGSTOP)
        while _is_locked(tmp_path):
            # Frozen inside a transaction it holds the file's lock, and nobody could record anything: once more.
            frozen.send_signal(signal.SIGCONT)
            time.sleep(0.03)
            frozen.send_signal(signal.SIGSTOP)
        # The other one's clock is ten minutes on, so that the lease of the first is over.
        later = house.run("send", "--edition", EDITION, at="2026-06-16T18:40:00+00:00")
        frozen.send_signal(signal.SIGCONT)
        frozen.communicate(timeout=300)

    assert later.returncode in (0, 1), later.stdout + later.stderr
    copies = sink.copies(begun)
    assert _read_states(tmp_path) == {"accepted": READERS}
    assert len(copies) == READERS, "somebody was lost"
    uncertain = _read_uncertain(tmp_path)
    assert len(uncertain) <= CONNECTIONS
    assert {address for address, count in copies.items() if count > 1} <= uncertain


def test_row_8_copies_of_the_files_at_random_moments_open_and_add_up(
    prepared: House, sink: SinkProcess, tmp_path: Path
) -> None:
    """What a disk holds when the power goes: the process is stopped in whatever it does, also inside a transaction or a
    checkpoint, and the files are copied. Each copy opens, adds up, and knows of each mail that had been accepted."""
    chance = random.Random(8)
    house = House(tmp_path / "house")
    shutil.copytree(prepared.folder, house.folder)
    begun = sink.mark()
    copies: list[tuple[Path, set[str]]] = []
    with sending(house) as process:
        _wait_until(lambda: sink.copies(begun).total() > 0 or process.poll() is not None)
        while process.poll() is None and len(copies) < 25:
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGSTOP)
            _wait_until(lambda: _is_still(process.pid))
            accepted = set(sink.copies(begun))
            copy = tmp_path / f"copy{len(copies)}"
            copy.mkdir()
            for file in house.folder.glob("newsletter.db*"):
                if not file.name.endswith("-shm"):  # memory shared by processes: it does not outlive them
                    shutil.copy(file, copy)
            process.send_signal(signal.SIGCONT)
            copies.append((copy, accepted))
        process.communicate(timeout=120)

    assert len(copies) >= 5
    for copy, accepted in copies:
        with closing(sqlite3.connect(copy / "newsletter.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = connection.execute(
                "SELECT coalesce(deliveries.address, subscribers.address), deliveries.state"
                " FROM deliveries JOIN subscribers ON subscribers.id = deliveries.recipient"
            ).fetchall()
        states = Counter(state for _, state in rows)
        assert len(rows) == READERS
        assert states["in_data"] <= CONNECTIONS
        on_their_way = {address for address, state in rows if state in ("in_data", "accepted")}
        assert accepted <= on_their_way, "accepted, and the ledger does not know"


def _is_still(pid: int) -> bool:
    """Tell whether a process is stopped, or has ended."""
    try:
        return re.search(r"State:\s+[TZ]", Path(f"/proc/{pid}/status").read_text()) is not None
    except (FileNotFoundError, ProcessLookupError):
        return True


def _is_locked(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / "newsletter.db", timeout=0.5, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


def _wait_until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing was sent"
        time.sleep(0.01)


def _read_states(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "newsletter.db")) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())


def _read_uncertain(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "newsletter.db")) as connection:
        rows = connection.execute("SELECT address FROM deliveries WHERE uncertain_at IS NOT NULL").fetchall()
    return {address for (address,) in rows}
