"""RSS and Atom in all their versions, read by feedparser from bytes that we fetched.

Summaries become plain text. An item is named by its arXiv id or DOI where its id or link shows one.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from calendar import timegm
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

from newsletter.collect.fields import read_text
from newsletter.collect.identity import choose_keys
from newsletter.collect.plain import (
    MAX_ITEMS,
    MAX_NAME_CHARS,
    MAX_SUMMARY_CHARS,
    MAX_TITLE_CHARS,
    clean_names,
    clean_url,
    parse_markup,
)
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, EntryKey, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.text import clean_line, clean_text

_TITLE_FROM_SUMMARY_CHARS = 100
_MARKUP = frozenset(["text/html", "application/xhtml+xml"])
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# feedparser looks for e-mail addresses in names with an expression that takes quadratic time on a long word. In
# UTF-16 a zero byte stands beside each letter. Not even a token in an address is so long.
_REFERENCES = re.compile(rb"(?:&#(?:[xX][0-9a-fA-F]{1,20}|[0-9]{1,20});?)+")
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
# A line end, and what Windows-1252 has at places where ISO 8859-1 has control characters.
_MEANT = frozenset(["\r", *map(chr, range(0x80, 0xA0))])
_LONG_WORD = re.compile(rb"[\w.+\x00-]{1000,}", re.ASCII)
_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|rdf|channel)\s*>", re.IGNORECASE)
_SKIP_DAYS = re.compile(rb"<skipDays>(.*?)</skipDays>", re.DOTALL)
_ITEM_TAG = re.compile(rb"<(/?)(?:\w+:)?(?:item|entry)(?:\s[^<>]*)?>", re.IGNORECASE)
_CLAIM = re.compile(r"charset=[\"']?(?:iso-8859-1|latin-?1|windows-1252|us-ascii)\b", re.IGNORECASE)
_DECLARED = re.compile(rb"<\?xml\s[^<>]{,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")

# arXiv's listings put these around the text itself (https://info.arxiv.org/help/rss.html).
_ARXIV_BEFORE_SUMMARY = re.compile(r"arXiv:\S+\s+Announce Type:\s+\S+\s+Abstract:\s+")
_ARXIV_AFTER_TITLE = re.compile(r"\.?\s+\(arXiv:\S+(?:\s+\[[^\]]*\])?(?:\s+UPDATED)?\)$")

_Item = Mapping[str, Any]


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the items of a feed in its order; relative links are resolved against the final address.

    Only the first 2,000 items are read. An item without title, text and link is refused and counted. Raises
    FeedError for what is no feed: nothing that a feed says of itself is in it, or it cannot be read.
    """
    feed = read_feed(fetched)
    items: list[_Item] = feed.get("entries", [])
    page = _listing_url(feed.get("feed", {}), request)
    entries: list[tuple[Entry, str]] = []
    notes: list[str] = []
    for place, item in enumerate(items[:MAX_ITEMS]):
        entry, guid = parse_item(item, source, page)
        if entry.title:
            entries.append((_inherit_authors(entry, item, feed), guid))
        else:
            notes.append(f"item {place + 1} refused: it has no title, text or link")
    refused = len(notes)
    if len(items) > MAX_ITEMS:
        notes.append(f"only the first {MAX_ITEMS} of {len(items)} items were read")
    sightings = (
        Sighting(entry, source.name, guid, listing_url=page) for entry, guid in split_shared(entries)
    )
    return ParsedFeed(
        tuple(sightings),
        refused=refused,
        notes=(*_problems(feed), *notes),
        quiet_days=read_quiet_days(fetched.body),
        is_cut=is_cut(feed, fetched.body),
    )


