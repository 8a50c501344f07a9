"""How near entries are to what a reader describes, and to papers that the reader liked.

Nearness ranks, and selects only where a topic has no words: as a filter it is far worse than words are. `Similarity`
is the port; `LexicalSimilarity` needs no trained weights: vectors of stems and pairs of stems weighted by TF-IDF, and
one round of pseudo-relevance feedback (Rocchio, 1971): the nearest entries lend the description their own words.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import exp, fsum, log, sqrt
from typing import TYPE_CHECKING, NamedTuple, Protocol

import Stemmer

from newsletter.match.budget import UNBOUNDED, Budget
from newsletter.match.fold import Folded, Gap, fold
from newsletter.model.topics import Likeness, Match, Scope, Topic

if TYPE_CHECKING:
    from newsletter.match.words import FoldedEntry
    from newsletter.model.entries import Entry, EntryKey


@dataclass(frozen=True, slots=True)
class Interest:
    """What a reader wants: a topic's name and description, and papers by their keys."""

    name: str = ""
    about: str = ""
    like: tuple[EntryKey, ...] = ()
    unlike: tuple[EntryKey, ...] = ()


def find_named(topics: Iterable[Topic]) -> frozenset[str]:
    """Return the papers that topics name under like and unlike, as they are written there."""
    return frozenset(paper for topic in topics for paper in (*topic.like, *topic.unlike))


def build_interest(topic: Topic, papers: Mapping[str, Entry]) -> Interest | None:
    """Return what a topic asks for beside its words; None where it does not. papers are those that it names, by the
    names given."""
    if not (topic.about or topic.like or topic.unlike):
        return None
    like, unlike = (
        tuple(papers[paper].key for paper in names if paper in papers) for names in (topic.like, topic.unlike)
    )
    return Interest(topic.name if topic.about else "", topic.about, like, unlike)


class Similarity(Protocol):
    """Knows some entries, by which it measures, and how alike they are."""

    def __contains__(self, key: EntryKey) -> bool:
        """Say whether an entry is known."""

    def add(self, folded: FoldedEntry) -> None:
        """Let another entry be measured, compared and liked, without measuring by it."""

    def measure(self, interest: Interest, keys: Collection[EntryKey]) -> Mapping[EntryKey, Likeness]:
        """Return how near each of these entries is, by key in their order; nothing where nothing is known of what is
        wanted (papers that are not among the entries say nothing)."""

    def compare(self, one: EntryKey, other: EntryKey) -> float:
        """Return how alike two entries are, 0 to 1."""


def weigh_match(topic: Topic, match: Match, likeness: Likeness | None) -> Match | None:
    """Return a match with the nearness taken into account; None where the entry does not belong to the topic.

    Beside words, nearness moves the strength half-way. Where a topic has none, nearness alone is the strength, and an
    entry must be nearer than the average.
    """
    if not topic.is_described:
        if likeness is None:
            return match
        return Match(match.hits, (match.strength + likeness.value) / 2, likeness)
    if likeness is None or likeness.value <= 0.5:
        return None
    return Match(match.hits, likeness.value, likeness)


# --- terms --------------------------------------------------------------------------------

_LITTLE_WORDS = """
    a about above after again against all also am an and any are as at be because been before being below between eg ie
    both but by can could did do does doing down during each few for from further had has have having he her here
    hers him his how however i if in into is it its itself just may me might more most must my no nor not now of off
    on once only or other our ours out over own same she should so some such than that the their theirs them then
    there these they this those through thus to too under until up upon us very via was we were what when where
    which while who whom why will with within without would you your yet
"""
_STOP = frozenset(_LITTLE_WORDS.split())
_TITLE_COUNTS = 2
_NAME_COUNTS = 3


def is_little_word(word: str) -> bool:
    """Say whether a word says nothing by itself: the, of, with."""
    return word.casefold() in _STOP


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def _terms(text: Folded) -> list[tuple[str, int, int]]:
    """Return the terms of a text, each with its first and last token: stems, and pairs that stand side by side."""
    words = [surface.casefold() for surface in text.surfaces]
    stems = _stemmer().stemWords(words)
    carries = [
        word not in _STOP and (len(word) > 1 or word.isdigit() or not word.isascii()) for word in words
    ]
    terms = [(stem, place, place) for place, stem in enumerate(stems) if carries[place]]
    for place, (one, other) in enumerate(pairwise(stems)):
        if carries[place] and carries[place + 1] and text.gap(place + 1) is not Gap.BREAK:
            terms.append((f"{one} {other}", place, place + 1))
    return terms


