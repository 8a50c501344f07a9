"""Cookies are kept for one fetch, for their own site; a redirect that sets one may come back to the same address."""

from __future__ import annotations

import re

import pytest

from newsletter.collect.fetch import HttpFetcher
from newsletter.errors import FetchError
from newsletter.model.sources import Fetched
from tests.collect.bad_server import BadServer, http, serving

BODY = b"<rss></rss>"
READ = http("200 OK", BODY)


def to(path: str, *cookies: str, status: str = "302 Found") -> bytes:
    return http(
        status, b"", f"Location: {path}".encode(), *(b"Set-Cookie: " + c.encode("latin-1") for c in cookies)
    )


def cookies_of(server: BadServer) -> list[str]:
    """Return the header Cookie of each request, "" where there was none."""
    found = [re.search(r"^Cookie: (.*?)\r$", head, re.M) for head in server.asked]
    return [one[1] if one else "" for one in found]


@pytest.mark.parametrize(
    ("answers", "cookies"),
    [
        # to itself, once and twice, relative and absolute
        ([to("/toc", "seen=yes")], ["", "seen=yes"]),
        ([to("URLtoc", "seen=yes; Path=/")], ["", "seen=yes"]),
        ([to("/toc", "a=1", status="307 Temporary Redirect"), to("/toc", "b=2")], ["", "a=1", "a=1; b=2"]),
        ([to("/toc", "a=1", status="301 Moved"), to("/toc", "a=2")], ["", "a=1", "a=2"]),
        # ?cookieSet=1 and back
        ([to("/toc?cookieSet=1", "s=x; Path=/; HttpOnly; SameSite=Lax"), to("/toc")], ["", "s=x", "s=x"]),
        ([to("/toc?cookieSet=1"), to("/toc", "s=x")], ["", "", "s=x"]),
        # authorize, transit, back
        (
            [to("/authorize?to=/toc"), to("/transit?code=1", "t=1; Path=/transit"), to("/toc", "s=2; Path=/")],
            ["", "", "t=1", "s=2"],
        ),
        ([to("/a", "x=1"), to("/b", "x=; Max-Age=0"), to("/toc", "y=1")], ["", "x=1", "", "y=1"]),
        ([to("/a", "x=1; Expires=Thu, 01-Jan-1970 00:00:01 GMT")], ["", ""]),
        ([to("/a", "x=1; Expires=Fri, 31 Dec 2100 23:59:59 GMT")], ["", "x=1"]),
        # other paths, other sites, https: only
        ([to("/other/a", "x=1; Path=/login")], ["", ""]),
        ([to("/a", "x=1; Domain=example.org")], ["", ""]),
        ([to("/a", "x=1; Domain=.example.org", "y=2")], ["", "y=2"]),
        ([to("/a", "x=1; Secure")], ["", ""]),
        # values as they came
        ([to("/a", "x=a=b/c+d==")], ["", "x=a=b/c+d=="]),
        ([to("/a", "x=a,b c")], ["", "x=a,b c"]),
        ([to("/a", 'x={"a":1}')], ["", 'x={"a":1}']),
        ([to("/a", "x=caf\xe9", "y=2")], ["", "y=2"]),
        ([to("/a", "x=")], ["", "x="]),
        ([to("/a", "novalue")], ["", ""]),
        # what is tried again keeps them, too
        ([http("503 Later", b"", b"Set-Cookie: x=1")], ["", "x=1"]),
    ],
)  # fmt: skip
async def test_cookie_on_the_way_is_sent_back_within_the_fetch(
    fetcher: HttpFetcher, answers: list[bytes], cookies: list[str]
) -> None:
    async with serving(*answers, READ) as server:
        answer = await fetcher.fetch(server.url + "toc", None)
        assert isinstance(answer, Fetched)
        assert cookies_of(server) == cookies

        await fetcher.fetch(server.url + "toc", None)
        assert cookies_of(server)[-1] == ""


async def test_cookies_do_not_go_to_another_host(fetcher: HttpFetcher) -> None:
    async with serving(READ) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        async with serving(to(elsewhere, "x=1", "y=2; Path=/")) as first:
            await fetcher.fetch(first.url, None)

    assert cookies_of(other) == [""]


async def test_chain_over_two_hosts_comes_back_with_the_cookie_of_each(fetcher: HttpFetcher) -> None:
    """publisher → login → publisher with a token → the feed"""
    async with serving() as login, serving() as publisher:
        at_login = login.url.replace("127.0.0.1", "localhost")
        publisher.answers += [to(f"{at_login}?back", "p=1"), to("/toc", "p=2"), READ]
        login.answers += [to("/transit", "l=1"), to(f"{publisher.url}toc?code=7")]
        answer = await fetcher.fetch(publisher.url + "toc", None)

    assert isinstance(answer, Fetched)
    assert cookies_of(publisher) == ["", "p=1", "p=2"]
    assert cookies_of(login) == ["", "l=1"]


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([to("/toc")], 1),
        ([to("/toc", "x=1")], 2),
        ([to("/toc", "x=1; Secure")], 1),
        ([to("/a"), to("/toc")], 2),
        ([to("/a", "x=1"), to("/toc"), to("/a")], 3),
        ([to("/toc", f"x={n}") for n in range(30)], 21),
        ([to(f"/{'ab'[n % 2]}", f"x={n}") for n in range(30)], 21),
    ],
)
async def test_real_circle_is_told_as_one(fetcher: HttpFetcher, answers: list[bytes], asked: int) -> None:
    async with serving(*answers) as server:
        with pytest.raises(FetchError, match="toc: redirect loop"):
            await fetcher.fetch(server.url + "toc", None)

    assert len(server.asked) == asked


@pytest.mark.parametrize(("steps", "is_read"), [(7, True), (20, True), (21, False)])
async def test_redirects_are_followed_as_far_as_browsers_follow_them(
    fetcher: HttpFetcher, steps: int, is_read: bool
) -> None:
    async with serving(*(to(f"/{n}") for n in range(steps)), READ) as server:
        if is_read:
            assert isinstance(await fetcher.fetch(server.url, None), Fetched)
        else:
            with pytest.raises(FetchError, match="more than 20 redirects"):
                await fetcher.fetch(server.url, None)