def read_feed(fetched: Fetched) -> Mapping[str, Any]:
    """Return what feedparser makes of an answer: ``feed`` is what it says of itself, ``entries`` are its items.

    An item in whose middle the answer ends is not among them: without its link and id it would be another one
    than when it is read whole. Raises FeedError for what is no feed.
    """
    import feedparser  # here: most commands read no feed

    body = fetched.body.lstrip()  # blanks before an XML declaration make it malformed, and are common
    if body[:1] in (b"{", b"["):
        raise FeedError("expected an RSS or Atom feed, found JSON")
    body = _LONG_WORD.sub(_shorten_word, body)
    body, content_type = _settle_encoding(body, fetched.content_type)
    body = _REFERENCES.sub(_mend_references, body)
    headers = {"content-type": content_type}
    if urlsplit(clean_url(fetched.url)).scheme:
        headers["content-location"] = fetched.url
    try:
        # Never the bytes themselves: feedparser would open a file of that name.
        feed: dict[str, Any] = feedparser.parse(
            BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:  # a library of 20 years of special cases: whatever it raises, the body did it
        raise FeedError(
            f"the feed cannot be read: {type(error).__name__}: {clean_line(str(error), 200)}"
        ) from error
    if not feed.get("entries") and not feed.get("version"):
        raise FeedError(f"expected an RSS or Atom feed, found {describe(body)}")
    if is_cut(feed, body) and _ends_in_item(body):
        del feed["entries"][-1:]
    return feed


def _shorten_word(word: re.Match[bytes]) -> bytes:
    """Return the beginning of a word that nobody could read, an even number of bytes shorter."""
    return word[0][: 1_000 + len(word[0]) % 2]


def _mend_references(references: re.Match[bytes]) -> bytes:
    """Return character references without those that stand for no character (XML 1.0 section 4.1): feedparser would
    give up the whole feed. A character that was written as the two halves of UTF-16 is put together."""
    codes = [int(hexed, 16) if hexed else int(number) for hexed, number in _REFERENCE.findall(references[0])]
    halves = "".join(chr(code) for code in codes if code <= 0x10FFFF).encode("utf-16-le", "surrogatepass")
    text = halves.decode("utf-16-le", "ignore")
    return b"".join(b"&#%d;" % ord(sign) for sign in text if sign in _MEANT or clean_text(sign))


def _settle_encoding(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the body and the content type that feedparser is told.

    Bytes that read as UTF-8 are UTF-8, whatever header and declaration say: in another encoding more sequences
    are bad than good. A few bad ones become replacement signs, and half a character at the end goes; for either
    feedparser would take the whole for another encoding. Else the header decides (RFC 7303 section 3), and without
    a charset there the declaration and the content. Servers claim ISO 8859-1 for whatever they send, and any bytes
    can be read as that: then a declaration that decodes is believed rather.
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not body.startswith(
        codecs.BOM_UTF32_LE
    ):
        return body.decode("utf-16", "replace").encode(), "application/xml; charset=utf-8"
    if not body.isascii() and b"\0" not in body:
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(body)
        bad = text.count("\ufffd")
        good = len(text) - len(text.encode("ascii", "ignore")) - bad
        if good > bad:
            return text.encode(), "application/xml; charset=utf-8"
    if "charset=" not in content_type.casefold():
        return body, "application/xml"
    declared = _DECLARED.match(body)
    if _CLAIM.search(content_type) and declared and _decodes(body, declared[1].decode("ascii", "replace")):
        return body, "application/xml"
    return body, content_type


def _decodes(body: bytes, encoding: str) -> bool:
    try:
        body.decode(encoding)
    except (LookupError, ValueError):
        return False
    return True


def is_cut(feed: Mapping[str, Any], body: bytes) -> bool:
    """Tell whether a feed that is not well-formed lacks its end: it was cut on its way or by its server."""
    return bool(feed.get("bozo")) and not _END.search(body[-2_000:])


def _ends_in_item(body: bytes) -> bool:
    last = None
    for last in _ITEM_TAG.finditer(body):  # noqa: B007 — the last one is what is looked for
        pass
    return last is not None and not last[1]


def read_quiet_days(body: bytes) -> frozenset[int]:
    """Return the days of the week on which a feed says that it brings nothing (RSS ``skipDays``; 0 is Monday)."""
    found = _SKIP_DAYS.search(body[:20_000])  # feedparser keeps only the last of the days
    named = found[1].decode("utf-8", "replace").casefold() if found else ""
    return frozenset(number for number, day in enumerate(_DAYS) if day in named)


def _problems(feed: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the feed as a whole; that its encoding was declared wrongly does no harm."""
    from feedparser import CharacterEncodingOverride

    error = feed.get("bozo_exception")
    if error is not None and not isinstance(error, CharacterEncodingOverride):
        yield f"not well-formed: {clean_line(str(error), 200)}"


def describe(body: bytes) -> str:
    """Return in a few words what a body is that is no feed."""
    if not body:
        return "nothing"
    if re.match(rb"<(?:!doctype html|html)", body, re.IGNORECASE):
        return "an HTML page"
    if root := re.search(rb"<([a-zA-Z][\w:.-]{,40})", body[:2_000]):
        return f"an element <{root[1].decode()}>"
    return f"something that begins with {clean_line(body[:40].decode('utf-8', 'replace'), 40)!r}"


def parse_item(item: _Item, source: Source, listing_url: str) -> tuple[Entry, str]:
    """Return one item of what feedparser read: the entry (its title empty if there is none to be had) and its guid."""
    summary = _ARXIV_BEFORE_SUMMARY.sub("", _read_summary(item), count=1)
    title = _ARXIV_AFTER_TITLE.sub("", _detail(item, "title", MAX_TITLE_CHARS))
    url = _text_url(item, "link")
    title = title or clean_line(summary, _TITLE_FROM_SUMMARY_CHARS) or url
    guid = (
        clean_line(read_text(item, "id"), 2_000)
        or url
        or hashlib.sha256(f"{title}\n{summary}".encode()).hexdigest()
    )
    keys = choose_keys(url=url, guid=guid, source=source.name, doi=_read_doi(item))
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=title,
        summary=summary,
        authors=_read_authors(item, is_arxiv=keys[0].startswith("arxiv:")),
        published_at=_read_time(item),
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


def _listing_url(feed: _Item, request: Request) -> str:
    """Return the page that the feed belongs to; "" where it names only itself: people cannot read that."""
    for link in _list(feed, "links"):
        url = _text_url(link, "href")
        if link.get("rel") == "alternate" and choose_keys(url=url) != choose_keys(url=request.location):
            return url
    return ""


def _read_summary(item: _Item) -> str:
    if summary := _detail(item, "summary", MAX_SUMMARY_CHARS):
        return summary
    contents = (_markup_or_text(content, MAX_SUMMARY_CHARS) for content in _list(item, "content"))
    return next((content for content in contents if content), "")


def _detail(item: _Item, name: str, max_chars: int) -> str:
    detail = item.get(f"{name}_detail")
    return _markup_or_text(detail, max_chars) if isinstance(detail, Mapping) else ""


def _markup_or_text(detail: _Item, max_chars: int) -> str:
    value = read_text(detail, "value")
    return parse_markup(value, max_chars) if detail.get("type") in _MARKUP else clean_line(value, max_chars)


def _read_authors(item: _Item, *, is_arxiv: bool) -> tuple[str, ...]:
    names = [read_text(author, "name") for author in _list(item, "authors")]
    names = [parse_markup(name, MAX_NAME_CHARS * 100) for name in names]
    if is_arxiv and len(names) == 1:
        # dc:creator of a listing holds all of them.
        names = re.split(r",\s+(?![^(]*\))", names[0])
    return clean_names(names)


def _inherit_authors(entry: Entry, item: _Item, feed: _Item) -> Entry:
    """Return an Atom entry that names no authors with those of its source or feed (RFC 4287 section 4.2.1).

    Who makes a feed of papers did not write them.
    """
    is_paper = entry.key.startswith(("arxiv:", "doi:"))
    if entry.authors or is_paper or not read_text(feed, "version").startswith("atom"):
        return entry
    origins = (origin for origin in (item.get("source"), feed.get("feed")) if isinstance(origin, Mapping))
    authors = (_read_authors(origin, is_arxiv=False) for origin in origins)
    return replace(entry, authors=next((names for names in authors if names), ()))


def _read_time(item: _Item) -> datetime | None:
    """Return when the item was published; RSS with dc:date and old Atom say only when it was updated."""
    # Not item.get: feedparser gives "published" where "updated" is asked for and missing.
    times = dict(item.items())
    for name in ("published_parsed", "updated_parsed", "created_parsed"):
        if times.get(name) is not None:
            try:
                return datetime.fromtimestamp(timegm(times[name]), UTC)
            except (ValueError, OverflowError, OSError, TypeError):
                continue
    return None


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


def split_shared(entries: Sequence[tuple[Entry, str]]) -> Iterator[tuple[Entry, str]]:
    """Yield the entries; an address that several differently titled items share names none of them."""
    titles: defaultdict[EntryKey, set[str]] = defaultdict(set)
    for entry, _ in entries:
        for key in entry.keys:
            titles[key].add(entry.title)
    for entry, guid in entries:
        keys = tuple(key for key in entry.keys if not (key.startswith("url:") and len(titles[key]) > 1))
        if keys:
            entry = replace(entry, key=keys[0], aliases=keys[1:])
        yield entry, guid


def _text_url(item: _Item, name: str) -> str:
    return clean_url(read_text(item, name))


def _list(item: _Item, name: str) -> list[_Item]:
    values = item.get(name)
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
