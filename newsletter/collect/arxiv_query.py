"""The query language of arXiv's API, asked of an entry: for papers that come in by another way than its search.

It finds a little more than arXiv does, as where words stand side by side, which may mean one or both. What an entry
does not tell (journal, report number, last update) decides nothing.
Source: https://info.arxiv.org/help/api/user-manual.html#query_details
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC
from fnmatch import fnmatchcase

from newsletter.model.entries import Entry
from newsletter.tex_accents import read_accents

Test = Callable[[Entry], bool | None]
"""Whether an entry fits; None where it does not tell."""

_MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<close>\))
      | (?P<operator>ANDNOT|AND|OR|NOT)(?=[\s("]|$)
      | (?:(?P<field>[A-Za-z_]+):\s*)?
        (?: (?P<open>\() | "(?P<phrase>[^"]*)" | \[(?P<range>[^\]]*)\] | (?P<word>[^\s()"\[\]:]+) )
    )""",
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W_]+")
_PATTERN = re.compile(r"[^\W_*?]*[*?][\w*?]*")
_RANGE = re.compile(r"\s*(\d{8,14}|\*)\s+TO\s+(\d{8,14}|\*)\s*", re.IGNORECASE)


def parse_query(text: str) -> Test:
    """Return the test that a query stands for; every entry fits an empty one. Raises ValueError for what is none.

    AND binds tighter than OR; words without either between them are joined by OR.
    """
    tokens = _Tokens(text)
    if tokens.is_over():
        return lambda entry: True
    test = _parse_any(tokens, "all", 0)
    if not tokens.is_over():
        raise ValueError(f"cannot read {text[tokens.place :][:40]!r}")
    return test


def name_author(name: str) -> Test:
    """Return the test that somebody of this name is among the authors: each word in one name, initials forgiven."""
    words = _fold(name)
    return lambda entry: any(_is_person(words, _fold(author)) for author in entry.authors)


class _Tokens:
    """What is left of a query to read."""

    def __init__(self, text: str) -> None:
        self.text = text.rstrip()
        self.place = 0

    def is_over(self) -> bool:
        return self.place >= len(self.text)

    def look(self) -> re.Match[str]:
        found = _TOKEN.match(self.text, self.place)
        if found is None:
            raise ValueError(f"cannot read {self.text[self.place :][:40]!r}")
        return found

    def take(self, group: str) -> str | None:
        """Return the text of the next token and step over it, if it is of this kind; else None."""
        if self.is_over() or (found := self.look())[group] is None:
            return None
        self.place = found.end()
        return found[group]


def _parse_any(tokens: _Tokens, field: str, depth: int) -> Test:
    tests = [_parse_all(tokens, field, depth)]
    while not tokens.is_over() and tokens.look()["close"] is None:
        if (operator := tokens.look()["operator"]) is not None and operator != "OR":
            raise ValueError(f"{operator} stands where words are expected")
        tokens.take("operator")
        tests.append(_parse_all(tokens, field, depth))
    return tests[0] if len(tests) == 1 else _any_of(tests)


def _parse_all(tokens: _Tokens, field: str, depth: int) -> Test:
    tests = [_parse_one(tokens, field, depth)]
    while not tokens.is_over() and tokens.look()["operator"] in ("AND", "ANDNOT", "NOT"):
        is_not = tokens.take("operator") != "AND" or tokens.take("operator") == "NOT"
        test = _parse_one(tokens, field, depth)
        tests.append(_none_of(test) if is_not else test)
    return tests[0] if len(tests) == 1 else _all_of(tests)


def _parse_one(tokens: _Tokens, field: str, depth: int) -> Test:
    if tokens.is_over() or depth > _MAX_DEPTH:
        raise ValueError("the query ends where words are expected")
    found = tokens.look()
    if found["close"] is not None or found["operator"] is not None:
        raise ValueError(f"{found[0].strip()} stands where words are expected")
    field = (found["field"] or field).lower()
    tokens.place = found.end()
    if found["open"] is not None:
        test = _parse_any(tokens, field, depth + 1)
        if tokens.take("close") is None:
            raise ValueError("a parenthesis is not closed")
        return test
    if found["range"] is not None:
        return _test_range(field, found["range"])
    return _test_words(field, found["phrase"] if found["phrase"] is not None else found["word"])


# --- tests --------------------------------------------------------------------------------


def _test_words(field: str, text: str) -> Test:
    if field == "cat":
        return lambda entry: any(fnmatchcase(name.lower(), text.lower()) for name in entry.categories)
    if field == "id":
        return lambda entry: text.lower().partition("v")[0] in entry.key
    if field == "au":
        return name_author(text)
    if field not in _FIELDS:
        return lambda entry: None
    read = _FIELDS[field]
    if _PATTERN.fullmatch(text):
        pattern = "".join(_fold_letters(text))
        return lambda entry: any(fnmatchcase(word, pattern) for part in read(entry) for word in _split(part))
    words = _fold(text)
    if not words:
        return lambda entry: None
    return lambda entry: any(_has_phrase(_fold(part), words) for part in read(entry))


def _test_range(field: str, text: str) -> Test:
    found = _RANGE.fullmatch(text)
    if found is None or field != "submitteddate":
        return lambda entry: None
    since, until = found.groups()

    def is_within(entry: Entry) -> bool | None:
        at = entry.published_at
        if at is None:
            return None
        stamp = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
        return (since == "*" or stamp >= since) and (until == "*" or stamp[: len(until)] <= until)

    return is_within


def _any_of(tests: Sequence[Test]) -> Test:
    def test(entry: Entry) -> bool | None:
        told = [one(entry) for one in tests]
        return True if True in told else None if None in told else False

    return test


def _all_of(tests: Sequence[Test]) -> Test:
    def test(entry: Entry) -> bool | None:
        told = [one(entry) for one in tests]
        return False if False in told else None if None in told else True

    return test


def _none_of(test: Test) -> Test:
    def negated(entry: Entry) -> bool | None:
        told = test(entry)
        return None if told is None else not told

    return negated


_FIELDS: dict[str, Callable[[Entry], Sequence[str]]] = {
    "ti": lambda entry: [entry.title],
    "abs": lambda entry: [entry.summary],
    "co": lambda entry: [entry.note],
    "all": lambda entry: [entry.title, entry.summary, entry.note, *entry.authors],
}


# --- words --------------------------------------------------------------------------------


def _fold(text: str) -> list[str]:
    """Return the words in small letters without accents and plural endings."""
    return [_without_plural(word) for word in _split(text)]


def _split(text: str) -> list[str]:
    return _WORD.findall(_fold_letters(text))


def _fold_letters(text: str) -> str:
    if "\\" not in text and text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", read_accents(text).casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _without_plural(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("xes", "ches", "shes", "sses", "zes")) else word[:-1]


def _has_phrase(words: Sequence[str], phrase: Sequence[str]) -> bool:
    return any(words[at : at + len(phrase)] == phrase for at in range(len(words) - len(phrase) + 1))


def _is_person(words: Sequence[str], name: Sequence[str]) -> bool:
    return bool(words) and all(
        any(word == part or (1 in (len(word), len(part)) and word[0] == part[0]) for part in name)
        for word in words
    )
