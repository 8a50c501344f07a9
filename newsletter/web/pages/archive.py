"""The archive: all dates by month, and the edition of one date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from starlette.convertors import Convertor, register_url_convertor

from newsletter.web.citing import answer_citations
from newsletter.web.paper_lists import build_lines
from newsletter.web.public import public

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model.editions import EditionSize
    from newsletter.web.site import Site


class DayConvertor(Convertor[str]):
    """What looks like a date in an address: so ``/{day}`` takes no other page's name."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("day", DayConvertor())


@dataclass(frozen=True, slots=True)
class Month:
    """The editions of one month, the newest first. first is its first day."""

    first: date
    papers: int
    editions: tuple[EditionSize, ...]


@public()
async def show_archive(site: Site, request: Request) -> Response:
    """Return the list of all dates."""
    editions = await site.newsletter.archive.load_editions()
    return site.page(
        request,
        "archive.html.j2",
        months=group_by_month(editions),
        total=await site.newsletter.archive.count_papers(),
        topics=bool(site.newsletter.library),
    )


def group_by_month(editions: Sequence[EditionSize]) -> list[Month]:
    """Return editions, the newest first, by their months."""
    months = []
    for first, group in groupby(editions, key=lambda size: size.day.replace(day=1)):
        sizes = tuple(group)
        months.append(Month(first, sum(size.papers for size in sizes), sizes))
    return months


@public()
async def show_edition(site: Site, request: Request) -> Response:
    """Return the papers of one date."""
    day = parse_day(request.path_params["day"])
    if day is None:
        return site.not_found(request)
    edition = await site.newsletter.archive.load_edition(day)
    today = site.newsletter.clock.now().date()
    if not edition.entries and (edition.previous is None or day > today + timedelta(days=1)):
        return site.not_found(request)
    lang = site.choose_language(request)
    return site.page(
        request,
        "edition.html.j2",
        edition=edition,
        papers=await build_lines(
            site,
            lang,
            (one.entry for one in edition.entries),
            {one.entry.key for one in edition.entries if one.is_new},
        ),
        new=sum(one.is_new for one in edition.entries),
        # A date on which nothing was listed has a page, because mails lead to it, but is nothing to be found.
        headers={} if edition.entries else {"x-robots-tag": "noindex"},
    )


@public(speaks=False)
async def show_edition_citations(site: Site, request: Request) -> Response:
    """Return the papers of one date as a file for reference managers."""
    day = parse_day(request.path_params["day"])
    edition = await site.newsletter.archive.load_edition(day) if day else None
    if edition is None or not edition.entries:
        return site.not_found(request)
    return answer_citations(request, (one.entry for one in edition.entries), edition.day.isoformat())


def parse_day(text: str) -> date | None:
    """Return the date of ``2026-06-16``, None for any other text."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text and date.min < day < date.max else None


PAGES = (
    ("/archive", show_archive, ("GET",)),
    ("/{day:day}", show_edition, ("GET",)),
    ("/{day:day}.bib", show_edition_citations, ("GET",)),
    ("/{day:day}.ris", show_edition_citations, ("GET",)),
)
