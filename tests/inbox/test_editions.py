"""Every golden edition passes every check that bytes alone can answer; `make inbox` asks the other tools."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import date
from functools import cache

import pytest
from bs4 import BeautifulSoup

from newsletter.deliver.scorecard import check_message
from newsletter.encoding import Part
from newsletter.model.mail import Rendered
from newsletter.render.budget import MAX_HTML_BYTES
from newsletter.render.theme import contrast
from tests.inbox.editions import PICTURED, Edition, build_digests, build_edition, build_editions


@cache
def editions() -> dict[str, Edition]:
    return {edition.name: edition for edition in build_editions()}


NAMES = sorted(
    [
        f"{name}-{layout}{pictures}"
        for name in build_digests()
        for layout in (("weekly",) if name == "weekly" else ("cards", "compact"))
        for pictures in (("", "-pictures") if name in PICTURED else ("",))
    ]
    + ["confirm", "changed", "goodbye", "alert"]
)


@pytest.mark.parametrize("name", NAMES)
def test_edition_passes_every_check_of_the_score_card(name: str) -> None:
    wrong = [
        (check.item, check.what, check.wrong)
        for check in check_message(editions()[name].message)
        if check.wrong
    ]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_edition_keeps_the_byte_budget(name: str) -> None:
    assert editions()[name].rendered.html_part.size <= MAX_HTML_BYTES


def test_fifty_papers_fit_whole_into_the_compact_layout() -> None:
    soup = BeautifulSoup(editions()["fifty-compact"].rendered.html, "lxml")
    assert len(soup.find_all("h3")) == 50
    assert not re.search(
        r"\b[1-9]\d* more on the web", editions()["fifty-compact"].rendered.text.replace("2 more", "")
    )


def test_every_edition_is_the_same_when_it_is_built_again() -> None:
    again = {edition.name: hashlib.sha256(edition.message).hexdigest() for edition in build_editions()}
    assert again == {
        name: hashlib.sha256(edition.message).hexdigest() for name, edition in editions().items()
    }


@pytest.mark.parametrize("layout", ["cards", "compact"])
def test_hostile_content_has_the_structure_of_harmless_content(layout: str) -> None:
    digest, language = build_digests()["hostile"]
    section = digest.sections[0]
    tame = replace(section.items[0].card, title="a", summary="a", authors=("a", "B"), organization="a")
    items = (replace(section.items[0], card=tame), *section.items[1:])
    harmless = replace(digest, sections=(replace(section, topic="a", items=items),), quiet_topics=("a",))
    shapes = [
        [
            f"{tag.name} {sorted(tag.attrs)}"
            for tag in BeautifulSoup(
                build_edition("x", layout, one, language).rendered.html, "lxml"
            ).find_all(True)
        ]
        for one in (digest, harmless)
    ]
    assert shapes[0] == shapes[1]


def test_arabic_edition_is_mirrored_and_isolates_what_is_latin() -> None:
    rendered = editions()["rtl-cards"].rendered
    soup = BeautifulSoup(rendered.html, "lxml")
    assert soup.html is not None
    assert (soup.html["lang"], soup.html["dir"]) == ("ar", "rtl")
    assert "text-align:left" not in rendered.html
    assert all(heading.get("dir") == "auto" for heading in soup.find_all(["h2", "h3"]))
    assert "«\u2068RAG\u2069»" in rendered.text


def test_colours_of_every_inline_style_can_be_read() -> None:
    html = editions()["plain-cards"].rendered.html
    for colour in set(re.findall(r"[^-]color:(#[0-9a-f]{6})", html)) - {"#ffffff"}:
        assert contrast(colour, "#ffffff") >= 4.5


def test_weekly_edition_shows_each_paper_once_and_the_best_first() -> None:
    soup = BeautifulSoup(editions()["weekly-weekly"].rendered.html, "lxml")
    titles = [heading.get_text() for heading in soup.find_all("h3")]
    assert len(titles) == 24
    assert soup.find_all("h2")[0].get_text() == "Most upvoted this week"
    text = re.findall(r"^ ?\d+\. (.+)$", editions()["weekly-weekly"].rendered.text, flags=re.MULTILINE)
    assert [title[:30] for title in titles] == [title[:30] for title in text]


@pytest.mark.parametrize(
    ("spoil", "item"),
    [
        (lambda raw: raw.replace(b"MIME-Version: 1.0\r\n", b""), 4),
        (lambda raw: raw.replace(b"\r\nSubject:", b"\r\nSubject: x\r\nSubject:"), 4),
        (lambda raw: raw.replace(b"List-Unsubscribe=One-Click", b"ListUnsubscribe=One-Click"), 10),
        (
            lambda raw: raw.replace(
                b"<https://news.example.org/u/", b"=?utf-8?q?<https://news.example.org/u/"
            ),
            9,
        ),
        (lambda raw: raw.replace(b"Auto-Submitted: auto-generated\r\n", b""), 16),
        (lambda raw: raw.replace(b'role=3D"article"', b'role=3D"main"') + b"\xff", 3),
        (lambda raw: raw.replace(b"<h1 ", b"<h4 ").replace(b"</h1>", b"</h4>"), 31),
        (lambda raw: raw.replace(b"<h2 ", b"<script>x</script><h2 "), 42),
        (lambda raw: raw.replace(b"<h2 ", b"<table><h2 ", 1), 40),
        (lambda raw: raw.replace(b"<h2 ", b'<a href=3D"https://example.org/x">here</a><h2 ', 1), 33),
        (lambda raw: raw.replace(b"display:none", b"display:block"), 37),
        (lambda raw: raw.replace(b"\r\n", b"\n"), 2),
    ],
)
def test_score_card_finds_what_is_wrong(spoil: object, item: int) -> None:
    raw = editions()["plain-cards"].message
    spoiled = spoil(raw)  # type: ignore[operator]  # each is a function of the message
    assert spoiled != raw
    assert item in {check.item for check in check_message(spoiled) if check.wrong}


def test_score_card_finds_a_text_that_leaves_papers_out() -> None:
    edition = editions()["plain-cards"]
    short = Rendered(
        edition.rendered.subject, edition.rendered.html_part, Part.of_text("Read it on the web.\n")
    )
    assert short.text not in edition.rendered.text
    _, language = build_digests()["plain"]
    raw = edition.message
    start = raw.index(b"text/plain")
    end = raw.index(b"\r\n--=_", start)
    cut = raw[: raw.index(b"\r\n\r\n", start) + 4] + b"Read it on the web." + raw[end:]
    assert {21, 24} <= {check.item for check in check_message(cut) if check.wrong}
    assert language == "en"


def test_monday_after_a_weekend_is_no_weekly_edition() -> None:
    digest, language = build_digests()["plain"]
    for since, is_weekly in (
        (date(2026, 6, 16), False),
        (date(2026, 6, 14), False),
        (date(2026, 6, 12), True),
    ):
        text = build_edition("x", "cards", replace(digest, since_on=since), language).rendered.text
        assert ("The week of" in text) == is_weekly
        assert ("Thursday, 18 June 2026" in text) != is_weekly
