"""SMTP reply or silence → Accepted | Deferred | Rejected | Uncertain. Pure; decided nowhere else.

What a reply means stands in one table, RULES: the first row that fits decides.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from newsletter.model.mail import Accepted, Deferred, Outcome, Rejected, Silence, SmtpReply, Uncertain

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=4)
LONGEST_ASKED = timedelta(days=1)
JITTER = 0.2
_TRUSTED_HINTS = 3  # a server that says "in 1 second" for ever is not asked every second

_ENHANCED_CODE = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_HINT = re.compile(
    r"\b(?:try|retry|wait|come back)\b[^.;]{0,40}?\b(\d{1,6}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
_UNKNOWN_USER = (
    r"\b(?:unknown (?:user|recipient|mailbox|local[ -]part)"
    r"|(?:user|recipient|mailbox|account) (?:is )?(?:unknown|not found|does not exist|doesn't exist)"
    r"|no such (?:user|recipient|mailbox|account|address)"
    r"|no mailbox (?:here )?by that name)\b"
)
_OF_THE_SENDER = r"\b(?:sender|from address|callout|call-out)\b"


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


class Meaning(StrEnum):
    """What a reply says about a message, or about us."""

    TAKEN = "taken"
    LATER = "try again later"
    SLOW_DOWN = "we send too fast, or are not trusted yet"
    NO_SUCH_ADDRESS = "there is no such address"
    FULL = "the mailbox is full"
    TOO_LARGE = "the message is too large"
    NO_UTF8 = "addresses outside ASCII are not taken"
    POLICY = "we are refused, whoever the recipient is"
    REFUSED = "refused"


class Rule(NamedTuple):
    """A row of the table: codes (basic and, where given, enhanced) and words that must be there, or must not."""

    codes: str
    enhanced: str
    meaning: Meaning
    source: str
    words: str = ""
    without: str = ""


RULES = (
    Rule(r"2..", "", Meaning.TAKEN, "RFC 5321 section 4.2.1"),
    Rule(r"421", "", Meaning.SLOW_DOWN, "RFC 5321 section 3.8: the server closes this connection"),
    # Greylisting says 4.7.1, too, but means this one message.
    Rule(r"4..", r"4\.7\.\d+", Meaning.SLOW_DOWN, "RFC 3463 section 3.8", without="gr[ae]y-?list"),
    Rule(r"4..", "", Meaning.LATER, "RFC 5321 section 4.2.1"),
    Rule(r"5..", r"5\.(?:3\.4|2\.3)", Meaning.TOO_LARGE, "RFC 3463 sections 3.3 and 3.4"),
    Rule(r"552", "", Meaning.TOO_LARGE, "RFC 1870 section 6.2", words=r"\b(?:size|too (?:big|large))\b"),
    Rule(r"5..", r"5\.6\.[79]", Meaning.NO_UTF8, "RFC 6531 section 3.5"),
    Rule(r"5..", r"5\.2\.2", Meaning.FULL, "RFC 3463 section 3.3"),
    # Not 5.1.2 (no such host): a relay with a broken resolver says that of everybody.
    Rule(r"5..", r"5\.1\.(?:1|3|6|10)", Meaning.NO_SUCH_ADDRESS, "RFC 3463 section 3.2, RFC 7505"),
    Rule(r"5..", r"5\.7\.\d+", Meaning.POLICY, "RFC 3463 section 3.8, RFC 7372"),
    Rule(r"5..", r"5\.\d+\.\d+", Meaning.REFUSED, "RFC 3463"),
    Rule(r"55[013]", "", Meaning.NO_SUCH_ADDRESS, "RFC 5321 section 4.2.3", _UNKNOWN_USER, _OF_THE_SENDER),
    Rule(r"5..", "", Meaning.REFUSED, "RFC 5321 section 4.2.1"),
)


def read_reply(reply: SmtpReply) -> Meaning:
    """Return what a reply to a message, or to its MAIL or RCPT, means.

    Raises ValueError for a code outside 200-599 and for 3yz, which ends nothing.
    """
    found = _ENHANCED_CODE.match(reply.text)
    enhanced = found[1] if found else ""
    for rule in RULES:
        if (
            re.fullmatch(rule.codes, str(reply.code))
            and (not rule.enhanced or re.fullmatch(rule.enhanced, enhanced))
            and (not rule.words or re.search(rule.words, reply.text, re.IGNORECASE))
            and not (rule.without and re.search(rule.without, reply.text, re.IGNORECASE))
        ):
            return rule.meaning
    raise ValueError(f"SMTP reply {reply} is no answer to a message")


def choose_outcome(reply: SmtpReply | Silence, attempt: int, now: datetime, *, jitter: float) -> Outcome:
    """Decide what one SMTP reply, or the lack of one, means for a delivery.

    4yz replies lead to Deferred: as long as the reply asks for ("try again in 300 seconds", at most a day), else 5
    minutes after the first attempt and twice as long after each further one, at most 4 hours; plus jitter times
    20 %. 5yz replies lead to Rejected; those that say that the address does not exist also ask for a suppression.
    Silence leads to Uncertain.

    attempt counts from 1. now is aware UTC. jitter is 0 to 1. Raises ValueError as read_reply.
    """
    if isinstance(reply, Silence):
        return Uncertain(reply.why)
    match read_reply(reply):
        case Meaning.TAKEN:
            return Accepted(str(reply))
        case Meaning.LATER | Meaning.SLOW_DOWN:
            delay = _choose_delay(reply, attempt)
            return Deferred(str(reply), retry_at=now + delay * (1 + JITTER * jitter))
        case meaning:
            return Rejected(str(reply), suppress=meaning is Meaning.NO_SUCH_ADDRESS)


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
