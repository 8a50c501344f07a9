from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import socket
import ssl
import sys
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache, partial
from pathlib import Path

import brotli
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from newsletter.collect import fetch, ssrf
from newsletter.collect.fetch import HttpFetcher
from newsletter.errors import FetchError
from newsletter.model.sources import Fetched, NotModified, Validators
from tests.collect.bad_server import http, serving

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pack_gzip = partial(gzip.compress, mtime=0)
"""Each process that collects these tests makes the same bytes, and so the same names."""

BODY = b'[{"paper": 1}]'
BOMB = pack_gzip(bytes(20_000_000), compresslevel=1)
PACK_BIG: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(pack_gzip, compresslevel=1),
    "br": partial(brotli.compress, quality=5),
    "zstd": zstd.compress,
}
LONG_BODY = os.urandom(100_000)
PACKED = {
    "gzip": pack_gzip(LONG_BODY),
    "deflate": zlib.compress(LONG_BODY),
    "br": brotli.compress(LONG_BODY),
    "zstd": zstd.compress(LONG_BODY),
}
HASH = hashlib.sha256(BODY).hexdigest()


@cache
def big_bomb(coding: str) -> bytes:
    """Return bytes that unpack to 200 MB. It takes a second: a process that only collects the tests needs none."""
    return PACK_BIG[coding](bytes(200_000_000))


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
        return web.Response(status=503)

    async def on_busy_for_a_moment(self, request: web.Request) -> web.Response:
        if self.requests.count(request) and len(self.requests) < 3:
            return web.Response(status=429, headers={"Retry-After": "0"})
        return web.Response(body=BODY)

    async def on_busy_until_a_date(self, request: web.Request) -> web.Response:
        headers = {"Date": "Tue, 16 Jun 2026 08:00:00 GMT", "Retry-After": "Tue, 16 Jun 2026 09:00:00 GMT"}
        return web.Response(status=429, headers=headers)

    async def on_busy_for_ever(self, request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "999999999999"})

    async def on_gone(self, request: web.Request) -> web.Response:
        return web.Response(status=410)

    async def on_zipped(self, request: web.Request) -> web.Response:
        return web.Response(body=pack_gzip(BODY), headers={"Content-Encoding": "gzip"})

    async def on_not_zipped(self, request: web.Request) -> web.Response:
        return web.Response(body=BODY, headers={"Content-Encoding": "gzip"})

    async def on_bomb(self, request: web.Request) -> web.Response:
        return web.Response(body=BOMB, headers={"Content-Encoding": "gzip"})

    async def on_big_bomb(self, request: web.Request) -> web.Response:
        coding = request.query["coding"]
        return web.Response(body=big_bomb(coding), headers={"Content-Encoding": coding})

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

    async def on_moved_for_good(self, request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "/moved"})

    async def on_moved_for_now(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/moved"})

    async def on_moved_and_cached(self, request: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": "/cached"})

    async def on_far(self, request: web.Request) -> web.Response:
        number = int(request.query.get("n", "0"))
        return web.Response(status=302, headers={"Location": f"/far?n={number + 1}"})

    async def on_to(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["url"]})

    async def on_brotli(self, request: web.Request) -> web.Response:
        return web.Response(body=brotli.compress(BODY), headers={"Content-Encoding": "br"})

    async def on_zstd(self, request: web.Request) -> web.Response:
        return web.Response(body=zstd.compress(BODY), headers={"Content-Encoding": "zstd"})

    async def on_closing(self, request: web.Request) -> web.Response:
        return web.Response(body=BODY, headers={"Connection": "close"})

    async def on_loop(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/loop"})

    async def on_to_file(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "file:///etc/hostname"})

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
async def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpFetcher]:
    """A fetcher with the guard on, for which only 127.0.0.1 counts as public: there the tests' site is."""
    monkeypatch.setattr(fetch, "why_refused", lambda ip: "" if ip == "127.0.0.1" else ssrf.why_refused(ip))
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=tmp_path, deadline_s=2.0, backoff_s=0.01, resolver=Names()
    )
    yield fetcher
    await fetcher.close()


async def test_answer_comes_with_its_validators(site: Site, fetcher: HttpFetcher) -> None:
    fetched = await fetcher.fetch(site.url + "papers", None)

    assert fetched == Fetched(
        BODY,
        site.url + "papers",
        Validators('"7"', "Tue, 16 Jun 2026 08:00:00 GMT", content_hash=HASH),
        content_type="application/octet-stream",
    )


