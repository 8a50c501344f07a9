"""Where the words of a rule stand in an entry: the spelling rules, authors and categories.

Entries are folded once (`fold_entry`), words are compiled once (`compile_words`); finding is then a search for
a word's joined letters in an entry's joined letters, and a look at the gaps between its tokens.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from newsletter.match.acronyms import Acronyms, find_definitions, shipped_acronyms
from newsletter.match.fold import Folded, Gap, fold
from newsletter.match.query import compile_pattern, written
from newsletter.match.spelling import count_capitals, is_capital_plural, regional_spellings, stem, word_forms
from newsletter.model.topics import Hit, Scope, Spelling, Words
from newsletter.people import parse_name
from newsletter.text import CJK

if TYPE_CHECKING:
    from newsletter.model.entries import Entry

_MAX_TOKENS = 6  # a keyword may be spread over so many tokens ("text-to-image", "text to image")
_MAX_SPELLINGS = 16
_LOOSE_LETTERS = 6  # from so many letters on, its parts may stand apart where the reader wrote none


# --- entries ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoldedEntry:
    """An entry with its fields folded: one Folded for a title, one for each author, tag and so on."""

    entry: Entry
    fields: Mapping[Scope, tuple[Folded, ...]]


def fold_entry(entry: Entry) -> FoldedEntry:
    """Return the entry with all its fields folded, to be matched against any number of topics."""
    texts = {scope: items_of(entry, scope) for scope in Scope}
    return FoldedEntry(entry, {scope: tuple(map(fold, items)) for scope, items in texts.items()})


def text_of(entry: Entry) -> str:
    """Return title and abstract, as one text of several sentences."""
    return f"{entry.title}. {entry.summary}"


def items_of(entry: Entry, scope: Scope) -> tuple[str, ...]:
    """Return the original texts of a scope: one for a title, one for each author, tag and so on."""
    match scope:
        case Scope.TITLE:
            return (entry.title,)
        case Scope.ABSTRACT:
            return (entry.summary,)
        case Scope.AUTHOR:
            return entry.authors
        case Scope.CATEGORY:
            return entry.categories
        case Scope.PRIMARY:
            return _primary(entry)
        case Scope.TAG:
            return entry.ai_keywords
        case Scope.SOURCE:
            return entry.sources
        case Scope.COMMENT:
            return (entry.note,)
        case Scope.ORG:
            return (entry.organization,)
        case Scope.ID:
            return entry.keys


def _primary(entry: Entry) -> tuple[str, ...]:
    """Return the primary category; where a source does not say which it is, the first one."""
    primary = entry.primary_category or next(iter(entry.categories), "")
    return (primary,) if primary else ()


# --- words --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Needle:
    """One form of a word, ready to be looked for.

    stem begins every spelling of it; forms are its spellings, casefolded and joined (for a folded word),
    longest the length of the longest, most_tokens over how many tokens one may be spread.
    gaps are the reader's own: offset in the letters → what stood there. is_term: a short term in capitals.
    expansion is the form itself where it is not the one that the reader wrote.
    """

    stem: str
    forms: frozenset[str]
    longest: int
    most_tokens: int
    folded: Folded
    spelling: Spelling
    gaps: Mapping[int, Gap]
    is_term: bool
    expansion: str = ""


def compile_words(words: Words, acronyms: Acronyms | None = None) -> tuple[Needle, ...]:
    """Return the forms of a word to look for: its own first, then what the acronyms (by default those shipped) know
    of it as a whole, then what they know of a part of it: "LLM agent" is "large language model agent"."""
    return _compile_once(words, acronyms or shipped_acronyms())


@lru_cache(maxsize=65536)
def _compile_once(words: Words, acronyms: Acronyms) -> tuple[Needle, ...]:
    own = _build_needle(words.text, words.spelling)
    if words.spelling is not Spelling.FOLDED:
        return (own,)
    # "large language models (LLMs)" is either of the two.
    both = next(find_definitions(words.text), ()) if words.text.endswith(")") else ()
    meant = own.forms.union(*(_build_needle(form, Spelling.FOLDED).forms for form in both))
    swapped = _swap_parts(words.text, own.folded, acronyms) if not both else ()
    others = dict.fromkeys((*both, *acronyms.find_others(meant), *swapped))
    return (own, *(_build_needle(form, Spelling.FOLDED, form) for form in others))


def _swap_parts(text: str, folded: Folded, acronyms: Acronyms) -> Iterator[str]:
    """Yield a phrase with one known short or long form in it replaced by another, or defined on the way:
    "chain-of-thought reasoning" is also "CoT reasoning" and "chain-of-thought (CoT) reasoning"."""
    tokens, offsets = folded.tokens, folded.offsets
    for first in range(len(tokens)):
        for end in range(first + 1, min(len(tokens), first + acronyms.longest) + 1):
            if end - first == len(tokens):
                continue
            if any(token.gap is Gap.BREAK for token in tokens[first + 1 : end]):
                continue
            part = folded.letters[offsets[first] : offsets[end]]
            if end - first == 1 and count_capitals(tokens[first].surface) < 2:
                continue  # "rag doll"
            for other in acronyms.find_others([part]):
                before, rest = text[: tokens[end - 1].end], text[tokens[end - 1].end :]
                yield f"{text[: tokens[first].start]}{other}{rest}"
                if end < len(tokens) and count_capitals(other) >= 2 and end - first > 1:
                    yield f"{before} ({other}){rest}"


def _build_needle(text: str, spelling: Spelling, expansion: str = "") -> Needle:
    """Return what is looked for in folded text: all forms of the words, and their common beginning, which is
    found first."""
    folded = fold(text)
    last = folded.offsets[-2]
    before, word = folded.letters[:last], folded.letters[last:]
    forms = frozenset({folded.letters})
    begin = folded.letters
    if spelling is Spelling.FOLDED:
        ends = word_forms(folded.surfaces[-1])
        forms = frozenset(start + end for start in _spell(folded.surfaces[:-1]) for end in ends)
        begin = _common_beginning(forms)
    elif spelling is Spelling.INFLECTED:
        begin = before + stem(word)
    gaps = {offset: token.gap for offset, token in zip(folded.offsets, folded.tokens, strict=False)}
    is_term = spelling is Spelling.FOLDED and _is_short_term(folded)
    longest, most_tokens = max(map(len, forms)), max(_MAX_TOKENS, len(folded.surfaces))
    return Needle(begin, forms, longest, most_tokens, folded, spelling, gaps, is_term, expansion)


def _spell(words: Sequence[str]) -> list[str]:
    """Return the joined letters of the words before the last one, in all their regional spellings."""
    spelled = [""]
    for word in words:
        spellings = sorted(regional_spellings(word.casefold()))
        spelled = [start + spelling for start in spelled for spelling in spellings][:_MAX_SPELLINGS]
    return spelled


def _common_beginning(forms: Iterable[str]) -> str:
    first, last = min(forms), max(forms)
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _is_short_term(folded: Folded) -> bool:
    """Say whether a word is a term of 2 to 5 letters with two capitals at least: RL, ViT, LLMs."""
    surface = "".join(folded.surfaces)
    if is_capital_plural(surface):
        surface = surface[:-1]
    return surface.isalpha() and 2 <= len(surface) <= 5 and count_capitals(surface) >= 2


# --- finding ------------------------------------------------------------------------------


def _find(needle: Needle, field: Folded) -> Iterator[tuple[int, int]]:
    """Yield the runs of tokens (first, last) that are the needle, in order, none inside another."""
    done = 0
    position = field.letters.find(needle.stem)
    while position >= 0:
        first = bisect_left(field.offsets, position)
        if first >= done and field.offsets[first] == position:
            last = find_end(needle, field, first)
            if last is not None:
                yield first, last
                done = last + 1
        position = field.letters.find(needle.stem, position + 1)


def find_end(needle: Needle, field: Folded, first: int) -> int | None:
    """Return the last token of the longest run from token ``first`` that is the needle."""
    offsets, letters = field.offsets, field.letters
    begin = offsets[first]
    last = bisect_right(offsets, begin + len(needle.stem) - 1) - 1
    if needle.spelling is not Spelling.FOLDED:
        # Its end is in the token in which the letters end.
        is_it = _is_joined(needle, field, first, last) and _is_spelled(needle, field, first, last)
        return last if is_it and not _begins_inside(field, first, last) else None
    ends, forms = len(offsets) - 1, needle.forms
    most, longest = (
        first + needle.most_tokens,
        begin + needle.longest + 1,
    )  # one more for the s of a capital plural
    found = None
    while last < most and last < ends and offsets[last + 1] <= longest:
        word = letters[begin : offsets[last + 1]]
        is_it = word in forms or _is_plural_of(needle, word, field.surfaces[last])
        if is_it and _is_joined(needle, field, first, last) and _is_in_capitals(needle, field, first, last):
            found = last
        last += 1
    return None if found is None or _begins_inside(field, first, found) else found


def _begins_inside(field: Folded, first: int, last: int) -> bool:
    """Say whether a phrase would begin at the end of a hyphenated word: "world model" in "real-world models". One
    letter makes no other word: "k-nearest neighbors"."""
    is_inside = first < last and field.gap(first) is Gap.HYPHEN and field.gap(first + 1) is Gap.SPACE
    return is_inside and field.offsets[first] - field.offsets[first - 1] > 1


def _is_in_capitals(needle: Needle, field: Folded, first: int, last: int) -> bool:
    """Say whether a run has the two capitals that a short term in capitals asks for."""
    return not needle.is_term or sum(map(count_capitals, field.surfaces[first : last + 1])) >= 2


def _is_plural_of(needle: Needle, word: str, surface: str) -> bool:
    return word[-1] == "s" and word[:-1] in needle.forms and is_capital_plural(surface)


def _is_joined(needle: Needle, field: Folded, first: int, last: int) -> bool:
    """Say whether the tokens of a run stand as near to each other as the needle's rule wants."""
    begin = field.offsets[first]
    for index in range(first + 1, last + 1):
        gap = field.gap(index)
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
    if gap is Gap.BREAK:
        return False
    if needle.is_term:
        # UNet is also written U-Net, kNN k-NN; initials alone are not taken apart: R-L is no RL.
        return gap is Gap.HYPHEN and not needle.folded.surfaces[0].removesuffix("s").isupper()
    return gap is not Gap.SPACE or len(needle.folded.letters) >= _LOOSE_LETTERS


