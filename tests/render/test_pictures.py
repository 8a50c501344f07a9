"""Pictures of papers in a mail: only where they were chosen, from our own host, few enough, and never needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup, Tag

from newsletter.model.digest import Digest
from newsletter.model.mail import Links, Rendered
from newsletter.render import choose_look, render_digest
from newsletter.render.budget import MAX_PICTURE_BYTES, count_pictures
from tests.support.digests import (
    DAY,
    IDENTITY,
    LINKS,
    READER,
    make_digest,
    make_item,
    make_picture,
    make_section,
    shipped_templates,
)

WEB = replace(
    LINKS,
    web="https://news.example.org/2026-06-18",
    archive="https://news.example.org/archive",
    pictures="https://news.example.org/pictures/",
)
LAYOUTS = ("cards", "compact", "weekly")


def render(
    digest: Digest, layout: str, *, pictures: bool, links: Links = WEB, language: str = "en"
) -> Rendered:
    reader = replace(READER, layout=layout, language=language)
    return render_digest(shipped_templates(), digest, reader, replace(IDENTITY, pictures=pictures), links)


def pictures_of(rendered: Rendered) -> list[Tag]:
    return BeautifulSoup(rendered.html, "lxml").find_all("img")


SOME = make_digest(
    make_section(make_item(1, picture=make_picture(1)), make_item(2)),
    make_section(make_item(3, picture=make_picture(3, width=174, height=225)), topic="pruning"),
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_comes_from_our_host_in_its_own_shape_and_without_words(layout: str) -> None:
    rendered = render(SOME, layout, pictures=True)

    shown = pictures_of(rendered)
    assert [picture["src"] for picture in shown] == [
        f"https://news.example.org/pictures/{make_picture(number).name}" for number in (1, 3)
    ]
    assert [picture["alt"] for picture in shown] == ["", ""]
    for picture, (width, height) in zip(shown, ((400, 225), (174, 225)), strict=True):
        across, down = int(str(picture["width"])), int(str(picture["height"]))
        assert across <= 160
        assert down <= 120
        assert across / down == pytest.approx(width / height, rel=0.03)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mail_without_pictures_is_as_if_there_were_none(layout: str) -> None:
    bare = make_digest(make_section(make_item(1), make_item(2)), make_section(make_item(3), topic="pruning"))
    plain = render(bare, layout, pictures=False)

    for rendered in (
        render(SOME, layout, pictures=False),
        render(SOME, layout, pictures=True, links=replace(WEB, pictures="")),
        render(bare, layout, pictures=True),
    ):
        assert (rendered.html, rendered.text) == (plain.html, plain.text)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_words_and_links_are_the_same_with_pictures_and_without(layout: str, language: str) -> None:
    def read(rendered: Rendered) -> tuple[str, list[str], str]:
        soup = BeautifulSoup(rendered.html, "lxml")
        for style in soup.find_all("style"):
            style.extract()
        return (
            " ".join(soup.get_text().split()),
            [str(link["href"]) for link in soup.find_all("a")],
            rendered.text,
        )

    without = render(SOME, layout, pictures=False, language=language)
    assert read(render(SOME, layout, pictures=True, language=language)) == read(without)


def test_the_picture_stands_at_the_far_side_in_either_direction() -> None:
    for language, run_of_table, run_of_text in (("en", "rtl", "ltr"), ("ar", "ltr", "rtl")):
        cell = pictures_of(render(SOME, "cards", pictures=True, language=language))[0].find_parent("td")
        assert cell is not None
        table, text = cell.find_parent("table"), cell.find_next_sibling("td")
        assert isinstance(table, Tag)
        assert isinstance(text, Tag)
        assert (table["dir"], text["dir"]) == (run_of_table, run_of_text)


@pytest.mark.parametrize("layout", ["cards", "compact"])
def test_a_mail_loads_so_many_bytes_of_pictures_at_most(layout: str) -> None:
    items = [make_item(number, picture=make_picture(number, size=20_000)) for number in range(20)]
    digest = make_digest(make_section(*items[:6]), make_section(*items[6:], topic="pruning"))

    shown = pictures_of(render(digest, layout, pictures=True))

    assert len(shown) == MAX_PICTURE_BYTES // 20_000
    assert [str(picture["src"])[-10:] for picture in shown] == [
        item.card.picture.name[-10:] for item in items[: len(shown)] if item.card.picture
    ]


def test_what_a_weekly_digest_shows_first_has_its_pictures_first() -> None:
    items = [
        make_item(number, upvotes=number, picture=make_picture(number, size=60_000))
        for number in range(1, 13)
    ]
    digest = replace(make_digest(make_section(*items)), since_on=DAY - timedelta(6))

    rendered = render(digest, "weekly", pictures=True)

    shown = {str(picture["src"]).rpartition("/")[2] for picture in pictures_of(rendered)}
    assert shown == {make_picture(10).name, make_picture(11).name}


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ((), 0),
        ((0, 0, 0), 3),
        ((MAX_PICTURE_BYTES,), 1),
        ((MAX_PICTURE_BYTES, 0, 1, 0), 2),
        ((MAX_PICTURE_BYTES + 1, 1), 0),
    ],
)
def test_pictures_are_counted_from_the_first(sizes: tuple[int, ...], shown: int) -> None:
    assert count_pictures(sizes) == shown


def test_a_frozen_digest_keeps_its_pictures_whatever_is_configured_now() -> None:
    frozen = choose_look(shipped_templates(), SOME, READER, replace(IDENTITY, pictures=True))
    assert frozen.pictures

    assert choose_look(shipped_templates(), frozen, READER, IDENTITY) == frozen
    without = replace(frozen, pictures=False)
    assert choose_look(shipped_templates(), without, READER, replace(IDENTITY, pictures=True)) == without
    gone = replace(frozen, layout="gone")
    assert choose_look(shipped_templates(), gone, READER, IDENTITY).pictures


@pytest.mark.parametrize("own", [True, False, None])
@pytest.mark.parametrize("newsletters", [True, False])
def test_a_readers_choice_goes_before_the_newsletters(own: bool | None, newsletters: bool) -> None:
    reader, identity = replace(READER, pictures=own), replace(IDENTITY, pictures=newsletters)

    assert choose_look(shipped_templates(), SOME, reader, identity).pictures == (
        newsletters if own is None else own
    )


def test_pictures_never_make_a_mail_longer_than_gmail_shows() -> None:
    items = [make_item(number, picture=make_picture(number, size=1)) for number in range(120)]

    rendered = render(make_digest(make_section(*items)), "cards", pictures=True)

    assert rendered.html_part.size <= 90_000
    assert pictures_of(rendered)
