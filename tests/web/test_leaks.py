"""A page that fails: what the log says of it, and what the visitor sees."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from newsletter import logs
from newsletter.errors import StoreError
from newsletter.logs import set_up_logs
from newsletter.storage.tables import subscribers
from newsletter.web.site import Site
from tests.support.statements import execute
from tests.support.website import READER, browsing
from tests.web.readers import load, own_path


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(logs, "_is_to_be_configured", False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_a_page_that_fails_is_told_by_its_name_and_not_by_its_address(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = await load(site)
    path = own_path(site, reader)
    await execute(
        site.newsletter.database,
        update(subscribers).where(subscribers.c.id == reader.id).values(topics_json='[{"name": 7'),
    )
    set_up_logs()
    async with browsing(site) as client:
        answers = [await client.get(path) for _ in range(5)]

    said = capsys.readouterr().err
    assert {answer.status_code for answer in answers} == {500}
    assert "preferences." in said
    assert said.count("Traceback (most recent call last)") >= 1
    token = path.rpartition("/")[2]
    for text in (said, *(answer.text for answer in answers)):
        assert token not in text
        assert READER not in text
    assert len(said) < 20_000


async def test_a_database_that_is_away_is_told_by_the_name_of_the_page(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_path(site, await load(site))

    async def fail(*_: object) -> None:
        raise StoreError("the database is away")

    monkeypatch.setattr(type(site.newsletter.subscribers), "load_many", fail)
    set_up_logs()
    async with browsing(site) as client:
        answer = await client.get(path)
    said = capsys.readouterr().err
    assert answer.status_code == 503
    assert "the database is unavailable" in said
    assert path.rpartition("/")[2] not in said
