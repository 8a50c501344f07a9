"""How a relay has been, and what follows: a pause, or a slower pace. Pure.

A relay that cannot be used, that defers nearly all mail, or that finds fault with us is paused for a while,
and each time for longer; after the pause one message decides. One refusal may be about one odd recipient, so it takes
several in a row to stop, but a single one to turn to another relay. One that says that we are too fast gets gaps
between messages, which shrink again as it accepts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.deliver.judgement import judge_reply
from newsletter.deliver.judgement_words import Cause
from newsletter.deliver.outcome import Answer, read_answer
from newsletter.model.ledger import PauseKind, RelayPause
from newsletter.model.mail import Blame, SmtpReply

FIRST_PAUSE = timedelta(minutes=1)
STORM_PAUSE = timedelta(minutes=5)
POLICY_PAUSE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(hours=4)
FIRST_GAP_S = 0.1
LONGEST_GAP_S = 30.0

_REMEMBERED = 20
_STORM = 0.8  # of the last replies, of which there must be half of those remembered
_BLAMED_IN_ROW = 3
_BLAMED = 5
_GAP_SHRINKS = 0.9
_SMALLEST_GAP_S = 0.02


class _Seen(StrEnum):
    """What a reply says of the relay."""

    TAKEN = "it takes mail"
    LATER = "not now"
    SLOW_DOWN = "we send too fast, or are not trusted yet"
    BLAMED = "something is wrong with us"
    OTHER = "something is wrong with one mail or its recipient"


@dataclass(frozen=True, slots=True)
class RelayHealth:
    """What is remembered of a relay. pause is the last one without a success since; gap_s is the wait between messages;
    seen is what the last replies said of it."""

    pause: RelayPause | None = None
    gap_s: float = 0.0
    seen: tuple[_Seen, ...] = ()

    def is_paused(self, now: datetime) -> bool:
        return self.pause is not None and now < self.pause.until


def note_failure(health: RelayHealth, why: str, now: datetime) -> RelayHealth:
    """Return the health of a relay that could not be used: no connection, no TLS, no login, our sender refused."""
    return _pause(health, FIRST_PAUSE, PauseKind.UNUSABLE, why, now)


def note_reply(
    health: RelayHealth, reply: SmtpReply, now: datetime, *, has_stand_in: bool = False
) -> RelayHealth:
    """Return the health of a relay after one reply to a message or to its RCPT. has_stand_in: another can take over."""
    seen = _read(reply)
    all_seen = (*health.seen, seen)[-_REMEMBERED:]
    if seen is _Seen.TAKEN:
        gap_s = health.gap_s * _GAP_SHRINKS
        # One that was under way when the pause began does not end it.
        pause = health.pause if health.is_paused(now) else None
        return RelayHealth(pause, gap_s if gap_s >= _SMALLEST_GAP_S else 0.0, all_seen)
    health = replace(health, seen=all_seen)
    if seen is _Seen.SLOW_DOWN or (seen is _Seen.BLAMED and judge_reply(reply).cause is Cause.RATE):
        health = replace(health, gap_s=min(max(health.gap_s * 2, FIRST_GAP_S), LONGEST_GAP_S))
    if seen is _Seen.BLAMED:
        return _note_blame(health, reply, now, has_stand_in)
    later = sum(one in (_Seen.LATER, _Seen.SLOW_DOWN) for one in health.seen)
    if len(health.seen) * 2 >= _REMEMBERED and later >= _STORM * len(health.seen):
        return _pause(health, STORM_PAUSE, PauseKind.STORM, f"it defers nearly all mail ({reply})", now)
    return health


def blames_us(reply: SmtpReply) -> bool:
    """Tell whether a reply refuses us, so that no recipient is to be charged."""
    return _read(reply) is _Seen.BLAMED


def _read(reply: SmtpReply) -> _Seen:
    match read_answer(reply):
        case Answer.DONE:
            return _Seen.TAKEN
        case Answer.LATER:
            # Greylisting says 4.7.1, too, but means this one message. 421: RFC 5321 section 3.8; 4.7.z: RFC 3463.
            is_slow = reply.code == 421 or re.match(r"4\.7\.\d", reply.text)
            is_grey = reply.code != 421 and re.search(r"gr[ae]y-?list", reply.text, re.IGNORECASE)
            return _Seen.SLOW_DOWN if is_slow and not is_grey else _Seen.LATER
    return _Seen.BLAMED if judge_reply(reply).blame is Blame.US else _Seen.OTHER


def _note_blame(health: RelayHealth, reply: SmtpReply, now: datetime, has_stand_in: bool) -> RelayHealth:
    """Decide whether a reply that finds fault with us is the end for now. What may be settled in a minute (our sender's
    name, the account, the pace) is asked again soon, a policy after an hour."""
    is_passing = judge_reply(reply).cause in (Cause.SENDER, Cause.ACCOUNT, Cause.RATE)
    in_row = health.seen[-_BLAMED_IN_ROW:].count(_Seen.BLAMED) >= _BLAMED_IN_ROW
    is_enough = in_row or health.seen.count(_Seen.BLAMED) >= _BLAMED
    if is_passing and (is_enough or has_stand_in):
        return _pause(health, FIRST_PAUSE, PauseKind.UNUSABLE, f"it refuses us ({reply})", now)
    if is_enough:
        return _pause(health, POLICY_PAUSE, PauseKind.POLICY, f"it refuses our mail by policy ({reply})", now)
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
