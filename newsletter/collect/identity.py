"""When two entries are one work: arXiv id without its version, DOI, canonical URL, source and its guid.

Keys are what identity is decided on; an entry has all the keys under which it was ever seen.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from newsletter.collect.plain import clean_line, clean_url
from newsletter.model import Entry, EntryId, EntryKey

_NEVER = datetime.max.replace(tzinfo=UTC)
_STRENGTH = ("arxiv", "doi", "url", "guid")

# A database index has a limit of 2,704 bytes for one value (PostgreSQL); 4 bytes a character fit in.
_MAX_KEY_CHARS = 600

# https://info.arxiv.org/help/arxiv_identifier.html; the class of an old id ("math.GT") is no part of it.
_ARXIV_ID = (
    r"(?:(?P<new>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5})"
    r"|(?P<archive>(?:acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas"
    r"|cond-mat|cs|dg-ga|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th"
    r"|patt-sol|physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con))(?:\.[a-z]{2})?/(?P<number>\d{7}))"
    r"(?:v\d+)?"
)
_ARXIV_TEXT = re.compile(rf"(?:arxiv:|oai:arxiv\.org:)?\s*{_ARXIV_ID}", re.IGNORECASE | re.ASCII)
_ARXIV_DOI = re.compile(rf"10\.48550/arxiv\.{_ARXIV_ID}", re.IGNORECASE | re.ASCII)
_ARXIV_PATHS = re.compile(
    rf"/(?:abs|pdf|html|format|ps|src|e-print|papers|overview)/{_ARXIV_ID}(?:\.pdf)?/?",
    re.IGNORECASE | re.ASCII,
)
_ARXIV_HOSTS = frozenset(["arxiv.org", "ar5iv.org", "alphaxiv.org", "huggingface.co", "hf.co"])
_DOI_HOSTS = frozenset(["doi.org", "dx.doi.org"])
_DOI = re.compile(
    r"(?:doi:\s*|https?://(?:dx\.|www\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE | re.ASCII
)

# Parameters that say where a reader came from, not what the page is.
_TRACKING = re.compile(
    r"(?:utm_\w+|mtm_\w+|pk_\w+|fbclid|gclid|dclid|msclkid|yclid|twclid|igshid|mc_cid|mc_eid|_hsenc|_hsmi"
    r"|ref_src|at_medium|at_campaign)(?:=.*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)


def choose_keys(
    *, url: str = "", guid: str = "", source: str = "", arxiv_id: str = "", doi: str = ""
) -> tuple[EntryKey, ...]:
    """Return the names of one item, the strongest first: arXiv id, DOI, canonical URL, source and guid.

    Addresses and DOIs that stand for an arXiv paper give its arXiv key. What is malformed gives no key;
    nothing usable gives none at all.
    """
    found = {parse_arxiv_id(arxiv_id), _parse_doi(doi), _parse_address(url)}
    if ":" in guid:  # a bare number may be anything
        found.add(parse_arxiv_id(guid))
    if source and (own := " ".join(guid.split())):
        found.add(_bound("guid", f"{source}:{own}"))
    return tuple(sorted((key for key in found if key), key=_strength))


def parse_arxiv_id(text: str) -> EntryKey | None:
    """Return the key of a bare arXiv id, ``arXiv:…``, ``oai:arXiv.org:…`` or an address, else None."""
    text = text.strip()
    match = _ARXIV_TEXT.fullmatch(text)
    if match is None and (parts := _split(text)):
        host, path = _host(parts), unquote(parts.path)
        if host in _ARXIV_HOSTS or host.endswith(".arxiv.org"):
            match = _ARXIV_PATHS.fullmatch(path)
        elif host in _DOI_HOSTS:
            match = _ARXIV_DOI.fullmatch(path.lstrip("/"))
    if match is None:
        return None
    return EntryKey(f"arxiv:{match['new'] or match['archive'].lower() + '/' + match['number']}")


def merge_entries(old: Entry, new: Entry) -> Entry:
    """Return what is known of one work after ``new`` was seen.

    Keys and sources are the union, the strongest key is the key; id, first_seen_run and first_seen_at
    are the earlier ones, listed_on the earliest: these do not depend on the order of merging. Votes,
    comments and stars are the newer ones. Other facts stay as they are and are filled where they
    were missing; only where all of ``old`` came from the one source of ``new`` does that source correct it.
    """
    keys = sorted({*old.keys, *new.keys}, key=_strength)
    seen = _first_sight(old, new)
    first, second = (new, old) if old.sources == new.sources and len(new.sources) == 1 else (old, new)
    listed = min(first, second, key=lambda entry: entry.listed_on or date.max)
    return Entry(
        key=keys[0],
        aliases=tuple(keys[1:]),
        sources=tuple(sorted({*old.sources, *new.sources})),
        id=min((known for known in (old.id, new.id) if known), default=EntryId(0)),
        first_seen_run=seen.first_seen_run,
        first_seen_at=seen.first_seen_at,
        listed_on=min((day for day in (old.listed_on, new.listed_on) if day), default=None),
        upvotes=_newest(old.upvotes, new.upvotes),
        comments=_newest(old.comments, new.comments),
        code_stars=_newest(old.code_stars, new.code_stars),
        title=first.title or second.title,
        summary=first.summary or second.summary,
        authors=first.authors or second.authors,
        author_count=first.author_count or second.author_count,
        organization=first.organization or second.organization,
        published_at=first.published_at or second.published_at,
        categories=first.categories or second.categories,
        tags=first.tags or second.tags,
        ai_summary=first.ai_summary or second.ai_summary,
        note=first.note or second.note,
        url=first.url or second.url,
        pdf_url=first.pdf_url or second.pdf_url,
        discussion_url=first.discussion_url or second.discussion_url,
        code_url=first.code_url or second.code_url,
        project_url=first.project_url or second.project_url,
        listing_url=listed.listing_url or first.listing_url or second.listing_url,
    )


def _parse_doi(text: str) -> EntryKey | None:
    """Return the key of a DOI with or without ``doi:`` or resolver. DOIs know no case (ISO 26324)."""
    match = _DOI.fullmatch(text.strip())
    if match is None:
        return None
    doi = unquote(match[1]).lower() if "://" in text else match[1].lower()
    if arxiv := _ARXIV_DOI.fullmatch(doi):
        return parse_arxiv_id(arxiv["new"] or f"{arxiv['archive']}/{arxiv['number']}")
    return _bound("doi", doi)


def _parse_address(url: str) -> EntryKey | None:
    """Return the arXiv or DOI key that an address stands for, else its canonical form.

    None for a site's front page and for a search on Hugging Face: many works stand there.
    """
    parts = _split(url)
    if parts is None:
        return None
    if key := parse_arxiv_id(url):
        return key
    host, path = _host(parts), parts.path.rstrip("/")
    if host in _DOI_HOSTS and (key := _parse_doi(url.partition("?")[0])):
        return key
    query = "&".join(
        sorted(part for part in parts.query.split("&") if part and not _TRACKING.fullmatch(part))
    )
    fragment = "" if _TRACKING.match(parts.fragment) or parts.fragment.startswith(":~:") else parts.fragment
    if not path and not query and not fragment:
        return None
    if host in ("huggingface.co", "hf.co") and path == "/papers":
        return None
    return _bound("url", urlunsplit(("https", _authority(parts), path, query, fragment)))


def _split(url: str) -> SplitResult | None:
    return urlsplit(cleaned) if (cleaned := clean_url(url)) else None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").removeprefix("www.")


def _authority(parts: SplitResult) -> str:
    """Return host and port; without login, and without the port that the scheme means anyway."""
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def _bound(kind: str, text: str) -> EntryKey:
    """Return a key of at most 600 characters without control characters; a longer text stands as its hash."""
    text = clean_line(text, len(text) + 1)
    if len(text) > _MAX_KEY_CHARS:
        text = f"{text[:100]}…{hashlib.sha256(text.encode()).hexdigest()}"
    return EntryKey(f"{kind}:{text}")


def _strength(key: EntryKey) -> tuple[int, str]:
    return _STRENGTH.index(key.partition(":")[0]), key


def _first_sight(old: Entry, new: Entry) -> Entry:
    """Return the one that was seen earlier; what no run has seen yet comes after everything else."""
    return min(old, new, key=lambda entry: (entry.first_seen_at or _NEVER, entry.first_seen_run))


def _newest(old: int | None, new: int | None) -> int | None:
    return old if new is None else new
