"""Bytes of a CSV file, from whatever wrote it → rows of cells with their lines; or why it cannot be read. Pure.

What spreadsheets write is read: commas, semicolons, tabs or bars, a line ``sep=;`` before all, UTF-8, UTF-16,
Windows-1252, any kind of line end. What is torn is refused as a whole, with the line: where a quote is not closed,
nobody knows where one row ends and the next begins, and a row that is swallowed is a person who is lost.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from newsletter.errors import ConfigError, Problem

_DELIMITERS = (",", ";", "\t", "|")
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES = re.compile(rb"\r\n|\r|\n")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n|$)', re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@\"'<>(),;|]+@[^\s@\"'<>(),;|]+\.[^\s@\"'<>(),;|]+")
_HIGH = re.compile("[\x80-\U0010ffff]")
MOST_CELL_CHARS = 100_000
"""Of one cell; more is no cell, but a quote that was never closed."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row that is not empty. line counts from 1, as an editor counts: where the row begins."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The rows of a file, the first of them names the columns. is_guessed: the file says nowhere how its letters are
    encoded, is no UTF-8, and was read as Windows-1252."""

    rows: tuple[CsvRow, ...]
    is_guessed: bool = False


def read_csv(data: bytes, file: str, is_known: Callable[[str], bool]) -> CsvTable:
    """Return the rows of a file without the empty ones; spaces around a cell are gone.

    is_known tells whether a text is the name of a column: what separates columns is found by it. Raises ConfigError
    with the line where the file is torn or holds a letter that is in no encoding of it.
    """
    text, is_guessed = _decode(data, file)
    delimiter, begin, first_line = _find_delimiter(text, is_known)
    rows = []
    for line, cells in _split(text[begin:], delimiter, file, first_line):
        stripped = tuple(cell.strip() for cell in cells)
        if any(stripped):
            _refuse_swallowed(line, cells, delimiter, file)
            rows.append(CsvRow(line, stripped))
    return CsvTable(tuple(rows), is_guessed)


def _decode(data: bytes, file: str) -> tuple[str, bool]:
    """Return the text, and whether the encoding is a guess."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return _decode_utf16(data[len(mark) :], encoding, file), False
    zeros = [data[half : 1000 + half : 2].count(0) for half in (0, 1)]
    if max(zeros) > 0.4 * min(len(data), 1000) / 2 and min(zeros) == 0:
        return _decode_utf16(data, "utf-16-le" if zeros[1] else "utf-16-be", file), False
    try:
        return data.decode("utf-8-sig"), False
    except UnicodeDecodeError as error:
        line = 1 + len(_LINE_END_BYTES.findall(data, 0, error.start))
    survived = _HIGH.findall(data.decode("utf-8", "ignore"))
    if survived or data.startswith(codecs.BOM_UTF8):
        message = "has non-UTF-8 characters among UTF-8 ones; save the list as UTF-8. Nothing was imported"
        raise ConfigError([Problem(message, file=file, line=line)])
    try:
        return data.decode("cp1252"), True
    except UnicodeDecodeError as error:
        line = 1 + len(_LINE_END_BYTES.findall(data, 0, error.start))
        message = "has characters that are neither UTF-8 nor Windows-1252; save the list as UTF-8. Nothing was imported"
        raise ConfigError([Problem(message, file=file, line=line)]) from error


def _decode_utf16(data: bytes, encoding: str, file: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = 1 + len(_LINE_END.findall(data[: error.start].decode(encoding, "ignore")))
        message = "is truncated UTF-16; save the list again, as UTF-8. Nothing was imported"
        raise ConfigError([Problem(message, file=file, line=line)]) from error


def _find_delimiter(text: str, is_known: Callable[[str], bool]) -> tuple[str, int, int]:
    """Return what separates columns, where the table begins in the text, and in which line."""
    said = _SEPARATOR_LINE.match(text)
    if said:
        return said[1], said.end(), 2

    def weigh(delimiter: str) -> tuple[int, int]:
        head = _read_head(text, delimiter)
        return sum(map(is_known, head)), len(head)

    return max(_DELIMITERS, key=weigh), 0, 1


def _read_head(text: str, delimiter: str) -> Sequence[str]:
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        return next((row for row in rows if any(map(str.strip, row))), [])
    except csv.Error:
        return []


def _split(text: str, delimiter: str, file: str, first_line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each row."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        began = first_line + rows.line_num
        try:
            cells = next(rows, None)
        except csv.Error as error:
            ended = first_line + rows.line_num - 1
            raise ConfigError([Problem(_word(error, began, ended), file=file, line=began)]) from error
        if cells is None:
            return
        yield began, cells


def _word(error: csv.Error, began: int, ended: int) -> str:
    """Return what is wrong with the quotes of a row that begins and ends in these lines."""
    if "expected after" in str(error):
        until = f" (the cell continues to line {ended})" if ended > began else ""
        return (
            f"a quote ends in the middle of a text{until}; write a quote inside of a quoted cell twice."
            " Nothing was imported"
        )
    return (
        "a quote is opened and never closed, so nobody knows where the next row begins;"
        " close it, or take it out. Nothing was imported"
    )


def _refuse_swallowed(line: int, cells: Sequence[str], delimiter: str, file: str) -> None:
    """Refuse a cell that has rows inside of it: its quote was closed by that of another row."""
    for cell in cells:
        if len(cell) <= MOST_CELL_CHARS and "\n" not in cell and "\r" not in cell:
            continue
        for inner in _LINE_END.split(cell)[1:]:
            parts = [part.strip(" \"'\t") for part in inner.split(delimiter)]
            is_row = len(parts) > 1 or len(cells) == 1
            if len(cell) > MOST_CELL_CHARS or (is_row and any(map(_ADDRESS.fullmatch, parts))):
                message = (
                    "a quote is opened and closed only in a later row, so that people would be lost in between;"
                    " close it in its own line. Nothing was imported"
                )
                raise ConfigError([Problem(message, file=file, line=line)])
