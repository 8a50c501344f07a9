"""How much work may be done for somebody who asks: so many seconds of a processor, and none once they have left.

Nothing is interrupted from outside: whatever loops over entries or words asks its budget at each step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from newsletter.errors import BudgetError

T = TypeVar("T")


class Budget:
    """The work that one request may cost. Its parts may run in several threads, one after the other.

    clock tells the seconds that the calling thread has computed, so that waiting costs nothing.
    """

    def __init__(self, cpu_s: float, clock: Callable[[], float] = time.thread_time) -> None:
        self._cpu_s = cpu_s
        self._clock = clock
        self._spent_s = 0.0
        self._since: float | None = None
        self._is_cancelled = False

    @property
    def spent_s(self) -> float:
        """What the parts that have ended spent, in seconds."""
        return self._spent_s

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the work any more."""
        return self._is_cancelled

    def cancel(self) -> None:
        """End the work at its next step, from any thread: who asked has left."""
        self._is_cancelled = True

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what this thread does meanwhile."""
        self._since = self._clock()
        try:
            yield
        finally:
            self._spent_s, self._since = self._spent_until_now(), None

    def check(self) -> None:
        """Return while there is something left. Raises BudgetError."""
        if self._is_cancelled or self._spent_until_now() > self._cpu_s:
            raise BudgetError("that is too much to try at once; use fewer or simpler topics")

    def _spent_until_now(self) -> float:
        return self._spent_s + (0.0 if self._since is None else self._clock() - self._since)

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items while there is something left. Raises BudgetError."""
        for item in items:
            self.check()
            yield item


UNBOUNDED = Budget(math.inf)
"""For our own work, which nobody outside asks for."""
