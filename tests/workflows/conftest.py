"""What the tests of workflows share: an office on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.office import Office, opened_office


@pytest.fixture
async def office(tmp_path: Path, database_url: str) -> AsyncIterator[Office]:
    async with opened_office(tmp_path, database_url) as opened:
        yield opened
