"""What a topic finds: the one owner of that question.

An answer depends on the topic, the entry, and what the entries of the last 30 days teach: which short forms they
define, what votes are worth in their sources, and how near one is to a description. A `Corpus` is what they teach. A
digest, a preview, `topics try`, `explain`, a topic's page, a feed and a search ask a corpus made of the same 30 days,
so they differ in nothing but the entries that they ask about.

Two engines stand behind it, both equal to `match_query`: where queries are known and entries come (digests),
`Corpus.match_many`; where entries are known and topics come (the others), a `Selection`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

from newsletter.match.acronyms import learn_acronyms
from newsletter.match.budget import UNBOUNDED, Budget
from newsletter.match.haystack import Haystack, numbers_in, to_bits
from newsletter.match.index import QueryIndex
from newsletter.match.matcher import match_query
from newsletter.match.near_misses import NearMiss, find_obstacle
from newsletter.match.rank import Matched, build_scale, dated_on, order_by_votes, rank_entries
from newsletter.match.similarity import LexicalSimilarity, build_interest, find_named, weigh_match
from newsletter.match.words import FoldedEntry, fold_entry, text_of
from newsletter.model.topics import Candidate, Match, Query, Topic, TopicMatches

if TYPE_CHECKING:
    from newsletter.model.entries import Entry, EntryId

HISTORY = timedelta(days=30)
"""The entries of so many days before now make a corpus, whatever entries are asked about."""

_MOST_COMPARED = 3000
_MOST_HANDED_ON = 6000  # folded, they take 120 MB
_MOST_NAMED = 20_000
_NO_PAPERS: Mapping[str, Entry] = MappingProxyType({})


class Corpus:
    """What the entries of the last 30 days teach, as of ``now`` (aware UTC). Several threads may ask it at once."""

    def __init__(self, history: Iterable[Entry], now: datetime, before: Corpus | None = None) -> None:
        """history are the entries of HISTORY in any order. before is an older corpus, which has most of them folded."""
        known = tuple(history)
        self.now = now
        self.acronyms = learn_acronyms(map(text_of, known))
        self.scale = build_scale(known, now)
        newest = sorted(known, key=lambda entry: (-entry.first_seen_run, entry.key))
        self._compared = tuple(newest[:_MOST_COMPARED])
        self._measuring = Lock()
        self._similarity: LexicalSimilarity | None = None
        self._named = 0
        folded: Mapping[EntryId, FoldedEntry] = before._folded if before else {}
        self._folded: dict[EntryId, FoldedEntry] = {
            entry.id: _fold_again(entry, folded[entry.id])
            for entry in newest[:_MOST_HANDED_ON]
            if entry.id in folded
        }

    def fold(self, entry: Entry) -> FoldedEntry:
        """Return an entry folded; where it is known and only its numbers changed, by its fields as they are known."""
        known = self._folded.get(entry.id)
        return _fold_again(entry, known) if known else fold_entry(entry)

    def remember(self, entry: Entry) -> FoldedEntry:
        """Return an entry folded, once for all who ask this corpus about it."""
        folded = self._folded[entry.id] = self.fold(entry)
        return folded

    def match(self, query: Query, entry: Entry) -> Match | None:
        """Return why a query holds for an entry, None where it does not."""
        return match_query(query, self.fold(entry), self.acronyms)

    def match_many(
        self, queries: Iterable[Query], entries: Sequence[Entry]
    ) -> dict[Query, dict[EntryId, Match]]:
        """Return for each query the entries for which it holds, and why. The entries are remembered."""
        index = QueryIndex(queries, self.acronyms)
        found: dict[Query, dict[EntryId, Match]] = {query: {} for query in index.queries}
        for entry in entries:
            for query, match in index.match(self.remember(entry)):
                found[query][entry.id] = match
        return found

    def find_obstacle(self, topic: Topic, entry: Entry) -> str:
        """Return the one rule of a topic's words that kept an entry out; "" where it is in, or no near miss."""
        return "" if self.match(topic.query, entry) else self._find_obstacle(topic, entry)

    def _find_obstacle(self, topic: Topic, entry: Entry) -> str:
        return find_obstacle(topic.query, self.fold(entry), self.acronyms)

    def learn_likeness(self) -> None:
        """Measure the newest entries, where none was compared yet: our own work, which no visitor pays for."""
        with self._measuring:
            self._similarity_of()

    def choose(
        self,
        topic: Topic,
        matched: Iterable[Matched],
        papers: Mapping[str, Entry] = _NO_PAPERS,
        budget: Budget = UNBOUNDED,
    ) -> list[Matched]:
        """Return those of the entries that a topic's words match which belong to it, with their nearness to what it
        describes. What was withdrawn belongs to none; votes are not counted here, since some wait for theirs.

        papers are those that topics name, by the names given there. Raises BudgetError.
        """
        found = [(entry, match) for entry, match in matched if not entry.withdrawn]
        interest = build_interest(topic, papers)
        if interest is None:
            return found
        named = [papers[paper] for paper in find_named([topic]) if paper in papers]
        with self._measuring:
            self._named += len(named)
            if self._named > _MOST_NAMED:
                self._named, self._similarity = (
                    0,
                    None,
                )  # visitors may name any paper: it knows too many by now
            similarity = self._similarity_of(*(entry for entry, _ in found), *named)
            near = similarity.measure(interest, [entry.key for entry, _ in found], budget)
        weighed = [(entry, weigh_match(topic, match, near.get(entry.key))) for entry, match in found]
        return [(entry, match) for entry, match in weighed if match]

    def rank(self, topic: Topic, chosen: Sequence[Matched]) -> list[Candidate]:
        """Return the entries of a topic in its order."""
        return rank_entries(chosen, topic.rank, self.now, self.scale)

    def find(
        self, topic: Topic, matched: Iterable[Matched], papers: Mapping[str, Entry] = _NO_PAPERS
    ) -> TopicMatches:
        """Return the entries that belong to a topic (see `choose`) in its order."""
        return TopicMatches(topic, tuple(self.rank(topic, self.choose(topic, matched, papers))))

    def compare(self, one: Entry, other: Entry) -> float:
        """Return how alike two entries are, 0 to 1."""
        with self._measuring:
            return self._similarity_of(one, other).compare(one.key, other.key)

    def _similarity_of(self, *entries: Entry) -> LexicalSimilarity:
        """Return the similarity over the newest of the last 30 days, which knows these entries, too."""
        if self._similarity is None:
            self._similarity = LexicalSimilarity(map(self.remember, self._compared))
        for entry in entries:
            if entry.key not in self._similarity:
                self._similarity.add(self.fold(entry))
        return self._similarity


