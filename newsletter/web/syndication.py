"""Entries as Atom (RFC 4287) and as JSON Feed 1.1. Pure.

Ids are tag URIs (RFC 4151) of the newsletter and the paper's key: they stay when the site moves. Texts may hold
anything; what XML forbids, and other control characters, are left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from newsletter.text import clean_output

ATOM_TYPE = "application/atom+xml; charset=utf-8"
JSON_TYPE = "application/feed+json; charset=utf-8"

_EMPTY_SINCE = datetime(2000, 1, 1, tzinfo=UTC)
"""A feed has a date even while it has no items."""

_MOST_AUTHORS = 100


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A paper in a feed. url is its page here, original_url where it comes from, "" where that is not known."""

    id: str
    url: str
    title: str
    published_at: datetime
    updated_at: datetime
    summary: str = ""
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    original_url: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed, its newest items first. home_url is the page that shows the same, self_url the feed's own address."""

    id: str
    title: str
    author: str
    home_url: str
    self_url: str
    items: tuple[FeedItem, ...]

    @property
    def updated_at(self) -> datetime:
        return max((item.updated_at for item in self.items), default=_EMPTY_SINCE)


def build_tag(domain: str, *path: str) -> str:
    """Return the tag URI of something that a newsletter at this domain names by this path."""
    return f"tag:{domain},2026:" + "/".join(quote(part, safe=":") for part in path)


def write_atom(feed: Feed) -> bytes:
    """Return the feed as an Atom document."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        _element("id", feed.id),
        _element("title", feed.title),
        _element("updated", _write_time(feed.updated_at)),
        f"<author>{_element('name', feed.author)}</author>",
        _link("self", feed.self_url, "application/atom+xml"),
        _link("alternate", feed.home_url, "text/html"),
        *(_write_entry(item) for item in feed.items),
        "</feed>",
        "",
    ]
    return "\n".join(lines).encode()


def _write_entry(item: FeedItem) -> str:
    parts = [
        "<entry>",
        _element("id", item.id),
        _element("title", item.title),
        _element("published", _write_time(item.published_at)),
        _element("updated", _write_time(item.updated_at)),
        _link("alternate", item.url, "text/html"),
        _link("related", item.original_url) if item.original_url else "",
        *(f"<author>{_element('name', name)}</author>" for name in item.authors[:_MOST_AUTHORS]),
        *(f"<category term={_attribute(tag)}/>" for tag in item.tags),
        _element("summary", item.summary) if item.summary else "",
        "</entry>",
    ]
    return "\n".join(part for part in parts if part)


def write_json(feed: Feed) -> bytes:
    """Return the feed as a JSON Feed."""
    document: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": clean_output(feed.title),
        "home_page_url": feed.home_url,
        "feed_url": feed.self_url,
        "authors": [{"name": clean_output(feed.author)}],
        "items": [_build_item(item) for item in feed.items],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _build_item(item: FeedItem) -> dict[str, Any]:
    built: dict[str, Any] = {
        "id": item.id,
        "url": item.url,
        "title": clean_output(item.title),
        "content_text": clean_output(item.summary) or clean_output(item.title),
        "date_published": _write_time(item.published_at),
        "date_modified": _write_time(item.updated_at),
    }
    if item.original_url:
        built["external_url"] = item.original_url
    if item.authors:
        built["authors"] = [{"name": clean_output(name)} for name in item.authors[:_MOST_AUTHORS]]
    if item.tags:
        built["tags"] = [clean_output(tag) for tag in item.tags]
    return built


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(clean_output(text))}</{name}>"


def _attribute(text: str) -> str:
    return quoteattr(clean_output(text))


def _link(relation: str, url: str, media_type: str = "") -> str:
    kind = f' type="{media_type}"' if media_type else ""
    return f'<link rel="{relation}"{kind} href={_attribute(url)}/>'


def _write_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