async def test_we_say_who_we_are_and_keep_no_cookies(site: Site, fetcher: HttpFetcher) -> None:
    await fetcher.fetch(site.url + "papers", None)
    await fetcher.fetch(site.url + "papers", None)

    assert site.requests[0].headers["User-Agent"] == "newsletter/1.2 (+mailto:ops@example.org)"
    assert "Cookie" not in site.requests[1].headers
    assert site.requests[0].headers["Accept-Encoding"] == "gzip, deflate, br, zstd"


async def test_unchanged_answer_is_told(site: Site, fetcher: HttpFetcher) -> None:
    assert await fetcher.fetch(site.url + "cached", Validators(etag='"7"')) == NotModified()
    assert isinstance(await fetcher.fetch(site.url + "cached", Validators(etag='"6"')), Fetched)


async def test_both_validators_are_sent(site: Site, fetcher: HttpFetcher) -> None:
    await fetcher.fetch(site.url + "papers", Validators('"7"', "Mon, 15 Jun 2026 08:00:00 GMT"))

    assert site.requests[0].headers["If-None-Match"] == '"7"'
    assert site.requests[0].headers["If-Modified-Since"] == "Mon, 15 Jun 2026 08:00:00 GMT"


async def test_equal_body_of_a_server_without_validators_is_unchanged(
    site: Site, fetcher: HttpFetcher
) -> None:
    assert await fetcher.fetch(site.url + "zipped", Validators(content_hash=HASH)) == NotModified()


@pytest.mark.parametrize("path", ["zipped", "brotli", "zstd"])
async def test_compressed_answer_is_unpacked(site: Site, fetcher: HttpFetcher, path: str) -> None:
    fetched = await fetcher.fetch(site.url + path, None)

    assert isinstance(fetched, Fetched)
    assert fetched.body == BODY


async def test_redirect_is_followed_and_the_final_address_told(site: Site, fetcher: HttpFetcher) -> None:
    fetched = await fetcher.fetch(site.url + "moved", None)

    assert isinstance(fetched, Fetched)
    assert (fetched.body, fetched.url) == (BODY, site.url + "papers")


@pytest.mark.parametrize(
    ("path", "moved_to"),
    [("moved", "papers"), ("moved-for-good", "papers"), ("moved-for-now", ""), ("papers", "")],
)
async def test_only_permanent_redirects_are_a_new_address(
    site: Site, fetcher: HttpFetcher, path: str, moved_to: str
) -> None:
    fetched = await fetcher.fetch(site.url + path, None)

    assert isinstance(fetched, Fetched)
    assert fetched.moved_to == (site.url + moved_to if moved_to else "")


async def test_validators_are_sent_through_a_redirect(site: Site, fetcher: HttpFetcher) -> None:
    answer = await fetcher.fetch(site.url + "moved-and-cached", Validators(etag='"7"'))

    assert answer == NotModified(site.url + "cached")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("broken", 500, "answered 500 Internal Server Error"),
        ("busy", 429, "answered 429 Too Many Requests; asks to come back after 120 s"),
        ("busy-until-a-date", 429, "answered 429 Too Many Requests; asks to come back after 3600 s"),
        ("down", 503, "answered 503 Service Unavailable"),
        ("gone", 410, "answered 410 Gone; permanently gone"),
        ("always-304", 304, "answered 304 Not Modified, although all of it was asked for"),
        ("endless", 200, "more than 1 MB"),
        ("bomb", 200, "more than 1 MB"),
        ("drip", 0, "not finished after 1 s"),
        ("cut", 0, "the response is truncated"),
        ("loop", 0, "redirect loop"),
        ("far", 0, "more than 20 redirects"),
        ("to-file", 0, "only https: and http: are supported"),
        ("to-nowhere", 0, "redirects to 'http://['"),
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


async def test_unknown_name_is_a_fetch_error(tmp_path: Path) -> None:
    fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path, backoff_s=0.01, resolver=NoNames())

    with pytest.raises(FetchError, match=r"the host name papers\.invalid cannot be resolved"):
        await fetcher.fetch("https://papers.invalid/", None)
    await fetcher.close()


async def test_login_in_an_address_is_not_shown(site: Site, fetcher: HttpFetcher) -> None:
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(f"http://reader:geheim@{site.url.removeprefix('http://')}broken", None)

    assert "geheim" not in str(caught.value)
    assert caught.value.url == site.url + "broken"


