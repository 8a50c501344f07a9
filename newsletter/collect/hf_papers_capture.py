"""A text capture of the Hugging Face papers page: what a person copied from the browser.

    Nov 3                       the page's own date

    A Title of a Paper

    Its abstract, in one paragraph.

      • 3 authors
    ·
    Jun 7, 2024 2               its date, and two comments

The year is missing where it is the page's own or the one before. There are no ids, votes or links.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from newsletter.collect.identity import choose_keys
from newsletter.collect.kind import SourceKind
from newsletter.collect.plain import MAX_SUMMARY_CHARS, MAX_TITLE_CHARS
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.text import clean_line

_PAGE = "https://huggingface.co/papers"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(rf"({'|'.join(_MONTHS)}) (\d{{1,2}})(?:, ([12]\d{{3}}))?(?: (\d{{1,6}}))?", re.ASCII)
_AUTHORS = re.compile(r"[•*·-]?\s*(\d{1,5}) authors?", re.ASCII)
_DOT = "·"

# The longest title of 9,581 records of the API has 175 characters, the shortest abstract 165.
_LONGEST_TITLE = 250


@dataclass(frozen=True, slots=True)
class _Date:
    """A date as the page writes it: recent ones without the year, with the number of comments if any."""

    month: int
    day: int
    year: int | None
    comments: int | None


@dataclass(slots=True)
class _Paper:
    title: str
    summary: str = ""
    author_count: int = 0
    date: _Date | None = None


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the papers of a capture in its order, all listed on the page's own date.

    The year of that date: the latest such day up to source.captured_on, if that is given; else the year after
    the latest one that is written out. A date without a year is the latest such day not after the page's.
    Raises FeedError for anything that has not a page date and a paper with its number of authors.
    """
    paragraphs = list(_paragraphs(_decode(fetched.body)))
    page, papers = _read_papers(paragraphs)
    listed_on = _resolve_page_date(page, [paper.date for paper in papers if paper.date], source.captured_on)
    sightings = tuple(_build_sighting(paper, source, listed_on) for paper in papers)
    return ParsedFeed(sightings, listed_on)


def _decode(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FeedError(f"a text capture is UTF-8, and byte {error.start + 1} of this is not") from error
    if text.lstrip()[:1] in ("<", "{", "["):
        raise FeedError("expected the text of the papers page, found markup or JSON")
    return text


def _paragraphs(text: str) -> Iterator[_Date | int | str]:
    """Yield the dates, numbers of authors and paragraphs of text, in order. Dots between them are dropped."""
    lines: list[str] = []
    for raw in (*text.splitlines(), ""):
        line = clean_line(raw, len(raw) + 1)
        marker = _read_marker(line)
        if line and marker is None and line != _DOT:
            lines.append(line)
            continue
        if lines:
            yield " ".join(lines)
            lines = []
        if marker is not None:
            yield marker


def _read_marker(line: str) -> _Date | int | None:
    if match := _AUTHORS.fullmatch(line):
        return int(match[1])
    if match := _DATE.fullmatch(line):
        found = _Date(
            month=_MONTHS.index(match[1]) + 1,
            day=int(match[2]),
            year=int(match[3]) if match[3] else None,
            comments=int(match[4]) if match[4] else None,
        )
        # 2000 and 2024 are leap years: a 29th of February without year is looked for later.
        return found if _build_date(found.year or 2024, found) else None
    return None


def _read_papers(paragraphs: list[_Date | int | str]) -> tuple[_Date | None, list[_Paper]]:
    """Return the page's own date (the one before any paper) and the papers."""
    page: _Date | None = None
    papers: list[_Paper] = []
    texts: list[str] = []
    for part in paragraphs:
        if isinstance(part, str):
            texts.append(part)
            continue
        if isinstance(part, _Date) and page is None and not papers:
            page, texts = part, []  # what stands above is the head of the page
            continue
        papers += _pair(texts)
        texts = []
        if not papers:
            continue
        if isinstance(part, int):
            papers[-1].author_count = part
        elif papers[-1].date is None:
            papers[-1].date = part
    papers += _pair(texts)
    if not any(paper.author_count for paper in papers):
        raise FeedError('expected the text of the papers page, found no paper with a line like "3 authors"')
    return page, papers


def _pair(texts: list[str]) -> list[_Paper]:
    """Return the papers in a row of titles and abstracts; only the last can have a number of authors.

    They alternate; where one is missing, what is too long for a title belongs to the title before it.
    """
    papers: list[_Paper] = []
    for place, text in enumerate(texts):
        is_summary = place % 2 == 1 if len(texts) % 2 == 0 else len(text) > _LONGEST_TITLE
        if papers and is_summary:
            papers[-1].summary = f"{papers[-1].summary} {text}".strip()
        else:
            papers.append(_Paper(title=text))
    return papers


def _resolve_page_date(page: _Date | None, dates: list[_Date], captured_on: date | None) -> date:
    if page is None:
        if captured_on is None:
            raise FeedError("the page's own date is missing; set captured_on for this source")
        return captured_on
    if page.year is None and captured_on is not None:
        # The page may be a day ahead of the operator's zone.
        found = _latest(page, captured_on + timedelta(days=1))
    else:
        years = [found.year for found in dates if found.year]
        if page.year is None and not years:
            raise FeedError(
                "no date of the page has a year, so its own is not known; set captured_on for this source"
            )
        found = _build_date(page.year or max(years) + 1, page)
    if found is None:
        raise FeedError("the page's own date does not exist in its year; set captured_on for this source")
    return found


def _build_sighting(paper: _Paper, source: Source, listed_on: date) -> Sighting:
    title = clean_line(paper.title, MAX_TITLE_CHARS)
    guid = _guid(title)
    keys = choose_keys(guid=guid, source=source.name)
    published_on = _resolve(paper.date, listed_on) if paper.date else None
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=title,
        summary=clean_line(paper.summary, MAX_SUMMARY_CHARS),
        author_count=paper.author_count,
        published_at=datetime.combine(published_on, time(), UTC) if published_on else None,
        listed_on=listed_on,
        comments=paper.date.comments if paper.date else None,
        # The page shows no address of a paper; a search for its title finds it.
        url=f"{_PAGE}?" + urlencode({"q": title}),
        listing_url=_PAGE,
        sources=(source.name,),
    )
    return Sighting(entry, source.name, guid, listed_on, _PAGE)


def _guid(title: str) -> str:
    """Return a name of a title that case, punctuation and spacing do not change."""
    words = re.findall(r"\w+", title.casefold()) or [title]
    slug = "-".join(words)
    return f"{slug[:60].strip('-')}-{hashlib.sha256(slug.encode()).hexdigest()[:12]}"


def _resolve(found: _Date, page_on: date) -> date | None:
    return _build_date(found.year, found) if found.year else _latest(found, page_on)


def _latest(found: _Date, upto: date) -> date | None:
    """Return the latest such day that is not after upto. Eight years may lie between leap years."""
    for year in range(upto.year, max(upto.year - 9, 0), -1):
        day = _build_date(year, found)
        if day and day <= upto:
            return day
    return None


def _build_date(year: int, found: _Date) -> date | None:
    try:
        return date(year, found.month, found.day)
    except ValueError:
        return None


KIND = SourceKind("hf_papers_capture", parse)
