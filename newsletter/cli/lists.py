"""The commands that move lists of people: import, export, data, erase, suppress, suppressed, lift."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.address import parse_address
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES
from newsletter.cli.readers import load_reader
from newsletter.cli.show import console, count, json_array, print_json, show_doubts
from newsletter.errors import ActError, ConfigError, Problem
from newsletter.files import read_regular
from newsletter.match.doubts import find_doubts
from newsletter.match.topics import parse_topic, parse_topics
from newsletter.model.acts import Act, Wish
from newsletter.model.readers import Consent, SubscriberId, SuppressedAddress
from newsletter.settings.advice import word_days
from newsletter.settings.readers_csv import (
    COLUMNS,
    CONSENT_COLUMN,
    Named,
    ReaderList,
    Refused,
    Skipped,
    Taken,
    Terms,
    read_list,
    read_unwanted,
    write_csv_row,
)
from newsletter.settings.subscribers_file import row_of, sift_subscribers
from newsletter.settings.topic_lines import require_topics
from newsletter.settings.yaml_text import read_text
from newsletter.stored_json import to_json
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.import_list import choose_from_list, choose_suppressing, import_list
from newsletter.workflows.operator_acts import name_command_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from newsletter.model.topics import Topic
    from newsletter.settings.config import Config

_BATCH = 500
_MOST_TOLD = 20_000  # texts of topics that are remembered
_LINES_SHOWN = 5


async def import_file(
    config: Config, file: Path, consent: str, *, topics: Sequence[str] = (), dry_run: bool
) -> int:
    """Take everybody new from a CSV file, or from a YAML file like subscribers.yaml, in one transaction; say of each
    other row why it is not taken. topics are lines that count for rows without any."""
    if not consent.strip():
        raise ConfigError(
            [Problem("say how they gave consent; it is kept in the consent record", steps=("--consent",))]
        )
    async with open_newsletter(config) as newsletter:
        read = _read_yaml if file.suffix in (".yaml", ".yml") else _read_csv
        with console.status(f"reading {file.name} …"):
            listed = read(file, newsletter, topics)
        people = [row for row in listed.rows if isinstance(row, Taken)]
        _tell_doubts(file, people, newsletter.library)
        store, entries, clock = newsletter.subscribers, newsletter.entries, newsletter.clock
        with console.status(f"looking up {len(people)} people in the database …"):
            if dry_run:
                chosen = await choose_from_list(listed.rows, file.name, store, entries, clock.now())
            else:
                why = f"imported from {file.name}: {consent.strip()}"
                chosen = await import_list(listed.rows, file.name, store, entries, clock, why)
    refused = _tell_rows(file, listed, chosen.refused)
    skipped = sum(isinstance(row, Skipped) for row in listed.rows)
    what = "would be added" if dry_run else "added"
    last = f", {skipped} skipped" if skipped else ""
    console.print(f"{len(chosen.new)} {what}, {chosen.known} already known, {refused} refused{last}")
    if chosen.unwanted:
        console.print(
            f"{count(len(chosen.unwanted), 'address', 'addresses')} {'would be ' if dry_run else ''}suppressed:"
            " the list says that they left, bounced or complained"
        )
    return DONE_WITH_FAILURES if refused else DONE


async def suppress(config: Config, what: str, why: str, *, dry_run: bool) -> int:
    """Mail an address, or all addresses of a list, no more; say what that changes."""
    if not why.strip():
        raise ConfigError([Problem("say why they are not to be mailed; it is kept", steps=("--reason",))])
    file = Path(what)
    listed = _read_unwanted(file, what)
    async with open_newsletter(config) as newsletter:
        chosen = await choose_suppressing(listed.rows, newsletter.subscribers)
        if chosen.new and not dry_run:
            desk = await newsletter.operator_desk()
            await desk.suppress_all(chosen.new, why.strip(), name_command_line())
    refused = _tell_rows(file, listed)
    skipped = sum(isinstance(row, Skipped) for row in listed.rows)
    what_is = "would be suppressed" if dry_run else "suppressed"
    last = f", {skipped} skipped" if skipped else ""
    console.print(
        f"{len(chosen.new)} {what_is}, {chosen.already} already suppressed, {refused} refused{last}"
    )
    if chosen.readers:
        shown = ", ".join(chosen.readers[:_LINES_SHOWN]) + (
            " …" if len(chosen.readers) > _LINES_SHOWN else ""
        )
        console.print(f"{count(len(chosen.readers), 'of them is a reader', 'of them are readers')}: {shown}")
    return DONE_WITH_FAILURES if refused else DONE


def _read_unwanted(file: Path, what: str) -> ReaderList:
    """Return whom a file, or an address that is none, says not to mail. Raises ConfigError, AddressError."""
    if "@" in what and not file.exists():
        return ReaderList((Named(0, parse_address(what)),), ())
    return read_unwanted(_read_bytes(file), str(file))


def _tell_rows(file: Path, listed: ReaderList, and_refused: Sequence[tuple[int, str]] = ()) -> int:
    """Say of the rows that are not taken why, by line; return how many of them are refused."""
    for note in listed.notes:
        console.print(f"{file}: {note}", style="yellow")
    refused = [
        (row.line, "\n".join(map(str, row.problems))) for row in listed.rows if isinstance(row, Refused)
    ]
    refused += [(line, f"{file}:{line}: {why}") for line, why in and_refused]
    for _, said in sorted(refused):
        console.print(said, style="red")
    skipped: dict[str, list[int]] = {}
    for row in listed.rows:
        if isinstance(row, Skipped):
            skipped.setdefault(row.why, []).append(row.line)
    for why, lines in skipped.items():
        shown = ", ".join(map(str, lines[:_LINES_SHOWN])) + (" …" if len(lines) > _LINES_SHOWN else "")
        console.print(f"{file}: {len(lines)} skipped, because {why} (line {shown})", style="yellow")
    return len(refused)


def _tell_doubts(file: Path, people: Iterable[Taken], library: Mapping[str, Topic]) -> None:
    """Say what is odd about readers' topics, once for all who have them."""
    told: set[str] = set()
    for person in people:
        topics_json = person.reader.topics_json
        if topics_json in told or len(told) >= _MOST_TOLD:
            continue
        told.add(topics_json)
        for form in json.loads(topics_json):
            for doubt in find_doubts(form, library) if to_json(form) not in told else ():
                name = parse_topic(form, library).name
                console.print(f"{file}:{person.line}: {name}: {doubt}", style="yellow")
            told.add(to_json(form))


