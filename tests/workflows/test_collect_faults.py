"""What a source's server can do to us, through the real fetcher: the state it ends in, and nothing else changes."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.collect.fetch import HttpFetcher
from newsletter.model.digest import Window
from newsletter.model.sources import FetchState, Source, SourceHealth
from newsletter.storage import Database, EntryStore, RunStore
from newsletter.wiring import FixedClock
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from tests.support.builders import at
from tests.workflows.test_collect_entries import make_rss

EVERY = timedelta(minutes=30)
FEED = make_rss("One", "Two").encode()


def http(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


OK = http("200 OK", FEED, 'ETag: "1"')

TROUBLE: dict[str, tuple[bytes, FetchState, str]] = {
    "304": (http("304 Not Modified"), FetchState.UNCHANGED, ""),
    "same bytes": (http("200 OK", FEED, 'ETag: "2"'), FetchState.UNCHANGED, ""),
    "410": (http("410 Gone"), FetchState.FAILED, "permanently gone"),
    "404": (http("404 Not Found"), FetchState.FAILED, "answered 404"),
    "429 seconds": (http("429 Busy", b"", "Retry-After: 3600"), FetchState.FAILED, "after 3600 s"),
    "429 date": (
        http(
            "429 Busy",
            b"",
            "Date: Tue, 16 Jun 2026 08:00:00 GMT",
            "Retry-After: Tue, 16 Jun 2026 10:00:00 GMT",
        ),
        FetchState.FAILED,
        "after 7200 s",
    ),
    "500": (http("500 Oh"), FetchState.FAILED, "answered 500"),
    "503": (http("503 Later"), FetchState.FAILED, "answered 503"),
    "cut XML": (
        http("200 OK", FEED[: FEED.index(b"Two") + 3]),
        FetchState.PARTIAL,
        "the listing is truncated",
    ),
    "HTML": (http("200 OK", b"<!doctype html><html><p>Sorry</p></html>"), FetchState.FAILED, "an HTML page"),
    "empty": (http("200 OK"), FetchState.FAILED, "found nothing"),
    "no items": (http("200 OK", make_rss().encode()), FetchState.EMPTY_UNEXPECTED, ""),
    "too short": (http("200 OK", FEED, length=10**6), FetchState.FAILED, ""),
    "garbage": (b"\x00\x01\x02 hello\r\n\r\n", FetchState.FAILED, ""),
    "closed": (b"", FetchState.FAILED, ""),
    "bomb": (
        http("200 OK", gzip.compress(bytes(30_000_000)), "Content-Encoding: gzip"),
        FetchState.FAILED,
        "more than 1 MB",
    ),
    "not gzip": (http("200 OK", FEED, "Content-Encoding: gzip"), FetchState.UNCHANGED, ""),
    "damaged gzip": (
        http("200 OK", b"\x1f\x8b" + FEED, "Content-Encoding: gzip"),
        FetchState.FAILED,
        "damaged",
    ),
    "cut gzip": (http("200 OK", gzip.compress(FEED)[:-9]), FetchState.FAILED, "truncated"),
    "loop": (http("302 Found", b"", "Location: /feed.xml"), FetchState.FAILED, "loop"),
    "nowhere": (
        http("301 Moved", b"", "Location: gopher://example.org/"),
        FetchState.FAILED,
        "only https: and http:",
    ),
}


class Server:
    """Answers whatever it is told, byte by byte, on 127.0.0.1."""

    def __init__(self) -> None:
        self.answer = OK
        self.answer_to_conditions = b""
        self.pause_s = 0.0
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            is_conditional = b"If-None-Match" in head or b"If-Modified-Since" in head
            if not self.pause_s:
                writer.write((is_conditional and self.answer_to_conditions) or self.answer)
            for byte in self.answer if self.pause_s else b"":
                writer.write(bytes([byte]))
                await asyncio.sleep(self.pause_s)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def look(
    database: Database, server: Server, folder: Path, at_once: bool = False, on: str = "2026-06-16 08:00"
) -> CollectReport:
    fetcher = HttpFetcher(
        version="1",
        contact="",
        base_folder=folder,
        allow_private_hosts=True,
        deadline_s=1.0,
        max_body_bytes=1_000_000,
        backoff_s=0.01,
    )
    source = Source("blog", "feed", f"{server.url}/feed.xml")
    clock = FixedClock(at(on))
    try:
        return await collect_entries([source], fetcher, RunStore(database), clock, EVERY, at_once=at_once)
    finally:
        await fetcher.close()


async def known(database: Database) -> tuple[object, ...]:
    """All that is known of entries, and the run that they are in."""
    store = EntryStore(database)
    return tuple(await store.load_entries(Window(0, 99)))


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_trouble_ends_in_its_state_and_changes_nothing_that_was_known(
    database: Database, tmp_path: Path, trouble: str
) -> None:
    answer, state, said = TROUBLE[trouble]
    async with Server().running() as server:
        assert (await look(database, server, tmp_path)).records[0].new == 2
        before = await known(database)
        server.answer = answer
        began = time.monotonic()
        report = await look(database, server, tmp_path)
        took_s = time.monotonic() - began
        server.answer = http("200 OK", make_rss("One", "Two", "Three").encode())
        after = await look(database, server, tmp_path, at_once=True)

    assert report.records[0].state is state, report.records[0].message
    assert said in report.records[0].message
    assert (await known(database))[:2] == before
    assert took_s < 5
    assert (after.records[0].state, after.records[0].new) == (FetchState.OK, 1), "and then all is well again"


async def test_server_that_says_for_ever_that_nothing_is_new_is_asked_for_all_of_it_once_a_week(
    database: Database, tmp_path: Path
) -> None:
    async with Server().running() as server:

        async def look_on(day: int, *titles: str) -> tuple[FetchState, int]:
            server.answer = http("200 OK", make_rss(*titles).encode(), 'ETag: "1"')
            record = (await look(database, server, tmp_path, on=f"2026-06-{day} 08:00")).records[0]
            return record.state, record.new

        assert await look_on(16, "One") == (FetchState.OK, 1)
        server.answer_to_conditions = http("304 Not Modified")
        assert await look_on(22, "One", "Two") == (FetchState.UNCHANGED, 0)
        assert await look_on(23, "One", "Two") == (FetchState.OK, 1)
        assert await look_on(24, "One", "Two", "Three") == (FetchState.UNCHANGED, 0)
        assert await look_on(30, "One", "Two") == (FetchState.UNCHANGED, 0), "the same bytes"

        server.answer_to_conditions = http("500 Oh")
        record = (await look(database, server, tmp_path, on="2026-07-01 08:00")).records[0]
        assert "answered 500" in record.message, (
            "one that was read whole a day ago is not asked for all again"
        )


async def test_one_byte_a_moment_ends_at_the_deadline(database: Database, tmp_path: Path) -> None:
    async with Server().running() as server:
        server.pause_s = 0.02
        began = time.monotonic()
        report = await look(database, server, tmp_path)

    assert report.records[0].state is FetchState.FAILED
    assert "not finished after 1 s" in report.records[0].message
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(("trouble", "hours"), [("429 seconds", 1), ("429 date", 2), ("410", 24)])
async def test_who_asks_us_to_stay_away_is_left_alone_so_long(
    database: Database, tmp_path: Path, trouble: str, hours: int
) -> None:
    async with Server().running() as server:
        server.answer = TROUBLE[trouble][0]
        await look(database, server, tmp_path)
        again = await look(database, server, tmp_path)

    assert again.records == ()
    [waiting] = again.waiting
    assert isinstance(waiting, SourceHealth)
    assert waiting.not_before == at("2026-06-16 08:00") + timedelta(hours=hours)


@pytest.mark.parametrize("status", ["301 Moved Permanently", "308 Permanent Redirect"])
async def test_a_permanent_redirect_keeps_the_validators_and_is_noted(
    database: Database, tmp_path: Path, status: str
) -> None:
    async with Server().running() as server, Server().running() as new:
        await look(database, server, tmp_path)
        server.answer = http(status, b"", f"Location: {new.url}/feed.xml")
        new.answer = http("304 Not Modified")
        report = await look(database, server, tmp_path)
        moves = await RunStore(database).load_moves()

    assert report.records[0].state is FetchState.UNCHANGED
    assert [move.target for move in moves.values()] == [f"{new.url}/feed.xml"]
