"""The papers that topics name under like and unlike: which entries of the store they are, and how to get the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from newsletter.collect.identity import name_keys
from newsletter.match.similarity import find_named
from newsletter.model.sources import Source

if TYPE_CHECKING:
    from newsletter.model.entries import Entry
    from newsletter.model.topics import Topic
    from newsletter.storage import EntryStore

LOOKUP = "papers that readers named"
"""The name of the source that brings them."""


async def load_papers(papers: Collection[str], entries: EntryStore) -> dict[str, Entry]:
    """Return the entries of these papers, by the names that were given; without those that are not stored."""
    wanted = {key: paper for paper in sorted(papers) for key in name_keys(paper)}
    found = await entries.load_known(wanted.keys()) if wanted else ()
    return {wanted[key]: entry for entry in found for key in entry.keys if key in wanted}


async def choose_lookup(
    topics: Iterable[Topic], entries: EntryStore, site: str, repository: str
) -> Source | None:
    """Return a source that brings the papers of arXiv that topics name and the store lacks; None for none. repository
    is where they are asked for if the site of the API refuses."""
    papers = find_named(topics)
    missing = papers.difference(await load_papers(papers, entries))
    keys = sorted({key for paper in missing for key in name_keys(paper) if key.startswith("arxiv:")})
    if not keys:
        return None
    return Source(
        LOOKUP,
        "arxiv_papers",
        site,
        papers=tuple(key.removeprefix("arxiv:") for key in keys),
        second_location=repository,
    )
