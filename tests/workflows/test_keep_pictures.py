"""Small pictures of papers: fetched once, kept once, shown from our own host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer

from newsletter.signing import Secret
from newsletter.web.site import Site
from newsletter.workflows.build_mail import MailBuilder
from newsletter.workflows.keep_pictures import PictureKeeper
from newsletter.workflows.preview import preview_reader
from tests.collect.test_pictures import draw
from tests.support.builders import make_subscriber
from tests.support.clock import SetClock
from tests.support.website import NOW, WEDNESDAY, browsing, make_paper, new, opened_site, save_run

SECRET = Secret(bytes(range(32)))
PAPER = make_paper("2606.00001", "Paper 1", WEDNESDAY)


@pytest.fixture
async def site(tmp_path: object, database_url: str) -> AsyncIterator[Site]:
    more = "fetch: {allow_private_hosts: on}\n"
    async with opened_site(tmp_path, database_url, filled=False, more=more) as opened:  # type: ignore[arg-type]
        yield opened


async def test_a_picture_is_fetched_once_kept_once_and_shown_from_our_host(
    site: Site, httpserver: HTTPServer
) -> None:
    httpserver.expect_ordered_request("/a.jpg").respond_with_data(draw("JPEG"), content_type="image/jpeg")
    newsletter = site.newsletter
    url = httpserver.url_for("/a.jpg")
    papers = [
        replace(
            make_paper(f"2606.0000{number}", f"Paper {number}", WEDNESDAY),
            thumbnail_url=url if number == 1 else "",
        )
        for number in (1, 2)
    ]
    await save_run(newsletter.runs, "2026-06-17 18:00", *map(new, papers))
    clock = SetClock(NOW)
    keeper = PictureKeeper(newsletter.fetcher, newsletter.pictures, clock, is_on=True)

    assert await keeper.keep()
    assert not await keeper.keep()

    files = await newsletter.pictures.find([paper.key for paper in papers])
    (file,) = files.values()
    async with browsing(site) as client:
        page = await client.get("/archive")
        assert page.status_code == 200
        shown = await client.get(f"/papers/{papers[0].key}")
        assert f'/pictures/{file.name}"' in shown.text
        assert url not in shown.text
        picture = await client.get(f"/pictures/{file.name}")
        assert picture.headers["content-type"] == "image/jpeg"
        assert "immutable" in picture.headers["cache-control"]
        assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "set-cookie" not in picture.headers
        assert len(picture.content) == file.bytes
        for wrong in ("nothing.jpg", file.name.removesuffix(".jpg"), "%2e%2e"):
            assert (await client.get(f"/pictures/{wrong}")).status_code == 404


@pytest.mark.parametrize("pictures", [True, False])
async def test_a_mail_shows_the_pictures_that_are_kept_where_that_was_chosen(
    site: Site, httpserver: HTTPServer, pictures: bool
) -> None:
    newsletter = site.newsletter
    httpserver.expect_request("/a.jpg").respond_with_data(draw("JPEG"), content_type="image/jpeg")
    paper = replace(PAPER, thumbnail_url=httpserver.url_for("/a.jpg"))
    await save_run(newsletter.runs, "2026-06-17 18:00", new(paper))
    await PictureKeeper(newsletter.fetcher, newsletter.pictures, SetClock(NOW), is_on=True).keep()
    (file,) = (await newsletter.pictures.find([paper.key])).values()
    identity = replace(newsletter.identity, pictures=pictures)
    mails = MailBuilder(newsletter.templates, identity, SECRET, web=site.links)
    reader = make_subscriber("ada@example.org", topics_json='["paper"]')

    mail = await preview_reader(
        reader, await newsletter.new_digest_builder(), mails, newsletter.ledger.reads, SetClock(NOW)
    )

    assert mail.digest.entry_count == 1
    assert (f'src="{site.links.page("/pictures/")}{file.name}"' in mail.rendered.html) == pictures
    assert "pictures" not in mail.rendered.text
    later = MailBuilder(newsletter.templates, newsletter.identity, SECRET, web=site.links)
    assert later.rebuild(mail.snapshot, reader).message == mail.message


async def test_what_cannot_be_had_is_tried_three_times(site: Site, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/gone.jpg").respond_with_data("gone", status=404)
    newsletter = site.newsletter
    paper = replace(PAPER, thumbnail_url=httpserver.url_for("/gone.jpg"))
    await save_run(newsletter.runs, "2026-06-17 18:00", new(paper))
    clock = SetClock(NOW)
    keeper = PictureKeeper(newsletter.fetcher, newsletter.pictures, clock, is_on=True)

    tried = []
    for _ in range(6):
        tried.append(await keeper.keep())
        clock.at += timedelta(hours=7)

    assert tried == [True, True, True, False, False, False]
    assert await newsletter.pictures.find([paper.key]) == {}


@pytest.mark.parametrize("location", ["/etc/passwd", "file:///etc/passwd", "ftp://example.org/a.jpg"])
async def test_nothing_of_this_machine_is_taken_for_a_picture(site: Site, location: str) -> None:
    newsletter = site.newsletter
    await save_run(newsletter.runs, "2026-06-17 18:00", new(replace(PAPER, thumbnail_url=location)))

    await PictureKeeper(newsletter.fetcher, newsletter.pictures, SetClock(NOW), is_on=True).keep()

    assert not await newsletter.pictures.find([PAPER.key])


async def test_none_is_asked_for_where_the_operator_wants_none(site: Site) -> None:
    def no_fetcher() -> object:
        raise AssertionError("nothing is fetched")

    keeper = PictureKeeper(no_fetcher, site.newsletter.pictures, SetClock(NOW), is_on=False)  # type: ignore[arg-type]

    assert not await keeper.keep()
