"""Text from outside → clean text. Pure; what "clean" means is decided here and nowhere else.

A relay, a bounce, a feed, a list or a form may say anything. Nothing that is stored holds what an engine refuses or
what a terminal obeys; nothing that is shown on one line holds what hides it or turns it round.
"""

from __future__ import annotations

import re

CJK = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"  # kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7a3"  # Hangul
)
"""Letters of Chinese, Japanese and Korean, for a class of a regular expression."""

_PLANES = "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 17))
# All but C0 (tab and line feed are in), DEL and C1, lone surrogates, which no encoding has a place for, and
# noncharacters. What may stay is listed, not what may not: a run of it is found in one step of the expression.
_CLEAN = re.compile(f"[\t\n -~\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd{_PLANES}]+")
# Zero-width marks that hide text and marks that turn the reading direction. Joiners stay, some scripts and emoji need
# them, and so do marks that only give a direction to a space (U+200E, U+200F, U+061C).
_UNSEEN = re.compile("[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str) -> str:
    """Return the text without control characters but tab and line feed, lone surrogates and noncharacters."""
    # Most texts are short and printable, which is known sooner.
    return text if text.isprintable() else "".join(_CLEAN.findall(text))


def clean_output(text: str) -> str:
    """Return clean text without the marks that hide it or turn its direction: what may go to a terminal."""
    return text if text.isprintable() else _UNSEEN.sub("", clean_text(text))


def clean_line(text: str, max_chars: int | None = None) -> str:
    """Return the text in one line of single spaces, as clean_output; cut at a word with "…" where it is longer."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = " ".join(clean_output(line).split())
    if max_chars is None or len(line) <= max_chars:
        return line
    cut = line[: max_chars - 1]
    return (cut.rpartition(" ")[0] or cut) + "…"
