"""What tests share: the real data beside the project, and fresh databases of both engines."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import shutil
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jinja2
import pytest
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.util import LRUCache

from newsletter.model.mail import Identity
from newsletter.render import Bundle, CompiledBundle, compile_bundle
from newsletter.settings.shipped import find_shipped
from newsletter.storage import Database, open_database
from newsletter.web.site import build_environment
from tests.support.certificate import NO_OPENSSL, make_certificate, serve_with
from tests.support.examples import register_profiles
from tests.support.postgres import NO_POSTGRES, find_quick_folder, fresh_database, running_postgres

register_profiles()
if quick_folder := find_quick_folder():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(quick_folder))  # of tmp_path


_BY_THEMSELVES = ("tests/crash/", "tests/acceptance/", "tests/benchmarks/", "tests/web/test_browser.py")
"""Where each test is long, and shares little with the next one."""

_LONG = (*_BY_THEMSELVES, "tests/test_package.py", "tests/web/test_look.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long begin first: no process works alone at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file goes to one process, where what its tests share is made once; of some each test goes by itself.

    That also spares xdist ten thousand units, whose list it goes through at the end of each test. Its own groups
    (--dist loadgroup) are of no use: with pytest 9.2 each test of a group goes by itself.
    """
    from xdist.scheduler import LoadFileScheduling

    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # what takes long comes first, and not what is many
    scheduler = LoadFileScheduling(config, log)
    find_file = scheduler._split_scope
    scheduler._split_scope = lambda test: test if test.startswith(_BY_THEMSELVES) else find_file(test)
    return scheduler


_LONGEST_NAME = 60


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a long text by its beginning: the name of a test is sent five times, and set into its environment."""
    if isinstance(val, str | bytes) and len(val) > _LONGEST_NAME:
        return f"{val[:_LONGEST_NAME]!r}..."
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let the processes of a fresh clone share the work of compiling the tests: each begins with other files.

    To rewrite their assertions takes twenty seconds, and all would do it for the same file at the same moment.
    """
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is None or sys.dont_write_bytecode:
        return
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("test_*.py"))[number::count]:
        name = ".".join(file.relative_to(folder.parent).with_suffix("").parts)
        with suppress(Exception, pytest.skip.Exception):  # the collection of that file tells what is wrong
            importlib.import_module(name)


def pytest_collection_finish() -> None:
    """Spare the garbage collector ten thousand tests: they stay to the end, and it would go through them each time."""
    gc.collect()
    gc.freeze()


class _Statements(LRUCache[tuple[Any, ...], Any]):
    """The SQL of statements, whichever Engine it was compiled for: SQLAlchemy's own cache ends with its Engine.

    A key begins with the Engine's dialect, an object of its own; here it counts only which dialect that is.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), compiled)


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """The shipped templates, and statements, are compiled once a process, and not for each newsletter: that was most of
    what most tests took."""
    statements = _Statements(2_000)
    compile_mails, compile_pages = lru_cache(maxsize=64)(compile_bundle), cache(build_environment)

    def compile_bundle_once(
        bundle: Bundle, identity: Identity, languages: tuple[str, ...] | None = None
    ) -> CompiledBundle:
        return (compile_mails if bundle.is_shipped else compile_bundle)(bundle, identity, languages)

    def build_environment_once(folders: tuple[Path, ...]) -> jinja2.Environment:
        is_shipped = folders == (find_shipped("templates") / "web",)
        return (compile_pages if is_shipped else build_environment)(folders)

    def create_engine_of_all(url: URL, **options: Any) -> Engine:
        engine = create_engine(url, **options)
        engine._compiled_cache = statements
        return engine

    with (
        patch("newsletter.storage.engine.create_engine", create_engine_of_all),
        patch("newsletter.render.digest.compile_bundle", compile_bundle_once),
        patch("newsletter.web.site.build_environment", build_environment_once),
    ):
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a good part of what tests take they wait for processes, sockets and clocks."""
    return (os.cpu_count() or 1) + 1


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
    with running_postgres() as server:
        if server is None:
            pytest.skip(NO_POSTGRES)
        yield server.url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the tables and nothing in them, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    asyncio.run(_migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[URL]:
    """A PostgreSQL database with the tables and nothing in them, to be used as a template."""
    with fresh_database(make_url(postgres_url)) as url:
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
    with fresh_database(request.getfixturevalue("migrated_postgres"), as_template=True) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    with fresh_database(make_url(request.getfixturevalue("postgres_url"))) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of its own for this test, open."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()


async def _migrate(url: str) -> None:
    await (await open_database(url)).close()


# --- TLS ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throw-away certificate for localhost and 127.0.0.1, with its key in the same file."""
    made = make_certificate(tmp_path_factory.mktemp("tls"))
    if made is None:
        pytest.skip(NO_OPENSSL)
    return made


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    return serve_with(certificate)


@pytest.fixture
def _trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
