"""What may a reader be called, and what may they choose? One rule for each field, one checked type for all doors. Pure.

subscribers.yaml, lists, commands and forms read the fields of a reader with these functions, and so refuse the same
in the same words; where in the file, the list or the form it stands is theirs to say. Topics have their own
owner (`topic_lines`), and so have addresses (`address`).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

from newsletter.address import parse_address
from newsletter.errors import AddressError, ConfigError, Problem
from newsletter.model.readers import Cadence, EmailAddress, Subscriber
from newsletter.render.catalogs import list_languages
from newsletter.settings.advice import advise_days, advise_hour, advise_zone, did_you_mean
from newsletter.settings.checked_yaml import parse_everything_else, parse_line, parse_switch

WEEKDAYS = frozenset(range(5))
_DAYS = {name[:3].lower(): number for number, name in enumerate(calendar.day_name)}
_DAY_GROUPS = {"daily": frozenset(range(7)), "weekdays": WEEKDAYS, "weekends": frozenset({5, 6})}

DEFAULTS: Mapping[str, str] = {"days": "weekdays", "hour": "07:00", "zone": "UTC"}
"""What counts where nobody says anything."""

UNSERVED = "this reader would never get a digest; add 'topics', or 'everything_else' with a number"


@dataclass(frozen=True, slots=True)
class CheckedReader:
    """What somebody who may be a reader is called and has chosen, every field checked. language and layout are empty,
    and pictures None, where the newsletter's own count."""

    address: EmailAddress
    name: str
    cadence: Cadence
    topics_json: str
    everything_else: int
    language: str
    layout: str
    pictures: bool | None


def new_subscriber(checked: CheckedReader) -> Subscriber:
    """Return somebody new, whose preferences no file decides."""
    return Subscriber(
        address=checked.address,
        cadence=checked.cadence,
        topics_json=checked.topics_json,
        name=checked.name,
        language=checked.language,
        layout=checked.layout,
        pictures=checked.pictures,
        everything_else=checked.everything_else,
        file_owned=False,
    )


def check_reader(
    given: Mapping[str, str],
    topics_json: str,
    *,
    layouts: Collection[str],
    everything_else: int,
    call: Callable[[str], str] = str,
) -> CheckedReader:
    """Return the reader that texts describe, by the names of the fields; a text that is empty or missing has its
    default, for which everything_else is the newsletter's own.

    topics_json has been checked. call returns what a field is called where it was written, such as ``--name``. Raises
    ConfigError with a problem for each field that is wrong.
    """
    problems: list[Problem] = []

    def read(field: str, parse: Callable[[str], Any], default: str = "") -> Any:
        text = given.get(field, "").strip() or default
        try:
            return parse(text)
        except (ValueError, AddressError) as error:
            problems.append(Problem(str(error), steps=(call(field),)))
            return None

    address = read("address", parse_address)
    name = read("name", parse_name)
    days = read("days", parse_days, DEFAULTS["days"])
    hour = read("hour", parse_hour, DEFAULTS["hour"])
    zone = read("zone", parse_zone, DEFAULTS["zone"])
    language = read("language", parse_language)
    layout = read("layout", lambda text: parse_choice(text, sorted(layouts)))
    pictures = read("pictures", parse_pictures)
    rest = read("everything_else", parse_everything_else, str(everything_else))
    if topics_json == "[]" and rest == 0:
        problems.append(Problem(UNSERVED, steps=(call("topics"),)))
    if problems:
        raise ConfigError(problems)
    return CheckedReader(
        address, name, _share_cadence(days, hour, zone), topics_json, rest, language, layout, pictures
    )


# A list has a million readers, and few cadences between them.
_share_cadence = lru_cache(maxsize=4096)(Cadence)


def parse_name(text: str) -> str:
    """Return what a reader is called, "" for nothing: one line. Raises ValueError."""
    return parse_line(text) if text.strip() else ""


def parse_language(text: str) -> str:
    """Return a language of the mails, or "" for the newsletter's own. Raises ValueError."""
    # Which there are is looked up in folders: not for each of a hundred thousand who say nothing.
    return parse_choice(text, list_languages()) if text else ""


def parse_choice(text: str, known: Collection[str]) -> str:
    """Return one of these words, or "" for none: the newsletter's own. Raises ValueError."""
    if text and text not in known:
        raise ValueError(f"{text!r} is unknown; {did_you_mean(text, known)}")
    return text


def parse_pictures(text: str) -> bool | None:
    """Return whether mails show the pictures of papers; None, as the newsletter has it, for "". Raises ValueError."""
    return parse_switch(text) if text else None


def parse_days(value: object) -> frozenset[int]:
    """Return the days (0 is Monday) of ``daily``, ``weekdays``, ``weekends``, one day or a list of them."""
    names = value if isinstance(value, list) else parse_line(value).split(",")
    if not names:
        raise ValueError(f"names no day; {advise_days('')}")
    days = frozenset[int]()
    for name in map(parse_line, names):
        days |= _DAY_GROUPS.get(name.lower()) or _one_day(name)
    return days


def _one_day(name: str) -> frozenset[int]:
    short = name.lower()
    if short not in _DAYS:
        raise ValueError(f"{name!r} is not a day; {advise_days(short)}")
    return frozenset({_DAYS[short]})


def parse_hour(value: object) -> time:
    """Return the local time of ``07:30``."""
    text = parse_line(value)
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    if not found:
        raise ValueError(f"{text!r} is not a time of day; {advise_hour(text)}")
    return time(int(found[1]), int(found[2]))


def parse_zone(value: object) -> str:
    """Return the name of an IANA time zone, as that database writes it."""
    text = parse_line(value)
    if text not in _zones():
        advice = advise_zone(text, list_zones(), _zones(), datetime.now(UTC))
        raise ValueError(f"{text!r} is not a time zone; {advice}")
    return text


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def list_zones() -> tuple[str, ...]:
    """Return the zones of today's maps, one for each place, and UTC: what people choose from. Others are known, too."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    named = {line.split("\t")[2] for line in table.splitlines() if line and not line.startswith("#")}
    return ("UTC", *sorted(named & _zones()))
