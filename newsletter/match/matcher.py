"""Whether an entry belongs to a topic, and where in its text the words that say so stand.

Entries are folded once (`fold_entry`), words are compiled once (`compile_words`); a match is then a
search for a word's joined letters in an entry's joined letters, and a look at the gaps between its tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import takewhile

from newsletter.match.acronyms import GROUPS
from newsletter.match.fold import Folded, Gap, count_capitals, fold, is_capital_plural, stem, word_forms
from newsletter.match.query import written
from newsletter.match.rank import dated_on
from newsletter.model import (
    AllOf,
    AnyOf,
    Compare,
    Entry,
    Hit,
    Match,
    Measure,
    Not,
    Query,
    Scope,
    Spelling,
    Topic,
    Words,
)

_MAX_TOKENS = 6  # a keyword may be spread over so many tokens ("text-to-image", "text to image")
_LOOSE_LETTERS = 6  # from so many letters on, its parts may stand apart where the reader wrote none

_SCOPE_ORDER = {scope: index for index, scope in enumerate(Scope)}


# --- entries ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoldedEntry:
    """An entry with its fields folded: one Folded for a title, one for each author, tag and so on."""

    entry: Entry
    fields: Mapping[Scope, tuple[Folded, ...]]


def fold_entry(entry: Entry) -> FoldedEntry:
    """Return the entry with all its fields folded, to be matched against any number of topics."""
    texts: Mapping[Scope, Iterable[str]] = {
        Scope.TITLE: (entry.title,),
        Scope.ABSTRACT: (entry.summary,),
        Scope.AUTHOR: entry.authors,
        Scope.CATEGORY: entry.categories,
        Scope.TAG: entry.ai_keywords,
        Scope.SOURCE: entry.sources,
        Scope.COMMENT: (entry.note,),
        Scope.ORG: (entry.organization,),
        Scope.ID: entry.keys,
    }
    return FoldedEntry(entry, {scope: tuple(map(fold, items)) for scope, items in texts.items()})


# --- words --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Needle:
    """One form of a word, ready to be looked for.

    stem begins every spelling of it; forms are its spellings, casefolded and joined (for a folded word),
    longest the length of the longest.
    gaps are the reader's own: offset in the letters → what stood there. is_term: a short term in capitals.
    expansion is the form itself where it is not the one that the reader wrote.
    """

    stem: str
    forms: frozenset[str]
    longest: int
    folded: Folded
    spelling: Spelling
    gaps: Mapping[int, Gap]
    is_term: bool
    expansion: str = ""


@lru_cache(maxsize=65536)
def compile_words(words: Words) -> tuple[Needle, ...]:
    """Return the forms of a word to look for: its own first, then what the acronym table knows."""
    own = _build_needle(words.text, words.spelling)
    if words.spelling is not Spelling.FOLDED:
        return (own,)
    others = {form: None for known in sorted(own.forms) for form in _synonyms().get(known, ())}
    return (own, *(_build_needle(form, Spelling.FOLDED, form) for form in others))


def _build_needle(text: str, spelling: Spelling, expansion: str = "") -> Needle:
    folded = fold(text)
    last = folded.offsets[-2]
    before, word = folded.letters[:last], folded.letters[last:]
    forms = frozenset({folded.letters})
    begin = folded.letters
    if spelling is Spelling.FOLDED:
        forms = frozenset(before + form for form in word_forms(folded.tokens[-1].surface))
        begin = _common_beginning(forms)
    elif spelling is Spelling.INFLECTED:
        begin = before + stem(word)
    gaps = {offset: token.gap for offset, token in zip(folded.offsets, folded.tokens, strict=False)}
    is_term = spelling is Spelling.FOLDED and _is_short_term(folded)
    return Needle(begin, forms, max(map(len, forms)), folded, spelling, gaps, is_term, expansion)


def _common_beginning(forms: Iterable[str]) -> str:
    first, last = min(forms), max(forms)
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _is_short_term(folded: Folded) -> bool:
    """Say whether a word is a term of 2 to 5 letters with two capitals at least: RL, ViT, LLMs."""
    surface = "".join(token.surface for token in folded.tokens)
    if is_capital_plural(surface):
        surface = surface[:-1]
    return surface.isalpha() and 2 <= len(surface) <= 5 and count_capitals(surface) >= 2


@lru_cache(maxsize=1)
def _synonyms() -> Mapping[str, tuple[str, ...]]:
    """Return for each joined form of the acronym table the other forms of its group."""
    return {
        fold(form).letters: tuple(other for other in group if other != form)
        for group in GROUPS
        for form in group
    }


# --- finding ------------------------------------------------------------------------------


def _find(needle: Needle, field: Folded) -> Iterator[tuple[int, int]]:
    """Yield the runs of tokens (first, last) that are the needle, in order, none inside another."""
    done = 0
    position = field.letters.find(needle.stem)
    while position >= 0:
        first = bisect_left(field.offsets, position)
        if first >= done and field.offsets[first] == position:
            last = _find_end(needle, field, first)
            if last is not None:
                yield first, last
                done = last + 1
        position = field.letters.find(needle.stem, position + 1)


def _find_end(needle: Needle, field: Folded, first: int) -> int | None:
    """Return the last token of the longest run from token ``first`` that is the needle."""
    begin = field.offsets[first]
    at_least = bisect_right(field.offsets, begin + len(needle.stem) - 1) - 1
    at_most = first + max(_MAX_TOKENS, len(needle.folded.tokens))
    longest = begin + needle.longest + 1  # one more for the s of a plural in capitals
    found = None
    for last in range(at_least, min(at_most, len(field.tokens))):
        is_too_long = needle.spelling is Spelling.FOLDED and field.offsets[last + 1] > longest
        if is_too_long or not _is_joined(needle, field, first, last):
            break
        if _is_spelled(needle, field, first, last):
            found = last
        if needle.spelling is not Spelling.FOLDED:
            break  # its end is in the token in which the letters end
    return found


def _is_joined(needle: Needle, field: Folded, first: int, last: int) -> bool:
    """Say whether the tokens of a run stand as near to each other as the needle's rule wants."""
    begin = field.offsets[first]
    for index in range(first + 1, last + 1):
        gap = field.tokens[index].gap
        own = needle.gaps.get(field.offsets[index] - begin)
        if not _is_near(needle, gap, own):
            return False
    return True


