"""Any feed: what stands at an address decides how it is read. A web page leads to the feed that it names."""

from __future__ import annotations

import re

from newsletter.collect import atom_rss, json_feed
from newsletter.collect.discovery import find_feeds
from newsletter.collect.kind import SourceKind
from newsletter.errors import FeedError
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source

_PAGE = re.compile(
    # A comment has one end only: without *+ the ways to read many of them multiply.
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*+<(?:!doctype\s+html|html)\b",
    re.I | re.S,
)
_FEED = re.compile(rb"<(?:rss|feed|rdf:RDF)\b", re.I)  # some feeds begin with the document type of a page


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the items of an RSS, Atom or JSON feed in its order; of a web page only the feeds that it names.

    Raises FeedError for anything else, and for a page that names no feed.
    """
    start = fetched.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"{", b"["):
        return json_feed.parse(fetched, source, request)
    if _PAGE.match(head := fetched.body[:10_000]) and not _FEED.search(head):
        found = tuple(find_feeds(fetched))
        if not found:
            raise FeedError("expected a feed, found an HTML page that names none")
        return ParsedFeed((), found_feeds=found)
    return atom_rss.parse(fetched, source, request)


def choose_next(source: Source, request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    """Return the request for the feed that a page names. Such a feed leads nowhere else."""
    if request.page or not feed.found_feeds:
        return None
    return Request(feed.found_feeds[0], page=1)


KIND = SourceKind("feed", parse, next_request=choose_next, is_feed=True)
