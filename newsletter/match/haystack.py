"""Many queries over the same entries: each word is looked for once, and what holds for which entry is set arithmetic.

Sets of entries are integers, bit n for the entry number n. The letters of all entries stand in one text for each scope,
so one search of it finds the few entries that are looked at closely. Where queries stay and entries come, it is the
other way round: `match.index`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from newsletter.match.budget import UNBOUNDED, Budget
from newsletter.match.index import find_beginnings
from newsletter.match.matcher import match_query
from newsletter.match.words import FoldedEntry, Needle, compile_words, find_end, find_words, has_needles
from newsletter.model.topics import AllOf, AnyOf, Compare, Match, Not, Query, Scope, Spelling, Words

if TYPE_CHECKING:
    from newsletter.match.acronyms import Acronyms
    from newsletter.match.fold import Folded

_BREAK = "\n"  # no letter of a token
_MOST_REMEMBERED = 10_000


class Haystack:
    """Folded entries in their order, ready to be searched, by several threads at once."""

    def __init__(self, entries: Sequence[FoldedEntry], acronyms: Acronyms) -> None:
        self.entries = tuple(entries)
        self.acronyms = acronyms
        self._all = (1 << len(self.entries)) - 1
        self._texts = {scope: _join(self.entries, scope) for scope in Scope}
        self._found: OrderedDict[Words | Compare, int] = OrderedDict()

    def find(self, query: Query, budget: Budget = UNBOUNDED) -> int:
        """Return the entries for which a query holds. Equal to what `match_query` says of each.

        Raises BudgetError. The words that were looked for until then need not be looked for again.
        """
        match query:
            case Words() | Compare():
                return self._find_once(query, budget)
            case Not():
                return self._all & ~self.find(query.part, budget)
            case AllOf():
                found = self._all
                for part in query.parts:
                    found &= self.find(part, budget)
                return found
            case AnyOf():
                found = 0
                for part in query.parts:
                    found |= self.find(part, budget)
                return found

    def match(self, query: Query, number: int) -> Match | None:
        """Return why a query holds for an entry."""
        return match_query(query, self.entries[number], self.acronyms)

    def _find_once(self, query: Words | Compare, budget: Budget) -> int:
        budget.check()
        known = self._found.get(query)
        if known is None:
            found = self._find_words(query, budget) if isinstance(query, Words) else self._compare(query)
            known = self._found[query] = to_bits(found, len(self.entries))
            if len(self._found) > _MOST_REMEMBERED:
                self._found.popitem(last=False)
        return known

    def _compare(self, comparison: Compare) -> Iterator[int]:
        for number in range(len(self.entries)):
            if self.match(comparison, number) is not None:
                yield number

    def _find_words(self, words: Words, budget: Budget) -> Iterator[int]:
        if all(has_needles(words, scope) for scope in words.where):
            for needle in budget.over(compile_words(words, self.acronyms)):
                for scope in words.where:
                    yield from _find_needle(needle, self._texts[scope], budget)
            return
        for number in budget.over(self._find_candidates(words, budget)):
            entry = self.entries[number]
            # The first hit says enough.
            if any(True for scope in words.where for _ in find_words(words, scope, entry, self.acronyms)):
                yield number

    def _find_candidates(self, words: Words, budget: Budget) -> Iterable[int]:
        """Return the numbers of the entries in which words without needles may stand."""
        if words.spelling is Spelling.NEAR:
            each = [Words(text, words.where) for text in dict.fromkeys(words.text.split())]
            if all(has_needles(word, scope) for word in each for scope in words.where):
                return numbers_in(self.find(AllOf(tuple(each)), budget))
        begins = find_beginnings(words)
        if not begins:
            return range(len(self.entries))
        texts = [self._texts[scope] for scope in words.where]
        return {text.owners[item] for begin in begins for text in texts for item, _ in text.places(begin)}


class _Text(NamedTuple):
    """The letters of one scope of all entries. Its items are titles, authors and so on: where each begins in the
    letters, its fields, and the number of its entry."""

    letters: str
    begins: list[int]
    fields: list[Folded]
    owners: list[int]

    def places(self, stem: str) -> Iterator[tuple[int, int]]:
        """Yield where a stem stands: the item, and the place in its letters."""
        position = self.letters.find(stem)
        while position >= 0:
            item = bisect_right(self.begins, position) - 1
            yield item, position - self.begins[item]
            position = self.letters.find(stem, position + 1)


def _join(entries: Sequence[FoldedEntry], scope: Scope) -> _Text:
    fields, owners, begins, length = [], [], [], 0
    for number, entry in enumerate(entries):
        for field in entry.fields[scope]:
            if field.letters:
                fields.append(field)
                owners.append(number)
                begins.append(length)
                length += len(field.letters) + len(_BREAK)
    return _Text(_BREAK.join(field.letters for field in fields), begins, fields, owners)


def _find_needle(needle: Needle, text: _Text, budget: Budget) -> Iterator[int]:
    """Yield the entries in which a needle stands, each once."""
    last = -1
    for item, place in budget.over(text.places(needle.stem)):
        owner = text.owners[item]
        if owner == last:
            continue
        field = text.fields[item]
        first = bisect_left(field.offsets, place)
        if field.offsets[first] == place and find_end(needle, field, first) is not None:
            last = owner
            yield owner


def to_bits(numbers: Iterable[int], most: int) -> int:
    """Return a set of numbers below ``most``."""
    bits = bytearray(most // 8 + 1)
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def numbers_in(bits: int) -> Iterator[int]:
    """Yield the numbers of a set, ascending."""
    for place, byte in enumerate(bits.to_bytes(bits.bit_length() // 8 + 1, "little")):
        while byte:
            lowest = byte & -byte
            yield place * 8 + lowest.bit_length() - 1
            byte ^= lowest
