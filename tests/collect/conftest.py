from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from newsletter.collect.fetch import HttpFetcher


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[HttpFetcher]:
    fetcher = HttpFetcher(
        version="1.2",
        contact="mailto:ops@example.org",
        base_folder=tmp_path,
        deadline_s=1.0,
        max_body_bytes=1_000_000,
        allow_private_hosts=True,
        backoff_s=0.01,
    )
    yield fetcher
    await fetcher.close()
