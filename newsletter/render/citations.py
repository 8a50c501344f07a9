"""Papers as reference managers take them: BibTeX, RIS, and the meta tags of a paper's page. Pure.

BibTeX is written for LaTeX with UTF-8: formulas that TeX would set stay as they are, everything else is text with its
special signs escaped, so that nothing in a title can act in somebody's document. RIS and the meta tags are plain text.
Sources: https://www.bibtex.org/Format/ and the "BibTeXing" manual (Patashnik, 1988); the RIS format specification
(Research Information Systems, 2011); https://scholar.google.com/intl/en/scholar/inclusion.html#indexing
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from newsletter.people import is_group, parse_name
from newsletter.render.context import safe_url
from newsletter.render.tex import read_tex, split_formulas
from newsletter.render.wording import clean

if TYPE_CHECKING:
    from newsletter.model.entries import Entry

BIBTEX_TYPE = "application/x-bibtex; charset=utf-8"
RIS_TYPE = "application/x-research-info-systems; charset=utf-8"

_MAX_TITLE_CHARS, _MAX_NAME_CHARS, _MAX_ABSTRACT_CHARS = 1_000, 200, 10_000
_MAX_KEY_PART_CHARS = 30
_MOST_AUTHORS = 200
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Author(NamedTuple):
    """One author. given is "" for a group and for a name that is one piece; suffix is Jr. and the like."""

    family: str
    given: str = ""
    suffix: str = ""


class Published(NamedTuple):
    """When a work was published, as far as it is known; 0 for what is not."""

    year: int = 0
    month: int = 0
    day: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """What is cited of a work. title and abstract may hold TeX; all other texts are plain. key names it in a document:
    family name, year and the first word of the title; number is what tells it from another one with the same.
    authors are the first 200; has_others: there are more, or only their number is known."""

    key: str
    number: str
    title: str
    authors: tuple[Author, ...]
    has_others: bool
    published: Published
    doi: str
    arxiv_id: str
    category: str
    publisher: str
    url: str
    pdf_url: str
    abstract: str
    keywords: tuple[str, ...]
    is_withdrawn: bool


def build_citation(entry: Entry) -> Citation:
    """Return what is cited of an entry."""
    names = {name.partition(":")[0]: name.partition(":")[2] for name in reversed(entry.keys)}
    arxiv_id, doi = names.get("arxiv", ""), names.get("doi", "")
    authors = tuple(_read_author(name) for name in entry.authors[:_MOST_AUTHORS])
    published = _find_date(entry, arxiv_id)
    title = clean(entry.title, _MAX_TITLE_CHARS)
    site = next((name for name in ("bioRxiv", "medRxiv") if f"{name.lower()}.org/" in entry.url), "")
    return Citation(
        key=_name_key(authors, published, read_tex(title)),
        number=_ascii(arxiv_id or doi or entry.key.partition(":")[2])[-_MAX_KEY_PART_CHARS:],
        title=title,
        authors=authors,
        has_others=max(entry.author_count, len(entry.authors)) > len(authors) > 0,
        published=published,
        doi=doi or (f"10.48550/arXiv.{arxiv_id}" if arxiv_id else ""),
        arxiv_id=arxiv_id,
        category=entry.primary_category if arxiv_id else "",
        publisher="arXiv" if arxiv_id else site,
        url=f"https://arxiv.org/abs/{arxiv_id}" if arxiv_id else safe_url(entry.url),
        pdf_url=safe_url(entry.pdf_url),
        abstract=clean(entry.summary, _MAX_ABSTRACT_CHARS),
        keywords=tuple(dict.fromkeys(filter(None, (clean(word, 100) for word in entry.categories)))),
        is_withdrawn=entry.withdrawn,
    )


def _find_date(entry: Entry, arxiv_id: str) -> Published:
    """Return when a work was published; of arXiv its number says the month (https://info.arxiv.org/help/arxiv_identifier.html)."""
    if entry.published_at:
        return _split_date(entry.published_at.date())
    if found := re.match(r"(?:.*/)?(\d\d)(0[1-9]|1[0-2])", arxiv_id):
        year = int(found[1])
        return Published(year + (1900 if year > 90 else 2000), int(found[2]))
    seen_on = entry.listed_on or (entry.first_seen_at.date() if entry.first_seen_at else None)
    return _split_date(seen_on) if seen_on else Published()


def _split_date(day: date) -> Published:
    return Published(day.year, day.month, day.day)


_SUFFIX = re.compile(r",?\s+(Jr|Sr|II|III|IV)\.?$")
_NOTE = re.compile(r"\s*\([^()]*\)")


def _read_author(text: str) -> Author:
    """Return a name in its parts; "van der" and the like belong to the family name.

    Where it is not certain which word is the family name, it is the one in capitals, else the last one.
    """
    name = clean(_NOTE.sub("", read_tex(text)), _MAX_NAME_CHARS)
    if is_group(name):
        return Author(name)
    suffix = _SUFFIX.search(name)
    bare = name[: suffix.start()] if suffix else name
    family, given = parse_name(bare)
    words = bare.split()
    if "," not in bare and len(words) > 1 and family.split() == words:
        is_loud = [len(word) > 2 and word.isupper() for word in words]
        if not any(is_loud) or all(is_loud):
            is_loud = [place == len(words) - 1 for place in range(len(words))]
        family, given = (
            " ".join(word for word, loud in zip(words, is_loud, strict=True) if loud is wanted)
            for wanted in (True, False)
        )
    before = given.split()
    while len(before) > 1 and before[-1][:1].islower():
        family = f"{before.pop()} {family}"
    given = " ".join(before)
    return Author(family or name, given, suffix[1].replace("r", "r.") if suffix else "")


# --- the name in a document ---------------------------------------------------------------

_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ŋ": "ng"}
)
_LITTLE_WORDS = """
    a an the on in of for to from with towards toward and is are do does how what why when can at by
"""
_LITTLE = frozenset(_LITTLE_WORDS.split())


