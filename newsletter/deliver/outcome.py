"""SMTP reply or silence → Accepted | Deferred | Rejected | Uncertain. Pure; decided nowhere else."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from newsletter.model import Accepted, Deferred, Outcome, Rejected, Silence, SmtpReply, Uncertain

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(hours=4)
JITTER = 0.2

# RFC 3463 section 3.2, RFC 7505: no such mailbox, its syntax is wrong, it has moved without a new address,
# its domain takes no mail. Not 5.1.2 (no such host): a relay with a broken resolver says that of everybody.
_NO_SUCH_ADDRESS = frozenset({"5.1.1", "5.1.3", "5.1.6", "5.1.10"})
_ENHANCED_CODE = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_SAYS_UNKNOWN_USER = re.compile(
    r"\b(?:unknown (?:user|recipient|mailbox|local[ -]part)"
    r"|(?:user|recipient|mailbox|account) (?:is )?(?:unknown|not found|does not exist|doesn't exist)"
    r"|no such (?:user|recipient|mailbox|account|address)"
    r"|no mailbox (?:here )?by that name)\b",
    re.IGNORECASE,
)
_SPEAKS_OF_THE_SENDER = re.compile(r"\b(?:sender|from address|callout|call-out)\b", re.IGNORECASE)


def choose_outcome(reply: SmtpReply | Silence, attempt: int, now: datetime, *, jitter: float) -> Outcome:
    """Decide what one SMTP reply, or the lack of one, means for a delivery.

    4yz replies lead to Deferred, 5 minutes after the first attempt and twice as long after each further
    one, at most 4 hours, plus jitter times 20 %. 5yz replies lead to Rejected; those that say that the
    address does not exist also ask for a suppression. Silence leads to Uncertain.

    attempt counts from 1. now is aware UTC. jitter is 0 to 1.
    Raises ValueError for a code outside 200-599 and for 3yz, which ends nothing.
    Source: RFC 5321 section 4.2.1, RFC 3463 section 3.2.
    """
    if isinstance(reply, Silence):
        return Uncertain(reply.why)
    match reply.code // 100:
        case 2:
            return Accepted(str(reply))
        case 4:
            return Deferred(str(reply), retry_at=now + _retry_delay(attempt) * (1 + JITTER * jitter))
        case 5:
            return Rejected(str(reply), suppress=_says_no_such_address(reply))
    raise ValueError(f"SMTP reply {reply} is no answer to a message")


def _retry_delay(attempt: int) -> timedelta:
    doublings = min(attempt - 1, 6)  # 2**6 times the first is over the longest already
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)


def _says_no_such_address(reply: SmtpReply) -> bool:
    """Say whether a 5yz reply means that there is no such address: by its code or else in clear words."""
    if code := _ENHANCED_CODE.match(reply.text):
        return code[1] in _NO_SUCH_ADDRESS
    return (
        reply.code in (550, 551, 553)
        and _SAYS_UNKNOWN_USER.search(reply.text) is not None
        and _SPEAKS_OF_THE_SENDER.search(reply.text) is None
    )
