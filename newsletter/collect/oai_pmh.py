"""Any repository that speaks OAI-PMH 2.0: the records that came or changed since the last look, page after page.

A repository tells by ``datestamp`` when a record changed, which may be a comma in a title of years ago: what is new is
decided by the dates of the work. Where a look stopped stands in the address with which the next one begins; what the
protocol has no place for there stands behind its ``#``, which is never sent.
Source: https://www.openarchives.org/OAI/2.0/openarchivesprotocol.htm, .../2.0/guidelines-harvester.htm
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from newsletter.collect.atom_rss import describe, mend_references
from newsletter.collect.characters import read_characters
from newsletter.collect.dates import parse_date
from newsletter.collect.identity import choose_keys
from newsletter.collect.kind import Fallback, SourceKind
from newsletter.collect.oai_records import describe_work
from newsletter.errors import FeedError, FetchError, SourceError
from newsletter.model.entries import Announce, Entry, Sighting
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source
from newsletter.text import clean_line, clean_text

MAX_PAGES = 10
_MAX_ID_CHARS = 2_000
_MAX_TOKEN_CHARS = 4_000
_MAX_NOTES = 5

# A record may get its datestamp some time before it can be seen: guidelines for harvesters, section 4.2.
_OVERLAP = timedelta(hours=1)
_NOTHING = frozenset(["noRecordsMatch", "idDoesNotExist"])
_LISTS = ("ListRecords", "GetRecord")
_REFUSED_TOKEN = frozenset([400, 404, 410, 422])

# With a granularity of days each look reads the whole day again; most repositories change once a night.
_REST = timedelta(hours=3)
_DAY, _SECOND = "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"

_DECLARATION = re.compile(r"<\?xml[^>]*\?>")
_END = re.compile(r"</(?:\w+:)?OAI-PMH\s*>\s*$")
_RECORD_TAG = re.compile(r"<(/?)(?:\w+:)?record[\s/>]")


class Record(NamedTuple):
    """One record as it came. metadata is what stands inside of its ``metadata``, None for one that is deleted."""

    identifier: str
    sets: tuple[str, ...]
    is_deleted: bool
    metadata: Any


class Answer(NamedTuple):
    """An answer of a repository that is no error. token leads to the next page; earliest and granularity are what it
    says of itself, "" in an answer to another question. has_expired: it does not know the token that it was given."""

    answered_at: datetime
    records: tuple[Record, ...] = ()
    token: str = ""
    earliest: str = ""
    granularity: str = ""
    has_expired: bool = False
    is_cut: bool = False
    notes: tuple[str, ...] = ()


# --- answers ------------------------------------------------------------------------------


def read_answer(fetched: Fetched) -> Answer:
    """Return what a repository answers. That no record matches, or is there, is an answer without records.

    Raises FeedError for the protocol's other errors, in the repository's words, and for what is no answer.
    """
    text = clean_text(read_characters(fetched.body, fetched.content_type).text.lstrip())
    root, problem = _parse_xml(text)
    answered_at = parse_date(_text(root, "responseDate"))
    if answered_at is None:
        raise FeedError("the answer does not say when it was made (responseDate)")
    errors = {error.get("code", ""): clean_line(error.text or "", 300) for error in root.iterfind("{*}error")}
    if "badResumptionToken" in errors:
        return Answer(answered_at, has_expired=True)
    if errors and not errors.keys() & _NOTHING:
        told = "; ".join(f"{code}: {words}" if words else code for code, words in errors.items())
        raise FeedError(f"the repository says: {told}")
    identify = root.find("{*}Identify")
    if identify is not None:
        earliest, granularity = _text(identify, "earliestDatestamp"), _text(identify, "granularity")
        return Answer(answered_at, earliest=earliest, granularity=granularity or _DAY)
    listing = next((found for name in _LISTS if (found := root.find(f"{{*}}{name}")) is not None), None)
    if listing is None:
        if errors:
            return Answer(answered_at)
        names = [str(child.tag).rpartition("}")[2] for child in root]
        raise FeedError(f"expected records, found {names[-1] if names else 'nothing'}")
    records = [_read_record(record) for record in listing.iterfind("{*}record")]
    is_cut = bool(problem) and not _END.search(text[-200:])
    if is_cut and _ends_in_record(text):
        del records[-1:]
    token = _text(listing, "resumptionToken")
    if len(token) > _MAX_TOKEN_CHARS:
        raise FeedError(f"the resumption token has {len(token)} characters")
    return Answer(
        answered_at,
        tuple(records),
        token=token,
        is_cut=is_cut,
        notes=(f"not well-formed: {problem}",) if problem else (),
    )


def _parse_xml(text: str) -> tuple[Any, str]:
    """Return the root, and what is wrong with the XML. Nothing outside is read and no entity unfolded: an answer with a
    document type of its own is none. Raises FeedError for what is no answer of OAI-PMH."""
    from lxml import etree  # here: most commands read no answer

    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    data = _DECLARATION.sub("", text, count=1) if text.startswith("<?xml") else text
    try:
        root = etree.fromstring(mend_references(data).encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None or not str(root.tag).endswith("OAI-PMH"):
        raise FeedError(f"expected an answer of OAI-PMH, found {describe(text)}")
    if root.getroottree().docinfo.internalDTD is not None:
        raise FeedError("the answer has a document type, which OAI-PMH has none of")
    problem = next((error.message for error in parser.error_log if error.level > 1), "")
    return root, clean_line(problem, 200)


def _read_record(record: Any) -> Record:
    header = record.find("{*}header")
    if header is None:
        return Record("", (), False, None)
    metadata = record.find("{*}metadata")
    return Record(
        clean_line(_text(header, "identifier"), _MAX_ID_CHARS),
        tuple(clean_line(one.text or "", 300) for one in header.iterfind("{*}setSpec")),
        header.get("status") == "deleted",
        next(iter(metadata), None) if metadata is not None else None,
    )


def _ends_in_record(text: str) -> bool:
    last = None
    for last in _RECORD_TAG.finditer(text):  # noqa: B007 — the last one is what is looked for
        pass
    return last is not None and not last[1]


def _text(element: Any, name: str) -> str:
    found = element.find(f"{{*}}{name}")
    return "".join(found.itertext()).strip() if found is not None else ""


# --- records ------------------------------------------------------------------------------


def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    """Return the records of one page in their order, and where the harvest goes on.

    A work whose dates are all older than days_back, and than the day from which is listed, is not announced as new: its
    record was only changed. A record without title is refused and counted. Raises FeedError for the repository's
    errors, and for a token that leads to itself.
    """
    answer = read_answer(fetched)
    if answer.granularity:
        return ParsedFeed((), following=_begin(request, source, answer))
    sightings: list[Sighting] = []
    refused: list[str] = []
    new_after = choose_new_after(answer, source, request)
    for place, record in enumerate(answer.records, 1):
        read = _read_sighting(record, source, new_after)
        if isinstance(read, Sighting):
            sightings.append(read)
        else:
            refused.append(f"record {place} refused: {read}")
    return follow(
        ParsedFeed(
            tuple(sightings),
            refused=len(refused),
            notes=(*answer.notes, *_shorten(refused)),
            total=None if answer.records or answer.token or answer.has_expired else 0,
            is_cut=answer.is_cut,
        ),
        answer,
        request,
    )


def _shorten(notes: list[str]) -> list[str]:
    more = len(notes) - _MAX_NOTES
    return [*notes[:_MAX_NOTES], f"and {more} more"] if more > 0 else notes


def choose_new_after(answer: Answer, source: Source, request: Request) -> datetime:
    """Return the moment before which a work must have come to be no news: a day before all that this harvest lists,
    so that what came while nobody could look is new all the same."""
    oldest = answer.answered_at - timedelta(days=source.days_back)
    since = parse_date(_progress(request)[0])
    return (min(oldest, since) if since else oldest) - timedelta(days=1)


def _read_sighting(record: Record, source: Source, new_after: datetime) -> Sighting | str:
    """Return what a record lists, or why it is no entry."""
    if not record.identifier:
        return "it has no identifier"
    if record.is_deleted:
        keys = choose_keys(guid=record.identifier, source=source.name)
        gone = Entry(keys[0], "", aliases=keys[1:], sources=(source.name,))
        return Sighting(gone, source.name, record.identifier, announce=Announce.DELETED)
    if record.metadata is None:
        return "it has no metadata"
    described = describe_work(record.metadata, record.identifier, record.sets, source.name)
    if described is None:
        return f"its format {clean_line(str(record.metadata.tag).rpartition('}')[2], 100)} is not read"
    if not described.entry.title:
        return "it has no title"
    is_old = described.came_at is not None and described.came_at < new_after
    announce = Announce.REPLACE if is_old else Announce.NEW
    return Sighting(described.entry, source.name, record.identifier, announce=announce)


# --- requests -----------------------------------------------------------------------------


def choose_requests(source: Source, now: datetime) -> tuple[Request, ...]:
    """Return the first request of each harvest: the repository's word on itself, from which the rest follows.

    One harvest for each set. An address with a question of its own, and a file, is asked as it stands.
    """
    parts = urlsplit(source.location)
    if parts.scheme not in ("http", "https") or parts.query:
        return (Request(source.location),)
    identify = f"{source.location}?verb=Identify"
    return tuple(
        Request(identify, harvest=name_harvest(source.location, source.metadata_prefix, one, source.name))
        for one in source.sets or ("",)
    )


def choose_next(source: Source, request: Request, feed: ParsedFeed, seen: frozenset[str]) -> Request | None:
    """Return the request for the next page; None at the end, and after ten pages: the next look goes on from there."""
    if not feed.following or request.page + 1 >= MAX_PAGES:
        return None
    return replace(request, location=feed.following, page=request.page + 1)


def name_harvest(location: str, prefix: str, set_spec: str, reader: str) -> str:
    """Return the name of a harvest: the address of the whole list, and who reads it."""
    asked = {"verb": "ListRecords", "metadataPrefix": prefix} | ({"set": set_spec} if set_spec else {})
    return f"{location}?{urlencode(asked, safe=':')}#{reader}"


def list_since(harvest: str, since: str) -> str:
    """Return the address of what has changed since a day or moment in the protocol's form."""
    return f"{harvest.partition('#')[0]}&from={since}"


