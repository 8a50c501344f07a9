"""A YAML document × a pydantic model → a frozen value, or all the problems at once in plain words.

What the two files that people write have in common: the base class of their sections, the types of
their fields, and the translation of pydantic's errors into line, path, what is wrong and what would be right.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from newsletter.address import parse_address
from newsletter.errors import AddressError, Problem, QueryError, Steps
from newsletter.model.readers import EmailAddress
from newsletter.render.catalogs import list_languages
from newsletter.settings.advice import advise_duration, did_you_mean
from newsletter.stored_json import to_json
from newsletter.text import clean_text

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from newsletter.settings.yaml_text import Document, Value


class ConfigSection(BaseModel):
    """A mapping in a file. A field has its default here, or says in its description what should be there."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CheckTopics(Protocol):
    """Raises QueryError where a JSON list of topics is wrong."""

    def __call__(self, topics_json: str, /) -> object: ...


S = TypeVar("S", bound=ConfigSection)


def validate(
    document: Document, model: type[S], context: Mapping[str, object]
) -> tuple[S | None, list[Problem]]:
    """Return the document as a model (None where it has problems), and the problems."""
    empty = set(_empty_values(document.value, ()))
    problems = [
        document.problem(steps, "is empty; write a value or remove the key") for steps in sorted(empty)
    ]
    try:
        settings = model.model_validate(document.value, context=dict(context))
    except ValidationError as error:
        problems += [
            _translate(details, document, model)
            for details in error.errors(include_url=False, include_input=False)
            if details["loc"] not in empty and details["type"] != "default_factory_not_called"
        ]
        return None, problems
    return (None if problems else settings), problems


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def find_topic_problems(document: Document, steps: Steps, check_topics: CheckTopics) -> list[Problem]:
    """Return what is wrong with topics, each on its own, or else with all of them together (equal names).

    An empty value in a topic is left to ``validate``.
    """
    forms = document.get(steps)
    if not isinstance(forms, list):
        return []
    whole = [index for index, form in enumerate(forms) if not list(_empty_values(form, ()))]
    alone = [_check_forms(document, steps, [forms[index]], index, check_topics) for index in whole]
    found = [problem for problem in alone if problem]
    if not found and len(whole) == len(forms):
        together = _check_forms(document, steps, forms, 0, check_topics)
        found = [together] if together else []
    return found


# --- types of fields ----------------------------------------------------------------------


