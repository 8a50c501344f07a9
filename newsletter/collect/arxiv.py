"""arXiv: what it announces each working day (RSS and Atom listings), and what a search of its API finds.

A listing is a batch with a date, made anew at midnight US Eastern, Monday to Friday. It announces new papers,
cross-listings and replacements; only the first two can be new here. Both services answer with status 200 and a
feed where they mean an error. https://info.arxiv.org/help/rss.html, https://info.arxiv.org/help/api/user-manual.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from newsletter.collect import arxiv_harvest, oai_pmh
from newsletter.collect.arxiv_harvest import AnsweredError, is_second_road
from newsletter.collect.arxiv_paper import complete_paper, is_primary, is_withdrawn
from newsletter.collect.atom_rss import parse_item, read_feed, read_moment
from newsletter.collect.fields import read_text
from newsletter.collect.identity import parse_arxiv_id, parse_arxiv_version
from newsletter.collect.kind import SourceKind
from newsletter.collect.plain import MAX_ITEMS, MAX_SUMMARY_CHARS, MAX_TITLE_CHARS, clean_names
from newsletter.errors import FeedError
from newsletter.model.entries import Announce, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.text import clean_line

_EASTERN = ZoneInfo("America/New_York")
_SATURDAY = 5

# The feeds are made anew at midnight; after some releases it took until the early morning.
_GRACE = timedelta(hours=6)

# A feed of arXiv ends after so many items, without a word: what is new may be among those that are left out.
_FEED_LIMIT = 2_000

_PAGE = 100
_MAX_PAGES = 20
_START = re.compile(r"(?<=[?&]start=)\d+")

# Archives that have classes below them: "cs" means every cs.XX (https://arxiv.org/category_taxonomy).
_WITH_CLASSES = frozenset(
    ["astro-ph", "cond-mat", "cs", "econ", "eess", "math", "nlin", "physics", "q-bio", "q-fin", "stat"]
)

# What a listing puts around the text itself; before 2024 the id and "UPDATED" stood in the title.
_BEFORE_SUMMARY = re.compile(r"arXiv:(\S+)\s+Announce Type:\s+(\S+)\s+Abstract:\s*")
_AFTER_TITLE = re.compile(r"\.?\s+\((arXiv:\S+)(?:\s+\[([^\]]*)\])?(\s+UPDATED)?\)$")

_ANNOUNCED = (Announce.NEW, Announce.CROSS, Announce.REPLACE, Announce.REPLACE_CROSS)

_Item = Mapping[str, Any]


# --- listings -----------------------------------------------------------------------------


def parse_listing(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return what one listing announces, in its order, under the date of its batch (US Eastern).

    With cross_lists off, what is primary in another category is left out and counted. A feed that is as long as
    arXiv makes them counts as cut. Raises FeedError for what is no feed, and for a feed that is arXiv's way to tell
    an error.
    """
    feed = read_feed(fetched)
    about = feed.about
    title = clean_line(str(about.get("title", "")), MAX_TITLE_CHARS)
    if title.casefold().startswith("feed error"):
        raise FeedError(f"arXiv says: {title}{_more(about)}")
    items = feed.items
    is_full = len(items) >= _FEED_LIMIT
    batch_on = _read_batch_date(about)
    page = _listing_page(source)
    parsed = [_parse_announcement(item, source, batch_on, page) for item in items[:MAX_ITEMS]]
    sightings, refused, left_out, notes = _take(parsed, source, "a listing of arXiv")
    if is_full:
        notes.append(
            f"{len(items)} items are all that arXiv puts into one feed, and new papers may be missing: "
            "ask for fewer categories in each source"
        )
    return ParsedFeed(
        tuple(sightings),
        listed_on=batch_on,
        refused=refused,
        notes=tuple(notes),
        left_out=left_out,
        quiet_days=feed.quiet_days,
        is_cut=is_full or feed.is_cut,
    )


def choose_listing_request(source: Source, now: datetime) -> tuple[Request, ...]:
    """Return the request for the listing of all the categories at once; of a page or file itself."""
    base = source.location.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or parts.path or parts.query:
        return (Request(source.location),)
    return (Request(f"{base}/atom/{'+'.join(quote(name) for name in source.categories)}"),)


def is_weekend(day: date) -> bool:
    """Tell whether nothing is announced on a date."""
    return day.weekday() >= _SATURDAY


def choose_batch_due(now: datetime) -> date | None:
    """Return the date of the newest batch that must be out: a weekday whose midnight is six hours past."""
    day = (now.astimezone(_EASTERN) - _GRACE).date()
    while is_weekend(day):
        day -= timedelta(days=1)
    return day


