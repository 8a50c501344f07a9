"""Hugging Face Daily Papers: the JSON of its API, and the same records inside the saved page.

Fields come and go every few months: only ``paper.id`` and a title are required, everything else is
optional, unknown fields are named and otherwise ignored. The outer ``publishedAt`` is not read: it is
the listing moment before March 2025 and US Eastern time labelled as UTC after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from newsletter.collect.dates import parse_date
from newsletter.collect.fields import read_line, read_list
from newsletter.collect.identity import choose_keys, parse_arxiv_id
from newsletter.collect.kind import Fallback, SourceKind
from newsletter.collect.options import KIND_OPTIONS
from newsletter.collect.plain import (
    MAX_NAME_CHARS,
    MAX_SUMMARY_CHARS,
    MAX_TITLE_CHARS,
    clean_names,
    clean_url,
    parse_page,
)
from newsletter.errors import FeedError, SourceError
from newsletter.model.entries import Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.people import read_people
from newsletter.text import clean_line

_SITE = KIND_OPTIONS["hf_daily_papers"].site
_MAX_COUNT = 2**31 - 1

_RECORD_FIELDS = frozenset(
    [
        *("paper", "publishedAt", "title", "summary", "thumbnail", "mediaUrl", "mediaUrls", "numComments"),
        *("submittedBy", "isAuthorParticipating", "organization", "submitterOrganization", "upvoted"),
    ]
)
_PAPER_FIELDS = frozenset(
    [
        *(
            "id",
            "title",
            "summary",
            "publishedAt",
            "upvotes",
            "authors",
            "discussionId",
            "submittedOnDailyAt",
        ),
        *("submittedOnDailyBy", "ai_keywords", "ai_summary", "ai_summary_model", "githubRepo"),
        *("githubRepoAddedBy", "githubStars", "projectPage", "mediaUrls", "organization"),
    ]
)
_AUTHOR_FIELDS = frozenset(["_id", "name", "hidden", "user", "status", "statusLastChangedAt"])

_Record = Mapping[str, Any]


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the papers of one answer in its order; JSON or page is told by the first byte that is not space.

    An item without an id or a title is refused and counted. Raises FeedError where all of them are, where
    the body is neither form, and where a page is of another date than the one that was asked for.
    """
    body = fetched.body
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"[", b"{"):
        listed_on, records = request.listed_on, _read_api(body)
    elif start == b"<":
        listed_on, records = _read_page(body)
        if request.listed_on and listed_on and listed_on != request.listed_on:
            raise FeedError(
                f"asked for the papers of {request.listed_on}, the page shows those of {listed_on}"
            )
        listed_on = listed_on or request.listed_on
    else:
        what = "nothing" if not start else f"something that begins with {body[:20]!r}"
        raise FeedError(f"expected the JSON of the API or a saved page, found {what}")
    return _parse_records(records, source, listed_on)


def _read_api(body: bytes) -> list[Any]:
    data = _load_json(body, "the answer")
    if isinstance(data, list):
        return data
    found = "an object" + (f" with the keys {_shown(sorted(data))}" if data else "")
    if isinstance(error := data.get("error"), str):
        found = f"the error {clean_line(error, 200)!r}"
    raise FeedError(f"expected a JSON array of objects, found {found}")


def _read_page(body: bytes) -> tuple[date | None, list[Any]]:
    """Return the date and the records that a page carries as escaped JSON in an attribute."""
    page = parse_page(body, attributes={"data-target": "DailyPapers"})
    node = page.select_one('[data-target="DailyPapers"]')
    if node is None or not isinstance(props := node.get("data-props"), str):
        raise FeedError('the page has no element with data-target="DailyPapers" and data-props')
    data = _load_json(props, "data-props")
    if not isinstance(data, dict) or not isinstance(records := data.get("dailyPapers"), list):
        raise FeedError("data-props of the page has no list dailyPapers")
    # dateString since 2026; before that an ISO time.
    moment = parse_date(data.get("dateString") or data.get("date"))
    return moment.date() if moment else None, records


