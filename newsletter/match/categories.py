"""The categories of arXiv, and what is odd about one that a topic names.

Source: https://arxiv.org/category_taxonomy, and the older archives of https://arxiv.org/archive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from newsletter.errors import Message

_SUBJECTS: Mapping[str, str] = {
    "astro-ph": "CO EP GA HE IM SR",
    "cond-mat": "dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con",
    "cs": "AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH OS PF PL RO "
    "SC SD SE SI SY",
    "econ": "EM GN TH",
    "eess": "AS IV SP SY",
    "math": "AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT SG SP ST",
    "nlin": "AO CD CG PS SI",
    "physics": "acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph "
    "geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph",
    "q-bio": "BM CB GN MN NC OT PE QM SC TO",
    "q-fin": "CP EC GN MF PM PR RM ST TR",
    "stat": "AP CO ME ML OT TH",
}
_WHOLE = "gr-qc hep-ex hep-lat hep-ph hep-th math-ph nucl-ex nucl-th quant-ph"
_OLD = """
    acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat dg-ga
    funct-an mtrl-th patt-sol plasm-ph q-alg solv-int supr-con
"""
KNOWN = frozenset(
    [f"{archive}.{subject}" for archive, text in _SUBJECTS.items() for subject in text.split()]
    + _WHOLE.split()
    + _OLD.split()
)
"""All categories, as arXiv writes them."""

_BY_FOLDED = {category.casefold(): category for category in KNOWN}
_SHAPE = re.compile(r"[a-z-]+\.[A-Z]{2}|[a-z]+(?:-[a-z]+)*\.\S+")
_BRACES = re.compile(r"(.*)\{([^{}]*)\}(.*)")


def is_category(text: str) -> bool:
    """Say whether a text is a category with a subject, such as cs.CL."""
    return "." in text and text.casefold() in _BY_FOLDED


def doubt_category(text: str) -> tuple[str, str] | None:
    """Return what is odd about the category that a topic names, and what would be right; None where nothing is.

    It may have a star or a list in braces. Categories of feeds are whatever a feed calls them, so only what looks like
    one of arXiv is judged.
    """
    braces = _BRACES.fullmatch(text)
    if braces:
        each = (f"{braces[1]}{part.strip()}{braces[3]}" for part in braces[2].split(","))
        return next((problem for problem in map(doubt_category, each) if problem), None)
    archive, dot, subject = text.partition(".")
    if text.endswith("*"):
        begin = text[:-1].casefold()
        known = any(category.startswith(begin) for category in _BY_FOLDED)
        is_ours = archive.casefold().rstrip("*") in _SUBJECTS
        return None if known or not is_ours else _unknown(text)
    if text.casefold() in _BY_FOLDED:
        return None
    if not dot and archive.casefold() in _SUBJECTS:
        return Message("no arXiv paper has just the category {text}", text=repr(text)), Message(
            "write {text}.* for all of {text}", text=text
        )
    if dot and (archive.casefold() in _SUBJECTS or (_SHAPE.fullmatch(text) and subject.isupper())):
        return _unknown(text)
    return None


def _unknown(text: str) -> tuple[str, str]:
    archive, _, subject = text.partition(".")
    subjects = _SUBJECTS.get(archive.casefold(), "").split()
    near = get_close_matches(subject.upper().rstrip("*"), subjects, n=1, cutoff=0.5)
    hint = (
        Message("did you mean {archive}.{near}?", archive=archive.casefold(), near=near[0])
        if near
        else Message("see https://arxiv.org/category_taxonomy")
    )
    return Message("arXiv has no category {text}", text=repr(text)), hint