def _ascii(text: str) -> str:
    """Return the letters and digits of a text as small ASCII ones, "" where it has none."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return re.sub(r"[^a-z0-9]", "", plain.encode("ascii", "ignore").decode())


def _name_key(authors: Sequence[Author], published: Published, title: str) -> str:
    family = _ascii(authors[0].family)[:_MAX_KEY_PART_CHARS] if authors else ""
    words = [word for word in map(_ascii, re.split(r"[\s\-:/]+", title)) if word and not word.isdigit()]
    word = next((word for word in words if word not in _LITTLE), next(iter(words), ""))
    return f"{family or 'anonymous'}{published.year or ''}{word[:_MAX_KEY_PART_CHARS]}"


def _name_all(citations: Sequence[Citation]) -> Iterator[tuple[str, Citation]]:
    """Yield each with a key of its own in the file. Those that share one have their number behind it, so that no key
    depends on the order of a file."""
    shared = Counter(citation.key for citation in citations)
    taken: Counter[str] = Counter()
    for citation in citations:
        key = citation.key if shared[citation.key] == 1 else f"{citation.key}-{citation.number}"
        taken[key] += 1
        yield (key if taken[key] == 1 else f"{key}-{taken[key]}"), citation


# --- BibTeX -------------------------------------------------------------------------------

_SPECIAL = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_"},
        # BibTeX counts braces, also those behind a backslash.
        "{": r"{\textbraceleft}",
        "}": r"{\textbraceright}",
        "\\": r"{\textbackslash}",
        "~": r"{\textasciitilde}",
        "^": r"{\textasciicircum}",
        "<": r"{\textless}",
        ">": r"{\textgreater}",
        "|": r"{\textbar}",
    }
)
# Styles make small letters of a title's: what has a capital inside or stands in capitals keeps them.
_CAPITALS = re.compile(r"[^\W_]+[A-Z][\w+-]*|(?<=\s)[A-Z](?![\w'’-])")


def write_bibtex(citations: Iterable[Citation]) -> str:
    """Return the works as a BibTeX file, one entry after the other in their order."""
    return "\n".join(_write_entry(key, citation) for key, citation in _name_all(list(citations)))


def _write_entry(key: str, citation: Citation) -> str:
    year, month, _ = citation.published
    fields = (
        ("title", _escape(citation.title, keep_capitals=True)),
        (
            "author",
            " and ".join([*map(_write_author, citation.authors), *(["others"] * citation.has_others)]),
        ),
        ("year", str(year) if year else ""),
        ("month", _MONTHS[month - 1] if month else ""),
        ("eprint", citation.arxiv_id),
        ("archivePrefix", "arXiv" if citation.arxiv_id else ""),
        ("primaryClass", citation.category),
        ("publisher", citation.publisher),
        ("doi", _escape_address(citation.doi)),
        ("url", _escape_address(citation.url)),
        ("note", "Withdrawn" if citation.is_withdrawn else ""),
        ("keywords", _escape(", ".join(citation.keywords))),
        ("abstract", _escape(citation.abstract)),
    )
    written = [
        # Months are names that BibTeX knows; all else stands in braces.
        f"  {name} = {value if name == 'month' else '{' + value + '}'},\n"
        for name, value in fields
        if value
    ]
    return f"@misc{{{key},\n{''.join(written)}}}\n"


def _escape(text: str, *, keep_capitals: bool = False) -> str:
    pieces = []
    for piece, is_formula in split_formulas(text):
        if is_formula:
            pieces.append(f"${piece}$")
        elif keep_capitals:
            pieces += _escape_title(piece)
        else:
            pieces.append(piece.translate(_SPECIAL))
    return "".join(pieces).strip()


def _escape_title(text: str) -> Iterator[str]:
    place = 0
    for found in _CAPITALS.finditer(text):
        yield text[place : found.start()].translate(_SPECIAL)
        yield f"{{{found[0].translate(_SPECIAL)}}}"
        place = found.end()
    yield text[place:].translate(_SPECIAL)


def _write_author(author: Author) -> str:
    """Return a name as BibTeX takes it apart: "Family, Jr, Given"; in braces what is one piece."""
    parts = [part for part in (author.family, author.suffix, author.given) if part]
    written = [_protect(part.replace(",", " ")) for part in parts]
    return f"{{{written[0]}}}" if len(written) == 1 and " " in author.family else ", ".join(written)


def _protect(part: str) -> str:
    """Return a part of a name; "and" would end it."""
    text = " ".join(part.split()).translate(_SPECIAL)
    return re.sub(r"(?<!\S)(and)(?!\S)", r"{\1}", text, flags=re.IGNORECASE)


def _escape_address(text: str) -> str:
    """Return a DOI or an address, which styles set as they stand, without what would end the field."""
    return re.sub(r"[\s{}\\\"]", lambda found: quote(found[0]), text)


# --- RIS ----------------------------------------------------------------------------------


def write_ris(citations: Iterable[Citation]) -> str:
    """Return the works as a RIS file, with the line ends that its specification asks for."""
    return "".join(
        "".join(f"{tag}  - {value}\r\n" for tag, value in _list_ris(key, citation) if value or tag == "ER")
        for key, citation in _name_all(list(citations))
    )


def _list_ris(key: str, citation: Citation) -> Iterator[tuple[str, str]]:
    is_paper = bool(citation.arxiv_id or citation.doi)
    is_preprint = bool(citation.publisher)
    yield "TY", "GEN" if is_preprint else "JOUR" if is_paper else "ELEC"
    yield "ID", key
    yield "TI", read_tex(citation.title)
    for author in citation.authors:
        yield "AU", ", ".join(part for part in (author.family, author.given, author.suffix) if part)
    year, month, day = citation.published
    yield "PY", str(year) if year else ""
    yield "DA", f"{year:04}/{_two(month)}/{_two(day)}/" if year else ""
    yield "PB", citation.publisher
    yield "DO", citation.doi
    yield "UR", citation.url
    yield "L1", citation.pdf_url
    yield "AN", f"arXiv:{citation.arxiv_id}" if citation.arxiv_id else ""
    for word in citation.keywords:
        yield "KW", word
    yield "N1", "Withdrawn" if citation.is_withdrawn else ""
    yield "AB", read_tex(citation.abstract)
    yield "ER", ""


def _two(number: int) -> str:
    return f"{number:02}" if number else ""


# --- a page's meta tags -------------------------------------------------------------------


def list_meta(citation: Citation, page: str) -> tuple[tuple[str, str], ...]:
    """Return the names and contents of the meta tags by which Zotero and Google Scholar know a paper; page is where
    its abstract can be read. Empty for what is no paper."""
    if not (citation.arxiv_id or citation.doi):
        return ()
    year, month, day = citation.published
    when = "/".join(part for part in (str(year or ""), _two(month), _two(day)) if part)
    authors = (", ".join(filter(None, (one.family, one.given, one.suffix))) for one in citation.authors)
    tags = (
        ("citation_title", read_tex(citation.title)),
        *(("citation_author", author) for author in authors),
        ("citation_publication_date", when),
        ("citation_doi", citation.doi),
        ("citation_arxiv_id", citation.arxiv_id),
        ("citation_publisher", citation.publisher),
        ("citation_pdf_url", citation.pdf_url),
        ("citation_abstract_html_url", page),
        ("citation_abstract", read_tex(citation.abstract)),
    )
    return tuple((name, content) for name, content in tags if content)
