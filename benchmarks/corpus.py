"""Every parser over a folder of real inputs: what is read, what is refused, and how much of it agrees.

    python -m benchmarks.corpus [--data DIR] [--json FILE]

A suite is a folder. Which parser reads a file is told by the folder and the content, never by a file's name.
What is compared:

- Hugging Face and JSON Feed: each value of each record with a plain reading of the same JSON.
- arXiv: id, title, authors, categories and date of each entry with a reading by lxml.
- OAI-PMH (folders ``oai…``): id, title, authors, abstract, date and DOI of each record, and the token at the end,
  with a reading by lxml; of a record with tagged text beside it (ADS's reading) what that says, too.
- Feeds with an expectation beside them (gofeed, rss-parser, feed-rs, the head comments of feedparser, the mails of
  rss2email): five values of a file, which are the number of entries (refused ones count) and the lists of titles,
  links, dates and authors. A value agrees if it is equal wherever the expectation states it: text without markup
  and in single blanks, links absolute, dates as instants to the second (published, else updated), authors as
  their names in a row. Text with replacement signs states nothing.
- The text capture: every title stands in the text as a line of its own.

Beside our figure stands that of plain feedparser on the same files. What is refused and what disagrees is listed
below the table.
"""

from __future__ import annotations

import argparse
import ast
import glob
import html
import json
import re
import sys
import unicodedata
from calendar import timegm
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import feedparser
from bs4 import BeautifulSoup
from lxml import etree
from rich.console import Console
from rich.table import Table

from newsletter.collect.addresses import is_sealed
from newsletter.collect.registry import KINDS
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source

BASE = "https://corpus.example.org/feed"
ATOM = "{http://www.w3.org/2005/Atom}"
_EXPECTATION = re.compile(r"\.(expected|serde)(\.|$)|\.config$", re.IGNORECASE)
_INPUTS = frozenset([".xml", ".json", ".rss", ".atom", ".rdf", ".html", ".htm", ".txt", ".feed", ""])
_VALUES = ("entries", "titles", "links", "dates", "authors")

Values = dict[str, list[Any]]
"""For each of _VALUES a list with one place an entry; None where nothing is stated of it."""


@dataclass
class Suite:
    """The figures of one folder."""

    files: int = 0
    parsed: int = 0
    refused: int = 0
    crashed: int = 0
    compared: int = 0
    agreeing: int = 0
    peer_agreeing: int = 0
    remarks: list[str] = field(default_factory=list)


