"""What the tests of the web UI share: a site with a week of entries on each engine, and a browser in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from newsletter.web.site import Site
from tests.support.website import browsing, opened_site


@pytest.fixture
async def site(tmp_path: Path, database_url: str) -> AsyncIterator[Site]:
    """The site of tests.support.website, on each engine."""
    async with opened_site(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of that site; it follows no redirect by itself."""
    async with browsing(site) as opened:
        yield opened
