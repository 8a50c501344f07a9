"""TeX in titles and summaries becomes text that a person can read: ``$\\ell_1$`` → ``ℓ₁``.

Not a TeX parser: what it does not know stays readable, and nothing it meets can make it slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.tex_accents import LETTERS, read_accents

_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ",
    "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
    "ell": "ℓ", "hbar": "ħ",
    "nabla": "∇", "partial": "∂", "infty": "∞", "emptyset": "∅", "Re": "ℜ", "Im": "ℑ",
    "times": "×", "div": "÷", "cdot": "·", "pm": "±", "mp": "∓", "ast": "*", "star": "⋆", "circ": "∘",
    "bullet": "•", "oplus": "⊕", "otimes": "⊗", "dagger": "†", "prime": "′", "degree": "°",
    "le": "≤", "leq": "≤", "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "ne": "≠", "neq": "≠",
    "ll": "≪", "gg": "≫", "lt": "<", "gt": ">", "approx": "≈", "sim": "~", "simeq": "≃", "equiv": "≡",
    "propto": "∝", "in": "∈", "notin": "∉", "subset": "⊂", "subseteq": "⊆", "supset": "⊃", "cup": "∪",
    "cap": "∩", "setminus": "∖", "forall": "∀", "exists": "∃", "neg": "¬", "land": "∧", "lor": "∨",
    "wedge": "∧",
    "vee": "∨", "to": "→", "rightarrow": "→", "longrightarrow": "→", "leftarrow": "←", "leftrightarrow": "↔",
    "Rightarrow": "⇒", "Leftarrow": "⇐", "Leftrightarrow": "⇔", "uparrow": "↑", "downarrow": "↓",
    "mapsto": "↦",
    "sum": "∑", "prod": "∏", "int": "∫", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋",
    "lceil": "⌈", "rceil": "⌉", "mid": "|", "vert": "|", "Vert": "‖", "parallel": "∥", "perp": "⊥",
    "ldots": "…", "dots": "…", "cdots": "…", "S": "§", "copyright": "©", "quad": " ", "qquad": " ",
    **LETTERS, "textendash": "–", "textemdash": "—", "textbackslash": "\\", "LaTeX": "LaTeX",
    "TeX": "TeX",
}  # fmt: skip

_FUNCTIONS = frozenset({
    "log", "ln", "exp", "sin", "cos", "tan", "max", "min", "sup", "inf", "lim", "arg", "argmax",
    "argmin", "det", "dim", "ker", "deg", "gcd", "Pr", "mod", "bmod",
})  # fmt: skip

_STYLES = frozenset({
    "emph", "textbf", "textit", "textsc", "textsf", "texttt", "textrm", "textup", "textsl",
    "textmd", "textnormal", "text", "mathrm", "mathbf", "mathit", "mathcal", "mathsf", "mathtt",
    "mathfrak", "mathscr", "boldsymbol", "bm", "underline", "mbox", "hbox", "operatorname",
    "ensuremath", "overline", "bar", "hat", "widehat", "tilde", "widetilde", "vec", "footnote",
    "url", "uline",
})  # fmt: skip

_SILENT = frozenset({
    "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "displaystyle",
    "textstyle", "limits", "nolimits", "it", "bf", "tt", "em", "rm", "sc", "sf", "sl", "noindent",
    "xspace", "protect", "centering",
})  # fmt: skip

_BLACKBOARD = dict(zip("CHNPQRZEK1", "ℂℍℕℙℚℝℤ𝔼𝕂𝟙", strict=True))

_RAISED = dict(zip("0123456789+-=()nik", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵏ", strict=True))
_LOWERED = dict(zip("0123456789+-=()aeoxijknmpst", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓᵢⱼₖₙₘₚₛₜ", strict=True))

# A dollar opens a formula when another one closes it before long and it does not look like a price:
# "from $5 to $10" has a space before the second dollar or a digit behind it.
_FORMULA = re.compile(
    r"""\$\$(?P<display>[^$]{1,600})\$\$
      | (?<!\\)\$(?P<inline>(?!\s)[^$]{1,300}(?<![\s\\]))\$(?!\d)
      | (?<!\\)\$(?P<loose>[^$\\^_]{0,100}[\\^_][^$]{1,300}(?<!\\))\$
      | \\\((?P<round>.{1,300}?)\\\)
      | \\\[(?P<square>.{1,600}?)\\\]""",
    re.VERBOSE | re.DOTALL,
)
# Some authors escape an apostrophe, which TeX would take for an accent on the next letter.
_APOSTROPHE = re.compile(r"(?<=\w)\\'(?=(?:s|t|re|ve|ll|d)\b)")
_INNERMOST = re.compile(r"\\([A-Za-z]+)\*?\s?\{([^{}]*)\}")
_LINK = re.compile(r"\\href\s?\{[^{}]*\}\s?\{([^{}]*)\}")
_CITATION = re.compile(r"[\s~]?\\(?:cite[a-z]*|ref|eqref|label)\*?(?:\[[^\]]{0,100}\])?\{[^{}]*\}")
_FRACTION = re.compile(r"\\[dt]?frac\s?(?:\{([^{}]*)\}\s?(?:\{([^{}]*)\}|([^\s{}\\]))|(\d)(\d))")
_SCRIPT = re.compile(r"([\^_])(?:\{([^{}]*)\}|(\\[A-Za-z]+(?:\{[^{}]*\})?|[^\s{}\\]))")
_MACRO = re.compile(r"\\([A-Za-z]+)\*?[ ]?(?:\{\})?")
# What must outlive the reading of a formula as it is stands there as a private character.
_KEPT = {"{": "\ue000", "}": "\ue001", "^": "\ue002", "_": "\ue003", "$": "\ue004"}
_ESCAPED = re.compile(r"\\([&%$#_{}])")
_ANY_MACRO = re.compile(r"\\([A-Za-z]+|.|$)", re.DOTALL)
_PLAIN = frozenset(
    [
        *(_SYMBOLS.keys() | _FUNCTIONS | _SILENT | _STYLES)
        - {"url", "uline", "footnote", "degree", "lt", "gt"},
        *("frac", "dfrac", "tfrac", "sqrt", "mathbb", "{", "}", ",", ";", ":", "!", " ", "_"),
    ]
)
_MAX_DEPTH = 6


_SIGNS = ("$", "\\", "^", "``", "--")

# "10^6", "TC^0" and "GD^2PO" outside of a formula; a name such as "a_b" is left alone, and so is "^_^".
_POWER = re.compile(
    r"(?<=[\w)\]])\^(?:\{([-+]?\w{1,4})\}(?![\w^])|([-+]?\d{1,4}(?![a-z\d_^])|[nik](?![\w^])))"
)
# Braces that only hold a macro and what it is for: "{\L}ukasz", "{\it in vitro}".
_HELD = re.compile(r"\{(\\[A-Za-z]+)\}")
_SWITCHED = re.compile(r"\{\\(?:it|bf|tt|em|rm|sc|sf|sl)\s+([^{}]*)\}")
_LIST = re.compile(r"\\(?:begin|end)\{(?:itemize|enumerate|description|quote|abstract|center)\}")
_ITEM = re.compile(r"\\item\b(?:\[[^\]]{0,60}\])?")


def has_tex(text: str) -> bool:
    """Say whether a text may hold anything that ``read_tex`` would change, but for its white space."""
    return any(sign in text for sign in _SIGNS)


def read_tex(text: str) -> str:
    """Return the text with formulas and macros as characters, in one line of single spaces.

    A text without any of TeX's signs (``has_tex``) comes back as it is, but for its white space.
    Macros that are not known stay as they came outside a formula, and lose their backslash inside one.
    """
    if "$" in text or "\\" in text:
        text = _ITEM.sub("•", _LIST.sub(" ", _SWITCHED.sub(r"\1", text)))
        text = _APOSTROPHE.sub("'", text)
        text = _HELD.sub(r"\1{}", read_accents(text))
        text = _FORMULA.sub(_read_formula, text)
        text = _CITATION.sub("", text)
        for _ in range(_MAX_DEPTH):
            text, links = _LINK.subn(r"\1", text)
            text, styles = _INNERMOST.subn(_read_style, text)
            if not links + styles:
                break
        text = _MACRO.sub(_read_known_macro, text)
        text = _ESCAPED.sub(r"\1", text)
        text = text.replace("\\,", " ").replace("\\ ", " ").replace("\\\\", " ")
    if "^" in text:
        text = _POWER.sub(_read_power, text)
    if "``" in text:
        text = re.sub(r"``([^`]{1,300}?)''", r"“\1”", text)
    if "--" in text:
        text = re.sub(r"(?<=\w)---(?=\w)", "—", text)
        text = re.sub(r"(?<=\d)--(?=\d)|(?<=\s)--(?=\s)", "–", text)
    return " ".join(text.split())


def split_formulas(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a text in order, and of each whether it is a formula, without the signs around it, that TeX
    would set: all its macros are known here, and its braces are balanced. The other pieces are text as ``read_tex``
    returns it, but that spaces at their ends stay."""
    place = 0
    for match in _FORMULA.finditer(text):
        formula = next(group for group in match.groups() if group is not None).strip()
        if _is_plain_formula(formula):
            yield _read_piece(text[place : match.start()]), False
            yield formula, True
            place = match.end()
    yield _read_piece(text[place:]), False