def _is_near(needle: Needle, gap: Gap, own: Gap | None) -> bool:
    """Say whether a gap in the text will do. own is what the reader wrote there, None for nothing."""
    if needle.spelling is Spelling.EXACT:
        return gap is own
    if own is not None:
        return gap is not Gap.BREAK or own is Gap.BREAK
    if gap is Gap.BREAK or needle.is_term:
        return False
    return gap is not Gap.SPACE or len(needle.folded.letters) >= _LOOSE_LETTERS


def _is_spelled(needle: Needle, field: Folded, first: int, last: int) -> bool:
    begin, end = field.offsets[first], field.offsets[last + 1]
    if needle.spelling is Spelling.PREFIX:
        return True
    if needle.spelling is Spelling.INFLECTED:
        before = needle.folded.offsets[-2]
        return stem(field.letters[begin + before : end]) == needle.stem[before:]
    surfaces = [token.surface for token in field.tokens[first : last + 1]]
    if needle.spelling is Spelling.EXACT:
        return surfaces == [token.surface for token in needle.folded.tokens]
    letters = field.letters[begin:end]
    if letters not in needle.forms and not (is_capital_plural(surfaces[-1]) and letters[:-1] in needle.forms):
        return False
    return not needle.is_term or sum(map(count_capitals, surfaces)) >= 2


# --- authors and categories ---------------------------------------------------------------


def _name_words(text: str) -> list[str]:
    return [token.surface.casefold() for token in fold(text).tokens]


