"""YAML in which every value stays the text that stands in the file, each with its place.

No type is resolved: ``17:30``, ``NO``, ``on``, ``null`` and ``2404.14210`` are texts here, an empty
value is None. Whoever reads the document gives the types, and can name line and column of a mistake.
Tags and aliases are refused, so a file can neither run code nor grow when it is read.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from newsletter.errors import ConfigError, Problem, Steps
from newsletter.files import NotRegularError, read_regular

Value = str | None | list["Value"] | dict[str, "Value"]
MAX_DEPTH = 30

# libyaml reads ten times faster than the Python twin; both yield the same events.
_LOADER: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_UNCLOSED = "check the indentation, and that every bracket and quote is closed"
_ADVICE = (
    (
        "cannot start any token",
        "indent with spaces, not tabs, and quote a text that begins with a special character",
    ),
    (
        "mapping values are not",
        "quote a text that contains ': ', and align keys of one level in one column",
    ),
    ("did not find expected", _UNCLOSED),
    ("expected <block end>", _UNCLOSED),
    ("end of stream", "close the quote"),
    ("could not find expected ':'", "write a colon and a space after the key"),
)


class Place(NamedTuple):
    """A place in the file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as text. value is the mapping at its top, empty for an empty file.

    places has the place of each value; key_places that of each key, of which the last step is the key.
    starts has the offset in source at which the content of a text begins, for those texts
    that stand in the file exactly as they are: on one line and without escapes.
    """

    file: str
    source: str
    value: dict[str, Value]
    places: Mapping[Steps, Place]
    key_places: Mapping[Steps, Place]
    starts: Mapping[Steps, int]

    def get(self, steps: Steps) -> Value:
        """Return the value that the steps lead to. Raises LookupError where there is none."""
        value: Any = self.value
        for step in steps:
            value = value[step]
        return value  # type: ignore[no-any-return] # what a Value is made of are Values

    def problem(self, steps: Steps, message: str, *, at_key: bool = False, offset: int = 0) -> Problem:
        """Return a problem with the place of a value, of its key, or of the nearest thing around it.

        offset leads to a sign inside of a text; it does not count where the text has escapes or many lines.
        """
        place = self._place(steps, at_key)
        if offset and steps in self.starts:
            begin = self.starts[steps] - self.source.rfind("\n", 0, self.starts[steps])
            place = Place(place.line, begin + offset)
        return Problem(message, self.file, place.line, place.column, steps)

    def texts_below(self, steps: Steps) -> Iterator[tuple[Steps, str]]:
        """Yield each text at or below a value with its steps, in the order of the file."""
        yield from _texts(self.get(steps), steps)

    def _place(self, steps: Steps, at_key: bool) -> Place:
        if not at_key and steps in self.places:
            return self.places[steps]
        for end in range(len(steps), 0, -1):
            around = steps[:end]
            if around in self.key_places:
                return self.key_places[around]
            if around in self.places:
                return self.places[around]
        return self.places.get((), Place(1, 1))


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file that a person wrote. Raises ConfigError."""
    try:
        body = read_regular(path)
    except FileNotFoundError as error:
        raise ConfigError(
            [Problem("there is no such file; 'newsletter init' writes one", str(path))]
        ) from error
    except NotRegularError as error:
        raise ConfigError([Problem(str(error.strerror), str(path))]) from error
    except OSError as error:
        raise ConfigError([Problem(f"it cannot be read: {error.strerror}", str(path))]) from error
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = "this line is not UTF-8; save the file as UTF-8"
        raise ConfigError([Problem(message, str(path), line)]) from error


def load_yaml(text: str, file: str) -> Document:
    """Return the one document of a YAML text, whose top must be a mapping. file is its name in messages.

    Raises ConfigError: syntax (the first mistake), or all the keys that are given twice.
    """
    builder = _Builder(file, text)
    try:
        value = builder.build(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(error, text, file)]) from error
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(file, text, value, builder.places, builder.key_places, builder.starts)


