"""How a relay has been, and what follows: a pause, or a slower pace. Pure.

A relay that cannot be used, that defers nearly everything, or that refuses us by policy is left alone for a while,
and each time for longer; after the pause one message decides. One that says that we are too fast gets gaps
between messages, which shrink again as it accepts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.deliver.outcome import Meaning, read_reply
from newsletter.model import SmtpReply

FIRST_PAUSE = timedelta(minutes=1)
STORM_PAUSE = timedelta(minutes=5)
POLICY_PAUSE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(hours=4)
FIRST_GAP_S = 0.1
LONGEST_GAP_S = 30.0

_REMEMBERED = 20
_STORM = 0.8  # of the last replies, of which there must be half of those remembered
_POLICY_REFUSALS = 5
_GAP_SHRINKS = 0.9
_SMALLEST_GAP_S = 0.02


@dataclass(frozen=True, slots=True)
class RelayHealth:
    """What is remembered of a relay. pauses counts those without a success in between; gap_s is the wait between
    messages; meanings are those of the last replies."""

    pauses: int = 0
    paused_until: datetime | None = None
    why: str = ""
    gap_s: float = 0.0
    meanings: tuple[Meaning, ...] = ()

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until


def note_failure(health: RelayHealth, why: str, now: datetime) -> RelayHealth:
    """Return the health of a relay that could not be used: no connection, no TLS, no login, our sender refused."""
    return _pause(health, FIRST_PAUSE, why, now)


def note_reply(health: RelayHealth, reply: SmtpReply, now: datetime) -> RelayHealth:
    """Return the health of a relay after one reply to a message or to its RCPT."""
    meaning = read_reply(reply)
    health = replace(health, meanings=(*health.meanings, meaning)[-_REMEMBERED:])
    if meaning is Meaning.TAKEN:
        gap_s = health.gap_s * _GAP_SHRINKS
        return replace(health, pauses=0, why="", gap_s=gap_s if gap_s >= _SMALLEST_GAP_S else 0.0)
    if meaning is Meaning.SLOW_DOWN:
        health = replace(health, gap_s=min(max(health.gap_s * 2, FIRST_GAP_S), LONGEST_GAP_S))
    if health.meanings.count(Meaning.POLICY) >= _POLICY_REFUSALS:
        return _pause(health, POLICY_PAUSE, f"it refuses our mail by policy ({reply})", now)
    later = sum(one in (Meaning.LATER, Meaning.SLOW_DOWN) for one in health.meanings)
    if len(health.meanings) * 2 >= _REMEMBERED and later >= _STORM * len(health.meanings):
        return _pause(health, STORM_PAUSE, f"it defers nearly everything ({reply})", now)
    return health


def _pause(health: RelayHealth, first: timedelta, why: str, now: datetime) -> RelayHealth:
    length = min(first * (1 << min(health.pauses, 8)), LONGEST_PAUSE)
    return RelayHealth(health.pauses + 1, now + length, why, health.gap_s)
