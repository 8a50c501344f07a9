"""Hostile text becomes plain text: one line, single spaces, nothing invisible, bounded length.

What every parser uses for markup, names and addresses; lines are newsletter.text's. Leaves escaping to the renderer.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.errors import FeedError
from newsletter.text import clean_line, clean_output

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

MAX_ITEMS = 2_000
MAX_TITLE_CHARS = 1_000
MAX_SUMMARY_CHARS = 10_000
MAX_NAME_CHARS = 300
MAX_URL_CHARS = 2_000
_MAX_MARKUP_CHARS = 100_000
_MAX_MARKUP_DEPTH = 50

# Blanks that came in by copying: a line broken in two, "https://github.com/ example/code".
_STRAY_BLANKS = re.compile(r"[\t\r\n]+ *|(?<=/)\s+")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)[^<>]*?(/?)>")
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
# An annotation says the same as its formula, in another language.
_UNSEEN = [
    *("script", "style", "template", "noscript", "iframe", "object", "svg"),
    *("annotation", "annotation-xml", "mml:annotation", "mml:annotation-xml"),
]
_KNOWN = """
    a abbr acronym address article aside b bdi bdo big blockquote br center cite code dd del dfn div dl dt em
    figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd label li mark nobr ol p pre q s samp
    section small span strike strong sub sup svg table tbody td tfoot th thead tr tt u ul var wbr math mi mn mo ms
    mtext mspace mrow mfrac msqrt mroot mstyle merror mpadded mphantom mfenced menclose msub msup msubsup munder
    mover munderover mmultiscripts mtable mtr mtd maction semantics annotation annotation-xml mprescripts italic
    bold sc scp monospace roman sans-serif underline overline named-content styled-content inline-formula
    disp-formula tex-math inline-graphic xref ext-link alternatives inf fn chem chem-struct milestone-start
    milestone-end abbrev uri email institution break hi emph titre
"""
# Tags of HTML and MathML, and of what publishers write their articles in: JATS, Wiley's and Elsevier's, Word's.
_KNOWN_TAG = (
    rf"/?(?:(?:jats|mml|m|ce|sb|o|w|v|st1|x?html|ns\d+):[a-z][\w-]*|(?:{'|'.join(_KNOWN.split())})(?=[\s/>]))"
)
# A sign that begins no tag: "$x<y$ and $y>z$", "p<q". A known tag that was cut at the end of a text is one.
_NO_TAG = re.compile(
    rf"<(?!/?[a-z][\w:.-]*(?:\s(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*|\s[^<>]*)?/?>|[!?]|{_KNOWN_TAG}[^<>]*\Z|/?[a-z]*\Z)",
    re.IGNORECASE | re.ASCII,
)
_ESCAPED_TWICE = re.compile(rf"<({_KNOWN_TAG})[^<>]*>.*</\1>", re.IGNORECASE | re.DOTALL)
_UNKNOWN_SIGN = re.compile(rf"<(?!{_KNOWN_TAG}[^<>]*>)", re.IGNORECASE)
_CERTAIN = re.compile(
    rf"<(?=/){_KNOWN_TAG}[^<>]*>|<(?:br|wbr|hr|img)\b[^<>]*>|<{_KNOWN_TAG}[^<>]*/>", re.IGNORECASE
)
_BLOCKS = [
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure"),
    *("footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre"),
    *("section", "table", "td", "th", "tr", "ul", "jats:title", "jats:p", "jats:sec"),
]


def clean_names(names: list[str]) -> tuple[str, ...]:
    """Return each name cleaned, in order, without empty ones and repeats."""
    cleaned = (clean_line(name, MAX_NAME_CHARS) for name in names)
    return tuple(dict.fromkeys(name for name in cleaned if name))


def clean_url(text: str) -> str:
    """Return an http or https address that may stand in a mail, or "" for anything else."""
    url = _STRAY_BLANKS.sub("", clean_output(text).strip())
    if not url or len(url) > MAX_URL_CHARS:
        return ""
    url = "%20".join(url.split())
    try:
        parts = urlsplit(url)
        _ = parts.port  # refuses what is no number
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""


@cache
def _load_parser() -> type[BeautifulSoup]:
    """Return the parser of HTML, imported when the first markup comes: most commands see none."""
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning

    # Pages that begin with an XML declaration, texts that look like an address: both are read as they should be.
    # For the whole process, because parsers run in threads and filters cannot be set for one.
    warnings.filterwarnings("ignore", category=XMLParsedAsHTMLWarning)
    warnings.filterwarnings("ignore", category=MarkupResemblesLocatorWarning)
    return BeautifulSoup


def parse_markup(markup: str, max_chars: int) -> str:
    """Return the visible text of an HTML fragment in one line. Words of different paragraphs stay apart.

    Only the first 100,000 characters are read. Markup nested deeper than 50 elements is not parsed
    (a parser may need minutes or crash on it): its tags are cut out instead.
    """
    text = _read_markup(markup[:_MAX_MARKUP_CHARS])
    if _ESCAPED_TWICE.fullmatch(text.strip()):
        text = _read_markup(text)
    return clean_line(text, max_chars)


def _read_markup(markup: str) -> str:
    """Return the visible text of an HTML fragment as it comes."""
    if "<" not in markup and "&" not in markup:
        return markup
    markup = _NO_TAG.sub("&lt;", markup)
    if _is_deep(markup):
        markup = _TAG.sub(" ", markup)
    soup = _load_parser()(clean_output(markup), "lxml")
    unseen = [*_UNSEEN, "tex-math", "jats:tex-math"] if "math" in markup.replace("tex-math", "") else _UNSEEN
    for tag in soup.find_all(unseen):
        tag.clear()
    for tag in soup.find_all(_BLOCKS):
        # Inside the element: beside it, bs4 would look for its place among all its siblings.
        tag.insert(0, " ")
        tag.append(" ")
    return soup.get_text()


def parse_title(title: str, max_chars: int, *, is_markup: bool = False) -> str:
    """Return a title in one line, without the tags of HTML, MathML and publishers that it has.

    Where nobody says that it is markup, a tag is one only if something like it is closed: "The <b> tag" and
    "Map<K,V>" stay as they are.
    """
    if not is_markup and not _CERTAIN.search(title):
        title = title.replace("<", "&lt;")
    return parse_markup(_UNKNOWN_SIGN.sub("&lt;", title), max_chars)


def parse_page(
    body: bytes, tags: Sequence[str] = (), attributes: Mapping[str, str] = MappingProxyType({})
) -> BeautifulSoup:
    """Return the elements of a web page that have one of these tags (any, where none is named) and these attributes.

    Raises FeedError where the page cannot be read.
    """
    from bs4.filter import SoupStrainer

    wanted = SoupStrainer(list(tags) or None, dict(attributes))
    try:
        return _load_parser()(body, "lxml", parse_only=wanted)
    except ValueError as error:  # the name of its charset holds control characters
        raise FeedError(f"the page cannot be read: {clean_line(str(error), 200)}") from error


def _is_deep(markup: str) -> bool:
    depth = 0
    for closing, name, empty in _TAG.findall(markup):
        if name.lower() in _VOID or empty:
            continue
        depth += -1 if closing else 1
        if depth > _MAX_MARKUP_DEPTH:
            return True
    return False
