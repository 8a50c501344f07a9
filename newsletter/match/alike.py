"""Papers like this one: what the full-text index is asked about a paper, and which papers the answers speak for. Pure.

A few questions about a paper's own words, each answered by the newest papers that have them: cheap, and the same for
any number of papers. The rarer the words that two papers share, the more alike they are (TF-IDF).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from math import log
from typing import TYPE_CHECKING, NamedTuple

from newsletter.match.lookup import Lookup, Run, SomeOf, fold_tokens
from newsletter.match.similarity import is_little_word
from newsletter.match.spelling import word_forms

if TYPE_CHECKING:
    from newsletter.model.entries import Entry, EntryId

MOST_HITS = 500
"""Words that so many of the newest papers have say nothing of one of them."""

_TITLE_WORDS, _TITLE_PAIRS, _KEYWORDS, _OTHER_WORDS = 8, 6, 5, 5
_IN_TITLE, _KEYWORD, _ELSEWHERE = 2.0, 1.5, 1.0
_LEAST_SHARED = 2  # of the questions
_LEAST_SHARE = 0.25  # of what all of them weigh


class Probe(NamedTuple):
    """A question about a paper's words, and how much the place counts where they stand in it."""

    lookup: Lookup
    weight: float


def choose_probes(entry: Entry) -> tuple[Probe, ...]:
    """Return what the index is asked about a paper, at most 24 questions: words and pairs of words of the title,
    keywords, and words that come again in the abstract."""
    title = fold_tokens(entry.title)
    words = list(dict.fromkeys(token for token in title if _is_telling(token)))
    pairs = [(one, other) for one, other in pairwise(title) if _is_telling(one) and _is_telling(other)]
    keywords = dict.fromkeys(tuple(fold_tokens(keyword)) for keyword in entry.ai_keywords)
    again = Counter(token for token in fold_tokens(entry.summary or entry.ai_summary) if _is_telling(token))
    others = [token for token, times in again.most_common() if times > 1 and token not in words]
    return (
        *(Probe(_any_form(token), _IN_TITLE) for token in words[:_TITLE_WORDS]),
        *(Probe(Run(pair), _IN_TITLE) for pair in list(dict.fromkeys(pairs))[:_TITLE_PAIRS]),
        *(Probe(Run(tokens), _KEYWORD) for tokens in islice(filter(None, keywords), _KEYWORDS)),
        *(Probe(Run((token,)), _ELSEWHERE) for token in others[:_OTHER_WORDS]),
    )


def choose_alike(
    own: EntryId, found: Sequence[tuple[Probe, Sequence[EntryId]]], total: int
) -> tuple[EntryId, ...]:
    """Return the papers that share enough with a paper, the most alike first, then the newest.

    found are the questions about it with the newest papers that each finds, at most MOST_HITS. total is how many papers
    there are.
    """
    scores: Counter[EntryId] = Counter()
    shared: Counter[EntryId] = Counter()
    whole = 0.0
    for weight, ids in _weigh(found, total):
        whole += weight
        for number in ids:
            scores[number] += weight  # type: ignore[assignment] # a Counter of floats adds as well
            shared[number] += 1
    del scores[own]
    near = [
        number
        for number, score in scores.items()
        if shared[number] >= _LEAST_SHARED and score >= _LEAST_SHARE * whole
    ]
    return tuple(sorted(near, key=lambda number: (-scores[number], -number)))


def _weigh(
    found: Sequence[tuple[Probe, Sequence[EntryId]]], total: int
) -> Iterator[tuple[float, Sequence[EntryId]]]:
    for probe, ids in found:
        if 0 < len(ids) < min(MOST_HITS, total):
            yield probe.weight * log(total / len(ids)), ids


def _is_telling(token: str) -> bool:
    return not is_little_word(token) and (len(token) > 2 or not token.isascii())


def _any_form(token: str) -> Lookup:
    return SomeOf(tuple(Run((form,)) for form in sorted(word_forms(token))))
