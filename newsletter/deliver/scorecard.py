"""A message's bytes → what is good and what is wrong with it: the part of a perfect mail that bytes alone can show.

Each check has the number that docs/inbox.md gives it; what needs a browser, a spam filter or a server is measured by
``make inbox``. Pure. The standard parser and an HTML parser read the message; nothing here knows how it was made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from newsletter.encoding import encode_lines

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MAX_HTML_BYTES = 100_000  # Gmail hides what is behind about 102 kB
_SINGLE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
_VAGUE = frozenset({"here", "click here", "read more", "more", "link", "this link", "learn more"})
_GENERATED = frozenset({"script", "form", "iframe", "link", "img", "object", "embed", "svg", "input"})


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its number in docs/inbox.md, what it asks for, and what is wrong, "" for nothing."""

    item: int
    what: str
    wrong: str = ""

    @property
    def is_good(self) -> bool:
        return not self.wrong


class _Mail:
    """A message, read."""

    def __init__(self, message: bytes) -> None:
        self.raw = message
        self.head = message.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
        parsed = BytesParser(policy=policy.default).parsebytes(message)
        assert isinstance(parsed, EmailMessage)
        self.parsed = parsed
        self.bulk = "List-Unsubscribe" in parsed

    def header(self, name: str) -> str:
        """Return a header as it stands, unfolded; "" where there is none."""
        found = re.search(
            rf"^{name}: ?([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", self.head, re.MULTILINE | re.IGNORECASE
        )
        return re.sub(r"\r\n[ \t]", " ", found[1]).strip() if found else ""

    def part(self, subtype: str) -> str:
        for part in self.parsed.walk():
            if part.get_content_type() == f"text/{subtype}":
                return str(part.get_content()).replace("\r\n", "\n")
        return ""

    @cached_property
    def text(self) -> str:
        return self.part("plain")

    @cached_property
    def html(self) -> str:
        return self.part("html")

    @cached_property
    def soup(self) -> BeautifulSoup:
        return self.parse_html()

    def parse_html(self) -> BeautifulSoup:
        from bs4 import BeautifulSoup  # here: previews alone need it

        return BeautifulSoup(self.html, "lxml")

    @cached_property
    def subject(self) -> str:
        return str(make_header(decode_header(self.header("Subject"))))

    @cached_property
    def html_links(self) -> list[str]:
        return [str(link.get("href", "")) for link in self.soup.find_all("a")]

    @cached_property
    def text_links(self) -> list[str]:
        return re.findall(r"(?:https?://|mailto:)\S+", self.text)

    @cached_property
    def preheader(self) -> Tag | None:
        wrapper = self.soup.select_one("[role=article]")
        return wrapper.select_one("*") if wrapper else None


def check_message(message: bytes) -> tuple[Check, ...]:
    """Return every check that applies to this message, in the order of their numbers."""
    mail = _Mail(message)
    checks = []
    for item, what, find_faults, is_for_bulk in _CHECKS:
        if mail.bulk or not is_for_bulk:
            checks.append(Check(item, what, "; ".join(find_faults(mail))))
    return tuple(checks)


_Faults = Iterator[str]


def _defects(mail: _Mail) -> _Faults:
    for part in mail.parsed.walk():
        yield from (type(defect).__name__ for defect in part.defects)
        for name, value in part.items():
            yield from (f"{name}: {type(defect).__name__}" for defect in value.defects)


def _lines(mail: _Mail) -> _Faults:
    if re.search(rb"[^\r]\n|\r[^\n]|\0", mail.raw):
        yield "a bare CR, LF or NUL"
    long = [line for line in mail.raw.split(b"\r\n") if len(line) > 998]
    if long:
        yield f"a line of {max(map(len, long))} octets"
    for line in mail.head.split("\r\n"):
        if len(line) > 78 and not re.fullmatch(r"(?:[\w-]+:)?\s*<\S+>,?", line):
            yield f"a header line of {len(line)} columns"


def _seven_bit(mail: _Mail) -> _Faults:
    if not mail.raw.isascii():
        yield "bytes above 127"


def _single_headers(mail: _Mail) -> _Faults:
    for name in _SINGLE:
        number = len(mail.parsed.get_all(name, []))
        if number != 1:
            yield f"{name} is there {number} times"


def _date_and_id(mail: _Mail) -> _Faults:
    try:
        at = parsedate_to_datetime(mail.header("Date"))
    except ValueError:
        yield "no readable Date"
    else:
        if at.tzinfo is None:
            yield "the Date has no time zone"
    sender = mail.parsed["From"].addresses[0].domain if mail.parsed["From"] else ""
    found = re.fullmatch(r"<[^@<> ]+@([^@<> ]+)>", mail.header("Message-ID"))
    if not found or found[1] != sender:
        yield "Message-ID is not in the sender's domain"