def _count(texts: Iterable[tuple[Folded, int]]) -> Counter[str]:
    """Return how often each term occurs; each text counts so many times."""
    counts: Counter[str] = Counter()
    for text, times in texts:
        for term, _, _ in _terms(text):
            counts[term] += times
    return counts


# "agents, but not surveys": what a reader rules out must not draw entries in.
_RULED_OUT = re.compile(r"\b(?:but not|not|except|excluding|other than|without)\b[^.;]*", re.IGNORECASE)


# --- vectors ------------------------------------------------------------------------------

_Vector = dict[str, float]


def _length(vector: _Vector) -> float:
    return sqrt(fsum(weight * weight for weight in vector.values()))


def _scaled(vector: _Vector, factor: float) -> _Vector:
    return {term: weight * factor for term, weight in vector.items()}


def _unit(vector: _Vector) -> _Vector:
    length = _length(vector)
    return _scaled(vector, 1 / length) if length else {}


def _sum(vectors: Iterable[_Vector]) -> _Vector:
    total: _Vector = {}
    for vector in vectors:
        for term, weight in vector.items():
            total[term] = total.get(term, 0.0) + weight
    return total


def _mean(vectors: Sequence[_Vector]) -> _Vector:
    return _scaled(_sum(vectors), 1 / len(vectors)) if vectors else {}


def _dot(one: _Vector, other: _Vector) -> float:
    if len(other) < len(one):
        one, other = other, one
    return fsum(weight * other[term] for term, weight in one.items() if term in other)


def _heaviest(vector: _Vector, most: int) -> _Vector:
    """Return the terms with the most weight, as far as they have any."""
    terms = sorted(vector, key=lambda term: (-round(vector[term], 12), term))[:most]
    return {term: vector[term] for term in terms if vector[term] > 0}


