"""Names of people: what stands in an author element → the names in it; a name → where the family name is.

Feeds write several people into one element, family names first or last, with initials, degrees, affiliations,
directory numbers and e-mail addresses. What is shown of a person is a name; an address never is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from newsletter.text import CJK, clean_line

MAX_NAME_CHARS = 300
_MAX_TEXT_CHARS = 30_000

_CJK_NAME = re.compile(rf"[{CJK}]{{2,}}(?:[ ・·][{CJK}]+)*")
_CJK_ANY = re.compile(rf"[{CJK}]")
_CJK_BESIDE = re.compile(r"(?<=[\u3400-\u9fff\uac00-\ud7a3])[・·](?=[\u3400-\u9fff\uac00-\ud7a3])")

# An address, also one that is hidden from machines; what stands in parentheses behind it is a name (RFC 822).
_AT = r"(?:@|\s*[\[({]\s*at\s*[\])}]\s*)"
_ADDRESS = re.compile(
    rf"(?:mailto:)?[^\s<>(),;:\"“”@\[\]]{{1,100}}{_AT}[^\s<>(),;:\"“”@\[\]]{{1,200}}"
    r"(?:\s*[\[({]\s*dot\s*[\])}]\s*\w{2,20})*",
    re.IGNORECASE,
)
_ADDRESS_AND_NAME = re.compile(rf"(?:{_ADDRESS.pattern})\s*\(([^()@]*)\)", re.IGNORECASE)
_IN_ANGLES = re.compile(r"<[^<>]*>")
_RAISED = re.compile(r"<su([pb])\b[^<>]*>[^<>]*</su\1>", re.IGNORECASE)  # a mark of a footnote
_LINK = re.compile(r"\(?\bhttps?://[^\s()]+\)?|\borcid\S*", re.IGNORECASE)
_LINE_TAG = re.compile(r"<(?:br|/p|/li|/div)\b[^<>]*>", re.IGNORECASE)
_INNERMOST = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ .'’-]){1,40}")
_UNCLOSED = re.compile(r"[(\[][^)\]]*$|^[^(\[]*[)\]]\s*(?=,|$)")

_BEFORE = re.compile(r"^(?:(?:written|posted)\s+)?by:?\s+(?=\S)|^authors?(?:\(s\))?\s*:\s*", re.IGNORECASE)
_OTHERS = re.compile(
    r"[,;]?\s*(?:\band\s+|&\s*)?(?:\bet\.?\s+al\b\.?|\band others\b|…|\.\.\.).*$", re.IGNORECASE
)
_AND = re.compile(r",?\s+(?:and|und|et|och|og|и|&)\s+|\s*&\s+|,\s*&\s*", re.IGNORECASE)
_SEMICOLON = re.compile(r"[;；؛|]|(?<=\s)[/·•+](?=\s)")
_COMMA = re.compile(r"[,，、،]")

# What stands behind a name and belongs to none: marks of footnotes and affiliations, a number of DBLP's.
_MARKS = re.compile(r"(?<=[^\W\d_.])(?:[\d*†‡§¶∗⁎⁰-⁹¹²³]+|\s+[*†‡§¶∗⁎]+)+$")
_DIRECTORY_NUMBER = re.compile(r"\s+0\d{3}$")
# The dots and blanks in them are anybody's own.
_DEGREES = (
    *(
        "ph d",
        "m d",
        "d phil",
        "m phil",
        "m sc",
        "b sc",
        "d sc",
        "sc d",
        "m eng",
        "b eng",
        "m b a",
        "m p h",
        "d d s",
    ),
    *(
        "d v m",
        "pharm d",
        "ed d",
        "j d",
        "r n",
        "m b b s",
        "f r s",
        "f r c p",
        "f r c s",
        "f a c s",
        "f a c p",
        "esq",
    ),
)
_DEGREE = re.compile("|".join(degree.replace(" ", "[.]?[ ]?") + "[.]?" for degree in _DEGREES), re.IGNORECASE)
_SUFFIX = re.compile(r"(?:jr|sr)\.?|ii|iii|iv", re.IGNORECASE)
_WHOLE = re.compile(r"\S\s+\S|\.[^\W\d_]{2}")  # more than one word: "J.Doe" has two
_INITIALS = re.compile(r"(?:[^\W\d_a-zß-ÿ](?:\.|\b)[\s-]*){1,4}")
_JOINED_INITIALS = re.compile(r"[^\W\d_a-zß-ÿ]{1,3}")
_ORGANIZATION = re.compile(
    r"\b(?:universit|institut|inst\b|univ\b|department|dept\b|laborator|labs?\b|college|school|facult|academ|hospital|clinic"
    r"|cent(?:er|re)\b|inc\b|ltd\b|llc\b|gmbh\b|corp|company|press\b|team\b|group\b|collaboration|consortium|society"
    r"|association|foundation|ministry|agency|council|committee|staff\b|editors?\b|newsroom|of\b|for\b|the\b)",
    re.IGNORECASE,
)
_AFFILIATION = re.compile(
    r"\b(?:universit|institut|univ\b|department|dept\b|laborator|college|facult|hospital|cnrs\b|inria\b|gmbh\b|inc\b|ltd\b)",
    re.IGNORECASE,
)


_GROUP = re.compile(
    r"^the\s+\w|\s(?:teams?|groups?|collaborations?|consorti(?:um|a)|investigators|network|initiative|project|society"
    r"|association|foundation|committee|council|institut\w*|universit\w+|laborator\w+|labs|inc\.?|ltd\.?|gmbh)$"
    r"|^(?:universit|institut)\w+\s",
    re.IGNORECASE,
)


class PersonName(NamedTuple):
    """A name in two parts as they are written. family has the family name, and more words where it is not certain."""

    family: str
    given: str


# --- several people -----------------------------------------------------------------------


def read_people(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the people that some author elements name, in order, each once and without markup of any
    kind: no address, degree, footnote or affiliation. "Doe, Jane" stays as it is written.

    Where there are several elements each is taken for one person, unless it is plainly a list.
    """
    given = [text for text in texts if text.strip()]
    names = (name for text in given for name in _split(text[:_MAX_TEXT_CHARS], alone=len(given) == 1))
    return tuple(dict.fromkeys(name for name in names if name))


