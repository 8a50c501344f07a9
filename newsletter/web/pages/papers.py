"""One paper: what it is, where and when it was seen, what happened to it, and its votes by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from newsletter.compose.item import build_card
from newsletter.model.entries import Entry, EntryKey
from newsletter.render.citations import build_citation, list_meta, write_bibtex, write_ris
from newsletter.web.citing import answer_citations, split_form
from newsletter.web.paper_lists import build_lines
from newsletter.web.paper_views import (
    build_vote_chart,
    find_links,
    list_names,
    write_note,
    write_share,
    write_summary,
)
from newsletter.web.public import public

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site

_MAX_KEY_CHARS = 2_000
_MOST_ALIKE = 5


@public()
async def show_paper(site: Site, request: Request) -> Response:
    """Return the page of one paper, or with ``.bib`` or ``.ris`` behind its name what is cited of it; another name of
    it leads to its own. What is the whole name of a paper is never taken for that of a file."""
    key = request.path_params["key"]
    stem, form = split_form(key)
    entry = await _find(site, key)
    if entry is not None:
        form = ""
    elif form:
        entry = await _find(site, stem)
    if entry is None:
        return site.not_found(request)
    own = site.links.citation(entry.key, form) if form else site.links.paper(entry.key)
    if entry.key != (stem if form else key):
        return RedirectResponse(own, 301)
    if form:
        return answer_citations(request, [entry], build_citation(entry).key)
    return await _show(site, request, entry)


async def _show(site: Site, request: Request, entry: Entry) -> Response:
    newsletter, lang = site.newsletter, site.choose_language(request)
    history = await newsletter.entries.load_history(entry.id)
    alike = await newsletter.archive.find_alike(entry, _MOST_ALIKE)
    (paper,) = await build_lines(site, lang, [entry])
    citation = build_citation(entry)
    return site.page(
        request,
        "paper.html.j2",
        paper=paper,
        entry=entry,
        names=list_names(entry),
        summary=find_links(write_summary(build_card(entry))),
        note=find_links(write_note(entry)),
        history=history,
        chart=build_vote_chart(history.observations),
        alike=await build_lines(site, lang, alike),
        meta=list_meta(citation, paper.page),
        bibtex=write_bibtex([citation]),
        ris=write_ris([citation]).replace("\r", ""),
        share=write_share(paper.title, paper.page),
    )


async def _find(site: Site, key: str) -> Entry | None:
    """Return the paper that has a key among its names; none that no source lists."""
    tries = [key]
    if "://" not in key and ":/" in key:
        tries.append(key.replace(":/", "://", 1))  # some proxies make one slash of two
    for name in tries:
        if len(name) > _MAX_KEY_CHARS or not name.isprintable():
            continue
        for entry in await site.newsletter.entries.load_known([EntryKey(name)]):
            if entry.sources:
                return entry
    return None


PAGES = (("/papers/{key:path}", show_paper, ("GET",)),)
