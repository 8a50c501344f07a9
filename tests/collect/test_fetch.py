from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import TCPConnector, web
from aiohttp.abc import AbstractResolver, ResolveResult

from newsletter.collect import fetch
from newsletter.collect.fetch import HttpFetcher
from newsletter.errors import FetchError
from newsletter.model import Fetched, Validators

BODY = b'[{"paper": 1}]'
HASH = hashlib.sha256(BODY).hexdigest()


class Site:
    """A local server with one path for each kind of trouble; it remembers what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.at_once = 0
        self.most_at_once = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            name = request.path.strip("/").replace("-", "_")
            response: web.StreamResponse = await getattr(self, f"on_{name}")(request)
            return response
        finally:
            self.at_once -= 1

    async def on_papers(self, request: web.Request) -> web.Response:
        await asyncio.sleep(0.01)
        return web.Response(
            body=BODY,
            headers={"ETag": '"7"', "Last-Modified": "Tue, 16 Jun 2026 08:00:00 GMT", "Set-Cookie": "a=b"},
        )

    async def on_cached(self, request: web.Request) -> web.Response:
        known = request.headers.get("If-None-Match") == '"7"'
        return web.Response(status=304) if known else web.Response(body=BODY, headers={"ETag": '"7"'})

    async def on_always_304(self, request: web.Request) -> web.Response:
        return web.Response(status=304)

    async def on_broken(self, request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def on_busy(self, request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "120"})

    async def on_down(self, request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "Tue, 16 Jun 2026 08:00:00 GMT"})

    async def on_gone(self, request: web.Request) -> web.Response:
        return web.Response(status=410)

    async def on_zipped(self, request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(BODY), headers={"Content-Encoding": "gzip"})

    async def on_not_zipped(self, request: web.Request) -> web.Response:
        return web.Response(body=BODY, headers={"Content-Encoding": "gzip"})

    async def on_bomb(self, request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})

    async def on_endless(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, b"x" * 100_000, pause_s=0)

    async def on_drip(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, b"x", pause_s=0.02)

    async def on_cut(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(BODY)
        assert request.transport is not None
        request.transport.close()
        return response

    async def on_moved(self, request: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": "/papers"})

    async def on_loop(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/loop"})

    async def on_to_file(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "file:///etc/hostname"})

    async def on_to_plain(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://plain.example.org/"})

    async def on_to_nowhere(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://["})

    @staticmethod
    async def _stream(request: web.Request, piece: bytes, pause_s: float) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2_000):
            await response.write(piece)
            await asyncio.sleep(pause_s)
        return response


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/{name:.*}", site.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield site
    await runner.cleanup()


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[HttpFetcher]:
    fetcher = HttpFetcher(
        version="1.2",
        contact="mailto:ops@example.org",
        base_folder=tmp_path,
        deadline_s=1.0,
        max_body_bytes=1_000_000,
    )
    yield fetcher
    await fetcher.close()


async def test_answer_comes_with_its_validators(site: Site, fetcher: HttpFetcher) -> None:
    fetched = await fetcher.fetch(site.url + "papers", None)

    assert fetched == Fetched(
        BODY, site.url + "papers", Validators('"7"', "Tue, 16 Jun 2026 08:00:00 GMT", content_hash=HASH)
    )


async def test_we_say_who_we_are_and_keep_no_cookies(site: Site, fetcher: HttpFetcher) -> None:
    await fetcher.fetch(site.url + "papers", None)
    await fetcher.fetch(site.url + "papers", None)

    assert site.requests[0].headers["User-Agent"] == "newsletter/1.2 (+mailto:ops@example.org)"
    assert "Cookie" not in site.requests[1].headers


async def test_unchanged_answer_is_none(site: Site, fetcher: HttpFetcher) -> None:
    assert await fetcher.fetch(site.url + "cached", Validators(etag='"7"')) is None
    assert await fetcher.fetch(site.url + "cached", Validators(etag='"6"')) is not None


async def test_both_validators_are_sent(site: Site, fetcher: HttpFetcher) -> None:
    await fetcher.fetch(site.url + "papers", Validators('"7"', "Mon, 15 Jun 2026 08:00:00 GMT"))

    assert site.requests[0].headers["If-None-Match"] == '"7"'
    assert site.requests[0].headers["If-Modified-Since"] == "Mon, 15 Jun 2026 08:00:00 GMT"


async def test_equal_body_of_a_server_without_validators_is_none(site: Site, fetcher: HttpFetcher) -> None:
    assert await fetcher.fetch(site.url + "zipped", Validators(content_hash=HASH)) is None


async def test_compressed_answer_is_unpacked(site: Site, fetcher: HttpFetcher) -> None:
    fetched = await fetcher.fetch(site.url + "zipped", None)

    assert fetched is not None
    assert fetched.body == BODY


async def test_redirect_is_followed_and_the_final_address_told(site: Site, fetcher: HttpFetcher) -> None:
    fetched = await fetcher.fetch(site.url + "moved", None)

    assert fetched is not None
    assert (fetched.body, fetched.url) == (BODY, site.url + "papers")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("broken", 500, "answered 500 Internal Server Error"),
        ("busy", 429, "answered 429 Too Many Requests; asks to come back after 120 s"),
        (
            "down",
            503,
            "answered 503 Service Unavailable; asks to come back after Tue, 16 Jun 2026 08:00:00 GMT",
        ),
        ("gone", 410, "answered 410 Gone"),
        ("always-304", 304, "answered 304 Not Modified"),
        ("endless", 200, "more than 1 MB"),
        ("bomb", 200, "more than 1 MB"),
        ("drip", 0, "not finished after 1 s"),
        ("cut", 0, ""),
        ("not-zipped", 0, ""),
        ("loop", 0, "more than 5 redirects"),
        ("to-file", 0, "only https: is fetched"),
        ("to-plain", 0, "http://plain.example.org/: only https: is fetched"),
        ("to-nowhere", 0, ""),
    ],
)
async def test_trouble_is_a_fetch_error_that_says_what_happened(
    site: Site, fetcher: HttpFetcher, path: str, status: int, message: str
) -> None:
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(site.url + path, None)

    assert message in str(caught.value)
    assert caught.value.status == status
    assert caught.value.url == site.url + path


async def test_closed_port_is_a_fetch_error(fetcher: HttpFetcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(FetchError, match="cannot connect: Connection refused"):
            await fetcher.fetch(url, None)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://example.org/feed.xml", "only https: is fetched"),
        ("http://127.0.0.1.example.org/", "only https: is fetched"),
        ("ftp://example.org/feed.xml", "use an https: URL or a file path, not ftp:"),
        ("file:///etc/hostname", "not file:"),
        ("file:/etc/hostname", "not file:"),
        ("https://", "has no host"),
        ("https://[", "Invalid IPv6"),
        ("https://example.org:port/", ""),
    ],
)
async def test_wrong_address_is_a_fetch_error(fetcher: HttpFetcher, location: str, message: str) -> None:
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(location, None)

    assert message in str(caught.value)


async def test_server_that_speaks_no_tls_is_a_fetch_error(site: Site, fetcher: HttpFetcher) -> None:
    with pytest.raises(FetchError, match="no secure connection"):
        await fetcher.fetch(site.url.replace("http:", "https:"), None)


class NoNames(AbstractResolver):
    """A name server that knows nobody."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        raise OSError("Name or service not known")

    async def close(self) -> None:
        pass