def main() -> int:
    """Run all suites, print one table, and write the figures where asked; 1 if anything crashed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"there is no folder {arguments.data}; give one with --data DIR")
    suites, not_read = run(arguments.data)
    show(suites, not_read)
    if arguments.json:
        figures = {
            name: {key: value for key, value in vars(suite).items() if key != "remarks"}
            for name, suite in suites.items()
        }
        arguments.json.write_text(json.dumps({"suites": figures, "not_read": not_read}, indent=2) + "\n")
    return 1 if any(suite.crashed for suite in suites.values()) else 0


def run(data: Path) -> tuple[dict[str, Suite], dict[str, int]]:
    """Return the suites by name, and how many files each folder has that is of no kind that we read."""
    suites: dict[str, Suite] = {}
    not_read: dict[str, int] = {}
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        folder = path.parent.relative_to(data).as_posix()
        if folder == ".":
            if path.suffix == ".txt":
                run_file(path, suites.setdefault("hf-papers-capture", Suite()), read_capture)
            continue
        reader = read_oai if folder.startswith("arxiv/oai") else _READERS.get(folder.partition("/")[0])
        if reader is None:
            not_read[folder] = not_read.get(folder, 0) + 1
        elif _is_input(path):
            run_file(path, suites.setdefault(folder, Suite()), reader)
    return suites, not_read


def _is_input(path: Path) -> bool:
    """Tell whether a file is no expectation or setting; JSON beside a feed of the same name is one."""
    if _EXPECTATION.search(path.name) or path.suffix.lower() not in _INPUTS:
        return False
    return path.suffix != ".json" or not any(
        other.suffix in _INPUTS - {".json"} for other in path.parent.glob(f"{glob.escape(path.stem)}.*")
    )


def run_file(path: Path, suite: Suite, reader: Callable[[Path, Suite], None]) -> None:
    """Read one file and count how that ended."""
    suite.files += 1
    try:
        reader(path, suite)
    except Exception as error:  # the expectation is what cannot be read: parsers are tried in ``parse``
        suite.remarks.append(f"{path.name}: not compared, {type(error).__name__}: {error}")


def parse(suite: Suite, name: str, kind: str, body: bytes) -> ParsedFeed | None:
    """Have one of our parsers read a body, and count how that ended; None where it did not read it."""
    try:
        feed = KINDS[kind].parse(Fetched(body, BASE), Source("corpus", kind, BASE), Request(BASE))
    except FeedError as error:
        suite.refused += bool(str(error))  # an error that says nothing counts as nothing
        suite.remarks.append(f"{name}: refused, {error}")
        return None
    except Exception as error:  # the very thing that is looked for
        suite.crashed += 1
        suite.remarks.append(f"{name}: CRASHED, {type(error).__name__}: {error}")
        return None
    suite.parsed += 1
    return feed


def compare(suite: Suite, name: str, what: str, expected: object, got: object) -> None:
    """Count one comparison. Of two lists the first places that differ are shown."""
    suite.compared += 1
    if expected == got:
        suite.agreeing += 1
        return
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        expected, got = next((one, other) for one, other in zip(expected, got, strict=True) if one != other)
    suite.remarks.append(f"{name}: {what}: expected {_short(expected)}, got {_short(got)}")


# --- Hugging Face -------------------------------------------------------------------------


def read_capture(path: Path, suite: Suite) -> None:
    """Read a text capture, and look for each title in it."""
    body = path.read_bytes()
    feed = parse(suite, path.name, "hf_papers_capture", body)
    lines = {_line(line) for line in body.decode("utf-8").splitlines()}
    for sighting in feed.sightings if feed else ():
        compare(suite, path.name, "title", True, _line(sighting.entry.title) in lines)


def read_hf(path: Path, suite: Suite) -> None:
    """Read an answer or a page, and compare each value of each record that is whole."""
    body = path.read_bytes()
    feed = parse(suite, path.name, "hf_daily_papers", body)
    try:
        records, listed_on = _hf_records(body)
    except (ValueError, TypeError, KeyError, AttributeError):
        return  # no records: then there is nothing to compare, and to refuse the file is right
    seen = {sighting.guid: sighting for sighting in feed.sightings} if feed else {}
    for record in records:
        paper = record["paper"]
        sighting = seen.get(paper["id"])
        got = _hf_entry(sighting) if sighting else {}
        for what, value in _hf_facts(record, listed_on):
            compare(suite, f"{path.name} {paper['id']}", what, value, got.get(what))


def _hf_records(body: bytes) -> tuple[list[dict[str, Any]], str]:
    """Return the whole records (with an id and a title) and the date of a page."""
    text, listed_on = body.decode("utf-8"), ""
    if text.lstrip().startswith("<"):
        (props,) = re.findall(r'data-target="DailyPapers"\s+data-props="([^"]*)"', text)
        page = json.loads(html.unescape(props))
        data, listed_on = page["dailyPapers"], (page.get("dateString") or page["date"])[:10]
    else:
        data = json.loads(text)
    papers = [(record, record.get("paper") or {}) for record in data]
    return [record for record, paper in papers if paper.get("id") and paper.get("title")], listed_on


def _hf_facts(record: dict[str, Any], listed_on: str) -> Iterator[tuple[str, Any]]:
    """Yield all that a record says and a mail may use."""
    paper = record["paper"]
    organization = paper.get("organization") or record.get("organization") or {}
    names = [_line(author["name"]) for author in paper.get("authors") or [] if not author.get("hidden")]
    media = record.get("mediaUrls") or paper.get("mediaUrls") or [record.get("mediaUrl")]
    yield "title", _line(paper["title"])
    yield "summary", _line(paper.get("summary") or record.get("summary") or "")
    yield "authors", list(dict.fromkeys(names))
    yield "published", _instant(paper.get("publishedAt"))
    yield "upvotes", paper.get("upvotes")
    yield "comments", record.get("numComments")
    yield "organization", _line(organization.get("fullname") or organization.get("name") or "")
    yield "code", _url(paper.get("githubRepo"))
    yield "stars", paper.get("githubStars")
    yield "project", _url(paper.get("projectPage"))
    yield "ai summary", _line(paper.get("ai_summary") or "")
    yield "ai keywords", list(dict.fromkeys(_line(word) for word in paper.get("ai_keywords") or []))
    yield "thumbnail", _url(record.get("thumbnail"))
    yield "media", list(dict.fromkeys(url for one in media if (url := _url(one))))
    yield "listed", (paper.get("submittedOnDailyAt") or listed_on)[:10]


def _hf_entry(sighting: Sighting) -> dict[str, Any]:
    entry = sighting.entry
    return {
        "title": _line(entry.title),
        "summary": _line(entry.summary),
        "authors": [_line(name) for name in entry.authors],
        "published": entry.published_at,
        "upvotes": entry.upvotes,
        "comments": entry.comments,
        "organization": _line(entry.organization),
        "code": entry.code_url,
        "stars": entry.code_stars,
        "project": entry.project_url,
        "ai summary": _line(entry.ai_summary),
        "ai keywords": [_line(word) for word in entry.ai_keywords],
        "thumbnail": entry.thumbnail_url,
        "media": list(entry.media_urls),
        "listed": sighting.listed_on.isoformat() if sighting.listed_on else "",
    }


# --- arXiv --------------------------------------------------------------------------------


def read_arxiv(path: Path, suite: Suite) -> None:
    """Read an answer of the API, a listing, or a recorded exchange {url, status_code, body}."""
    body = path.read_bytes()
    if path.suffix == ".json":
        text = json.loads(body)["body"]
        try:
            body = text.encode("latin-1")  # the recordings of UTF-8 that were read as Latin-1
            body.decode("utf-8")
        except ValueError:
            body = text.encode()
    is_search = b"opensearch" in body[:2_000] or b"/api/" in body[:2_000]
    feed = parse(suite, path.name, "arxiv_search" if is_search else "arxiv_listing", body)
    if feed is None:
        return
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False))
    items = list(root.iter("{*}entry", "{*}item"))
    compare(suite, path.name, "entries", len(items), len(feed.sightings))
    for item, sighting in zip(items, feed.sightings, strict=False):
        got = _arxiv_entry(sighting.entry)
        for what, value in _arxiv_facts(item, is_search):
            compare(suite, path.name, what, value, got[what])


def _arxiv_facts(item: Any, is_search: bool) -> Iterator[tuple[str, Any]]:
    """Yield what an entry says. What a listing gives as its date is that of the announcement: not compared."""
    addresses = [item.findtext("{*}id"), item.findtext("{*}link"), item.findtext("{*}guid")]
    found = re.search(r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})", " ".join(filter(None, addresses)))
    yield "id", found[1] if found else ""
    # Before 2024 the id stood in the titles of listings.
    yield "title", re.sub(r"\.? \(arXiv:\S+( \[.*?\])?( UPDATED)?\)$", "", _words(item.findtext("{*}title")))
    creator = item.findtext("{*}creator")
    if creator:
        # Affiliations stand in brackets behind the names.
        yield "authors", re.split(r",\s+", re.sub(r"\s*\([^()]*\)", "", _words(creator)))
    else:
        yield "authors", [_line(name.text) for name in item.iterfind("{*}author/{*}name")]
    yield "categories", [_line(one.get("term") or one.text) for one in item.findall("{*}category")]
    if is_search:
        yield "date", _instant(item.findtext("{*}published"))


def _arxiv_entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.key.removeprefix("arxiv:"),
        "title": _line(entry.title),
        "authors": [_line(name) for name in entry.authors],
        "categories": list(entry.categories),
        "date": entry.published_at,
    }


# --- OAI-PMH ------------------------------------------------------------------------------

_OAI_ENVELOPE = (
    b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><responseDate>2026-06-16T20:00:00Z</responseDate>'
    b"<ListRecords>%b</ListRecords></OAI-PMH>"
)


def read_oai(path: Path, suite: Suite) -> None:
    """Read an answer of a repository, or one record of one."""
    body = path.read_bytes()
    body = body if b"<OAI-PMH" in body[:2_000] else _OAI_ENVELOPE % body
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False))
    feed = parse(suite, path.name, "oai_pmh", body)
    records = list(root.iter("{*}record"))
    if feed is None:
        compare(suite, path.name, "entries", len(records), 0)
        return
    compare(suite, path.name, "entries", len(records), len(feed.sightings))
    token = _line(root.findtext(".//{*}resumptionToken"))
    asked = parse_qs(urlsplit(feed.following).query)
    compare(suite, path.name, "token", [token] if token else [], asked.get("resumptionToken", []))
    for record, sighting in zip(records, feed.sightings, strict=False):
        for what, value in _oai_facts(record):
            compare(suite, path.name, what, value, _oai_entry(sighting)[what])
    tagged = path.with_name(f"{path.stem}.expected.tagged")
    if tagged.exists():
        [sighting] = feed.sightings
        for what, value in _expect_tagged(tagged.read_text("utf-8")):
            compare(suite, path.name, what, value, _oai_entry(sighting)[what])


def _oai_facts(record: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a record in Dublin Core says. arXiv turns names round, which is turned back here."""
    texts = {
        name: [text for one in record.iter(f"{{*}}{name}") if (text := _line(one.text))]
        for name in ("title", "creator", "description", "date", "identifier")
    }
    identifier, *named = texts["identifier"]
    yield "id", identifier
    yield "title", texts["title"][0]
    yield "authors", [_turned(name) for name in texts["creator"] if not re.fullmatch(r"\[.*\]", name)]
    yield "abstract", texts["description"][0] if texts["description"] else ""
    whole = sorted(text for text in texts["date"] if re.fullmatch(r"\d{4}-\d\d-\d\d", text))
    yield "date", whole[0] if whole else ""
    yield "doi", next((text[4:].lower() for text in named if text.startswith("doi:")), "")