@lru_cache(maxsize=65536)
def _split_name(name: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the words of the family name and all the words of ``Jane M. Doe`` or ``Doe, Jane M.``."""
    family, comma, given = name.partition(",")
    words = tuple(word for word in _name_words(name) if word not in ("jr", "sr", "ii", "iii"))
    if comma and given.strip(" ."):
        return frozenset(_name_words(family)), words
    return frozenset(words[-1:]), words


def _is_author(wanted: str, name: str) -> bool:
    """Say whether a name is the wanted person: the family name in full, the others in full or by initial.

    The order of the words does not matter, nor do accents; a name may have more given names than asked for.
    """
    family, words = _split_name(name)
    return any(
        any(word in family for word in asked) and _pairs_off(asked, words) for asked in _readings(wanted)
    )


def _readings(wanted: str) -> Iterator[list[str]]:
    """Yield the words that may be meant: in "Doe JM" first a word JM, then the initials J and M."""
    tokens = fold(wanted).tokens
    yield [token.surface.casefold() for token in tokens]
    split: list[str] = []
    for token in tokens:
        is_initials = 2 <= len(token.surface) <= 3 and token.surface.isupper() and len(tokens) > 1
        split.extend(token.surface.casefold() if is_initials else [token.surface.casefold()])
    yield split


def _pairs_off(asked: Iterable[str], words: Iterable[str]) -> bool:
    """Say whether each asked word has a word of its own that equals it, or is it by initial."""
    left = list(words)
    for word in sorted(asked, key=len, reverse=True):
        by_initial = (other for other in left if 1 in (len(word), len(other)) and word[0] == other[0])
        found = word if word in left else next(by_initial, None)
        if found is None:
            return False
        left.remove(found)
    return True


_BRACES = re.compile(r"([^{}]*)\{([^{}]*)\}([^{}]*)")


@lru_cache(maxsize=4096)
def _category_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern of ``cs.CL``, ``cs.*`` or ``cs.{CL,LG}``; case does not matter."""
    bare = text.removesuffix("*")
    braces = _BRACES.fullmatch(bare)
    pattern = re.escape(bare)
    if braces:
        before, choices, after = braces.groups()
        pattern = f"{re.escape(before)}(?:{'|'.join(map(re.escape, choices.split(',')))}){re.escape(after)}"
    return re.compile(pattern + (".*" if bare != text else ""), re.IGNORECASE | re.DOTALL)


# --- evaluation ---------------------------------------------------------------------------


def match_topic(topic: Topic, entry: FoldedEntry) -> Match | None:
    """Return why the entry belongs to the topic, None where it does not.

    Only the query decides: min_upvotes, wait and limit are for those who compose the digest. What is
    forbidden and what is compared leaves no hits, so a match may have none.
    """
    hits = _evaluate(topic.query, entry)
    if hits is None:
        return None
    ordered = sorted(dict.fromkeys(hits), key=_hit_order)
    in_title = any(hit.scope is Scope.TITLE for hit in ordered)
    return Match(tuple(ordered), 1.0 if in_title else 0.7)


def _hit_order(hit: Hit) -> tuple[int, int, int, int, str, str]:
    return (_SCOPE_ORDER[hit.scope], hit.item, hit.start, hit.end, hit.rule, hit.expansion)


def _evaluate(query: Query, entry: FoldedEntry) -> list[Hit] | None:
    """Return the hits of a query that holds (perhaps none), or None where it does not hold."""
    match query:
        case Words():
            return [hit for scope in query.where for hit in _find_words(query, scope, entry)] or None
        case Compare():
            return [] if _holds(query, entry.entry) else None
        case Not():
            return [] if _evaluate(query.part, entry) is None else None
        case AllOf():
            return _evaluate_all(query, entry)
        case AnyOf():
            found = [hits for part in query.parts if (hits := _evaluate(part, entry)) is not None]
            return [hit for hits in found for hit in hits] if found else None


def _evaluate_all(query: AllOf, entry: FoldedEntry) -> list[Hit] | None:
    found: list[Hit] = []
    for part in query.parts:
        hits = _evaluate(part, entry)
        if hits is None:
            return None
        found.extend(hits)
    return found


def _find_words(words: Words, scope: Scope, entry: FoldedEntry) -> Iterator[Hit]:
    if scope is Scope.CATEGORY:
        yield from _find_items(words, scope, entry.entry.categories)
    elif scope is Scope.AUTHOR and words.spelling is Spelling.FOLDED:
        yield from _find_items(words, scope, entry.entry.authors)
    else:
        rule = written(words)
        for needle in compile_words(words):
            for item, field in enumerate(entry.fields[scope]):
                for first, last in _find(needle, field):
                    start, end = field.tokens[first].start, field.tokens[last].end
                    yield Hit(rule, scope, start, end, needle.expansion, item)


def _find_items(words: Words, scope: Scope, items: tuple[str, ...]) -> Iterator[Hit]:
    """Yield a hit for each whole author or category that the words mean."""
    star = "*" if words.spelling is Spelling.PREFIX else ""
    for item, text in enumerate(items):
        if scope is Scope.CATEGORY:
            found = _category_pattern(words.text + star).fullmatch(text) is not None
        else:
            found = _is_author(words.text, text)
        if found:
            yield Hit(written(words), scope, 0, len(text), "", item)


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
