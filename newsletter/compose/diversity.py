"""Which of a topic's candidates come where not all can: the best, but not one thing ten times.

Maximal marginal relevance (Carbonell and Goldstein, 1998) decides who is left out; caps keep one organisation and
one first author from filling a section.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.model.entries import Entry

if TYPE_CHECKING:
    from newsletter.model.topics import Candidate

Comparison = Callable[[Entry, Entry], float]
"""How alike two entries are, 0 to 1; the same both ways round."""

# At .7 the near-duplicates among ten papers fall by half for a loss of .7 % in votes.
_LAMBDA = 0.7
_FIXED = 3
_POOL = 60  # of those that have no room by rank, the first so many may still come in
_RUN, _MOST_IN_RUN = 5, 2


def diversify(ranked: Sequence[Candidate], compare: Comparison, limit: int) -> list[Candidate]:
    """Return the candidates with those to show first: at most ``limit``, in the order in which they stand.

    The first three by rank stay first. After them comes, one by one, who is best by
    .7 score - .3 likeness to the nearest that stands already; where all have room, simply the next by rank. In any
    five in a row stand at most two of one organisation and two of one first author, as long as others are left.
    Those who are left out follow in the order of their rank.
    """
    fixed = min(_FIXED, limit)
    chosen, waiting = list(ranked[:fixed]), list(ranked[fixed : limit + _POOL])
    must_choose = len(ranked) > limit
    nearest = {candidate.entry.id: 0.0 for candidate in waiting}
    names = {candidate.entry.id: _names(candidate.entry) for candidate in (*chosen, *waiting)}
    fresh: Sequence[Candidate] = chosen
    while waiting and len(chosen) < limit:
        before = Counter(name for known in chosen[-(_RUN - 1) :] for name in names[known.entry.id])
        full = {name for name, times in before.items() if times >= _MOST_IN_RUN}
        best = next((one for one in waiting if full.isdisjoint(names[one.entry.id])), waiting[0])
        if must_choose:
            allowed = [one for one in waiting if full.isdisjoint(names[one.entry.id])] or waiting
            for candidate in waiting:
                alike = [compare(candidate.entry, known.entry) for known in fresh]
                nearest[candidate.entry.id] = max(nearest[candidate.entry.id], *alike)
            best = max(allowed, key=lambda candidate: _marginal(candidate, nearest[candidate.entry.id]))
        waiting.remove(best)
        chosen.append(best)
        fresh = (best,)
    return [*chosen, *waiting, *ranked[limit + _POOL :]]


def _marginal(candidate: Candidate, nearest: float) -> float:
    return round(_LAMBDA * candidate.score - (1 - _LAMBDA) * nearest, 6)


@lru_cache(maxsize=4096)
def _names(entry: Entry) -> frozenset[tuple[str, str]]:
    """Return the organisation and the first author, as far as they are known."""
    named = (("organization", entry.organization), ("author", entry.authors[0] if entry.authors else ""))
    return frozenset((what, " ".join(name.casefold().split())) for what, name in named if name.strip())