def choose_start(first: Request, stopped_at: str) -> Request:
    """Return the first request of a look: where the last one stopped, unless that was before all that is asked for."""
    stopped = replace(first, location=stopped_at)
    since = _progress(first)[0]
    return first if since and _progress(stopped)[0] < since else stopped


def follow(feed: ParsedFeed, answer: Answer, request: Request) -> ParsedFeed:
    """Return a page with the addresses of the next page and of the next look.

    A token that has expired since the last look begins the list again. Raises FeedError for one that the repository
    does not know though it has just given it, and for one that leads to itself.
    """
    since, begun = _progress(request)
    if answer.has_expired:
        if request.page or not since or not request.harvest:
            raise FeedError("the repository says: badResumptionToken")
        note = "where the last look stopped is not known there any more; the list was begun again"
        return replace(feed, following=list_since(request.harvest, since), notes=(*feed.notes, note))
    begun = begun or answer.answered_at.strftime(_SECOND)
    if answer.token:
        asked = urlencode({"verb": "ListRecords", "resumptionToken": answer.token}, quote_via=quote, safe="")
        base = request.location.partition("#")[0].partition("?")[0]
        following = f"{base}?{asked}"
        if following == request.location.partition("#")[0]:
            raise FeedError("the repository answers with the token that it was asked with")
        progress = urlencode({"since": since, "begun": begun}, safe=":")
        notes = feed.notes
        if request.page + 1 >= MAX_PAGES:
            notes = (*notes, f"{MAX_PAGES} pages were read; the next look goes on from there")
        return replace(feed, following=f"{following}#{progress}", notes=notes)
    if not request.harvest:
        return feed
    began_at = parse_date(begun) or answer.answered_at
    form = _SECOND if len(since) > len("2026-06-16") else _DAY
    return replace(
        feed, resume_at=list_since(request.harvest, (began_at - _OVERLAP).astimezone(UTC).strftime(form))
    )


