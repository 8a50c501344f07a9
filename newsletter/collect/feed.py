"""Any feed: what stands at an address decides how it is read. A web page leads to the feed that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from newsletter.collect import atom_rss, json_feed
from newsletter.collect.kind import SourceKind
from newsletter.collect.plain import clean_url, parse_page
from newsletter.errors import FeedError
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source

_MAX_PAGE_BYTES = 1_000_000
_PAGE = re.compile(
    # A comment has one end only: without *+ the ways to read many of them multiply.
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*+<(?:!doctype\s+html|html)\b",
    re.I | re.S,
)
_LANGUAGE = re.compile(rb"<html\b[^>]{,500}?\slang=[\"']?([a-z]+)", re.I)
_FEED = re.compile(rb"<(?:rss|feed|rdf:RDF)\b", re.I)  # some feeds begin with the document type of a page
_TYPES = (
    "application/atom+xml",
    "application/feed+json",
    "application/rss+xml",
    "application/json",
    "application/rdf+xml",
)


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the items of an RSS, Atom or JSON feed in its order; of a web page only the feeds that it names.

    Raises FeedError for anything else, and for a page that names no feed.
    """
    start = fetched.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"{", b"["):
        return json_feed.parse(fetched, source, request)
    if _PAGE.match(head := fetched.body[:10_000]) and not _FEED.search(head):
        found = tuple(dict.fromkeys(_find_feeds(fetched)))
        if not found:
            raise FeedError("expected a feed, found an HTML page that names none")
        return ParsedFeed((), found_feeds=found)
    return atom_rss.parse(fetched, source, request)


def choose_next(source: Source, request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    """Return the request for the feed that a page names. Such a feed leads nowhere else."""
    if request.page or not feed.found_feeds:
        return None
    return Request(feed.found_feeds[0], page=1)


def _find_feeds(fetched: Fetched) -> Iterator[str]:
    """Yield the addresses of the feeds that a page names, the best first.

    The page's order counts (a site's main feed comes first), but feeds of comments come last, after those in
    another language than the page's.
    Source: https://html.spec.whatwg.org/multipage/links.html#rel-alternate
    """
    # lxml finds its way through deep nesting; only the two tags that matter are kept.
    page = parse_page(fetched.body[:_MAX_PAGE_BYTES], ["link", "base"])
    base = fetched.url
    if (named := page.find("base", href=True)) is not None:
        base = _join(base, str(named["href"])) or base
    found = _LANGUAGE.search(fetched.body[:10_000])
    language = found[1].decode().lower() if found else ""
    links = []
    for link in page.find_all("link", href=True):
        rel = {word.lower() for word in link.get_attribute_list("rel") if isinstance(word, str)}
        type_ = str(link.get("type", "")).partition(";")[0].strip().lower()
        if "alternate" in rel and "stylesheet" not in rel and type_ in _TYPES:
            url = _join(base, str(link["href"]))
            is_comments = "comment" in f"{link.get('title', '')} {url}".lower()
            spoken = str(link.get("hreflang", "")).partition("-")[0].strip().lower()
            is_foreign = bool(spoken and language) and spoken != language
            # JSON of any kind may be an API of the site: such a link counts only where nothing else does.
            links.append(((is_comments, type_ == "application/json", is_foreign), url))
    yield from (url for _, url in sorted(links, key=lambda link: link[0]) if url)


def _join(base: str, href: str) -> str:
    try:
        return clean_url(urljoin(base, href.strip()))
    except ValueError:
        return ""


KIND = SourceKind("feed", parse, next_request=choose_next)
