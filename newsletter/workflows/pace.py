"""How quickly a long piece of work goes on, and when it will be done."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

TELL_EVERY_S = 10.0
"""How often a log hears of it."""


class Pace(NamedTuple):
    """So many of so many were done in so many seconds. total is 0 where nobody knows."""

    done: int
    total: int
    elapsed_s: float

    @property
    def per_second(self) -> float:
        return self.done / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """How long the rest takes at this pace; None where nobody knows."""
        if not self.done or self.total < self.done:
            return None
        return (self.total - self.done) * self.elapsed_s / self.done

    @property
    def rate(self) -> str:
        """How quickly it goes, in words."""
        if self.per_second >= 2:
            return f"{self.per_second:,.0f} per second"
        return f"{self.per_second * 60:.0f} per minute"

    def __str__(self) -> str:
        if self.remaining_s is None:
            return f"{self.done}, {self.rate}"
        return f"{self.done} of {self.total}, {self.rate}, {_in_words(self.remaining_s)} left"


def word_sending(pace: Pace, now: datetime) -> str:
    """Return how many mails are due now, and when the last of them goes out if all goes on like this."""
    left = f"{pace.total - pace.done:,} due now"
    if pace.remaining_s is None:
        return f"{left}, none accepted in the last minute"
    end = now + timedelta(seconds=pace.remaining_s)
    return (
        f"{left}, {pace.rate} of late: done in about {_in_words(pace.remaining_s)} ({end:%Y-%m-%d %H:%M} UTC)"
    )


class PaceKeeper:
    """Counts what is done and says now and then how it goes. clock gives seconds that never go back."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._begun = self._told = clock()
        self._done = 0

    def advance(self) -> Pace | None:
        """Count one; return the pace where it was last told ten seconds ago."""
        self._done += 1
        now = self._clock()
        if now - self._told < TELL_EVERY_S:
            return None
        self._told = now
        return Pace(self._done, self._total, now - self._begun)


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
