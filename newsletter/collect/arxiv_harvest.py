"""arXiv by its second road: what its API would find, harvested from its repository while the API refuses.

A search becomes a harvest of the sets of its categories, and is asked here of what comes; papers that are named are
asked for one by one. Entries get the names that the API gives them, so that nothing comes twice when it is back.
Source: https://info.arxiv.org/help/oa/index.html, https://info.arxiv.org/help/api/tou.html (limits of both roads)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from newsletter.collect import oai_pmh
from newsletter.collect.arxiv_paper import is_primary
from newsletter.collect.arxiv_query import name_author, parse_query
from newsletter.collect.identity import choose_keys
from newsletter.collect.kind import Fallback
from newsletter.errors import FeedError, FetchError, SourceError
from newsletter.model.entries import Announce, Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source

MAX_RECORDS = 20
"""So many papers that are named are asked for in one look; each is a request."""

# The metadata change once a night, and whoever refuses should be left alone.
_REST = timedelta(hours=6)
_PREFIX = "arXivRaw"  # the one that tells versions and their times, as the API does
_MAY_PASS = frozenset([403, 408, 429])

# Archives whose sets stand below "physics": https://oaipmh.arxiv.org/oai?verb=ListSets
_PHYSICS = frozenset(
    ["astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nlin", "nucl-ex",
     "nucl-th", "physics", "quant-ph"]
)  # fmt: skip


class AnsweredError(FeedError):
    """The API has answered: that the question is wrong, or with a page that it will give again."""


# --- searches -----------------------------------------------------------------------------


def choose_harvests(
    source: Source, request: Request, error: SourceError, now: datetime
) -> tuple[Request, ...]:
    """Return the harvests that bring what a search would find: one for each category, else one of all of arXiv.

    None where the API has answered, where the search is asked of a page or file of its own, and where the query cannot
    be read here.
    """
    if not _is_helpful(source, request, error):
        return ()
    try:
        parse_query(source.search)
    except ValueError:
        return ()
    since = (now.astimezone(UTC) - timedelta(days=source.days_back)).strftime("%Y-%m-%d")
    asked = ", ".join(filter(None, (*source.authors, source.search)))
    names = (
        oai_pmh.name_harvest(source.second_location, _PREFIX, one, f"{source.name}: {asked}")
        for one in name_sets(source.categories) or ("",)
    )
    return tuple(Request(oai_pmh.list_since(name, since), harvest=name) for name in names)


def parse_harvest(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the papers of one page that the search would find, as the API shows them; old ones that were changed are
    none of them. Raises FeedError."""
    try:
        is_found = parse_query(source.search)
    except ValueError as error:
        raise FeedError(f"the search cannot be asked of what is harvested: {error}") from error
    feed = oai_pmh.parse(fetched, source, request)
    authors = [name_author(name) for name in source.authors]
    found = tuple(
        _as_in_api(sighting)
        for sighting in feed.sightings
        if sighting.announce is Announce.NEW
        and _is_wanted(sighting.entry, source)
        and is_found(sighting.entry) is not False
        and (not authors or any(is_author(sighting.entry) for is_author in authors))
    )
    return replace(feed, sightings=found, left_out=len(feed.sightings) - len(found))


def name_sets(categories: Sequence[str]) -> tuple[str, ...]:
    """Return the sets of categories and archives: ``cs:cs:RO``, ``physics:hep-th``, ``math``."""
    return tuple(dict.fromkeys(map(_name_set, categories)))


def _name_set(category: str) -> str:
    archive, _, subject = category.partition(".")
    group = "physics" if archive in _PHYSICS else archive
    if subject:
        return f"{group}:{archive}:{subject}"
    return archive if group == archive != "physics" else f"{group}:{archive}"


def _is_wanted(entry: Entry, source: Source) -> bool:
    return entry.key.startswith("arxiv:") and (source.cross_lists or is_primary(entry, source.categories))


def _as_in_api(sighting: Sighting) -> Sighting:
    """Return a sighting under the id that the API gives it: nothing is listed anew when it answers again."""
    entry = sighting.entry
    number = entry.key.removeprefix("arxiv:")
    guid = f"http://arxiv.org/abs/{number}v{max(entry.version, 1)}"
    doi = next((key.removeprefix("doi:") for key in entry.keys if key.startswith("doi:")), "")
    keys = choose_keys(guid=guid, source=sighting.source, doi=doi)
    return replace(sighting, entry=replace(entry, key=keys[0], aliases=keys[1:]), guid=guid)


# --- papers that are named ----------------------------------------------------------------


def choose_records(
    source: Source, request: Request, error: SourceError, now: datetime
) -> tuple[Request, ...]:
    """Return the requests for some of the papers that a request named, twenty a look at most.

    Which are first goes by the hour, so that those that nobody has do not keep the others back.
    """
    if not _is_helpful(source, request, error):
        return ()
    start = int(now.timestamp() // 3600) * MAX_RECORDS % max(len(source.papers), 1)
    turn = (source.papers[start:] + source.papers[:start])[:MAX_RECORDS]
    asked = set(parse_qs(urlsplit(request.location).query).get("id_list", [""])[0].split(","))
    parameters = ({"verb": "GetRecord", "metadataPrefix": _PREFIX, "identifier": f"oai:arXiv.org:{paper}"}
                  for paper in turn if paper in asked)  # fmt: skip
    return tuple(Request(f"{source.second_location}?{urlencode(one, safe=':/')}") for one in parameters)


def parse_record(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return one paper, as the API shows it; none where arXiv does not know it. Raises FeedError."""
    feed = oai_pmh.parse(fetched, source, request)
    return replace(feed, sightings=tuple(_as_in_api(one) for one in feed.sightings if one.entry.title))


# --- both ---------------------------------------------------------------------------------


def is_second_road(request: Request) -> bool:
    """Tell whether a request is for the repository."""
    return "verb" in parse_qs(urlsplit(request.location).query)


def _is_helpful(source: Source, request: Request, error: SourceError) -> bool:
    """Tell whether the API has refused or failed, and what was asked of it is what we ask of it by ourselves."""
    if not source.second_location or is_second_road(request) or request.location == source.location:
        return False
    if isinstance(error, FetchError):
        return error.status in _MAY_PASS or not 400 <= error.status < 500
    return not isinstance(error, AnsweredError)


SEARCH = Fallback(choose_harvests, "arXiv's repository (OAI-PMH)", _REST)
PAPERS = Fallback(choose_records, "arXiv's repository (OAI-PMH)", _REST)