def _parse_announcement(item: _Item, source: Source, batch_on: date | None, page: str) -> Sighting | None:
    entry, guid = parse_item(item, source, page)
    raw_title = clean_line(read_text(item, "title"), MAX_TITLE_CHARS)
    raw_summary = clean_line(read_text(item, "summary"), MAX_SUMMARY_CHARS)
    old_form = _AFTER_TITLE.search(raw_title)
    new_form = _BEFORE_SUMMARY.match(raw_summary)
    named = [
        read_text(item, "id"),
        new_form[1] if new_form else "",
        old_form[1] if old_form else "",
        entry.url,
    ]
    key = next((key for text in named if (key := parse_arxiv_id(text))), None)
    if key is None or not entry.title:
        return None
    type_ = read_text(item, "arxiv_announce_type") or (new_form[2] if new_form else "")
    if not type_ and old_form and old_form[3]:
        type_ = Announce.REPLACE
    categories = entry.categories or (clean_names([old_form[2]]) if old_form and old_form[2] else ())
    entry = replace(
        complete_paper(entry, key.removeprefix("arxiv:")),
        # What the listing gives is the day of the announcement.
        published_at=None,
        listed_on=batch_on,
        categories=categories,
        primary_category=categories[0] if categories else "",
        version=max(parse_arxiv_version(text) for text in named),
        withdrawn=is_withdrawn(entry.note, entry.summary),
    )
    announce = Announce(type_) if type_ in _ANNOUNCED else Announce.NEW
    return Sighting(entry, source.name, guid, batch_on, page, announce)


def _read_batch_date(about: _Item) -> date | None:
    moment = read_moment(about, "published") or read_moment(about, "updated")
    return moment.astimezone(_EASTERN).date() if moment else None


def _listing_page(source: Source) -> str:
    """Return arXiv's own page of the newest announcements; it has one for a single category only."""
    if len(source.categories) != 1:
        return ""
    return f"https://arxiv.org/list/{source.categories[0]}/new"


# --- searches -----------------------------------------------------------------------------


