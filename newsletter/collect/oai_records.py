"""Metadata in the formats that OAI-PMH carries → entries: Dublin Core, which every repository has, and arXiv's own two.

arXiv names people "Family, Given" in Dublin Core and its categories in words; here its papers come out as its API
shows them. Sources: https://www.openarchives.org/OAI/2.0/oai_dc.xsd, https://oaipmh.arxiv.org/OAI/arXiv.xsd and
arXivRaw.xsd, and what arXiv's server writes into them (https://github.com/arXiv/oaipmh).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from newsletter.collect.arxiv_paper import complete_paper, is_withdrawn
from newsletter.collect.dates import parse_date
from newsletter.collect.identity import choose_keys, parse_arxiv_id
from newsletter.collect.plain import (
    MAX_SUMMARY_CHARS,
    MAX_TITLE_CHARS,
    clean_names,
    clean_url,
    parse_title,
)
from newsletter.model.entries import Entry, EntryKey
from newsletter.people import read_people
from newsletter.tex_accents import read_letters
from newsletter.text import clean_line

_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?(?=$|[T ])")
_ID_MONTH = re.compile(r"arxiv:(?:[a-z-]+/)?(\d{2})(\d{2})")
_FIRST_YEAR = 91  # of arXiv: ids of old have two digits for the year
_COLLABORATION = re.compile(r"((?:collaboration|team|consortium)s?)\s*:\s*", re.IGNORECASE)
_COMMENT = re.compile(r"comments?:\s*", re.IGNORECASE)
_WITHDRAWN_SOURCE = "I"


class Described(NamedTuple):
    """What a record says of a work. came_at is when it came at the latest: of a paper of arXiv its first version, of
    others the newest date that they give; None where no date says anything."""

    entry: Entry
    came_at: datetime | None


def describe_work(metadata: Any, identifier: str, sets: Sequence[str], source: str) -> Described | None:
    """Return what the element inside of ``metadata`` says; None for a format that is not read.

    The entry has no title where none is given. sets are the sets of the record's header.
    """
    read = _READERS.get(_name(metadata))
    return read(metadata, identifier, sets, source) if read else None


# --- Dublin Core --------------------------------------------------------------------------


def _read_core(metadata: Any, identifier: str, sets: Sequence[str], source: str) -> Described:
    """Read any repository's record. dc:identifier may be an address, a DOI, or anything of the house."""
    if ":" in identifier and parse_arxiv_id(identifier):
        return _read_arxiv_core(metadata, identifier, sets, source)
    named = _texts(metadata, "identifier")
    doi = next((text for text in named if choose_keys(doi=text)), "")
    urls = [url for text in named if text != doi and (url := clean_url(text))]
    pages = [url for url in urls if not url.lower().endswith(".pdf")]
    url = next(iter([*pages, *urls]), "")
    keys = choose_keys(url=url, guid=identifier, source=source, doi=doi)
    dates = _texts(metadata, "date")
    moments = sorted(moment for text in dates if (moment := _read_day(text)))
    named_by_doi = next((key.removeprefix("doi:") for key in keys if key.startswith("doi:")), "")
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=parse_title(_first(metadata, "title"), MAX_TITLE_CHARS),
        summary=parse_title(_first(metadata, "description"), MAX_SUMMARY_CHARS),
        authors=read_people(_texts(metadata, "creator")),
        published_at=moments[0] if moments else None,
        categories=clean_names(_texts(metadata, "subject")),
        url=url or (f"https://doi.org/{quote(named_by_doi, safe='/:;()')}" if named_by_doi else ""),
        pdf_url=next((url for url in urls if url.lower().endswith(".pdf")), ""),
        sources=(source,),
    )
    return Described(entry, max((end for text in dates if (end := _read_end(text))), default=None))


def _read_arxiv_core(metadata: Any, identifier: str, sets: Sequence[str], source: str) -> Described:
    """Read a paper of arXiv. The first description is the abstract, the second what the authors say besides; the first
    date is that of the first version. Only the sets say in which categories it is."""
    summary, *notes = [*_texts(metadata, "description"), ""]
    moments = sorted(moment for text in _texts(metadata, "date") if (moment := _read_day(text)))
    entry = _build_paper(
        identifier,
        source,
        doi=next((text for text in _texts(metadata, "identifier") if choose_keys(doi=text)), ""),
        title=_first(metadata, "title"),
        summary=summary,
        note=_COMMENT.sub("", notes[0], count=1) if notes else "",
        authors=clean_names([_turn_name(text) for text in _texts(metadata, "creator")]),
        categories=[category for one in sets if (category := _category_of(one))],
        published_at=moments[0] if moments else None,
    )
    return Described(entry, entry.published_at)


def _turn_name(text: str) -> str:
    family, comma, given = text.partition(",")
    return f"{given.strip()} {family.strip()}" if comma and "," not in given else text


def _category_of(set_spec: str) -> str:
    """Return the category that a set of arXiv stands for: ``cs:cs:AI`` → ``cs.AI``, ``physics:hep-th`` → ``hep-th``;
    "" for a set of several categories."""
    group, *parts = set_spec.split(":")
    return ".".join(parts) if parts and parts != [group] else ""