def _split(text: str, *, alone: bool) -> Iterator[str]:
    text = _without_addresses(_LINE_TAG.sub(";", html.unescape(text)))
    text = _CJK_BESIDE.sub(";", _without_notes(_OTHERS.sub("", _BEFORE.sub("", text.strip()))))
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and not _COMMA.search(text) and all(len(line.split()) > 1 for line in lines):
        text = ";".join(lines)
    for part in _SEMICOLON.split(text):
        for names in _split_list(part, alone=alone):
            yield clean_line(names, MAX_NAME_CHARS)


def _without_addresses(text: str) -> str:
    """Return a text without e-mail addresses and what stands in angles; a name in parentheses behind one stays."""
    text = _LINK.sub(" ", _IN_ANGLES.sub(" ", _RAISED.sub(" ", text.replace("＠", "@"))))
    text = _ADDRESS_AND_NAME.sub(r" \1 ", text)
    return re.sub(r"\(\s*\)|\bmailto:", " ", _ADDRESS.sub(" ", text))


def _without_notes(text: str) -> str:
    """Return a text without what stands in parentheses, in whatever depth; a name in another script stays."""
    for _ in range(10):
        text, found = _INNERMOST.subn(_note, text)
        if not found:
            break
    return _UNCLOSED.sub("", text).replace("\ue000", "(").replace("\ue001", ")")


def _note(found: re.Match[str]) -> str:
    inner = (found[1] or found[2] or "").strip()
    before = found.string[: found.start()].rstrip()[-1:]
    is_other_script = bool(_CJK_ANY.search(before)) != bool(_CJK_NAME.fullmatch(inner))
    return f"\ue000{inner}\ue001" if is_other_script and _NAME.fullmatch(inner) else " "


def _split_list(text: str, *, alone: bool) -> Iterator[str]:
    """Yield the names in a text without semicolons: "A and B", "A, B and C", "Family, I., Family, I."."""
    portions = [portion.strip(" ,") for portion in _AND.split(text)]
    portions = [portion for portion in portions if portion]
    if len(portions) > 1 and not _is_enumeration(portions):
        portions = [text]
    has_single = len(portions) > 1 and any(_is_one_word(portion) for portion in portions)
    for portion in portions:
        parts = list(_clean_parts(_COMMA.split(portion)))
        if has_single or _is_plain_list(parts, alone=alone):
            yield from parts
        elif len(parts) > 1 and len(parts) % 2 == 0:
            yield from (f"{family}, {given}" for family, given in zip(parts[::2], parts[1::2], strict=True))
        else:
            yield ", ".join(parts)


def _is_enumeration(portions: Sequence[str]) -> bool:
    """Say whether "and" stands between people: not within the name of an institution."""
    if any(_ORGANIZATION.search(portion) for portion in portions):
        return False
    return any(_COMMA.search(portion) for portion in portions) or not any(map(_is_one_word, portions))