def _is_spelled(needle: Needle, field: Folded, first: int, last: int) -> bool:
    """Say whether a run has the spelling of a prefix, an inflected or an exact word."""
    begin, end = field.offsets[first], field.offsets[last + 1]
    if needle.spelling is Spelling.PREFIX:
        return True
    if needle.spelling is Spelling.INFLECTED:
        before = needle.folded.offsets[-2]
        return stem(field.letters[begin + before : end]) == needle.stem[before:]
    return field.surfaces[first : last + 1] == needle.folded.surfaces


# --- authors and categories ---------------------------------------------------------------


_UMLAUTS = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ø": "oe",
        "å": "aa",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "Ø": "Oe",
        "Å": "Aa",
    }
)
_DIGRAPH = re.compile("(?<=[aou])e|(?<=a)a")
_CJK = re.compile(f"[{CJK}]+")


def _name_words(text: str, *, joined: bool = False, apart: bool = False) -> tuple[str, ...]:
    """Return the folded words of a name. joined: "Fei-Fei" is one word; apart: "JA" are two initials."""
    words: list[str] = []
    tokens = fold(text).tokens
    for token in tokens:
        word = token.surface.casefold()
        is_one = token.gap is Gap.GLUED or (joined and token.gap is Gap.HYPHEN)
        if is_one and words:
            words[-1] += word
        elif apart and len(tokens) > 1 and 2 <= len(word) <= 3 and token.surface.isupper():
            words += word
        else:
            words.append(word)
    return tuple(words)


