"""subscribers.yaml → readers, and the decision what it changes in the store.

Pure: text and known readers in, values out. The file owns a reader's preferences until the reader
changes them; who left stays left whatever the file says; a row that disappears pauses its reader.
"""

from __future__ import annotations

import calendar
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field

from newsletter.address import address_key, parse_address
from newsletter.checked_yaml import (
    Address,
    CheckTopics,
    EverythingElse,
    LanguageCode,
    Line,
    Section,
    did_you_mean,
    find_topic_problems,
    in_file_order,
    parse_everything_else,
    parse_line,
    to_json,
    validate,
)
from newsletter.compose.subscription import drop_from_file, follow_file, word_refusal
from newsletter.errors import ConfigError, Problem
from newsletter.model import AddressKey, Cadence, Consent, EmailAddress, Refused, Subscriber
from newsletter.topic_lines import form_of, split_topics
from newsletter.yaml_text import Document, load_yaml

_DAYS = {name[:3].lower(): number for number, name in enumerate(calendar.day_name)}
_DAY_GROUPS = {
    "daily": frozenset(range(7)),
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
}
_FEW = 5  # below this many readers in the file, losing more than a fifth of them is everyday


@dataclass(frozen=True, slots=True)
class FileSubscriber:
    """One row of the file with the defaults filled in. line counts from 1."""

    address: EmailAddress
    name: str
    cadence: Cadence
    topics_json: str
    everything_else: int
    language: str
    layout: str
    line: int


@dataclass(frozen=True, slots=True)
class FileImport:
    """What the file changes: the new and changed readers to save, and what the operator should know. dropped are those
    whose rows are gone."""

    save: tuple[Subscriber, ...]
    notes: tuple[str, ...]
    dropped: tuple[Subscriber, ...] = ()


# --- reading ------------------------------------------------------------------------------


def parse_days(value: object) -> frozenset[int]:
    """Return the days (0 is Monday) of ``daily``, ``weekdays``, ``weekends``, one day or a list of them."""
    names = value if isinstance(value, list) else parse_line(value).split(",")
    if not names:
        raise ValueError(f"names no day; {_day_advice('')}")
    days = frozenset[int]()
    for name in map(parse_line, names):
        days |= _DAY_GROUPS.get(name.lower()) or _one_day(name)
    return days


def _one_day(name: str) -> frozenset[int]:
    short = name.lower()
    if short not in _DAYS:
        raise ValueError(f"{name!r} is no day; {_day_advice(short)}")
    return frozenset({_DAYS[short]})


def _day_advice(name: str) -> str:
    # A day written out: "wednesday" is not near enough to "wed" for difflib.
    return f"did you mean '{name[:3]}'?" if name[:3] in _DAYS else did_you_mean(name, [*_DAYS, *_DAY_GROUPS])


def parse_hour(value: object) -> time:
    """Return the local time of ``07:30``."""
    text = parse_line(value)
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    if not found:
        raise ValueError(f"{text!r} is not a time of day; write it as 07:30, from 00:00 to 23:59")
    return time(int(found[1]), int(found[2]))


def parse_zone(value: object) -> str:
    """Return the name of an IANA time zone, as that database writes it."""
    text = parse_line(value)
    if text not in _zones():
        raise ValueError(f"{text!r} is not a time zone; {_zone_advice(text)}")
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


def _zone_advice(text: str) -> str:
    """Return the zone of that city, or the nearest name."""
    city = text.rpartition("/")[2].replace(" ", "_").casefold()
    cities = sorted(zone for zone in _zones() if zone.rpartition("/")[2].casefold() == city)
    if cities:
        return f"did you mean '{cities[0]}'?"
    advice = did_you_mean(text.replace(" ", "_"), sorted(_zones()))
    return advice if advice.startswith("did") else "write a name of the IANA list, as Europe/Berlin"


def parse_cadence(days: str, hour: str, zone: str) -> Cadence:
    """Return the cadence of texts as they stand in the file; days may be ``mon,wed``. Raises ConfigError."""
    problems = []
    parsed: list[Any] = []
    given = (("days", days, parse_days), ("hour", hour, parse_hour), ("zone", zone, parse_zone))
    for name, text, parse in given:
        try:
            parsed.append(parse(text))
        except ValueError as error:
            problems.append(Problem(str(error), path=name))
    if problems:
        raise ConfigError(problems)
    return Cadence(*parsed)