async def test_unknown_name_is_a_fetch_error(fetcher: HttpFetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_build_connector", lambda: TCPConnector(resolver=NoNames()))

    with pytest.raises(FetchError, match=r"the name papers\.invalid cannot be resolved"):
        await fetcher.fetch("https://papers.invalid/", None)


async def test_login_in_an_address_is_not_shown(fetcher: HttpFetcher) -> None:
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch("http://reader:geheim@example.org/", None)

    assert "geheim" not in str(caught.value)


async def test_one_host_is_asked_one_thing_at_a_time(site: Site, fetcher: HttpFetcher) -> None:
    await asyncio.gather(*(fetcher.fetch(site.url + "papers", None) for _ in range(8)))

    assert site.most_at_once == 1


async def test_wait_for_the_host_does_not_count_against_the_deadline(site: Site, tmp_path: Path) -> None:
    fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path, deadline_s=0.3)

    results = await asyncio.gather(
        fetcher.fetch(site.url + "drip", None),
        fetcher.fetch(site.url + "papers", None),
        return_exceptions=True,
    )
    await fetcher.close()

    assert isinstance(results[0], FetchError)
    assert isinstance(results[1], Fetched)


# --- files --------------------------------------------------------------------------------


async def test_file_is_read_relative_to_the_base_folder(fetcher: HttpFetcher, tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_bytes(BODY)

    assert await fetcher.fetch("papers.json", None) == Fetched(
        BODY, "papers.json", Validators(content_hash=HASH)
    )
    assert await fetcher.fetch(str(tmp_path / "papers.json"), None) is not None


async def test_unchanged_file_is_none(fetcher: HttpFetcher, tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_bytes(BODY)

    assert await fetcher.fetch("papers.json", Validators(content_hash=HASH)) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "there is no such file"),
        (".", "is not a file"),
        ("pipe", "is not a file"),
        ("huge", "more than 1 MB"),
        ("nul\x00", "nul"),
        ("x" * 5_000, "name too long"),
    ],
)
async def test_file_that_cannot_be_read_is_a_fetch_error(
    fetcher: HttpFetcher, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "huge").write_bytes(bytes(1_000_001))
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(name, None)

    assert message in str(caught.value)


async def test_fetcher_that_was_never_used_can_be_closed(tmp_path: Path) -> None:
    await HttpFetcher(version="1", contact="", base_folder=tmp_path).close()
