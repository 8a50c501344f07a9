"""What the tests of the web UI share: a site with a week of entries on each engine, and a browser in this process."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import URL

from newsletter.web.site import Site
from tests.support.postgres import fresh_database
from tests.support.website import browsing, opened_site


@pytest.fixture(scope="session")
def filled_sqlite(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the week of tests.support.website, to be copied."""
    file = tmp_path_factory.mktemp("site") / "filled.db"
    shutil.copy(migrated_sqlite, file)
    asyncio.run(_fill(file.parent, f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def filled_postgres(migrated_postgres: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A PostgreSQL database with that week, to be used as a template."""
    with fresh_database(migrated_postgres, as_template=True) as url:
        asyncio.run(_fill(tmp_path_factory.mktemp("site"), url.render_as_string(hide_password=False)))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of its own for this test, with that week."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('filled_sqlite'), tmp_path / 'newsletter.db')}"
        return
    with fresh_database(request.getfixturevalue("filled_postgres"), as_template=True) as url:
        yield url.render_as_string(hide_password=False)


async def _fill(folder: Path, database_url: str) -> None:
    async with opened_site(folder, database_url):
        pass


@pytest.fixture
async def site(tmp_path: Path, filled_url: str) -> AsyncIterator[Site]:
    """The site of tests.support.website, on each engine."""
    async with opened_site(tmp_path, filled_url) as opened:
        yield opened


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of that site; it follows no redirect by itself."""
    async with browsing(site) as opened:
        yield opened