def _spread(scores: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation; the latter is 1 where all scores are equal."""
    mean = fsum(scores) / len(scores)
    deviation = sqrt(fsum((score - mean) ** 2 for score in scores) / len(scores))
    return mean, deviation if deviation > 1e-9 else 1.0


def _standardised(scores: Sequence[float]) -> list[float]:
    mean, deviation = _spread(scores)
    return [(score - mean) / deviation for score in scores]


# --- the lexical ranker -------------------------------------------------------------------

# BM25 with its usual parameters (Robertson and Zaragoza, 2009).
_K1, _B = 1.2, 0.75
_FEEDBACK_ENTRIES = 10
_FEEDBACK_TERMS_ABOUT, _FEEDBACK_TERMS_LIKE = 50, 100
_TELLING_TERMS = 200
_LEAST_SHARED = 5
_MOST_WORDS = 3
_MOST_WANTED = 500  # descriptions that are remembered: measured by 3,000 entries, one takes 100 kB


class _Wanted(NamedTuple):
    """What is looked for: a direction, how much the mean of all entries counts beside it, and the scores of all
    entries, ascending, with their mean and deviation. telling are the terms that speak most for an entry."""

    direction: _Vector
    centre: float
    ascending: tuple[float, ...]
    mean: float
    deviation: float
    telling: _Vector


class _Paper(NamedTuple):
    """An entry, its vector (of length 1), and how near it is to the mean of all entries."""

    folded: FoldedEntry
    vector: _Vector
    to_centre: float


class LexicalSimilarity:
    """TF-IDF and BM25 over the entries of the last 30 days; others may be added to be measured by these.

    The same entries in any order give the same values, and what is added does not change them.
    """

    def __init__(self, entries: Iterable[FoldedEntry]) -> None:
        by_key = {folded.entry.key: folded for folded in entries}
        keys = sorted(by_key)
        # Sorted, so that sums of floats do not depend on the order in which terms were met.
        self._counts = [dict(sorted(_count(_texts(by_key[key])).items())) for key in keys]
        entries_with = Counter(term for count in self._counts for term in count)
        total = len(keys)
        self._idf = {term: log((1 + total) / (1 + known)) + 1 for term, known in entries_with.items()}
        self._bm25_idf = {
            term: log(1 + (total - known + 0.5) / (known + 0.5)) for term, known in entries_with.items()
        }
        self._vectors = [self._weigh(counts) for counts in self._counts]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean_length = sum(self._lengths) / total if total else 0.0
        self._having: dict[str, list[int]] = {}
        for place, vector in enumerate(self._vectors):
            for term in vector:
                self._having.setdefault(term, []).append(place)
        self._centre = _mean(self._vectors)
        self._centre_square = _dot(self._centre, self._centre)
        self._keys = keys
        self._papers = {
            key: _Paper(by_key[key], vector, _dot(vector, self._centre))
            for key, vector in zip(keys, self._vectors, strict=True)
        }
        self._wanted: OrderedDict[Interest, _Wanted | None] = OrderedDict()

    def __contains__(self, key: EntryKey) -> bool:
        """Say whether an entry is known."""
        return key in self._papers

    def add(self, folded: FoldedEntry) -> None:
        """Let another entry be measured, compared and liked, without measuring by it."""
        if folded.entry.key not in self._papers:
            counts = _count(_texts(folded))
            vector = self._weigh({term: counts[term] for term in sorted(counts) if term in self._idf})
            self._papers[folded.entry.key] = _Paper(folded, vector, _dot(vector, self._centre))

    def _weigh(self, counts: Mapping[str, int]) -> _Vector:
        return _unit({term: (1 + log(count)) * self._idf[term] for term, count in counts.items()})

    def compare(self, one: EntryKey, other: EntryKey) -> float:
        """Return the cosine of two entries, 0 to 1; 0 where one of them is not known."""
        if one not in self._papers or other not in self._papers:
            return 0.0
        return min(1.0, round(_dot(self._papers[one].vector, self._papers[other].vector), 9))

    def measure(
        self, interest: Interest, keys: Collection[EntryKey], budget: Budget = UNBOUNDED
    ) -> Mapping[EntryKey, Likeness]:
        """Return how near each of these entries is. See Similarity. Raises BudgetError."""
        budget.check()
        if interest not in self._wanted:
            self._wanted[interest] = self._aim(interest)
            if len(self._wanted) > _MOST_WANTED:
                self._wanted.popitem(last=False)
        wanted = self._wanted[interest]
        if wanted is None:
            return {}
        liked = sorted(key for key in interest.like if key in self._papers)
        return {key: self._tell(key, wanted, liked) for key in budget.over(keys) if key in self._papers}

    def _tell(self, key: EntryKey, wanted: _Wanted, liked: Sequence[EntryKey]) -> Likeness:
        """Return the likeness of one entry. What is no nearer than the average has no words for it."""
        paper, everybody = self._papers[key], wanted.ascending
        score = round(_dot(wanted.direction, paper.vector) + wanted.centre * paper.to_centre, 9)
        standard = (score - wanted.mean) / wanted.deviation
        nearest = max(liked, key=lambda other: (self.compare(key, other), other), default=None)
        is_near = standard > 0
        return Likeness(
            value=round(1 / (1 + exp(-standard)), 6),
            share=round(max(1, len(everybody) - bisect_left(everybody, score)) / len(everybody), 6),
            words=_choose_words(paper, wanted.telling) if is_near else (),
            paper=self._papers[nearest].folded.entry.title if is_near and nearest is not None else "",
        )

    def _aim(self, interest: Interest) -> _Wanted | None:
        """Return what is looked for; None where nothing is known of it."""
        described = self._describe(interest)
        liked, unliked = (
            [self._papers[key].vector for key in papers if key in self._papers]
            for papers in (interest.like, interest.unlike)
        )
        if not self._keys or not (described or liked or unliked):
            return None
        asked = {term: count * self._idf[term] for term, count in described.items()}
        first = _sum([_unit(asked), _scaled(_unit(_mean(unliked)), -1)])
        length, centre = _length(first), 0.0
        if liked:
            # What all papers share says nothing of these: the mean of all entries stands for what is not liked.
            mean = _mean(liked)
            away = sqrt(max(1e-12, _dot(mean, mean) - 2 * _dot(mean, self._centre) + self._centre_square))
            first = _sum([first, _scaled(mean, 1 / away)])
            length, centre = sqrt(length**2 + 1), -1 / away
        first, centre = _scaled(first, 1 / length), centre / length
        leading = self._scores(first, centre)
        if described and not liked:
            # BM25 helps a description to find the entries that lend it their words.
            both = zip(_standardised(leading), _standardised(self._bm25(described)), strict=True)
            leading = [one + other for one, other in both]
        lent = self._feedback(leading, {*interest.like, *interest.unlike})
        if liked:
            lent = {term: weight - self._centre[term] for term, weight in lent.items()}
        lent = _unit(_heaviest(lent, _FEEDBACK_TERMS_LIKE if liked else _FEEDBACK_TERMS_ABOUT))
        # The more papers say what is wanted, the less there is to guess.
        trust = 1 / max(1, len(liked))
        direction = _sum([first, _scaled(lent, trust)])
        scores = sorted(round(score, 9) for score in self._scores(direction, centre))
        mean_score, deviation = _spread(scores)
        # The reader's own words tell more than those that were lent, and of these only what several entries have.
        common = {
            term: weight / 10 for term, weight in lent.items() if len(self._having[term]) >= _LEAST_SHARED
        }
        telling = _heaviest(_sum([first, common]), _TELLING_TERMS)
        return _Wanted(direction, centre, tuple(scores), mean_score, deviation, telling)

    def _describe(self, interest: Interest) -> Counter[str]:
        """Return how often each known term stands in the description; the name counts three times."""
        if not interest.about:
            return Counter()
        about = _RULED_OUT.sub(" ", interest.about)
        counts = _count([(fold(interest.name), _NAME_COUNTS), (fold(about), 1)])
        return Counter({term: counts[term] for term in sorted(counts) if term in self._idf})

    def _scores(self, direction: _Vector, centre: float) -> list[float]:
        """Return the score of each entry of the last 30 days, in the order of their keys."""
        scores = [centre * self._papers[key].to_centre for key in self._keys]
        for term in sorted(direction):
            weight = direction[term]
            for place in self._having.get(term, ()):
                scores[place] += weight * self._vectors[place][term]
        return scores

    def _bm25(self, counts: Mapping[str, int]) -> list[float]:
        scores = [0.0] * len(self._counts)
        for term, times in counts.items():
            for place in self._having[term]:
                count = self._counts[place][term]
                norm = _K1 * (1 - _B + _B * self._lengths[place] / self._mean_length)
                scores[place] += times * self._bm25_idf[term] * count * (_K1 + 1) / (count + norm)
        return scores

    def _feedback(self, scores: Sequence[float], known: Collection[EntryKey]) -> _Vector:
        """Return what the nearest entries have in common, apart from the papers that are known already."""
        order = sorted(range(len(scores)), key=lambda place: (-round(scores[place], 9), place))
        nearest = [place for place in order if self._keys[place] not in known and scores[place] > 0]
        nearest = nearest[:_FEEDBACK_ENTRIES]
        total = fsum(scores[place] for place in nearest)
        return _sum(_scaled(self._vectors[place], scores[place] / total) for place in nearest)


def _choose_words(paper: _Paper, telling: _Vector) -> tuple[str, ...]:
    """Return the words of an entry that say most for it, as they stand there."""
    gains = {term: weight * paper.vector[term] for term, weight in telling.items() if term in paper.vector}
    vote_rank = _find_standing(paper.folded) if gains else {}
    words: list[str] = []
    told: set[str] = set()
    for term in sorted(gains, key=lambda term: (-round(gains[term], 9), term)):
        if len(words) == _MOST_WORDS:
            break
        if told.isdisjoint(term.split()):
            words.append(vote_rank[term])
            told.update(term.split())
    return tuple(words)


def _texts(folded: FoldedEntry) -> Iterable[tuple[Folded, int]]:
    yield from ((text, _TITLE_COUNTS) for text in folded.fields[Scope.TITLE])
    yield from ((text, 1) for text in folded.fields[Scope.ABSTRACT])


def _find_standing(folded: FoldedEntry) -> dict[str, str]:
    """Return each term of an entry as it first stands in its text."""
    vote_rank: dict[str, str] = {}
    originals = (folded.entry.title, folded.entry.summary)
    for original, (text, _) in zip(originals, _texts(folded), strict=True):
        for term, first, last in _terms(text):
            vote_rank.setdefault(term, original[slice(*text.span(first, last))])
    return vote_rank
