"""Dear pages: what was cut short says so, who leaves is worked for no longer, and who waits too long is told when to
come back."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter.errors import LeftError
from newsletter.match.budget import Budget
from newsletter.web import site as site_module
from newsletter.web import workload
from newsletter.web.limits import WORK
from newsletter.web.pages import health
from newsletter.web.site import Site
from newsletter.web.turns import Queue
from newsletter.web.workload import do_work
from tests.support.website import browsing, opened_site
from tests.web.test_server import ask, serving

DEAR = ('"the agents that use"~50', "/a.e+/", "about", "RAG AND NOT /x+/", "author:Nobody", "=Zebra")


@pytest.fixture
async def small(tmp_path: Path, filled_sqlite: Path) -> AsyncIterator[Site]:
    """The site of tests.support.website, on SQLite."""
    url = f"sqlite:///{shutil.copy(filled_sqlite, tmp_path / 'small.db')}"
    async with opened_site(tmp_path, url) as opened:
        yield opened


@pytest.fixture
async def browser(small: Site) -> AsyncIterator[httpx2.AsyncClient]:
    async with browsing(small) as opened:
        yield opened


async def test_what_was_cut_short_says_so_and_counts_nothing(
    browser: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workload, "REQUEST_CPU_S", -1.0)
    for topic in (
        *DEAR,
        "{name: A, about: agents that use tools}",
        "Safety: a1 OR b2",
        "title:x1",
        "org:x2 AND y",
    ):
        piece = await browser.post("/preview", data={"own": topic})
        page = await browser.get("/subscribe", params={"topic": topic})
        for answer in (piece, page):
            assert answer.status_code == 200, topic
            assert "too much to try at once" in answer.text, topic
            assert "No papers in the last seven days" not in answer.text
            assert 'class="count">0<' not in answer.text
    for path in ("/search", "/search.atom", "/search.json"):
        answer = await browser.get(path, params={"q": "agents AND NOT whale"})
        assert (answer.status_code, "too large" in answer.text) == (422, True)
        assert "public" not in answer.headers["cache-control"]
    # Plain words cost no such work.
    assert (await browser.get("/search", params={"q": "agents"})).status_code == 200
    monkeypatch.undo()
    assert "too much" not in (await browser.post("/preview", data={"own": DEAR[0]})).text
    assert (await browser.get("/search", params={"q": "agents AND NOT whale"})).status_code == 200


async def test_beyond_a_short_queue_one_is_asked_to_come_back(
    small: Site, browser: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_module, "Queue", lambda: Queue(at_once=0, waiting=0))
    for answer in (
        await browser.post("/preview", data={"own": "agent"}),
        await browser.get("/subscribe", params={"topic": "agent"}),
        await browser.post("/subscribe", data={"own": "agent", "do": "preview"}),
        await browser.get("/search", params={"q": "agents AND NOT whale"}),
        await browser.get("/search.atom", params={"q": "agents AND NOT whale"}),
    ):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "Please try again in a moment" in answer.text
    assert (
        "agent" in (await browser.get("/subscribe", params={"topic": "agent"})).text
    )  # what was typed stays
    for path in ("/subscribe", "/archive", "/search?q=agents", "/"):
        assert (await browser.get(path)).status_code == 200
    del small


async def test_client_that_had_its_share_of_work_waits(small: Site, browser: httpx2.AsyncClient) -> None:
    small.limiter.charge(WORK, "127.0.0.1", 200)
    answer = await browser.post("/preview", data={"own": "agent"})
    assert answer.status_code == 503
    assert 50 < int(answer.headers["retry-after"]) <= 61


def request_of(left: asyncio.Event) -> Request:
    """Return a request whose client leaves with that event."""

    async def receive() -> dict[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": [], "client": ("192.0.2.1", 1), "state": {}}
    return Request(scope, receive)


async def test_parts_of_one_request_share_its_budget(small: Site) -> None:
    request = request_of(asyncio.Event())

    async def work(budget: Budget) -> Budget:
        return budget

    assert await do_work(small, request, work) is await do_work(small, request, work)


async def test_who_leaves_is_worked_for_no_longer_and_others_get_the_turn(small: Site) -> None:
    left, began = asyncio.Event(), asyncio.Event()

    async def work(budget: Budget) -> None:
        began.set()
        while True:
            budget.check()
            await asyncio.sleep(0)

    working = asyncio.create_task(do_work(small, request_of(left), work))
    await began.wait()
    waiting_left = asyncio.Event()
    waiting = asyncio.create_task(do_work(small, request_of(waiting_left), work))
    await asyncio.sleep(0)
    waiting_left.set()
    with pytest.raises(LeftError):
        await waiting
    left.set()
    with pytest.raises(LeftError):
        await working

    async def little(budget: Budget) -> str:
        budget.check()
        return "done"

    assert await do_work(small, request_of(asyncio.Event()), little) == "done"


async def test_a_connection_that_is_closed_ends_the_work_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work(budget: Budget) -> None:
        began.set()
        try:
            while True:
                budget.check()
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    async def show_dear(site: Site, request: Request) -> Response:
        await do_work(site, request, work)
        return PlainTextResponse("never")

    monkeypatch.setattr(health, "PAGES", (*health.PAGES, ("/dear", show_dear, ("GET",))))
    async with serving(tmp_path, monkeypatch) as (port, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /dear HTTP/1.1\r\nHost: news.example.org:443\r\n\r\n")
        async with asyncio.timeout(30):
            await began.wait()
            writer.close()
            await ended.wait()


LENGTHS = (
    (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"0\r\n\r\n"),
    (b"content-length: 0\r\ntransfer-encoding: Chunked\r\n", b"0\r\n\r\n"),
    (b"Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    (b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abc"),
    (b"Content-Length: 3, 4\r\n", b"abc"),
    (b"Content-Length: +3\r\n", b"abc"),
    (b"Content-Length: 0x3\r\n", b"abc"),
    (b"Content-Length: -1\r\n", b""),
    (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    (b"Host: news.example.org:443\r\nHost: news.example.org:443\r\n", b""),
    (b"Host: evil.example\r\nHost: news.example.org:443\r\n", b""),
)


async def test_requests_whose_end_is_not_sure_end_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smuggled = b"GET /readyz HTTP/1.1\r\nHost: news.example.org:443\r\n\r\n"
    async with serving(tmp_path, monkeypatch) as (port, _):
        for fields, body in LENGTHS:
            host = b"" if b"Host" in fields else b"Host: news.example.org:443\r\n"
            got = await ask(port, b"POST /preview HTTP/1.1\r\n" + host + fields + b"\r\n" + body + smuggled)
            assert got[9:12] in (b"400", b"501"), (fields, got)
            assert got.count(b"HTTP/1.1 ") == 1, (fields, got)  # nothing that came behind it is answered
        old = b"POST /preview HTTP/1.0\r\nHost: news.example.org:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        assert (await ask(port, old))[9:12] in (b"400", b"501")
        # Line ends of one letter and folded lines are allowed (RFC 9112 sections 2.2 and 5.2) and mean one header.
        plain = b"GET /healthz HTTP/1.1\nHost: news.example.org:443\nX-A: a\n b\nConnection: close\n\n"
        assert (await ask(port, plain)).startswith(b"HTTP/1.1 200")