def _read_piece(text: str) -> str:
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return (" " if before else "") + read_tex(text) + (" " if after and text.strip() else "")


def _is_plain_formula(formula: str) -> bool:
    depth = 0
    for sign in formula:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    macros = _ANY_MACRO.findall(formula)
    return (
        not depth
        and bool(formula)
        and all(macro in _PLAIN for macro in macros)
        and not set(formula) & set("%#&~\n")
    )


def _read_power(match: re.Match[str]) -> str:
    inner = match[1] or match[2]
    if all(letter in _RAISED for letter in inner):
        return "".join(_RAISED[letter] for letter in inner)
    return str(match[0])


def _read_style(match: re.Match[str]) -> str:
    name, inner = match.groups()
    if name in _STYLES:
        return str(inner)
    if name == "mathbb":
        return "".join(_BLACKBOARD.get(letter, letter) for letter in inner)
    if name == "sqrt":
        return "√" + _group(inner)
    return str(match[0])


def _read_formula(match: re.Match[str]) -> str:
    formula = next(group for group in match.groups() if group is not None)
    formula = _ESCAPED.sub(lambda escaped: _KEPT.get(escaped[1], escaped[1]), formula)
    formula = re.sub(r"\\[,;:! ]|~", " ", formula)
    for _ in range(_MAX_DEPTH):
        formula, scripts = _SCRIPT.subn(_read_script, formula)
        formula, fractions = _FRACTION.subn(_read_fraction, formula)
        formula, styles = _INNERMOST.subn(_read_style, formula)
        if not scripts + fractions + styles:
            break
    formula = re.sub(r"[{}\\]", "", _MACRO.sub(_read_any_macro, formula))
    for sign, kept in _KEPT.items():
        formula = formula.replace(kept, sign)
    return formula.strip()


