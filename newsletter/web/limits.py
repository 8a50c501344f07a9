"""How often somebody may ask: each client, each household, each provider and the whole site, in this process's memory.

How many mails one address gets is counted in the store (`workflows.subscribe`). This is for the rest: what costs work
or would let somebody send mails to many addresses.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from newsletter.web.clients import networks_of

HOUSEHOLD_TIMES = 4
"""A household may do so many times what one client may: a /48 of IPv6 has 65,536 networks, and often one owner."""
PROVIDER_PART = 8
"""One provider may take so large a part of what the site gives: the others go on when somebody there takes it all."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one client may do in a time, and all of them together: ``20/hour``, or ``3/minute; 20/hour``. An empty text
    is no limit."""

    name: str
    client: str
    site: str = ""


SUBSCRIBE = Limit("subscribe", client="5/minute; 20/hour", site="3000/hour")
SEARCH = Limit("search", client="40/minute", site="1200/minute")
PREVIEW = Limit("preview", client="60/minute", site="6000/minute")
WORK_UNIT_S = 0.1
WORK = Limit("work", client="200/minute; 1500/hour")
"""In units of WORK_UNIT_S of a processor."""


class Limiter:
    """Counts what clients do in moving windows."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, limit: Limit, client: str) -> int:
        """Return 0 where this may be done now, and count it; else after how many seconds to ask again."""
        wait_s = self.test(limit, client)
        if not wait_s:
            self.charge(limit, client, 1)
        return wait_s

    def test(self, limit: Limit, client: str) -> int:
        """Return 0 where this may be done now; else after how many seconds to ask again. Counts nothing."""
        for item, who in _list_counted(limit, client):
            if not self._limiter.test(item, limit.name, who):
                reset_at = self._limiter.get_window_stats(item, limit.name, who).reset_time
                return max(1, ceil(reset_at - time.time()))
        return 0

    def charge(self, limit: Limit, client: str, units: int) -> None:
        """Count what was done, also beyond the limit."""
        for item, who in _list_counted(limit, client):
            for _ in range(units):
                self._limiter.hit(item, limit.name, who)


def _list_counted(limit: Limit, client: str) -> Iterator[tuple[RateLimitItem, str]]:
    """Yield what is counted for a client, with the name under which it is counted."""
    own, household, provider = networks_of(client)
    for item in _parse(limit.client):
        yield item, own
        if household != own:
            yield _times(item, HOUSEHOLD_TIMES, 1), household
    for item in _parse(limit.site):
        yield _times(item, 1, PROVIDER_PART), provider
        yield item, "*"


@lru_cache
def _parse(text: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(text)) if text else ()


@lru_cache
def _times(item: RateLimitItem, times: int, part: int) -> RateLimitItem:
    return type(item)(max(1, item.amount * times // part), item.multiples)
