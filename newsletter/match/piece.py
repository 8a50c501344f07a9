"""A piece of what a reader wrote, with its place, so that every mistake can be shown where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import NoReturn

from newsletter.errors import Message, QueryError, Steps

_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'))
"""What word processors and telephones make of a straight quote."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of what the reader wrote: whole[start:], stripped, with straight quotes, and the path of whole inside the
    topic."""

    value: str
    whole: str
    start: int
    path: Steps

    def part(self, begin: int, end: int | None = None) -> Piece:
        """Return value[begin:end] without the spaces around it, as a piece with its own place."""
        raw = self.value[begin:end]
        start = self.start + begin + len(raw) - len(raw.lstrip())
        return Piece(raw.strip(), self.whole, start, self.path)

    def fail(self, message: str, *, at: int = 0, hint: str = "") -> NoReturn:
        raise QueryError(message, text=self.whole, position=self.start + at, hint=hint, path=self.path)

    @property
    def written(self) -> str:
        """The piece as the reader wrote it."""
        return self.whole[self.start : self.start + len(self.value)]


def piece_of(raw: str, path: Steps = ()) -> Piece:
    """Return a whole text that stands at a path of a topic, without the spaces around it."""
    return Piece(raw.translate(_QUOTES), raw, 0, path).part(0)


def nearest_of(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, or an empty text."""
    names = sorted(known)
    word = word.casefold()[:40]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return close[0]
    begun = [name for name in names if len(word) >= 2 and name.startswith(word)]
    return begun[0] if begun else ""


def did_you_mean(word: str, known: Sequence[str], meant: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a question with the known word that was meant, or the known words where none is near. meant has for some
    the words that others use for it."""
    folded = word.casefold()
    nearest = next((name for name in known if folded in meant.get(name, "").split()), nearest_of(word, known))
    return (
        Message("did you mean '{known}'?", known=nearest)
        if nearest
        else Message("known: {value}", value=", ".join(known))
    )
