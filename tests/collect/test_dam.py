"""What of a look is an archive come again, and what is news."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from newsletter.collect.dam import word_held_back
from tests.support.shelf import START, Item, Shelf

OLD, NEW = "https://old.example.net", "https://new.example.net"


def days_ago(days: float) -> datetime:
    return START - timedelta(days=days)


def posts(first: int, last: int, base: str = OLD, **facts: Any) -> list[Item]:
    """Posts with these numbers, the newest (highest) first; number n is from n days after the year before START."""
    return [
        {
            "title": f"Letter {number}",
            "link": f"{base}/{number}",
            "guid": f"{base}/?p={number}",
            "date": days_ago(365 - number),
        }
        | facts
        for number in range(last, first - 1, -1)
    ]


def renamed(items: Sequence[Item], title: str) -> list[Item]:
    return [one | {"title": f"{title} {number}"} for number, one in enumerate(items)]


KNOWN = posts(300, 309)

ARCHIVES: dict[str, list[Item]] = {
    "the feed begins to list all it ever wrote": [*KNOWN, *posts(200, 299)],
    "a longer feed": [*KNOWN, *posts(290, 299)],
    "a site with other titles, addresses and ids": renamed(posts(290, 309, NEW), "The harbour"),
    "half of a feed of ten": [*KNOWN[:5], *posts(290, 294)],
    "other dates than before, all new": posts(300, 309, NEW, date=days_ago(0.1)),
    "other dates, each its own": [
        one | {"date": days_ago(number / 100)} for number, one in enumerate(posts(300, 309, NEW))
    ],
    "dates that lost their zone": [
        one | {"date": one["date"] + timedelta(hours=5)} for one in posts(300, 309, NEW)
    ],
    "no dates any more": posts(300, 309, NEW, date=None),
    "no dates, below what is known": [*KNOWN[:2], *posts(280, 299, date=None)],
    "a planet with a new member": [*KNOWN, *posts(100, 110, NEW)],
    "papers that are more than half a year old": [
        *KNOWN,
        *(
            one | {"link": f"https://doi.org/10.1000/x{number}", "guid": f"x{number}"}
            for number, one in enumerate(posts(1, 20))
        ),
    ],
    "oldest first": [*reversed(posts(200, 299)), *reversed(KNOWN)],
}


@pytest.mark.parametrize("items", ARCHIVES.values(), ids=ARCHIVES)
@pytest.mark.parametrize("is_json", [False, True], ids=["RSS", "JSON Feed"])
def test_archive_that_comes_again_is_held_back_and_what_is_new_besides_is_not(
    items: list[Item], is_json: bool
) -> None:
    shelf = Shelf()
    shelf.look(*KNOWN, is_json=is_json)
    fresh = {"title": "Fresh", "link": f"{NEW}/fresh", "guid": "fresh", "date": days_ago(0.05)}

    new = shelf.look(fresh, *items, now=START, is_json=is_json)

    assert [title for title in new if title != "Letter 309"] == ["Fresh"]
    assert shelf.look(fresh, *items, is_json=is_json) == [], "once known, it stays known"


NEWS: dict[str, list[Item]] = {
    "a burst": [*renamed(posts(310, 330), "News"), *KNOWN],
    "a burst that fills the feed": renamed(posts(310, 330), "News"),
    "after an outage of four days": [*posts(310, 313), *KNOWN],
    "after a long pause": posts(310, 360),
    "some drafts of former years": [*KNOWN, *posts(100, 103)],
    "some more in a long feed": [*KNOWN, *posts(310, 340), *posts(100, 106)],
    "a column under one title": [one | {"title": "Links of the week"} for one in posts(310, 330)],
    "a new issue of a journal, dated before the last one": [
        one | {"link": f"https://doi.org/10.1000/x{number}", "guid": f"x{number}"}
        for number, one in enumerate(posts(270, 299))
    ],
    "no dates, above what is known": [*renamed(posts(310, 330, date=None), "News"), *KNOWN],
    "a new issue without dates": renamed(posts(310, 330, date=None), "Article"),
    "all at one moment": renamed(posts(310, 330, date=days_ago(0.1)), "News"),
}


@pytest.mark.parametrize("items", NEWS.values(), ids=NEWS)
@pytest.mark.parametrize("is_json", [False, True], ids=["RSS", "JSON Feed"])
def test_news_are_not_held_back(items: list[Item], is_json: bool) -> None:
    shelf = Shelf()
    shelf.look(*KNOWN, is_json=is_json)

    new = shelf.look(*items, is_json=is_json)

    assert len(new) == len([one for one in items if one not in KNOWN])


def test_first_look_is_a_baseline_and_holds_nothing_back() -> None:
    shelf = Shelf()

    assert shelf.look(*KNOWN) == ["Letter 309"]
    assert shelf.look(*KNOWN, source="copy") == []


def test_date_in_the_future_does_not_make_what_comes_until_then_old() -> None:
    shelf = Shelf()
    shelf.look({"title": "Save the date", "guid": "0", "date": days_ago(-0.9)}, *KNOWN, now=days_ago(40))

    assert len(shelf.look(*renamed(posts(326, 350), "News"), now=START)) == 25


def test_what_is_held_back_is_told_with_the_way_to_let_it_out() -> None:
    assert word_held_back("Harbour letters", 18) == (
        "18 old entries came at once and are held back (newsletter sources release 'Harbour letters')"
    )
    assert word_held_back("x", 0) == ""
