"""One query over many entries that stay the same: the few that may match are found at once, and only these looked at.

The letters of all entries stand in one text for each scope, so one search of it finds every beginning of a word. The
other way round, many queries at one entry, is `match.index`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from newsletter.match.acronyms import Acronyms
from newsletter.match.index import find_beginnings
from newsletter.match.matcher import holds_query, match_query
from newsletter.match.words import FoldedEntry, compile_words, has_needles
from newsletter.model import AllOf, AnyOf, Match, Query, Scope, Words

_BREAK = "\n"  # no letter of a token


class Haystack:
    """Folded entries in their order, ready to be searched."""

    def __init__(self, entries: Sequence[FoldedEntry], acronyms: Acronyms) -> None:
        self.entries = tuple(entries)
        self.acronyms = acronyms
        self._texts = {scope: self._join(scope) for scope in Scope}

    def _join(self, scope: Scope) -> tuple[str, list[int]]:
        """Return the letters of a scope of all entries, and where each entry begins in them."""
        parts, begins, length = [], [], 0
        for folded in self.entries:
            letters = _BREAK.join(field.letters for field in folded.fields[scope])
            begins.append(length)
            parts.append(letters)
            length += len(letters) + 1
        return _BREAK.join(parts), begins

    def find(self, query: Query) -> Iterator[int]:
        """Yield the numbers of the entries for which a query holds, ascending. Equal to `match_query` for each."""
        candidates = self._find(query)
        numbers = range(len(self.entries)) if candidates is None else sorted(candidates)
        for number in numbers:
            if holds_query(query, self.entries[number], self.acronyms):
                yield number

    def match(self, query: Query, number: int) -> Match | None:
        """Return why a query holds for an entry."""
        return match_query(query, self.entries[number], self.acronyms)

    def _find(self, query: Query) -> set[int] | None:
        """Return the numbers of the entries that may match; None for all of them."""
        match query:
            case Words():
                return self._find_words(query)
            case AnyOf():
                found: set[int] = set()
                for part in query.parts:
                    some = self._find(part)
                    if some is None:
                        return None
                    found |= some
                return found
            case AllOf():
                known = [some for part in query.parts if (some := self._find(part)) is not None]
                return set.intersection(*known) if known else None
            case _:
                return None

    def _find_words(self, words: Words) -> set[int] | None:
        if all(has_needles(words, scope) for scope in words.where):
            begins = {needle.stem for needle in compile_words(words, self.acronyms)}
        else:
            begins = set(find_beginnings(words))
            if not begins:
                return None
        return {number for begin in begins for scope in words.where for number in self._places(begin, scope)}

    def _places(self, stem: str, scope: Scope) -> Iterator[int]:
        """Yield the entries in whose letters a stem stands, each once."""
        text, begins = self._texts[scope]
        position = text.find(stem)
        while position >= 0:
            number = bisect_right(begins, position) - 1
            yield number
            if number + 1 == len(begins):
                return
            position = text.find(stem, begins[number + 1])
