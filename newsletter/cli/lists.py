"""The commands that move lists of people: import, export, data, erase, suppressed, lift."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path

from newsletter.address import parse_address
from newsletter.checked_yaml import to_json
from newsletter.cli import DONE, DONE_WITH_FAILURES
from newsletter.cli.people import load_reader, show_days
from newsletter.cli.show import console, print_json
from newsletter.config import Config
from newsletter.errors import ConfigError, NewsletterError, Problem, QueryError
from newsletter.match.doubts import find_doubts
from newsletter.match.topics import parse_topic, parse_topics
from newsletter.model import EmailAddress, Subscriber, SubscriberId, Topic
from newsletter.regular_files import open_regular
from newsletter.subscribers_file import (
    COLUMNS,
    CONSENT_COLUMN,
    new_reader,
    parse_csv_row,
    sift_subscribers,
    write_csv_row,
)
from newsletter.topic_lines import word_mistake
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.import_subscribers import begin_reading
from newsletter.yaml_text import read_text

_BATCH = 500
_MOST_TOLD = 20_000  # texts of topics that are remembered


async def import_file(config: Config, file: Path, consent: str, *, dry_run: bool) -> int:
    """Take the good rows of a CSV file, or of a YAML file like subscribers.yaml; say of each other one what is wrong
    with it."""
    if not consent.strip():
        raise ConfigError(
            [Problem("say how they agreed; it is kept as the record of consent", path="--consent")]
        )
    counts: Counter[str] = Counter()
    told: set[str] = set()
    read = _read_yaml if file.suffix in (".yaml", ".yml") else _read_csv
    async with open_newsletter(config) as newsletter:
        try:
            batch: dict[EmailAddress, tuple[int, Subscriber]] = {}
            for line, reader in read(file, config, newsletter.library):
                if isinstance(reader, str):
                    counts["refused"] += 1
                    console.print(reader, style="red")
                elif reader.address in batch:
                    counts["refused"] += 1
                    console.print(f"{file}:{line}: {reader.address} stands in the file twice", style="red")
                else:
                    batch[reader.address] = (line, reader)
                    _tell_doubts(f"{file}:{line}", reader, newsletter.library, told)
                if len(batch) >= _BATCH:
                    await _take(newsletter, file, batch, consent, counts, dry_run=dry_run)
                    batch = {}
            await _take(newsletter, file, batch, consent, counts, dry_run=dry_run)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigError([Problem(f"cannot be read: {why}", file=str(file))]) from error
    what = "would be added" if dry_run else "added"
    console.print(f"{counts['added']} {what}, {counts['known']} known already, {counts['refused']} refused")
    return DONE_WITH_FAILURES if counts["refused"] else DONE


def _tell_doubts(place: str, reader: Subscriber, library: Mapping[str, Topic], told: set[str]) -> None:
    """Say what is odd about a reader's topics, once for all who have them."""
    if reader.topics_json in told or len(told) >= _MOST_TOLD:
        return
    told.add(reader.topics_json)
    for form in json.loads(reader.topics_json):
        for doubt in find_doubts(form, library) if to_json(form) not in told else ():
            console.print(f"{place}: {parse_topic(form, library).name}: {doubt}", style="yellow")
        told.add(to_json(form))


def _read_csv(
    file: Path, config: Config, library: Mapping[str, Topic]
) -> Iterator[tuple[int, Subscriber | str]]:
    """Yield the line and the reader of each row, or what is wrong with it."""
    with TextIOWrapper(open_regular(file), encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text)
        _check_columns(file, rows.fieldnames)
        for row in rows:
            try:
                reader = parse_csv_row(row, config.everything_else)
                parse_topics(reader.topics_json, library)
                yield rows.line_num, reader
            except QueryError as error:
                yield rows.line_num, f"{file}:{rows.line_num}: topics: {word_mistake(error)}"
            except NewsletterError as error:
                yield rows.line_num, f"{file}:{rows.line_num}: {error}"


