"""Many queries over the same entries: each word is looked for once, and what holds for which entry is set arithmetic.

Sets of entries are integers, bit n for the entry number n. The letters of all entries stand in one text for each scope,
so one search of it finds the few entries that are looked at closely. Where queries stay and entries come, it is the
other way round: `match.index`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from newsletter.match.acronyms import Acronyms
from newsletter.match.index import find_beginnings
from newsletter.match.matcher import match_query
from newsletter.match.words import FoldedEntry, compile_words, find_words, has_needles
from newsletter.model import AllOf, AnyOf, Compare, Match, Not, Query, Scope, Words

_BREAK = "\n"  # no letter of a token
_MOST_REMEMBERED = 10_000


class Haystack:
    """Folded entries in their order, ready to be searched. Used by one thread at a time."""

    def __init__(self, entries: Sequence[FoldedEntry], acronyms: Acronyms) -> None:
        self.entries = tuple(entries)
        self.acronyms = acronyms
        self._all = (1 << len(self.entries)) - 1
        self._texts = {scope: self._join(scope) for scope in Scope}
        self._found: OrderedDict[Words | Compare, int] = OrderedDict()

    def _join(self, scope: Scope) -> tuple[str, list[int]]:
        """Return the letters of a scope of all entries, and where each entry begins in them."""
        parts, begins, length = [], [], 0
        for folded in self.entries:
            letters = _BREAK.join(field.letters for field in folded.fields[scope])
            begins.append(length)
            parts.append(letters)
            length += len(letters) + 1
        return _BREAK.join(parts), begins

    def find(self, query: Query) -> int:
        """Return the entries for which a query holds. Equal to what `match_query` says of each."""
        match query:
            case Words() | Compare():
                return self._find_once(query)
            case Not():
                return self._all & ~self.find(query.part)
            case AllOf():
                found = self._all
                for part in query.parts:
                    found &= self.find(part)
                return found
            case AnyOf():
                found = 0
                for part in query.parts:
                    found |= self.find(part)
                return found

    def match(self, query: Query, number: int) -> Match | None:
        """Return why a query holds for an entry."""
        return match_query(query, self.entries[number], self.acronyms)

    def _find_once(self, query: Words | Compare) -> int:
        known = self._found.get(query)
        if known is None:
            known = self._found[query] = to_bits(
                self._find_words(query) if isinstance(query, Words) else self._compare(query),
                len(self.entries),
            )
            if len(self._found) > _MOST_REMEMBERED:
                self._found.popitem(last=False)
        return known

    def _compare(self, comparison: Compare) -> Iterator[int]:
        for number in range(len(self.entries)):
            if self.match(comparison, number) is not None:
                yield number

    def _find_words(self, words: Words) -> Iterator[int]:
        for number in self._find_candidates(words):
            entry = self.entries[number]
            # The first hit says enough.
            if any(True for scope in words.where for _ in find_words(words, scope, entry, self.acronyms)):
                yield number

    def _find_candidates(self, words: Words) -> Iterable[int]:
        """Return the numbers of the entries in which words may stand."""
        if all(has_needles(words, scope) for scope in words.where):
            begins = {needle.stem for needle in compile_words(words, self.acronyms)}
        else:
            begins = set(find_beginnings(words))
            if not begins:
                return range(len(self.entries))
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


def to_bits(numbers: Iterable[int], most: int) -> int:
    """Return a set of numbers below ``most``."""
    bits = bytearray(most // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")