@dataclass(frozen=True, slots=True)
class Found:
    """What a topic finds in a selection: hits has a bit for each entry; matched are those that were looked at closely,
    the best by votes first."""

    topic: Topic
    hits: int
    matched: tuple[Matched, ...]

    @property
    def count(self) -> int:
        """How many entries it finds."""
        return self.hits.bit_count()


class Selection:
    """Some entries that topics are asked about, with the votes that they have now. Several threads may ask it at once.

    Limits do not count, but for that of a topic without words: the nearest of each day are what it finds.
    """

    def __init__(self, corpus: Corpus, entries: Iterable[Entry]) -> None:
        self.corpus = corpus
        # Numbered by their votes, so that the first of a set are its best.
        self.entries = order_by_votes((entry for entry in entries if not entry.withdrawn), corpus.now)
        self._numbers = {entry.id: number for number, entry in enumerate(self.entries)}
        self._haystack = Haystack(list(map(corpus.remember, self.entries)), corpus.acronyms)

    def find(
        self,
        topic: Topic,
        papers: Mapping[str, Entry] = _NO_PAPERS,
        budget: Budget = UNBOUNDED,
        *,
        most: int | None = None,
    ) -> Found:
        """Return what a topic finds; papers are those that it names. With most, only so many of the best by votes are
        looked at closely, unless nearness to a description chooses or orders them. Raises BudgetError."""
        hits = self._haystack.find(topic.query, budget)
        if topic.min_upvotes:
            enough = (n for n, entry in enumerate(self.entries) if topic.has_votes(entry.upvotes))
            hits &= to_bits(enough, len(self.entries))
        if build_interest(topic, papers) is None:
            return Found(topic, hits, tuple(self._match(topic, budget.over(islice(numbers_in(hits), most)))))
        chosen = self.corpus.choose(topic, self._match(topic, budget.over(numbers_in(hits))), papers, budget)
        if topic.is_described:
            chosen = _choose_nearest(chosen, topic.limit)
            hits = to_bits((self._numbers[entry.id] for entry, _ in chosen), len(self.entries))
        return Found(topic, hits, tuple(chosen))

    def _match(self, topic: Topic, numbers: Iterable[int]) -> Iterator[Matched]:
        for number in numbers:
            match = self._haystack.match(topic.query, number)
            if match is not None:
                yield self.entries[number], match

    def find_near_misses(self, topic: Topic, budget: Budget = UNBOUNDED) -> Iterator[NearMiss]:
        """Yield the entries that one rule alone kept out of a topic, the newest first; nearness to a description is
        none of the rules. Raises BudgetError."""
        hits = self._haystack.find(topic.query, budget)
        for entry in budget.over(sorted(self.entries, key=newest_first)):
            if not hits >> self._numbers[entry.id] & 1:
                why = self.corpus._find_obstacle(topic, entry)
            elif topic.is_described or topic.has_votes(entry.upvotes):
                continue
            else:
                why = f"min_upvotes: {topic.min_upvotes} (it has {entry.upvotes})"
            if why:
                yield NearMiss(entry, why)


def newest_first(entry: Entry) -> tuple[int, str]:
    """Return the key that sorts the newest first, then by key."""
    listed_on = dated_on(entry)
    return (-listed_on.toordinal() if listed_on else 0, entry.key)


def _choose_nearest(matched: Iterable[Matched], limit: int) -> list[Matched]:
    """Return the ``limit`` strongest of each day."""
    by_day: dict[date | None, list[Matched]] = {}
    for entry, match in matched:
        by_day.setdefault(dated_on(entry), []).append((entry, match))
    strongest = (
        sorted(day, key=lambda pair: (-pair[1].strength, pair[0].key))[:limit] for day in by_day.values()
    )
    return [pair for day in strongest for pair in day]


def _fold_again(entry: Entry, known: FoldedEntry) -> FoldedEntry:
    if known.entry is entry:
        return known
    same = _texts_of(known.entry) == _texts_of(entry)
    return FoldedEntry(entry, known.fields) if same else fold_entry(entry)


def _texts_of(entry: Entry) -> Entry:
    return replace(entry, upvotes=None, comments=None, code_stars=None)
