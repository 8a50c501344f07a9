"""Whether an entry belongs to a topic: the query tree, evaluated on one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from newsletter.match.acronyms import Acronyms, shipped_acronyms
from newsletter.match.rank import dated_on
from newsletter.match.words import FoldedEntry, find_words
from newsletter.model.topics import (
    AllOf,
    AnyOf,
    Compare,
    Hit,
    Match,
    Measure,
    Not,
    Query,
    Scope,
    Topic,
    Words,
)

if TYPE_CHECKING:
    from newsletter.model.entries import Entry

_SCOPE_ORDER = {scope: index for index, scope in enumerate(Scope)}


def match_topic(topic: Topic, entry: FoldedEntry, acronyms: Acronyms | None = None) -> Match | None:
    """Return why the entry belongs to the topic, None where it does not.

    Only the query decides: min_upvotes, wait and limit are for those who compose the digest. What is
    forbidden and what is compared leaves no hits, so a match may have none.
    """
    return match_query(topic.query, entry, acronyms)


Find = Callable[[Words], Iterable[Hit]]
"""Where words stand in the scopes in which they are looked for, in the entry that is looked at."""


def match_query(query: Query, entry: FoldedEntry, acronyms: Acronyms | None = None) -> Match | None:
    """Return why a query holds for the entry, None where it does not. acronyms are by default those shipped."""
    known = acronyms or shipped_acronyms()

    def find(words: Words) -> Iterator[Hit]:
        for scope in words.where:
            yield from find_words(words, scope, entry, known)

    return evaluate(query, entry.entry, find)


def evaluate(query: Query, entry: Entry, find: Find) -> Match | None:
    """Return why a query holds for an entry, in whose text ``find`` finds words; None where it does not hold."""
    hits = _evaluate(query, entry, find)
    if hits is None:
        return None
    ordered = sorted(dict.fromkeys(hits), key=_hit_order) if len(hits) > 1 else hits
    in_title = bool(ordered) and ordered[0].scope is Scope.TITLE  # titles come first
    return Match(tuple(ordered), 1.0 if in_title else 0.7)


def _hit_order(hit: Hit) -> tuple[int, int, int, int, str, str]:
    return (_SCOPE_ORDER[hit.scope], hit.item, hit.start, hit.end, hit.rule, hit.expansion)


def _evaluate(query: Query, entry: Entry, find: Find) -> list[Hit] | None:
    """Return the hits of a query that holds (perhaps none), or None where it does not hold."""
    match query:
        case Words():
            return list(find(query)) or None
        case Compare():
            return [] if _holds(query, entry) else None
        case Not():
            return [] if _evaluate(query.part, entry, find) is None else None
        case AllOf():
            return _evaluate_all(query, entry, find)
        case AnyOf():
            found = [hits for part in query.parts if (hits := _evaluate(part, entry, find)) is not None]
            return [hit for hits in found for hit in hits] if found else None


def _evaluate_all(query: AllOf, entry: Entry, find: Find) -> list[Hit] | None:
    found: list[Hit] = []
    for part in query.parts:
        hits = _evaluate(part, entry, find)
        if hits is None:
            return None
        found.extend(hits)
    return found


def _holds(comparison: Compare, entry: Entry) -> bool:
    """Say whether a comparison holds; never where the entry has no such measure."""
    if comparison.measure is Measure.DATE:
        listed_on = dated_on(entry)
        return listed_on is not None and _compares(
            listed_on.toordinal(), comparison.operator, date.fromisoformat(comparison.value).toordinal()
        )
    measured = {
        Measure.UPVOTES: entry.upvotes,
        Measure.COMMENTS: entry.comments,
        Measure.STARS: entry.code_stars,
    }[comparison.measure]
    return measured is not None and _compares(measured, comparison.operator, int(comparison.value))


def _compares(measured: int, operator: str, value: int) -> bool:
    match operator:
        case "<":
            return measured < value
        case "<=":
            return measured <= value
        case "=":
            return measured == value
        case ">=":
            return measured >= value
        case _:
            return measured > value
