"""A clock that stands where a test sets it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class SetClock:
    at: datetime

    def now(self) -> datetime:
        return self.at
