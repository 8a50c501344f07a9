"""The names of a work, and what is known of it where several sources or looks tell of it.

Its names are keys: arXiv id without its version, DOI, canonical URL, source and its guid. An entry has the keys under
which it was seen (``collect.linkage`` says which entries are one work). Entries of one work are merged by rules on
values, so that it does not matter which source was first; only ``update_entry`` knows of time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache, reduce
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from newsletter.collect.addresses import canonical_url, host_of, unwrap_url
from newsletter.collect.plain import clean_url
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.text import clean_line

_NEVER = datetime.max.replace(tzinfo=UTC)
_STRENGTH = ("arxiv", "doi", "url", "guid")
_ARXIV_URL = re.compile(r"https?://(?:www\.)?arxiv\.org/", re.IGNORECASE)

# What one side of a merge says as a whole, in update_entry and merge_versions; the categories besides.
_FACTS = (
    *("title", "summary", "authors", "author_count", "organization", "published_at", "note"),
    *("ai_summary", "ai_keywords", "url", "pdf_url", "discussion_url", "code_url", "project_url"),
    *("thumbnail_url", "media_urls"),
)

# A database index has a limit of 2,704 bytes for one value (PostgreSQL); 4 bytes a character fit in.
_MAX_KEY_CHARS = 600

# https://info.arxiv.org/help/arxiv_identifier.html; the class of an old id ("math.GT") is no part of it.
_ARXIV_ID = (
    r"(?:(?P<new>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5})"
    r"|(?P<archive>(?:acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas"
    r"|cond-mat|cs|dg-ga|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|nucl-ex|nucl-th"
    r"|patt-sol|physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con))(?:\.[a-z]{2})?/(?P<number>\d{7}))"
    r"(?:v(?P<version>\d{1,4}))?"
)


def _arxiv_pattern(before: str, after: str = "") -> re.Pattern[str]:
    return re.compile(before + _ARXIV_ID + after, re.IGNORECASE | re.ASCII)


_ARXIV_TEXT = _arxiv_pattern(r"(?:arxiv:|oai:arxiv\.org:)?\s*")
_ARXIV_DOI = _arxiv_pattern(r"10\.48550/arxiv\.")

# Sites that show arXiv papers under addresses with the id; what they have besides is no paper.
# https://info.arxiv.org/help/arxiv_identifier_for_services.html names arXiv's own forms.
_ARXIV_PATH = _arxiv_pattern(r"/(?:abs|pdf|html|format|ps|dvi|src|e-print)/", r"(?:\.pdf)?/?")
_ARXIV_MIRRORS = {
    "arxiv.org": _ARXIV_PATH,
    "xxx.lanl.gov": _ARXIV_PATH,
    "ar5iv.org": _ARXIV_PATH,
    # Also in other languages: /zh/overview/…
    "alphaxiv.org": _arxiv_pattern(r"(?:/[a-z]{2})?/(?:abs|pdf|overview|resources)/", r"(?:\.pdf)?/?"),
    "huggingface.co": _arxiv_pattern("/papers/", "/?"),
    "hf.co": _arxiv_pattern("/papers/", "/?"),
    "api.semanticscholar.org": _arxiv_pattern("/arxiv:", "/?"),
    "ui.adsabs.harvard.edu": _arxiv_pattern("/abs/arxiv:", "(?:/abstract)?/?"),
    "arxiv-vanity.com": _arxiv_pattern("/papers/", "/?"),
    "papers.cool": _arxiv_pattern("/arxiv/", "/?"),
    "scirate.com": _arxiv_pattern("/arxiv/", "/?"),
    "hjfy.top": _arxiv_pattern("/arxiv/", "/?"),
    "emergentmind.com": _arxiv_pattern("/papers/", "/?"),
    "catalyzex.com": _arxiv_pattern("/paper/arxiv:", "/?"),
    # paperswithcode.com had names in its addresses, not ids.
    "paperswithcode.co": _arxiv_pattern("/paper/(?:arxiv/)?", "/?"),
}

_DOI_HOSTS = frozenset(["doi.org", "dx.doi.org"])
_DOI = re.compile(
    r"(?:doi:\s*|https?://(?:dx\.|www\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE | re.ASCII
)


def _doi_pattern(before: str, doi: str, after: str = "") -> re.Pattern[str]:
    return re.compile(rf"{before}(?P<doi>{doi}){after}/?", re.IGNORECASE | re.ASCII)


# Publishers that have the DOI in the addresses of their articles.
_DOI_PATH = _doi_pattern(
    r"/doi/(?:(?:abs|abstract|full|fullhtml|pdf|epdf|pdfplus|pdfdirect|epub|reader)/)?",
    r"10\.\d{4,9}/\S+?",
    r"(?:/(?:abstract|full|pdf|epdf))?",
)
# The version of a preprint (…v2.full.pdf) is no part of its DOI.
_RXIV_PATH = _doi_pattern(
    "/content/", r"10\.(?:1101|64898)/\d(?:[\d.]*\d)?", r"(?:v\d+)?(?:\.[a-z][a-z.+-]*)?"
)
_DOI_PLACES = {
    "dl.acm.org": _DOI_PATH,
    "onlinelibrary.wiley.com": _DOI_PATH,
    "tandfonline.com": _DOI_PATH,
    "journals.sagepub.com": _DOI_PATH,
    "pubs.acs.org": _DOI_PATH,
    "epubs.siam.org": _DOI_PATH,
    "pubsonline.informs.org": _DOI_PATH,
    "science.org": _DOI_PATH,
    "pnas.org": _DOI_PATH,
    "royalsocietypublishing.org": _DOI_PATH,
    "annualreviews.org": _DOI_PATH,
    "ahajournals.org": _DOI_PATH,
    "nejm.org": _DOI_PATH,
    "worldscientific.com": _DOI_PATH,
    "liebertpub.com": _DOI_PATH,
    "journals.asm.org": _DOI_PATH,
    "journals.physiology.org": _DOI_PATH,
    "journals.uchicago.edu": _DOI_PATH,
    "embopress.org": _DOI_PATH,
    "psycnet.apa.org": _DOI_PATH,
    "cdnsciencepub.com": _DOI_PATH,
    "link.springer.com": _doi_pattern(
        "/(?:article|chapter|content/pdf)/", r"10\.\d{4,9}/[^\s/]+?", r"(?:\.pdf|/fulltext\.html)?"
    ),
    "biorxiv.org": _RXIV_PATH,
    "medrxiv.org": _RXIV_PATH,
    "journals.aps.org": _doi_pattern(r"/\w+/(?:abstract|pdf|accepted|references)/", r"10\.1103/\S+?"),
    "link.aps.org": _doi_pattern("/(?:doi|abstract|pdf)/", r"10\.\d{4,9}/\S+?"),
    "iopscience.iop.org": _doi_pattern("/article/", r"10\.\d{4,9}/\S+?", "(?:/(?:meta|pdf|epub))?"),
    "frontiersin.org": _doi_pattern(
        r"/(?:journals/[\w-]+/)?articles/", r"10\.3389/[^\s/]+?", "(?:/(?:full|abstract|pdf))?"
    ),
    "academic.oup.com": _doi_pattern(
        r"/[\w-]+/[\w-]*article(?:-abstract)?/doi/", r"10\.\d{4,9}/\S+?", r"(?:/\d+)?"
    ),
    "degruyter.com": _doi_pattern("/document/doi/", r"10\.\d{4,9}/\S+?", "(?:/(?:html|pdf))?"),
    "degruyterbrill.com": _doi_pattern("/document/doi/", r"10\.\d{4,9}/\S+?", "(?:/(?:html|pdf))?"),
    "emerald.com": _doi_pattern("/insight/content/doi/", r"10\.\d{4,9}/\S+?", "(?:/full(?:/(?:html|pdf))?)?"),
}
# bioRxiv and medRxiv have had a prefix of their own since December 2025.
_RXIV_SHORT = r"/cgi/content/(?:short|abstract|full|long)/{}(?:v\d+)?(?:\.[a-z.-]+)?/?"
_RXIV_NUMBERS = (
    (r"(20(?:25\.12|2[6-9]\.\d\d|[3-9]\d\.\d\d)\.\d\d\.\d{6,8})", "10.64898/{}"),
    (r"(20\d\d\.\d\d\.\d\d\.\d{6,8}|\d{6})", "10.1101/{}"),
)
# Publishers in whose addresses only the end of the DOI stands, and what comes before it.
_DOI_NUMBERS = {
    host: [(re.compile(pattern, re.IGNORECASE | re.ASCII), form) for pattern, form in places]
    for host, places in {
        "nature.com": [
            (r"/articles/([sd]\d{5}-\d{3}-\d{4,6}-\w{1,2}|[a-z]{2,12}\d[\d.]*)(?:\.pdf|/.*)?", "10.1038/{}")
        ],
        "biorxiv.org": [(_RXIV_SHORT.replace("{}", number), form) for number, form in _RXIV_NUMBERS],
        "medrxiv.org": [(_RXIV_SHORT.replace("{}", number), form) for number, form in _RXIV_NUMBERS],
        "elifesciences.org": [(r"/(?:articles|reviewed-preprints)/(\d{5,6})(?:v\d+)?/?", "10.7554/elife.{}")],
        "peerj.com": [
            (r"/articles/(\d+)/?", "10.7717/peerj.{}"),
            (r"/articles/(cs|ichem|pchem|achem|matsci)-(\d+)/?", "10.7717/peerj-{}.{}"),
        ],
        "aclanthology.org": [(r"/(20\d\d\.[a-z0-9_-]+\.\d+)(?:\.pdf)?/?", "10.18653/v1/{}")],
        "pubs.rsc.org": [
            (r"/en/content/article(?:landing|html|pdf)/\d{4}/\w{2}/([a-z]\d[a-z]{2}\d{5}\w)/?", "10.1039/{}")
        ],
        "zenodo.org": [(r"/records?/(\d+)/?", "10.5281/zenodo.{}")],
        "researchsquare.com": [(r"/article/rs-(\d+)/v(\d+)/?", "10.21203/rs.3.rs-{}/v{}")],
        "preprints.org": [(r"/manuscript/(\d{6}\.\d{4})/v(\d+)/?", "10.20944/preprints{}.v{}")],
    }.items()
}

# Pages on which many works stand.
_LISTINGS = {
    "arxiv.org": re.compile(r"/list/.*"),
    "huggingface.co": re.compile(r"/papers(?:/(?:date|week|month|trending)(?:/.*)?)?"),
    "hf.co": re.compile(r"/papers(?:/(?:date|week|month|trending)(?:/.*)?)?"),
}


def choose_keys(
    *, url: str = "", guid: str = "", source: str = "", arxiv_id: str = "", doi: str = ""
) -> tuple[EntryKey, ...]:
    """Return the names of one item, the strongest first: arXiv id, DOI, canonical URL, source and guid.

    Addresses and DOIs that stand for an arXiv paper give its arXiv key. What is malformed gives no key;
    nothing usable gives none at all.
    """
    found = {parse_arxiv_id(arxiv_id), _parse_doi(doi), _parse_address(url)}
    if ":" in guid:  # a bare number may be anything
        found |= {parse_arxiv_id(guid), _parse_doi(guid), _parse_paper(guid)}
    if source and (own := " ".join(guid.split())):
        found.add(_bound("guid", f"{source}:{own}"))
    return sort_keys(key for key in found if key)


def sort_keys(keys: Iterable[EntryKey]) -> tuple[EntryKey, ...]:
    """Return keys, the strongest first."""
    return tuple(sorted(keys, key=_strength))


_KEY_KINDS = ("arxiv:", "doi:", "url:", "guid:")


def name_keys(text: str) -> frozenset[EntryKey]:
    """Return the keys that a person may mean by an arXiv id, a DOI, an address or a key; none for other words."""
    keys = frozenset(choose_keys(url=text, arxiv_id=text, doi=text))
    return keys | {EntryKey(text)} if text.startswith(_KEY_KINDS) else keys


def parse_arxiv_id(text: str) -> EntryKey | None:
    """Return the key of a bare arXiv id, ``arXiv:…``, ``oai:arXiv.org:…`` or an address, else None."""
    match = _match_arxiv(text)
    return _arxiv_key(match) if match else None


def parse_arxiv_version(text: str) -> int:
    """Return the version that an arXiv id names, in any form that ``parse_arxiv_id`` reads; 0 where it names none."""
    match = _match_arxiv(text)
    return int(match["version"] or 0) if match else 0


def merge_entries(one: Entry, other: Entry) -> Entry:
    """Return what two entries of one work tell together; associative, commutative and idempotent.

    Keys, sources and categories are unions (strongest key first; primary category first, then sorted).
    Of the others one value is taken, whoever says it. What is missing never wins; further:

    - id the smallest; first sight (time and run) and listing (date and address) the earliest; published_at too;
    - title: not cut, then the shortest; summaries, note, organization: the longest;
    - names, keywords, media: the most, then the longest; counts and votes: the highest;
    - version with its withdrawn: the highest; addresses: arXiv's own for url, then the shortest.

    What is still equal is decided by the order of the text.
    """
    keys = sort_keys({*one.keys, *other.keys})
    seen = min(one, other, key=lambda entry: (entry.first_seen_at or _NEVER, entry.first_seen_run))
    listed = min(one, other, key=_listing_order)
    newest = max(one, other, key=lambda entry: (entry.version, entry.withdrawn))
    categories, primary = _merge_categories(one, other)
    return Entry(
        key=keys[0],
        aliases=keys[1:],
        sources=tuple(sorted({*one.sources, *other.sources})),
        id=min((known for known in (one.id, other.id) if known), default=EntryId(0)),
        first_seen_run=seen.first_seen_run,
        first_seen_at=seen.first_seen_at,
        listed_on=listed.listed_on,
        listing_url=listed.listing_url,
        published_at=min((at for at in (one.published_at, other.published_at) if at), default=None),
        title=min(one.title, other.title, key=_title_order),
        summary=_longest(one.summary, other.summary),
        authors=_most(one.authors, other.authors),
        author_count=max(one.author_count, other.author_count),
        organization=_longest(one.organization, other.organization),
        categories=categories,
        primary_category=primary,
        ai_summary=_longest(one.ai_summary, other.ai_summary),
        ai_keywords=_most(one.ai_keywords, other.ai_keywords),
        note=_longest(one.note, other.note),
        version=newest.version,
        withdrawn=newest.withdrawn,
        upvotes=_highest(one.upvotes, other.upvotes),
        comments=_highest(one.comments, other.comments),
        code_stars=_highest(one.code_stars, other.code_stars),
        url=min(one.url, other.url, key=lambda url: (not url, not _ARXIV_URL.match(url), len(url), url)),
        pdf_url=_shortest(one.pdf_url, other.pdf_url),
        discussion_url=_shortest(one.discussion_url, other.discussion_url),
        code_url=_shortest(one.code_url, other.code_url),
        project_url=_shortest(one.project_url, other.project_url),
        thumbnail_url=_shortest(one.thumbnail_url, other.thumbnail_url),
        media_urls=_most(one.media_urls, other.media_urls),
    )


def merge_versions(entries: Iterable[Entry]) -> Entry:
    """Return what one or more entries of one work tell together, in whatever order they come.

    As ``merge_entries``, but facts of an older version only fill what those of the newest one leave open.
    An entry without a version counts as the first one.
    """
    works = list(entries)
    newest = max(map(_version, works))
    current = reduce(merge_entries, (work for work in works if _version(work) == newest))
    older = [work for work in works if _version(work) < newest]
    return _prefer(current, reduce(merge_entries, older)) if older else current


def update_entry(known: Entry, seen: Entry) -> Entry:
    """Return what a later look makes of a work that is known. seen is all that this look tells of it.

    Votes, comments and stars are the new ones where there are any. Identity, first sight and listing are as in
    ``merge_entries``. Other facts: the higher version has the word (none counts as the first one). In the same
    version the new ones count if all sources of ``known`` have spoken again, and else those that ``merge_entries``
    would take. What the chosen side leaves open is filled from the other.
    """
    if _version(known) > _version(seen):
        updated = _prefer(known, seen)
    elif _version(known) < _version(seen) or {*known.sources} <= {*seen.sources}:
        updated = _prefer(seen, known)
    else:
        updated = merge_entries(known, seen)
    return replace(
        updated,
        upvotes=_newest(known.upvotes, seen.upvotes),
        comments=_newest(known.comments, seen.comments),
        code_stars=_newest(known.code_stars, seen.code_stars),
    )


def _match_arxiv(text: str) -> re.Match[str] | None:
    text = text.strip()
    if match := _ARXIV_TEXT.fullmatch(text):
        return match
    if (parts := _split(text)) is None:
        return None
    host, path = host_of(parts), unquote(parts.path)
    if host in _DOI_HOSTS:
        return _ARXIV_DOI.fullmatch(path.lstrip("/"))
    pattern = _ARXIV_MIRRORS.get("arxiv.org" if host.endswith(".arxiv.org") else host)
    return pattern.fullmatch(path) if pattern else None


def _arxiv_key(match: re.Match[str]) -> EntryKey:
    return EntryKey(f"arxiv:{match['new'] or match['archive'].lower() + '/' + match['number']}")


def _parse_doi(text: str) -> EntryKey | None:
    """Return the key of a DOI with or without ``doi:`` or resolver. DOIs know no case (ISO 26324)."""
    match = _DOI.fullmatch(text.strip())
    if match is None:
        return None
    doi = unquote(match[1]).lower() if "://" in text else match[1].lower()
    if arxiv := _ARXIV_DOI.fullmatch(doi):
        return _arxiv_key(arxiv)
    return _bound("doi", doi)


def _parse_address(url: str) -> EntryKey | None:
    """Return the arXiv or DOI key that an address stands for, else that of its canonical form.

    None for a site's front page, for arXiv's listings and for those of Hugging Face: many works stand there.
    """
    parts = _split(url)
    if parts is None:
        return None
    if key := _parse_paper(url):
        return key
    host = host_of(parts)
    if host in _LISTINGS and _LISTINGS[host].fullmatch(parts.path.rstrip("/")):
        return None
    return _bound("url", canonical) if (canonical := canonical_url(url)) else None


def _parse_paper(url: str) -> EntryKey | None:
    """Return the arXiv or DOI key that an address stands for, None for any other."""
    parts = _split(url)
    return parse_arxiv_id(url) or _parse_doi(_doi_in(host_of(parts), parts)) if parts else None


def _doi_in(host: str, parts: SplitResult) -> str:
    """Return the DOI that an address carries, "" where none is known to."""
    path = unquote(parts.path)
    if host in _DOI_HOSTS:
        return path.lstrip("/")
    if host == "journals.plos.org":
        return dict(parse_qsl(parts.query)).get("id", "")
    # Societies have their journals on names of their own below Wiley's.
    host = "onlinelibrary.wiley.com" if host.endswith(".onlinelibrary.wiley.com") else host
    if (pattern := _DOI_PLACES.get(host)) and (match := pattern.fullmatch(path)):
        return match["doi"]
    numbers = ((place.fullmatch(path), form) for place, form in _DOI_NUMBERS.get(host, ()))
    return next((form.format(*match.groups()) for match, form in numbers if match), "")


@lru_cache(maxsize=4_096)
def _split(url: str) -> SplitResult | None:
    return urlsplit(unwrap_url(cleaned)) if (cleaned := clean_url(url)) else None


def _bound(kind: str, text: str) -> EntryKey:
    """Return a key of at most 600 characters without control characters; a longer text stands as its hash."""
    text = clean_line(text, len(text) + 1)
    if len(text) > _MAX_KEY_CHARS:
        text = f"{text[:100]}…{hashlib.sha256(text.encode()).hexdigest()}"
    return EntryKey(f"{kind}:{text}")


def _strength(key: EntryKey) -> tuple[int, str]:
    return _STRENGTH.index(key.partition(":")[0]), key


def _version(entry: Entry) -> int:
    return max(entry.version, 1)


def _prefer(first: Entry, second: Entry) -> Entry:
    """Return the merge of both, with the facts of the first one where it has them."""
    facts: dict[str, Any] = {name: getattr(first, name) or getattr(second, name) for name in _FACTS}
    filed = first if first.categories or first.primary_category else second
    facts |= {"categories": filed.categories, "primary_category": filed.primary_category}
    return replace(merge_entries(first, second), **facts)


def _merge_categories(one: Entry, other: Entry) -> tuple[tuple[str, ...], str]:
    """Return the categories of both and the primary one; in the source's order where only one has any."""
    said = {(entry.categories, entry.primary_category) for entry in (one, other)}
    if len(said) == 1 or ((), "") in said:
        return max(said)
    primary = min(one.primary_category, other.primary_category, key=lambda text: (not text, text))
    found = {*one.categories, *other.categories, one.primary_category, other.primary_category} - {"", primary}
    return ((primary,) if primary else ()) + tuple(sorted(found)), primary


def _listing_order(entry: Entry) -> tuple[bool, date, bool, int, str]:
    url = entry.listing_url
    return entry.listed_on is None, entry.listed_on or date.max, not url, len(url), url


def _title_order(title: str) -> tuple[bool, bool, int, str]:
    return not title, title.endswith("…"), len(title), title


def _longest(one: str, other: str) -> str:
    return one if one == other else min(one, other, key=lambda text: (-len(text), text))


def _shortest(one: str, other: str) -> str:
    """Return the shortest that is not empty."""
    return one if one == other else min(one, other, key=lambda text: (not text, len(text), text))


def _most(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if one == other:
        return one
    return min(one, other, key=lambda texts: (-len(texts), -sum(map(len, texts)), texts))


def _highest(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)


def _newest(old: int | None, new: int | None) -> int | None:
    return old if new is None else new