def _oai_entry(sighting: Sighting) -> dict[str, Any]:
    entry = sighting.entry
    return {
        "id": sighting.guid,
        "title": _line(entry.title),
        "authors": [_turned(name) for name in entry.authors],
        "abstract": _line(entry.summary),
        "date": entry.published_at.strftime("%Y-%m-%d") if entry.published_at else "",
        "month": entry.published_at.strftime("%Y/%m") if entry.published_at else "",
        "doi": next((key[4:] for key in entry.keys if key.startswith("doi:")), ""),
        "url": re.sub("^https?", "http", entry.url),
    }


def _turned(name: str) -> str:
    """Return "Family, Given" as "Given Family"."""
    family, comma, given = name.partition(", ")
    return f"{given} {family}" if comma else name


def _expect_tagged(text: str) -> Iterator[tuple[str, Any]]:
    """Yield what ADS's tagged text says of a paper of arXiv."""
    fields = dict(re.findall(r"(?ms)^%(\w) (.*?)(?=^%|\Z)", html.unescape(text)))
    yield "title", _line(fields["T"])
    yield "authors", [_turned(name) for name in _line(fields["A"]).split("; ")]
    yield "abstract", _line(fields["B"])
    yield "month", _line(fields["D"])
    address = re.search(r"HTML: (\S+)", fields["I"])
    doi = re.search(r"DOI: doi:([^;\s]+)", fields["I"])
    yield "url", address[1] if address else ""
    yield "doi", doi[1].lower() if doi else ""


