"""The kinds of sources. To add one: write its parser and name it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

from newsletter.collect import atom_rss, hf_daily_papers, hf_papers_capture
from newsletter.model import ParsedFeed, Request, Source

# 50 is what the server gives by default; it may do so although 100 were asked for, its maximum.
_FULL_PAGE = 50
_MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class SourceKind:
    """How one kind of source is asked and read.

    requests: the first requests of one look, today (UTC) given. parse: one answer, or FeedError.
    next_request: what follows an answer, None at the end; its third argument are the guids of
    the earlier pages of the same listing.
    """

    name: str
    requests: Callable[[Source, date], tuple[Request, ...]]
    parse: Callable[[bytes, Source, Request], ParsedFeed]
    next_request: Callable[[Request, ParsedFeed, frozenset[str]], Request | None]


def _one_request(source: Source, today: date) -> tuple[Request, ...]:
    return (Request(source.location),)


def _no_more(request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    return None


def _hf_requests(source: Source, today: date) -> tuple[Request, ...]:
    """Return a request for each of the newest listing dates, today's first; one for a page or file."""
    base = source.location.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or parts.path or parts.query:
        return _one_request(source, today)
    dates = (today - timedelta(days=back) for back in range(source.listing_dates))
    return tuple(Request(f"{base}/api/daily_papers?date={on.isoformat()}&limit=100", on) for on in dates)


def _hf_next(request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    """Return the request for the next page; None after a short page and one without anything new."""
    is_short = len(feed.sightings) + feed.refused < _FULL_PAGE
    is_repeated = all(sighting.guid in seen for sighting in feed.sightings)
    page = request.page + 1
    if request.listed_on is None or is_short or is_repeated or page >= _MAX_PAGES:
        return None
    return replace(request, location=f"{request.location.partition('&p=')[0]}&p={page}", page=page)


KINDS: Mapping[str, SourceKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            SourceKind("hf_daily_papers", _hf_requests, hf_daily_papers.parse, _hf_next),
            SourceKind("hf_papers_capture", _one_request, hf_papers_capture.parse, _no_more),
            SourceKind("atom_rss", _one_request, atom_rss.parse, _no_more),
        )
    }
)