def parse_line(value: object) -> str:
    """Return a text of one line without spaces around it. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(
            f"a single value is expected here, not {'keys' if isinstance(value, dict) else 'a list'}"
        )
    text = value.strip()
    if not text:
        raise ValueError("is empty; write a text or remove the key")
    if clean_text(text) != text or len(text.splitlines()) > 1 or "\t" in text:
        raise ValueError("must be one line without control characters")
    return text


def whole_number(low: int, high: int) -> BeforeValidator:
    """Return the validator of a whole number from low to high, both included."""

    def parse(value: object) -> int:
        text = parse_line(value)
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ValueError(f"{text!r} is not a whole number; use {low} to {high}")
        number = int(text)
        if number < low:
            raise ValueError(f"{number} is below {low}; use {low} to {high}")
        if number > high:
            raise ValueError(f"{number} is above {high}; use {low} to {high}")
        return number

    return BeforeValidator(parse)


def one_of(known: Iterable[str]) -> BeforeValidator:
    """Return the validator of a word out of a few."""
    words = list(known)
    return BeforeValidator(lambda value: parse_word(value, words))


def parse_word(value: object, known: Collection[str]) -> str:
    """Return a word out of a few. Raises ValueError."""
    text = parse_line(value)
    if text not in known:
        raise ValueError(f"{text!r} is unknown; {did_you_mean(text, known)}")
    return text


def parse_switch(value: object) -> bool:
    """Return whether something is on, or off. Raises ValueError for any other word."""
    text = parse_line(value)
    if text not in ("on", "off"):
        raise ValueError(f"{text!r} is unknown; write on or off")
    return text == "on"


def parse_everything_else(value: object) -> int:
    """Return how many unmatched entries a digest may add: a number from 0 to 50, or 0 for ``off``."""
    text = parse_line(value)
    if text == "off":
        return 0
    if not re.fullmatch(r"[0-9]{1,2}", text) or int(text) > 50:
        raise ValueError(f"{text!r} is neither 'off' nor a number from 0 to 50")
    return int(text)


def parse_duration(value: object) -> timedelta:
    """Return the time of ``30s``, ``30m``, ``12h`` or ``2d``; more than nothing, at most a year."""
    text = parse_line(value)
    found = re.fullmatch(r"([0-9]{1,6})\s*([smhd])", text)
    if not found:
        raise ValueError(f"{text!r} is not a duration; {advise_duration(text)}")
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]
    duration = timedelta(seconds=int(found[1]) * seconds)
    if not timedelta() < duration <= timedelta(days=365):
        raise ValueError(f"{text!r} is out of range; use 1s to 365d")
    return duration


def parse_period(value: object) -> timedelta:
    """Return the time of ``30d`` or ``2y`` (a year has 365 days); from a week to ten years."""
    text = parse_line(value)
    found = re.fullmatch(r"([0-9]{1,4})\s*([dy])", text)
    period = timedelta(days=int(found[1]) * (365 if found[2] == "y" else 1)) if found else timedelta()
    if not timedelta(days=7) <= period <= timedelta(days=3650):
        raise ValueError(f"{text!r} is not a period from 7d to 10y; write days or years like 30d or 2y")
    return period


def parse_date(value: object) -> date:
    """Return the date of ``2026-06-16``."""
    text = parse_line(value)
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{text!r} is not a date; write it like 2026-06-16")


def _parse_address(value: object) -> EmailAddress:
    try:
        return parse_address(parse_line(value))
    except AddressError as error:
        raise ValueError(str(error)) from error


def _parse_language(value: object) -> str:
    return parse_word(value, list_languages())


Line = Annotated[str, BeforeValidator(parse_line)]
Address = Annotated[EmailAddress, BeforeValidator(_parse_address)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Period = Annotated[timedelta, BeforeValidator(parse_period)]
Seconds = Annotated[float, BeforeValidator(lambda value: parse_duration(value).total_seconds())]
Day = Annotated[date, BeforeValidator(parse_date)]
Switch = Annotated[bool, BeforeValidator(parse_switch)]
EverythingElse = Annotated[int, BeforeValidator(parse_everything_else)]
LanguageCode = Annotated[str, BeforeValidator(_parse_language)]


# --- pydantic's errors in plain words -----------------------------------------------------


def _translate(error: ErrorDetails, document: Document, model: type[ConfigSection]) -> Problem:
    """Return pydantic's complaint in our words, which name what would be right."""
    steps: Steps = error["loc"]
    kind = error["type"]
    if kind == "extra_forbidden":
        key, colon, _ = str(steps[-1]).partition(":")
        advice = did_you_mean(key, fields_of(_section_at(model, steps[:-1])))
        message = "a space is missing after the colon" if colon else f"unknown key '{key}'; {advice}"
        return document.problem(steps, message, at_key=True)
    if kind == "missing":
        description = fields_of(_section_at(model, steps[:-1]))[str(steps[-1])].description
        return document.problem(steps, f"is missing: {description}")
    if kind == "value_error":
        return document.problem(steps, str(error["ctx"]["error"]))
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return document.problem(steps, "keys are expected here, each with a colon: 'key: value'")
    if kind in ("tuple_type", "list_type"):
        return document.problem(steps, "a list is expected here: lines that begin with '- ', or [one, two]")
    return document.problem(steps, error["msg"])


def fields_of(section: type[ConfigSection]) -> dict[str, Any]:
    """Return the fields of a section by the names of their keys."""
    return {info.alias or name: info for name, info in section.model_fields.items()}


def _section_at(model: type[ConfigSection], steps: Steps) -> type[ConfigSection]:
    for step in steps:
        if isinstance(step, str):
            model = next(sections_in(fields_of(model)[step].annotation))
    return model


def sections_in(annotation: object) -> Iterator[type[ConfigSection]]:
    """Yield the sections that the type of a field speaks of."""
    if inspect.isclass(annotation) and issubclass(annotation, ConfigSection):
        yield annotation
    for argument in get_args(annotation):
        yield from sections_in(argument)


def _empty_values(value: Value, steps: Steps) -> Iterator[Steps]:
    if value is None:
        yield steps
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _empty_values(item, (*steps, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _empty_values(item, (*steps, index))


# --- topics -------------------------------------------------------------------------------


def _check_forms(
    document: Document, steps: Steps, forms: Sequence[Value], first: int, check_topics: CheckTopics
) -> Problem | None:
    """Return what is wrong with some topics, at the word's place; forms[0] is the topic number ``first``."""
    try:
        check_topics(to_json(forms))
    except QueryError as error:
        index, *below = error.path[1:] or (0,)  # the first step is the list itself
        topic = (*steps, first + int(index))
        return replace(place_mistake(document, topic, (*below,), error), steps=(*topic, *below))
    return None


def place_mistake(document: Document, topic: Steps, below: Steps, error: QueryError) -> Problem:
    """Return a mistake in a topic of a document at its place: in the text or at the key that is wrong, else where the
    topic stands."""
    steps = (*topic, *below) if (*topic, *below) in document.places else topic
    for place, text in document.texts_below(steps):
        if text == error.text:
            return document.problem(place, error.told, offset=error.position)
    for place in document.key_places:
        if place[: len(steps)] == steps and place[-1] == error.text:
            return document.problem(place, error.told, at_key=True)
    return document.problem(steps, error.told)