async def test_login_in_an_address_is_sent_but_does_not_come_back_with_the_answer(
    site: Site, fetcher: HttpFetcher
) -> None:
    with_login = site.url.replace("http://", "http://reader:geheim@")
    fetched = await fetcher.fetch(with_login + "moved", None)

    assert isinstance(fetched, Fetched)
    assert all("Authorization" in request.headers for request in site.requests)
    assert fetched.url == site.url + "papers"
    assert fetched.moved_to == with_login + "papers"


async def test_login_in_an_address_that_cannot_be_asked_is_not_shown(fetcher: HttpFetcher) -> None:
    with pytest.raises(FetchError, match="is not a valid address") as caught:
        await fetcher.fetch("http://reader:geheim@127.1/", None)

    assert "geheim" not in str(caught.value)


async def test_one_host_is_asked_one_thing_at_a_time(site: Site, fetcher: HttpFetcher) -> None:
    await asyncio.gather(*(fetcher.fetch(site.url + "papers", None) for _ in range(8)))

    assert site.most_at_once == 1


async def test_wait_for_the_host_does_not_count_against_the_deadline(site: Site, tmp_path: Path) -> None:
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=tmp_path, deadline_s=0.3, allow_private_hosts=True
    )

    results = await asyncio.gather(
        fetcher.fetch(site.url + "drip", None),
        fetcher.fetch(site.url + "papers", None),
        return_exceptions=True,
    )
    await fetcher.close()

    assert isinstance(results[0], FetchError)
    assert isinstance(results[1], Fetched)


# --- bytes that no proper server sends ------------------------------------------------------


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("missing", [1, 4, 50_000])
async def test_packed_answer_that_is_cut_is_no_answer(
    fetcher: HttpFetcher, coding: str, missing: int
) -> None:
    cut = PACKED[coding][:-missing]
    began = time.monotonic()
    async with serving(http("200 OK", cut, b"Content-Encoding: " + coding.encode())) as server:
        with pytest.raises(FetchError, match="the response is truncated"):
            await fetcher.fetch(server.url, None)

    assert len(server.asked) == 3
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (http("200 OK", BODY, length=999), "the response is truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n[", "the response is truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n", "is truncated"),
        (http("200 OK", BODY, length=3), "the response is not valid HTTP"),
        (http("200 OK", BODY, b"Content-Length: 9"), "the response is not valid HTTP"),
        (http("200 OK", BODY, b"Transfer-Encoding: chunked"), "the response is not valid HTTP"),
        (b"\x00\x01 hello\r\n\r\n", "the response is not valid HTTP"),
        (b"", "the server closed the connection"),
    ],
)
async def test_answer_that_breaks_the_protocol_is_no_answer(
    fetcher: HttpFetcher, answer: bytes, message: str
) -> None:
    async with serving(answer) as server:
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch(server.url, None)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"UTF-8", BODY),
        (b"gzip", BODY),
        (b"gzip", pack_gzip(BODY) + bytes(3)),
        (b"gzip, gzip", pack_gzip(BODY)),
        (b"gzip\r\nContent-Encoding: gzip", pack_gzip(BODY)),
        (b"gzip\r\nContent-Encoding: br", brotli.compress(pack_gzip(BODY))),
        (b"", pack_gzip(BODY)),
    ],
)
async def test_packing_is_what_the_bytes_say(fetcher: HttpFetcher, coding: bytes, body: bytes) -> None:
    async with serving(http("200 OK", body, b"Content-Encoding: " + coding)) as server:
        answer = await fetcher.fetch(server.url, None)

    assert isinstance(answer, Fetched)
    assert answer.body == BODY


@pytest.mark.parametrize(
    "headers",
    [
        [b"Content-Security-Policy: " + b"x" * 8_500],
        [b"Set-Cookie: a=" + b"x" * 20_000],
        [b"Link: " + b"x" * 65_000],
        [b"X-" + b"x" * 10_000 + b": 1"],
        [b"X: " + b" " * 9_000 + b"1"],
        [b"X-%d: %d" % (n, n) for n in range(200)],
        [b"X-%d: %d" % (n, n) for n in range(900)],
        [b"Set-Cookie: c%d=%s" % (n, b"x" * 4_000) for n in range(15)],
        [b"Report-To: " + b"x" * 9_000, b"NEL: " + b"x" * 9_000, b"Permissions-Policy: " + b"x" * 9_000],
        [b"X-Empty:"] * 500,
        [b"X: " + "ü".encode() * 10_000],
        [b"X: " + b"\xfc" * 10_000],
    ],
)
async def test_long_headers_are_read(fetcher: HttpFetcher, headers: list[bytes]) -> None:
    async with serving(http("200 OK", BODY, *headers)) as server:
        assert isinstance(await fetcher.fetch(server.url, None), Fetched)


