"""Whether the database answers, and its tables are those of this version."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING

from newsletter.errors import StoreError
from newsletter.logs import log
from newsletter.storage.schema import SCHEMA_VERSION, load_version

if TYPE_CHECKING:
    from newsletter.storage import Database

_PATIENCE_S = 5.0


class Readiness(StrEnum):
    """Whether pages can work, in words that tell nothing of the database."""

    READY = "ready"
    AWAY = "the database does not answer"
    OTHER_VERSION = "the database belongs to another version"


async def load_readiness(database: Database) -> Readiness:
    """Return whether pages can work with this database; the log has why not."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            version = await database.read(load_version)
    except (StoreError, TimeoutError) as error:
        log.error("not ready", error=str(error) or Readiness.AWAY.value)
        return Readiness.AWAY
    if version != SCHEMA_VERSION:
        log.error("not ready", tables=version, known=SCHEMA_VERSION)
        return Readiness.OTHER_VERSION
    return Readiness.READY
