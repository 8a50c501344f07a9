"""A few facts about this database that are no rows of anything else."""

from __future__ import annotations

from sqlalchemy import select

from newsletter.storage.engine import Database, insert_or_update
from newsletter.storage.tables import settings

_SECRET = "secret"
_HOLD = "hold"


class SqlSettingStore:
    """See newsletter.ports.SettingStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_secret(self) -> bytes:
        """Return the secret of this newsletter: 32 random bytes, made with the database and kept for ever."""
        return bytes.fromhex(await self._load(_SECRET))

    async def load_hold(self) -> str:
        """Return why nothing may be sent now, empty where sending is allowed."""
        return await self._load(_HOLD)

    async def save_hold(self, why: str) -> None:
        """Hold all sending for this reason; an empty one releases it."""
        async with self._database.write() as connection:
            await connection.execute(insert_or_update(connection, settings).values(key=_HOLD, value=why))

    async def _load(self, key: str) -> str:
        async with self._database.read() as connection:
            return await connection.scalar(select(settings.c.value).where(settings.c.key == key)) or ""
