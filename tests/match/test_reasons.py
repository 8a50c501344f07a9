"""Every reason is true: the rule that a hit names, asked alone, gives the same hit."""

from __future__ import annotations

from hypothesis import given

from newsletter.match.matcher import match_query
from newsletter.match.query import parse_query, written
from newsletter.match.words import FoldedEntry
from newsletter.model.topics import AllOf, AnyOf, Hit, Not, Query, Words
from tests.match.test_index import ENTRIES, QUERIES
from tests.support.examples import examples


def find_named(query: Query, rule: str) -> list[Words]:
    """Return the words of a query that a hit's rule may name."""
    match query:
        case Words():
            return [query] if written(query) == rule else []
        case AllOf() | AnyOf():
            return [words for part in query.parts for words in find_named(part, rule)]
        case Not():
            return []
        case _:
            return []


def ask_alone(words: Words, hit: Hit, entry: FoldedEntry) -> tuple[Hit, ...]:
    if hit.scope not in words.where:
        return ()
    match = match_query(Words(words.text, (hit.scope,), words.spelling, words.within), entry)
    return match.hits if match else ()


@examples(150)
@given(QUERIES)
def test_named_rule_alone_gives_the_same_hit(query: Query) -> None:
    for entry in ENTRIES:
        match = match_query(query, entry)
        for hit in match.hits if match else ():
            named = find_named(query, hit.rule)
            assert named, "the rule is one of the reader's"
            assert any(hit in ask_alone(words, hit, entry) for words in named)


def test_what_is_forbidden_is_never_a_reason() -> None:
    query = parse_query("model AND NOT zymurgy")

    for entry in ENTRIES:
        match = match_query(query, entry)
        assert all(hit.rule != "zymurgy" for hit in match.hits) if match else True
