"""What a page may ask the archive, and when: queries wait for their turn, plain words cost little."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from newsletter.match.budget import UNBOUNDED, Budget
from newsletter.web.answers import refuse
from newsletter.web.limits import SEARCH
from newsletter.web.site import Site
from newsletter.web.workload import do_work
from newsletter.workflows.search import Question

T = TypeVar("T")


async def ask(site: Site, request: Request, question: Question, work: Callable[[Budget], Awaitable[T]]) -> T:
    """Return what a question finds. Raises BudgetError, BusyError and LeftError, which app.py answers."""
    return await (work(UNBOUNDED) if question.query is None else do_work(site, request, work))


def refuse_query(site: Site, request: Request, question: Question) -> Response | None:
    """Return an answer that asks a client to wait who asks too many queries; plain words are free."""
    if question.query is None:
        return None
    lang = site.choose_language(request)
    says = lang.say("Too many searches. Try again in a minute; plain words still work.")
    return refuse(site, request, SEARCH, says)
