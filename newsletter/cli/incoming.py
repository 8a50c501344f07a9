"""The commands about what comes in: sources, and explain for one paper."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from newsletter.address import parse_address
from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES, WRONG_INPUT
from newsletter.cli.readers import each_page, find_reader
from newsletter.cli.show import complain, console, draw_bars, in_iso, json_array, show_table
from newsletter.cli.table import Table
from newsletter.collect.source_health import GOOD_STATES
from newsletter.errors import ConfigError, Problem
from newsletter.model.sources import (
    FetchRecord,
    FetchState,
    HeldBack,
    PermanentRedirect,
    Source,
    SourceHealth,
)
from newsletter.wiring import Newsletter, open_newsletter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from newsletter.compose.disposition import Disposition
    from newsletter.model.entries import Entry, EntryHistory
    from newsletter.model.readers import Subscriber
    from newsletter.settings.config import Config

_DAYS = 14
_LOOKS = 12
_MOST_READERS = 20
_SIGNS: Mapping[FetchState, str] = {
    FetchState.OK: "o",
    FetchState.UNCHANGED: "=",
    FetchState.EMPTY_AS_EXPECTED: "-",
    FetchState.EMPTY_UNEXPECTED: "E",
    FetchState.STALE: "S",
    FetchState.PARTIAL: "P",
    FetchState.FAILED: "F",
}


async def show_webhooks(config: Config) -> int:
    """Print the address of each webhook, a line each and nothing else."""
    if config.web is None or not config.webhooks.providers:
        console.print("none is configured: set 'web' and 'webhooks' (docs/webhooks.md)", style="yellow")
        return WRONG_INPUT
    async with open_newsletter(config) as newsletter:
        secret = await newsletter.settings.load_secret()
        assert newsletter.web_links is not None
        for provider in config.webhooks.providers:
            address = newsletter.web_links.webhook(provider, secret)
            console.print(f"{provider}: {address}")
    return DONE


async def show_sources(config: Config, *, is_wide: bool = False, as_json: bool = False) -> int:
    """Show how each configured source has been: its last polls, what it brought, and when it is asked next."""
    async with open_newsletter(config) as newsletter:
        now = newsletter.clock.now()
        records = await newsletter.runs.load_fetches(now - timedelta(days=_DAYS))
        last_looks = {record.source: record for record in await newsletter.runs.load_last_fetches()}
        health = await newsletter.runs.load_health()
        moves = await newsletter.runs.load_moves()
        held_back = {held.source: held for held in await newsletter.runs.load_held_back()}
        last_pass = await newsletter.runs.load_last_pass_at()
    looks: dict[str, list[FetchRecord]] = defaultdict(list)
    for record in records:
        looks[record.source].append(record)
    due = max(last_pass + config.schedule.collect_every, now) if last_pass else now
    reports = []
    for source in config.source_list:
        last, known = last_looks.get(source.name), health.get(source.name)
        at = max(due, known.not_before) if known and known.not_before else due
        notes = _tell_notes(source.location, last, known, moves)
        held = held_back.get(source.name)
        if held and (last is None or held.since < last.finished_at):  # the look itself has told it
            notes.append(_word_held_back(held))
        reports.append(_Report(source, last, looks[source.name], at, notes))
    if as_json:
        with json_array() as add_value:
            for report in reports:
                add_value(_write_report(report, now))
    else:
        _show_reports(reports, now, is_wide=is_wide)
    return DONE if all(report.is_good for report in reports) else DONE_WITH_FAILURES


class _Report(NamedTuple):
    """How one source has been: its last look, those of the last days, and when the next one is."""

    source: Source
    last: FetchRecord | None
    looks: Sequence[FetchRecord]
    next_at: datetime
    notes: Sequence[str]

    @property
    def is_good(self) -> bool:
        return self.last is not None and self.last.state in GOOD_STATES

    @property
    def listed(self) -> int:
        """How much the last answer listed."""
        last = self.last.listed if self.last else 0
        return next((look.listed for look in reversed(self.looks) if look.listed), last)


def _show_reports(reports: Sequence[_Report], now: datetime, *, is_wide: bool) -> None:
    more = (f"last {_LOOKS} polls", "listed#") if is_wide else ()
    table = Table("source", "state", f"new, {_DAYS} days", "new#", "next poll (UTC)", *more)
    for report in reports:
        days = count_days(report.looks, now)
        state = (
            Text(report.last.state, style="green" if report.is_good else "red")
            if report.last
            else "not polled yet"
        )
        signs = "".join(_SIGNS[look.state] for look in report.looks[-_LOOKS:])
        table.add_row(
            report.source.name,
            state,
            draw_bars(days) if report.last else "",
            str(sum(days)) if report.last else "",
            f"{report.next_at:%Y-%m-%d %H:%M}",
            *((signs, str(report.listed)) if is_wide else ()),
        )
    show_table(table, is_whole=is_wide)
    if is_wide:
        console.print("polls: " + ", ".join(f"{sign} {state}" for state, sign in _SIGNS.items()))
    for report in reports:
        for note in report.notes:
            console.print(f"{report.source.name}: {note}")


def _write_report(report: _Report, now: datetime) -> dict[str, object]:
    """Return how a source has been as JSON says it."""
    last = report.last
    return {
        "source": report.source.name,
        "kind": report.source.kind,
        "location": report.source.location,
        "state": str(last.state) if last else None,
        "polled_at": in_iso(last.finished_at) if last else None,
        "listed": report.listed,
        "new_by_day": count_days(report.looks, now),
        "next_poll_at": in_iso(report.next_at),
        "notes": list(report.notes),
    }


async def release(config: Config, name: str) -> int:
    """Let out what is held back of a source."""
    async with open_newsletter(config) as newsletter:
        held_back = {held.source for held in await newsletter.runs.load_held_back()}
        names = [source.name for source in config.source_list]
        if name not in {*names, *held_back}:
            near = next((known for known in names if known.casefold() == name.casefold()), "") or next(
                iter(get_close_matches(name, names, n=1)), ""
            )
            advice = f"did you mean {near!r}?" if near else f"there are: {', '.join(names)}"
            complain(f"no source is called {name!r}; {advice}")
            return WRONG_INPUT
        count = await newsletter.runs.release(name, newsletter.clock.now())
    if not count:
        console.print(f"nothing of {name} is held back")
        return DONE
    console.print(f"released: {count} entries of {name} count as new; the next digests bring them")
    return DONE


def _word_held_back(held: HeldBack) -> str:
    return (
        f"{held.count} old entries that came at once ({held.since:%Y-%m-%d %H:%M} UTC) are held back"
        f" as its archive; to mail them: newsletter sources release {shlex.quote(held.source)}"
    )


def count_days(looks: Sequence[FetchRecord], now: datetime) -> list[int]:
    """Return how many new entries the looks brought on each of the last 14 days (UTC), today last."""
    today = now.astimezone(UTC).date()
    days = [0] * _DAYS
    for look in looks:
        age = (today - look.finished_at.astimezone(UTC).date()).days
        if 0 <= age < _DAYS:
            days[_DAYS - 1 - age] += look.new
    return days


def _tell_notes(
    location: str,
    last: FetchRecord | None,
    health: SourceHealth | None,
    moves: Mapping[str, PermanentRedirect],
) -> list[str]:
    notes = []
    if last and last.message:
        notes.append(last.message)
    if health and health.why and health.why not in notes:
        notes.append(health.why)
    if move := moves.get(location):
        notes.append(
            f"redirected to {move.target} since {move.since:%Y-%m-%d}; update its location in config.yaml"
        )
    return notes


async def explain(config: Config, paper: str, reader: str) -> int:
    """Say where a paper was seen, when, and what became of it for each reader, or for one."""
    from newsletter.workflows.explain import explain_entry, find_entries

    async with open_newsletter(config) as newsletter:
        found = await find_entries(paper, newsletter.entries)
        if len(found) != 1:
            return _tell_found(paper, found)
        (entry,) = found
        history = await newsletter.entries.load_history(entry.id)
        digests, now = await newsletter.new_digest_builder(), newsletter.clock.now()
        fates: dict[str, _Fate] = {}
        pages = _one_page(await _find_reader(newsletter, reader)) if reader else each_page(newsletter)
        async for page in pages:
            for disposition in await explain_entry(
                entry, page, digests, newsletter.subscribers, newsletter.ledger.reads, now
            ):
                fates.setdefault(disposition.kind, _Fate()).add(disposition)
    _show_entry(entry, history)
    _show_fates(fates)
    return DONE


async def _find_reader(newsletter: Newsletter, whose: str) -> Subscriber:
    found = await find_reader(newsletter, whose)
    if found is None:
        raise ConfigError(
            [Problem(f"{parse_address(whose)} is not a subscriber; see 'newsletter subscribers list'")]
        )
    return found


async def _one_page(reader: Subscriber) -> AsyncIterator[Sequence[Subscriber]]:
    yield [reader]


@dataclass(slots=True)
class _Fate:
    """Readers for whom the same became of a paper: how many, and the first of them."""

    readers: int = 0
    first: list[Disposition] = field(default_factory=list)

    def add(self, disposition: Disposition) -> None:
        self.readers += 1
        if len(self.first) < _MOST_READERS:
            self.first.append(disposition)


def _tell_found(paper: str, found: Sequence[Entry]) -> int:
    """Say that nothing was found, or too much."""
    if not found:
        console.print(
            f"{paper!r} is not stored: no source has listed it. Give an arXiv id, a DOI, a URL, or words of a "
            "title as printed; 'newsletter sources' shows whether all sources work"
        )
        return DONE_WITH_FAILURES
    console.print(f"{len(found)} titles contain {paper!r}; choose one:")
    for entry in found:
        console.print(f"  {entry.key}  {entry.title}")
    return DONE_WITH_FAILURES


def _show_entry(entry: Entry, history: EntryHistory) -> None:
    console.print(entry.title, style="bold")
    console.print(", ".join(entry.keys))
    console.print()
    table = Table("seen in", "listed on", "first seen (UTC)", "as…")
    for seen in history.seen_in:
        table.add_row(seen.source, str(seen.listed_on or "-"), f"{seen.seen_at:%Y-%m-%d %H:%M}", seen.guid)
    show_table(table)
    run = entry.first_seen_run
    console.print(f"first seen in run {run}" if run else "listed before the first poll of its source")
    for event in history.events:
        at = f"{event.at:%Y-%m-%d}" if event.at else ""
        console.print(f"{at}  {event.kind} {event.detail} ({event.source})")
    votes = [(seen.observed_at, seen.upvotes) for seen in history.observations if seen.upvotes is not None]
    if votes:
        console.print(word_votes(votes))
    console.print()


def word_votes(votes: Sequence[tuple[datetime, int]]) -> str:
    """Return a line with the first and the newest count, and bars where it was counted more than once."""
    (first_at, first), (last_at, last) = votes[0], votes[-1]
    if first == last and first_at.date() == last_at.date():
        return f"votes: {last} on {last_at:%Y-%m-%d}"
    bars = draw_bars([count for _, count in votes][-_DAYS:])
    return f"votes: {first} on {first_at:%Y-%m-%d}, {last} on {last_at:%Y-%m-%d} {bars}"


def _show_fates(fates: Mapping[str, _Fate]) -> None:
    """Print what became of the entry, the readers with the same fate together."""
    if not fates:
        console.print("there are no subscribers yet")
        return
    table = Table("reader", "what happened", "why…")
    for kind, fate in fates.items():
        for disposition in fate.first:
            table.add_row(disposition.address, kind, disposition.why)
        if more := fate.readers - len(fate.first):
            table.add_row(f"and {more:,} more", kind, "'--reader ADDRESS' shows one")
    show_table(table, is_whole=True)