def _load_json(text: str | bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise FeedError(f"{what} is nested too deeply") from error
    except ValueError as error:  # malformed, wrongly encoded, or a number of thousands of digits
        raise FeedError(f"{what} is not JSON: {clean_line(str(error), 200)}") from error


def _parse_records(records: list[Any], source: Source, listed_on: date | None) -> ParsedFeed:
    if records and all(isinstance(record, str) for record in records):
        raise FeedError(
            "expected a JSON array of objects, found an array of strings:"
            " this looks like a damaged archive file"
        )
    sightings: list[Sighting] = []
    notes: list[str] = []
    unknown: set[str] = set()
    for place, record in enumerate(records):
        try:
            sightings.append(_parse_record(record, source, listed_on))
        except _Refused as refused:
            notes.append(f"item {place + 1} refused: {refused}")
        else:
            unknown.update(_unknown_fields(record))
    if records and not sightings:
        raise FeedError(f"expected a JSON array of papers, none of {len(records)} items is one: {notes[0]}")
    return ParsedFeed(tuple(sightings), listed_on, len(notes), tuple(sorted(unknown)), tuple(notes))


class _Refused(Exception):
    """An item lacks what an entry needs."""


def _name_paper(record: Any) -> tuple[_Record, str, str]:
    """Return the paper of a record, its id and its title. Raises _Refused where one of them is missing."""
    if not isinstance(record, dict):
        raise _Refused(f"expected an object, found {_kind(record)}")
    paper = _mapping(record, "paper")
    paper_id = read_line(paper, "id", MAX_NAME_CHARS)
    title = read_line(paper, "title", MAX_TITLE_CHARS) or read_line(record, "title", MAX_TITLE_CHARS)
    if not paper_id:
        raise _Refused("it has no paper.id")
    if not title:
        raise _Refused(f"paper {paper_id} has no title")
    return paper, paper_id, title


def _parse_record(record: Any, source: Source, listed_on: date | None) -> Sighting:
    paper, paper_id, title = _name_paper(record)
    listed_at = parse_date(paper.get("submittedOnDailyAt"))
    listed_on = listed_at.date() if listed_at else listed_on
    listing_url = _listing_url(source, listed_on)
    page = f"{_SITE}/papers/{quote(paper_id)}"
    keys = choose_keys(url=page, guid=paper_id, source=source.name, arxiv_id=paper_id)
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=title,
        summary=read_line(paper, "summary", MAX_SUMMARY_CHARS)
        or read_line(record, "summary", MAX_SUMMARY_CHARS),
        authors=read_people(_author_names(paper)),
        organization=_organization(paper) or _organization(record),
        published_at=parse_date(paper.get("publishedAt")),
        listed_on=listed_on,
        ai_keywords=clean_names([word for word in read_list(paper, "ai_keywords") if isinstance(word, str)]),
        ai_summary=read_line(paper, "ai_summary", MAX_SUMMARY_CHARS),
        upvotes=_count(paper, "upvotes"),
        comments=_count(record, "numComments"),
        code_stars=_count(paper, "githubStars"),
        url=page,
        pdf_url=f"https://arxiv.org/pdf/{paper_id}" if parse_arxiv_id(paper_id) else "",
        discussion_url=page,
        code_url=_url(paper, "githubRepo"),
        project_url=_url(paper, "projectPage"),
        thumbnail_url=_url(record, "thumbnail"),
        media_urls=_media_urls(record) or _media_urls(paper),
        listing_url=listing_url,
        sources=(source.name,),
    )
    return Sighting(entry, source.name, paper_id, listed_on, listing_url)


def _author_names(paper: _Record) -> Iterator[str]:
    for author in read_list(paper, "authors"):
        if (
            isinstance(author, dict)
            and author.get("hidden") is not True
            and isinstance(author.get("name"), str)
        ):
            yield author["name"]


def _organization(record: _Record) -> str:
    organization = _mapping(record, "organization")
    return read_line(organization, "fullname", MAX_NAME_CHARS) or read_line(
        organization, "name", MAX_NAME_CHARS
    )


