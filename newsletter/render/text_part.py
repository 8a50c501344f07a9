"""The text edition: its own template, the same papers and links as the HTML, 72 columns."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from newsletter.encoding import Lines, Part, encode_line
from newsletter.render.sheet import CardMark, Sheet, Stretch, tidy_lines
from newsletter.render.template import Template, Values, new_environment, parse_template
from newsletter.render.wording import cut_summary

if TYPE_CHECKING:
    from newsletter.render.source import TemplateSource

WIDTH = 72


def compile_text(source: TemplateSource, values: Values) -> Template:
    """Return a text template that has these values. Nothing is escaped in it; it knows the filters ``wrap``,
    ``underline`` and ``sentences``.

    Raises TemplateError.
    """
    environment = new_environment(autoescape=False)  # plain text has no entities
    environment.filters.update(wrap=wrap, underline=underline, sentences=cut_summary)
    return parse_template(environment, source, source.text, values, TextSheet)


def tidy(text: str) -> str:
    """Return the text without spaces at line ends or two empty lines in a row, and one line end last."""
    return tidy_lines(text + "\n").strip("\n") + "\n"


class TextSheet(Sheet):
    """A text part, as far as it is written. It is tidied, and its papers are numbered in reading order."""

    is_tidied = True

    def __init__(self) -> None:
        super().__init__()
        self._has_gap = False
        self._papers = 0

    def write_stretch(self, stretch: Stretch) -> None:
        if not stretch.ends:
            self.loose += stretch.begins
            return
        self._end_line(self.loose + stretch.ends)
        before, behind = stretch.gaps
        self._has_gap |= before
        if stretch.lines.quoted:
            self._put_behind_gap(stretch.lines)
            self._has_gap = behind
        self.loose = stretch.begins

    def write_card(self, card: CardMark) -> None:
        self._papers += 1
        first, *others = card.plain
        self.write_stretch(_number_card(first.text, self._papers))
        for stretch in others:
            self.write_stretch(stretch)

    def _end_line(self, line: str) -> None:
        line = line.rstrip(" \t\n")
        if line:
            self._put_behind_gap(encode_line(line + "\n"))
        else:
            self._has_gap = True

    def _put_behind_gap(self, lines: Lines) -> None:
        if self._has_gap and self.pieces:
            self.put(_EMPTY_LINE)
        self._has_gap = False
        self.put(lines)

    @property
    def state(self) -> Any:
        return self.loose, self._has_gap, self._papers, bool(self.pieces)

    @state.setter
    def state(self, state: Any) -> None:
        self.loose, self._has_gap, self._papers, _ = state

    def finish(self) -> Part:
        self._end_line(self.loose)
        if not self.pieces:
            self.put(_EMPTY_LINE)
        return Part.of(self.pieces, self.raw_bytes)


_EMPTY_LINE = encode_line("\n")
_MARGIN = "    "


# Equal cards at equal places are one object in all mails.
@lru_cache(maxsize=8192)
def _number_card(card: str, number: int) -> Stretch:
    """Return the beginning of a card with its number in the margin of four columns, where it has one."""
    numbered = f"{number:2d}. {card[len(_MARGIN) :]}" if card.startswith(_MARGIN) else card
    return Stretch(numbered, is_tidied=True)


def wrap(text: str, indent: int = 0, first: str | None = None) -> str:
    """Return the text in lines of at most 72 columns, indented by so many spaces.

    first stands before the first line instead of the indentation. A word that has no room in a line
    is broken, except an address, which then stands alone on its line. East Asian characters are two
    columns wide.
    """
    # str: an unknown value says so here, with its name.
    return _wrap(str(text), indent, first)


# The lines of a page are those of many readers: headings of topics, counts, what stands below.
@lru_cache(maxsize=4096)
def _wrap(text: str, indent: int, first: str | None) -> str:
    margin = " " * indent
    room = WIDTH - indent
    lines: list[str] = []
    line: list[str] = []
    used = 0
    for word in text.split():
        columns = _columns(word)
        if line and used + 1 + columns > room:
            lines.append(" ".join(line))
            line, used = [], 0
        if columns > room and "://" not in word:
            *full, word = _break_word(word, room)
            lines += full
            columns = _columns(word)
        used += columns + bool(line)
        line.append(word)
    lines.append(" ".join(line))
    lines = [margin + line for line in lines]
    if first is not None:
        lines[0] = first + lines[0][indent:]
    return "\n".join(lines)


def underline(text: str, sign: str = "-") -> str:
    """Return the text, wrapped, with a line of characters below that is as long as its longest line."""
    return _underline(str(text), sign)


@lru_cache(maxsize=4096)
def _underline(text: str, sign: str) -> str:
    wrapped = _wrap(text, 0, None)
    return f"{wrapped}\n{sign * max(map(_columns, wrapped.splitlines()), default=0)}"


def _break_word(word: str, room: int) -> list[str]:
    """Return the pieces of a word that have room in a line."""
    pieces = [""]
    used = 0
    for letter in word:
        columns = _columns(letter)
        if used + columns > room:
            pieces.append("")
            used = 0
        pieces[-1] += letter
        used += columns
    return pieces


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
