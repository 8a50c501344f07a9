"""bioRxiv and medRxiv by their API: what was posted on each of the last days, by subject where some are named.

A record is one version of one preprint, under the day on which that version was posted. The API lists the oldest
first, gives 30 or 100 records a page as it likes, and answers with status 200 where it means an error.
https://api.biorxiv.org/details/biorxiv/help
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from newsletter.collect.arxiv_paper import is_withdrawn
from newsletter.collect.atom_rss import describe
from newsletter.collect.categories import parse_subject
from newsletter.collect.characters import read_characters
from newsletter.collect.fields import read_line, read_list, read_text
from newsletter.collect.identity import choose_keys
from newsletter.collect.kind import SourceKind
from newsletter.collect.plain import MAX_NAME_CHARS, MAX_SUMMARY_CHARS, MAX_TITLE_CHARS, parse_title
from newsletter.errors import FeedError
from newsletter.model.entries import Announce, Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.people import read_people
from newsletter.text import clean_line

# A day has some 400 records at most; with 30 a page that is 14 pages.
_MAX_PAGES = 40
_CURSOR = re.compile(r"(?<=/)\d+(?=/json(?:\?|$))")

# With more subjects than this it takes fewer requests to read everything, and to choose here.
_MAX_ASKED = 5

# What is left of the tags of an abstract: small capitals inside of words, figures and tables, headings and lists.
_SMALL_CAPITALS = re.compile(r"[OC]_SCP(?:LOW|CAP)")
_FIGURES = re.compile(r"O_(FIG|TBL)(?:(?!O_(?:FIG|TBL)).)*?C_\1(?:_DISPLAY)?", re.DOTALL)
_MARKS = re.compile(
    r"[OCM]_(?:ST_ABS|LI|UL|OL|TEXTBOX|FD|QD|INLINEFIG|FIG(?:_DISPLAY(?:_L)?)?|TBL|CAPTION|FLOATNO|TABLECAPTION)"
)
_HEADING = re.compile(r"^\s*ABSTRACT(?=[A-Z]|\s)")

_WITHDRAWN_TITLE = re.compile(r"^\s*(?:\[withdrawn\]:?|withdrawn\s*[:—–]|withdrawn -)\s*", re.IGNORECASE)
_WORK = r"(?:manuscript|preprint|article|paper|work)\b"
_WITHDRAWN = re.compile(
    rf"^\W*(?:(?:(?:the )?authors?|we|bioRxiv|medRxiv) (?:(?:has|have) )?(?:withdrawn|withdraw|withdrew|removed)"
    rf" (?:this|the|their|our) {_WORK}|this {_WORK} (?:has been|was|is) (?:withdrawn|removed)\b)",
    re.IGNORECASE,
)

_Record = Mapping[str, Any]


# --- how it is read -----------------------------------------------------------------------


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the records of one page in its order, each under the day on which it was posted.

    A version after the first is announced as a replacement, so that it makes nothing new. Records of other subjects
    than those that are named are left out and counted, whatever was asked for. A record without a DOI or a title is
    refused. Raises FeedError for what is no answer of the API, and where it says that something is wrong.
    """
    answer = _read(fetched, source)
    about = next((one for one in read_list(answer, "messages") if isinstance(one, dict)), {})
    records = read_list(answer, "collection")
    start = _start_of(request)
    total = _count(about, "total")
    status = read_line(about, "status", 300)
    if not records:
        return _parse_end(source, status, start, total)
    wanted = {parse_subject(name) for name in source.categories}
    sightings: list[Sighting] = []
    notes: list[str] = []
    left_out = 0
    for place, record in enumerate(records, start + 1):
        sighting = _parse_record(record if isinstance(record, dict) else {}, source)
        if sighting is None:
            notes.append(f"record {place} refused: it has no DOI or no title")
        elif wanted and sighting.entry.primary_category not in wanted:
            left_out += 1
        else:
            sightings.append(sighting)
    refused = len(notes)
    read = start + len(records)
    if request.page + 1 >= _MAX_PAGES and total is not None and read < total:
        notes.append(f"only the first {read} of {total} records of a day were read")
    return ParsedFeed(
        tuple(sightings), refused=refused, notes=tuple(notes), left_out=left_out, total=total or None
    )


def _read(fetched: Fetched, source: Source) -> _Record:
    text = read_characters(fetched.body, fetched.content_type).text
    what = f"the JSON of {_name(source)}'s API"
    try:
        answer = json.loads(text, strict=False)
    except RecursionError as error:
        raise FeedError("the answer is nested too deeply") from error
    except ValueError as error:
        found = f"and this is not JSON: {clean_line(str(error), 200)}"
        if text.lstrip()[:1] not in ("{", "["):
            found = f"found {describe(text.lstrip())}"
        raise FeedError(f"expected {what}, {found}") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("collection"), list):
        raise FeedError(f"expected {what}, found JSON without a 'collection'")
    return answer


