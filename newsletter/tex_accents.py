"""Accents and letters that are written in TeX → characters: ``Fr\\'ed\\'eric {\\L}.`` is ``Frédéric Ł.``"""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a",
}  # fmt: skip
LETTERS = {
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å",
    "AA": "Å", "i": "ı",
}  # fmt: skip
"""What a macro stands for that is a letter."""

_ACCENT = re.compile(
    r"""\\(?:(['`^"~=.])|([cvuHkr])(?=\s*\{|\s+[^\W\d_]))\s*(?:\{\s*\\?([^\W\d_])\s*\}|\\?([^\W\d_]))"""
)
_LETTER = re.compile(rf"\\({'|'.join(LETTERS)})(?![A-Za-z])(?:\{{\}}|\s)?")
# Braces around a letter are there for TeX alone.
_BRACED = re.compile(r"\{([^\W\d_]{1,2})\}")


def read_accents(text: str) -> str:
    """Return the text with accented letters in place of the macros for accents."""
    return _ACCENT.sub(_read_accent, text) if "\\" in text else text


def read_letters(text: str) -> str:
    """Return a text without formulas, as a name, with characters in place of TeX's accents and letters."""
    if "\\" in text:
        text = _LETTER.sub(lambda macro: LETTERS[macro[1]], read_accents(text))
    return _BRACED.sub(r"\1", text)


def _read_accent(match: re.Match[str]) -> str:
    letter = match[3] or match[4]
    return unicodedata.normalize("NFC", letter + _ACCENTS[match[1] or match[2]])
