"""What the clock does, and what of it fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StepName(StrEnum):
    """What the clock does, in the order in which it begins (workflows/tick.py)."""

    SUBSCRIBERS_FILE = "subscribers file"
    COLLECTING = "collecting"
    INCOMING_MAIL = "incoming mail"
    PICTURES = "pictures"
    UPKEEP = "upkeep"
    PAUSES_AND_ZONES = "pauses and time zones"
    PLANNING = "planning"
    SENDING = "sending"
    ALERTS = "alerts"
    NOTICES = "notices"


class Role(StrEnum):
    """What one of several workers may be told to do alone: send, look at sources, read the mailbox, or keep the clock,
    which plans and wakes the others."""

    SEND = "send"
    COLLECT = "collect"
    MAIL = "mail"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step of the clock that fails: since when, how often in a row, and of the newest failure its time and what was
    said, on one line. is_passing: it may be over soon by itself."""

    step: StepName
    since: datetime
    times: int
    at: datetime
    error: str
    is_passing: bool = False
