"""JSON Feed 1.0 and 1.1: https://www.jsonfeed.org/version/1.1/

As tolerant as the other parsers: of an item only a title, a text or an address is needed, and what has another
type than it should is treated as missing. ``next_url`` is not followed: the newest items are on the first page.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from newsletter.collect.addresses import canonical_url, unwrap_url
from newsletter.collect.atom_rss import list_doubts, name_unnamed
from newsletter.collect.characters import read_characters
from newsletter.collect.dates import parse_date
from newsletter.collect.fields import read_line, read_list, read_text
from newsletter.collect.identity import choose_keys
from newsletter.collect.plain import (
    MAX_ITEMS,
    MAX_SUMMARY_CHARS,
    MAX_TITLE_CHARS,
    clean_names,
    clean_url,
    parse_markup,
)
from newsletter.collect.releases import name_release
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.people import read_people
from newsletter.text import clean_line

_TITLE_FROM_SUMMARY_CHARS = 100

_Item = Mapping[str, Any]


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the items of a feed in its order; relative addresses are resolved against the final address.

    Only the first 2,000 items are read. Raises FeedError for what is no JSON Feed.
    """
    characters = read_characters(fetched.body, fetched.content_type)
    feed = _read(characters.text)
    page = _url(feed, "home_page_url", fetched.url)
    items = [item if isinstance(item, dict) else {} for item in read_list(feed, "items")]
    entries: list[tuple[Entry, str]] = []
    notes: list[str] = []
    for place, item in enumerate(items[:MAX_ITEMS]):
        entry, guid = _parse_item(item, feed, source, fetched.url, page)
        if entry.title:
            entries.append((entry, guid))
        else:
            notes.append(f"item {place + 1} refused: it has no title, text or address")
    refused = len(notes)
    if len(items) > MAX_ITEMS:
        notes.append(f"only the first {MAX_ITEMS} of {len(items)} items were read")
    notes += list_doubts(characters, [entry for entry, _ in entries])
    sightings = (Sighting(entry, source.name, guid, listing_url=page) for entry, guid in entries)
    return ParsedFeed(tuple(sightings), refused=refused, notes=tuple(notes))


def _read(text: str) -> _Item:
    try:
        feed = json.loads(text, strict=False)  # line ends and tabs within texts are common
    except RecursionError as error:
        raise FeedError("the feed is nested too deeply") from error
    except ValueError as error:
        raise FeedError(
            f"expected a JSON Feed, and this is not JSON: {clean_line(str(error), 200)}"
        ) from error
    if not isinstance(feed, dict):
        raise FeedError("expected a JSON Feed, found JSON that is not an object")
    if not isinstance(feed.get("items"), list):
        keys = clean_line(", ".join(sorted(feed)), 200) or "none"
        raise FeedError(f"expected a JSON Feed, found an object without 'items'; its keys: {keys}")
    return feed


def _parse_item(item: _Item, feed: _Item, source: Source, base: str, listing: str) -> tuple[Entry, str]:
    """Return the entry (its title empty if there is none to be had) and its guid."""
    text = read_line(item, "content_text", MAX_SUMMARY_CHARS)
    content = text or parse_markup(read_text(item, "content_html"), MAX_SUMMARY_CHARS)
    summary = read_line(item, "summary", MAX_SUMMARY_CHARS) or content
    given = clean_line(_id(item), 2_000)
    page = unwrap_url(_url(item, "url", base) or _url(item, "external_url", base) or clean_url(given))
    url = page or next(_enclosed_urls(item, base), "")
    # A title is plain text: angle brackets are letters. Some programs escape it all the same.
    title = clean_line(html.unescape(read_text(item, "title")), MAX_TITLE_CHARS)
    title = title or clean_line(summary, _TITLE_FROM_SUMMARY_CHARS) or url
    title = name_release(title, url, read_line(feed, "title", MAX_TITLE_CHARS), source.name)
    published_at = parse_date(item.get("date_published")) or parse_date(item.get("date_modified"))
    named = page or ("" if given else url)  # where a file lies may change from day to day
    guid = given or canonical_url(named) or name_unnamed(title, published_at, summary)
    keys = choose_keys(url=named, guid=given, source=source.name) or choose_keys(
        guid=guid, source=source.name
    )
    # Who makes a feed of papers did not write them.
    is_paper = keys[0].startswith(("arxiv:", "doi:"))
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=title,
        summary=summary,
        authors=read_people(_author_names(item)) or (() if is_paper else read_people(_author_names(feed))),
        published_at=published_at,
        categories=clean_names([tag for tag in read_list(item, "tags") if isinstance(tag, str)]),
        url=url,
        thumbnail_url=_url(item, "image", base) or _url(item, "banner_image", base),
        media_urls=tuple(dict.fromkeys(_media_urls(item, base))),
        listing_url=listing,
        sources=(source.name,),
    )
    return entry, guid


def _id(item: _Item) -> str:
    """Return the id; version 1.0 allowed numbers."""
    value = item.get("id")
    return value if isinstance(value, str) else str(value) if type(value) in (int, float) else ""


def _author_names(item: _Item) -> list[str]:
    """Return the names of ``authors`` (1.1), or of the one ``author`` (1.0)."""
    people = read_list(item, "authors") or [item.get("author")]
    return [
        person["name"]
        for person in people
        if isinstance(person, dict) and isinstance(person.get("name"), str)
    ]


def _media_urls(item: _Item, base: str) -> Iterator[str]:
    for attachment in read_list(item, "attachments"):
        if isinstance(attachment, dict) and read_text(attachment, "mime_type").startswith(
            ("image/", "video/")
        ):
            url = _url(attachment, "url", base)
            if url:
                yield url


def _enclosed_urls(item: _Item, base: str) -> Iterator[str]:
    """Yield where the sound, film or file lies that an item brings, which may be all that it has."""
    for attachment in read_list(item, "attachments"):
        if isinstance(attachment, dict) and not read_text(attachment, "mime_type").startswith("image"):
            yield from filter(None, [_url(attachment, "url", base)])


def _url(item: _Item, name: str, base: str) -> str:
    text = read_text(item, name).strip()
    try:
        return clean_url(urljoin(base, text)) if text else ""
    except ValueError:
        return ""