# --- arXiv's own formats ------------------------------------------------------------------


def _read_arxiv(metadata: Any, identifier: str, sets: Sequence[str], source: str) -> Described:
    """Read the format ``arXiv``. ``created`` is the date of the newest version (the schema says: of the first one), so
    it tells when the paper came only if that is the month in its id."""
    authors = [
        " ".join(filter(None, (_first(author, name) for name in ("forenames", "keyname", "suffix"))))
        for author in metadata.iterfind("{*}authors/{*}author")
    ]
    created = _read_day(_first(metadata, "created"))
    entry = _build_paper(identifier, source, **_common(metadata), authors=clean_names(authors))
    of_id = _read_id_month(entry.key)
    if created is None or (of_id and created > of_id):
        return Described(entry, of_id or created)
    return Described(replace(entry, published_at=created), created)


def _read_arxiv_raw(metadata: Any, identifier: str, sets: Sequence[str], source: str) -> Described:
    """Read the format ``arXivRaw``: all versions with their times; people in one line, and TeX as authors wrote it."""
    versions = {
        int(number): version
        for version in metadata.iterfind("{*}version")
        if (number := version.get("version", "")[1:]).isdecimal() and len(number) < 5
    }
    newest = max(versions, default=0)
    authors = _COLLABORATION.sub(r"\1, ", read_letters(_first(metadata, "authors")))
    is_taken_back = newest > 0 and _WITHDRAWN_SOURCE in _first(versions[newest], "source_type")
    entry = _build_paper(
        identifier,
        source,
        **_common(metadata),
        authors=read_people([authors]),
        version=newest,
        withdrawn=is_taken_back,
    )
    published_at = parse_date(_first(versions[min(versions)], "date")) if versions else None
    return Described(replace(entry, published_at=published_at), published_at or _read_id_month(entry.key))


def _common(metadata: Any) -> dict[str, Any]:
    return {
        "doi": "".join(_first(metadata, "doi").split()[:1]),
        "title": _first(metadata, "title"),
        "summary": _first(metadata, "abstract"),
        "note": _first(metadata, "comments"),
        "categories": _first(metadata, "categories").split(),
    }


def _build_paper(
    identifier: str,
    source: str,
    *,
    doi: str,
    title: str,
    summary: str,
    note: str,
    authors: tuple[str, ...],
    categories: list[str],
    published_at: datetime | None = None,
    version: int = 0,
    withdrawn: bool = False,
) -> Entry:
    """Return a paper of arXiv as its API shows it; named by the repository's own id where that is not arXiv's."""
    keys = choose_keys(guid=identifier, source=source, doi=doi)
    named = clean_names(categories)
    note, summary = clean_line(note, MAX_SUMMARY_CHARS), clean_line(summary, MAX_SUMMARY_CHARS)
    entry = Entry(
        key=keys[0],
        aliases=keys[1:],
        title=clean_line(title, MAX_TITLE_CHARS),
        summary=summary,
        authors=authors,
        published_at=published_at,
        categories=named,
        primary_category=named[0] if named else "",
        note=note,
        version=version,
        withdrawn=withdrawn or is_withdrawn(note, summary),
        sources=(source,),
    )
    is_paper = entry.key.startswith("arxiv:")
    return complete_paper(entry, entry.key.removeprefix("arxiv:")) if is_paper else entry


def _read_id_month(key: EntryKey) -> datetime | None:
    """Return the end of the month in which a paper got its id, None for what is no paper of arXiv."""
    found = _ID_MONTH.match(key)
    if found is None:
        return None
    year, month = int(found[1]), int(found[2])
    return _end_of(year + (1900 if year >= _FIRST_YEAR else 2000), month) if 1 <= month <= 12 else None


# --- elements and dates -------------------------------------------------------------------


def _name(element: Any) -> str:
    """Return the name of an element without its namespace, which some repositories get wrong."""
    return str(element.tag).rpartition("}")[2]


def _texts(element: Any, name: str) -> list[str]:
    """Return the texts of the children with this name that have any, without white space around them."""
    return list(_find_texts(element, name))


def _find_texts(element: Any, name: str) -> Iterator[str]:
    for child in element.iterfind(f"{{*}}{name}"):
        if text := "".join(child.itertext()).strip():
            yield text


def _first(element: Any, name: str) -> str:
    return next(_find_texts(element, name), "")


def _read_day(text: str) -> datetime | None:
    """Return the moment that a whole date names; a year or a month is none."""
    found = _DATE.match(text)
    return None if found and not found[3] else parse_date(text)


def _read_end(text: str) -> datetime | None:
    """Return the end of what a date names: the year, the month, the day."""
    found = _DATE.match(text)
    if found is None or found[3]:
        return parse_date(text)
    month = int(found[2] or 12)
    return _end_of(int(found[1]), month) if int(found[1]) and 1 <= month <= 12 else None


def _end_of(year: int, month: int) -> datetime:
    return datetime(year, month, monthrange(year, month)[1], 23, 59, 59, tzinfo=UTC)


_READERS: Mapping[str, Callable[[Any, str, Sequence[str], str], Described]] = MappingProxyType(
    {"dc": _read_core, "arXiv": _read_arxiv, "arXivRaw": _read_arxiv_raw}
)