def _parse_end(source: Source, status: str, start: int, total: int | None) -> ParsedFeed:
    """Return what a page without records means: there are none (any more), or something is wrong.

    The totals of the API count records that it never lists, so a later page may be empty before they are reached.
    """
    if status.lower() not in ("", "ok") and not re.match(r"no (?:posts|articles|papers) found", status, re.I):
        raise FeedError(f"{_name(source)} says: {status}")
    if not start and total:
        raise FeedError(f"an empty page although there are {total} records; usually temporary, retried later")
    return ParsedFeed((), total=None if start else 0)


def _parse_record(record: _Record, source: Source) -> Sighting | None:
    doi = read_line(record, "doi", MAX_NAME_CHARS)
    title = parse_title(read_text(record, "title"), MAX_TITLE_CHARS)
    keys = choose_keys(doi=doi, guid=doi, source=source.name)
    if not title or not any(key.startswith("doi:") for key in keys):
        return None
    version = _count(record, "version") or 1
    posted_on = _read_date(record)
    summary = _read_abstract(record)
    page = f"https://www.{source.kind}.org/content/{quote(doi)}v{version}"
    subject = _read_subject(record)
    published = next(iter(choose_keys(doi=_said(record, "published"))), "").removeprefix("doi:")
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=_WITHDRAWN_TITLE.sub("", title) or title,
        summary=summary,
        authors=read_people([_said(record, "authors")]),
        # Of a later version nobody says when the first one was posted.
        published_at=datetime(posted_on.year, posted_on.month, posted_on.day, tzinfo=UTC)
        if posted_on and version == 1
        else None,
        listed_on=posted_on,
        categories=(subject,) if subject else (),
        primary_category=subject,
        note=f"Published as https://doi.org/{published}" if published else "",
        version=version,
        withdrawn=_is_withdrawn(record, title, summary),
        url=page,
        pdf_url=f"{page}.full.pdf",
        sources=(source.name,),
    )
    announce = Announce.NEW if version == 1 else Announce.REPLACE
    return Sighting(entry, source.name, doi, posted_on, announce=announce)


def _is_withdrawn(record: _Record, title: str, summary: str) -> bool:
    return bool(
        _WITHDRAWN_TITLE.match(title)
        or _WITHDRAWN.match(summary)
        or is_withdrawn("", summary)
        or read_text(record, "type").strip().lower() == "withdrawn"
    )


def _read_abstract(record: _Record) -> str:
    text = _FIGURES.sub(" ", _SMALL_CAPITALS.sub("", _said(record, "abstract")))
    return _HEADING.sub("", parse_title(_MARKS.sub(" ", text), MAX_SUMMARY_CHARS)).strip()


def _read_subject(record: _Record) -> str:
    """Return the subject of a record in the form of ``parse_subject``, whether we know it or not."""
    text = clean_line(re.sub(r"\([^()]*\)", " ", _said(record, "category")), MAX_NAME_CHARS)
    return text.replace("_", " ").replace("-", " ").lower()


def _read_date(record: _Record) -> date | None:
    try:
        return date.fromisoformat(read_text(record, "date").strip()[:10])
    except ValueError:
        return None


def _said(record: _Record, name: str) -> str:
    """Return a text; "NA" stands where there is none."""
    text = read_text(record, name).strip()
    return "" if text.upper() in ("NA", "N/A") else text


def _count(record: _Record, name: str) -> int | None:
    """Return a number, which the API writes as one or as a text."""
    text = str(record.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _name(source: Source) -> str:
    return {"biorxiv": "bioRxiv", "medrxiv": "medRxiv"}.get(source.kind, source.kind)


# --- how it is asked ----------------------------------------------------------------------


def choose_requests(source: Source, now: datetime) -> tuple[Request, ...]:
    """Return a request for each of the last days, today (UTC) first, and for each subject; one for a page or file.

    Day by day, as the API needs long for many days, and one that fails costs no other.
    """
    base = source.location.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or parts.path or parts.query:
        return (Request(source.location),)
    today = now.astimezone(UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in range(source.days_back + 1)]
    names = source.categories if len(source.categories) <= _MAX_ASKED else ()
    asked = [f"?category={quote(name.replace(' ', '_'), safe='')}" for name in names] or [""]
    return tuple(
        Request(f"{base}/details/{source.kind}/{day}/{day}/0/json{subject}")
        for day in days
        for subject in asked
    )


def choose_next(source: Source, request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    """Return the request for the next page, which begins where this one ended; None at the end, after forty pages,
    and after a page that only repeats the earlier ones."""
    cursor = _CURSOR.search(request.location)
    page = request.page + 1
    gained = len(feed.sightings) + feed.left_out + feed.refused
    if cursor is None or not gained or page >= _MAX_PAGES:
        return None
    following = int(cursor[0]) + gained
    if feed.total is not None and following >= feed.total:
        return None
    if feed.sightings and all(sighting.guid in seen for sighting in feed.sightings):
        return None
    return replace(request, location=_CURSOR.sub(str(following), request.location, count=1), page=page)


def _start_of(request: Request) -> int:
    cursor = _CURSOR.search(request.location)
    return int(cursor[0]) if cursor else 0


BIORXIV, MEDRXIV = (
    SourceKind(
        name,
        parse,
        requests=choose_requests,
        next_request=choose_next,
    )
    for name in ("biorxiv", "medrxiv")
)
