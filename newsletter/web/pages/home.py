"""The first page: what this newsletter is, the best of its newest edition, and Subscribe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from newsletter.web.paper_lists import build_lines
from newsletter.web.public import public

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model.editions import EditionSize
    from newsletter.model.entries import Entry
    from newsletter.web.site import Site

SHOWN = 8
_FEW = 3


@public()
async def show_home(site: Site, request: Request) -> Response:
    """Return the first page."""
    lang = site.choose_language(request)
    archive = site.newsletter.archive
    sizes = await archive.load_editions()
    today = site.newsletter.clock.now().date()
    newest = choose_day(sizes, today)
    entries: Sequence[Entry] = ()
    if newest is not None:
        edition = await archive.load_edition(newest)
        entries = [one.entry for one in edition.entries if not one.entry.withdrawn]
    return site.page(
        request,
        "home.html.j2",
        language=lang,
        day=newest,
        papers=await build_lines(site, lang, entries[:SHOWN]),
        total=len(entries),
        sources=lang.join([source.name for source in site.newsletter.config.source_list]),
    )


def choose_day(sizes: Sequence[EditionSize], today: date) -> date | None:
    """Return the newest date that has a few papers at least: a day that has just begun says little."""
    past = [size for size in sizes if size.day <= today]
    return next((size.day for size in past if size.papers >= _FEW), past[0].day if past else None)


PAGES = (("/", show_home, ("GET",)),)
