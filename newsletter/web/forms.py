"""What a reader fills in: the fields of the forms Subscribe and Preferences, read and checked. Pure.

``Given`` is what came, as text, so that a form can be shown again with its values; ``check_form`` makes ``Preferences``
of it, or says of each field what is wrong with it, in the language of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from babel import Locale, UnknownLocaleError

from newsletter.address import MOST_CHARS, parse_address
from newsletter.errors import AddressError
from newsletter.model.readers import Cadence, EmailAddress, Subscriber
from newsletter.render.wording import clean
from newsletter.settings.checked_yaml import parse_everything_else, parse_line
from newsletter.settings.readers import (
    list_zones,
    parse_choice,
    parse_days,
    parse_hour,
    parse_name,
    parse_pictures,
    parse_zone,
)
from newsletter.settings.topic_lines import ReadTopics, read_topics, write_lines

if TYPE_CHECKING:
    from newsletter.model.topics import Topic
    from newsletter.render.language import Language

MOST_NAME_CHARS = 80
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PRESETS = ("daily", "weekdays")
"""Ways to name the days at once; the third is CHOSEN."""
CHOSEN = "chosen"
EVERYTHING_ELSE = ("0", "5", "10", "20")
"""What is offered; more may be written into the file or by the operator."""

_WEEKDAYS = frozenset(range(5))


class Choice(NamedTuple):
    """One value of a list in a form."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What the form has to choose from. layout and pictures are the newsletter's own; pictures_from is the host that
    mails load them from, "" where none are kept."""

    languages: tuple[Choice, ...]
    layouts: tuple[str, ...]
    layout: str
    pictures: bool
    pictures_from: str
    library: Mapping[str, Topic] = field(repr=False)


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Given:
    """What stands in the fields, as text. picked are the lines of suggested topics; own has one topic a line.

    when is ``daily``, ``weekdays`` or ``chosen``; days counts with the last. pictures is ``on`` or ``off``, or empty:
    as the newsletter has it.
    """

    address: str = ""
    name: str = ""
    picked: tuple[str, ...] = ()
    own: str = ""
    when: str = "weekdays"
    days: tuple[str, ...] = ()
    hour: str = "07:00"
    zone: str = "UTC"
    language: str = ""
    layout: str = ""
    pictures: str = ""
    everything_else: str = "0"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a reader wants, checked."""

    name: str
    topics_json: str
    topics: tuple[Topic, ...]
    cadence: Cadence
    language: str
    layout: str
    pictures: bool | None
    everything_else: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one field (``address``, ``own``, ``days`` …).

    text is the line of a topic with the mistake, line and column its place, counted from 1 (0: none); hint says what
    would be right.
    """

    field: str
    message: str
    hint: str = ""
    text: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """A form that was read: preferences where there are no mistakes. address is None where it is not asked for."""

    given: Given
    read: ReadTopics
    mistakes: tuple[Mistake, ...] = ()
    preferences: Preferences | None = None
    address: EmailAddress | None = None

    def of(self, *fields: str) -> list[Mistake]:
        """Return what is wrong with one of these fields."""
        return [mistake for mistake in self.mistakes if mistake.field in fields]


# --- reading --------------------------------------------------------------------------------------


def read_form(fields: Mapping[str, Sequence[str]]) -> Given:
    """Return what a browser sent: the values of each field by its name. What is missing has its default."""

    def one(name: str, default: str = "") -> str:
        values = fields.get(name)
        return values[0] if values else default

    blank = Given()
    box = fields.get("pictures", ())  # before it stands what counts where it is not ticked
    return Given(
        address=one("address")[: 2 * MOST_CHARS],
        name=one("name")[: 2 * MOST_NAME_CHARS],
        picked=tuple(dict.fromkeys(line for line in fields.get("topic", ()) if line.strip())),
        own="\n".join(one("own").splitlines()),
        when=one("when", blank.when),
        days=tuple(dict.fromkeys(day for day in fields.get("day", ()) if day in DAYS)),
        hour=one("hour", blank.hour)[:20],
        zone=one("zone", blank.zone)[:60],
        language=one("language")[:20],
        layout=one("layout")[:60],
        pictures=box[-1][:20] if box else "",
        everything_else=one("everything_else", blank.everything_else)[:20],
    )


def show_reader(reader: Subscriber, offered: Sequence[str] = ()) -> Given:
    """Return a reader's preferences as they stand in the form. offered are the lines of topics that can be picked."""
    lines = write_lines(reader.topics_json)
    days = reader.cadence.days
    when = "daily" if len(days) == 7 else "weekdays" if days == _WEEKDAYS else CHOSEN
    return Given(
        address=reader.address,
        name=reader.name,
        picked=tuple(line for line in lines if line in offered),
        own="\n".join(line for line in lines if line not in offered),
        when=when,
        days=tuple(DAYS[day] for day in sorted(days)),
        hour=f"{reader.cadence.at:%H:%M}",
        zone=reader.cadence.zone,
        language=reader.language,
        layout=reader.layout,
        pictures="" if reader.pictures is None else "on" if reader.pictures else "off",
        everything_else=str(reader.everything_else),
    )


def read_own_topics(given: Given, library: Mapping[str, Topic]) -> ReadTopics:
    """Return the topics of a form, the picked ones first; lines count in the reader's own."""
    lines = [*given.picked, *given.own.split("\n")]
    return read_topics(lines, library, first_line=1 - len(given.picked))


