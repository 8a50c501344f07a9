"""Text becomes tokens whose spelling is folded; each token knows its place in the original text.

The steps, in order: LaTeX to text, NFKC, accents off, dashes to "-", Greek symbols to their names, dots out of
abbreviations, tokens, casefold. Characters may
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
from functools import cache, lru_cache
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

# Thai, Lao, Burmese and Khmer: letters of scripts that have no blanks between words either.
_UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46"  # Thai
    "\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6"  # Lao
    "\u1000-\u102a\u103f\u1780-\u17b3"  # Burmese, Khmer
)
# Signs that make another letter of the one before them: vowels, tones, doublings of the scripts from India to Vietnam.
_SIGNS = "".join(
    chr(code) for code in range(0x900, 0x1900) if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
STARRED = r"(?<![\w*])[A-Z]\*(?![\w*])"
"""The name of an algorithm, for a regular expression."""


def _token_pattern(word: str) -> str:
    """Return the pattern of a run of letters and digits. A dot between digits belongs to it ("GPT-3.5" is not "GPT-3"),
    so does an apostrophe between letters, "++" or "#" after a letter ("C++" is not "C"), and a star after a capital
    that stands alone ("A* search")."""
    return (
        rf"{word}(?:(?<=\d)\.(?=\d){word}|['’]{word})*"
        r"(?:(?<=[^\W\d_])(?:\+\+|\#)|(?<=[A-Z])(?<![\w*][A-Z])\*(?![\w*]))?"
    )


_ASCII_TOKEN = re.compile(_token_pattern("[A-Za-z0-9]+"))


@cache
def _compile_token() -> re.Pattern[str]:
    """Return the pattern of one character of a script without blanks, or of a run of letters and digits. Compiled when
    it is first asked for: that takes long, and most texts are quicker to read."""
    letter = rf"[^\W_{CJK}{_UNSPACED}]"
    return re.compile(
        rf"[{CJK}]|[{_UNSPACED}][{_SIGNS}]*|" + _token_pattern(rf"{letter}+(?:[{_SIGNS}]+{letter}*)*")
    )


def _choose_token(text: str) -> re.Pattern[str]:
    return _ASCII_TOKEN if text.isascii() else _compile_token()


# Plain text comes as one piece; conjoining jamo are one syllable together; any other character takes the marks
# that follow it along.
_CLUSTER = re.compile(
    "[\x00-\x7f]+(?![\u0300-\u036f\u3099\u309a\uff9e\uff9f])"
    rf"|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|.[\u0300-\u036f\u3099\u309a\uff9e\uff9f{_SIGNS}]*",
    re.DOTALL,
)

_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_MARKS_OF_LETTERS = frozenset(f"{_SIGNS}\u3099\u309a")
_APOSTROPHES = frozenset("\u02bc\u00b4\u2018")  # as well as the two that are usual

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
    if cluster in _APOSTROPHES:
        return "'"
    if unicodedata.category(cluster[0]) == "Cf":  # soft hyphen, zero-width space, direction marks
        return ""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", cluster))
    bare = "".join(c for place, c in enumerate(decomposed) if not _is_accent(c, decomposed[:place][-1:]))
    return "".join("-" if c in _DASHES else _STROKES.get(c, c) for c in unicodedata.normalize("NFC", bare))


def _is_accent(mark: str, letter: str) -> bool:
    """Say whether a character only colours the letter before it: an accent, a Hebrew or Arabic vowel point. Not the
    breve of й and the dots of ї, nor what makes another letter in India and Japan."""
    if "\u0300" <= mark <= "\u036f":
        is_letter_of_its_own = mark == "\u0306" or (mark == "\u0308" and letter not in "еЕ")
        return not ("\u0400" <= letter <= "\u04ff" and is_letter_of_its_own)
    return unicodedata.category(mark).startswith("M") and mark not in _MARKS_OF_LETTERS


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
    "ell": "l", "ast": "*", "star": "*", "ss": "ß", "o": "o", "O": "O", "l": "l", "L": "L", "i": "i", "j": "j",
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


# What stands lower or higher in a formula belongs to the letter before it, as the mail shows it: CO$_2$ is CO₂.
_FORMULA = re.compile(r"\$[^$]{1,300}\$")
_SCRIPTS = re.compile(r"[_^]")


def _without_scripts(draft: _Draft) -> _Draft:
    scripts = [
        formula.start() + script.start()
        for formula in _FORMULA.finditer(draft.text)
        for script in _SCRIPTS.finditer(formula[0])
    ]
    return _with_replaced(draft, [(place, place + 1, "") for place in scripts])


def _without_latex(draft: _Draft) -> _Draft:
    if "_" in draft.text or "^" in draft.text:
        draft = _without_scripts(draft)
    return _with_replaced(
        draft, [(*found.span(), _latex_text(found)) for found in _LATEX.finditer(draft.text)]
    )


def _with_replaced(draft: _Draft, replaced: Sequence[tuple[int, int, str]]) -> _Draft:
    """Return the draft with some pieces replaced, given in order; what is between them stays."""
    pieces: list[tuple[int, int, str]] = []
    done = 0
    for begin, end, replacement in replaced:
        if begin > done:
            pieces.append((done, begin, draft.text[done:begin]))
        pieces.append((begin, end, replacement))
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


# --- names of letters, abbreviations ------------------------------------------------------

_GREEK_NAMES = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi
    psi omega
"""
_GREEK = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK_NAMES.split(), strict=True))
_GREEK |= {letter.upper(): name.capitalize() for letter, name in _GREEK.items()}
# One or two Greek letters are symbols, more are a word. The μ of units stays.
_GREEK_SYMBOLS = re.compile("(?<![\u0370-\u03ff])(?!μ[A-Za-z])[α-ωΑ-Ω]{1,2}(?![\u0370-\u03ff])")

