"""How often somebody may ask: for each client and for the whole site, in this process's memory.

How many mails one address gets is counted in the store (`workflows.subscribe`). This is for the rest: what costs work
or would let somebody send mails to many addresses.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass
from math import ceil

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


@dataclass(frozen=True, slots=True)
class Limit:
    """What one client may do in a time, and all of them together: ``20/hour``, or ``3/minute; 20/hour``."""

    name: str
    client: str
    site: str


SUBSCRIBE = Limit("subscribe", client="5/minute; 20/hour", site="3000/hour")
SEARCH = Limit("search", client="40/minute", site="1200/minute")
PREVIEW = Limit("preview", client="60/minute", site="6000/minute")


class Limiter:
    """Counts what clients do in moving windows."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, limit: Limit, client: str) -> int:
        """Return 0 where this may be done now, and count it; else after how many seconds to ask again."""
        asked = [
            *((item, limit.name, network_of(client)) for item in parse_many(limit.client)),
            *((item, limit.name, "*") for item in parse_many(limit.site)),
        ]
        for one in asked:
            if not self._limiter.test(*one):
                return self._wait(*one)
        for one in asked:
            self._limiter.hit(*one)
        return 0

    def _wait(self, item: RateLimitItem, name: str, who: str) -> int:
        reset_at = self._limiter.get_window_stats(item, name, who).reset_time
        return max(1, ceil(reset_at - time.time()))


def network_of(client: str) -> str:
    """Return whom a limit counts: an IPv4 address, the /64 of an IPv6 one (a household has all of it)."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