@dataclass(slots=True)
class _Builder:
    """Turns the parser's events into plain values and notes where each one stands."""

    file: str
    source: str
    places: dict[Steps, Place] = field(default_factory=dict)
    key_places: dict[Steps, Place] = field(default_factory=dict)
    starts: dict[Steps, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def build(self, events: Iterator[yaml.Event]) -> dict[str, Value]:
        value: Value = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if () in self.places:
                    raise self._refusal(
                        event, (), "a second document ('---') begins here; only one per file is allowed"
                    )
                top = next(events)
                value = self._value(top, events, ())
                if not isinstance(value, dict) and not (value is None and _is_empty(top)):
                    raise self._refusal(
                        top, (), "the file must consist of keys, each with a colon: 'key: value'"
                    )
        return value if isinstance(value, dict) else {}

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], steps: Steps) -> Value:
        self.places[steps] = _place_of(event)
        if isinstance(event, yaml.AliasEvent):
            raise self._refusal(
                event, steps, "aliases ('*name') are not supported; write the value out, or quote the text"
            )
        if getattr(event, "tag", None) not in (None, "!"):
            raise self._refusal(
                event, steps, "tags ('!name') are not supported; every value is text, so remove the tag"
            )
        if len(steps) > MAX_DEPTH:
            raise self._refusal(event, steps[:3], f"this is nested more than {MAX_DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent):
            return self._text(event, steps)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(events, steps)
        return self._mapping(events, steps)

    def _text(self, event: yaml.ScalarEvent, steps: Steps) -> str | None:
        if _is_empty(event):
            return None
        text: str = event.value
        start = _mark_of(event).index + (1 if event.style in ("'", '"') else 0)
        if self.source.startswith(text, start) and "\n" not in text:
            self.starts[steps] = start
        return text

    def _list(self, events: Iterator[yaml.Event], steps: Steps) -> list[Value]:
        items: list[Value] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._value(event, events, (*steps, len(items))))
        return items

    def _mapping(self, events: Iterator[yaml.Event], steps: Steps) -> dict[str, Value]:
        mapping: dict[str, Value] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.value == "":
                raise self._refusal(event, steps, "a key must be a text, as in 'key: value'")
            below = (*steps, str(event.value))
            if below in self.key_places:
                self._note_second(event, below)
            else:
                self.key_places[below] = _place_of(event)
            mapping[event.value] = self._value(next(events), events, below)
        return mapping

    def _note_second(self, event: yaml.Event, steps: Steps) -> None:
        place = _place_of(event)
        message = f"the key is already in line {self.key_places[steps].line}; keep one of them"
        self.problems.append(Problem(message, self.file, place.line, place.column, steps))

    def _refusal(self, event: yaml.Event, steps: Steps, message: str) -> ConfigError:
        place = _place_of(event)
        return ConfigError([Problem(message, self.file, place.line, place.column, steps)])


def _texts(value: Value, steps: Steps) -> Iterator[tuple[Steps, str]]:
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(_texts(item, (*steps, i)) for i, item in enumerate(value))
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(_texts(item, (*steps, key)) for key, item in value.items())


def _is_empty(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "" and not event.style


def _place_of(event: yaml.Event) -> Place:
    mark = _mark_of(event)
    return Place(mark.line + 1, mark.column + 1)


def _mark_of(event: yaml.Event) -> Any:
    """Return where the event begins, counted from 0: index, line, column. Both parsers have a class of their own."""
    return event.start_mark


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """Return what the parser found, with advice; without its sketch of the line, which may show a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        found = error.problem or "it cannot be read"
        advice = next(
            (advice for sign, advice in _ADVICE if sign in found), "check the indentation and the quotes"
        )
        line, column = error.problem_mark.line + 1, error.problem_mark.column + 1
        return Problem(f"this is not YAML: {found}; {advice}", file, line, column)
    bad = next((i for i, sign in enumerate(text) if not (sign.isprintable() or sign in "\t\n\r\x85 ")), 0)
    line = text.count("\n", 0, bad) + 1
    return Problem("there is a control character here; remove it", file, line, bad - text.rfind("\n", 0, bad))
