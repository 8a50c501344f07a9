"""Feeds of the newsletter, of each topic of the library and of any search, as Atom and as JSON Feed; the topics' pages;
the sitemap."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.responses import Response

from newsletter.compose.item import build_card
from newsletter.render.context import safe_url, write_title
from newsletter.render.language import load_language
from newsletter.web.named_topics import find_newest_of, name_topics
from newsletter.web.paper_lists import build_lines
from newsletter.web.paper_views import list_names, write_summary
from newsletter.web.public import public
from newsletter.web.searching import ask, refuse_query
from newsletter.web.syndication import (
    ATOM_TYPE,
    JSON_TYPE,
    Feed,
    FeedItem,
    build_tag,
    write_atom,
    write_json,
)
from newsletter.workflows.search import read_question

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.model.entries import Entry
    from newsletter.web.site import Site

NEWEST = 150
"""So many papers are in the newsletter's own feed: who asks once a day loses none of a busy day."""

FOUND = 50
"""So many papers are in the feed of a topic or of a search, and on a topic's page."""

MAX_URLS = 45_000
"""A sitemap may have 50,000 addresses."""


# --- feeds --------------------------------------------------------------------------------


@public(speaks=False)
async def show_feed(site: Site, request: Request) -> Response:
    """Return the newest papers of all as a feed."""
    entries = await site.newsletter.archive.load_newest(NEWEST)
    return await _write(site, request, site.identity.name, (), "/archive", entries)


@public(speaks=False)
async def show_topic_feed(site: Site, request: Request) -> Response:
    """Return the newest papers of a topic of the library as a feed."""
    slug = request.path_params["slug"]
    topic = name_topics(site.newsletter.library.values()).get(slug)
    if topic is None:
        return site.not_found(request)
    title = f"{site.identity.name}: {topic.name}"
    entries = await find_newest_of(topic, FOUND, site.searcher, site.previews)
    return await _write(site, request, title, ("topics", slug), f"/topics/{slug}", entries)


@public("q", speaks=False)
async def show_search_feed(site: Site, request: Request) -> Response:
    """Return the newest papers that a search finds as a feed; the search for nothing has an empty one."""
    question = read_question(request.query_params.get("q", ""))
    if refusal := refuse_query(site, request, question):
        return refusal
    entries = await ask(
        site, request, question, lambda budget: site.searcher.find_newest(question, budget, FOUND)
    )
    title = f"{site.identity.name}: {question.text}"
    return await _write(site, request, title, ("search", question.text), "/search", entries, q=question.text)


async def _write(
    site: Site,
    request: Request,
    title: str,
    path: tuple[str, ...],
    home: str,
    entries: Sequence[Entry],
    **query: str,
) -> Response:
    """Return a feed in the form that the address asks for. path names it among the newsletter's feeds."""
    changed_at = await site.newsletter.archive.load_changed_at([entry.id for entry in entries])
    items = []
    for entry in entries:
        seen_at = entry.first_seen_at or site.newsletter.clock.now()
        items.append(_build_item(site, entry, seen_at, max(seen_at, changed_at.get(entry.id, seen_at))))
    own = request.url.path.removeprefix(site.links.prefix)
    feed = Feed(
        id=build_tag(site.identity.domain, site.identity.id, "feed", *path),
        title=title,
        author=site.identity.name,
        home_url=site.links.page(home, **query),
        self_url=site.links.page(own, **query),
        items=tuple(items),
    )
    if own.endswith(".json"):
        return Response(write_json(feed), media_type=JSON_TYPE)
    return Response(write_atom(feed), media_type=ATOM_TYPE)


def _build_item(site: Site, entry: Entry, published_at: datetime, updated_at: datetime) -> FeedItem:
    card = build_card(entry)
    return FeedItem(
        id=build_tag(site.identity.domain, site.identity.id, entry.key),
        url=site.links.paper(entry.key),
        title=write_title(load_language(site.identity.language), card),
        published_at=published_at,
        updated_at=updated_at,
        summary=write_summary(card),
        authors=list_names(entry),
        tags=entry.categories,
        original_url=safe_url(entry.url),
    )


