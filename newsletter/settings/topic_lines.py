"""Topics written as lines, wherever that is: a form, the command line, a list of readers. Pure.

A line means what it means in subscribers.yaml (`match.topic_line`); in braces it is the long form, as YAML has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from newsletter.errors import ConfigError, Message, Problem, QueryError
from newsletter.match.doubts import Doubt, find_doubts
from newsletter.match.topic_line import MOST_LINE_CHARS
from newsletter.match.topics import check_names, parse_topic
from newsletter.settings.checked_yaml import place_mistake
from newsletter.settings.yaml_text import Document, load_yaml
from newsletter.stored_json import to_json

if TYPE_CHECKING:
    from newsletter.model.topics import Topic

MOST_TOPICS = 20
"""Of one reader who fills in a form."""

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONG = "topics:\n- "
_SEPARATOR = re.compile(
    r'"[^"]*"|(?<![^\s(:,])/(?:\\.|[^/\\])+/(?=[\s(),|]|$)|[^\W\d]+(?:\|[^\W\d]+)+:(?=\S)|([|\n])'
)


@dataclass(frozen=True, slots=True)
class LineMistake:
    """What is wrong with one topic. line counts from 1 (0: all of them together), column from 1 (0: the whole line)."""

    message: str
    text: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""

    @property
    def told(self) -> str:
        """The mistake in one line, for a terminal."""
        what = f"{self.message}; {self.hint}" if self.hint else self.message
        shown = self.text if len(self.text) <= 120 else f"{self.text[:119]}…"
        place = f", column {self.column}" if self.column else ""
        return f"'{shown}'{place}: {what}" if self.text else what


@dataclass(frozen=True, slots=True)
class ReadTopics:
    """Topics that were read: their forms as canonical JSON, and what they mean; or what is wrong with them.

    doubts are what is odd about those that can be read: the line, and why.
    """

    topics_json: str
    topics: tuple[Topic, ...]
    mistakes: tuple[LineMistake, ...] = ()
    doubts: tuple[LineMistake, ...] = ()


def read_topics(
    lines: Iterable[str], library: Mapping[str, Topic], first_line: int = 1, most: int = MOST_TOPICS
) -> ReadTopics:
    """Return the topics of these lines, in their order, equal lines once. Empty lines are counted and left out.

    first_line is the number of the first line in messages; numbers below 1 are lines that the reader did not write.
    """
    forms: dict[str, Any] = {}
    topics: list[Topic] = []
    mistakes: list[LineMistake] = []
    doubts: list[LineMistake] = []
    for number, raw in enumerate(lines, start=first_line):
        line = raw.strip()
        if not line or line in forms:
            continue
        if len(forms) + len(mistakes) >= most:  # good or bad: the rest is not even read
            mistakes.append(
                LineMistake(
                    Message("there are more than {most} topics", most=most), hint=Message("remove some")
                )
            )
            break
        try:
            form, topic = parse_topic_line(line, library)
        except QueryError as error:
            mistakes.append(_tell(error, line, max(0, number)))
            continue
        forms[line] = form
        topics.append(topic)
        doubts += [_tell(doubt, line, max(0, number)) for doubt in find_doubts(form, library)]
    if not mistakes:
        try:
            check_names(topics)
        except QueryError as error:
            mistakes.append(LineMistake(error.message, error.text, hint=Message("rename or remove one")))
    return ReadTopics(to_json(list(forms.values())), tuple(topics), tuple(mistakes), tuple(doubts))


def require_topics(lines: Iterable[str], library: Mapping[str, Topic], where: str) -> ReadTopics:
    """Return the topics of these lines. Raises ConfigError with all that is wrong; where names what they came by, such
    as an option of a command."""
    read = read_topics(lines, library, most=1_000)
    if read.mistakes:
        raise ConfigError([Problem(wrong.told, steps=(where,)) for wrong in read.mistakes])
    return read


def parse_topic_line(line: str, library: Mapping[str, Topic]) -> tuple[Any, Topic]:
    """Return the form that a line is, as subscribers.yaml would have it, and its topic. Raises QueryError, whose text
    and position are those of the line."""
    if len(line) > MOST_LINE_CHARS:
        message = Message("this topic has more than {most} characters", most=MOST_LINE_CHARS)
        raise QueryError(message, text=line, position=MOST_LINE_CHARS, hint=Message("split it into several"))
    if not line.startswith("{"):
        return line, parse_topic(line, library)
    form, document = _load_long(line)
    try:
        return form, parse_topic(form, library)
    except QueryError as error:
        problem = place_mistake(document, ("topics", 0), error.path, error)
        at = max(0, problem.column - 3) if problem.line == 2 else 0
        raise QueryError(error.message, text=line, position=at, hint=error.hint, path=error.path) from error


def word_mistake(error: QueryError) -> str:
    """Return what is wrong with a topic in one line, with the text and the column."""
    return _tell(error, error.text, 0).told


def form_of(line: str) -> Any:
    """Return the form that a line is, as subscribers.yaml would have it. Raises QueryError."""
    return _load_long(line)[0] if line.startswith("{") else line


def split_topics(cell: str) -> list[str]:
    """Return the topics of one cell of a list: they stand in lines of their own, or with ``|`` between them, which
    stands for itself in quotes, in a regular expression and between scopes (``title|tag:agents``)."""
    cuts = [found.start() for found in _SEPARATOR.finditer(cell) if found[1]]
    begins = [0, *(cut + 1 for cut in cuts)]
    return [cell[begin:end].strip() for begin, end in zip(begins, [*cuts, len(cell)], strict=True)]


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
    if len(line) > MOST_LINE_CHARS or line.splitlines() != [line.strip()] or line.startswith("{"):
        return False
    try:
        return parse_topic(line) == parse_topic(form)
    except QueryError:
        return False


def _load_long(line: str) -> tuple[Any, Document]:
    try:
        document = load_yaml(_LONG + line, "")
    except ConfigError as error:
        problem = error.problems[0]
        position = max(0, problem.column - 3) if problem.line == 2 else len(line)
        raise QueryError(problem.message, text=line, position=min(position, len(line))) from error
    forms = document.value["topics"]
    if not isinstance(forms, list) or len(forms) != 1 or not isinstance(forms[0], dict):
        raise QueryError(Message("a topic in braces needs keys, like {{name: RAG, limit: 5}}"), text=line)
    return forms[0], document


def _tell(mistake: QueryError | Doubt, line: str, number: int) -> LineMistake:
    """Return a mistake or a doubt at its place in the line."""
    if len(line) > MOST_LINE_CHARS:
        return LineMistake(mistake.message, f"{line[:60]}…", number, hint=mistake.hint)
    at = line.find(mistake.text) if mistake.text else -1
    column = at + mistake.position + 1 if at >= 0 else 0
    return LineMistake(mistake.message, line, number, column, mistake.hint)