def _begin(request: Request, source: Source, answer: Answer) -> str:
    """Return the address of the list from days_back days ago, but not from before the repository's first record."""
    form = _SECOND if "hh" in answer.granularity.lower() else _DAY
    since_at = answer.answered_at - timedelta(days=source.days_back)
    earliest_at = parse_date(answer.earliest)
    if earliest_at and earliest_at < answer.answered_at:
        since_at = max(since_at, earliest_at)
    return list_since(request.harvest, since_at.astimezone(UTC).strftime(form))


def _progress(request: Request) -> tuple[str, str]:
    """Return from when the list of a request is, and when its first page was answered; "" for what is not known."""
    parts = urlsplit(request.location)
    told = {**parse_qs(parts.query), **parse_qs(parts.fragment)}
    since = told.get("since") or told.get("from") or [""]
    return since[0], told.get("begun", [""])[0]


def choose_restart(
    source: Source, request: Request, error: SourceError, now: datetime
) -> tuple[Request, ...]:
    """Return the request that begins a list again whose token is refused by status: some repositories do so with one
    that has expired since the last look, in place of the protocol's error."""
    since, begun = _progress(request)
    is_refused = isinstance(error, FetchError) and error.status in _REFUSED_TOKEN
    if not (is_refused and begun and request.harvest) or request.page:
        return ()
    return (Request(list_since(request.harvest, since), page=1, harvest=request.harvest),)


KIND = SourceKind(
    "oai_pmh",
    parse,
    requests=choose_requests,
    next_request=choose_next,
    fallback=Fallback(choose_restart, "the list from its beginning"),
    rest=_REST,
)
