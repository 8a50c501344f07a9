"""Mails under a thumb: what a telephone's browser makes of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from newsletter.model.mail import Links
from newsletter.render import render_digest, sample
from newsletter.render.digest import render_notice
from tests.support.digests import IDENTITY, READER, make_digest, make_item, make_section, shipped_templates
from tests.web.browser import needs_browser, open_browser, open_page

LINKS = Links(
    leave="https://news.example.org/leave",
    change="https://news.example.org/me",
    leave_mailto="mailto:leave@news.example.org",
    web="https://news.example.org/2026-06-18",
)
MEASURE = """() => [...document.querySelectorAll('a')].map(link => {
    const box = link.getBoundingClientRect();
    return [link.textContent, box.left, box.top, box.right, box.bottom];
})"""
Box = tuple[str, float, float, float, float]


def make_mails() -> dict[str, str]:
    """Return the HTML of mails with every kind of link, by what they are."""
    codes: dict[str, Any] = {
        "code_url": "https://example.org/c",
        "project_url": "https://example.org/p",
        "upvotes": 9,
    }
    items = [make_item(number, title=f"RAG {number}", **codes) for number in range(1, 10)]
    digest = make_digest(make_section(*items, overflow=3, overflow_url="https://example.org/more"))
    mails = {}
    for layout in ("cards", "compact", "weekly"):
        for language in ("en", "ar"):
            shown = replace(digest, layout=layout, language=language)
            rendered = render_digest(shipped_templates(), shown, READER, IDENTITY, LINKS)
            mails[f"{layout} {language}"] = rendered.html
    notice = render_notice(shipped_templates(), sample.NOTICES[0], "en", IDENTITY, LINKS)
    return {**mails, "notice": notice.html}


@needs_browser()
async def test_on_a_telephone_every_link_is_a_target_of_44_pixels_and_none_covers_another() -> None:
    async with open_browser() as browser, open_page(browser, viewport={"width": 390, "height": 844}) as page:
        for name, html in make_mails().items():
            await page.set_content(html)
            boxes: list[Box] = await page.evaluate(MEASURE)

            assert len(boxes) > 2, name
            small = [box for box in boxes if box[3] - box[1] < 44 or box[4] - box[2] < 44]
            assert small == [], name
            assert [pair for pair in pairwise(boxes) if not _are_apart(*pair)] == [], name


def _are_apart(one: Box, other: Box) -> bool:
    """Say whether a thumb tells two links in a row apart: the next one begins below, or 8 pixels beside."""
    beside = max(other[1] - one[3], one[1] - other[3])
    return other[2] >= one[4] or beside >= 8


@pytest.mark.parametrize("name", ["cards en", "notice"])
def test_ios_is_asked_to_make_no_links_and_those_it_makes_look_like_the_text_around_them(name: str) -> None:
    html = make_mails()[name]

    assert (
        '<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no"' in html
    )
    assert "a[x-apple-data-detectors] { color: inherit !important;" in html
