"""RSS and Atom as feedparser reads them, but an item's title, link, text and people are those that it gives itself.

feedparser writes what stands in pictures, sound files and other modules over the item's own, in the order in which it
comes. Here what is inside of another element has no say, and what a module says of the item stands beside it
(``second_title``, ``second_summary``, ``second_author``). Authors keep the text that was written.
"""

from __future__ import annotations

import xml.sax
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from typing import Any

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.sanitizer import replace_doctype

_SECOND = {
    "media:title": "second:title",
    "dc:title": "second:title",
    "itunes:title": "second:title",
    "media:description": "second:summary",
    "dc:description": "second:summary",
    "dcterms:abstract": "second:summary",
    "itunes:summary": "second:summary",
    "itunes:subtitle": "second:subtitle",
    "itunes:author": "second:author",
    "authors": "second:author",
}
# Their children are the item's: people, an Atom entry's source, what is played or shown.
_TRANSPARENT = frozenset(
    ["author", "contributor", "source", "dc:creator", "dc:author", "media:group", "media:content"]
)
_SHOWN = frozenset(
    ["media:content", "media:thumbnail", "media:group", "media:player", "media:credit", "media:rating"]
)
_NO_CONTAINERS = frozenset(["image", "textinput", "textInput"])
_ITEMS = frozenset(["item", "entry"])
_MAX_DEPTH = 50
# What feedparser's handlers raise at an element that they do not expect: it costs that element alone.
_MISHAPS = (LookupError, TypeError, ValueError, AttributeError)

_Attributes = Sequence[tuple[str, str]]


class _OwnElements:
    """Keeps an item's elements apart from those of its elements, for either of feedparser's parsers."""

    # Whether a guid is an address is seen when it is read: against the feed's it would become one.
    can_be_relative_uri = StrictFeedParser.can_be_relative_uri - {"id"}

    def __init__(self, *args: Any) -> None:
        self._open: list[tuple[str, str]] = []
        super().__init__(*args)

    def unknown_starttag(self, tag: str, attrs: _Attributes) -> None:
        name = tag
        if self.inentry and not self.incontent and tag not in _ITEMS:  # type: ignore[attr-defined]
            name = self._name(tag)
        if self.inentry and len(self._open) < _MAX_DEPTH:  # type: ignore[attr-defined]
            self._open.append((tag, name))
        if tag in _ITEMS:
            self._open = []
        with suppress(*_MISHAPS):
            super().unknown_starttag(name, attrs)  # type: ignore[misc]

    def unknown_endtag(self, tag: str) -> None:
        places = [place for place, (written, _) in enumerate(self._open) if written == tag]
        name = tag
        if places:
            name = self._open[places[-1]][1]
            del self._open[places[-1] :]
        with suppress(*_MISHAPS):
            super().unknown_endtag(name)  # type: ignore[misc]

    def pop(self, element: str, strip_whitespace: int = 1) -> Any:
        """Return the text of an element; an empty one takes nothing from what the item has said before."""
        context = self._get_context()  # type: ignore[attr-defined]
        before = dict.get(context, element)
        text = super().pop(element, strip_whitespace)  # type: ignore[misc]
        if before and not text and dict.get(context, element) == "":
            context[element] = before
        return text

    def _name(self, tag: str) -> str:
        """Return under which name feedparser reads an element of an item."""
        prefix, _, name = tag.rpartition(":")
        prefix = self.namespacemap.get(prefix, prefix)  # type: ignore[attr-defined]
        full = f"{prefix}:{name}" if prefix else name
        if not self._open:
            return f"inner:{name}" if full in _NO_CONTAINERS else _SECOND.get(full, full)
        outer = self._open[0][1]
        if outer == "media:group" and len(self._open) == 1 and full in _SECOND:
            return _SECOND[full]
        is_own = outer in _TRANSPARENT and (full in _SHOWN or not outer.startswith("media:"))
        return full if is_own else f"inner:{name}"

    def push_content(self, tag: str, attributes: dict[str, str], type_: str, expecting_text: int) -> None:
        # In RSS nobody says what a title is; feedparser's guess takes one unknown tag for plain text.
        if tag == "title" and not self.version.startswith("atom"):  # type: ignore[attr-defined]
            type_ = "text/unknown"
        super().push_content(tag, attributes, type_, expecting_text)  # type: ignore[misc]

    def _start_second_title(self, attributes: dict[str, str]) -> None:
        self.push("second_title", 1)  # type: ignore[attr-defined]

    def _start_second_summary(self, attributes: dict[str, str]) -> None:
        self.push("second_summary", 1)  # type: ignore[attr-defined]

    def _end_author(self) -> None:
        text = self.pop("author")
        self.inauthor = 0
        people = self._get_context().get("authors")  # type: ignore[attr-defined]
        if text and people and not people[-1]:
            people[-1]["name"] = text

    _end_managingeditor = _end_author

    def _sync_author_detail(self, key: str = "author") -> None:
        """Do nothing: feedparser would look for addresses in names with an expression that takes quadratic time."""


class _Strict(_OwnElements, StrictFeedParser):  # type: ignore[misc]
    pass


class _Loose(_OwnElements, LooseFeedParser):  # type: ignore[misc]
    pass


def parse_xml(body: bytes, base: str) -> dict[str, Any]:
    """Return the feed in ``feed``, its ``entries``, its ``version`` ("" for what is no feed) and, where it is not
    well-formed, why not in ``problem``. The body is UTF-8; links are resolved against base.
    """
    version, data, entities = replace_doctype(body)
    problem: Exception | None = None
    parser: Any = _Strict(base, None, "utf-8")
    reader = xml.sax.make_parser()
    reader.setFeature(xml.sax.handler.feature_namespaces, True)
    reader.setFeature(xml.sax.handler.feature_external_ges, False)
    reader.setContentHandler(parser)
    reader.setErrorHandler(parser)
    source = xml.sax.xmlreader.InputSource()
    source.setByteStream(BytesIO(data))
    _no_markup_work(parser)
    try:
        reader.parse(source)
    except xml.sax.SAXException as error:
        problem = parser.exc or error
        parser = _Loose(base, None, "utf-8", entities)
        _no_markup_work(parser)
        parser.feed(data.decode("utf-8", "replace"))
    return {
        "feed": parser.feeddata,
        "entries": parser.entries,
        "version": version or parser.version,
        "problem": problem,
    }


def _no_markup_work(parser: Any) -> None:
    """Leave markup as it came: it becomes plain text later."""
    parser.resolve_relative_uris = False
    parser.sanitize_html = False