def _name_readings(text: str) -> list[tuple[str, ...]]:
    """Return the words that a name may be, in all the ways in which people write the same name."""
    texts = dict.fromkeys((text, unicodedata.normalize("NFC", text).translate(_UMLAUTS)))
    choices = ((False, False), (True, False), (False, True))
    readings = [_name_words(one, joined=joined, apart=apart) for one in texts for joined, apart in choices]
    if all(map(_CJK.fullmatch, readings[0])):
        readings.append(("".join(readings[0]),))
    return list(dict.fromkeys(readings))


@lru_cache(maxsize=65536)
def _read_name(name: str) -> tuple[frozenset[str], list[tuple[str, ...]]]:
    """Return the words that may be the family name, and the readings of the whole."""
    parts = parse_name(name)
    whole = f"{parts.given} {parts.family}"
    family = {word for words in _name_readings(parts.family) for word in words}
    for word in [word for word in family if _CJK.fullmatch(word)]:
        # Nobody says where a family name ends that is not written apart: it is one letter, or two of four.
        family |= {word[:1], word[:2]} if len(word) > 3 else {word[:1]}
    readings = _name_readings(whole)
    if all(map(_CJK.fullmatch, readings[0])):
        joined = f"{parts.family}{parts.given}"
        readings.append(_name_words(joined))
        family.update(_name_words(joined))
    return frozenset(family), readings