@pytest.mark.parametrize(
    "headers",
    [
        [b"X: " + b"x" * 70_000],
        [b"X: " + b"x" * 500_000],
        [b"X" * 70_000 + b": 1"],
        [b"X: " + b"x" * 40_000, b"Y: " + b"x" * 40_000],
        [b"X-%d: %s" % (n, b"x" * 1_000) for n in range(100)],
        [b"X: 1"] * 5_000,
    ],
)
async def test_headers_beyond_measure_are_refused_at_once(fetcher: HttpFetcher, headers: list[bytes]) -> None:
    async with serving(http("200 OK", BODY, *headers)) as server:
        with pytest.raises(FetchError, match="sends more than 64 kB or 1000 lines of headers") as caught:
            await fetcher.fetch(server.url, None)

    assert len(server.asked) == 1
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("status", [200, 201, 202, 203, 214, 218, 226, 250, 299])
async def test_every_good_status_with_a_body_is_an_answer(fetcher: HttpFetcher, status: int) -> None:
    async with serving(http(f"{status} Odd", BODY)) as server:
        answer = await fetcher.fetch(server.url, None)

    assert isinstance(answer, Fetched)
    assert answer.body == BODY


@pytest.mark.parametrize(
    "status", ["204 No Content", "205 Reset Content", "206 Partial Content", "300 Choices"]
)
async def test_status_that_promises_no_whole_body_is_none(fetcher: HttpFetcher, status: str) -> None:
    async with serving(http(status, b"")) as server:
        with pytest.raises(FetchError, match=f"answered {status}"):
            await fetcher.fetch(server.url, None)

    assert len(server.asked) == 1


async def test_headers_that_are_no_utf_8_come_as_text_that_can_be_stored(fetcher: HttpFetcher) -> None:
    answer = http("200 OK", BODY, b'ETag: "\xe9"', b"Last-Modified: M\xe4rz", b"Content-Type: text/\xe9")
    async with serving(answer) as server:
        fetched = await fetcher.fetch(server.url, None)

    assert isinstance(fetched, Fetched)
    assert fetched.validators.etag == '"\N{REPLACEMENT CHARACTER}"'
    str(fetched).encode()


async def test_status_line_that_is_no_utf_8_can_be_told(fetcher: HttpFetcher) -> None:
    async with serving(b"HTTP/1.1 404 Nicht gef\xfcnden\r\nContent-Length: 0\r\n\r\n") as server:
        with pytest.raises(FetchError, match="answered 404 Nicht gef") as caught:
            await fetcher.fetch(server.url, None)

    str(caught.value).encode()


@pytest.mark.parametrize(
    ("target", "asked"),
    [(b"/caf\xe9", "/caf%E9"), ("/café".encode(), "/caf%C3%A9"), (b"/a b", "/a%20b")],
)
async def test_redirect_that_is_not_escaped_is_followed(
    fetcher: HttpFetcher, target: bytes, asked: str
) -> None:
    async with serving(http("301 Moved", b"", b"Location: " + target), http("200 OK", BODY)) as server:
        fetched = await fetcher.fetch(server.url, None)

    assert isinstance(fetched, Fetched)
    assert server.asked[1].startswith(f"GET {asked} HTTP/1.1")
    fetched.moved_to.encode()


# --- patience -----------------------------------------------------------------------------


async def test_server_that_is_well_again_is_read(fetcher: HttpFetcher) -> None:
    async with serving(http("500 Oh"), b"", http("200 OK", BODY)) as server:
        answer = await fetcher.fetch(server.url, None)

    assert isinstance(answer, Fetched)
    assert len(server.asked) == 3


