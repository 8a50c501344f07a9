"""What can be read as a topic, but will find nothing, or everything, as it is written: told as a warning, never
refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.errors import Message, Steps
from newsletter.match.categories import doubt_category, is_category
from newsletter.match.fold import fold
from newsletter.match.query import SCOPES
from newsletter.match.similarity import is_little_word
from newsletter.match.topics import NO_LIBRARY, list_items

if TYPE_CHECKING:
    from newsletter.model.topics import Topic

_SCOPED = re.compile(rf"({'|'.join(SCOPES)})(?:\|[a-z|]+)?:\s*(.*)", re.IGNORECASE | re.DOTALL)
_OPERATOR = re.compile(
    r"(?<=\S\s)(?:and|or|not|andnot|&&|\|\||[&|+])(?=\s\S)|\A(?:not(?=\s\S)|[+!](?=\w))", re.IGNORECASE
)
_OPERATORS = {"&": "AND", "+": "AND", "|": "OR", "!": "NOT", "andnot": "AND NOT"}
_COMPARISON = re.compile(r"\b(?:upvotes|comments|stars|date)\s*(?:<=|>=|<|>|=)", re.IGNORECASE)
_ANYTHING = re.compile(r"(?<!\\)\.[*+]")
_PATTERN_SIGNS = re.compile(r"\\[bwds]|\[[^\]\s]+\]|\(\?|[\w)\]][?](?=\w)|\.[+*]|\A\^|\w\$\Z|\w\|\w")


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is odd about a word of a topic, and what was probably meant. text, position and path: as in QueryError."""

    message: str
    hint: str
    text: str
    position: int
    path: Steps

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}"


def find_doubts(form: object, library: Mapping[str, Topic] = NO_LIBRARY) -> list[Doubt]:
    """Return what is odd about the words of a topic, in their order. The form is one that `parse_topic` reads."""
    return [
        Doubt(message, hint, item.whole, item.start + at, item.path)
        for item in list_items(form, library)
        for message, hint, at in _doubt_value(item.value)
    ]


def _doubt_value(value: str) -> Iterator[tuple[str, str, int]]:
    """Yield what is odd about one item: what it is, what was probably meant, and where in the value it stands."""
    scoped = _SCOPED.fullmatch(value)
    words = scoped[2] if scoped else value
    before = len(value) - len(words)
    if scoped and scoped[1].casefold() in ("category", "cat", "primary"):
        if problem := doubt_category(words.strip('"')):
            yield *problem, scoped.start(2)
    elif words.startswith("/"):
        if found := _ANYTHING.search(words):
            yield (
                Message("'{word}' matches everything up to the end of the text", word=found[0]),
                Message("write \\w* to stay within a word"),
                before + found.start(),
            )
    elif not words.startswith(('"', "=")):  # these are meant to the letter
        yield from _doubt_words(words, before)


def _doubt_words(words: str, before: int) -> Iterator[tuple[str, str, int]]:
    """Yield what is odd about words that are not quoted. before is how much of the item comes before them."""
    if found := _OPERATOR.search(words):
        word = found[0].casefold()
        name = _OPERATORS.get(word, _OPERATORS.get(word[0], word.upper()))
        yield (
            Message("{word} is searched for as a word like the others", word=repr(found[0])),
            Message(
                'write {name} for the operator, or quote all of it: "{words}"',
                name=name,
                words=words[:60],
            ),
            before + found.start(),
        )
    elif found := _COMPARISON.search(words):
        if found.start():
            yield (
                Message("{words} is searched for as text", words=repr(words[found.start() :])),
                Message("put AND before it"),
                found.start(),
            )
    elif is_category(words):
        yield (
            Message("{words} is searched for in titles and abstracts", words=repr(words)),
            Message("write category:{words}", words=words),
            0,
        )
    elif found := _PATTERN_SIGNS.search(words):
        yield (
            Message(
                "{words} looks like a regular expression but is searched for as text", words=repr(words[:60])
            ),
            Message("write it between slashes: /{words}/", words=words[:60]),
            before + found.start(),
        )
    elif _says_nothing(words):
        yield (
            Message("nearly every paper has {words}", words=repr(words)),
            Message("add the words that go with it"),
            0,
        )


def _says_nothing(words: str) -> bool:
    """Say whether these are little words alone; in capitals they are a short form (IT, AM)."""
    surfaces = fold(words).surfaces
    return bool(surfaces) and words == words.casefold() and all(map(is_little_word, surfaces))
