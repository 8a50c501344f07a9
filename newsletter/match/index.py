"""Many queries at once: an entry is looked through once, and only the queries that it may match are evaluated.

Of each query some words are kept of which one must occur for it to hold: its necessary words. One automaton finds the
beginnings of all words in the joined letters of an entry; what it finds where a token begins is looked at as usual. So
the cost grows with what is found, not with the number of queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ahocorasick_rs import AhoCorasick

from newsletter.match.acronyms import Acronyms, shipped_acronyms
from newsletter.match.matcher import evaluate
from newsletter.match.query import list_words, written
from newsletter.match.words import (
    FoldedEntry,
    Needle,
    compile_words,
    find_end,
    find_words,
    has_needles,
    name_spellings,
)
from newsletter.model.topics import AllOf, AnyOf, Hit, Match, Query, Scope, Spelling, Words

if TYPE_CHECKING:
    from newsletter.match.fold import Folded


class _Spot(NamedTuple):
    """A needle, by the number of its words and its own among theirs; -1 for words without needles, which may stand."""

    words: int
    needle: int


class _Compiled:
    """The different words of all queries by number, with their needles and their rules as readers wrote them."""

    def __init__(self) -> None:
        self.words: list[Words] = []
        self.needles: list[tuple[Needle, ...]] = []
        self.rules: list[str] = []
        self.number_of: dict[int, int] = {}
        """By the identity of the words in a query tree: hashing them would cost more than finding them."""
        self._numbers: dict[Words, int] = {}

    def add(self, words: Words, acronyms: Acronyms) -> tuple[int, bool]:
        """Return the number of words, and whether they are met for the first time."""
        number = self._numbers.setdefault(words, len(self.words))
        self.number_of[id(words)] = number
        is_new = number == len(self.words)
        if is_new:
            self.words.append(words)
            self.needles.append(compile_words(words, acronyms) if _may_have_needles(words) else ())
            self.rules.append(written(words))
        return number, is_new


class QueryIndex:
    """Distinct queries, ready to be matched against entries. Equal to `match_query` for each of them."""

    def __init__(self, queries: Iterable[Query], acronyms: Acronyms | None = None) -> None:
        self.queries = tuple(dict.fromkeys(queries))
        self._acronyms = acronyms or shipped_acronyms()
        self._compiled = _Compiled()
        self._waiting: dict[int, list[int]] = {}
        self._by_category: dict[str, list[int]] = {}
        self._always: list[int] = []
        spots: dict[str, list[_Spot]] = {}
        for number, query in enumerate(self.queries):
            for words in list_words(query):
                self._add_words(words, spots)
            necessary = _find_necessary(query)
            if necessary is None:
                self._always.append(number)
            for words in necessary or ():
                if _is_category(words):
                    self._by_category.setdefault(words.text.casefold(), []).append(number)
                else:
                    self._waiting.setdefault(self._compiled.number_of[id(words)], []).append(number)
        self._spots = tuple(spots.values())
        self._automaton = AhoCorasick(list(spots)) if spots else None

    def _add_words(self, words: Words, spots: dict[str, list[_Spot]]) -> None:
        number, is_new = self._compiled.add(words, self._acronyms)
        if not is_new:
            return
        needles = self._compiled.needles[number]
        for place, needle in enumerate(needles):
            spots.setdefault(needle.stem, []).append(_Spot(number, place))
        for begin in find_beginnings(words) if not needles else ():
            spots.setdefault(begin, []).append(_Spot(number, -1))

    def match(self, entry: FoldedEntry) -> Iterator[tuple[Query, Match]]:
        """Yield the queries that hold for an entry, in the order given, each with why."""
        look = _Look(entry, self._compiled, self._acronyms)
        for scope, fields in entry.fields.items():
            for item, field in enumerate(fields):
                self._scan(field, scope, item, look)
        candidates = set(self._always)
        for words in look.seen:
            candidates.update(self._waiting.get(words, ()))
        for category in entry.entry.categories:
            candidates.update(self._by_category.get(category.casefold(), ()))
        for number in sorted(candidates):
            query = self.queries[number]
            match = evaluate(query, entry.entry, look.find)
            if match is not None:
                yield query, match

    def _scan(self, field: Folded, scope: Scope, item: int, look: _Look) -> None:
        """Add each needle whose beginning stands where a token begins, the tokens ascending for each needle."""
        if self._automaton is None or not field.letters:
            return
        token_at = dict(zip(field.offsets, range(len(field.surfaces)), strict=False))
        for pattern, start, _ in self._automaton.find_matches_as_indexes(field.letters, overlapping=True):
            first = token_at.get(start)
            if first is not None:
                for spot in self._spots[pattern]:
                    look.add(spot, scope, item, field, first)


class _Look:
    """What is known of one entry while its candidates are evaluated: each word is looked for once."""

    def __init__(self, entry: FoldedEntry, index: _Compiled, acronyms: Acronyms) -> None:
        self._entry = entry
        self._index = index
        self._acronyms = acronyms
        self.seen: set[int] = set()
        """The numbers of the words that stand somewhere, or may stand."""
        self._runs: dict[int, dict[tuple[int, int, int], list[tuple[int, int]]]] = {}
        self._found: dict[int, list[Hit]] = {}

    def add(self, spot: _Spot, scope: Scope, item: int, field: Folded, first: int) -> None:
        """Look whether a needle stands where it may begin. Tokens come ascending for each needle."""
        number, place = spot
        if place < 0:
            self.seen.add(number)
            return
        where = self._index.words[number].where
        if scope not in where:
            return
        last = find_end(self._index.needles[number][place], field, first)
        if last is not None:
            self.seen.add(number)
            # In the order in which hits come: of the scopes as they are named, of the needles, of the items.
            runs = self._runs.setdefault(number, {}).setdefault((where.index(scope), place, item), [])
            if not runs or first > runs[-1][1]:
                runs.append((first, last))

    def find(self, words: Words) -> list[Hit]:
        """Return the hits of words."""
        number = self._index.number_of[id(words)]
        known = self._found.get(number)
        if known is None:
            known = self._found[number] = self._search(words, number)
        return known

    def _search(self, words: Words, number: int) -> list[Hit]:
        needles = self._index.needles[number]
        if not needles:
            return [
                hit for scope in words.where for hit in find_words(words, scope, self._entry, self._acronyms)
            ]
        hits = []
        rule = self._index.rules[number]
        for (order, place, item), runs in sorted(self._runs.get(number, {}).items()):
            scope, expansion = words.where[order], needles[place].expansion
            field = self._entry.fields[scope][item]
            for first, last in runs:
                start, end = field.span(first, last)
                hits.append(Hit(rule, scope, start, end, expansion, item))
        return hits


# --- necessary words ----------------------------------------------------------------------


def _find_necessary(query: Query) -> Sequence[Words] | None:
    """Return words of which at least one must be found for the query to hold; None where there are no such."""
    if isinstance(query, Words):
        return [query] if _can_wait(query) else None
    if isinstance(query, AnyOf):
        each = [_find_necessary(part) for part in query.parts]
        known = [some for some in each if some is not None]
        return [words for some in known for words in some] if len(known) == len(each) else None
    if isinstance(query, AllOf):
        known = [some for part in query.parts if (some := _find_necessary(part)) is not None]
        return min(known, key=_commonness, default=None)
    return None


def _commonness(necessary: Sequence[Words]) -> tuple[int, int]:
    """Return what is small where few entries have such words. It is a guess: few and long ones are rare."""
    return len(necessary), -min((len(words.text) for words in necessary), default=0)


def _can_wait(words: Words) -> bool:
    if _is_category(words):
        return True
    in_codes = any(scope in (Scope.CATEGORY, Scope.PRIMARY) for scope in words.where)
    return (
        not in_codes
        and words.spelling is not Spelling.REGEX
        and bool(_may_have_needles(words) or find_beginnings(words))
    )


def _is_category(words: Words) -> bool:
    """Say whether words name one category in full."""
    is_code = all(scope in (Scope.CATEGORY, Scope.PRIMARY) for scope in words.where)
    return is_code and words.spelling is Spelling.FOLDED and not set(words.text) & set("*{")


def _may_have_needles(words: Words) -> bool:
    return all(has_needles(words, scope) for scope in words.where)


def find_beginnings(words: Words) -> tuple[str, ...]:
    """Return beginnings of tokens of which one must be found where words have no needles: of a family name, or of the
    words that are near each other."""
    if (
        any(scope in (Scope.CATEGORY, Scope.PRIMARY) for scope in words.where)
        or words.spelling is Spelling.REGEX
    ):
        return ()
    if words.spelling is Spelling.NEAR:
        first = max(words.text.split(), key=len)
        return tuple({needle.stem for needle in compile_words(Words(first, words.where))})
    if words.where != (Scope.AUTHOR,):
        return ()
    return tuple(sorted({form for forms in name_spellings(words.text) for form in forms}))
