"""Answers that several pages give: to who asks too often, and one whose time tells nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.web.limits import Limit
    from newsletter.web.site import Site

ANSWER_AFTER_S = 0.3
"""An answer takes at least so long where its time could say something of the work behind it: whether an address is
known, or whose address is configured."""


@asynccontextmanager
async def constant_time() -> AsyncIterator[None]:
    """Let a block take at least ANSWER_AFTER_S."""
    began = asyncio.get_running_loop().time()
    yield
    await asyncio.sleep(max(0.0, began + ANSWER_AFTER_S - asyncio.get_running_loop().time()))


def refuse(site: Site, request: Request, limit: Limit, says: str = "") -> Response | None:
    """Return the answer to who asks too often; None to everybody else, and count it. says is what helps here."""
    wait = site.limiter.take(limit, site.client_of(request))
    if not wait:
        return None
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("Please wait a moment"),
        says
        or lang.say_count(
            "Too many requests from your network. Please try again in {number} second.",
            "Too many requests from your network. Please try again in {number} seconds.",
            wait,
        ),
        status=429,
        headers={"cache-control": "no-store", "retry-after": str(wait)},
    )
