"""What counts as the same word: singular and plural, and the inflections of a stem."""

from __future__ import annotations

import re

_NOT_PLURAL = ("ss", "us", "is", "ics")
_TAKES_ES = ("s", "x", "z", "ch", "sh", "o")


def count_capitals(text: str) -> int:
    return sum(char.isupper() for char in text)


def is_capital_plural(surface: str) -> bool:
    """Say whether a token is a term in capitals with a plural s: ``GPUs``, ``LoRAs``."""
    return surface.endswith("s") and count_capitals(surface[:-1]) >= 2


def _singulars(word: str) -> set[str]:
    if len(word) < 4 or not word.endswith("s") or word.endswith(_NOT_PLURAL):
        return set()
    found = {word[:-1]}
    if word.endswith("ies"):
        found.add(word[:-3] + "y")
    if word.endswith("es") and word[:-2].endswith(_TAKES_ES):
        found.add(word[:-2])
    return found


def _plurals(word: str) -> set[str]:
    found = {word + "s"}
    if word.endswith(_TAKES_ES):
        found.add(word + "es")
    if word.endswith("y"):
        found.add(word[:-1] + "ies")
    return {plural for plural in found if len(plural) >= 4 and not plural.endswith(_NOT_PLURAL)}


def word_forms(surface: str) -> frozenset[str]:
    """Return the casefolded spellings that count as the same word: singular and plural.

    s, es and ies are plurals; words in ss, us, is and ics are not. A plural has four letters at
    least, or is a term in capitals with an s (``AIs``); the matcher takes that case up for the text's side.
    """
    word = surface.casefold()
    bases = {word} | _singulars(word)
    if is_capital_plural(surface):
        bases.add(word[:-1])
    return frozenset(bases.union(*(_plurals(base) for base in bases)))


_SUFFIX = re.compile(
    "(?:(?:icat|at)(?:ion|ions)|at(?:e|es|ed|ing|or|ors|ive)|ication|ically|ability|able|ical|ments|ness|ment"
    "|ings|ions|ists|ics|ies|ied|ier|iers|ing|ying|ion|ism|ist|ive|ers|ors|ed|er|es|ic|ly|or|e|s|y)$"
)


def stem(word: str) -> str:
    """Return what a casefolded word shares with its inflections; always the beginning of the word.

    The longest suffix of a fixed list that leaves three letters is taken off, then one of two equal last
    consonants: prune, pruned and pruning are ``prun``; agents and agentic ``agent``; generate and
    generation ``gener``, but general stays ``general``.
    """
    suffix = _SUFFIX.search(word, 3)
    if suffix and not (suffix[0] == "s" and word.endswith("ss")):
        word = word[: suffix.start()]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word