def _structure(mail: _Mail) -> _Faults:
    kinds = [part.get_content_type() for part in mail.parsed.walk()]
    if kinds != ["multipart/alternative", "text/plain", "text/html"]:
        yield " > ".join(kinds)
    sets = {part.get_content_charset() for part in mail.parsed.iter_parts()}
    if sets != {"utf-8"}:
        yield f"charsets {sets}"


def _unsubscribe(mail: _Mail) -> _Faults:
    value = mail.header("List-Unsubscribe")
    if "=?" in value or not re.fullmatch(r"<[^<>]+>(?:, <[^<>]+>)*", value):
        yield f"it is {value!r}"
    if len(re.findall("<https:", value)) > 1 or "<http:" in value:
        yield "more than one https address, or http"


def _one_click(mail: _Mail) -> _Faults:
    value, has_web = mail.header("List-Unsubscribe-Post"), "<https:" in mail.header("List-Unsubscribe")
    if has_web and value != "List-Unsubscribe=One-Click":
        yield f"List-Unsubscribe-Post is {value!r}"
    if value and not has_web:
        yield "List-Unsubscribe-Post without an https address"


def _list_id(mail: _Mail) -> _Faults:
    value = mail.header("List-Id")
    if not re.search(r"<[a-z0-9.-]+\.[a-z0-9.-]+>$", value):
        yield f"it is {value!r}"
    if str(mail.parsed["To"].addresses[0].addr_spec) in value:
        yield "it names the reader"


def _other_headers(mail: _Mail) -> _Faults:
    if mail.header("Auto-Submitted") != "auto-generated":
        yield "no Auto-Submitted"
    if mail.bulk and not mail.header("List-Help"):
        yield "no List-Help"
    if mail.header("Feedback-ID").count(":") > 3 or not mail.header("Feedback-ID"):
        yield "no Feedback-ID of at most four fields"


def _same_links(mail: _Mail) -> _Faults:
    html, text = set(mail.html_links), set(mail.text_links)
    for where, links in (("the HTML", html - text), ("the text", text - html)):
        if links:
            yield f"only in {where}: {sorted(links)[0]}"


def _plain_text(mail: _Mail) -> _Faults:
    if re.search(r"&(?:amp|lt|gt|quot|nbsp|#\d+);", mail.text) and "&amp;amp;" not in mail.html:
        yield "an HTML entity"
    for line in mail.text.splitlines():
        if len(line) > 78 and not re.fullmatch(r"\s*(?:https?://|mailto:)\S+", line):
            yield f"a line of {len(line)} columns"
            break


def _text_cover(mail: _Mail) -> _Faults:
    visible = mail.parse_html()
    for unseen in (
        *visible.find_all(["style", "title"]),
        *visible.find_all(style=re.compile("display: ?none")),
    ):
        unseen.extract()
    words = set(re.findall(r"\w{4,}", visible.get_text(" ")))
    covered = words & set(re.findall(r"\w{4,}", mail.text))
    if words and len(covered) < 0.95 * len(words):
        yield f"{len(covered) / len(words):.0%}"


def _weight(mail: _Mail) -> _Faults:
    size = encode_lines(mail.html).size
    if size > MAX_HTML_BYTES:
        yield f"{size:,} bytes of encoded HTML"


def _language(mail: _Mail) -> _Faults:
    wanted = mail.header("Content-Language")
    places = [mail.soup.html, mail.soup.select_one("[role=article]")]
    for place in places:
        if place is None or place.get("lang") != wanted or place.get("dir") not in ("ltr", "rtl"):
            yield "lang or dir is missing on html or on the wrapper"
            break
    if not mail.soup.title or not mail.soup.title.get_text(strip=True):
        yield "no title"


def _headings(mail: _Mail) -> _Faults:
    levels = [int(tag.name[1]) for tag in mail.soup.find_all(re.compile(r"^h[1-6]$"))]
    if levels.count(1) != 1 or levels[0] != 1:
        yield "not exactly one h1, first"
    if any(later > earlier + 1 for earlier, later in pairwise(levels)):
        yield "a level is skipped"


def _tables(mail: _Mail) -> _Faults:
    if any(table.get("role") != "presentation" for table in mail.soup.find_all("table")):
        yield "a layout table without role=presentation"
    for image in mail.soup.find_all("img"):
        if not all(image.has_attr(name) for name in ("alt", "width", "height")):
            yield "an image without alt, width or height"