Days = Annotated[frozenset[int], BeforeValidator(parse_days)]
Hour = Annotated[time, BeforeValidator(parse_hour)]
Zone = Annotated[str, BeforeValidator(parse_zone)]


class _Defaults(Section):
    """What counts for every reader whose row does not say otherwise."""

    days: Days = _DAY_GROUPS["weekdays"]
    hour: Hour = time(7)
    zone: Zone = "UTC"
    everything_else: EverythingElse | None = None
    language: LanguageCode = ""
    layout: Line = ""


class _Row(Section):
    """One reader."""

    address: Address = Field(description="where the digest goes, such as ada@example.org")
    name: Line = ""
    days: Days | None = None
    hour: Hour | None = None
    zone: Zone | None = None
    everything_else: EverythingElse | None = None
    language: LanguageCode | None = None
    layout: Line | None = None
    topics: tuple[Any, ...] = ()


class _File(Section):
    defaults: _Defaults = _Defaults()
    subscribers: tuple[_Row, ...] = Field(description="the list of readers; [] for none")


def parse_subscribers(
    text: str,
    file: str,
    *,
    everything_else: int,
    check_topics: CheckTopics | None = None,
    may_be_empty: bool = False,
) -> tuple[FileSubscriber, ...]:
    """Return the rows of subscribers.yaml in the file's order.

    may_be_empty: nothing below ``subscribers:`` means nobody; else only ``[]`` does, as an editor may be half done.
    everything_else counts where neither the row nor the file's defaults say it. check_topics is by
    default the topic parser's own check, without named topics.
    Raises ConfigError with all the problems in file order.
    """
    document = load_yaml(text, file)
    if may_be_empty and document.value.get("subscribers", "") is None:
        document = replace(document, value={**document.value, "subscribers": []})
    parsed, problems = validate(document, _File, {})
    rows = document.value.get("subscribers")
    for index in range(len(rows) if isinstance(rows, list) else 0):
        problems += _find_row_problems(document, index, check_topics or _default_check())
    if parsed is not None:
        subscribers = [
            _to_subscriber(row, document, index, parsed.defaults, everything_else)
            for index, row in enumerate(parsed.subscribers)
        ]
        problems += _find_equal_addresses(document, enumerate(subscribers))
        problems += _find_unserved(document, enumerate(subscribers))
    if parsed is None or problems:
        raise ConfigError(in_file_order(problems))
    return tuple(subscribers)


def sift_subscribers(
    text: str, file: str, *, everything_else: int, check_topics: CheckTopics | None = None
) -> tuple[Sequence[FileSubscriber], Sequence[Problem]]:
    """Return the good rows of a file like subscribers.yaml, and what is wrong with the others, in the file's order.

    Raises ConfigError where something else than a row is wrong: nothing can be made of such a file.
    """
    document = load_yaml(text, file)
    _, problems = validate(document, _File, {})
    listed = document.value.get("subscribers")
    rows = listed if isinstance(listed, list) else []
    for index in range(len(rows)):
        problems += _find_row_problems(document, index, check_topics or _default_check())
    elsewhere = [problem for problem in problems if _find_row(problem) is None]
    if elsewhere:
        raise ConfigError(in_file_order(elsewhere))
    bad = {_find_row(problem) for problem in problems}
    kept = [index for index in range(len(rows)) if index not in bad]
    whole = replace(document, value={**document.value, "subscribers": [rows[index] for index in kept]})
    parsed, _ = validate(whole, _File, {})
    assert parsed is not None  # what was wrong has been taken out
    good = {
        index: _to_subscriber(row, document, index, parsed.defaults, everything_else)
        for index, row in zip(kept, parsed.subscribers, strict=True)
    }
    later = [*_find_equal_addresses(document, good.items()), *_find_unserved(document, good.items())]
    refused = {_find_row(problem) for problem in later}
    return [row for index, row in good.items() if index not in refused], in_file_order([*problems, *later])


