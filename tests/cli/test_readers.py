"""Whom a command is about: everybody is read page by page, with subscribers.yaml laid over the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.cli import readers
from newsletter.cli.readers import each_page, find_first, load_readers, pick_mailed
from newsletter.errors import ConfigError
from newsletter.model.readers import Consent
from newsletter.settings.config import Config, load_config
from newsletter.wiring import open_newsletter
from tests.support.builders import make_subscriber
from tests.support.given import put_readers
from tests.support.house import House

ROWS = """
subscribers:
  - {address: BO@example.org, topics: [robot]}
  - {address: dee@example.org, topics: [robot]}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(readers, "_PAGE", 2)
    House.build(tmp_path, sources="- {kind: feed, location: feed.xml}", subscribers=ROWS)
    return load_config(tmp_path / "config.yaml", {})


async def test_everybody_is_read_once_page_by_page_with_the_file_laid_over(config: Config) -> None:
    async with open_newsletter(config) as newsletter:
        await put_readers(
            newsletter.database,
            make_subscriber("ada@example.org", consent=Consent.LEFT),
            make_subscriber("bo@example.org", topics_json='["old"]'),
            make_subscriber("cy@example.org", file_owned=False),
            make_subscriber("eve@example.org", file_owned=False),
            make_subscriber("fay@example.org", file_owned=False),
        )
        pages = [[reader.address for reader in page] async for page in each_page(newsletter)]
        mailed = await load_readers(newsletter)
        first = await find_first(newsletter)
        picked = await pick_mailed(newsletter, "bo@example.org")
        with pytest.raises(ConfigError, match="is not a confirmed subscriber"):
            await pick_mailed(newsletter, "ada@example.org")

    assert pages == [
        ["dee@example.org"],
        ["ada@example.org", "BO@example.org"],
        ["cy@example.org", "eve@example.org"],
        ["fay@example.org"],
    ]
    assert [reader.address for reader in mailed] == [
        *("BO@example.org", "cy@example.org", "dee@example.org", "eve@example.org", "fay@example.org")
    ]
    assert first == mailed[0] == picked
    assert picked.topics_json == '["robot"]'
