"""Keep a small picture of each new paper: fetched through the guard, made small, and shown from our own host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.collect.pictures import shrink
from newsletter.errors import FetchError
from newsletter.logs import log
from newsletter.model.sources import Fetched

if TYPE_CHECKING:
    from newsletter.model.pictures import Picture, WantedPicture
    from newsletter.ports import Clock, Fetcher
    from newsletter.storage import PictureStore

_AT_ONCE = 4
_A_PASS = 40


@dataclass(frozen=True, slots=True)
class PictureKeeper:
    """Who brings the pictures. is_on: the operator wants them."""

    open_fetcher: Callable[[], AbstractAsyncContextManager[Fetcher]]
    pictures: PictureStore
    clock: Clock
    is_on: bool

    async def keep(self) -> bool:
        """Bring the pictures that are wanted, so many at most; return whether there were any. Raises StoreError."""
        if not self.is_on:
            return False
        wanted = await self.pictures.load_wanted(self.clock.now(), _A_PASS)
        if not wanted:
            return False
        turns = asyncio.Semaphore(_AT_ONCE)
        async with self.open_fetcher() as fetcher:

            async def bring(one: WantedPicture) -> bool:
                async with turns:
                    picture = await _fetch(fetcher, one.url)
                    await self.pictures.save(one.entry, picture, self.clock.now())
                    return picture is not None

            brought = await asyncio.gather(*map(bring, wanted))
        log.info("pictures are kept", brought=sum(brought), failed=len(brought) - sum(brought))
        return True


async def _fetch(fetcher: Fetcher, url: str) -> Picture | None:
    """Return the small picture of what is at an address; None where it cannot be had."""
    if not url.startswith(("https://", "http://")):
        return None  # a path would be read from this machine
    try:
        answer = await fetcher.fetch(url, None)
    except FetchError as error:
        log.debug("a picture could not be fetched", error=str(error))
        return None
    return await asyncio.to_thread(shrink, answer.body) if isinstance(answer, Fetched) else None
