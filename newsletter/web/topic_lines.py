"""Topics as people write them into a form: one a line, as it would stand in subscribers.yaml. Pure.

RAG                                             a name of the library, or a word
robotics: robot*, manipulation, category:cs.RO  a name and words
Safety: (alignment OR "red team*") AND NOT title:survey
                                                a name and a query, which may also stand alone
{name: Small models, any: [SLM], limit: 8}      the long form, in braces
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from newsletter.checked_yaml import to_json
from newsletter.errors import ConfigError, QueryError
from newsletter.match.query import SCOPES
from newsletter.match.topics import check_names, parse_topic
from newsletter.model import Topic
from newsletter.yaml_text import load_yaml

MOST_TOPICS = 20
MOST_CHARS = 500
MOST_LONG_CHARS = 4000
"""Of a topic in braces, which may have a description and papers."""

_NAMED = re.compile(r'([^":/{}\[\]]+?)\s*:\s+(\S.*)')
_PROTECTED = re.compile(r'"[^"]*"|(?<![^\s(:])/(?:\\.|[^/\\])+/(?=[\s()]|$)')
_QUERY = re.compile(r"(?<!\S)(?:AND|OR|NOT)(?!\S)|[()]")
_GROUPS = ("any", "all", "none", "query", "where", "about", "like", "unlike")
_KEYS = ("name", *_GROUPS, "min_upvotes", "wait", "limit", "weight", "rank")
_PATH = re.compile(rf"(?:{'|'.join(_KEYS)})(?:\[\d+\])*: ")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONG = "topics:\n- "


@dataclass(frozen=True, slots=True)
class LineMistake:
    """What is wrong with one topic. line counts from 1 (0: all of them together), column from 1 (0: the whole line)."""

    message: str
    text: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ReadTopics:
    """Topics that were read: their forms as canonical JSON, and what they mean; or what is wrong with them."""

    topics_json: str
    topics: tuple[Topic, ...]
    mistakes: tuple[LineMistake, ...] = ()


def read_topics(lines: Iterable[str], library: Mapping[str, Topic], first_line: int = 1) -> ReadTopics:
    """Return the topics of these lines, in their order, equal lines once. Empty lines are counted and left out.

    first_line is the number of the first line in messages; numbers below 1 are lines that the reader did not write.
    """
    forms: dict[str, Any] = {}
    topics: list[Topic] = []
    mistakes: list[LineMistake] = []
    for number, raw in enumerate(lines, start=first_line):
        line = raw.strip()
        if not line or line in forms:
            continue
        most = MOST_LONG_CHARS if line.startswith("{") else MOST_CHARS
        if len(line) > most:
            message = f"this topic has more than {most} characters"
            mistakes.append(LineMistake(message, line[:60] + "…", max(0, number), hint="make several of it"))
            continue
        try:
            form = parse_line_form(line)
            topic = parse_topic(form, library)
        except QueryError as error:
            mistakes.append(_place_mistake(error, line, max(0, number)))
            continue
        forms[line] = form
        topics.append(topic)
        if len(forms) > MOST_TOPICS:
            mistakes.append(LineMistake(f"these are more than {MOST_TOPICS} topics", hint="take some out"))
            break
    if not mistakes:
        try:
            check_names(topics)
        except QueryError as error:
            message = f"there are two topics with the name {error.text!r}"
            mistakes.append(LineMistake(message, error.text, hint="rename or remove one"))
    return ReadTopics(to_json(list(forms.values())), tuple(topics), tuple(mistakes))


def parse_line_form(line: str) -> Any:
    """Return the form that a line is: what ``match.topics.parse_topic`` reads. Raises QueryError."""
    if line.startswith("{"):
        return _parse_long(line)
    named = _NAMED.fullmatch(line)
    if named and all(part.strip().casefold() in SCOPES for part in named[1].split("|")):
        named = None  # "title: survey" is a word in the title
    name, words = (" ".join(named[1].split()), named[2]) if named else (line, line)
    if is_query(words):
        return {"name": name, "query": words}
    if not named:
        return line
    return {"name": name, "any": words} if name in _KEYS else {name: words}


def is_query(words: str) -> bool:
    """Say whether words are a query string: AND, OR, NOT or parentheses stand outside of quotes."""
    return _QUERY.search(_PROTECTED.sub(lambda found: "x" * len(found[0]), words)) is not None


def write_line(form: object) -> str:
    """Return the line that means what this form means, as short as it can be said."""
    for line in _simple_lines(form):
        if _means(line, form):
            return line
    mapping = form if isinstance(form, Mapping) else {"name": str(form)}
    return _UNPRINTABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(mapping, ensure_ascii=False))


def write_lines(topics_json: str) -> list[str]:
    """Return the lines of a reader's topics."""
    return [write_line(form) for form in json.loads(topics_json)]


def _simple_lines(form: object) -> Iterable[str]:
    if isinstance(form, str | int | float):
        yield " ".join(str(form).split())
    elif isinstance(form, Mapping) and len(form) == 1:
        ((name, words),) = form.items()
        yield f"{name}: {words}"
    elif isinstance(form, Mapping) and form.keys() == {"name", "query"}:
        yield str(form["query"])
        yield f"{form['name']}: {form['query']}"
    elif isinstance(form, Mapping) and form.keys() == {"name", "any"}:
        words = form["any"]
        yield f"{form['name']}: {', '.join(map(str, words)) if isinstance(words, list) else words}"


def _means(line: str, form: object) -> bool:
    """Say whether a line is read as what a form means."""
    if len(line) > MOST_CHARS or line.splitlines() != [line.strip()] or line.startswith("{"):
        return False
    try:
        return parse_topic(parse_line_form(line)) == parse_topic(form)
    except QueryError:
        return False


def _parse_long(line: str) -> Any:
    try:
        document = load_yaml(_LONG + line, "")
    except ConfigError as error:
        problem = error.problems[0]
        position = max(0, problem.column - 3) if problem.line == 2 else len(line)
        raise QueryError(problem.message, text=line, position=min(position, len(line))) from error
    forms = document.value["topics"]
    if not isinstance(forms, list) or len(forms) != 1 or not isinstance(forms[0], dict):
        raise QueryError("a topic in braces has keys, as {name: RAG, limit: 5}", text=line)
    return forms[0]


def _place_mistake(error: QueryError, line: str, number: int) -> LineMistake:
    """Return a mistake at its place in the line."""
    message = str(error).removesuffix(f"; {error.hint}") if error.hint else str(error)
    named = _NAMED.fullmatch(line)
    if named:
        message = message.removeprefix(" ".join(named[1].split()) + ": ")
    at = line.rfind(error.text) if error.text else -1
    column = at + error.position + 1 if at >= 0 else 0
    return LineMistake(_PATH.sub("", message, count=1), line, number, column, error.hint)
