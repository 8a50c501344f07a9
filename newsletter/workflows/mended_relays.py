"""Relays that could not be used are tried again when a person starts to send: they may have mended the password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.deliver.relay_health import end_failure

if TYPE_CHECKING:
    from newsletter.ports import Clock
    from newsletter.storage import SettingStore


async def try_failed_relays(relays: SettingStore, clock: Clock) -> None:
    """End the pauses of relays that could not be used (no connection, no login), and no others. Each is remembered, so
    that one message decides, and the next pause is longer."""
    now = clock.now()
    for relay, pause in (await relays.load_pauses()).items():
        ended = end_failure(pause, now)
        if ended != pause:
            await relays.save_pause(relay, ended)
