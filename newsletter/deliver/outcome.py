"""SMTP reply or silence → Accepted | Deferred | Rejected | Uncertain. Pure; decided nowhere else.

The first digit says whether a mail was taken; whose fault it is if not: ``judgement``.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.deliver.judgement import judge_reply
from newsletter.model.mail import Accepted, Blame, Deferred, Outcome, Rejected, Silence, SmtpReply, Uncertain

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=4)
LONGEST_ASKED = timedelta(days=1)
JITTER = 0.2
_TRUSTED_HINTS = 3  # a server that says "in 1 second" for ever is not asked every second

_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_HINT = re.compile(
    r"\b(?:try|retry|wait|come back)\b[^.;]{0,40}?\b(\d{1,6}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b",
    re.IGNORECASE,
)


class Answer(StrEnum):
    """What a reply says by its first digit alone (RFC 5321 sections 4.2.1 and 4.3.2), whatever the command was."""

    DONE = "2yz: done"
    GO_ON = "3yz: go on with what belongs to the command"
    LATER = "4yz: not now"
    REFUSED = "5yz: not at all"


_ANSWERS = dict(zip("2345", Answer, strict=True))


def read_answer(reply: SmtpReply) -> Answer | None:
    """Return what a reply says by its first digit; None for a code that is no answer to anything."""
    return _ANSWERS.get(f"{reply.code:03}"[0]) if reply.code <= 599 else None


def choose_outcome(reply: SmtpReply | Silence, attempt: int, now: datetime, *, jitter: float) -> Outcome:
    """Decide what one SMTP reply, or the lack of one, means for a delivery.

    4yz replies lead to Deferred: as long as the reply asks for ("try again in 300 seconds", at most a day), else 5
    minutes after the first attempt and twice as long after each further one, at most 4 hours; plus jitter times
    20 %. So do 5yz replies that blame us, at once where another relay can take the mail: the reader cannot help it.
    All other 5yz replies lead to Rejected, with what they weigh against the address. Silence leads to Uncertain.

    attempt counts from 1. now is aware UTC. jitter is 0 to 1. Raises ValueError for a code outside 200-599 and for
    3yz, which ends nothing.
    """
    if isinstance(reply, Silence):
        return Uncertain(reply.why)
    match read_answer(reply):
        case Answer.DONE:
            return Accepted(str(reply))
        case Answer.LATER:
            return Deferred(str(reply), now + _choose_delay(reply, attempt) * (1 + JITTER * jitter))
        case Answer.REFUSED:
            judgement = judge_reply(reply)
            if judgement.blame is not Blame.US:
                return Rejected(str(reply), judgement.weight)
            delay = timedelta() if reply.elsewhere else _choose_delay(reply, attempt) * (1 + JITTER * jitter)
            return Deferred(str(reply), now + delay)
    raise ValueError(f"SMTP reply {reply} is not a reply to a message")


def read_hint(text: str) -> timedelta | None:
    """Return how long a reply asks us to wait, at most a day; None where it does not say."""
    found = _HINT.search(text)
    if not found:
        return None
    return min(timedelta(seconds=int(found[1]) * _UNITS_S[found[2][0].lower()]), LONGEST_ASKED)


def _choose_delay(reply: SmtpReply, attempt: int) -> timedelta:
    doublings = min(attempt - 1, 6)  # 2**6 times the first is over the longest already
    own = min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)
    asked = read_hint(reply.text)
    if asked is None:
        return own
    return asked if attempt <= _TRUSTED_HINTS else max(asked, own)
