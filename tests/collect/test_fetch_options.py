"""What an operator may say about how a source is asked: to whom it is sent, and to whom not."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from newsletter.collect.fetch import HttpFetcher, is_same_origin
from newsletter.collect.proxies import read_proxies
from newsletter.errors import FetchError
from newsletter.model.sources import Fetched, RequestOptions
from tests.collect.bad_server import http, serving
from tests.collect.proxy_server import proxying
from tests.collect.test_fetch import make_tls_context, trust

BODY = b"<rss></rss>"
READ = http("200 OK", BODY)
SECRET = "geheim"


def sent(head: str) -> dict[str, str]:
    """Return the headers of a request."""
    return dict(re.findall(r"^([\w-]+): (.*?)\r$", head, re.M))


def make_options(home: str, **others: object) -> RequestOptions:
    """Options with a secret header and a secret cookie."""
    return RequestOptions(
        home,
        (("Authorization", f"Bearer {SECRET}"), ("Accept", "text/xml")),
        (("session", SECRET), ("consent", "yes")),
        **others,  # type: ignore[arg-type]
    )


async def test_source_is_asked_as_its_operator_says(fetcher: HttpFetcher) -> None:
    async with serving(READ) as server:
        await fetcher.fetch(server.url, None, make_options(server.url, user_agent="Mozilla/5.0 (X11)"))
        await fetcher.fetch(server.url, None)

    with_options, without = map(sent, server.asked)
    assert with_options["Authorization"] == "Bearer geheim"
    assert with_options["Accept"] == "text/xml"
    assert with_options["Cookie"] == "session=geheim; consent=yes"
    assert with_options["User-Agent"] == "Mozilla/5.0 (X11)"
    assert not {"Authorization", "Cookie"} & without.keys()
    assert without["User-Agent"].startswith("newsletter/")
    assert without["Accept"].startswith("application/atom+xml")


async def test_header_and_cookie_stay_at_home_when_a_redirect_leads_away(fetcher: HttpFetcher) -> None:
    async with (
        serving(READ) as other,
        serving(http("302 Found", b"", b"Location: " + other.url.encode())) as home,
    ):
        await fetcher.fetch(home.url, None, make_options(home.url, user_agent="Lab"))

    assert "geheim" in home.asked[0]
    assert "geheim" not in other.asked[0]
    assert sent(other.asked[0])["Accept"].startswith("application/atom+xml")
    assert sent(other.asked[0])["User-Agent"] == "Lab"


async def test_header_and_cookie_come_back_home_with_a_redirect(fetcher: HttpFetcher) -> None:
    async with serving() as home, serving() as other:
        home.answers += [http("302 Found", b"", b"Location: " + other.url.encode()), READ]
        other.answers += [http("302 Found", b"", b"Location: " + home.url.encode() + b"feed")]
        await fetcher.fetch(home.url, None, make_options(home.url))

    assert ["geheim" in head for head in home.asked] == [True, True]
    assert ["geheim" in head for head in other.asked] == [False]


async def test_page_of_another_host_that_the_source_leads_to_gets_no_secret(fetcher: HttpFetcher) -> None:
    async with serving(READ) as other:
        await fetcher.fetch(other.url, None, make_options("https://papers.example.org/"))

    assert "geheim" not in other.asked[0]


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_refusal_elsewhere_says_that_nothing_was_sent(fetcher: HttpFetcher, status: str) -> None:
    async with serving(http(status)) as other:
        with pytest.raises(
            FetchError, match="headers and cookies are not sent there, because its own address"
        ) as no:
            await fetcher.fetch(other.url, None, make_options("https://papers.example.org/"))
    async with serving(http(status)) as home:
        with pytest.raises(FetchError, match=f"answered {status}; i[tf]") as yes:
            await fetcher.fetch(home.url, None, make_options(home.url))

    assert "geheim" not in str(no.value) + str(yes.value)


async def test_cookie_that_the_server_renews_is_sent_as_it_is_then(fetcher: HttpFetcher) -> None:
    again = http("302 Found", b"", b"Location: /feed", b"Set-Cookie: session=renewed; Path=/")
    async with serving(again, READ) as server:
        await fetcher.fetch(server.url, None, make_options(server.url))

    assert sent(server.asked[1])["Cookie"] == "session=renewed; consent=yes"


@pytest.mark.parametrize(
    ("home", "url", "is_same"),
    [
        ("https://a.example.org/feed", "https://a.example.org/other?x", True),
        ("https://a.example.org", "https://A.example.org.:443/", True),
        ("https://a.example.org:8443/", "https://a.example.org:8443/x", True),
        ("http://a.example.org/", "https://a.example.org/", True),
        ("http://a.example.org:80/", "https://a.example.org:443/", True),
        ("https://a.example.org/", "http://a.example.org/", False),
        ("https://a.example.org/", "https://example.org/", False),
        ("https://example.org/", "https://a.example.org/", False),
        ("https://example.org/", "https://www.example.org/", False),
        ("https://a.example.org/", "https://a.example.org:8443/", False),
        ("http://a.example.org:8000/", "http://a.example.org:8001/", False),
        ("http://a.example.org/", "https://a.example.org:8443/", False),
        ("https://a.example.org/", "https://a.example.org@evil.example.net/", False),
        ("https://a.example.org/", "https://a.example.org.evil.example.net/", False),
    ],
)
def test_home_is_one_scheme_host_and_port(home: str, url: str, is_same: bool) -> None:
    assert is_same_origin(home, url) is is_same


async def test_timeout_is_the_deadline_of_this_source(fetcher: HttpFetcher) -> None:
    later = http("503 Later", b"", b"Retry-After: 1")
    async with serving(later, READ) as server:
        assert isinstance(await fetcher.fetch(server.url, None, RequestOptions(timeout_s=30)), Fetched)
    async with serving(later, READ) as server:
        with pytest.raises(FetchError, match="asks to come back after 1 s"):
            await fetcher.fetch(server.url, None)  # within a second, as the others


# --- proxies ------------------------------------------------------------------------------


FEED = "http://papers.example.org/feed"


async def test_http_source_is_asked_through_its_proxy(fetcher: HttpFetcher) -> None:
    async with proxying(READ) as proxy:
        options = make_options(FEED, proxy=proxy.url.replace("http://", "http://ada:p%40ss@"))
        answer = await fetcher.fetch(FEED, None, options)

    assert isinstance(answer, Fetched)
    assert answer.url == FEED
    assert proxy.asked[0].startswith("GET http://papers.example.org/feed HTTP/1.1\r\n")
    assert sent(proxy.asked[0])["Proxy-Authorization"] == "Basic YWRhOnBAc3M="
    assert sent(proxy.asked[0])["Authorization"] == "Bearer geheim"


@pytest.mark.parametrize("is_secure", [False, True])
async def test_https_source_is_asked_through_a_tunnel(
    fetcher: HttpFetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_secure: bool
) -> None:
    tls = make_tls_context(tmp_path, "localhost")
    trust(tmp_path, monkeypatch)
    async with serving(READ, tls=tls) as server:
        port = int(server.url.rstrip("/").rpartition(":")[2])
        async with proxying(b"", tunnel_to=port, tls=tls if is_secure else None) as proxy:
            with_login = proxy.url.replace("://", "://ada:p@")
            answer = await fetcher.fetch(server.url, None, make_options(server.url, proxy=with_login))

    assert isinstance(answer, Fetched)
    assert proxy.asked[0].startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n")
    assert "Proxy-Authorization" in sent(proxy.asked[0])
    assert "geheim" not in proxy.asked[0]
    assert "geheim" in server.asked[0]
    assert "Proxy-Authorization" not in sent(server.asked[0])


@pytest.mark.parametrize(
    ("environ", "is_proxied"),
    [
        ({"HTTP_PROXY": "{proxy}"}, True),
        ({"http_proxy": "{proxy}"}, True),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "example.net"}, True),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "localhost,127.0.0.1"}, False),
        ({"HTTPS_PROXY": "{proxy}"}, False),
        ({}, False),
    ],
)
async def test_environment_names_the_proxy(tmp_path: Path, environ: dict[str, str], is_proxied: bool) -> None:
    async with proxying(READ) as proxy, serving(READ) as server:
        proxies = read_proxies({name: text.format(proxy=proxy.url) for name, text in environ.items()})
        fetcher = HttpFetcher(
            version="1", contact="", base_folder=tmp_path, allow_private_hosts=True, proxies=proxies
        )
        assert isinstance(await fetcher.fetch(server.url, None), Fetched)
        await fetcher.close()

    assert (len(proxy.asked), len(server.asked)) == ((1, 0) if is_proxied else (0, 1))


async def test_environment_that_names_a_proxy_of_another_kind_is_told(tmp_path: Path) -> None:
    proxies = read_proxies({"https_proxy": "socks5://ada:geheim@proxy.example.org"})
    fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path, proxies=proxies)
    with pytest.raises(FetchError, match="the environment's proxy is not http://host:port") as caught:
        await fetcher.fetch("https://papers.example.org/", None)
    await fetcher.close()

    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "url", "message", "asked"),
    [
        (
            http("407 Login"),
            FEED,
            "answered 407 Login; the proxy wants a login: http://user:${PROXY_PASSWORD}@",
            1,
        ),
        (
            http("407 Login"),
            "https://papers.example.org/",
            "1 answered 407 Login; the proxy wants a login",
            1,
        ),
        (
            http("403 Forbidden"),
            "https://papers.example.org/",
            "the proxy 127.0.0.1 answered 403 Forbidden",
            1,
        ),
        (
            http("502 Bad Gateway"),
            "https://papers.example.org/",
            "the proxy 127.0.0.1 answered 502 Bad Gateway",
            3,
        ),
        (http("504 Gateway Timeout"), FEED, "answered 504 Gateway Timeout", 3),
        (b"", FEED, "the server closed the connection", 3),
        (b"SSH-2.0-x\r\n", FEED, "is not valid HTTP", 3),
    ],
)
async def test_trouble_of_a_proxy_is_told_without_its_login(
    fetcher: HttpFetcher, answer: bytes, url: str, message: str, asked: int
) -> None:
    async with proxying(answer) as proxy:
        options = make_options(url, proxy=proxy.url.replace("://", "://ada:geheim@"))
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch(url, None, options)

    assert message in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert len(proxy.asked) == asked


async def test_proxy_that_is_not_there_is_told(fetcher: HttpFetcher) -> None:
    async with proxying(READ) as proxy:
        pass
    options = make_options(FEED, proxy=proxy.url.replace("://", "://ada:geheim@"))
    with pytest.raises(FetchError, match=r"cannot connect to the proxy 127\.0\.0\.1: Connect") as caught:
        await fetcher.fetch(FEED, None, options)

    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://db.localhost/",
        "http://metadata.google.internal/",
        "http://printer.local/",
        "http://wiki/",
    ],
)
async def test_guard_holds_for_what_a_redirect_names_behind_a_proxy(tmp_path: Path, target: str) -> None:
    """The proxy itself may lie anywhere: the operator chose it."""
    fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path, backoff_s=0.01)
    async with proxying(http("302 Found", b"", b"Location: " + target.encode())) as proxy:
        with pytest.raises(FetchError, match=r"'fetch: \{allow_private_hosts: on\}' allows it"):
            await fetcher.fetch(FEED, None, make_options(FEED, proxy=proxy.url))
    await fetcher.close()

    assert len(proxy.asked) == 1


async def test_guard_holds_for_what_is_asked_without_the_proxy(tmp_path: Path) -> None:
    fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path)
    async with proxying(READ) as proxy:
        await fetcher.fetch(FEED, None, make_options(FEED, proxy=proxy.url))
        with pytest.raises(FetchError, match="is this machine"):
            await fetcher.fetch(proxy.url, None)
    await fetcher.close()

    assert len(proxy.asked) == 1


async def test_no_secret_is_logged(fetcher: HttpFetcher, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with proxying(http("500 Oh")) as proxy:
        options = make_options(FEED, proxy=proxy.url.replace("://", "://ada:geheim@"))
        with pytest.raises(FetchError):
            await fetcher.fetch(FEED, None, options)

    assert "geheim" not in caplog.text + repr(options) + repr(vars(fetcher))