# "U.S.", "A.I.", "Ph.D.": letters that have dots between them, and mostly one behind them.
_DOTTED = re.compile(r"(?<![\w.])[^\W\d_]{1,2}\.(?:[^\W\d_]\.)*[^\W\d_](?:\.|(?!\w))")


_INNER_DOT = re.compile(r"\.[^\W\d_]")


def _with_names_of_letters(draft: _Draft) -> _Draft:
    symbols = _GREEK_SYMBOLS.finditer(draft.text)
    return _with_replaced(
        draft,
        [(*found.span(), "".join(_GREEK.get(letter, letter) for letter in found[0])) for found in symbols],
    )


def _without_dots(draft: _Draft) -> _Draft:
    dots = [
        found.start() + place
        for found in _DOTTED.finditer(draft.text)
        for place, letter in enumerate(found[0])
        if letter == "."
    ]
    return _with_replaced(draft, [(place, place + 1, "") for place in dots])


# --- tokens -------------------------------------------------------------------------------

_GAPS = {"": Gap.GLUED, " ": Gap.SPACE, "-": Gap.HYPHEN, "_": Gap.HYPHEN, "/": Gap.SLASH}
_SOFT = re.compile(r"[\s/_^·・-]+")


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
        surfaces: list[str] = _choose_token(text).findall(text)
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
        before, (begin, _) = limits[index - 1], limits[index]
        between = self._draft.text[before[1] : begin]
        if between == "." and self._draft.text[begin].isalpha():
            return Gap.SLASH  # "Node.js"
        if between == ". " and before[1] - before[0] == 1 and self._draft.text[before[0]].isupper():
            return Gap.SPACE  # "C. elegans"
        return _GAPS.get(between) or _gap_of(between)

    def _find_limits(self) -> list[tuple[int, int]]:
        if self._limits is None:
            text = self._draft.text
            self._limits = [match.span() for match in _choose_token(text).finditer(text)]
        return self._limits


def _without_apostrophes(word: str) -> str:
    if "'" not in word and "’" not in word:
        return word
    return _POSSESSIVE.sub("", word).replace("'", "").replace("’", "")


def fold(text: str) -> Folded:
    """Return the tokens of a text, in order, and their joined letters.

    Any punctuation but "-", "_" and "/" ends a phrase (Gap.BREAK). Text of scripts without blanks has no words: each of
    its characters is a token glued to the next, and since keywords match runs of tokens, a keyword is found as the
    chain of its character pairs wherever it stands.
    """
    draft = _Draft(text, range(len(text)), range(1, len(text) + 1))
    if _LATEX_SIGNS.search(text):
        draft = _without_latex(draft)
    if not draft.text.isascii():
        draft = _without_accents(draft)
        if _GREEK_SYMBOLS.search(draft.text):
            draft = _with_names_of_letters(draft)
    if _INNER_DOT.search(draft.text):
        draft = _without_dots(draft)
    return Folded(draft)
