"""The text edition: its own template, the same papers and links as the HTML, 72 columns."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import jinja2

from newsletter.render.pieces import is_mark
from newsletter.render.source import TemplateSource, check_template, new_environment, parse_template
from newsletter.render.wording import cut_summary

WIDTH = 72


def compile_text(source: TemplateSource) -> jinja2.Template:
    """Return a text template. Nothing is escaped in it; it knows the filters ``wrap``, ``underline`` and ``sentences``.

    Raises TemplateError.
    """
    parsed: list[jinja2.Template] = []
    environment = new_environment(autoescape=False)  # plain text has no entities
    environment.filters["wrap"] = wrap
    environment.filters["underline"] = underline
    environment.filters["sentences"] = cut_summary
    check_template(source, lambda: parsed.append(parse_template(environment, source.name, source.text)))
    return parsed[0]


def tidy(text: str) -> str:
    """Return the text without spaces at line ends or two empty lines in a row, and one line end last."""
    text = re.sub(r"[ \t]+\n", "\n", text + "\n")
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


_MARGIN = "    "


@lru_cache(maxsize=8192)
def number_paper(card: str, number: int) -> str:
    """Return the text of a card with its number in the margin of four columns, where it has one.

    Remembered, so that equal cards at equal places are one string in all mails.
    """
    return f"{number:2d}. {card[len(_MARGIN) :]}" if card.startswith(_MARGIN) else card


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
    if is_mark(text):
        return text  # a personal value, which is wrapped when it is filled in
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
