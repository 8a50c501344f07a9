"""One paper: what it is, where and when it was seen, what happened to it, and its votes by day."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from newsletter.compose.item import build_card
from newsletter.model.entries import Entry, EntryKey
from newsletter.web.paper_views import build_line, build_vote_chart, list_names, write_summary
from newsletter.web.public import public
from newsletter.web.site import Site

_MAX_KEY_CHARS = 2_000


@public()
async def show_paper(site: Site, request: Request) -> Response:
    """Return the page of one paper; another name of it leads to the page of its own."""
    key = request.path_params["key"]
    entry = await _find(site, key)
    if entry is None:
        return site.not_found(request)
    if entry.key != key:
        return RedirectResponse(site.links.paper(entry.key), 301)
    history = await site.newsletter.entries.load_history(entry.id)
    lang = site.choose_language(request)
    card = build_card(entry)
    return site.page(
        request,
        "paper.html.j2",
        paper=build_line(lang, site.links, entry),
        entry=entry,
        names=list_names(entry),
        summary=write_summary(card),
        history=history,
        chart=build_vote_chart(history.observations),
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
