"""What may be configured of each kind of sources: all that a command knows of a kind before it collects.

``registry`` has the same names and how each is asked and read, which is dear to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from newsletter.collect.categories import parse_category, parse_subject

ARXIV_REPOSITORY = "https://oaipmh.arxiv.org/oai"

METADATA_PREFIXES = ("oai_dc", "arXiv", "arXivRaw")
"""The formats of OAI-PMH that are read."""


@dataclass(frozen=True, slots=True)
class KindOptions:
    """What one kind of sources takes.

    options: the names of the options of ``Source`` that it uses; needs: those of which one must be given where
    no page or file is. parse_category: a category as people write it → as the source names it, or ValueError.
    site: its base URL where none is configured.
    """

    options: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    parse_category: Callable[[str], str] = str
    site: str = ""


_RXIV = KindOptions(
    options=frozenset(["categories", "days_back"]),
    parse_category=parse_subject,
    site="https://api.biorxiv.org",
)

KIND_OPTIONS: Mapping[str, KindOptions] = MappingProxyType(
    {
        "hf_daily_papers": KindOptions(options=frozenset(["listing_dates"]), site="https://huggingface.co"),
        "hf_papers_capture": KindOptions(options=frozenset(["captured_on"])),
        "arxiv_listing": KindOptions(
            options=frozenset(["categories", "cross_lists"]),
            needs=("categories",),
            parse_category=parse_category,
            site="https://rss.arxiv.org",
        ),
        "arxiv_search": KindOptions(
            options=frozenset(
                ["categories", "authors", "search", "days_back", "cross_lists", "second_location"]
            ),
            needs=("categories", "authors", "search"),
            parse_category=parse_category,
            site="https://export.arxiv.org",
        ),
        "arxiv_papers": KindOptions(
            options=frozenset(["papers", "second_location"]), site="https://export.arxiv.org"
        ),
        "biorxiv": _RXIV,
        "medrxiv": _RXIV,
        "oai_pmh": KindOptions(options=frozenset(["sets", "metadata_prefix", "days_back"])),
        "feed": KindOptions(),
    }
)
