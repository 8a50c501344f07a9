"""What a topic would have found in a stored history: its matches, what it just missed and why, and what an edit
would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from newsletter.match.acronyms import Acronyms
from newsletter.match.fold import fold
from newsletter.match.matcher import match_query
from newsletter.match.query import print_query
from newsletter.match.rank import dated_on
from newsletter.match.similarity import weigh_match
from newsletter.match.words import FoldedEntry, find_words
from newsletter.model import (
    AllOf,
    AnyOf,
    Entry,
    EntryKey,
    Likeness,
    Match,
    Not,
    Query,
    Scope,
    Spelling,
    Topic,
    Words,
)

_NOWHERE: Mapping[EntryKey, Likeness] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An entry that one rule alone kept out of a topic. why says which."""

    entry: Entry
    why: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What a topic finds in some entries: matches and near misses, each the newest first, then by key."""

    topic: Topic
    looked_at: int
    matches: tuple[tuple[Entry, Match], ...]
    near_misses: tuple[NearMiss, ...]

    @property
    def share(self) -> float:
        """The part of the entries that match, 0 to 1."""
        return len(self.matches) / self.looked_at if self.looked_at else 0.0


def try_topic(
    topic: Topic,
    entries: Iterable[FoldedEntry],
    near: Mapping[EntryKey, Likeness] = _NOWHERE,
    acronyms: Acronyms | None = None,
) -> Trial:
    """Return what a topic finds. Votes count as they are now; limits do not count, except that of a described topic
    only the best of each day are its matches. near says how near each entry is to the description, if there is one.
    """
    matches: list[tuple[Entry, Match]] = []
    missed: list[NearMiss] = []
    looked_at = 0
    for folded in entries:
        looked_at += 1
        found = match_query(topic.query, folded, acronyms)
        entry = folded.entry
        match = found and weigh_match(topic, found, near.get(entry.key))
        lacks_votes = entry.upvotes is not None and entry.upvotes < topic.min_upvotes
        if match and lacks_votes:
            missed.append(NearMiss(entry, f"min_upvotes: {topic.min_upvotes} (it has {entry.upvotes})"))
        elif match:
            matches.append((entry, match))
        elif not found:
            why = find_obstacle(topic.query, folded, acronyms)
            if why:
                missed.append(NearMiss(entry, why))
    if topic.is_described:
        matches = _choose_nearest(matches, topic.limit)
    return Trial(
        topic,
        looked_at,
        tuple(sorted(matches, key=lambda pair: _newest_first(pair[0]))),
        tuple(sorted(missed, key=lambda miss: _newest_first(miss.entry))),
    )


def find_near_misses(
    topic: Topic, entries: Iterable[FoldedEntry], acronyms: Acronyms | None = None
) -> Iterator[NearMiss]:
    """Yield the entries that one rule alone kept out of a topic, in their order, as `try_topic` finds them; votes
    count, nearness to a description does not."""
    for folded in entries:
        entry = folded.entry
        if not match_query(topic.query, folded, acronyms):
            why = find_obstacle(topic.query, folded, acronyms)
            if why:
                yield NearMiss(entry, why)
        elif not topic.is_described and entry.upvotes is not None and entry.upvotes < topic.min_upvotes:
            yield NearMiss(entry, f"min_upvotes: {topic.min_upvotes} (it has {entry.upvotes})")


def keep_matches(
    topic: Topic, found: Iterable[tuple[Entry, Match]], near: Mapping[EntryKey, Likeness] = _NOWHERE
) -> list[tuple[Entry, Match]]:
    """Return those of the entries for which a topic's query holds that are its matches, as `try_topic` would."""
    kept = []
    for entry, match in found:
        weighed = weigh_match(topic, match, near.get(entry.key))
        if weighed and (entry.upvotes is None or entry.upvotes >= topic.min_upvotes):
            kept.append((entry, weighed))
    return _choose_nearest(kept, topic.limit) if topic.is_described else kept


def _choose_nearest(matches: Sequence[tuple[Entry, Match]], limit: int) -> list[tuple[Entry, Match]]:
    """Return the ``limit`` strongest matches of each day."""
    by_day: dict[date | None, list[tuple[Entry, Match]]] = {}
    for entry, match in matches:
        by_day.setdefault(dated_on(entry), []).append((entry, match))
    strongest = (
        sorted(day, key=lambda pair: (-pair[1].strength, pair[0].key))[:limit] for day in by_day.values()
    )
    return [pair for day in strongest for pair in day]


def _newest_first(entry: Entry) -> tuple[int, str]:
    listed_on = dated_on(entry)
    return (-listed_on.toordinal() if listed_on else 0, entry.key)


def find_obstacle(query: Query, folded: FoldedEntry, acronyms: Acronyms | None = None) -> str:
    """Return the one rule that kept an entry out of a query, or an empty text where it is no near miss.

    It is one where all other rules that are needed hold and one of them found words, or where the words of a
    phrase all stand in one field, but not as the phrase.
    """
    if not isinstance(query, AllOf):
        return _find_scattered(query, folded, acronyms)
    matches = [match_query(part, folded, acronyms) for part in query.parts]
    failing = [part for part, match in zip(query.parts, matches, strict=True) if match is None]
    found_words = any(match and match.hits for match in matches)
    return _tell(failing[0], folded, acronyms) if len(failing) == 1 and found_words else ""


def _tell(rule: Query, folded: FoldedEntry, acronyms: Acronyms | None) -> str:
    if isinstance(rule, Not):
        match = match_query(rule.part, folded, acronyms)
        hit = match.hits[0] if match and match.hits else None
        return f"none: {hit.rule} ({hit.scope})" if hit else f"none: {print_query(rule.part)}"
    return _find_scattered(rule, folded, acronyms) or f"not there: {print_query(rule)}"


def _find_scattered(query: Query, folded: FoldedEntry, acronyms: Acronyms | None) -> str:
    """Return the phrase whose words all stand in one field, apart from each other."""
    parts = query.parts if isinstance(query, AnyOf) else (query,)
    for phrase in parts:
        if not isinstance(phrase, Words) or phrase.spelling is not Spelling.FOLDED:
            continue
        words = fold(phrase.text).surfaces
        for scope in phrase.where:
            is_text = scope in (Scope.TITLE, Scope.ABSTRACT)
            if len(words) > 1 and is_text and _stand_in(words, scope, folded, acronyms):
                return f'its words stand apart: "{phrase.text}" ({scope})'
    return ""


def _stand_in(words: Sequence[str], scope: Scope, folded: FoldedEntry, acronyms: Acronyms | None) -> bool:
    return all(
        any(True for _ in find_words(Words(word, (scope,)), scope, folded, acronyms)) for word in words
    )


def count_by_day(entries: Iterable[Entry], last: date, days: int) -> list[int]:
    """Return how many entries are dated on each of the ``days`` days up to ``last``, the oldest first."""
    first = last - timedelta(days=days - 1)
    counts = [0] * days
    for entry in entries:
        listed_on = dated_on(entry)
        if listed_on is not None and first <= listed_on <= last:
            counts[(listed_on - first).days] += 1
    return counts
