"""Clocks of tests."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class SetClock:
    """A clock that stands where a test sets it."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class GoingClock:
    """A clock that shows a given time at first and goes on from there."""

    begin: datetime
    begun: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.begin + timedelta(seconds=time.monotonic() - self.begun)
