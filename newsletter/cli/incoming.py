"""The commands about what comes in: sources, and explain for one paper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from rich.text import Text

from newsletter.cli.exit_codes import DONE, DONE_WITH_FAILURES, WRONG_INPUT
from newsletter.cli.look import load_readers, pick_reader
from newsletter.cli.show import build_table, console, draw_bars
from newsletter.collect.source_health import GOOD_STATES
from newsletter.compose.disposition import Disposition
from newsletter.model.entries import Entry, EntryHistory
from newsletter.model.sources import FetchRecord, FetchState, PermanentRedirect, SourceHealth
from newsletter.settings.config import Config
from newsletter.wiring import open_newsletter
from newsletter.workflows.explain import Explanation, explain_entry, find_entries

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
            console.print(f"{provider}: {address}", soft_wrap=True, highlight=False)
    return DONE


async def show_sources(config: Config) -> int:
    """Show how each configured source has been: its last polls, what it brought, and when it is asked next."""
    async with open_newsletter(config) as newsletter:
        now = newsletter.clock.now()
        records = await newsletter.runs.load_fetches(now - timedelta(days=_DAYS))
        last_looks = {record.source: record for record in await newsletter.runs.load_last_fetches()}
        health = await newsletter.runs.load_health()
        moves = await newsletter.runs.load_moves()
        last_pass = await newsletter.runs.load_last_pass_at()
    looks: dict[str, list[FetchRecord]] = defaultdict(list)
    for record in records:
        looks[record.source].append(record)
    due = max(last_pass + config.schedule.collect_every, now) if last_pass else now
    table = build_table(
        "source",
        "state",
        f"last {_LOOKS} polls",
        f"new per day, {_DAYS} days",
        "new#",
        "listed#",
        "next poll (UTC)",
    )
    notes = []
    is_good = True
    for source in config.source_list:
        last = last_looks.get(source.name)
        is_good &= last is not None and last.state in GOOD_STATES
        table.add_row(
            source.name,
            *_describe_looks(last, looks[source.name], now),
            _tell_next(health.get(source.name), due),
        )
        notes += _tell_notes(source.name, source.location, last, health.get(source.name), moves)
    console.print(table)
    console.print("polls: " + ", ".join(f"{sign} {state}" for state, sign in _SIGNS.items()), style="dim")
    for note in notes:
        console.print(note)
    return DONE if is_good else DONE_WITH_FAILURES


def _describe_looks(
    last: FetchRecord | None, looks: Sequence[FetchRecord], now: datetime
) -> tuple[Text, str, str, str, str]:
    """Return state, signs of the last polls, bars of the days, their sum, and how much the last answer listed."""
    if last is None:
        return Text("not polled yet"), "", "", "", ""
    days = count_days(looks, now)
    listed = next((look.listed for look in reversed(looks) if look.listed), last.listed)
    return (
        Text(last.state, style="green" if last.state in GOOD_STATES else "red"),
        "".join(_SIGNS[look.state] for look in looks[-_LOOKS:]),
        draw_bars(days),
        str(sum(days)),
        str(listed),
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


def _tell_next(health: SourceHealth | None, due: datetime) -> str:
    at = max(due, health.not_before) if health and health.not_before else due
    return f"{at:%Y-%m-%d %H:%M}"


def _tell_notes(
    name: str,
    location: str,
    last: FetchRecord | None,
    health: SourceHealth | None,
    moves: Mapping[str, PermanentRedirect],
) -> list[str]:
    notes = []
    if last and last.message:
        notes.append(f"{name}: {last.message}")
    if health and health.why:
        notes.append(f"{name}: {health.why}")
    if move := moves.get(location):
        notes.append(
            f"{name}: redirected to {move.target} since {move.since:%Y-%m-%d}; update its location in config.yaml"
        )
    return notes


async def explain(config: Config, paper: str, reader: str) -> int:
    """Say where a paper was seen, when, and what became of it for each reader, or for one."""
    async with open_newsletter(config) as newsletter:
        found = await find_entries(paper, newsletter.entries)
        if len(found) != 1:
            return _tell_found(paper, found)
        joined = await load_readers(newsletter)
        named = {one.address for one in joined}
        everybody = [
            *joined,
            *(one for one in await newsletter.subscribers.load_all() if one.address not in named),
        ]
        readers = [pick_reader(everybody, reader)] if reader else everybody
        explanation = await explain_entry(
            found[0],
            readers,
            await newsletter.new_digest_builder(),
            newsletter.entries,
            newsletter.subscribers,
            newsletter.ledger.reads,
            newsletter.clock.now(),
        )
    _show_entry(explanation.entry, explanation.history)
    _show_fates(explanation)
    return DONE


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
    table = build_table("seen in", "listed on", "first seen (UTC)", "as")
    for seen in history.seen_in:
        table.add_row(seen.source, str(seen.listed_on or "-"), f"{seen.seen_at:%Y-%m-%d %H:%M}", seen.guid)
    console.print(table)
    run = entry.first_seen_run
    console.print(f"first seen in run {run}" if run else "listed before the first poll of its source")
    for event in history.events:
        at = f"{event.at:%Y-%m-%d}" if event.at else ""
        console.print(f"{at}  {event.kind} {event.detail} ({event.source})")
    votes = [(seen.observed_at, seen.upvotes) for seen in history.observations if seen.upvotes is not None]
    if votes:
        (first_at, first), (last_at, last) = votes[0], votes[-1]
        bars = draw_bars([count for _, count in votes][-_DAYS:]) if len(votes) > 1 else ""
        console.print(f"votes: {first} on {first_at:%Y-%m-%d}, {last} on {last_at:%Y-%m-%d} {bars}".rstrip())
    console.print()


def _show_fates(explanation: Explanation) -> None:
    """Print what became of the entry, the readers with the same fate together."""
    by_kind: dict[str, list[Disposition]] = defaultdict(list)
    for disposition in explanation.dispositions:
        by_kind[disposition.kind].append(disposition)
    if not by_kind:
        console.print("there are no subscribers yet")
        return
    table = build_table("what happened", "reader", "why")
    for kind, dispositions in by_kind.items():
        for disposition in dispositions[:_MOST_READERS]:
            table.add_row(kind, disposition.address, disposition.why)
        if len(dispositions) > _MOST_READERS:
            more = len(dispositions) - _MOST_READERS
            table.add_row(kind, f"and {more} more", "'--reader ADDRESS' shows one")
    console.print(table)