# --- topics -------------------------------------------------------------------------------


@public()
async def show_topics(site: Site, request: Request) -> Response:
    """Return the list of the library's topics with their feeds."""
    named = name_topics(site.newsletter.library.values())
    return site.page(request, "topics.html.j2", topics=named) if named else site.not_found(request)


@public()
async def show_topic(site: Site, request: Request) -> Response:
    """Return the newest papers of a topic of the library."""
    slug = request.path_params["slug"]
    topic = name_topics(site.newsletter.library.values()).get(slug)
    if topic is None:
        return site.not_found(request)
    lang = site.choose_language(request)
    entries = await find_newest_of(topic, FOUND, site.searcher, site.previews)
    papers = await build_lines(site, lang, entries)
    return site.page(request, "topic.html.j2", slug=slug, topic=topic, papers=papers, most=FOUND)


# --- sitemap ------------------------------------------------------------------------------


@public(speaks=False)
async def show_sitemap(site: Site, request: Request) -> Response:
    """Return the sitemap of the archive; where there are too many addresses for one, that of its parts."""
    total = await site.newsletter.archive.count_papers() + len(await _list_other_pages(site))
    if total <= MAX_URLS:
        return await _write_part(site, 1)
    parts = range(1, -(-total // MAX_URLS) + 1)
    found = "".join(
        f"<sitemap><loc>{site.links.page(f'/sitemap-{part}.xml')}</loc></sitemap>" for part in parts
    )
    return _xml("sitemapindex", found)


@public(speaks=False)
async def show_sitemap_part(site: Site, request: Request) -> Response:
    """Return one part of a sitemap that is too large; parts count from 1."""
    number = str(request.path_params["part"])
    total = await site.newsletter.archive.count_papers() + len(await _list_other_pages(site))
    is_there = re.fullmatch("[1-9][0-9]{0,5}", number) and (int(number) - 1) * MAX_URLS < total
    return await _write_part(site, int(number)) if is_there else site.not_found(request)


async def _write_part(site: Site, part: int) -> Response:
    """Return a part with the addresses that belong to it: the papers, the oldest first, so that the parts stay as they
    are, and after them the other pages."""
    archive, begin = site.newsletter.archive, (part - 1) * MAX_URLS
    keys = await archive.load_keys(offset=begin, limit=MAX_URLS)
    first = max(0, begin - await archive.count_papers())
    others = (await _list_other_pages(site))[first : first + MAX_URLS - len(keys)]
    return await asyncio.to_thread(lambda: _write_sitemap([*map(site.links.paper, keys), *others]))


async def _list_other_pages(site: Site) -> list[str]:
    """Return the addresses of all public pages but those of papers."""
    links, topics = site.links, name_topics(site.newsletter.library.values())
    fixed = ["/", "/archive", *(["/topics"] if topics else []), *(f"/topics/{slug}" for slug in topics)]
    editions = reversed(await site.newsletter.archive.load_editions())
    return [*(links.edition(size.day) for size in editions), *map(links.page, fixed)]


def _write_sitemap(urls: Sequence[str]) -> Response:
    return _xml("urlset", "".join(f"<url><loc>{escape(url)}</loc></url>" for url in urls))


def _xml(name: str, inner: str) -> Response:
    schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{schema}">{inner}</{name}>\n'
    return Response(body, media_type="application/xml")


PAGES = (
    ("/feed.atom", show_feed, ("GET",)),
    ("/feed.json", show_feed, ("GET",)),
    ("/search.atom", show_search_feed, ("GET",)),
    ("/search.json", show_search_feed, ("GET",)),
    ("/topics", show_topics, ("GET",)),
    ("/topics/{slug}.atom", show_topic_feed, ("GET",)),
    ("/topics/{slug}.json", show_topic_feed, ("GET",)),
    ("/topics/{slug}", show_topic, ("GET",)),
    ("/sitemap.xml", show_sitemap, ("GET",)),
    ("/sitemap-{part}.xml", show_sitemap_part, ("GET",)),
)
