"""subscribers.yaml → readers, and the decision what it changes in the store.

Pure: text and known readers in, values out. The file owns a reader's preferences until the reader
changes them; who left stays left whatever the file says; a row that disappears pauses its reader.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from newsletter.address import address_key
from newsletter.compose.subscription import drop_from_file, follow_file, with_preferences, word_refusal
from newsletter.errors import ConfigError, Problem
from newsletter.model.readers import AddressKey, Cadence, Consent, EmailAddress, Refused, Subscriber
from newsletter.settings.checked_yaml import (
    Address,
    CheckTopics,
    ConfigSection,
    EverythingElse,
    Line,
    Switch,
    find_topic_problems,
    in_file_order,
    parse_line,
    validate,
)
from newsletter.settings.readers import (
    UNSERVED,
    WEEKDAYS,
    CheckedReader,
    new_subscriber,
    parse_choice,
    parse_days,
    parse_hour,
    parse_language,
    parse_zone,
)
from newsletter.settings.yaml_text import Document, load_yaml
from newsletter.stored_json import to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_FEW = 5  # below this many readers in the file, losing more than a fifth of them is everyday


@dataclass(frozen=True, slots=True)
class FileSubscriber(CheckedReader):
    """One row of the file with the defaults filled in. line counts from 1."""

    line: int


@dataclass(frozen=True, slots=True)
class FileImport:
    """What the file changes: the new and changed readers to save, and what the operator should know. dropped are those
    whose rows are gone; listed is how many rows there are."""

    save: tuple[Subscriber, ...]
    notes: tuple[str, ...]
    dropped: tuple[Subscriber, ...] = ()
    listed: int = 0


# --- reading ------------------------------------------------------------------------------


Days = Annotated[frozenset[int], BeforeValidator(parse_days)]
Hour = Annotated[time, BeforeValidator(parse_hour)]
Zone = Annotated[str, BeforeValidator(parse_zone)]
LanguageName = Annotated[str, BeforeValidator(parse_line), AfterValidator(parse_language)]


class _Defaults(ConfigSection):
    """What counts for every reader whose row does not say otherwise."""

    days: Days = WEEKDAYS
    hour: Hour = time(7)
    zone: Zone = "UTC"
    everything_else: EverythingElse | None = None
    language: LanguageName = ""
    layout: Line = ""
    pictures: Switch | None = None


class _Row(ConfigSection):
    """One reader."""

    address: Address = Field(description="where the digest goes, such as ada@example.org")
    name: Line = ""
    days: Days | None = None
    hour: Hour | None = None
    zone: Zone | None = None
    everything_else: EverythingElse | None = None
    language: LanguageName | None = None
    layout: Line | None = None
    pictures: Switch | None = None
    topics: tuple[Any, ...] = ()


class _File(ConfigSection):
    defaults: _Defaults = _Defaults()
    subscribers: tuple[_Row, ...] = Field(description="the list of readers; [] for none")


def parse_subscribers(
    text: str,
    file: str,
    *,
    everything_else: int,
    layouts: Collection[str] | None = None,
    check_topics: CheckTopics | None = None,
    may_be_empty: bool = False,
) -> tuple[FileSubscriber, ...]:
    """Return the rows of subscribers.yaml in the file's order.

    may_be_empty: nothing below ``subscribers:`` means nobody; else only ``[]`` does, as an editor may be half done.
    everything_else counts where neither the row nor the file's defaults say it. layouts are those that there are; None
    takes any. check_topics is by default the topic parser's own check, without named topics.
    Raises ConfigError with all the problems in file order.
    """
    document = load_yaml(text, file)
    if may_be_empty and document.value.get("subscribers", "") is None:
        document = replace(document, value={**document.value, "subscribers": []})
    parsed, problems = validate(document, _File, {})
    problems += _find_problems_in_rows(document, layouts, check_topics)
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
    text: str,
    file: str,
    *,
    everything_else: int,
    layouts: Collection[str] | None = None,
    check_topics: CheckTopics | None = None,
) -> tuple[Sequence[FileSubscriber], Sequence[Problem]]:
    """Return the good rows of a file like subscribers.yaml, and what is wrong with the others, in the file's order.

    Raises ConfigError where something else than a row is wrong: nothing can be made of such a file.
    """
    document = load_yaml(text, file)
    _, problems = validate(document, _File, {})
    listed = document.value.get("subscribers")
    rows = listed if isinstance(listed, list) else []
    problems += _find_problems_in_rows(document, layouts, check_topics)
    elsewhere = [problem for problem in problems if row_of(problem) is None]
    if elsewhere:
        raise ConfigError(in_file_order(elsewhere))
    bad = {row_of(problem) for problem in problems}
    kept = [index for index in range(len(rows)) if index not in bad]
    whole = replace(document, value={**document.value, "subscribers": [rows[index] for index in kept]})
    parsed, _ = validate(whole, _File, {})
    assert parsed is not None  # what was wrong has been taken out
    good = {
        index: _to_subscriber(row, document, index, parsed.defaults, everything_else)
        for index, row in zip(kept, parsed.subscribers, strict=True)
    }
    later = [*_find_equal_addresses(document, good.items()), *_find_unserved(document, good.items())]
    refused = {row_of(problem) for problem in later}
    return [row for index, row in good.items() if index not in refused], in_file_order([*problems, *later])


def row_of(problem: Problem) -> int | None:
    """Return which row a problem is in, from 0; None for one that is in none."""
    match problem.steps:
        case ("subscribers", int(index), *_):
            return index
    return None


def _default_check() -> CheckTopics:
    from newsletter.match.topics import parse_topics

    return parse_topics


def _find_problems_in_rows(
    document: Document, layouts: Collection[str] | None, check_topics: CheckTopics | None
) -> Iterator[Problem]:
    """Yield what the types of the fields do not find: in topics, and in the names of layouts."""
    listed = document.value.get("subscribers")
    rows = range(len(listed) if isinstance(listed, list) else 0)
    for index in rows:
        row = document.get(("subscribers", index))
        if isinstance(row, dict) and "topics" in row:
            steps = ("subscribers", index, "topics")
            yield from find_topic_problems(document, steps, check_topics or _default_check())
    if layouts is not None:
        yield from _find_unknown_layouts(document, rows, layouts)


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
        pictures=defaults.pictures if row.pictures is None else row.pictures,
        line=document.places["subscribers", index].line,
    )


def _find_equal_addresses(
    document: Document, rows: Iterable[tuple[int, FileSubscriber]]
) -> Iterator[Problem]:
    first: dict[AddressKey, FileSubscriber] = {}
    for index, row in rows:
        earlier = first.setdefault(address_key(row.address), row)
        if earlier is not row:
            message = f"{row.address} already has a row in line {earlier.line}; merge the two"
            yield document.problem(("subscribers", index, "address"), message)


def _find_unserved(document: Document, rows: Iterable[tuple[int, FileSubscriber]]) -> Iterator[Problem]:
    for index, row in rows:
        if row.topics_json == "[]" and not row.everything_else:
            yield document.problem(("subscribers", index), UNSERVED)


def _find_unknown_layouts(
    document: Document, rows: Iterable[int], layouts: Collection[str]
) -> Iterator[Problem]:
    texts = dict(document.texts_below(()))
    for steps in (("defaults", "layout"), *(("subscribers", index, "layout") for index in rows)):
        try:
            parse_choice(texts.get(steps, "").strip(), sorted(layouts))
        except ValueError as error:
            yield document.problem(steps, str(error))


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
                notes.append(f"{reader.address}: paused, because their row is no longer in the file")
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
    return FileImport(tuple(save), tuple(told + notes), tuple(dropped), len(rows))


def list_changes(before: Subscriber, after: Subscriber) -> list[str]:
    """Return what differs between what a reader had and has, each by the key of the file that says it."""
    values = {
        "address": (before.address, after.address),
        "name": (before.name, after.name),
        "days": (before.cadence.days, after.cadence.days),
        "hour": (before.cadence.at, after.cadence.at),
        "zone": (before.cadence.zone, after.cadence.zone),
        "topics": (before.topics_json, after.topics_json),
        "language": (before.language, after.language),
        "layout": (before.layout, after.layout),
        "pictures": (before.pictures, after.pictures),
        "everything_else": (before.everything_else, after.everything_else),
    }
    changed = [key for key, (old, new) in values.items() if old != new]
    is_back = before.consent is not Consent.CONFIRMED and after.consent is Consent.CONFIRMED
    return [*changed, "mailed again"] if is_back else changed


def _find_gone(known: Sequence[Subscriber], rows: Sequence[FileSubscriber]) -> list[Subscriber]:
    """Return the readers whom the file owned until now and no longer names, by address. Those who are mailed tell
    whether the file is whole."""
    named = {address_key(row.address) for row in rows}
    all_gone = [reader for reader in known if reader.file_owned and address_key(reader.address) not in named]
    owned = [reader for reader in known if reader.file_owned and reader.consent is Consent.CONFIRMED]
    gone = [reader for reader in all_gone if reader.consent is Consent.CONFIRMED]
    if len(owned) >= _FEW and len(gone) * 5 > len(owned):
        message = (
            f"{len(gone)} of {len(owned)} readers are missing, such as {gone[0].address}; nothing was"
            " changed. Is the file complete? If this is intended, run 'newsletter subscribers remove ADDRESS'"
        )
        raise ConfigError([Problem(message, steps=("subscribers",))])
    return sorted(all_gone, key=lambda reader: reader.address)


_ERASED = (
    "was erased, or replaced by another address; remove the row. They can subscribe themselves, or use"
    " 'newsletter subscribers add'"
)


_OWN = "the row is ignored, because the preferences were changed elsewhere"


def _lay_over(reader: Subscriber | None, row: FileSubscriber) -> Subscriber:
    """Return the reader, or somebody new, with the preferences of a row."""
    wanted = replace(new_subscriber(row), file_owned=True)
    return replace(with_preferences(reader, wanted), address=row.address) if reader else wanted
