"""The web UI under load, beside a hello-world route of Starlette in the same run.

    python -m benchmarks.web [--json FILE] [--rate N] [--seconds N] [--subscribers N] [--entries N] [--postgres]

Our pages are served by ``newsletter serve`` with one worker over a database of 100,000 subscribers and 50,000 entries;
the other route by uvicorn with its defaults. Each page is asked twice: as quickly as 16 connections can (answers a
second), and open-loop at a stated rate, where a request is sent when its time has come, whatever became of those before
it, and waits are counted from that time (p50, p99).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, insert

from benchmarks.delivery_newsletter import stream_readers
from newsletter.model.readers import SubscriberId
from newsletter.model.sources import FetchState
from newsletter.sample_day import sample_file
from newsletter.settings.config import load_config
from newsletter.signing import Secret
from newsletter.storage import tables
from newsletter.storage.word_index import index_all
from newsletter.web_links import WebLinks
from newsletter.wiring import open_newsletter
from tests.support.postgres import running_postgres

CONNECTIONS = 16
_OPEN_CONNECTIONS = 64
_WARM_UP = 40
_DATES = 140
_BATCH = 5000
_SEED = 7
ARCHIVE_TARGET = 0.1
"""The archive page is answered at least so often as the hello route."""
PREVIEW_TARGET = 50
"""A preview's p99 is below so many of the hello route's."""

Request = bytes


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers a second at most, and the waits at the stated rate."""

    per_second: float
    p50_ms: float
    p99_ms: float


# --- what is served ------------------------------------------------------------------------


def read_words() -> list[str]:
    """Return the words of the sample day's papers as they come, so that common ones are common."""
    day = json.loads(sample_file().read_text(encoding="utf-8"))
    texts = (f"{record['paper']['title']} {record['paper'].get('summary', '')}" for record in day)
    return [word for text in texts for word in re.findall(r"[A-Za-z][A-Za-z-]+", text)]