# --- feeds --------------------------------------------------------------------------------


def read_feed(path: Path, suite: Suite) -> None:
    """Read any feed, and compare what an expectation beside it states; of a JSON Feed what its JSON says."""
    body = path.read_bytes()
    feed = parse(suite, path.name, "feed", body)
    if feed and feed.refused:
        suite.remarks.append(f"{path.name}: {feed.refused} items refused, {feed.notes[-1]}")
    expected = _find_expectation(path, body)
    if expected is not None:
        ours = _values_of(feed) if feed else None
        _compare_feed(suite, path.name, expected, ours, _read_plainly(body))


def _compare_feed(suite: Suite, name: str, expected: Values, ours: Values | None, peer: Values) -> None:
    for what in _VALUES:
        stated = [place for place, value in enumerate(expected[what]) if _is_stated(value)]
        if stated:
            wanted = _pick(expected, what, stated)
            got = _pick(ours, what, stated)
            compare(suite, name, what, _open_links(wanted, got) if what == "links" else wanted, got)
            suite.peer_agreeing += wanted == _pick(peer, what, stated)


def _open_links(wanted: list[Any] | None, got: list[Any] | None) -> list[Any] | None:
    """Return the links that are expected; for FeedBurner's the one behind it that the feed names, if we have it."""
    if wanted is None or got is None:
        return wanted
    return [
        one if not is_sealed(str(one)) or not opened else opened
        for one, opened in zip(wanted, got, strict=True)
    ]


