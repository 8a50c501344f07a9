from __future__ import annotations

import asyncio
import gzip

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter.errors import StoreError
from newsletter.web.rendered import RenderedPages, accepts_gzip, has_tag


class Archive:
    """A version that tests change, a clock that they move, and a page that counts how often it is rendered."""

    def __init__(self) -> None:
        self.version = 1
        self.asked = 0
        self.now = 0.0
        self.rendered = 0
        self.is_away = False
        self.size = 5_000
        self.pages = RenderedPages(self.load_version, max_bytes=100_000, clock=lambda: self.now)

    async def load_version(self) -> int:
        self.asked += 1
        if self.is_away:
            raise StoreError("away")
        return self.version

    async def render(self) -> Response:
        self.rendered += 1
        await asyncio.sleep(0)
        return PlainTextResponse(f"{self.version} " * (self.size // 2))

    async def ask(self, key: str = "/", **headers: str) -> Response:
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        request = Request({"type": "http", "method": "GET", "headers": named})
        return await self.pages.answer(request, key, self.render)


async def test_page_is_rendered_once_until_the_archive_changes() -> None:
    archive = Archive()
    first = await archive.ask()
    assert (await archive.ask()).body == first.body
    archive.version = 2
    assert (await archive.ask()).body == first.body  # within a second nobody asks again
    archive.now = 1.0
    assert (await archive.ask()).body != first.body
    assert (archive.rendered, archive.asked) == (2, 2)


async def test_many_who_wait_for_a_page_have_it_rendered_once() -> None:
    archive = Archive()
    answers = await asyncio.gather(*(archive.ask() for _ in range(50)))
    assert (archive.rendered, len({answer.body for answer in answers})) == (1, 1)


async def test_one_who_goes_away_takes_the_page_from_nobody() -> None:
    archive = Archive()
    first = asyncio.create_task(archive.ask())
    await asyncio.sleep(0)
    second = asyncio.create_task(archive.ask())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).status_code == 200
    assert archive.rendered == 1


async def test_known_pages_are_given_out_while_the_database_is_away() -> None:
    archive = Archive()
    await archive.ask()
    archive.is_away, archive.now = True, 10.0
    assert (await archive.ask()).status_code == 200


async def test_first_page_tells_that_the_database_is_away() -> None:
    archive = Archive()
    archive.is_away = True
    for _ in range(2):
        with pytest.raises(StoreError):
            await archive.ask()


async def test_answers_without_success_are_not_kept() -> None:
    archive = Archive()

    async def fail() -> Response:
        archive.rendered += 1
        return Response(status_code=404)

    request = Request({"type": "http", "method": "GET", "headers": []})
    for _ in range(2):
        assert (await archive.pages.answer(request, "/x", fail)).status_code == 404
    assert archive.rendered == 2
    assert archive.pages.size_bytes == 0


async def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    archive = Archive()
    for number in range(50):
        await archive.ask(f"/{number}")
        await archive.ask("/0")
        assert archive.pages.size_bytes <= 100_000
    assert archive.rendered == 50
    await archive.ask("/1")
    assert archive.rendered == 51


async def test_page_that_would_take_a_quarter_of_the_room_is_not_kept() -> None:
    archive = Archive()
    archive.size = 30_000
    await archive.ask()
    assert archive.pages.size_bytes == 0


async def test_page_is_compressed_for_those_who_ask_and_known_by_its_tag() -> None:
    archive = Archive()
    plain = await archive.ask()
    small = await archive.ask(accept_encoding="br, gzip;q=0.5")
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(small.body)) == plain.body
    assert small.headers["etag"] != plain.headers["etag"]
    for tag in (
        plain.headers["etag"],
        small.headers["etag"],
        "W/" + plain.headers["etag"],
        f'"x", {plain.headers["etag"]}',
    ):
        unchanged = await archive.ask(if_none_match=tag)
        assert (unchanged.status_code, bytes(unchanged.body)) == (304, b"")
    assert (await archive.ask(if_none_match='"other"')).status_code == 200


@pytest.mark.parametrize(
    ("header", "accepts"),
    [("", False), ("gzip", True), ("GZIP", True), ("br", False), ("*", True), ("gzip;q=0", False),
     ("gzip; q=0.0", False),
     ("gzip;q=0.1", True), ("identity", False)],
)  # fmt: skip
def test_accept_encoding_is_heeded(header: str, accepts: bool) -> None:
    assert accepts_gzip(header) is accepts


def test_tag_is_found_in_a_list() -> None:
    assert has_tag('"a", W/"b-gz" ,"c"', "b")
    assert has_tag("*", "b")
    assert not has_tag('"bb"', "b")
    assert not has_tag("", "b")
