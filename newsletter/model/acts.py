"""What an operator does by hand, on the operator's page or by a command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Act(StrEnum):
    """One thing to do. Its subject is an edition's date, a delivery's number, an address, a source's name, or none."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"  # an edition's rejected mails
    ACCEPTED = "accepted"  # an uncertain delivery arrived
    NOT_SENT = "not_sent"  # it did not
    TEST = "test"  # the operator's own next digest, to them
    PAUSE = "pause"
    RESTORE = "restore"
    REMOVE = "remove"
    SUPPRESS = "suppress"
    LIFT = "lift"
    ADD = "add"
    POLL = "poll"  # a source, now


OF_READERS = (Act.PAUSE, Act.RESTORE, Act.REMOVE, Act.SUPPRESS, Act.LIFT, Act.ADD)
"""Those whose subject is an address."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done: who (an address, or "command line"), to what, and why."""

    act: Act
    who: str
    subject: str = ""
    why: str = ""


class ActRecord(NamedTuple):
    """What was done, when and by whom. subject names no address: a reader is told by number."""

    at: datetime
    who: str
    act: Act
    subject: str
    outcome: str