def _is_stated(value: Any) -> bool:
    """Tell whether a value is one: text with replacement signs was lost before it was written down."""
    return value is not None and "\ufffd" not in str(value)


def _pick(values: Values | None, what: str, places: Sequence[int]) -> list[Any] | None:
    if values is None or len(values[what]) <= max(places, default=-1):
        return None
    picked = [values[what][place] for place in places]
    # Expectations leave several people in one name.
    return [", ".join(names) for names in picked] if what == "authors" else picked


def _values_of(feed: ParsedFeed) -> Values:
    entries = [sighting.entry for sighting in feed.sightings]
    return {
        "entries": [len(entries) + feed.refused],
        # A release has the name of its project before it, which stands in no title.
        "titles": [re.sub(r"^\S+/\S+ (?=v?\d+\.\d)", "", _words(entry.title)) for entry in entries],
        "links": [entry.url for entry in entries],
        "dates": [entry.published_at and entry.published_at.replace(microsecond=0) for entry in entries],
        "authors": [[_words(name) for name in entry.authors] for entry in entries],
    }


def _read_plainly(body: bytes) -> Values:
    """Return what plain feedparser makes of a feed, as its documentation shows; it is told the address too."""
    items = feedparser.parse(BytesIO(body), response_headers={"content-location": BASE}).entries
    # Not item.get: feedparser warns where it gives one for the other.
    dates = [dict.get(item, "published_parsed") or dict.get(item, "updated_parsed") for item in items]
    return {
        "entries": [len(items)],
        "titles": [_words(item.get("title", "")) for item in items],
        "links": [item.get("link", "") for item in items],
        "dates": [datetime.fromtimestamp(timegm(date), UTC) if date else None for date in dates],
        "authors": [[_words(author.get("name", "")) for author in item.get("authors", [])] for item in items],
    }


