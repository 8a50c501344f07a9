"""RSS and Atom in all their versions, read by feedparser from bytes that we fetched.

Summaries become plain text. An item is named by its arXiv id or DOI where its id or link shows one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from newsletter.collect.addresses import canonical_url, is_sealed, unwrap_url
from newsletter.collect.characters import Read, read_characters
from newsletter.collect.dates import parse_date
from newsletter.collect.fields import read_line, read_text
from newsletter.collect.identity import choose_keys
from newsletter.collect.plain import (
    MAX_ITEMS,
    MAX_SUMMARY_CHARS,
    MAX_TITLE_CHARS,
    clean_names,
    clean_url,
    parse_markup,
    parse_title,
)
from newsletter.collect.releases import name_release
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.people import read_people
from newsletter.text import clean_line, clean_text

_TITLE_FROM_SUMMARY_CHARS = 100
_SECOND_SUMMARIES = ("second_summary", "second_subtitle")
_TIMES = ("published", "updated", "created", "prism_publicationdate")
_AUTHORS_IN_TEXT = re.compile(r"\bAuthor\(s\): (.{3,5000})$")
_MARKUP = frozenset(["text/html", "application/xhtml+xml"])
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_REFERENCES = re.compile(r"(?:&#(?:[xX][0-9a-fA-F]{1,20}|[0-9]{1,20});?)+")
_REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
# A line end, and what Windows-1252 has at places where ISO 8859-1 has control characters.
_MEANT = frozenset(["\r", *map(chr, range(0x80, 0xA0))])
_DECLARATION = re.compile(r"<\?xml[^>]*>")
_END = re.compile(r"</(?:\w+:)?(?:rss|feed|rdf|channel)\s*>", re.IGNORECASE)
_SECTION = "<![CDATA["
_SKIP_DAYS = re.compile(r"<skipDays>(.*?)</skipDays>", re.DOTALL)
_ITEM_TAG = re.compile(r"<(/?)(?:\w+:)?(?:item|entry)(?:\s[^<>]*)?>", re.IGNORECASE)
# arXiv's listings put these around the text itself (https://info.arxiv.org/help/rss.html).
_ARXIV_BEFORE_SUMMARY = re.compile(r"arXiv:\S+\s+Announce Type:\s+\S+\s+Abstract:\s+")
_ARXIV_AFTER_TITLE = re.compile(r"\.?\s+\(arXiv:\S+(?:\s+\[[^\]]*\])?(?:\s+UPDATED)?\)$")

_Item = Mapping[str, Any]


class Document(NamedTuple):
    """A feed as it was read: what it says of itself, and its items. notes are what is wrong with it as a whole.

    quiet_days are the days of the week on which it says that it brings nothing (RSS ``skipDays``; 0 is Monday).
    is_cut: it is not well-formed and lacks its end, so it was cut on its way or by its server.
    """

    about: _Item
    items: Sequence[_Item]
    version: str
    characters: Read
    notes: tuple[str, ...]
    quiet_days: frozenset[int]
    is_cut: bool


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the items of a feed in its order; relative links are resolved against the final address.

    Only the first 2,000 items are read. An item without title, text and link is refused and counted. Raises
    FeedError for what is no feed: nothing that a feed says of itself is in it, or it cannot be read.
    """
    feed = read_feed(fetched)
    page = _listing_url(feed.about, request)
    entries: list[tuple[Entry, str]] = []
    notes: list[str] = []
    for place, item in enumerate(feed.items[:MAX_ITEMS]):
        entry, guid = parse_item(item, source, page)
        if entry.title:
            title = name_release(
                entry.title, entry.url, read_line(feed.about, "title", MAX_TITLE_CHARS), source.name
            )
            entries.append((replace(_inherit_authors(entry, item, feed), title=title), guid))
        else:
            notes.append(f"item {place + 1} refused: it has no title, text or link")
    refused = len(notes)
    if len(feed.items) > MAX_ITEMS:
        notes.append(f"only the first {MAX_ITEMS} of {len(feed.items)} items were read")
    notes += list_doubts(feed.characters, [entry for entry, _ in entries])
    sightings = (Sighting(entry, source.name, guid, listing_url=page) for entry, guid in entries)
    return ParsedFeed(
        tuple(sightings),
        refused=refused,
        notes=(*feed.notes, *notes),
        quiet_days=feed.quiet_days,
        is_cut=feed.is_cut,
    )


