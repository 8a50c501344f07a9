"""A small share of the odd requests that ``make fuzz`` sends; and that it finds what it looks for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.website import URL
from tests.web import fuzz
from tests.web.fuzz import MARKUP, REQUESTS_A_SITE, Known, Tally, find_problem, make_request
from tests.web.wire import Sent, ask

SAFE = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def known(folder: Path) -> Known:
    return asyncio.run(fuzz.prepare(folder))


@pytest.mark.parametrize("first", range(0, 1_500, REQUESTS_A_SITE))
async def test_odd_requests_are_answered(folder: Path, known: Known, first: int) -> None:
    tally = await fuzz.fuzz(folder, known, range(first, first + REQUESTS_A_SITE))

    assert tally.findings == []
    # It says nothing if everything is refused at the door.
    assert tally.statuses[200] > REQUESTS_A_SITE / 4
    assert {200, 303, 404, 405, 422} <= tally.statuses.keys()


@pytest.mark.parametrize(("slow", "found"), [((2.0, 0.1), []), ((0.1, 2.0), []), ((2.5, 2.0), [7])])
async def test_slow_is_what_is_slow_twice(
    slow: tuple[float, float], found: list[int], monkeypatch: pytest.MonkeyPatch, folder: Path, known: Known
) -> None:
    waits = iter(slow)

    async def send(_folder: Path, _known: Known, _numbers: Sequence[int]) -> Tally:
        return Tally(seconds={6: 0.1, 7: next(waits)})

    monkeypatch.setattr(fuzz, "_send", send)
    tally = await fuzz.fuzz(folder, known, [6, 7])

    assert [number for number, _ in tally.findings] == found


def test_every_route_is_asked_by_every_one_of_its_methods(known: Known) -> None:
    asked = {
        (path, sent.method)
        for sent in (make_request(number, known) for number in range(5_000))
        for path in [sent.target.partition(b"?")[0].decode("latin-1")]
    }
    for path, methods in known.routes:
        begin = path.partition("{")[0]
        end = path.rpartition("}")[2]
        for method in methods:
            assert any(of == method and one.startswith(begin) and one.endswith(end) for one, of in asked), (
                method,
                path,
            )


def test_request_is_made_by_its_number_alone(known: Known) -> None:
    assert make_request(7, known) == make_request(7, known) != make_request(8, known)


async def _answer(response: Response | Exception, path: str = "/") -> str:
    async def page(_request: Request) -> Response:
        if isinstance(response, Exception):
            raise response
        return response

    sent = Sent("GET", path.encode())
    return find_problem(sent, await ask(Starlette(routes=[Route(path, page)]), sent))


async def test_what_is_looked_for_is_found() -> None:
    assert await _answer(HTMLResponse("<p>fine</p>", headers=SAFE)) == ""
    assert "ZeroDivisionError" in await _answer(ZeroDivisionError())
    assert await _answer(HTMLResponse("away", 503, SAFE)) == "status 503: away"
    assert await _answer(HTMLResponse("<p>fine</p>")) == "content-security-policy is there 0 times"
    assert "came back" in await _answer(HTMLResponse(f"<p>{MARKUP}</p>", headers=SAFE))
    assert "came back" in await _answer(HTMLResponse("<p title='a' q7on='1'>", headers=SAFE))
    assert await _answer(HTMLResponse("fine", headers={**SAFE, "set-cookie": "a=b"})) == "a cookie"
    assert await _answer(HTMLResponse("fine", headers={**SAFE, "set-cookie": "a=b"}), "/operate") == ""
    assert await _answer(RedirectResponse(f"{URL}/archive", headers=SAFE)) == ""
    for away in ("https://evil.example/", "//evil.example", f"{URL}.evil.example/"):
        assert await _answer(RedirectResponse(away, headers=SAFE)) == f"a redirect to {away}"
    got = await ask(Starlette(routes=[]), Sent("GET", b"/"))
    injected = replace(
        got, fields=(*((n.encode(), v.encode()) for n, v in SAFE.items()), (b"x-a", b"1\r\nx-b: 2"))
    )
    assert "line end" in find_problem(Sent("GET", b"/"), injected)