def make_rows(count: int, today: date) -> Iterator[tuple[int, dict[str, Any], date, datetime]]:
    """Yield run, row of ``entries``, listing date and when it was seen, the oldest first."""
    chance = random.Random(_SEED)
    words = read_words()
    a_day = -(-count // _DATES)
    for number in range(count):
        run = number // a_day + 1
        listed_on = today - timedelta(days=_DATES - run)
        seen_at = datetime.combine(listed_on, datetime.min.time(), UTC) + timedelta(hours=8)
        key = f"arxiv:{listed_on:%y%m}.{number % 100000:05}"
        row: dict[str, Any] = dict.fromkeys((column.name for column in tables.entries.c), "")
        row |= {
            "id": number + 1,
            "key": key,
            "title": " ".join(chance.choices(words, k=9)).capitalize(),
            "summary": " ".join(chance.choices(words, k=150)) + ".",
            "authors": json.dumps([" ".join(chance.choices(words, k=2)).title() for _ in range(5)]),
            "author_count": 5,
            "published_at": seen_at - timedelta(days=1),
            "listed_on": listed_on,
            "categories": json.dumps(["cs.CL", "cs.LG"]),
            "primary_category": "cs.CL",
            "ai_keywords": json.dumps(chance.choices(words, k=4)),
            "media_urls": "[]",
            "version": 1,
            "withdrawn": False,
            "upvotes": min(int(chance.paretovariate(0.8)), 500),
            "comments": chance.randrange(5),
            "code_stars": None,
            "url": f"https://arxiv.org/abs/{key[6:]}",
            "first_seen_run": run,
            "first_seen_at": seen_at,
        }
        yield run, row, listed_on, seen_at


def fill_entries(connection: Connection, count: int, today: date) -> None:
    """Write so many entries with a sighting, a name and two observations each, and the words to search them by."""
    seen: dict[int, datetime] = {}
    rows = make_rows(count, today)
    pending: list[tuple[int, dict[str, Any], date, datetime]] = []
    first = min(run for run, *_ in itertools.islice(make_rows(count, today), 1))
    while some := list(itertools.islice(rows, _BATCH)):
        seen |= {run: seen_at for run, _, _, seen_at in some}
        pending += some
    connection.execute(
        insert(tables.runs), [{"number": run, "visible_at": seen_at} for run, seen_at in seen.items()]
    )
    connection.execute(tables.counters.update().values(last_run=max(seen)))
    connection.execute(insert(tables.sources), [{"name": "hf_daily_papers", "first_run": first}])
    for start in range(0, len(pending), _BATCH):
        some = pending[start : start + _BATCH]
        connection.execute(insert(tables.entries), [row for _, row, _, _ in some])
        connection.execute(
            insert(tables.entry_keys),
            [{"key": row["key"], "entry": row["id"], "position": 0} for _, row, _, _ in some],
        )
        connection.execute(
            insert(tables.sightings),
            [
                {
                    "entry": row["id"],
                    "source": "hf_daily_papers",
                    "guid": row["key"][6:],
                    "listed_on": listed_on.isoformat(),
                    "listing_url": "",
                    "seen_at": seen_at,
                }
                for _, row, listed_on, seen_at in some
            ],
        )
        connection.execute(
            insert(tables.observations),
            [
                {"entry": row["id"], "observed_at": seen_at + later, "upvotes": row["upvotes"], "comments": 0}
                for _, row, _, seen_at in some
                for later in (timedelta(), timedelta(days=1))
            ],
        )
    connection.execute(
        insert(tables.fetches),
        [
            {
                "run": max(seen),
                "source": "hf_daily_papers",
                "state": FetchState.OK,
                "started_at": seen[max(seen)],
                "finished_at": seen[max(seen)],
                "listed": 1,
                "new": 1,
                "requests": 1,
                "message": "",
            }
        ],
    )
    index_all(connection)


async def fill(file: Path, database_url: str, subscribers: int, entries: int, today: date) -> Secret:
    """Fill the database of a configuration; return its secret."""
    config = load_config(file, {"DATABASE": database_url})
    async with open_newsletter(config) as newsletter:
        await newsletter.database.write(lambda connection: fill_entries(connection, entries, today))
        readers = list(stream_readers(subscribers))
        for start in range(0, len(readers), _BATCH):
            await newsletter.subscribers.save(
                readers[start : start + _BATCH], newsletter.clock.now(), "benchmark"
            )
        return await newsletter.settings.load_secret()


def write_config(folder: Path, port: int) -> Path:
    """Write the configuration of a newsletter with a web UI on this machine."""
    file = folder / "config.yaml"
    file.write_text(
        "newsletter: {name: Test Papers, from: Test Papers <digest@news.example.org>}\n"
        f"sources: [{{kind: hf_daily_papers, location: {sample_file()}}}]\n"
        "subscribers: {path: off}\n"
        f"web: {{url: 'http://127.0.0.1:{port}', listen: '127.0.0.1:{port}', metrics_listen: off}}\n"
        "database: {url: '${DATABASE}'}\n"
    )
    return file


# --- who serves ----------------------------------------------------------------------------


def take_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def running(command: Sequence[str], port: int, path: str, environ: dict[str, str]) -> Iterator[None]:
    """Run a server until the block ends; it must answer ``path`` first."""
    server = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                    break
            except OSError:
                assert server.poll() is None, f"{command} has ended"
                assert time.monotonic() < deadline, f"{command} does not answer"
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


def serve_hello(port: int) -> None:
    """Serve the route that the pages are compared with, until the process is ended."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def hello(_request: HttpRequest) -> PlainTextResponse:
        return PlainTextResponse("hello, world")

    app = Starlette(routes=[Route("/", hello)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", http="h11")


# --- who asks ------------------------------------------------------------------------------


def build_get(path: str, port: int) -> Request:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Language: en\r\n\r\n".encode()


def build_post(path: str, port: int, body: bytes, client: str) -> Request:
    """Return a form that comes through a proxy from this client."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Forwarded-For: {client}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Caller:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request) -> int:
        """Return the status of the answer, which is read whole."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length, head
        await reader.readexactly(int(length[1]))
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def ask_quickly(port: int, requests: Iterator[Request], seconds: float) -> float:
    """Return answers a second with all connections busy."""
    callers = [Caller(port) for _ in range(CONNECTIONS)]
    answers = 0
    end = time.perf_counter() + seconds

    async def work(caller: Caller) -> None:
        nonlocal answers
        while time.perf_counter() < end:
            _check(await caller.ask(next(requests)))
            answers += 1

    begun = time.perf_counter()
    await asyncio.gather(*map(work, callers))
    for caller in callers:
        caller.close()
    return answers / (time.perf_counter() - begun)


async def ask_at_rate(port: int, requests: Iterator[Request], rate: float, seconds: float) -> list[float]:
    """Return the waits in seconds, shortest first, of requests whose times are fixed beforehand."""
    free: asyncio.Queue[Caller] = asyncio.Queue()
    callers = [Caller(port) for _ in range(_OPEN_CONNECTIONS)]
    for caller in callers:
        free.put_nowait(caller)
    waits: list[float] = []

    async def one(request: Request, due: float) -> None:
        caller = await free.get()
        _check(await caller.ask(request))
        free.put_nowait(caller)
        waits.append(time.perf_counter() - due)

    begun = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(next(requests), due)))
    await asyncio.gather(*tasks)
    for caller in callers:
        caller.close()
    return sorted(waits)


def _check(status: int) -> None:
    assert status == 200, f"a page answered with {status}"


async def measure(
    port: int,
    build: Callable[[], Iterator[Request]],
    rate: float,
    seconds: float,
    *,
    is_limited: bool = False,
) -> Figures:
    """Return the figures of one page. is_limited: asked as quickly as possible it would refuse (429)."""
    requests = build()
    caller = Caller(port)
    for _ in range(_WARM_UP):  # what is read, compiled or rendered at the first request is not counted
        _check(await caller.ask(next(requests)))
    caller.close()
    per_second = 0.0 if is_limited else await ask_quickly(port, requests, seconds)
    waits = await ask_at_rate(port, requests, rate, seconds)
    return Figures(
        round(per_second, 1),
        round(1000 * waits[len(waits) // 2], 2),
        round(1000 * waits[min(len(waits) - 1, int(len(waits) * 0.99))], 2),
    )


def list_pages(
    port: int, today: date, links: WebLinks, secret: Secret, subscribers: int
) -> dict[str, Callable[[], Iterator[Request]]]:
    """Return the requests for each page, which go on for ever."""
    chance = random.Random(_SEED)
    words = sorted({word.lower() for word in read_words() if len(word) > 4})

    def endlessly(paths: Iterable[str]) -> Iterator[Request]:
        return (build_get(path, port) for path in itertools.cycle(paths))

    def previews() -> Iterator[Request]:
        common = [[word] for word in chance.sample(words, 10)]
        for number in itertools.count():
            # Every other visitor asks for what somebody asked for before.
            topics = chance.choice(common) if number % 2 else chance.sample(words, chance.choice((1, 2, 3)))
            body = urlencode({"own": "\n".join(topics)}).encode()
            yield build_post("/preview", port, body, f"198.51.{number // 200 % 200}.{number % 200}")

    def leaves() -> Iterator[Request]:
        for number in itertools.cycle(range(1, subscribers + 1)):
            path = links.leave(SubscriberId(number), secret).removeprefix(links.base)
            yield build_post(path, port, b"List-Unsubscribe=One-Click", "192.0.2.1")

    return {
        "home": lambda: endlessly(["/"]),
        "archive": lambda: endlessly([f"/{today - timedelta(days=back)}" for back in range(1, 31)]),
        "topic preview": previews,
        "unsubscribe POST": leaves,
    }


def main() -> None:
    """Measure, print one table, and write the figures where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rate", type=float, default=40, help="requests a second for the waits")
    parser.add_argument("--seconds", type=float, default=15, help="how long each page is asked, twice")
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument("--entries", type=int, default=50_000)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--hello", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.hello:
        serve_hello(arguments.hello)
        return
    figures = run(arguments)
    _print(figures, arguments.rate)
    if arguments.json:
        rows = {name: asdict(one) for name, one in figures.items()}
        result = {"rate": arguments.rate, "pages": rows, **_compare(figures)}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


def run(arguments: argparse.Namespace) -> dict[str, Figures]:
    """Return the figures of the hello route and of each page."""
    today = datetime.now(UTC).date()
    server_or_none = running_postgres() if arguments.postgres else nullcontext(None)
    with tempfile.TemporaryDirectory() as name, server_or_none as server:
        folder = Path(name)
        assert server or not arguments.postgres, "there are no programs of PostgreSQL here"
        database_url = server.url if server else f"sqlite:///{folder / 'newsletter.db'}"
        port, hello_port = take_port(), take_port()
        file = write_config(folder, port)
        secret = asyncio.run(fill(file, database_url, arguments.subscribers, arguments.entries, today))
        environ = {"DATABASE": database_url, "PATH": "/usr/bin:/bin"}
        pages = list_pages(port, today, WebLinks(f"http://127.0.0.1:{port}"), secret, arguments.subscribers)
        figures: dict[str, Figures] = {}
        hello = [sys.executable, "-m", "benchmarks.web", "--hello", str(hello_port)]
        serve = [sys.executable, "-m", "newsletter", "serve", "--config", str(file)]
        with (
            running(hello, hello_port, "/", environ),
            running(serve, port, "/subscribe", environ),  # the first preview is loaded then
        ):

            def hellos() -> Iterator[Request]:
                return itertools.repeat(build_get("/", hello_port))

            figures["hello"] = asyncio.run(measure(hello_port, hellos, arguments.rate, arguments.seconds))
            for page, build in pages.items():
                figures[page] = asyncio.run(
                    measure(
                        port, build, arguments.rate, arguments.seconds, is_limited=page == "topic preview"
                    )
                )
        return figures


def _compare(figures: dict[str, Figures]) -> dict[str, float]:
    hello = figures["hello"]
    return {
        "archive_to_hello": round(figures["archive"].per_second / hello.per_second, 3),
        "preview_p99_to_hello": round(figures["topic preview"].p99_ms / hello.p99_ms, 1),
    }


def _print(figures: dict[str, Figures], rate: float) -> None:
    table = Table("page", "answers a second", f"p50 at {rate:g}/s, ms", f"p99 at {rate:g}/s, ms", box=None)
    for name, one in figures.items():
        per_second = f"{one.per_second:.0f}" if one.per_second else "limited"
        table.add_row(name, per_second, f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}")
    console = Console(width=100, highlight=False)
    console.print(table)
    ratios = _compare(figures)
    console.print(f"archive to hello: {ratios['archive_to_hello']} (target {ARCHIVE_TARGET})")
    console.print(f"p99 of a preview to hello: {ratios['preview_p99_to_hello']} (target {PREVIEW_TARGET})")


if __name__ == "__main__":
    main()