def list_doubts(characters: Read, entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what an operator should know of a feed that could be read."""
    if characters.is_guess:
        yield f"its charset is not known, {characters.codec} is a guess: letters may be wrong"
    if entries and not any(entry.published_at for entry in entries):
        yield "no item has a date that can be read"


def read_feed(fetched: Fetched) -> Document:
    """Return what feedparser makes of an answer.

    An item in whose middle the answer ends is not among its items: without its link and id it would be another one
    than when it is read whole. Raises FeedError for what is no feed.
    """
    from newsletter.collect.feed_xml import parse_xml  # here: most commands read no feed

    characters = read_characters(fetched.body, fetched.content_type)
    text = characters.text.lstrip()  # blanks before an XML declaration make it malformed, and are common
    if text[:1] in ("{", "["):
        raise FeedError("expected an RSS or Atom feed, found JSON")
    text = _DECLARATION.sub("", text, count=1) if text[:5] == "<?xml" else text
    text = mend_references(_without_open_section(text))
    base = fetched.url if urlsplit(clean_url(fetched.url)).scheme else ""
    try:
        feed = parse_xml(text.encode("utf-8", "replace"), base)
    except Exception as error:  # a library of 20 years of special cases: whatever it raises, the body did it
        raise FeedError(
            f"the feed cannot be read: {type(error).__name__}: {clean_line(str(error), 200)}"
        ) from error
    if not feed["entries"] and not feed["version"]:
        raise FeedError(f"expected an RSS or Atom feed, found {describe(text)}")
    is_cut = feed["problem"] is not None and not _END.search(text[-2_000:])
    if is_cut and _ends_in_item(text):
        del feed["entries"][-1:]
    notes = (f"not well-formed: {clean_line(str(feed['problem']), 200)}",) if feed["problem"] else ()
    return Document(
        feed["feed"], feed["entries"], feed["version"], characters, notes, _read_quiet_days(text), is_cut
    )


def _without_open_section(text: str) -> str:
    """Return XML without the beginning of a CDATA section that nobody ends: all items behind it would be its text."""
    begin = text.rfind(_SECTION)
    is_open = begin > text.rfind("]]>") and _END.search(text[-2_000:])
    return text[:begin] + text[begin + len(_SECTION) :] if is_open else text


def mend_references(text: str) -> str:
    """Return XML without character references that stand for no character (XML 1.0 section 4.1): parsers give up the
    whole document. A character that was written as the two halves of UTF-16 is put together."""
    return _REFERENCES.sub(_mend, text)


def _mend(references: re.Match[str]) -> str:
    codes = [int(hexed, 16) if hexed else int(number) for hexed, number in _REFERENCE.findall(references[0])]
    halves = "".join(chr(code) for code in codes if code <= 0x10FFFF).encode("utf-16-le", "surrogatepass")
    text = halves.decode("utf-16-le", "ignore")
    return "".join(f"&#{ord(sign)};" for sign in text if sign in _MEANT or clean_text(sign))


def _ends_in_item(text: str) -> bool:
    last = None
    for last in _ITEM_TAG.finditer(text):  # noqa: B007 — the last one is what is looked for
        pass
    return last is not None and not last[1]


def _read_quiet_days(text: str) -> frozenset[int]:
    found = _SKIP_DAYS.search(text[:20_000])  # feedparser keeps only the last of the days
    named = found[1].casefold() if found else ""
    return frozenset(number for number, day in enumerate(_DAYS) if day in named)


def describe(text: str) -> str:
    """Return in a few words what a text is that is no feed."""
    if not text:
        return "nothing"
    if re.match(r"<(?:!doctype html|html)", text, re.IGNORECASE):
        return "an HTML page"
    if root := re.search(r"<([a-zA-Z][\w:.-]{,40})", text[:2_000], re.ASCII):
        return f"an element <{root[1]}>"
    return f"something that begins with {clean_line(text[:40], 40)!r}"


def parse_item(item: _Item, source: Source, listing_url: str) -> tuple[Entry, str]:
    """Return one item of what feedparser read: the entry (its title empty if there is none to be had) and its guid."""
    summary = _ARXIV_BEFORE_SUMMARY.sub("", _read_summary(item), count=1)
    title = _ARXIV_AFTER_TITLE.sub("", _read_title(item))
    given = clean_line(read_text(item, "id"), 2_000)
    link = _read_link(item, given)
    url = link or next(_enclosed_urls(item), "")
    title = title or clean_line(summary, _TITLE_FROM_SUMMARY_CHARS) or url
    published_at = _read_time(item)
    # Where a sound file lies may change from day to day.
    named = link if given else url
    guid = given or canonical_url(named) or name_unnamed(title, published_at, summary)
    doi = _read_doi(item)
    keys = choose_keys(url=named, guid=given, source=source.name, doi=doi) or choose_keys(
        guid=guid, source=source.name
    )
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=title,
        summary=summary,
        authors=_read_authors(item) or _authors_in_text(summary),
        published_at=published_at,
        categories=clean_names([read_text(tag, "term") for tag in _list(item, "tags")]),
        note=clean_line(read_text(item, "arxiv_comment"), MAX_SUMMARY_CHARS),
        url=url,
        pdf_url=next(_pdf_urls(item), ""),
        discussion_url=_text_url(item, "comments") or next(_reply_urls(item), ""),
        thumbnail_url=next(_thumbnail_urls(item), ""),
        media_urls=tuple(dict.fromkeys(_media_urls(item))),
        listing_url=listing_url,
        sources=(source.name,),
    )
    return entry, guid


def name_unnamed(title: str, published_at: datetime | None, summary: str) -> str:
    """Return what stands for the id of an item that has neither an id nor an address."""
    return hashlib.sha256(f"{title}\n{published_at or summary}".encode()).hexdigest()


def _read_link(item: _Item, guid: str) -> str:
    """Return the address of an item: the one that a wrapped one leads to, as far as somebody says so."""
    originals = (_text_url(item, name) for name in ("feedburner_origlink", "pheedo_origlink"))
    link = next((url for url in originals if url), "") or _page_url(item) or _text_url(item, "link")
    return unwrap_url(clean_url(guid) or link if is_sealed(link) else link)


def _page_url(item: _Item) -> str:
    """Return the first page that an item names as its own; one in another language comes after all others."""
    pages = [
        link
        for link in _list(item, "links")
        if link.get("rel") == "alternate" and link.get("type") in _MARKUP
    ]
    pages.sort(key=lambda link: "hreflang" in link)
    return next((url for link in pages if (url := _text_url(link, "href"))), "")


def _listing_url(feed: _Item, request: Request) -> str:
    """Return the page that the feed belongs to; "" where it names only itself: people cannot read that."""
    for link in _list(feed, "links"):
        url = _text_url(link, "href")
        if link.get("rel") == "alternate" and choose_keys(url=url) != choose_keys(url=request.location):
            return url
    return ""


def _read_title(item: _Item) -> str:
    detail = item.get("title_detail")
    if not isinstance(detail, Mapping) or not (title := read_text(detail, "value")):
        return parse_title(read_text(item, "second_title"), MAX_TITLE_CHARS)
    if detail.get("type") == "text/plain":
        return clean_line(title, MAX_TITLE_CHARS)
    return parse_title(title, MAX_TITLE_CHARS, is_markup=detail.get("type") in _MARKUP)


def _read_summary(item: _Item) -> str:
    """Return the text of an item: its own, else what a module says of it."""
    own = [item.get("summary_detail"), *_list(item, "content")]
    texts = (_markup_or_text(detail) for detail in own if isinstance(detail, Mapping))
    others = (parse_markup(read_text(item, name), MAX_SUMMARY_CHARS) for name in _SECOND_SUMMARIES)
    return next((text for text in (*texts, *others) if text), "")


def _markup_or_text(detail: _Item) -> str:
    value = read_text(detail, "value")
    is_markup = detail.get("type") in _MARKUP
    return parse_markup(value, MAX_SUMMARY_CHARS) if is_markup else clean_line(value, MAX_SUMMARY_CHARS)


def _read_authors(item: _Item) -> tuple[str, ...]:
    own = read_people(read_text(author, "name") for author in _list(item, "authors"))
    return own or read_people([read_text(item, "second_author")])


def _authors_in_text(summary: str) -> tuple[str, ...]:
    """Return the authors that stand at the end of a text, where a publisher has no other place for them."""
    found = _AUTHORS_IN_TEXT.search(summary)
    return read_people([found[1]]) if found else ()


def _inherit_authors(entry: Entry, item: _Item, feed: Document) -> Entry:
    """Return an Atom entry that names no authors with those of its source or feed (RFC 4287 section 4.2.1).

    Who makes a feed of papers did not write them.
    """
    is_paper = entry.key.startswith(("arxiv:", "doi:"))
    if entry.authors or is_paper or not feed.version.startswith("atom"):
        return entry
    origins = (origin for origin in (item.get("source"), feed.about) if isinstance(origin, Mapping))
    return replace(entry, authors=next((names for names in map(_read_authors, origins) if names), ()))


def _read_time(item: _Item) -> datetime | None:
    """Return when the item was published; RSS with dc:date and old Atom say only when it was updated."""
    return next((moment for name in _TIMES if (moment := read_moment(item, name))), None)


def read_moment(item: _Item, name: str) -> datetime | None:
    """Return the moment that an element names, None where it is missing or cannot be read."""
    # Not item.get: feedparser gives "published" where "updated" is asked for and missing.
    return parse_date(dict(item.items()).get(name))


def _read_doi(item: _Item) -> str:
    named = (read_text(item, name) for name in ("arxiv_doi", "prism_doi", "dc_identifier"))
    return next((doi for doi in named if doi), "")


def _reply_urls(item: _Item) -> Iterator[str]:
    """Yield where an Atom entry is answered, for people (RFC 4685); a feed of the answers is none."""
    for link in _list(item, "links"):
        if link.get("rel") == "replies" and link.get("type") in _MARKUP and (url := _text_url(link, "href")):
            yield url


def _thumbnail_urls(item: _Item) -> Iterator[str]:
    for thumbnail in _list(item, "media_thumbnail"):
        if url := _join(item, read_text(thumbnail, "url")):
            yield url
    image = item.get("image")  # of a podcast's episode
    if isinstance(image, Mapping) and (url := _join(item, read_text(image, "href"))):
        yield url


def _media_urls(item: _Item) -> Iterator[str]:
    """Yield the addresses of an item's pictures and films, enclosed or in Media RSS."""
    for enclosure in (*_list(item, "enclosures"), *_list(item, "media_content")):
        is_media = read_text(enclosure, "type").startswith(("image/", "video/"))
        url = _join(item, read_text(enclosure, "href") or read_text(enclosure, "url"))
        if url and (is_media or enclosure.get("medium") in ("image", "video")):
            yield url


def _enclosed_urls(item: _Item) -> Iterator[str]:
    """Yield where the sound, film or file lies that an item brings, which may be all that it has. Pictures come along
    with something else."""
    for enclosed in (*_list(item, "enclosures"), *_list(item, "media_content")):
        if not read_text(enclosed, "type").startswith("image") and enclosed.get("medium") != "image":
            yield from filter(None, [_join(item, read_text(enclosed, "href") or read_text(enclosed, "url"))])


def _pdf_urls(item: _Item) -> Iterator[str]:
    for link in _list(item, "links"):
        if link.get("type") == "application/pdf" and (url := _join(item, read_text(link, "href"))):
            yield url


def _join(item: _Item, href: str) -> str:
    """Return an address that feedparser leaves as it stands (of enclosures and Media RSS), absolute."""
    details = (item.get(name) for name in ("title_detail", "summary_detail"))
    base = next((read_text(detail, "base") for detail in details if isinstance(detail, Mapping)), "")
    try:
        return clean_url(urljoin(base, href.strip())) if href.strip() else ""
    except ValueError:
        return ""


def _text_url(item: _Item, name: str) -> str:
    return clean_url(read_text(item, name))


def _list(item: _Item, name: str) -> list[_Item]:
    values = item.get(name)
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
