"""What an operator is told of one person, and what becomes of lists that name somebody who was erased."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from newsletter.cli import DONE, DONE_WITH_FAILURES, lists
from newsletter.config import Config
from newsletter.errors import ConfigError
from newsletter.wiring import open_newsletter
from tests.builders import make_subscriber
from tests.web.house import NOW, READER, write_config


@pytest.fixture
async def config(tmp_path: Path, migrated_sqlite: Path) -> Config:
    """A newsletter with READER."""
    file = tmp_path / "newsletter.db"
    shutil.copy(migrated_sqlite, file)
    config = write_config(tmp_path, f"sqlite:///{file}")
    async with open_newsletter(config) as newsletter:
        await newsletter.subscribers.save([make_subscriber(READER)], NOW, "added")
    return config


async def test_data_is_all_that_is_stored_about_a_person(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await lists.show_data(config, READER.upper()) == DONE

    data = json.loads(capsys.readouterr().out)
    assert data["subscriber"]["address"] == READER
    assert [consent["why"] for consent in data["consents"]] == ["added"]
    with pytest.raises(ConfigError):
        await lists.show_data(config, "nobody@example.org")


async def test_import_refuses_who_was_erased(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"address,topics\n{READER},RAG\nnew@example.org,RAG\n")
    assert await lists.erase(config, READER) == DONE

    assert await lists.import_file(config, file, "at the conference", dry_run=False) == DONE_WITH_FAILURES

    said = capsys.readouterr().out
    assert "was erased" in said
    assert "1 added, 0 known already, 1 refused" in said