def _link_texts(mail: _Mail) -> _Faults:
    for link in mail.soup.find_all("a"):
        text = " ".join(link.get_text().split()).casefold()
        if text in _VAGUE or not text:
            yield f"the link text {text!r}"
        if not re.match(r"https?://|mailto:", str(link.get("href", ""))):
            yield f"a link to {link.get('href')!r}"


def _hidden_without_styles(mail: _Mail) -> _Faults:
    first = mail.preheader
    if first is None or "display:none" not in str(first.get("style")):
        yield "the preheader is not hidden by its own style"
    hidden = [tag for tag in mail.soup.find_all(style=re.compile("display: ?none")) if tag is not first]
    if hidden:
        yield "more than the preheader is hidden"


def _outlook(mail: _Mail) -> _Faults:
    html = re.sub(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", "", mail.html, flags=re.DOTALL)
    html = re.sub(r"<!--\[if [^\]]*\]>|<!\[endif\]-->", "", html)
    opened: list[str] = []
    for closing, name in re.findall(r"<(/?)(table|tbody|tr|td|div)\b", html):
        if not closing:
            opened.append(name)
        elif not opened or opened.pop() != name:
            yield f"</{name}> closes nothing"
            return
    if opened:
        yield f"<{opened[-1]}> is not closed"
    if 'width="600"' not in html:
        yield "no table of 600 px"


def _preheader(mail: _Mail) -> _Faults:
    text = mail.preheader.get_text().rstrip("\u034f\u200c\xa0") if mail.preheader else ""
    if not 40 <= len(text) <= 110:
        yield f"{len(text)} characters"
    if text == mail.subject:
        yield "the same as the subject"


def _self_contained(mail: _Mail) -> _Faults:
    loaded = [tag for tag in mail.soup.find_all(sorted(_GENERATED)) if not _is_own_picture(mail, tag)]
    found = sorted({tag.name for tag in loaded})
    if found:
        yield ", ".join(found)
    if re.search(r"@import|@font-face|url\(", mail.html):
        yield "something is loaded from a style"
    if re.search(r"\son\w+\s*=", " ".join(re.findall(r"<[a-z][^>]*>", mail.html))):
        yield "an event handler"


def _is_own_picture(mail: _Mail, tag: Tag) -> bool:
    """Say whether this is a picture beside the newsletter's archive, named by its content: its address is the same for
    every reader."""
    base, archive, _ = mail.header("List-Archive").strip("<>").rpartition("archive")
    ours = rf"{re.escape(base)}pictures/[0-9a-f]{{64}}\.jpg"
    return tag.name == "img" and bool(archive and re.fullmatch(ours, str(tag.get("src", ""))))


def _footer(mail: _Mail) -> _Faults:
    leave = re.findall(r"<(\S+?)>", mail.header("List-Unsubscribe"))
    address = str(mail.parsed["To"].addresses[0].addr_spec) if mail.parsed["To"].addresses else ""
    for name, part in (("HTML", mail.soup.get_text(" ")), ("text", mail.text)):
        if address and address not in part and mail.bulk:
            yield f"the {name} does not say why the reader gets it"
    if leave and mail.bulk and not any("nsubscribe" in link or "/u/" in link for link in mail.html_links):
        yield "no link to unsubscribe"


_CHECKS: tuple[tuple[int, str, Callable[[_Mail], _Faults], bool], ...] = (
    (1, "parses without defects", _defects, False),
    (2, "short lines that end in CRLF", _lines, False),
    (3, "pure 7-bit", _seven_bit, False),
    (4, "unique headers appear once", _single_headers, False),
    (5, "a Date with time zone, a Message-ID of our own", _date_and_id, False),
    (7, "text, then HTML, both in UTF-8", _structure, False),
    (9, "List-Unsubscribe is not encoded", _unsubscribe, True),
    (10, "List-Unsubscribe-Post with an https URL", _one_click, True),
    (15, "List-Id is stable and names nobody", _list_id, True),
    (16, "declared as automatic mail", _other_headers, False),
    (21, "both parts have the same links", _same_links, False),
    (22, "the text is plain, with short lines", _plain_text, False),
    (24, "the text and the HTML say the same", _text_cover, False),
    (25, "not clipped by Gmail", _weight, False),
    (30, "language, direction and title declared", _language, False),
    (31, "headings skip no level", _headings, False),
    (32, "tables and images are accessible", _tables, False),
    (33, "links say where they lead", _link_texts, False),
    (37, "nothing hidden appears without styles", _hidden_without_styles, False),
    (40, "balanced tables for Outlook", _outlook, False),
    (41, "a preheader of its own", _preheader, False),
    (42, "nothing is loaded but pictures of our own, nothing runs", _self_contained, False),
    (45, "the footer says why, and how to unsubscribe", _footer, False),
)
