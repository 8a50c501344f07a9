"""A topic in one line: where its name ends, and whether its words are a list or a query.

    RAG                                   a name of the library, or a word or phrase to look for
    robotics: robot*, manipulation        a name, and words of which any will do
    Safety: (alignment OR jailbreak) AND NOT title:survey
                                          a name and a query, which may also stand alone

Every place where topics are written reads a line by these rules: subscribers.yaml, forms, the command line, lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.match.query import OPERATORS, SCOPES

if TYPE_CHECKING:
    from newsletter.match.piece import Piece

MOST_LINE_CHARS = 4000
"""Of one topic in a line; a query is no longer either."""

_NAMED = re.compile(r'(?:"([^"]+)"|((?:[^":/{}\[\]]|:(?=\S))(?:[^":]|:(?=\S))*?))\s*:\s+(\S.*)', re.DOTALL)
_SCOPE = rf"(?:{'|'.join(SCOPES)})(?:\|(?:{'|'.join(SCOPES)}))*"
_SCOPED = re.compile(
    rf"(?:\A|[,(]|\b(?:{OPERATORS})\s)\s*{_SCOPE}\Z|(?:\A|[\s,(]){_SCOPE}:(?=\S)", re.IGNORECASE
)
_PROTECTED = re.compile(r'"[^"]*"|(?<![^\s(:,])/(?:\\.|[^/\\])+/(?=[\s(),]|$)')
_OPERATOR = re.compile(rf"(?<![^\s()])(?:{OPERATORS})(?![^\s()])")
_GROUP = re.compile(r"(?:[^\W\d]+(?:\|[^\W\d]+)*:)?\(")


def split_name(line: Piece) -> tuple[str, Piece]:
    """Return a topic's name and its words; where it has no name of its own, its words are its name."""
    named = _NAMED.fullmatch(line.value)
    if named:
        begin, end = named.span(1) if named[1] else named.span(2)
        name = " ".join(line.part(begin, end).written.split())
        if name and is_name(name):
            return name, line.part(named.start(3))
    return " ".join(line.written.split()), line


def is_name(text: str) -> bool:
    """Say whether what stands before a colon is a topic's name: in "title: survey" it is a scope, in "robot AND x: y"
    a part of a query."""
    return not _SCOPED.search(text) and not is_query(text)


def is_query(words: str) -> bool:
    """Say whether words are a query string: AND, OR or NOT stand outside of quotes, or it begins with a group. Any
    other words are a list with commas."""
    masked = _PROTECTED.sub(lambda found: "x" * len(found[0]), words)
    return _OPERATOR.search(masked) is not None or _GROUP.match(masked) is not None
