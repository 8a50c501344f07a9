"""Which feeds a web page names, the best first: by ``<link>`` and the header Link, else by links in its text. Pure.

Sources: https://html.spec.whatwg.org/multipage/links.html#rel-alternate, RFC 8288, and what sites do besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from newsletter.collect.plain import clean_url, parse_page

if TYPE_CHECKING:
    from bs4 import Tag

    from newsletter.model.sources import Fetched

_MAX_PAGE_BYTES = 1_000_000
_LANGUAGE = re.compile(rb"<html\b[^>]{,500}?\slang=[\"']?([a-z]+)", re.I)
_FEED_TYPES = frozenset(
    f"application/{name}"
    for name in ("atom+xml", "feed+json", "rss+xml", "json", "rdf+xml", "x-rss+xml", "rss", "atom")
)
_XML_TYPES = frozenset(["application/xml", "text/xml", "text/rss+xml", "text/rss", ""])
_FEED_PATH = re.compile(
    r"(?:^|[/._-])(?:rss|rss2|atom|feeds?|index|rdf)(?:\.(?:xml|rss|atom|rdf|json|php|aspx?))$"
    r"|(?:^|/)(?:rss|rss2|atom|feeds?)/?$|\.(?:rss|atom|rdf)$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed|format|type|output)=(?:rss2?|atom|feed|xml|rdf)\b", re.IGNORECASE)
_FEED_WORDS = re.compile(
    r"\brss\b|\b(?:atom|json|xml|news)[ -]?feeds?\b|^(?:atom|feeds?|xml|subscribe)$", re.IGNORECASE
)
_MAX_WORDS = 30
_HOST_OF_FEEDS = re.compile(r"^(?:www|feeds?|rss)\.")
_FEED_SCHEME = re.compile(r"feed:(?=https?://)|feed:(?=//)", re.IGNORECASE)
_LINK_VALUE = re.compile(r"<([^<>]{1,2000})>((?:\s*;\s*[\w*-]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)")
_PARAMETER = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]*))")


@dataclass(frozen=True, slots=True)
class _Link:
    """A link to something, with what is said of it. is_in_text: it stands in the page for people to press."""

    url: str
    rel: frozenset[str]
    type: str
    title: str = ""
    language: str = ""
    is_in_text: bool = False


def find_feeds(fetched: Fetched) -> Iterator[str]:
    """Yield the addresses of the feeds that a page names, each once, the best first.

    The page's order counts (a site's main feed comes first), but feeds of comments come last, before them JSON of any
    kind, which may be an API of the site, before that links in the text, and what is in another language than the page.
    """
    found = _LANGUAGE.search(fetched.body[:10_000])
    language = found[1].decode().lower() if found else ""
    ranked = []
    for link in _find_links(fetched):
        rank = _rank(link, fetched.url)
        if rank is not None and link.url:
            is_comments = "comment" in f"{link.title} {link.url}".lower()
            is_foreign = bool(link.language and language) and link.language != language
            ranked.append(((is_comments, link.type == "application/json", rank, is_foreign), link.url))
    yield from dict.fromkeys(url for _, url in sorted(ranked, key=lambda pair: pair[0]))


def _rank(link: _Link, page: str) -> int | None:
    """Return how surely a link leads to a feed, 0 for the best; None where it does not."""
    looks_like_one = _is_feed_address(link.url)
    if link.is_in_text:
        says_so = len(link.title) <= _MAX_WORDS and _FEED_WORDS.search(link.title)
        is_typed = "feed" in link.rel or link.type in _FEED_TYPES - {"application/json"}
        is_meant = looks_like_one or says_so or is_typed
        return 2 if is_meant and _is_same_site(link.url, page) else None
    if "stylesheet" in link.rel or not link.rel & {"alternate", "feed"}:
        return None
    if link.type in _FEED_TYPES:
        return 0
    is_meant = "feed" in link.rel or (link.type in _XML_TYPES and (bool(link.type) or looks_like_one))
    return 1 if is_meant else None


def _find_links(fetched: Fetched) -> Iterator[_Link]:
    for target, parameters in _LINK_VALUE.findall(fetched.link):
        said = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters)}
        rel = frozenset(said.get("rel", "").lower().split())
        yield _Link(_join(fetched.url, target), rel, _plain_type(said.get("type", "")), said.get("title", ""))
    # lxml finds its way through deep nesting; only the tags that matter are kept.
    page = parse_page(fetched.body[:_MAX_PAGE_BYTES], ["link", "base", "a"])
    base = fetched.url
    if (named := page.find("base", href=True)) is not None:
        base = _join(base, str(named["href"])) or base
    for tag in page.find_all(["link", "a"], href=True):
        in_text = tag.name == "a"
        yield _Link(
            _join(base, str(tag["href"])),
            frozenset(word.lower() for word in tag.get_attribute_list("rel") if isinstance(word, str)),
            _plain_type(str(tag.get("type", ""))),
            _words_of(tag) if in_text else str(tag.get("title", "")),
            str(tag.get("hreflang", "")).partition("-")[0].strip().lower(),
            in_text,
        )


def _words_of(tag: Tag) -> str:
    """Return what a link is called: its text, else what stands for its picture."""
    picture = tag.find("img", alt=True)
    names = (tag.get_text(" "), tag.get("title"), tag.get("aria-label"), picture and picture.get("alt"))
    return next((" ".join(str(name).split()) for name in names if name and str(name).strip()), "")


def _is_feed_address(url: str) -> bool:
    parts = urlsplit(url)
    is_burner = (parts.hostname or "").startswith(("feeds.", "feed.", "rss."))
    return bool(
        _FEED_PATH.search(parts.path)
        or _FEED_QUERY.search(parts.query)
        or (is_burner and len(parts.path) > 1)
    )


def _is_same_site(url: str, page: str) -> bool:
    """Return whether a feed and a page are of one site: one host, or one below the other (``www.`` aside). A host of
    feeds serves many sites."""
    is_host_of_feeds = bool(re.match(r"feeds?\.|rss\.", urlsplit(url).hostname or ""))
    one, other = (_HOST_OF_FEEDS.sub("", urlsplit(address).hostname or "") for address in (url, page))
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}") or is_host_of_feeds


def _plain_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _join(base: str, href: str) -> str:
    """Return a whole http or https address, "" for anything else. ``feed:`` is another way to write either."""
    try:
        return clean_url(urljoin(base, _FEED_SCHEME.sub("", href.strip(), count=1)))
    except ValueError:
        return ""