def _find_row(problem: Problem) -> int | None:
    """Return which row a problem is in; None for one that is in none."""
    found = re.match(r"subscribers\[(\d+)\]", problem.path)
    return int(found[1]) if found else None


def _default_check() -> CheckTopics:
    from newsletter.match.topics import parse_topics

    return parse_topics


def _find_row_problems(document: Document, index: int, check_topics: CheckTopics) -> Iterator[Problem]:
    row = document.get(("subscribers", index))
    if isinstance(row, dict) and "topics" in row:
        yield from find_topic_problems(document, ("subscribers", index, "topics"), check_topics)


def _to_subscriber(
    row: _Row, document: Document, index: int, defaults: _Defaults, everything_else: int
) -> FileSubscriber:
    wanted = (row.everything_else, defaults.everything_else, everything_else)
    return FileSubscriber(
        address=row.address,
        name=row.name,
        cadence=Cadence(row.days or defaults.days, row.hour or defaults.hour, row.zone or defaults.zone),
        topics_json=to_json(row.topics),
        everything_else=next(number for number in wanted if number is not None),
        language=row.language or defaults.language,
        layout=row.layout or defaults.layout,
        line=document.places["subscribers", index].line,
    )


def _find_equal_addresses(
    document: Document, rows: Iterable[tuple[int, FileSubscriber]]
) -> Iterator[Problem]:
    first: dict[AddressKey, FileSubscriber] = {}
    for index, row in rows:
        earlier = first.setdefault(address_key(row.address), row)
        if earlier is not row:
            message = f"{row.address} has a row in line {earlier.line} already; put both into one"
            yield document.problem(("subscribers", index, "address"), message)


def _find_unserved(document: Document, rows: Iterable[tuple[int, FileSubscriber]]) -> Iterator[Problem]:
    for index, row in rows:
        if row.topics_json == "[]" and not row.everything_else:
            message = "this reader would never get anything; add 'topics', or 'everything_else' with a number"
            yield document.problem(("subscribers", index), message)


# --- lists of readers as CSV --------------------------------------------------------------

COLUMNS = ("address", "name", "days", "hour", "zone", "language", "layout", "everything_else", "topics")
"""The columns of a list; only the address must be there. Topics are JSON, or lines with ``|`` between."""
CONSENT_COLUMN = "consent"
"""Stands in an exported list, too: whoever is not confirmed there is not taken from it."""
_FORMULA = ("=", "+", "-", "@", "\t")


def parse_name(text: str, path: str) -> str:
    """Return what a reader may be called, or "" for nothing. Raises ConfigError, which names the path."""
    try:
        return parse_line(text) if text.strip() else ""
    except ValueError as error:
        raise ConfigError([Problem(str(error), path=path)]) from error


def parse_csv_row(row: Mapping[str, str | None], everything_else: int) -> Subscriber:
    """Return the new reader of one row of a list. Raises ConfigError, naming the column, and AddressError."""
    if None in row:
        raise ConfigError([Problem("has more cells than the first row has names")])
    given = {name: (value or "").strip() for name, value in row.items()}
    consent = given.get(CONSENT_COLUMN, "")
    if consent not in ("", Consent.CONFIRMED):
        raise ConfigError([Problem(f"is {consent}, and so not to be mailed", path=CONSENT_COLUMN)])
    cadence = parse_cadence(
        given.get("days") or "weekdays", given.get("hour") or "07:00", given.get("zone") or "UTC"
    )
    topics = given.get("topics", "")
    number = given.get("everything_else", "")
    try:
        listed = json.loads(topics) if topics.startswith("[") else map(form_of, split_topics(topics))
        rest = parse_everything_else(number) if number else everything_else
    except ValueError as error:
        raise ConfigError([Problem(str(error), path="topics or everything_else")]) from error
    name = parse_name(_read_cell(given.get("name", "")), "name")
    topics_json = to_json([one for one in listed if one])
    if topics_json == "[]" and not rest:
        raise ConfigError([Problem("this reader would never get anything; add topics", path="topics")])
    return Subscriber(
        address=parse_address(given.get("address", "")),
        cadence=cadence,
        topics_json=topics_json,
        name=name,
        language=given.get("language", ""),
        layout=given.get("layout", ""),
        everything_else=rest,
        file_owned=False,
    )


