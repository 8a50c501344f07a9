"""What a part of a mail is written on: text comes in stretches, whole lines leave encoded.

What many mails share is a stretch that was taken apart, and its whole lines encoded, once. Only a line on which several
things stand is encoded for a mail.
"""

from __future__ import annotations

import itertools
import re
from typing import Any
from weakref import WeakValueDictionary

from newsletter.encoding import Lines, Part, encode_line, encode_lines, encode_opening

_NO_LINES = Lines(b"", 0)
_BLANKS = re.compile(r"[ \t]+\n")
_GAPS = re.compile(r"\n{3,}")


class Stretch:
    """Some text, taken apart: what ends a line (``ends``), whole lines, and the beginning of another (``begins``).

    Without a line end in it all of it is ``begins``. gaps say whether an empty line stands before and behind the whole
    lines; they are for sheets that allow one of them, elsewhere it is a line like any other.
    """

    __slots__ = ("_left", "_opening", "begins", "ends", "gaps", "lines", "text")

    def __init__(self, text: str, *, is_tidied: bool = False) -> None:
        first, last = text.find("\n") + 1, text.rfind("\n") + 1
        whole = text[first:last]
        self.text = text
        self.ends, self.begins = text[:first], text[last:]
        self.gaps = (False, False)
        if is_tidied and whole:
            whole = tidy_lines(whole)
            lines = whole.strip("\n")
            self.gaps = (whole.startswith("\n"), bool(lines) and whole.endswith("\n\n"))
            whole = lines and lines + "\n"
        self.lines = encode_lines(whole) if whole else _NO_LINES
        self._opening: Lines | None = None
        self._left: tuple[Lines, str] | None = None

    @property
    def opening(self) -> Lines:
        """The line that it ends and the whole lines, where it comes at the start of a line."""
        if self._opening is None:
            first = encode_line(self.ends)
            self._opening = Lines(first.quoted + self.lines.quoted, first.raw_bytes + self.lines.raw_bytes)
        return self._opening

    @property
    def left(self) -> tuple[Lines, str]:
        """What of the line that it begins can be encoded already, and the rest."""
        if self._left is None:
            self._left = encode_opening(self.begins)
        return self._left


def tidy_lines(text: str) -> str:
    """Return whole lines without spaces at their ends or two empty ones in a row."""
    return _GAPS.sub("\n\n", _BLANKS.sub("\n", text))


class CardMark(str):
    """The card of a paper as a template has it: a mark, in whose place a sheet writes the card.

    It is made of noncharacters, which no content can have (``wording.clean`` takes them out), so that it is also found
    in what Jinja made around it.
    """

    html: tuple[Stretch, ...]
    plain: tuple[Stretch, ...]

    @classmethod
    def of(cls, html: tuple[Stretch, ...], plain: tuple[Stretch, ...]) -> CardMark:
        """Return the mark of a card: whole lines, but for the last line end. plain has its first line in one piece."""
        mark = cls(f"\ufdd0card{next(_NUMBERS)}\ufdd1")
        mark.html = html
        mark.plain = plain
        _MARKS[str(mark)] = mark
        return mark


_MARK = re.compile("(\ufdd0card[0-9]+\ufdd1)")
_NUMBERS = itertools.count()
_MARKS: WeakValueDictionary[str, CardMark] = WeakValueDictionary()


def split_at_cards(text: str) -> list[str | CardMark]:
    """Return a text cut at the marks in it, these among its pieces."""
    return [_MARKS.get(piece, piece) for piece in _MARK.split(text) if piece]


class Sheet:
    """A part in HTML, as far as it is written."""

    is_tidied = False

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.raw_bytes = 0
        self.loose = ""
        """The beginning of a line that has not ended yet, as far as it is not encoded."""

    def write(self, text: str) -> None:
        """Write what only this mail has, or what is too short to matter."""
        if "\n" in text:
            self.write_stretch(Stretch(text, is_tidied=self.is_tidied))
        else:
            self.loose += text

    def write_stretch(self, stretch: Stretch) -> None:
        if stretch.ends and self.loose:
            self.put(encode_line(self.loose + stretch.ends))
            if stretch.lines is not _NO_LINES:
                self.put(stretch.lines)
            self.loose = ""
        elif stretch.ends:
            self.put(stretch.opening)
        if self.loose:
            self.loose += stretch.begins
        elif stretch.begins:
            done, self.loose = stretch.left
            if done.quoted:
                self.put(done)

    def write_card(self, card: CardMark) -> None:
        for stretch in card.html:
            self.write_stretch(stretch)

    def put(self, lines: Lines) -> None:
        """Write whole lines, at the start of a line."""
        self.pieces.append(lines.quoted)
        self.raw_bytes += lines.raw_bytes

    @property
    def state(self) -> Any:
        """All that decides how what follows is written."""
        return self.loose

    @state.setter
    def state(self, state: Any) -> None:
        self.loose = state

    def finish(self) -> Part:
        """Return all that was written."""
        if self.loose:
            self.put(encode_line(self.loose))
        return Part.of(self.pieces, self.raw_bytes)


class Line(Sheet):
    """A text that is no part of a mail, such as its subject."""

    def write(self, text: str) -> None:
        self.loose += text

    def write_stretch(self, stretch: Stretch) -> None:
        self.loose += stretch.text