def _find_expectation(path: Path, body: bytes) -> Values | None:
    """Return what somebody else expects of a file, None where nobody said."""
    stem = path.name.removesuffix(path.suffix)
    for name, read in ((f"{stem}.expected.json", _expect_json), (f"{stem}.serde.json", _expect_serde)):
        beside = path.with_name(name)
        if beside.exists():
            return read(json.loads(beside.read_text("utf-8")))
    for mails in sorted(path.parent.glob(f"{glob.escape(stem.removesuffix('feed'))}*.expected")):
        if found := _expect_mails(mails.read_text("utf-8")):
            return found
    if body.lstrip()[:1] == b"{":
        return _expect_json_feed(body)
    comment = re.search(r"Expect:\s*(.*?)\s*(?:-->|\n)", body[:2_000].decode("utf-8", "replace"))
    return _expect_comment(comment[1]) if comment else None


def _expect_json(expected: Mapping[str, Any]) -> Values:
    """Read gofeed's and rss-parser's forms: a list of items or entries, each with the fields that it has."""
    feed = expected.get("feed", expected)
    items: list[dict[str, Any]] = feed.get("items", feed.get("entries", []))
    times = (
        "publishedParsed",
        "isoDate",
        "pubDateParsed",
        "published",
        "pubDate",
        "updatedParsed",
        "updated",
    )
    return {
        "entries": [len(items)],
        "titles": [_stated(item, _words, "title") for item in items],
        "links": [_stated(item, _absolute, "link") or _stated_link(item) for item in items],
        "dates": [_stated(item, _second, *times) for item in items],
        "authors": [_stated_authors(item) for item in items],
    }


def _stated(item: Mapping[str, Any], read: Callable[[Any], Any], *names: str) -> Any:
    value = next((item[name] for name in names if item.get(name)), None)
    return read(value) if isinstance(value, str) else None


def _stated_link(item: Mapping[str, Any]) -> str | None:
    """Return the first link for people of an entry in Atom's form."""
    links = [link for link in item.get("links") or [] if isinstance(link, dict) and link.get("href")]
    return next((_absolute(link["href"]) for link in links if link.get("rel") in (None, "alternate")), None)


def _stated_authors(item: Mapping[str, Any]) -> list[str] | None:
    """Return all the names that an item gives, in whichever field; an address alone is no name."""
    if isinstance(item.get("authors"), list):
        named = [author.get("name") for author in item["authors"] if isinstance(author, dict)]
    else:
        named = [item.get("creator"), item.get("author")]
        named = [one.get("name") if isinstance(one, dict) else one for one in named]
    names = [_name(name) for name in named if isinstance(name, str)]
    return list(dict.fromkeys(name for name in names if name)) or None


def _name(text: str) -> str:
    """Return the name in RSS' form of an author, ``address (name)``; "" for an address alone."""
    text = _words(text)
    found = re.fullmatch(r"\S+@\S+\s+\((.+)\)", text)
    return found[1] if found else "" if re.fullmatch(r"\S+@\S+", text) else text


def _expect_serde(expected: Mapping[str, Any]) -> Values:
    """Read feed-rs' form."""
    items = expected["entries"]
    names = [[_name(author["name"] or "") for author in item["authors"]] for item in items]
    return {
        "entries": [len(items)],
        "titles": [_words(item["title"]["content"]) if item.get("title") else None for item in items],
        "links": [_stated_link(item) for item in items],
        "dates": [_second(item.get("published") or item.get("updated")) for item in items],
        "authors": [one if one and all(one) else None for one in names],
    }


def _expect_mails(text: str) -> Values | None:
    """Read the mails that rss2email makes of a feed, the last entry first; None where an entry has none."""
    parser = BytesParser(policy=policy.default)
    mails = [parser.parsebytes(mail.encode()) for mail in re.split(r"(?m)^SENT BY: .*\n", text)[:0:-1]]
    if not mails or not all(mail["X-RSS-URL"] and mail["Subject"] for mail in mails):
        return None
    return {
        "entries": [len(mails)],
        "titles": [_words(mail["Subject"]) for mail in mails],
        "links": [_absolute(mail["X-RSS-URL"]) for mail in mails],
        "dates": [None],
        "authors": [None],
    }


