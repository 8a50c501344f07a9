from __future__ import annotations

import asyncio

from newsletter.storage import Database, SettingStore, open_database


async def test_secret_is_made_once_and_stays(database: Database, database_url: str) -> None:
    secrets = await asyncio.gather(*(SettingStore(database).load_secret() for _ in range(5)))
    reopened = await open_database(database_url)

    assert len(secrets[0].sign(b"")) == 32
    assert {*secrets, await SettingStore(reopened).load_secret()} == {secrets[0]}
    await reopened.close()


async def test_sending_is_allowed_until_it_is_held(database: Database) -> None:
    settings = SettingStore(database)
    assert await settings.load_hold() == ""

    await settings.save_hold("the template is wrong")
    assert await settings.load_hold() == "the template is wrong"

    await settings.save_hold("")
    assert await settings.load_hold() == ""
