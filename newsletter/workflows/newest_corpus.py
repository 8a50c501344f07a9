"""The corpus of the newest run, for all visitors of a process."""

from __future__ import annotations

import asyncio
from datetime import UTC, date
from typing import TYPE_CHECKING

from newsletter.match.corpus import HISTORY, Corpus

if TYPE_CHECKING:
    from newsletter.ports import Clock
    from newsletter.storage import EntryStore

Stand = tuple[int, date]
"""The newest run, and the date (UTC): what is known of the last days is another thing after either."""


class NewestCorpus:
    """Makes a corpus when a run has brought something or a day has begun, once for all who ask."""

    def __init__(self, entries: EntryStore, clock: Clock) -> None:
        self._entries = entries
        self._clock = clock
        self._making = asyncio.Lock()
        self._stand: Stand | None = None
        self._corpus: Corpus | None = None

    async def look(self) -> Stand:
        """Return how things stand now. Raises StoreError."""
        return await self._entries.newest_run(), self._clock.now().astimezone(UTC).date()

    async def open(self) -> Corpus:
        """Return the corpus of the last 30 days as they stand now. Raises StoreError."""
        stand = await self.look()
        if self._corpus is None or stand != self._stand:
            async with self._making:
                if self._corpus is None or stand != self._stand:
                    now = self._clock.now()
                    history = await self._entries.load_since(now - HISTORY)
                    # In a thread of its own, so that pages that need none of it go on.
                    self._corpus = await asyncio.to_thread(Corpus, history, now, self._corpus)
                    self._stand = stand
        return self._corpus