def parse_search(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the papers of one page of a search, in its order.

    A paper whose first version is older than days_back, counted from the answer's own time, is not announced as
    new: a search may find it because of a new version. Raises FeedError for arXiv's error answers, and for an
    empty page of a search that has results (a known fault of the API: asking again helps). What the second road
    brings is read there.
    """
    if is_second_road(request):
        return arxiv_harvest.parse_harvest(fetched, source, request)
    feed = read_feed(fetched)
    about = feed.about
    items = feed.items[:MAX_ITEMS]
    for item in items:
        if "/api/errors" in read_text(item, "id"):
            raise AnsweredError(f"arXiv says: {clean_line(read_text(item, 'summary'), 300) or 'error'}")
    total = _read_count(about, "opensearch_totalresults")
    start = _read_count(about, "opensearch_startindex") or 0
    if not items and total and start < total:
        raise AnsweredError(
            f"an empty page although arXiv has {total} results; usually temporary, retried later"
        )
    answered_at = read_moment(about, "updated")
    parsed = [_parse_result(item, source, answered_at) for item in items]
    sightings, refused, left_out, notes = _take(parsed, source, "an answer of arXiv's API")
    read = start + len(items)
    if request.page + 1 >= _MAX_PAGES and total is not None and read < total:
        notes.append(f"only the newest {read} of {total} results were read; narrow the search or days_back")
    return ParsedFeed(
        tuple(sightings),
        refused=refused,
        notes=tuple(notes),
        left_out=left_out,
        total=total,
        is_cut=feed.is_cut,
    )


def choose_search_request(source: Source, now: datetime) -> tuple[Request, ...]:
    """Return the request for the first page of the papers that were submitted in the last days_back days.

    They are sorted by the day of their first version: what comes in while pages are read stands before them, so that
    a page repeats papers of the last one but none is passed over. By the day of the newest version each
    replacement of an old paper would stand among them.
    """
    base = source.location.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or parts.path or parts.query:
        return (Request(source.location),)
    return (Request(_search_url(base, build_search_query(source, now), 0)),)


def build_search_query(source: Source, now: datetime) -> str:
    """Return the query in the language of arXiv's API: what is given is joined by AND, names by OR.

    An author's name is a phrase. The days are those of a paper's first version, in UTC.
    Source: https://info.arxiv.org/help/api/user-manual.html#query_details
    """
    since = (now.astimezone(UTC) - timedelta(days=source.days_back)).strftime("%Y%m%d0000")
    until = now.astimezone(UTC).strftime("%Y%m%d2359")
    parts = [
        " OR ".join(
            f"cat:{name}.*" if name in _WITH_CLASSES else f"cat:{name}" for name in source.categories
        ),
        " OR ".join('au:"{}"'.format(name.replace('"', "")) for name in source.authors),
        source.search,
    ]
    asked = [f"({part})" for part in parts if part]
    return " AND ".join([*asked, f"submittedDate:[{since} TO {until}]"])


def choose_next_page(
    source: Source, request: Request, feed: ParsedFeed, seen: frozenset[str]
) -> Request | None:
    """Return the request for the next page; None at the end and after twenty pages.

    The API sometimes answers with fewer results than were asked for: the next page begins where this one ended.
    """
    if request.harvest:
        return oai_pmh.choose_next(source, request, feed, seen)
    page = request.page + 1
    start = _START.search(request.location)
    if start is None or feed.total is None or page >= _MAX_PAGES:
        return None
    following = int(start[0]) + len(feed.sightings) + feed.left_out + feed.refused
    if not int(start[0]) < following < feed.total:
        return None
    return replace(request, location=_START.sub(str(following), request.location, count=1), page=page)


def _search_url(base: str, query: str, start: int) -> str:
    parameters = {
        "search_query": query,
        "sortBy": "submittedDate",
        "sortOrder": "descending",
        "start": start,
        "max_results": _PAGE,
    }
    return f"{base}/api/query?{urlencode(parameters)}"


def _parse_result(item: _Item, source: Source, answered_at: datetime | None) -> Sighting | None:
    entry, guid = parse_item(item, source, "")
    key = parse_arxiv_id(read_text(item, "id")) or parse_arxiv_id(entry.url)
    if key is None or not entry.title:
        return None
    published_at = read_moment(item, "published")
    primary = item.get("arxiv_primary_category")
    term = primary.get("term", "") if isinstance(primary, Mapping) else ""
    entry = replace(
        complete_paper(entry, key.removeprefix("arxiv:")),
        # Each in an element of its own, and some are collaborations with commas.
        authors=clean_names([read_text(author, "name") for author in item.get("authors", [])]),
        published_at=published_at,
        primary_category=term or (entry.categories[0] if entry.categories else ""),
        version=max(parse_arxiv_version(read_text(item, "id")), parse_arxiv_version(entry.url)),
        withdrawn=is_withdrawn(entry.note, entry.summary),
    )
    is_old = (
        published_at is not None
        and answered_at is not None
        and answered_at - published_at > timedelta(days=source.days_back + 1)
    )
    announce = Announce.REPLACE if is_old and entry.version > 1 else Announce.NEW
    return Sighting(entry, source.name, guid, announce=announce)


# --- papers that are named ----------------------------------------------------------------


def choose_paper_requests(source: Source, now: datetime) -> tuple[Request, ...]:
    """Return the requests for the papers that the source names, a hundred at a time."""
    base = source.location.rstrip("/")
    some = (source.papers[at : at + _PAGE] for at in range(0, len(source.papers), _PAGE))
    queries = (urlencode({"id_list": ",".join(papers), "max_results": _PAGE}) for papers in some)
    return tuple(Request(f"{base}/api/query?{query}") for query in queries)


def parse_papers(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the papers of an answer. None of them is listed as new: somebody named it. Raises FeedError."""
    parse = arxiv_harvest.parse_record if is_second_road(request) else parse_search
    feed = parse(fetched, source, request)
    named = tuple(replace(sighting, announce=Announce.NAMED) for sighting in feed.sightings)
    return replace(feed, sightings=named)


# --- both ---------------------------------------------------------------------------------


def _take(
    parsed: Sequence[Sighting | None], source: Source, expected: str
) -> tuple[list[Sighting], int, int, list[str]]:
    """Return the sightings that a source wants, how many items were refused and left out, and a note on each.

    parsed holds None for what has no id or no title. Raises FeedError where that is all there is.
    """
    notes = [
        f"item {place} refused: it has no arXiv id or no title"
        for place, sighting in enumerate(parsed, 1)
        if sighting is None
    ]
    refused = len(notes)
    if parsed and refused == len(parsed):
        raise FeedError(f"expected {expected}, none of {refused} items has an arXiv id")
    found = [sighting for sighting in parsed if sighting is not None]
    wanted = [one for one in found if source.cross_lists or _is_primary(one, source)]
    left_out = len(found) - len(wanted)
    if left_out:
        notes.append(f"{left_out} cross-list{'s' * (left_out > 1)} left out")
    return wanted, refused, left_out, notes


def _is_primary(sighting: Sighting, source: Source) -> bool:
    is_cross = sighting.announce in (Announce.CROSS, Announce.REPLACE_CROSS)
    return not is_cross and is_primary(sighting.entry, source.categories)


def _more(about: _Item) -> str:
    text = clean_line(read_text(about, "subtitle") or read_text(about, "description"), 300)
    return f" ({text})" if text else ""


def _read_count(about: _Item, name: str) -> int | None:
    text = read_text(about, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


LISTING = SourceKind(
    "arxiv_listing",
    parse_listing,
    requests=choose_listing_request,
    is_quiet=is_weekend,
    batch_due=choose_batch_due,
)
SEARCH = SourceKind(
    "arxiv_search",
    parse_search,
    requests=choose_search_request,
    next_request=choose_next_page,
    fallback=arxiv_harvest.SEARCH,
    resume=oai_pmh.choose_start,
)
PAPERS = SourceKind(
    "arxiv_papers",
    parse_papers,
    requests=choose_paper_requests,
    fallback=arxiv_harvest.PAPERS,
)
