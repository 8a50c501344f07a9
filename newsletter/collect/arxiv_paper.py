"""What holds for every paper of arXiv, wherever we read of it: addresses, home, and how it is said to be withdrawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.model.entries import Entry

# The words of authors and of arXiv's administrators. "Withdrawn from" a venue is not withdrawn from arXiv, and "an
# earlier version of this paper was withdrawn" stands on one that is not.
_PAPER = r"(?:e-?print|preprint|paper|article|manuscript|submission|version|work|note|draft|letter)\b"
_WITHDRAWN_HERE = r"withdrawn\b(?! (?:by (?:the )?authors? )?(?:from|at|in) (?!(?:the )?arxiv))"
_SAID = (
    rf"(?:this|the|our) (?:\w+ )?{_PAPER}(?:,[^.;]{{1,100}},| \([^)]{{1,100}}\))?"
    rf" (?:has been|is|was|is being) (?:(?!not|never)\w+ )?{_WITHDRAWN_HERE}"
    rf"|(?:the authors?|authors|we|i) (?:(?:has|have) )?(?:withdraw|withdrew|withdrawn) (?:this|the|our) {_PAPER}"
    rf"|(?:(?:this|the) )?(?:{_PAPER} )?{_WITHDRAWN_HERE} by (?:the )?(?:\w+ )?(?:authors?|submitter|arxiv)\b"
    rf"|(?:(?:this|the) )?(?:{_PAPER} )?(?:has been )?removed by arxiv\b"
)
_WITHDRAWN_NOTE = re.compile(
    rf"(?<!of )\b(?:{_SAID})"
    rf"|(?:^|[.;,:])\W{{0,3}}(?:{_PAPER} )?{_WITHDRAWN_HERE}"
    r"(?=\W{0,3}$|[.:;,)\]]| (?:and|because|due|for|since|until|pending)\b)",
    re.IGNORECASE,
)
_WITHDRAWN_SUMMARY = re.compile(rf"^\W*(?:{_SAID}|(?:{_PAPER} )?withdrawn(?=\W*$|[.:]))", re.IGNORECASE)


def is_withdrawn(note: str, summary: str) -> bool:
    """Tell whether the authors' comment or the abstract says that the paper is withdrawn (not: what it is about)."""
    return bool(_WITHDRAWN_NOTE.search(note) or _WITHDRAWN_SUMMARY.search(summary))


def complete_paper(entry: Entry, arxiv_id: str) -> Entry:
    """Return the entry with the addresses that every paper of arXiv has, without a version."""
    return replace(
        entry, url=f"https://arxiv.org/abs/{arxiv_id}", pdf_url=f"https://arxiv.org/pdf/{arxiv_id}"
    )


def is_primary(entry: Entry, categories: Sequence[str]) -> bool:
    """Tell whether a paper is at home in one of the categories, or in an archive that is named among them."""
    primary = entry.primary_category
    return not categories or any(primary == name or primary.startswith(f"{name}.") for name in categories)