def _is_one_word(text: str) -> bool:
    return len(text.split()) == 1 and not _CJK_NAME.fullmatch(text) and not _COMMA.search(text)


def _clean_parts(parts: Sequence[str]) -> Iterator[str]:
    """Yield what stands between commas, without degrees, affiliations and numbers; "Jr." goes to the name before it."""
    kept: list[str] = []
    for part in parts:
        part = _clean_name(part)
        if not part or _DEGREE.fullmatch(part) or part.replace(" ", "").isdigit():
            continue
        if kept and _SUFFIX.fullmatch(part):
            kept[-1] += f" {part}"
        elif not kept or not _AFFILIATION.search(part):
            kept.append(part)
    yield from kept


def _clean_name(text: str) -> str:
    """Return one name without footnote marks, a directory's number and degrees behind it."""
    name = " ".join(text.replace("@", " ").split()).strip(' *†‡§¶;,:"“”@')
    if " " in name:  # one word is how somebody is called on a site
        name = _DIRECTORY_NUMBER.sub("", _MARKS.sub("", name))
    words = name.split()
    while (
        len(words) > 2
        and _DEGREE.fullmatch(words[-1].strip(".,"))
        and _is_full(words[-2])
        and _is_full(words[-3])
    ):
        words.pop()
    return " ".join(words)


def _is_full(word: str) -> bool:
    """Say whether a word is more than initials."""
    return any(char.islower() for char in word) or bool(_CJK_ANY.search(word)) or len(word.strip(".")) > 3


def _is_plain_list(parts: Sequence[str], *, alone: bool) -> bool:
    """Say whether commas stand between people, and not between a family name and what is before it."""
    if len(parts) < 2:
        return True
    if any(_is_initials(part) for part in parts[1::2]):
        return False
    whole = [bool(_CJK_NAME.fullmatch(part) or _WHOLE.search(part)) for part in parts]
    if len(parts) == 2:
        return alone and all(whole)
    return all(whole) or len(parts) % 2 == 1 or not any(len(part.split()) == 1 for part in parts[::2])


def _is_initials(text: str) -> bool:
    return _INITIALS.fullmatch(text) is not None and len(text) <= 12


# --- one name -----------------------------------------------------------------------------


def parse_name(text: str) -> PersonName:
    """Return the family name of ``Jane M. Doe``, ``Doe, Jane M.`` or ``Doe JM`` and what is given with it.

    Of ``Weinan E`` it may be either word. A Chinese, Japanese or Korean name that is written as one word is the
    family name as a whole.
    """
    name, *others = re.split(r"\s*[()]\s*", _without_notes(_without_addresses(text)))
    if others := [other for other in others if other]:
        each = [parse_name(one) for one in (name, *others)]
        return PersonName(" ".join(one.family for one in each), " ".join(one.given for one in each))
    parts = list(_clean_parts(_COMMA.split(name)))
    if len(parts) > 1:
        return PersonName(parts[0], " ".join(parts[1:]))
    words = [word for word in (parts[0].split() if parts else ()) if not _SUFFIX.fullmatch(word)]
    behind = _count_initials(words)
    if behind:
        is_certain = behind > 1 or words[-1].endswith(".") or len(words[-1]) > 1
        family = words[:-behind] if is_certain and _is_full(words[-behind - 1]) else words
        return PersonName(" ".join(family), " ".join(words[-behind:]))
    if len(words) > 1 and all(map(_CJK_ANY.match, words)):
        return PersonName(words[0], " ".join(words[1:]))
    in_capitals = {
        word for word in words if len(word) > 2 and word.isupper()
    }  # "ROE Ada", as the French write it
    may_be = {*words[-1:], *(in_capitals if len(in_capitals) < len(words) else ())}
    family_name = [word for word in words if word in may_be]
    return PersonName(" ".join(family_name), " ".join(word for word in words if word not in may_be))


def is_group(name: str) -> bool:
    """Say whether a name is that of a group, which has no family name: a team, a collaboration, an institute."""
    return bool(_GROUP.search(name)) and "," not in name


def _count_initials(words: Sequence[str]) -> int:
    """Return how many words at the end are initials, where a family name stands before them."""
    count = 0
    for word in reversed(words):
        if not (_JOINED_INITIALS.fullmatch(word) or _is_initials(word)):
            break
        count += 1
    is_behind = bool(words) and len(words[0]) > 1 and not words[0].endswith(".")
    return min(count, len(words) - 1) if is_behind else 0
