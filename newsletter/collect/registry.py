"""The kinds of sources. To add one: write its file, and name it here and in ``options``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from newsletter.collect import arxiv, biorxiv, feed, hf_daily_papers, hf_papers_capture, oai_pmh

if TYPE_CHECKING:
    from newsletter.collect.kind import SourceKind

KINDS: Mapping[str, SourceKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            hf_daily_papers.KIND,
            hf_papers_capture.KIND,
            arxiv.LISTING,
            arxiv.SEARCH,
            arxiv.PAPERS,
            biorxiv.BIORXIV,
            biorxiv.MEDRXIV,
            oai_pmh.KIND,
            feed.KIND,
        )
    }
)