@pytest.mark.parametrize("date", [b"Date: Tue, 16 Jun 2026 08:00:00 GMT", b"X-Date: none"])
async def test_server_is_left_alone_for_as_long_as_it_asks(tmp_path: Path, date: bytes) -> None:
    now = datetime.now(UTC) if b"none" in date else datetime(2026, 6, 16, 8, tzinfo=UTC)
    until = format_datetime(now + timedelta(seconds=2), usegmt=True).encode()
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=tmp_path, deadline_s=5, allow_private_hosts=True, backoff_s=0.01
    )
    began = time.monotonic()
    async with serving(
        http("503 Later", b"", date, b"Retry-After: " + until), http("200 OK", BODY)
    ) as server:
        answer = await fetcher.fetch(server.url, None)
    await fetcher.close()

    assert isinstance(answer, Fetched)
    assert 0.9 <= time.monotonic() - began < 4  # a date has no fractions of a second


async def test_host_that_takes_the_connection_but_says_nothing_is_tried_again(fetcher: HttpFetcher) -> None:
    connections = []
    server = await asyncio.start_server(lambda *pair: connections.append(pair), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(FetchError, match=r"cannot connect: no answer after 0\.25 s"):
        await fetcher.fetch(f"https://127.0.0.1:{port}/", None)
    for _, writer in connections:
        writer.close()
    server.close()

    assert len(connections) == 3


async def test_what_fails_for_a_moment_is_tried_again(site: Site, fetcher: HttpFetcher) -> None:
    answer = await fetcher.fetch(site.url + "busy-for-a-moment", None)

    assert isinstance(answer, Fetched)
    assert len(site.requests) == 3


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("broken", 3),
        ("down", 3),
        ("busy", 1),
        ("busy-until-a-date", 1),
        ("gone", 1),
        ("bomb", 1),
        ("loop", 1),
    ],
)
async def test_only_what_may_be_over_soon_is_tried_again(
    site: Site, fetcher: HttpFetcher, path: str, asked: int
) -> None:
    with pytest.raises(FetchError):
        await fetcher.fetch(site.url + path, None)

    assert len(site.requests) == asked


async def test_a_host_in_trouble_is_asked_but_not_again_and_again(site: Site, fetcher: HttpFetcher) -> None:
    for _ in range(3):
        with pytest.raises(FetchError):
            await fetcher.fetch(site.url + "broken", None)
    assert len(site.requests) == 3 + 1 + 1

    await fetcher.fetch(site.url + "papers", None)
    with pytest.raises(FetchError):
        await fetcher.fetch(site.url + "broken", None)
    assert len(site.requests) == 3 + 1 + 1 + 1 + 3


@pytest.mark.parametrize(
    ("path", "retry_after_s"),
    [("busy", 120), ("busy-until-a-date", 3600), ("busy-for-ever", 86_400), ("broken", None)],
)
async def test_a_server_that_asks_us_to_stay_away_is_told(
    site: Site, fetcher: HttpFetcher, path: str, retry_after_s: float | None
) -> None:
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(site.url + path, None)

    assert caught.value.retry_after_s == retry_after_s


async def test_hosts_that_ask_for_pauses_get_them(site: Site, tmp_path: Path) -> None:
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=tmp_path, allow_private_hosts=True, courtesy_s={"127.0.0.1": 0.1}
    )
    began = time.monotonic()
    await asyncio.gather(*(fetcher.fetch(site.url + "papers", None) for _ in range(4)))
    await fetcher.close()

    assert time.monotonic() - began >= 0.3


async def test_arxiv_is_asked_every_three_seconds_under_all_its_names() -> None:
    assert fetch.COURTESY_S["arxiv.org"] == 3.0


# --- the guard ----------------------------------------------------------------------------


class Names(AbstractResolver):
    """A name server whose answers the test writes; without any, it says that a name is 127.0.0.1."""

    def __init__(self) -> None:
        self.answers: list[list[str]] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if self.answers else ["127.0.0.1"]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


async def test_this_machine_is_refused_unless_the_operator_allows_it(site: Site, tmp_path: Path) -> None:
    fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path)
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 is this machine; 'fetch: {allow_private_hosts: on}'"):
        await fetcher.fetch(site.url + "papers", None)
    await fetcher.close()

    assert site.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://127.0.0.2/",
        "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://198.18.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::]/",
        "http://[2001:0:a00:1::]/",
    ],
)
async def test_a_redirect_to_an_address_that_is_not_public_is_refused(
    site: Site, guarded: HttpFetcher, target: str
) -> None:
    with pytest.raises(FetchError, match=r"(is|stands for) .*allow_private_hosts"):
        await guarded.fetch(f"{site.url}to?url={target}", None)

    assert len(site.requests) == 1


