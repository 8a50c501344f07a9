"""How a relay has been, and what follows: a pause, or a slower pace. Pure.

A relay that cannot be used, that defers nearly everything, or that refuses us by policy is left alone for a while,
and each time for longer; after the pause one message decides. One that says that we are too fast gets gaps
between messages, which shrink again as it accepts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.deliver.outcome import Meaning, read_reply
from newsletter.model.ledger import PauseKind, RelayPause
from newsletter.model.mail import SmtpReply

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
    """What is remembered of a relay. pause is the last one without a success since; gap_s is the wait between messages;
    meanings are those of the last replies."""

    pause: RelayPause | None = None
    gap_s: float = 0.0
    meanings: tuple[Meaning, ...] = ()

    def is_paused(self, now: datetime) -> bool:
        return self.pause is not None and now < self.pause.until


def note_failure(health: RelayHealth, why: str, now: datetime) -> RelayHealth:
    """Return the health of a relay that could not be used: no connection, no TLS, no login, our sender refused."""
    return _pause(health, FIRST_PAUSE, PauseKind.UNUSABLE, why, now)


def note_reply(health: RelayHealth, reply: SmtpReply, now: datetime) -> RelayHealth:
    """Return the health of a relay after one reply to a message or to its RCPT."""
    meaning = read_reply(reply)
    health = replace(health, meanings=(*health.meanings, meaning)[-_REMEMBERED:])
    if meaning is Meaning.TAKEN:
        gap_s = health.gap_s * _GAP_SHRINKS
        # One that was under way when the pause began does not end it.
        pause = health.pause if health.is_paused(now) else None
        return replace(health, pause=pause, gap_s=gap_s if gap_s >= _SMALLEST_GAP_S else 0.0)
    if meaning is Meaning.SLOW_DOWN:
        health = replace(health, gap_s=min(max(health.gap_s * 2, FIRST_GAP_S), LONGEST_GAP_S))
    if health.meanings.count(Meaning.POLICY) >= _POLICY_REFUSALS:
        return _pause(health, POLICY_PAUSE, PauseKind.POLICY, f"it refuses our mail by policy ({reply})", now)
    later = sum(one in (Meaning.LATER, Meaning.SLOW_DOWN) for one in health.meanings)
    if len(health.meanings) * 2 >= _REMEMBERED and later >= _STORM * len(health.meanings):
        return _pause(health, STORM_PAUSE, PauseKind.STORM, f"it defers nearly everything ({reply})", now)
    return health


def take_over(health: RelayHealth, pause: RelayPause | None) -> RelayHealth:
    """Return the health after a look at what is written down: the pause that ends last counts."""
    if pause is None or (health.pause is not None and pause.until <= health.pause.until):
        return health
    return replace(health, pause=pause)


def end_failure(pause: RelayPause, now: datetime) -> RelayPause:
    """Return a pause that ends now where the relay could not be used; any other as it is."""
    is_over = pause.kind is not PauseKind.UNUSABLE or pause.until <= now
    return pause if is_over else pause._replace(until=now)


def _pause(health: RelayHealth, first: timedelta, kind: PauseKind, why: str, now: datetime) -> RelayHealth:
    before = health.pause.pauses if health.pause else 0
    length = min(first * (1 << min(before, 8)), LONGEST_PAUSE)
    return RelayHealth(RelayPause(now + length, why, before + 1, kind), health.gap_s)