def _read_script(match: re.Match[str]) -> str:
    sign, inner = match[1], match[2] if match[2] is not None else match[3]
    inner = _MACRO.sub(_read_any_macro, _INNERMOST.sub(_read_style, inner)).strip()
    if sign == "^" and inner in ("∘", "°"):
        return "°"
    if not inner or (sign == "^" and inner in ("′", "*", "†", "⋆")):
        return inner
    letters = _RAISED if sign == "^" else _LOWERED
    if all(letter in letters for letter in inner):
        return "".join(letters[letter] for letter in inner)
    return _KEPT[sign] + _group(inner)


def _read_fraction(match: re.Match[str]) -> str:
    above, below = (group for group in match.groups() if group is not None)
    return f"{_group(above)}/{_group(below)}"


def _group(inner: str) -> str:
    """Return the inner text, in parentheses where it is more than one thing."""
    inner = inner.strip()
    return inner if re.fullmatch(r"\\?\w+(?:\.\w+)?|.", inner) else f"({inner})"


def _read_known_macro(match: re.Match[str]) -> str:
    name = match[1]
    if name in _SYMBOLS:
        return _SYMBOLS[name] + _blank_after(match)
    if name in _SILENT:
        return ""
    return match[0].removesuffix("{}")


def _read_any_macro(match: re.Match[str]) -> str:
    name = match[1]
    if name in _SILENT:
        return ""
    if name in _FUNCTIONS:
        glued = match.start() > 0 and match.string[match.start() - 1].isalnum()
        return f"{' ' if glued else ''}{name} "
    return _SYMBOLS.get(name, name) + _blank_after(match)


def _blank_after(match: re.Match[str]) -> str:
    """TeX swallows the space behind a macro; readers need it between words and round operators."""
    return " " if match[0].endswith(" ") else ""
