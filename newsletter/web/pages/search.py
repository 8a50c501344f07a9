"""Search: plain words, or a query in the language of topics. Any text has an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from newsletter.web.citing import MOST_CITED, answer_citations
from newsletter.web.paper_lists import build_lines
from newsletter.web.public import public
from newsletter.web.searching import ask, find_wider, refuse_query
from newsletter.workflows.search import MAX_CHARS, MOST_LOOKED_AT, find_keys, read_question

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site

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
    wider = await find_wider(site, request, question, found.total) if page == 1 else None
    lang = site.choose_language(request)
    return site.page(
        request,
        "search.html.j2",
        question=question,
        wider=wider,
        found=found,
        papers=await build_lines(site, lang, found.entries),
        page=page,
        pages=-(-found.total // PAPERS_A_PAGE),
        most=MOST_LOOKED_AT,
        max_chars=MAX_CHARS,
        # Answers are no pages of their own: a search engine would find one for every word.
        headers={"x-robots-tag": "noindex"},
    )


@public("q", speaks=False)
async def show_search_citations(site: Site, request: Request) -> Response:
    """Return the newest papers that a search finds as a file for reference managers."""
    question = read_question(request.query_params.get("q", ""))
    if refusal := refuse_query(site, request, question):
        return refusal
    entries = await ask(
        site, request, question, lambda budget: site.searcher.find_newest(question, budget, MOST_CITED)
    )
    return answer_citations(request, entries, "search")


def parse_page(text: str) -> int:
    """Return the number of a page, which counts from 1; 1 for anything that is no such number."""
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) <= 4 else 1


PAGES = (
    ("/search", show_search, ("GET",)),
    ("/search.bib", show_search_citations, ("GET",)),
    ("/search.ris", show_search_citations, ("GET",)),
)
