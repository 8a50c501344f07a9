from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert

from newsletter.model.ledger import Hold, HoldKind
from newsletter.storage import Database, SettingStore, open_database
from newsletter.storage.tables import settings as settings_table
from tests.support.statements import execute


async def test_secret_is_made_once_and_stays(database: Database, database_url: str) -> None:
    secrets = await asyncio.gather(*(SettingStore(database).load_secret() for _ in range(5)))
    reopened = await open_database(database_url)

    assert len(secrets[0].sign(b"")) == 32
    assert {*secrets, await SettingStore(reopened).load_secret()} == {secrets[0]}
    await reopened.close()


async def test_sending_is_allowed_until_it_is_held(database: Database) -> None:
    settings = SettingStore(database)
    assert await settings.load_hold() is None

    for hold in (Hold(HoldKind.MANUAL, "the template is wrong"), Hold(HoldKind.TRIAL, '["odd"]')):
        await settings.save_hold(hold)
        assert await settings.load_hold() == hold

    await settings.save_hold(None)
    assert await settings.load_hold() is None


@pytest.mark.parametrize("why", ["the relay moves", "[1]", '["manual"]', "5", '["trial", "x", "y"]'])
async def test_a_reason_that_an_older_version_has_stored_holds_on(database: Database, why: str) -> None:
    await execute(database, insert(settings_table).values(key="hold", value=why))

    assert await SettingStore(database).load_hold() == Hold(HoldKind.MANUAL, why)
