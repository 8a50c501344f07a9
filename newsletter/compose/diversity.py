"""Which of a topic's candidates come where not all can: the best, but not one thing ten times.

Maximal marginal relevance (Carbonell and Goldstein, 1998) decides who is left out; caps keep one organisation and
one first author from filling a section.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from newsletter.model import Candidate, Entry

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
    fresh: Sequence[Candidate] = chosen
    while waiting and len(chosen) < limit:
        allowed = [candidate for candidate in waiting if _has_room(candidate.entry, chosen)] or waiting
        best = allowed[0]
        if must_choose:
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


def _has_room(entry: Entry, chosen: Sequence[Candidate]) -> bool:
    before = [candidate.entry for candidate in chosen[-(_RUN - 1) :]]
    return all(Counter(map(name, before))[name(entry)] < _MOST_IN_RUN for name in _NAMES if name(entry))


def _organization(entry: Entry) -> str:
    return " ".join(entry.organization.casefold().split())


def _first_author(entry: Entry) -> str:
    return " ".join(entry.authors[0].casefold().split()) if entry.authors else ""


_NAMES = (_organization, _first_author)