def list_own_mistakes(read: ReadTopics) -> tuple[Mistake, ...]:
    """Return what is wrong with the topics of a form."""
    return tuple(
        Mistake("own", wrong.message, wrong.hint, wrong.text, wrong.line, wrong.column)
        for wrong in read.mistakes
    )


class _Reading:
    """Reads one field after the other, and notes what is wrong with each."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def read(self, field: str, text: str, parse: Callable[[str], _T], message: str) -> _T | None:
        """Return the value of a field; None where it is wrong, which message tells."""
        try:
            return parse(text)
        except (ValueError, AddressError) as error:
            hint = str(error).partition("; ")[2]
            hint = hint if hint.startswith("did you mean") else ""
            self.mistakes.append(Mistake(field, message, hint=hint))
            return None


def check_form(given: Given, offer: Offer, lang: Language, *, with_address: bool) -> Checked:
    """Return what a form says, or all that is wrong with it, in the order of the fields."""
    form = _Reading()
    address = None
    if with_address:
        message = lang.say("This is not an e-mail address.")
        address = form.read("address", given.address, _read_address, message)
    message = lang.say("Please enter a name of at most 80 characters, on one line.")
    name = form.read("name", given.name, _read_name, message)
    read = read_own_topics(given, offer.library)
    form.mistakes += list_own_mistakes(read)
    message = lang.say("Please enter a number from 0 to 50.")
    rest = form.read("everything_else", given.everything_else, parse_everything_else, message)
    if not read.mistakes and read.topics_json == "[]" and rest == 0:
        message = lang.say(
            "Choose at least one topic, or ask for papers outside your topics; else there is nothing to send."
        )
        form.mistakes.append(Mistake("own", message))
    cadence = _read_cadence(form, given, lang)
    known = partial(parse_choice, known=[choice.value for choice in offer.languages])
    language = form.read("language", given.language, known, lang.say("This language is not known."))
    known = partial(parse_choice, known=offer.layouts)
    layout = form.read("layout", given.layout, known, lang.say("This layout is not known."))
    message = lang.say("Please choose whether you want pictures.")
    pictures = form.read("pictures", given.pictures, parse_pictures, message)
    if name is None or rest is None or cadence is None or language is None or layout is None or form.mistakes:
        return Checked(given, read, tuple(form.mistakes), address=address)
    preferences = Preferences(
        name=name,
        topics_json=read.topics_json,
        topics=read.topics,
        cadence=cadence,
        language=language,
        layout="" if layout == offer.layout else layout,  # who did not choose follows the newsletter
        pictures=pictures,
        everything_else=rest,
    )
    return Checked(given, read, (), preferences, address)


def _read_cadence(form: _Reading, given: Given, lang: Language) -> Cadence | None:
    days = form.read(
        "days", given.when, lambda when: _read_days(when, given), lang.say("Please choose a day.")
    )
    message = lang.say("Please enter a time of day, such as 07:30.")
    hour = form.read("hour", given.hour, parse_hour, message)
    zone = form.read("zone", given.zone, parse_zone, lang.say("This time zone is not known."))
    return None if days is None or hour is None or zone is None else Cadence(days, hour, zone)


def _read_address(text: str) -> EmailAddress:
    # parse_line refuses what could end a header's line.
    return parse_address(parse_line(text))


def _read_name(text: str) -> str:
    name = parse_name(text)
    if len(name) > MOST_NAME_CHARS:
        raise ValueError("too long")
    return clean(name, MOST_NAME_CHARS)


def _read_days(when: str, given: Given) -> frozenset[int]:
    if when in PRESETS:
        return parse_days(when)
    if when != CHOSEN:
        raise ValueError("unknown")
    return parse_days(list(given.days))


# --- what a form has to choose from ---------------------------------------------------------------


def list_choices_of_languages(codes: Sequence[str]) -> tuple[Choice, ...]:
    """Return the languages by their own names."""
    return tuple(Choice(code, _name_language(code)) for code in codes)


def _name_language(code: str) -> str:
    try:
        return str(Locale.parse(code.replace("-", "_")).display_name or code)
    except (UnknownLocaleError, ValueError):
        return code


def group_zones(chosen: str = "") -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    """Return the time zones of today's maps by region, each by its city; with the chosen one, whatever it is."""
    groups: dict[str, list[Choice]] = {}
    for zone in list_zones():
        region, _, city = zone.partition("/")
        groups.setdefault(region, []).append(Choice(zone, city.replace("_", " ")))
    if chosen and chosen != "UTC" and chosen not in list_zones():
        groups["…"] = [Choice(chosen, chosen)]
    return tuple((region, tuple(zones)) for region, zones in groups.items())


def lay_preferences_over(reader: Subscriber, wanted: Preferences, *, pictures: bool) -> Subscriber:
    """Return the reader with these preferences, which are the reader's own from now on. pictures is whether the
    newsletter shows them: who never wanted it otherwise goes on following it."""
    chosen = reader.pictures if wanted.pictures is None else wanted.pictures
    return replace(
        reader,
        name=wanted.name,
        cadence=wanted.cadence,
        topics_json=wanted.topics_json,
        everything_else=wanted.everything_else,
        language=wanted.language,
        layout=wanted.layout,
        pictures=None if reader.pictures is None and chosen == pictures else chosen,
        file_owned=False,
    )
