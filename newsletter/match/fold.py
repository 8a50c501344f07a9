"""Text becomes tokens whose spelling is folded; each token knows its place in the original text.

The steps, in order: LaTeX to text, NFKC, accents off, dashes to "-", tokens, casefold. Characters may
grow, shrink and vanish on the way (``ﬁ``, ``e`` + accent, ``\\'{e}``, soft hyphens); a map from each folded
character back to where it came from is carried through, so that offsets are always those of the original.

What counts as the same word beyond that (plurals, inflections) is in `match.spelling`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from newsletter.text import CJK


class Gap(Enum):
    """What stands between a token and the one before it."""

    BREAK = "break"  # punctuation, or the start of the text: a phrase ends here
    SPACE = "space"
    HYPHEN = "hyphen"  # tight: "fine-tuning", not "fine - tuning"
    SLASH = "slash"
    GLUED = "glued"  # nothing: two CJK characters, or "C++" and "11"


class Token(NamedTuple):
    """A word. original[start:end] is where it stood, surface its folded spelling with its capitals."""

    surface: str
    start: int
    end: int
    gap: Gap


# --- characters ---------------------------------------------------------------------------

_WORD = rf"[^\W_{CJK}]"

# One CJK character; or a run of letters and digits. A dot between digits belongs to the run ("GPT-3.5" is not
# "GPT-3"), so does an apostrophe between letters, and "++" or "#" after a letter ("C++" is not "C").
_TOKEN = re.compile(
    rf"[{CJK}]|{_WORD}+(?:(?<=\d)\.(?=\d){_WORD}+|['’]{_WORD}+)*(?:(?<=[^\W\d_])(?:\+\+|\#))?",
)

# Plain text comes as one piece; conjoining jamo are one syllable together; any other character takes the marks
# that follow it along.
_CLUSTER = re.compile(
    "[\x00-\x7f]+(?![\u0300-\u036f\u3099\u309a\uff9e\uff9f])"
    "|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|.[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*",
    re.DOTALL,
)

_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212")

# Letters with a stroke and ligatures that Unicode does not take apart.
_STROKES = {
    "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ı": "i",
    "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE",
}  # fmt: skip


@lru_cache(maxsize=8192)
def _fold_cluster(cluster: str) -> str:
    """Return a character with its marks as plain characters: none, one or several."""
    if cluster in _DASHES:
        return "-"
    if unicodedata.category(cluster[0]) == "Cf":  # soft hyphen, zero-width space, direction marks
        return ""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", cluster))
    # Only the accents of Latin, Greek and Cyrillic go: the voicing mark of kana makes another letter.
    bare = unicodedata.normalize("NFC", "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f"))
    kept = (c for c in bare if not unicodedata.category(c).startswith("M"))
    return "".join("-" if c in _DASHES else _STROKES.get(c, c) for c in kept)


# --- LaTeX --------------------------------------------------------------------------------

_LATEX_SIGNS = re.compile(r"[\\${}~]")

_LATEX = re.compile(
    r"""
      \\(?:['"`^~=.]|[cvuHkr](?=\s*\{|\s+[^\W\d_]))          # an accent: \'e  \'{e}  \"{\i}  \v{s}  \c c
        (?:\s*\{\s*\\?(?P<braced>[^\W\d_])\s*\}|\s*\\?(?P<bare>[^\W\d_]))
    | \\(?P<macro>[A-Za-z]+)\*?
    | \\(?P<escaped>[&%\#$_{}])
    | \\[-/]                                                  # a place to break a word, or not to
    | (?P<space>\\.?|~)                                       # \\  \,  a tie, a lost backslash
    | [${}]
    """,
    re.VERBOSE | re.DOTALL,
)

_LATEX_LETTERS = {
    "ss": "ß", "o": "o", "O": "O", "l": "l", "L": "L", "i": "i", "j": "j",
    "ae": "ae", "AE": "AE", "oe": "oe", "OE": "OE", "aa": "a", "AA": "A",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip

_LATEX_STYLE = re.compile(
    "emph|underline|mbox|operatorname|ensuremath|boldsymbol|bm|bf|it|tt|em|rm|sc|sf"
    "|text(?:bf|it|sc|sf|tt|rm|up|sl|md|normal)?|math(?:rm|bf|it|cal|bb|sf|tt|frak|scr)"
)


def _latex_text(match: re.Match[str]) -> str:
    """Return what a piece of LaTeX says: a letter, a space, or nothing for what only changes the looks."""
    letter = match["braced"] or match["bare"] or match["escaped"]
    if letter:
        return letter
    macro = match["macro"]
    if macro is not None:
        return "" if _LATEX_STYLE.fullmatch(macro) else _LATEX_LETTERS.get(macro, " ")
    return " " if match["space"] else ""


@dataclass(slots=True)
class _Draft:
    """Characters with the places in the original where each came from."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def _rewritten(draft: _Draft, pieces: Sequence[tuple[int, int, str]]) -> _Draft:
    """Return the draft with text[begin:end] replaced by each piece's characters; pieces cover all of it."""
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for begin, end, replacement in pieces:
        chars.append(replacement)
        if len(replacement) == end - begin:
            starts.extend(draft.starts[begin:end])
            ends.extend(draft.ends[begin:end])
        else:
            starts.extend([draft.starts[begin]] * len(replacement))
            ends.extend([draft.ends[end - 1]] * len(replacement))
    return _Draft("".join(chars), starts, ends)


def _without_latex(draft: _Draft) -> _Draft:
    pieces: list[tuple[int, int, str]] = []
    done = 0
    for match in _LATEX.finditer(draft.text):
        begin, end = match.span()
        if begin > done:
            pieces.append((done, begin, draft.text[done:begin]))
        pieces.append((begin, end, _latex_text(match)))
        done = end
    if done < len(draft.text):
        pieces.append((done, len(draft.text), draft.text[done:]))
    return _rewritten(draft, pieces)


def _without_accents(draft: _Draft) -> _Draft:
    clusters = _CLUSTER.finditer(draft.text)
    pieces = [
        (*match.span(), match[0] if match[0].isascii() else _fold_cluster(match[0])) for match in clusters
    ]
    return _rewritten(draft, pieces)


# --- tokens -------------------------------------------------------------------------------

_GAPS = {"": Gap.GLUED, " ": Gap.SPACE, "-": Gap.HYPHEN, "/": Gap.SLASH}
_SOFT = re.compile(r"[\s/-]+")


def _gap_of(between: str) -> Gap:
    known = _GAPS.get(between)
    if known:
        return known
    if not _SOFT.fullmatch(between):
        return Gap.BREAK
    if any(char.isspace() for char in between):
        return Gap.SPACE
    return Gap.SLASH if "/" in between else Gap.HYPHEN


_POSSESSIVE = re.compile(r"(?:['’]s)+$")


class Folded:
    """A text in tokens. letters are all the tokens casefolded and joined without anything between them;
    offsets[i] is where token i begins in letters, with the length of letters as the last offset. surfaces are the
    tokens with their capitals.

    Looking for a keyword's joined letters in ``letters`` and then for token limits at both ends finds
    "fine-tuning", "fine tuning" and "finetuning" alike. Where the tokens stood is found out when it is asked for.
    """

    __slots__ = ("_draft", "_has_apostrophes", "_limits", "letters", "offsets", "surfaces")

    def __init__(self, draft: _Draft) -> None:
        text = draft.text
        surfaces: list[str] = _TOKEN.findall(text)
        self._has_apostrophes = "'" in text or "’" in text
        if self._has_apostrophes:
            surfaces = [_without_apostrophes(surface) for surface in surfaces]
        # Casefolding a token alone or among others is the same only in ASCII.
        folded = surfaces if text.isascii() else [surface.casefold() for surface in surfaces]
        self.surfaces = surfaces
        self.letters = "".join(folded).lower() if text.isascii() else "".join(folded)
        self.offsets = (0, *accumulate(map(len, folded)))
        self._draft = draft
        self._limits: list[tuple[int, int]] | None = None

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All the tokens, in order."""
        return tuple(
            Token(surface, *self.span(index, index), self.gap(index))
            for index, surface in enumerate(self.surfaces)
        )

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return where a run of tokens stood in the original: from, to. A possessive s does not belong to it."""
        limits = self._find_limits()
        begin, end = limits[last]
        if self._has_apostrophes:
            end = begin + len(_POSSESSIVE.sub("", self._draft.text[begin:end]))
        return self._draft.starts[limits[first][0]], self._draft.ends[end - 1]

    def gap(self, index: int) -> Gap:
        """Return what stands between a token and the one before it."""
        if index == 0:
            return Gap.BREAK
        limits = self._find_limits()
        between = self._draft.text[limits[index - 1][1] : limits[index][0]]
        return _GAPS.get(between) or _gap_of(between)

    def _find_limits(self) -> list[tuple[int, int]]:
        if self._limits is None:
            self._limits = [match.span() for match in _TOKEN.finditer(self._draft.text)]
        return self._limits


def _without_apostrophes(word: str) -> str:
    if "'" not in word and "’" not in word:
        return word
    return _POSSESSIVE.sub("", word).replace("'", "").replace("’", "")


def fold(text: str) -> Folded:
    """Return the tokens of a text, in order, and their joined letters.

    Any punctuation but "-" and "/" ends a phrase (Gap.BREAK). CJK text has no words: each of its characters
    is a token glued to the next, and since keywords match runs of tokens, a keyword is found as the chain of
    its character pairs wherever it stands.
    """
    draft = _Draft(text, range(len(text)), range(1, len(text) + 1))
    if _LATEX_SIGNS.search(text):
        draft = _without_latex(draft)
    if not draft.text.isascii():
        draft = _without_accents(draft)
    return Folded(draft)
