"""What just missed a topic: the one rule that kept an entry out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.errors import Message
from newsletter.match.fold import fold
from newsletter.match.matcher import match_query
from newsletter.match.query import print_query
from newsletter.match.words import FoldedEntry, find_words
from newsletter.model.topics import AllOf, AnyOf, Not, Query, Scope, Spelling, Words

if TYPE_CHECKING:
    from newsletter.match.acronyms import Acronyms
    from newsletter.model.entries import Entry


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An entry that one rule alone kept out of a topic. why says which."""

    entry: Entry
    why: str


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
    return _find_scattered(rule, folded, acronyms) or Message("missing: {rule}", rule=print_query(rule))


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
                return Message(
                    'the words of "{text}" are there, but not as a phrase ({scope})',
                    text=phrase.text,
                    scope=scope,
                )
    return ""


def _stand_in(words: Sequence[str], scope: Scope, folded: FoldedEntry, acronyms: Acronyms | None) -> bool:
    return all(
        any(True for _ in find_words(Words(word, (scope,)), scope, folded, acronyms)) for word in words
    )
