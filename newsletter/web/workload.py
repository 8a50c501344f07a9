"""Dear work, which anybody may ask for: who waits, how much one request and one client get, and when it is dropped.

Nothing here says what the work is: it gets a `Budget`, which its loops ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from newsletter.errors import BusyError, LeftError
from newsletter.match.budget import Budget
from newsletter.web.clients import household_of
from newsletter.web.limits import WORK, WORK_UNIT_S

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site

REQUEST_CPU_S = 1.0
"""What one request may cost, in seconds of a processor."""

T = TypeVar("T")


async def do_work(site: Site, request: Request, work: Callable[[Budget], Awaitable[T]]) -> T:
    """Return what dear work brings, when its turn has come. The body of the request was read.

    What it cost is counted against the client. Raises BusyError where too many wait or this client has had its share,
    LeftError where the client has closed the connection, and what the work raises.
    """
    client = site.client_of(request)
    wait_s = site.limiter.test(WORK, client)
    if wait_s:
        raise BusyError("this client has used up its share of work", retry_after_s=wait_s)
    budget = _budget_of(request)
    spent_before_s = budget.spent_s
    leaving = asyncio.create_task(_cancel_when_left(request, budget))
    try:
        async with site.queue.turn(household_of(client), leaving):
            done = await work(budget)
    finally:
        leaving.cancel()
        site.limiter.charge(WORK, client, round((budget.spent_s - spent_before_s) / WORK_UNIT_S))
        if budget.is_cancelled:
            raise LeftError("the client has disconnected")
    return done


def _budget_of(request: Request) -> Budget:
    """Return what is left to a request, whatever parts its work has."""
    if not hasattr(request.state, "budget"):
        request.state.budget = Budget(REQUEST_CPU_S)
    budget: Budget = request.state.budget
    return budget


async def _cancel_when_left(request: Request, budget: Budget) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    budget.cancel()
