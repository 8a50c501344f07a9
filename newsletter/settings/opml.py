"""OPML, in which feed readers pass lists of feeds on: bytes → the feeds in them, and back. Pure.

Source: http://opml.org/spec2.opml. What programs write all the same is read as it was meant: no ``type``, no ``text``,
other capitals in ``xmlUrl``, a bare ``&`` in an address. Nothing that a document declares itself is expanded.
"""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from newsletter.collect.atom_rss import describe
from newsletter.collect.characters import read_characters
from newsletter.collect.plain import clean_url
from newsletter.errors import ConfigError, Problem
from newsletter.text import clean_line, clean_text

MAX_BYTES = 10_000_000
MAX_FEEDS = 5_000
_MAX_DEPTH = 50
_MAX_CHARS = 2_000

_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
_AMPERSAND = re.compile(r"&(?:(#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);|(\w{1,40};)?)")
# What browsers and podcast programs write for http.
_SCHEME = re.compile(r"(?:feed|rss|itpc|pcast|podcast):(?://)?(?=\S)", re.IGNORECASE)
_FEED_TYPES = frozenset(["rss", "atom", "feed", "rdf", "rss1", "rss2", "atom1"])


class Outline(NamedTuple):
    """A feed in a list: what it is called there, its address as an http or https one where it is meant so, its line."""

    title: str
    url: str
    line: int


@dataclass(frozen=True, slots=True)
class FeedList:
    """The feeds of a document in its order. others counts the outlines that are neither feeds nor folders."""

    feeds: tuple[Outline, ...]
    others: int = 0


def parse_opml(data: bytes, file: str) -> FeedList:
    """Return the feeds that a document lists, in folders of any kind. file is its name in messages.

    Raises ConfigError with the line for what is not well-formed, is no OPML, declares entities, or is too large.
    """
    if len(data) > MAX_BYTES:
        raise _refusal(f"has more than {MAX_BYTES // 1_000_000} MB", file)
    text = read_characters(data).text
    text = _DECLARATION.sub(lambda found: "\n" * found[0].count("\n"), text, count=1)
    if not text.strip():
        raise _refusal("is empty; an OPML file is expected", file)
    text = clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))
    reader = _Reader(file)
    parser = expat.ParserCreate("utf-8")
    reader.parser = parser
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.EntityDeclHandler = reader.refuse_entity
    try:
        parser.Parse(_AMPERSAND.sub(_mend_ampersand, text).encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        if not reader.is_opml:  # a page, or no XML at all
            raise _refusal(f"is not OPML, but {describe(text.lstrip())}", file) from error
        is_cut = error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]
        why = "it ends in the middle" if is_cut else expat.errors.messages[error.code]
        raise _refusal(
            f"is not well-formed: {why}; export it anew, or mend this line", file, error.lineno
        ) from error
    return FeedList(tuple(reader.feeds), reader.others)


def build_opml(feeds: Iterable[tuple[str, str]], title: str, now: datetime) -> str:
    """Return OPML 2.0 with these feeds, each a name and an address, as feed readers import it."""
    outlines = "".join(
        f'    <outline type="rss" text={_attribute(name)} title={_attribute(name)} xmlUrl={_attribute(url)}/>\n'
        for name, url in feeds
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n  <head>\n'
        f"    <title>{html.escape(clean_line(title, _MAX_CHARS), quote=False)}</title>\n"
        f"    <dateCreated>{format_datetime(now)}</dateCreated>\n"
        f"  </head>\n  <body>\n{outlines}  </body>\n</opml>\n"
    )


def _attribute(text: str) -> str:
    return quoteattr(clean_line(text, _MAX_CHARS))


@dataclass(slots=True)
class _Reader:
    """Takes what the parser finds, element by element."""

    file: str
    parser: expat.XMLParserType | None = None
    is_opml: bool = False
    feeds: list[Outline] = field(default_factory=list)
    others: int = 0
    _open: list[int] = field(default_factory=list)

    @property
    def _line(self) -> int:
        assert self.parser is not None
        return self.parser.CurrentLineNumber

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self._open and name.lower() != "opml":
            what = (
                "a feed itself: write its address under 'sources'"
                if name in ("rss", "feed", "rdf:RDF")
                else f"<{name[:40]}>"
            )
            raise _refusal(f"is not OPML, but {what}", self.file, self._line)
        self.is_opml = True
        if len(self._open) >= _MAX_DEPTH:
            raise _refusal(f"is nested more than {_MAX_DEPTH} levels", self.file, self._line)
        self._open.append(0)
        if name.lower() == "outline":
            self._take({key.lower(): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        self._open.pop()

    def refuse_entity(self, *_: object) -> None:
        raise _refusal("declares entities of its own, which is refused", self.file, self._line)

    def _take(self, given: Mapping[str, str]) -> None:
        is_feed = given.get("type", "").strip().lower() in _FEED_TYPES
        url = (given.get("xmlurl") or (given.get("url") if is_feed else "") or "").strip()
        if not url:
            # A folder says no more than its name.
            self.others += any(given.get(name) for name in ("url", "htmlurl")) or is_feed
            return
        if len(self.feeds) >= MAX_FEEDS:
            raise _refusal(f"lists more than {MAX_FEEDS} feeds; split it", self.file, self._line)
        title = clean_line(given.get("title", ""), _MAX_CHARS) or clean_line(
            given.get("text", ""), _MAX_CHARS
        )
        self.feeds.append(Outline(title, _plain_address(url), self._line))


def _plain_address(url: str) -> str:
    """Return an address without a scheme that only says that it is a feed's: ``feed:https://…``, ``feed://…``."""
    url = clean_line(url)
    rest = _SCHEME.sub("", url, count=1)
    if rest != url:
        url = rest if re.match(r"https?:", rest, re.IGNORECASE) else f"http://{rest}"
    return clean_url(url) or url


def _mend_ampersand(found: re.Match[str]) -> str:
    """Return a reference as XML knows it: an HTML name as its character, a bare ``&`` as ``&amp;``."""
    if found[1]:
        return found[0]
    name = found[2] or ""
    sign = html.entities.html5.get(name, "")
    return html.escape(sign) if sign else f"&amp;{name}"


def _refusal(message: str, file: str, line: int = 0) -> ConfigError:
    return ConfigError([Problem(message, file, line)])
