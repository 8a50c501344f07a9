"""How late mails were, kept for whoever asks: each pass counts its own mails in, and an edition that is over is counted
once from its rows, which what a killed process sent is among."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.storage import Ledger, SettingStore


async def add_lateness(ledger: Ledger, settings: SettingStore, mails: Collection[int]) -> None:
    """Count in how late those of these mails were that a pass has sent."""
    for edition, found in (await ledger.reads.count_lateness_of(mails)).items():
        await settings.add_lateness(edition, found)


async def settle_lateness(ledger: Ledger, settings: SettingStore, editions: Collection[str]) -> None:
    """Count how late the mails of these editions were, which are over."""
    for edition in editions:
        if found := await ledger.reads.count_lateness(edition):
            await settings.save_lateness(edition, found)
