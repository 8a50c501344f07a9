"""Tables for people: what one copies (an address, a date, a state, a name) is never broken or cut, whatever the width.

In a pipe, or where there is room, a row is a line. Else columns of prose are cut; then columns that do not fit
follow below their row, each with its name; and a first cell that is too long has a line of its own.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GAP = 2
_LEAST_PROSE = 14
_LEAST_FIRST = 16
_INDENT = 4


class Table:
    """Rows below names. A name that ends in ``#`` is that of numbers, one in ``…`` of prose, which may be cut."""

    def __init__(self, *columns: str) -> None:
        self._names = [column.rstrip("#…") for column in columns]
        self._is_number = [column.endswith("#") for column in columns]
        self._is_prose = [column.endswith("…") for column in columns]
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        self._rows.append([_on_one_line(cell) for cell in cells])

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def lay_out(self, width: int | None, *, is_whole: bool = False) -> Iterator[Text]:
        """Yield the lines. Without a width each row is one; is_whole: prose is not cut either."""
        widths = [
            max(cell_len(name), *(row[at].cell_len for row in self._rows)) if self._rows else cell_len(name)
            for at, name in enumerate(self._names)
        ]
        if width is not None and _total(widths) > width:
            prose = [False] * len(widths) if is_whole else self._is_prose
            shown = _count_fitting(widths, prose, width)
            widths = _fit(widths[:shown], prose, width)
        names = [Text(name) for name in self._names]
        yield _join(self._pad(names, widths), "bold")
        for row in self._rows:
            yield from self._lay_row(row, widths, width)

    def _lay_row(self, row: Sequence[Text], widths: Sequence[int], width: int | None) -> Iterator[Text]:
        first = row[0]
        if first.cell_len > widths[0]:
            yield first
            row = [Text(), *row[1:]]
        yield _join(self._pad(row, widths))
        below = [
            f"{name}: {cell.plain}"
            for name, cell in zip(self._names[len(widths) :], row[len(widths) :], strict=True)
            if cell.plain
        ]
        for line in _pack(below, width or 0):
            yield Text(line)

    def _pad(self, cells: Sequence[Text], widths: Sequence[int]) -> Iterator[Text]:
        for at, width in enumerate(widths):
            cell = cells[at].copy()
            cell.truncate(width, overflow="ellipsis")
            space = " " * (width - cell.cell_len)
            yield Text(space) + cell if self._is_number[at] else cell + Text(space)
            if at < len(widths) - 1:
                yield Text(" " * _GAP)


def _on_one_line(cell: str | Text) -> Text:
    text = cell if isinstance(cell, Text) else Text(cell)
    return Text(" ".join(text.plain.split()), style=text.style)


def _join(cells: Iterable[Text], style: str = "") -> Text:
    line = Text.assemble(*cells, style=style)
    line.rstrip()
    return line


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _count_fitting(widths: Sequence[int], prose: Sequence[bool], width: int) -> int:
    """Return how many of the columns, from the first, fit beside each other where prose is cut."""
    least = [min(one, _LEAST_PROSE) if prose[at] else one for at, one in enumerate(widths)]
    least[0] = min(least[0], _LEAST_FIRST)
    return next((shown for shown in range(len(widths), 1, -1) if _total(least[:shown]) <= width), 1)


def _fit(widths: Sequence[int], prose: Sequence[bool], width: int) -> list[int]:
    """Return the widths of columns that fit: the first has what it needs as far as there is room, then prose has."""
    fitted = [min(one, _LEAST_PROSE) if prose[at] else one for at, one in enumerate(widths)]
    fitted[0] = min(widths[0], _LEAST_FIRST)
    for at in [0, *(at for at in range(1, len(widths)) if prose[at])]:
        room = width - _total(fitted)
        fitted[at] = min(widths[at], fitted[at] + max(room, 0))
    return fitted


def _pack(pieces: Sequence[str], width: int) -> Iterator[str]:
    """Yield indented lines with as many of the pieces as fit; a piece that is longer is broken between its words."""
    indent = " " * _INDENT
    line = ""
    for piece in pieces:
        if line and cell_len(line) + _GAP + cell_len(piece) > width:
            yield from _break(line, width)
            line = ""
        line = f"{line}{' ' * _GAP}{piece}" if line else indent + piece
    if line:
        yield from _break(line, width)


def _break(line: str, width: int) -> list[str]:
    indent = " " * (2 * _INDENT)
    width = max(width, 3 * _INDENT)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