def _expect_json_feed(body: bytes) -> Values | None:
    """Return what a JSON Feed itself says."""
    try:
        items = json.loads(body)["items"]
    except (ValueError, KeyError, TypeError):
        return None
    names = [
        [author["name"] for author in item.get("authors") or [item.get("author") or {}] if author.get("name")]
        for item in items
    ]
    return {
        "entries": [len(items)],
        "titles": [_stated(item, _words, "title") for item in items],
        "links": [_stated(item, _absolute, "url", "external_url") for item in items],
        "dates": [_stated(item, _second, "date_published", "date_modified") for item in items],
        "authors": [one or None for one in names],
    }


_COMPARED = re.compile(
    r"(?<!not )entries\[(?P<place>\d)\](?:\.|\[')(?P<name>title|link|author|published_parsed|updated_parsed)(?:'\])?"
    r"\s*==\s*(?P<value>u?'(?:[^'\\]|\\.)*'|\([\d,\s]+\))"
)
_COUNTED = re.compile(r"(?<!not )len\(entries\)\s*==\s*(\d+)")


def _expect_comment(text: str) -> Values | None:
    """Read what feedparser's own tests expect of the five values in a first entry; None if they expect others."""
    stated: Values = {what: [None] for what in _VALUES}
    if counted := _COUNTED.search(text):
        stated["entries"] = [int(counted[1])]
    for found in _COMPARED.finditer(text):
        value = ast.literal_eval(found["value"].removeprefix("u"))
        if found["place"] != "0":
            continue
        if isinstance(value, tuple):
            stated["dates"] = [datetime.fromtimestamp(timegm(value), UTC)]
        elif found["name"] == "author":
            stated["authors"] = [[name] if (name := _name(value)) else None]
        elif not found["name"].endswith("_parsed"):
            stated[f"{found['name']}s"] = [_words(value) if found["name"] == "title" else _absolute(value)]
    return stated if any(value != [None] for value in stated.values()) else None


# --- reading alike ------------------------------------------------------------------------


def _line(text: str | None) -> str:
    """Return the text in single blanks, without characters that nobody sees."""
    return " ".join("".join(one for one in text or "" if one.isspace() or _is_seen(one)).split())


def _is_seen(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Cn")


def _words(text: str | None) -> str:
    """Return the text without markup, in single blanks."""
    text = text or ""
    if "<" in text or "&" in text:
        text = BeautifulSoup(text, "lxml").get_text()
    return _line(text)


def _absolute(url: str) -> str:
    return urljoin(BASE, url.strip())


def _url(value: Any) -> str:
    """Return a web address; blanks in the middle came in by copying."""
    url = "".join(value.split()) if isinstance(value, str) else ""
    return url if url.startswith(("http://", "https://")) else ""


def _instant(text: str | None) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read((text or "").strip())
        except (ValueError, TypeError):
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    return None


def _second(text: str | None) -> datetime | None:
    moment = _instant(text)
    return moment.replace(microsecond=0) if moment else None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


_READERS: Mapping[str, Callable[[Path, Suite], None]] = {
    "hf-daily-papers-json": read_hf,
    "hf-daily-papers-html": read_hf,
    "arxiv": read_arxiv,
    "feeds": read_feed,
    "feed-to-mail": read_feed,
}


def show(suites: Mapping[str, Suite], not_read: Mapping[str, int]) -> None:
    """Print the table, and below it what disagrees."""
    console = Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False)
    columns = ("files", "parsed", "refused", "crashed", "compared", "agreeing")
    table = Table("suite", *columns, "feedparser agreeing", box=None)
    for name, suite in suites.items():
        peer = str(suite.peer_agreeing) if name.startswith("feed") else ""
        table.add_row(name, *(str(getattr(suite, column)) for column in columns), peer)
    console.print(table)
    for name, count in not_read.items():
        console.print(f"not read: {name} ({count} files), no kind of source that we know")
    for name, suite in suites.items():
        for remark in suite.remarks:
            console.print(f"{name}/{remark}")


if __name__ == "__main__":
    sys.exit(main())
