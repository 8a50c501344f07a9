"""What a page may ask the archive, and when: queries wait for their turn, plain words cost little."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from newsletter.errors import BudgetError, BusyError
from newsletter.match.budget import UNBOUNDED, Budget
from newsletter.web.answers import refuse
from newsletter.web.limits import SEARCH
from newsletter.web.workload import do_work
from newsletter.workflows.search import Question, read_question

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.web.site import Site

T = TypeVar("T")

_LEAST_LETTERS = 4
"""Of a word whose longer forms are worth a hint."""


async def ask(site: Site, request: Request, question: Question, work: Callable[[Budget], Awaitable[T]]) -> T:
    """Return what a question finds. Raises BudgetError, BusyError and LeftError, which app.py answers."""
    return await (work(UNBOUNDED) if question.query is None else do_work(site, request, work))


async def find_wider(site: Site, request: Request, question: Question, than: int) -> tuple[str, int] | None:
    """Return the question that also finds longer words, with how many papers it finds: for one plain word, where that
    is more than this many. None, too, where too much is asked now: it is only a hint."""
    word = question.text
    if question.query is not None or len(word) < _LEAST_LETTERS or not word.isalpha():
        return None
    wider = read_question(f"{word}*")
    try:
        found = await ask(
            site, request, wider, lambda budget: site.searcher.answer(wider, budget, offset=0, limit=0)
        )
    except (BusyError, BudgetError):
        return None
    return (wider.text, found.total) if wider.problem is None and found.total > than else None


def refuse_query(site: Site, request: Request, question: Question) -> Response | None:
    """Return an answer that asks a client to wait who asks too many queries; plain words are free."""
    if question.query is None:
        return None
    lang = site.choose_language(request)
    says = lang.say("Too many searches. Try again in a minute; plain words still work.")
    return refuse(site, request, SEARCH, says)