def _is_author(wanted: str, name: str) -> bool:
    """Say whether a name is the wanted person: the family name in full, the others in full or by initial.

    The order of the words does not matter, nor do accents; a name may have more given names than asked for.
    """
    family, readings = _read_name(name)
    return any(
        any(word in family for word in asked) and any(_pairs_off(asked, words) for words in readings)
        for asked in _read_wanted(wanted)
    )


@lru_cache(maxsize=4096)
def _read_wanted(wanted: str) -> list[tuple[str, ...]]:
    return _name_readings(wanted)


def _pairs_off(asked: Iterable[str], words: Iterable[str]) -> bool:
    """Say whether each asked word has a word of its own that equals it, or is it by initial."""
    left = list(words)
    for word in sorted(asked, key=len, reverse=True):
        found = word if word in left else next((other for other in left if _is_short_for(word, other)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _is_short_for(one: str, other: str) -> bool:
    """Say whether one of two words is the initial of the other, or the beginning of a name without blanks."""
    if 1 in (len(one), len(other)):
        return one[0] == other[0]
    return _CJK.match(one) is not None and other.startswith(one)


@lru_cache(maxsize=4096)
def name_spellings(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the spellings of each word of a name that is written in full: one of all of them stands in a text in which
    somebody of that name does, at the beginning of a token."""
    words = dict.fromkeys(word for words in _name_readings(text) for word in words)
    return tuple(
        tuple(dict.fromkeys((word, _DIGRAPH.sub("", word))))
        for word in words
        if len(word) > 1 or _CJK.match(word)
    )


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


# --- hits ---------------------------------------------------------------------------------


def find_words(
    words: Words, scope: Scope, entry: FoldedEntry, acronyms: Acronyms | None = None
) -> Iterator[Hit]:
    """Yield a hit for each place of a scope where the words stand."""
    if scope in (Scope.CATEGORY, Scope.PRIMARY):
        yield from _find_items(words, scope, items_of(entry.entry, scope))
    elif words.spelling is Spelling.REGEX:
        yield from _find_pattern(words, scope, entry)
    elif words.spelling is Spelling.NEAR:
        yield from _find_near(words, scope, entry, acronyms)
    elif scope is Scope.AUTHOR and words.spelling is Spelling.FOLDED:
        yield from _find_items(words, scope, entry.entry.authors)
    else:
        rule = written(words)
        for needle in compile_words(words, acronyms):
            for item, field in enumerate(entry.fields[scope]):
                for first, last in _find(needle, field):
                    yield Hit(rule, scope, *field.span(first, last), needle.expansion, item)


def has_needles(words: Words, scope: Scope) -> bool:
    """Say whether words are looked for in a scope by their needles, each at the beginning of a token."""
    if scope in (Scope.CATEGORY, Scope.PRIMARY) or words.spelling in (Spelling.REGEX, Spelling.NEAR):
        return False
    return scope is not Scope.AUTHOR or words.spelling is not Spelling.FOLDED


def _find_items(words: Words, scope: Scope, items: tuple[str, ...]) -> Iterator[Hit]:
    """Yield a hit for each whole author or category that the words mean."""
    star = "*" if words.spelling is Spelling.PREFIX else ""
    for item, text in enumerate(items):
        if scope in (Scope.CATEGORY, Scope.PRIMARY):
            found = _category_pattern(words.text + star).fullmatch(text) is not None
        else:
            found = _is_author(words.text, text)
        if found:
            yield Hit(written(words), scope, 0, len(text), "", item)


def _find_pattern(words: Words, scope: Scope, entry: FoldedEntry) -> Iterator[Hit]:
    """Yield where a regular expression matches the original text; matches of nothing are none."""
    pattern = compile_pattern(words.text)
    for item, text in enumerate(items_of(entry.entry, scope)):
        for found in pattern.finditer(text):
            if found.end() > found.start():
                yield Hit(written(words), scope, found.start(), found.end(), "", item)


def _find_near(words: Words, scope: Scope, entry: FoldedEntry, acronyms: Acronyms | None) -> Iterator[Hit]:
    """Yield the words of the first run of tokens that has them all, in any order, with at most ``within``
    others between them; a sentence's end does not matter here."""
    wanted = _compile_near(words.text, scope, acronyms or shipped_acronyms())
    for item, field in enumerate(entry.fields[scope]):
        if not all(any(needle.stem in field.letters for needle in needles) for needles, _ in wanted):
            continue
        vote_rank: dict[tuple[int, int], list[int]] = {}
        for needles, parts in wanted:
            runs = {run for needle in needles for run in _find(needle, field)}
            if len(runs) < len(parts):
                break  # nothing can be near what is not there
            for run in runs:
                vote_rank.setdefault(run, []).extend(parts)
        else:
            for first, last in nearest_runs(vote_rank, sum(len(parts) for _, parts in wanted), words.within):
                yield Hit(written(words), scope, *field.span(first, last), "", item)


@lru_cache(maxsize=4096)
def _compile_near(
    text: str, scope: Scope, acronyms: Acronyms
) -> tuple[tuple[tuple[Needle, ...], tuple[int, ...]], ...]:
    """Return the needles of each different word of those that are near each other, with its places among them."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(text.split()):
        places.setdefault(word, []).append(place)
    return tuple(
        (compile_words(Words(word, (scope,)), acronyms), tuple(some)) for word, some in places.items()
    )


def nearest_runs(
    vote_rank: Mapping[tuple[int, int], Sequence[int]], parts: int, within: int
) -> list[tuple[int, int]]:
    """Return the first choice of one run for each part that stands near enough; none where there is no such.

    standing says which parts each run (its first and last token) may be. From each beginning we look only so far as
    ``within`` reaches, so the cost grows with the text and not with its square.
    """
    runs = sorted((run, sorted(some)) for run, some in vote_rank.items())
    for begin, ((first, last), some) in enumerate(runs[: max(0, len(runs) - parts + 1)]):
        for part in some:
            chosen = {part: (first, last)}
            taken, end = last - first + 1, last
            for run, others in islice(runs, begin + 1, None):
                if run[0] - first - taken > within:
                    break  # nor is what comes after it: only what is chosen makes the reach longer
                if run[0] <= end:
                    continue
                other = next((other for other in others if other not in chosen), None)
                if other is None:
                    continue
                chosen[other] = run
                taken += run[1] - run[0] + 1
                end = run[1]
                if len(chosen) == parts:
                    return list(chosen.values())
    return []