async def test_a_redirect_to_another_port_is_refused(site: Site, guarded: HttpFetcher) -> None:
    with pytest.raises(FetchError, match="unusual port 22"):
        await guarded.fetch(f"{site.url}to?url=http://127.0.0.1:22/", None)


async def test_a_name_that_changes_its_mind_is_refused_the_second_time(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "why_refused", lambda ip: "" if ip == "127.0.0.1" else ssrf.why_refused(ip))
    names = Names()
    names.answers = [["127.0.0.1"], ["127.0.0.2", "10.0.0.1"]]
    fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path, resolver=names)
    url = site.url.replace("127.0.0.1", "papers.example.org") + "closing"

    assert isinstance(await fetcher.fetch(url, None), Fetched)
    with pytest.raises(FetchError, match=r"(is this machine|is a private network).*allow_private_hosts"):
        await fetcher.fetch(url, None)
    await fetcher.close()


@pytest.mark.parametrize("coding", PACK_BIG)
async def test_a_bomb_is_left_before_it_fills_the_memory(
    site: Site, fetcher: HttpFetcher, coding: str
) -> None:
    big_bomb(coding)  # made before the time for the answer runs
    tracemalloc.start()
    try:
        with pytest.raises(FetchError, match="more than 1 MB"):
            await fetcher.fetch(f"{site.url}big-bomb?coding={coding}", None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4_000_000


async def test_files_do_not_pass_the_guard(guarded: HttpFetcher, tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_bytes(BODY)

    assert isinstance(await guarded.fetch("papers.json", None), Fetched)


# --- TLS ----------------------------------------------------------------------------------


def trust(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have aiohttp trust the certificate that make_tls_context has made."""
    context = ssl.create_default_context(cafile=folder / "server.pem")
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", context)


async def test_certificate_of_the_right_name_is_accepted(
    fetcher: HttpFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_tls_context(tmp_path, "localhost")
    trust(tmp_path, monkeypatch)
    async with serving(http("200 OK", BODY), tls=tls) as server:
        assert isinstance(await fetcher.fetch(server.url, None), Fetched)


async def test_certificate_of_another_name_is_refused(
    fetcher: HttpFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_tls_context(tmp_path, "other.example.org")
    trust(tmp_path, monkeypatch)
    async with serving(http("200 OK", BODY), tls=tls) as server:
        with pytest.raises(FetchError, match=r"no secure connection.*Hostname mismatch"):
            await fetcher.fetch(server.url, None)

    assert server.asked == []


async def test_certificate_that_nobody_vouches_for_is_refused(fetcher: HttpFetcher, tmp_path: Path) -> None:
    tls = make_tls_context(tmp_path, "localhost")
    async with serving(http("200 OK", BODY), tls=tls) as server:
        with pytest.raises(FetchError, match=r"no secure connection.*self-signed"):
            await fetcher.fetch(server.url, None)

    assert server.asked == []


async def test_https_does_not_lead_back_to_http(
    fetcher: HttpFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_tls_context(tmp_path, "localhost")
    trust(tmp_path, monkeypatch)
    async with serving(http("200 OK", BODY)) as plain:
        to_plain = http("301 Moved", b"", b"Location: " + plain.url.encode())
        async with serving(to_plain, tls=tls) as secure:
            to_secure = http("301 Moved", b"", b"Location: " + secure.url.encode())
            async with serving(to_secure) as first:
                for location in (secure.url, first.url):
                    with pytest.raises(FetchError, match="https: must not redirect to http:"):
                        await fetcher.fetch(location, None)

    assert plain.asked == []


def make_tls_context(folder: Path, name: str) -> ssl.SSLContext:
    """Return a server's context with a certificate that it signed itself for this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


# --- files --------------------------------------------------------------------------------


async def test_file_is_read_relative_to_the_base_folder(fetcher: HttpFetcher, tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_bytes(BODY)

    assert await fetcher.fetch("papers.json", None) == Fetched(
        BODY, "papers.json", Validators(content_hash=HASH)
    )
    assert isinstance(await fetcher.fetch(str(tmp_path / "papers.json"), None), Fetched)


async def test_unchanged_file_is_told(fetcher: HttpFetcher, tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_bytes(BODY)

    assert await fetcher.fetch("papers.json", Validators(content_hash=HASH)) == NotModified()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "there is no such file"),
        (".", "it is a folder, not a file"),
        ("pipe", "it is a named pipe, not a file"),
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
