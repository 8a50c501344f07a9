"""What a full-text index is asked for before a query is evaluated: the tokens of entries, and the tokens of a query.

An index knows where tokens stand, nothing of spelling rules. So an entry is indexed under its folded tokens, and a
query becomes a tree of runs of tokens that finds at least what the query finds, but for a word that the reader wrote as
one and the text takes apart in three. What it finds is then looked at as usual (`match.matcher`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

from newsletter.match.fold import fold
from newsletter.match.spelling import regional_spellings, stem, word_forms
from newsletter.match.words import compile_words, name_spellings
from newsletter.model.topics import AllOf, AnyOf, Query, Scope, Spelling, Words

if TYPE_CHECKING:
    from newsletter.match.acronyms import Acronyms
    from newsletter.model.entries import Entry

MAX_TOKEN_CHARS = 80
"""Longer tokens are cut, in the index and in what it is asked."""

_CODES = frozenset({Scope.CATEGORY, Scope.PRIMARY})
_NOT_INDEXED = frozenset({Scope.SOURCE, Scope.ID})
_SAY_NOTHING_TEXT = """
    a an and are as at be by can do does for from how in is it its of on or that the this to via we what which with
"""
_SAY_NOTHING = frozenset(_SAY_NOTHING_TEXT.split())
_MAX_RUNS = 24  # of the spellings of one phrase; further ones are looked for without their order


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens that stand one after the other. is_open: the last one may go on."""

    tokens: tuple[str, ...]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class EveryOf:
    """All of the parts are found. It has at least one."""

    parts: tuple[Lookup, ...]


@dataclass(frozen=True, slots=True)
class SomeOf:
    """At least one of the parts is found. It has at least one."""

    parts: tuple[Lookup, ...]


Lookup = Run | EveryOf | SomeOf


# --- entries ------------------------------------------------------------------------------


def list_tokens(entry: Entry) -> tuple[list[str], list[str]]:
    """Return the folded tokens of an entry in order: those of its title, and those of everything else."""
    rest = [
        entry.summary or entry.ai_summary,
        *entry.authors,
        entry.organization,
        *entry.ai_keywords,
        *entry.categories,
        entry.primary_category,
        entry.note,
    ]
    return fold_tokens(entry.title), [token for text in rest if text for token in fold_tokens(text)]


def fold_tokens(text: str) -> list[str]:
    """Return the folded tokens of a text, in order."""
    return [surface.casefold()[:MAX_TOKEN_CHARS] for surface in fold(text).surfaces]


# --- queries ------------------------------------------------------------------------------


def build_plain_lookup(text: str) -> Lookup | None:
    """Return what plain words ask for: each of them in any of its forms; None where there is no word.

    Words that say nothing, as in "how to train a model", count only where there are no others.
    """
    tokens = fold_tokens(text)
    telling = [token for token in tokens if token not in _SAY_NOTHING] or tokens
    return _every(
        SomeOf(tuple(Run((form,)) for form in sorted(word_forms(token)))) for token in dict.fromkeys(telling)
    )


def build_lookup(query: Query, acronyms: Acronyms | None = None) -> Lookup | None:
    """Return what an index is asked for, None where it cannot help: then any entry may be it."""
    match query:
        case Words():
            return _look_up_words(query, acronyms)
        case AllOf():
            known = [part for part in (build_lookup(part, acronyms) for part in query.parts) if part]
            return _every(known)
        case AnyOf():
            parts = [build_lookup(part, acronyms) for part in query.parts]
            known = [part for part in parts if part]
            return _some(known) if len(known) == len(parts) else None
        case _:
            return None


def _look_up_words(words: Words, acronyms: Acronyms | None) -> Lookup | None:
    scopes = set(words.where)
    if scopes & _NOT_INDEXED or words.spelling is Spelling.REGEX:
        return None
    if scopes & _CODES:
        return _look_up_code(words) if scopes <= _CODES else None
    if words.spelling is Spelling.NEAR:
        parts = (_look_up_words(Words(text, words.where), acronyms) for text in words.text.split())
        return _every([part for part in parts if part])
    found: list[Lookup] = []
    if scopes != {Scope.AUTHOR} or words.spelling is not Spelling.FOLDED:
        found += _look_up_needles(words, acronyms)
    if Scope.AUTHOR in scopes and words.spelling is Spelling.FOLDED:
        # Given names may stand as initials, and the family name before or behind them.
        names = [
            SomeOf(tuple(Run(tuple(fold_tokens(form))) for form in forms))
            for forms in name_spellings(words.text)
        ]
        if not names:
            return None
        found.append(SomeOf(tuple(names)) if scopes == {Scope.AUTHOR} else EveryOf(tuple(names)))
    return _some(found)


def _look_up_code(words: Words) -> Lookup | None:
    """Return what finds a category that is named in full."""
    if words.spelling is not Spelling.FOLDED or set(words.text) & set("*{"):
        return None
    return _every([Run((token,)) for token in fold_tokens(words.text)])


def _look_up_needles(words: Words, acronyms: Acronyms | None) -> list[Lookup]:
    """Return what to ask the index for: too much rather than too little, since the matcher decides."""
    found: list[Lookup] = []
    for needle in compile_words(words, acronyms):
        surfaces = needle.folded.surfaces
        tokens = [surface.casefold()[:MAX_TOKEN_CHARS] for surface in surfaces]
        if not tokens:
            continue
        match needle.spelling:
            case Spelling.EXACT:
                found.append(Run(tuple(tokens)))
            case Spelling.PREFIX:
                found += _take_apart(tokens, is_open=True)
            case Spelling.INFLECTED:
                found += _take_apart([*tokens[:-1], stem(tokens[-1])], is_open=True)
            case _:
                found += _look_up_folded(surfaces)
    return found


def _look_up_folded(surfaces: Sequence[str]) -> list[Lookup]:
    """Return what finds a phrase in all its spellings."""
    spelled = [sorted(regional_spellings(surface.casefold())) for surface in surfaces[:-1]]
    last = {*word_forms(surfaces[-1]), surfaces[-1].casefold() + "s"}
    spelled.append(sorted(last))
    ways = list(islice(product(*spelled), _MAX_RUNS + 1))
    if len(ways) > _MAX_RUNS:
        whole = (Run(("".join(way),)) for way in islice(product(*spelled), _MAX_RUNS * 4))
        each = EveryOf(tuple(SomeOf(tuple(Run((form,)) for form in forms)) for forms in spelled))
        return [each, *whole]
    return [run for way in ways for run in _take_apart(way, is_open=False)]


def _take_apart(tokens: Sequence[str], *, is_open: bool) -> list[Lookup]:
    """Return the runs that have the letters of these tokens: as they are, joined, one taken in two, two joined."""
    cut = [token[:MAX_TOKEN_CHARS] for token in tokens]
    runs = [tuple(cut), ("".join(cut)[:MAX_TOKEN_CHARS],)]
    if len(cut) == 1:
        word = cut[0]
        runs += [(word[:place], word[place:]) for place in range(1, len(word))]
    else:
        runs += [
            (*cut[:place], cut[place] + cut[place + 1], *cut[place + 2 :]) for place in range(len(cut) - 1)
        ]
    return [Run(run, is_open) for run in dict.fromkeys(runs)]


def _every(parts: Iterable[Lookup]) -> Lookup | None:
    found = tuple(parts)
    return (found[0] if len(found) == 1 else EveryOf(found)) if found else None


def _some(parts: Iterable[Lookup]) -> Lookup | None:
    found = tuple(dict.fromkeys(parts))
    return (found[0] if len(found) == 1 else SomeOf(found)) if found else None
