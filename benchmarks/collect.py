"""Collecting: what a second look at an unchanged day costs, and 300 feeds beside a plain feedparser loop.

    python -m benchmarks.collect [--json FILE] [--feeds N]

All of it goes through the real workflow, fetcher and SQLite store, against a local server in a process of its
own. The day is the sample day from a server that answers as the Hugging Face API does; its second look must
parse nothing and write only that it was looked. Each feed has 20 items and a host of its own (an address in
127.0.0.0/8), and each answer takes 50 ms. The peer does what the obvious program does: ``feedparser.parse(url)``,
one after the other; it stores nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

import feedparser
from aiohttp import web
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, event

from newsletter.collect.fetch import HttpFetcher
from newsletter.collect.kind import SourceKind
from newsletter.collect.registry import KINDS
from newsletter.model.sources import Fetched, FetchState, ParsedFeed, Request, Source
from newsletter.sample_day import SAMPLE_DAY, sample_file
from newsletter.storage import RunStore, open_database
from newsletter.wiring import FixedClock
from newsletter.workflows import collect_entries as workflow

ITEMS = 20
LATENCY_S = 0.05
ROUNDS = 5
_NOW = datetime(SAMPLE_DAY.year, SAMPLE_DAY.month, SAMPLE_DAY.day, 18, tzinfo=UTC)
_WRITES = re.compile(r"\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)


@dataclass
class Pass:
    """What one collect pass did: seconds, answers that were parsed, rows that were written by table."""

    seconds: float = 0.0
    parsed: int = 0
    writes: Counter[str] = field(default_factory=Counter)
    states: Counter[FetchState] = field(default_factory=Counter)


def main() -> int:
    """Measure both, print one table, write the figures where asked; 1 if an unchanged day is worked on again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--feeds", type=int, default=300)
    arguments = parser.parse_args()
    with run_server(arguments.feeds) as port:
        days = [asyncio.run(collect_twice(day_sources(port))) for _ in range(ROUNDS)]
        first, again = days[0]
        day_s = [statistics.median(one.seconds for one in passes) for passes in zip(*days, strict=True)]
        sources = feed_sources(port, arguments.feeds)
        feeds, feeds_again = asyncio.run(collect_twice(sources))
        peer_s = measure_peer(sources)
    table = Table("what", "seconds", "parsed", "rows written", "ratio", box=None)
    table.add_row("the sample day, first look", f"{day_s[0]:.3f}", *_counts(first), "1")
    table.add_row("the same, unchanged", f"{day_s[1]:.3f}", *_counts(again), f"{day_s[1] / day_s[0]:.2f}")
    table.add_row(f"{arguments.feeds} feeds, feedparser in a loop", f"{peer_s:.2f}", "", "", "1")
    table.add_row(
        f"{arguments.feeds} feeds, newsletter",
        f"{feeds.seconds:.2f}",
        *_counts(feeds),
        f"{feeds.seconds / peer_s:.2f}",
    )
    table.add_row(
        "the same, unchanged",
        f"{feeds_again.seconds:.2f}",
        *_counts(feeds_again),
        f"{feeds_again.seconds / peer_s:.2f}",
    )
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    if arguments.json:
        figures = {
            "unchanged_day": {
                "first_s": day_s[0],
                "second_s": day_s[1],
                "ratio": day_s[1] / day_s[0],
                "second_parsed": again.parsed,
                "second_writes": dict(again.writes),
            },
            "feeds": {
                "feeds": arguments.feeds,
                "newsletter_s": feeds.seconds,
                "unchanged_s": feeds_again.seconds,
                "peer_s": peer_s,
                "ratio": feeds.seconds / peer_s,
            },
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    problems = find_problems(first, again) + find_problems(feeds, feeds_again)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def find_problems(first: Pass, again: Pass) -> list[str]:
    """Return what is wrong with two passes over sources that do not change."""
    problems = []
    if set(first.states) != {FetchState.OK} or not first.parsed:
        problems.append(f"the first look did not go well: {dict(first.states)}")
    if set(again.states) != {FetchState.UNCHANGED}:
        problems.append(f"the second look did not see that nothing has changed: {dict(again.states)}")
    if again.parsed:
        problems.append(f"{again.parsed} unchanged answers were parsed again")
    if set(again.writes) - {"fetches"}:
        problems.append(f"the second look wrote more than its fetch records: {dict(again.writes)}")
    return problems


def _counts(one: Pass) -> tuple[str, str]:
    return str(one.parsed), str(one.writes.total())


# --- ours ---------------------------------------------------------------------------------


def day_sources(port: int) -> list[Source]:
    return [Source("papers", "hf_daily_papers", f"http://127.0.0.1:{port}", listing_dates=1)]


def feed_sources(port: int, count: int) -> list[Source]:
    """Return feeds that each have an address of their own: one host is asked one thing at a time."""
    hosts = feed_hosts(count)
    return [
        Source(f"feed {number}", "feed", f"http://{host}:{port}/feeds/{number}")
        for number, host in enumerate(hosts)
    ]


def feed_hosts(count: int) -> list[str]:
    return [f"127.0.{1 + number // 250}.{1 + number % 250}" for number in range(count)]


async def collect_twice(sources: Sequence[Source]) -> tuple[Pass, Pass]:
    """Collect into a new database, and once more with nothing changed."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(Path(folder)) as store:
            first = await collect(sources, store, FixedClock(_NOW))
            return first, await collect(sources, store, FixedClock(_NOW + timedelta(hours=1)))


async def collect(sources: Sequence[Source], store: RunStore, clock: FixedClock) -> Pass:
    """Make one pass with a new fetcher, as each run of the program does."""
    fetcher = HttpFetcher(
        version="0", contact="https://example.org/", base_folder=Path(), allow_private_hosts=True
    )
    done = Pass()
    with counting(done):
        begun = time.perf_counter()
        report = await workflow.collect_entries(
            sources, fetcher, store, clock, timedelta(hours=1), at_once=True
        )
        await fetcher.close()
        done.seconds = time.perf_counter() - begun
    done.states = Counter(record.state for record in report.records)
    return done


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[RunStore]:
    database = await open_database(f"sqlite:///{folder / 'newsletter.db'}")
    try:
        yield RunStore(database)
    finally:
        await database.close()


@contextmanager
def counting(done: Pass) -> Iterator[None]:
    """Count the answers that any parser reads and the rows that any statement writes."""

    def counted(kind: SourceKind) -> SourceKind:
        def parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
            done.parsed += 1
            return kind.parse(fetched, source, request)

        return replace(kind, parse=parse)

    def note(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if match := _WRITES.match(statement):
            done.writes[match[1]] += len(parameters) if many else 1

    kinds = {name: counted(kind) for name, kind in KINDS.items()}
    event.listen(Engine, "before_cursor_execute", note)
    try:
        with mock.patch.object(workflow, "KINDS", kinds):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# --- the peer -----------------------------------------------------------------------------


def measure_peer(sources: Sequence[Source]) -> float:
    """Return the seconds that a loop over all the feeds takes."""
    with mock.patch.dict(os.environ, {"NO_PROXY": "*"}):
        begun = time.perf_counter()
        for source in sources:
            feed = feedparser.parse(source.location)
            assert len(feed.entries) == ITEMS, feed.get("bozo_exception")
        return time.perf_counter() - begun


# --- the server ---------------------------------------------------------------------------


@contextmanager
def run_server(feeds: int) -> Iterator[int]:
    """Run the server in a process of its own; lend its port, which is the same on 127.0.0.1 and all feed hosts.

    Needs a system on which all of 127.0.0.0/8 is local, as Linux.
    """
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(send, feeds), daemon=True)
    process.start()
    try:
        yield receive.recv()
    finally:
        process.terminate()
        process.join()


def _serve(ready: Connection, feeds: int) -> None:
    asyncio.run(_serve_until_stopped(ready, feeds))


async def _serve_until_stopped(ready: Connection, feeds: int) -> None:
    app = web.Application()
    app.router.add_get("/api/daily_papers", _answer_day)
    app.router.add_get("/feeds/{number}", _answer_feed)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    for host in feed_hosts(feeds):
        await web.TCPSite(runner, host, port).start()
    ready.send(port)
    await asyncio.Event().wait()


async def _answer_day(request: web.Request) -> web.Response:
    is_day = request.query.get("date") == SAMPLE_DAY.isoformat()
    return _answer(request, sample_file().read_bytes() if is_day else b"[]", "application/json")


async def _answer_feed(request: web.Request) -> web.Response:
    await asyncio.sleep(LATENCY_S)
    return _answer(request, build_feed(request.match_info["number"]), "application/rss+xml")


def _answer(request: web.Request, body: bytes, content_type: str) -> web.Response:
    etag = hashlib.sha256(body).hexdigest()[:32]
    if request.headers.get("If-None-Match") == f'"{etag}"':
        return web.Response(status=304)
    return web.Response(body=body, content_type=content_type, headers={"ETag": f'"{etag}"'})


def build_feed(number: str) -> bytes:
    """Return a feed of 20 posts, each with a paragraph of text."""
    text = "We taught a robot to fold laundry, and it learned to hide the socks. " * 8
    items = "".join(
        f"<item><title>Post {place} of blog {number}</title><link>https://example.org/{number}/{place}</link>"
        f"<guid>https://example.org/{number}/{place}</guid><pubDate>Tue, 16 Jun 2026 {place:02}:00:00 GMT</pubDate>"
        f"<description>&lt;p&gt;{text}&lt;/p&gt;</description></item>"
        for place in range(ITEMS)
    )
    page = "https://example.org/"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Blog {number}</title>'
        f"<link>{page}</link><description>A blog</description>{items}</channel></rss>"
    ).encode()


if __name__ == "__main__":
    sys.exit(main())
