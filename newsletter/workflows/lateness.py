"""How late mails were: worked out from the ledger when a pass has ended, and kept, because it reads a whole edition."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from newsletter.model.lateness import build_lateness

if TYPE_CHECKING:
    from newsletter.storage import Ledger, SettingStore


async def keep_lateness(ledger: Ledger, settings: SettingStore, editions: Collection[str]) -> None:
    """Work out how late the mails of these editions were, and keep it for whoever asks."""
    for edition in editions:
        found = await ledger.reads.count_lateness(edition)
        if found:
            await settings.save_lateness(edition, build_lateness(found))