def _media_urls(record: _Record) -> tuple[str, ...]:
    """Return the addresses of videos and images, in order; old records have one under another name."""
    named = [*read_list(record, "mediaUrls"), record.get("mediaUrl")]
    urls = (clean_url(url) for url in named if isinstance(url, str))
    return tuple(dict.fromkeys(url for url in urls if url))


def _listing_url(source: Source, listed_on: date | None) -> str:
    if listed_on is None:
        return ""
    parts = urlsplit(clean_url(source.location))
    base = f"{parts.scheme}://{parts.netloc}" if parts.netloc else _SITE
    return f"{base}/papers/date/{listed_on.isoformat()}"


def _unknown_fields(record: _Record) -> Iterator[str]:
    paper = _mapping(record, "paper")
    yield from (clean_line(name, 80) for name in record.keys() - _RECORD_FIELDS)
    yield from (clean_line(f"paper.{name}", 80) for name in paper.keys() - _PAPER_FIELDS)
    for author in read_list(paper, "authors"):
        if isinstance(author, dict):
            yield from (clean_line(f"paper.authors.{name}", 80) for name in author.keys() - _AUTHOR_FIELDS)


def _mapping(record: _Record, name: str) -> _Record:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _url(record: _Record, name: str) -> str:
    value = record.get(name)
    return clean_url(value) if isinstance(value, str) else ""


def _count(record: _Record, name: str) -> int | None:
    """Return a number of votes or the like; None for anything that cannot be one."""
    value = record.get(name)
    return value if type(value) is int and 0 <= value <= _MAX_COUNT else None


def _kind(value: object) -> str:
    return {str: "text", list: "an array", type(None): "null", bool: "true or false"}.get(
        type(value), "a number"
    )


def _shown(names: list[str]) -> str:
    return clean_line(", ".join(names), 200)


# --- how it is asked ----------------------------------------------------------------------

# 50 is what the server gives by default; it may do so although 100 were asked for, its maximum.
_FULL_PAGE = 50
_MAX_PAGES = 20
_SATURDAY = 5


def choose_requests(source: Source, now: datetime) -> tuple[Request, ...]:
    """Return a request for each of the newest listing dates, today's (UTC) first; one for a page or file."""
    base = source.location.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or parts.path or parts.query:
        return (Request(source.location),)
    today = now.astimezone(UTC).date()
    dates = (today - timedelta(days=back) for back in range(source.listing_dates))
    return tuple(Request(f"{base}/api/daily_papers?date={on.isoformat()}&limit=100", on) for on in dates)


def choose_next(source: Source, request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    """Return the request for the next page; None after a short page, a whole one and one without anything new."""
    is_short = len(feed.sightings) + feed.refused < _FULL_PAGE
    is_repeated = all(sighting.guid in seen for sighting in feed.sightings)
    page = request.page + 1
    if request.listed_on is None or is_short or is_repeated or page >= _MAX_PAGES:
        return None
    if "/api/daily_papers?" not in request.location:
        return None
    return replace(request, location=f"{request.location.partition('&p=')[0]}&p={page}", page=page)


def choose_page(source: Source, request: Request, error: SourceError, now: datetime) -> tuple[Request, ...]:
    """Return the request for the page of the same date, which shows the whole listing; none for what is one."""
    base, api, _ = request.location.partition("/api/daily_papers?")
    if not api or request.listed_on is None:
        return ()
    return (Request(f"{base}/papers/date/{request.listed_on.isoformat()}", request.listed_on),)


def is_quiet(day: date) -> bool:
    """Tell whether a date is a Saturday or Sunday: no paper was ever listed on one in two years."""
    return day.weekday() >= _SATURDAY


KIND = SourceKind(
    "hf_daily_papers",
    parse,
    requests=choose_requests,
    next_request=choose_next,
    fallback=Fallback(choose_page, "its web page"),
    is_quiet=is_quiet,
)