def _read_csv(file: Path, newsletter: Newsletter, topics: Sequence[str]) -> ReaderList:
    """Return what a list says of everybody in it. Raises ConfigError where it is wrong as a whole."""
    given = require_topics(topics, newsletter.library, "--topic")
    show_doubts(given)
    terms = Terms(
        newsletter.bundle.layouts,
        newsletter.library,
        newsletter.config.everything_else,
        given.topics_json,
    )
    return read_list(_read_bytes(file), str(file), terms)


def _read_bytes(file: Path) -> bytes:
    try:
        return read_regular(file)
    except OSError as error:
        raise ConfigError([Problem(f"cannot be read: {error.strerror}", file=str(file))]) from error


def _read_yaml(file: Path, newsletter: Newsletter, topics: Sequence[str]) -> ReaderList:
    """As _read_csv."""
    if topics:
        raise ConfigError(
            [Problem("works only with CSV; write the topics into the file", steps=("--topic",))]
        )
    good, problems = sift_subscribers(
        read_text(file),
        str(file),
        everything_else=newsletter.config.everything_else,
        layouts=newsletter.bundle.layouts,
        check_topics=lambda topics_json: parse_topics(topics_json, newsletter.library) and None,
    )
    by_row: dict[int | None, list[Problem]] = {}
    for problem in problems:
        by_row.setdefault(row_of(problem), []).append(problem)
    refused = [Refused(found[0].line, tuple(found)) for found in by_row.values()]
    return ReaderList((*(Taken(row.line, row) for row in good), *refused), ())


async def export(config: Config) -> int:
    """Write everybody, in a form that import takes."""
    writer = csv.writer(sys.stdout)
    writer.writerow((*COLUMNS, CONSENT_COLUMN))
    async with open_newsletter(config) as newsletter:
        last = SubscriberId(0)
        while readers := await newsletter.subscribers.load_after(last, _BATCH):
            last = readers[-1].id
            for reader in readers:
                writer.writerow(write_csv_row(reader, word_days(reader.cadence.days)))
    return DONE


async def show_data(config: Config, address: str) -> int:
    """Write all that is stored about a person as JSON. Raises ConfigError where there is none."""
    async with open_newsletter(config) as newsletter:
        reader = await load_reader(newsletter, address)
        print_json(await newsletter.load_everything(reader.id), indent=2)
    return DONE


async def erase(config: Config, address: str) -> int:
    """Erase a person. Raises ConfigError where there is none, or a mail to them is on its way."""
    async with open_newsletter(config) as newsletter:
        reader = await load_reader(newsletter, address)
        if not await newsletter.subscribers.erase(reader.id):
            raise ConfigError([Problem(f"a mail to {reader.address} is on its way; try again in a minute")])
    console.print(
        f"{reader.address} is erased; edition counts stay, and so does a suppression if there was one"
    )
    return DONE


async def export_suppressed(config: Config, *, as_json: bool = False) -> int:
    """Write the suppressed addresses, with the reason, since when, and the report that did it."""
    async with open_newsletter(config) as newsletter:
        found = await newsletter.subscribers.load_all_suppressed()
    rows = [{**row._asdict(), "since": row.since.isoformat()} for row in found]
    if as_json:
        with json_array() as add_value:
            for row in rows:
                add_value(row)
        return DONE
    writer = csv.DictWriter(sys.stdout, SuppressedAddress._fields)
    writer.writeheader()
    writer.writerows(rows)
    return DONE


async def lift(config: Config, address: str, reason: str) -> int:
    """Mail an address again."""
    if not reason.strip():
        raise ConfigError([Problem("say why the address may be mailed again", steps=("--reason",))])
    checked = parse_address(address)
    async with open_newsletter(config) as newsletter:
        desk = await newsletter.operator_desk()
        try:
            await desk.act_on(Wish(Act.LIFT, name_command_line(), checked, reason))
            lifted = True
        except ActError:
            lifted = False
        reader = await newsletter.subscribers.load(checked)
    if not lifted:
        console.print(f"{checked} is not suppressed")
    elif reader is not None and reader.consent is not Consent.CONFIRMED:
        console.print(f"{checked} is no longer suppressed, but {reader.consent}: no digest is sent")
    else:
        console.print(f"{checked} is no longer suppressed")
    return DONE if lifted else DONE_WITH_FAILURES