def write_csv_row(reader: Subscriber, days: str) -> tuple[str, ...]:
    """Return a reader as a row of a list, in the order of COLUMNS."""
    return (
        reader.address,
        _write_cell(reader.name),
        days,
        f"{reader.cadence.at:%H:%M}",
        reader.cadence.zone,
        reader.language,
        reader.layout,
        str(reader.everything_else),
        reader.topics_json,
    )


def new_reader(row: FileSubscriber) -> Subscriber:
    """Return the new reader of one row of a list in YAML."""
    return Subscriber(
        address=row.address,
        cadence=row.cadence,
        topics_json=row.topics_json,
        name=row.name,
        language=row.language,
        layout=row.layout,
        everything_else=row.everything_else,
        file_owned=False,
    )


def _write_cell(text: str) -> str:
    """Return a name that no spreadsheet takes for a formula: readers write their names themselves."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _read_cell(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


# --- deciding -----------------------------------------------------------------------------


def choose_import(
    known: Sequence[Subscriber],
    rows: Sequence[FileSubscriber],
    *,
    now: datetime,
    counted_run: int,
    erased: Collection[EmailAddress] = frozenset(),
) -> FileImport:
    """Decide what the file changes: the readers of its rows, in their order, and those whose rows are gone.

    New readers begin with counted_run as the upper bound of what they got. Only the preferences of readers whom the
    file owns are changed; a reader whom the file had paused comes back when the row does, and what came
    before counted_run is not sent to them. Nobody new is made of the erased addresses.
    Raises ConfigError where more than a fifth of the file's readers (of five or more) are gone at once.
    """
    by_key = {address_key(reader.address): reader for reader in known}
    save, notes, dropped = [], [], []
    for reader in _find_gone(known, rows):
        moved = drop_from_file(reader)
        if isinstance(moved, Subscriber) and moved != reader:
            dropped.append(moved)
            if moved.consent is not reader.consent:
                notes.append(f"{reader.address}: paused, because the row is no longer in the file")
    told = []
    for row in rows:
        known_reader = by_key.get(address_key(row.address))
        if known_reader is None and row.address in erased:
            told.append(f"{row.address}: {_ERASED}")
            continue
        wanted = follow_file(known_reader, _lay_over(known_reader, row), now, counted_run)
        if isinstance(wanted, Refused):
            told.append(f"{row.address}: {word_refusal(wanted)}")
            continue
        if wanted != known_reader:
            save.append(wanted)
        if not wanted.file_owned:
            told.append(f"{row.address}: {_OWN}")
    return FileImport(tuple(save), tuple(told + notes), tuple(dropped))


def _find_gone(known: Sequence[Subscriber], rows: Sequence[FileSubscriber]) -> list[Subscriber]:
    """Return the readers whom the file owned until now and no longer names, by address. Those who are mailed tell
    whether the file is whole."""
    named = {address_key(row.address) for row in rows}
    all_gone = [reader for reader in known if reader.file_owned and address_key(reader.address) not in named]
    owned = [reader for reader in known if reader.file_owned and reader.consent is Consent.CONFIRMED]
    gone = [reader for reader in all_gone if reader.consent is Consent.CONFIRMED]
    if len(owned) >= _FEW and len(gone) * 5 > len(owned):
        message = (
            f"{len(gone)} of {len(owned)} readers are missing at once, such as {gone[0].address}; nothing was"
            " changed. Is the file whole? If you mean it, 'newsletter subscribers remove ADDRESS' says so"
        )
        raise ConfigError([Problem(message, path="subscribers")])
    return sorted(all_gone, key=lambda reader: reader.address)


_ERASED = "was erased and stays so; take the row out. They may subscribe themselves, or 'newsletter subscribers add'"


_OWN = "the file does not count, because the preferences were changed outside of it"


def _lay_over(reader: Subscriber | None, row: FileSubscriber) -> Subscriber:
    """Return the reader, or somebody new, with the preferences of a row."""
    return replace(
        reader or Subscriber(row.address, row.cadence, row.topics_json),
        address=row.address,
        name=row.name,
        cadence=row.cadence,
        topics_json=row.topics_json,
        everything_else=row.everything_else,
        language=row.language,
        layout=row.layout,
    )
