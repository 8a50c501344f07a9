"""Search: plain words, or a query in the language of topics. Any text has an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from newsletter.match.budget import UNBOUNDED, Budget
from newsletter.web.limits import SEARCH
from newsletter.web.paper_views import build_line
from newsletter.web.public import public
from newsletter.web.site import Site
from newsletter.web.workload import do_work
from newsletter.workflows.search import MAX_CHARS, MOST_LOOKED_AT, Question, find_keys, read_question

T = TypeVar("T")

PAPERS_A_PAGE = 30


@public("q", "page")
async def show_search(site: Site, request: Request) -> Response:
    """Return the form, and what was found; the name of a paper leads to its page."""
    asked = request.query_params.get("q", "")
    if keys := find_keys(asked):
        named = [entry for entry in await site.newsletter.entries.load_known(keys) if entry.sources]
        if len(named) == 1:
            return RedirectResponse(site.links.paper(named[0].key), 302)
    question = read_question(asked)
    page = parse_page(request.query_params.get("page", ""))
    if refusal := refuse_query(site, request, question):
        return refusal
    found = await ask(
        site,
        request,
        question,
        lambda budget: site.searcher.answer(
            question, budget, offset=(page - 1) * PAPERS_A_PAGE, limit=PAPERS_A_PAGE
        ),
    )
    lang = site.choose_language(request)
    return site.page(
        request,
        "search.html.j2",
        question=question,
        found=found,
        papers=[build_line(lang, site.links, entry) for entry in found.entries],
        page=page,
        pages=-(-found.total // PAPERS_A_PAGE),
        most=MOST_LOOKED_AT,
        max_chars=MAX_CHARS,
        # Answers are no pages of their own: a search engine would find one for every word.
        headers={"x-robots-tag": "noindex"},
    )


async def ask(site: Site, request: Request, question: Question, work: Callable[[Budget], Awaitable[T]]) -> T:
    """Return what a question finds; queries wait for their turn, plain words cost little.

    Raises BudgetError, BusyError and LeftError, which app.py answers.
    """
    return await (work(UNBOUNDED) if question.query is None else do_work(site, request, work))


def refuse_query(site: Site, request: Request, question: Question) -> Response | None:
    """Return an answer that asks a client to wait who asks too many queries; plain words cost little and are free."""
    wait_s = site.limiter.take(SEARCH, site.client_of(request)) if question.query is not None else 0
    if not wait_s:
        return None
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("Please wait a moment"),
        lang.say("Too many searches. Try again in a minute; plain words still work."),
        status=429,
        headers={"retry-after": str(wait_s)},
    )


def parse_page(text: str) -> int:
    """Return the number of a page, which counts from 1; 1 for anything that is no such number."""
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) <= 4 else 1


PAGES = (("/search", show_search, ("GET",)),)