def _read_yaml(
    file: Path, config: Config, library: Mapping[str, Topic]
) -> Iterator[tuple[int, Subscriber | str]]:
    """As _read_csv; of a row with several mistakes the first is told."""
    good, problems = sift_subscribers(
        read_text(file),
        str(file),
        everything_else=config.everything_else,
        check_topics=lambda topics_json: parse_topics(topics_json, library) and None,
    )
    told = set()
    for problem in problems:
        row = problem.path.partition("]")[0]
        if row not in told:
            yield problem.line, str(problem)
        told.add(row)
    for found in good:
        yield found.line, new_reader(found)


def _check_columns(file: Path, names: object) -> None:
    given = list(names) if isinstance(names, list) else []
    unknown = [str(name) for name in given if name not in (*COLUMNS, CONSENT_COLUMN)]
    if "address" not in given or unknown:
        wrong = f"unknown columns: {', '.join(unknown)}" if unknown else "has no column 'address'"
        message = f"{wrong}; the first row names the columns, which are {', '.join(COLUMNS)}"
        raise ConfigError([Problem(message, file=str(file), line=1)])


async def _take(
    newsletter: Newsletter,
    file: Path,
    batch: dict[EmailAddress, tuple[int, Subscriber]],
    consent: str,
    counts: Counter[str],
    *,
    dry_run: bool,
) -> None:
    """Save those of a batch who are neither known nor suppressed."""
    known = await newsletter.subscribers.load_known(list(batch))
    suppressed = await newsletter.subscribers.load_suppressed(list(batch))
    erased = await newsletter.subscribers.load_erased(list(batch))
    now = newsletter.clock.now()
    new = []
    for address, (line, reader) in batch.items():
        if address in suppressed:
            counts["refused"] += 1
            console.print(
                f"{file}:{line}: {address} is suppressed: {suppressed[address].reason}", style="red"
            )
        elif address in known:
            counts["known"] += 1
        elif address in erased:
            counts["refused"] += 1
            console.print(f"{file}:{line}: {address} was erased; they may subscribe themselves", style="red")
        else:
            counts["added"] += 1
            new.append(await begin_reading(reader, newsletter.entries, now))
    if new and not dry_run:
        await newsletter.subscribers.save(new, now, f"imported from {file.name}: {consent.strip()}")


async def export(config: Config) -> int:
    """Write everybody, in a form that import takes."""
    writer = csv.writer(sys.stdout)
    writer.writerow((*COLUMNS, CONSENT_COLUMN))
    async with open_newsletter(config) as newsletter:
        last = SubscriberId(0)
        while readers := await newsletter.subscribers.load_after(last, _BATCH):
            last = readers[-1].id
            for reader in readers:
                writer.writerow((*write_csv_row(reader, show_days(reader.cadence.days)), reader.consent))
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
        if not await newsletter.subscribers.erase(reader.id, newsletter.clock.now()):
            raise ConfigError([Problem(f"a mail to {reader.address} is on its way; try again in a minute")])
    console.print(
        f"{reader.address} is erased; the counts of editions stay, and a suppression, if there was one"
    )
    return DONE


async def export_suppressed(config: Config) -> int:
    """Write the suppressed addresses, with the reason and since when."""
    writer = csv.writer(sys.stdout)
    writer.writerow(("address", "reason", "since"))
    async with open_newsletter(config) as newsletter:
        for address, reason, since in await newsletter.subscribers.load_all_suppressed():
            writer.writerow((address, reason, since.isoformat()))
    return DONE


async def lift(config: Config, address: str, reason: str) -> int:
    """Mail an address again."""
    if not reason.strip():
        raise ConfigError([Problem("say why it may be mailed again", path="--reason")])
    checked = parse_address(address)
    async with open_newsletter(config) as newsletter:
        lifted = await newsletter.subscribers.lift_suppression(checked, reason, newsletter.clock.now())
    console.print(f"{checked} is mailed again" if lifted else f"{checked} is not suppressed")
    return DONE if lifted else DONE_WITH_FAILURES
