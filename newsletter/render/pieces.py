"""A part put together from pieces: what many mails share is one object in all of them.

While a page is rendered, marks stand where cards, personal values and the template's static stretches will be.
A mark is made of two noncharacters, which no content can have (``wording.clean`` takes them out).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from newsletter.model.mail import TextPiece
from newsletter.render.source import RUN_TIME_TAG

_MARK = re.compile("\ufdd0([a-z]+)([0-9]*)\ufdd1")
_MIN_STATIC_CHARS = 400
_OPENED = re.compile(r"\{[{%#]")  # a tag that is never closed: for Jinja to refuse


def mark_card(number: int) -> str:
    """Return the mark of the card of a paper."""
    return f"\ufdd0card{number}\ufdd1"


def mark_personal(name: str) -> str:
    """Return the mark of a personal value."""
    return f"\ufdd0{name}\ufdd1"


def is_mark(text: str) -> bool:
    return _MARK.fullmatch(text) is not None


def lift_static(template: str) -> tuple[str, tuple[str, ...]]:
    """Return a template with marks in place of its long stretches of whole lines without Jinja, and these."""
    kept: list[str] = []
    chunks: list[str] = []
    end = 0
    for tag in (*RUN_TIME_TAG.finditer(template), None):
        stretch = template[end : tag.start() if tag else len(template)]
        first, last = stretch.find("\n") + 1, stretch.rfind("\n") + 1
        if last - first >= _MIN_STATIC_CHARS and not _OPENED.search(stretch):
            kept.append(f"{stretch[:first]}\ufdd0static{len(chunks)}\ufdd1\n{stretch[last:]}")
            chunks.append(stretch[first:last])
        else:
            kept.append(stretch)
        if tag:
            kept.append(tag[0])
            end = tag.end()
    return "".join(kept), tuple(chunks)


Page = tuple[str, ...]
"""A rendered page, split at its marks: text, kind, number, text, kind, number, …, text."""


def split_page(rendered: str) -> Page:
    """Return a rendered page, ready to be put together many times."""
    return tuple(_MARK.split(rendered))


def assemble(
    page: Page,
    cards: Sequence[str],
    static: Sequence[str],
    personal: Mapping[str, str],
    number_card: Callable[[str, int], str] | None = None,
) -> tuple[TextPiece, ...]:
    """Return a page with everything in its place, in pieces of whole lines.

    cards and static end with a line end. A card that does not stand on a line of its own, or a page without
    marks, gives fewer and longer pieces, but the same text. number_card is given each card's place in reading order.
    """
    pieces: list[TextPiece] = []
    loose = page[0]
    placed = 0
    for at in range(1, len(page), 3):
        kind, number, after = page[at], page[at + 1], page[at + 2]
        if kind == "card":
            placed += 1
            shared = cards[int(number)]
            if number_card:
                shared = number_card(shared, placed)
        elif kind == "static":
            shared = static[int(number)]
        else:
            loose += personal[kind] + after
            continue
        if (not loose or loose.endswith("\n")) and after.startswith("\n"):
            if loose:
                pieces.append(TextPiece(loose, is_shared=loose == "\n"))
            pieces.append(TextPiece(shared, is_shared=True))
            loose = after[1:]
        else:
            loose += shared.removesuffix("\n") + after
    if loose:
        pieces.append(TextPiece(loose))
    return tuple(pieces)
