"""Which items of sources are one work, over all looks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.shelf import START, Item, Shelf, parse_items

PAGE = "https://tool.example.net/changes"


def days_ago(days: float) -> datetime:
    return START - timedelta(days=days)


def item(title: str, **facts: Any) -> Item:
    return {"title": title, "date": days_ago(1)} | facts


# --- another entry ----------------------------------------------------------------------------------------

ANOTHER: dict[str, tuple[Item, Item]] = {
    "next release at a constant page": (
        item("Kettle 3.0", link=PAGE, guid="k-3.0", date=days_ago(2)),
        item("Kettle 3.1", link=PAGE, guid="k-3.1"),
    ),
    "next release of the same day": (
        item("Kettle 3.0", link=PAGE, guid="k-3.0"),
        item("Kettle 3.1", link=PAGE, guid="k-3.1"),
    ),
    "title that differs by a dot": (
        item("Kettle 1.11", link=PAGE, guid="k-1"),
        item("Kettle 11.1", link=PAGE, guid="k-2"),
    ),
    "same title, later": (
        item("Friday colloquium", link=PAGE, guid="talk-71", date=days_ago(2)),
        item("Friday colloquium", link=PAGE, guid="talk-72"),
    ),
    "same title, an hour later": (
        item("Status", link=PAGE, guid="a", date=days_ago(1)),
        item("Status", link=PAGE, guid="b", date=days_ago(1) + timedelta(hours=1)),
    ),
    "no dates": (
        item("Glass", link=PAGE, guid="a", date=None),
        item("Beads", link=PAGE, guid="b", date=None),
    ),
    "no ids, later": (item("Kettle 3.0", link=PAGE, date=days_ago(2)), item("Kettle 3.1", link=PAGE)),
    "an address that is only spelled in another way": (
        item("Kettle 3.0", link=PAGE, guid="a"),
        item("Kettle 3.1", link="http://www.tool.example.net/changes/?utm_source=rss", guid="b"),
    ),
    "the front page": (
        item("Kettle 3.0", link="https://tool.example.net/", date=days_ago(2)),
        item("Kettle 3.1", link="https://tool.example.net/"),
    ),
    "an id that comes again for something else": (
        item("Kettle 3.0", link=f"{PAGE}/3-0", guid="latest", date=days_ago(2)),
        item("On tea", link=f"{PAGE}/tea", guid="latest"),
    ),
    "a journal's DOI": (
        item("On glass", guid="a1", extra="<dc:identifier>doi:10.1000/journal</dc:identifier>"),
        item("On beads", guid="a2", extra="<dc:identifier>doi:10.1000/journal</dc:identifier>"),
    ),
    "the same page of another month": (
        item("Colloquium", link="https://x.example.net/2026/05/colloquium", date=None),
        item("Colloquium", link="https://x.example.net/2026/06/colloquium", date=None),
    ),
    "an anchor": (item("One", link=f"{PAGE}#1", guid="1"), item("Two", link=f"{PAGE}#2", guid="2")),
    "nothing but titles": (item("One"), item("Two")),
    "nothing but dates": (item("Backup done", date=days_ago(2)), item("Backup done")),
}


@pytest.mark.parametrize("is_json", [False, True], ids=["RSS", "JSON Feed"])
@pytest.mark.parametrize(("one", "other"), ANOTHER.values(), ids=ANOTHER)
def test_what_differs_is_another_entry_in_one_look_and_over_looks(
    one: Item, other: Item, is_json: bool
) -> None:
    if is_json and "extra" in one:
        pytest.skip("JSON Feed knows no DOI")
    for looks in ([[one], [other]], [[one], [other, one]], [[one], [one, other]], [[one], [other], [one]]):
        shelf = Shelf()
        new = [title for items in looks for title in shelf.look(*items, is_json=is_json)]

        assert new == [one["title"], other["title"]], looks
        assert shelf.look(other, one, is_json=is_json) == []
    assert (
        Shelf().look(other, one, is_json=is_json) == [other["title"], one["title"]]
        or days_ago(1.5) > one["date"]
    )


def test_all_items_of_one_page_without_ids_are_entries() -> None:
    items = [item(f"Kettle 3.{number}", link=PAGE, date=days_ago(0.1)) for number in range(9)]

    assert len(Shelf().look(*items)) == 9


def test_all_items_under_one_id_are_entries() -> None:
    items = [item(f"Kettle 3.{number}", link=f"{PAGE}/{number}", guid="0") for number in range(9)]
    shelf = Shelf()

    assert len(shelf.look(*items)) == 9
    assert shelf.look(item("Kettle 4", link=f"{PAGE}/40", guid="0"), *items) == ["Kettle 4"]
    assert shelf.look(*reversed(items)) == []


@pytest.mark.parametrize("is_json", [False, True])
def test_two_of_one_page_title_and_day_with_ids_and_texts_are_two(is_json: bool) -> None:
    tides, dunes, dust = (
        item("Colloquium", link=PAGE, guid=text, date=days_ago(2), text=text)
        for text in ("Tides.", "Dunes.", "Dust.")
    )
    shelf = Shelf()
    looks = [[tides], [dunes, tides], [dust, dunes, tides], [tides, dunes, dust]]

    assert [len(shelf.look(*items, is_json=is_json)) for items in looks] == [1, 1, 1, 0]


def test_items_with_nothing_of_their_own_but_the_text_are_entries() -> None:
    items = [
        item("Talk", link=PAGE, guid="0", date=None, text="Mira Holt on tides."),
        item("Talk", link=PAGE, guid="1", date=None, text="Jon Vega on dunes."),
    ]
    shelf = Shelf()

    assert len(shelf.look(*items)) == 2
    assert shelf.look(*items) == []


# --- the same entry ---------------------------------------------------------------------------------------

SAME: dict[str, tuple[Item, Item]] = {
    "another id": (item("Bread", link=PAGE, guid="old-1"), item("Bread", link=PAGE, guid="new-1")),
    "another id and text": (
        item("Bread", link=PAGE, guid="old-1", text="How it rises."),
        item("Bread", link=PAGE, guid="new-1", text="How it rises, and falls."),
    ),
    "another id, and quotes": (item("“Bread”", link=PAGE, guid="a"), item('"Bread"', link=PAGE, guid="b")),
    "another id, an earlier date": (
        item("Bread", link=PAGE, guid="a"),
        item("Bread", link=PAGE, guid="b", date=days_ago(1.1)),
    ),
    "another title": (item("Bread", link=PAGE, guid="a"), item("On bread", link=PAGE, guid="a")),
    "another title and date": (
        item("Bread", link=PAGE, guid="a", date=days_ago(2)),
        item("On bread", link=PAGE, guid="a"),
    ),
    "another title and address": (
        item("Bread", link=f"{PAGE}/bread", guid="a"),
        item("On bread", link=f"{PAGE}/on-bread", guid="a"),
    ),
    "another title, without ids": (item("Bread", link=PAGE), item("On bread", link=PAGE)),
    "another date, without ids": (item("Bread", link=PAGE, date=days_ago(2)), item("Bread", link=PAGE)),
    "an id at last": (item("Bread", link=PAGE), item("Bread", link=PAGE, guid="a")),
    "another site": (
        item("Bread", link="https://old.example.net/?p=1", guid="https://old.example.net/?p=1"),
        item("Bread", link="https://new.example.net/bread", guid="https://new.example.net/?p=1"),
    ),
    "a word in the address that is new each time": (
        item("Bread", link=f"{PAGE}/a?tick=1"),
        item("Bread", link=f"{PAGE}/a?tick=2"),
    ),
    "the same without a date": (
        item("Bread", link=f"{PAGE}/a?tick=1", date=None),
        item("Bread", link=f"{PAGE}/a?tick=2", date=None),
    ),
    "a session in the path, without a date": (
        item("Bread", link="https://x.example.net/s/a1b2/bread", date=None),
        item("Bread", link="https://x.example.net/s/c3d4/bread", date=None),
    ),
    "an id with a session": (
        item("Bread", link=f"{PAGE}/a?x=1", guid=f"{PAGE}/a?x=1"),
        item("Bread", link=f"{PAGE}/a?x=2", guid=f"{PAGE}/a?x=2"),
    ),
    "no id and no address": (item("Bread", text="It rises."), item("Bread", text="It rises again.")),
}


@pytest.mark.parametrize("is_json", [False, True], ids=["RSS", "JSON Feed"])
@pytest.mark.parametrize(("before", "now"), SAME.values(), ids=SAME)
def test_what_only_changed_is_not_new(before: Item, now: Item, is_json: bool) -> None:
    fresh = item("Cheese", link="https://new.example.net/cheese", guid="cheese", date=START)
    shelf = Shelf()
    shelf.look(before, is_json=is_json)

    assert shelf.look(fresh, now, is_json=is_json) == ["Cheese"]
    assert shelf.look(before, is_json=is_json) == []
    assert len(shelf.entries) == 2


def test_ids_and_addresses_that_are_new_at_each_look_are_not_kept_without_end() -> None:
    shelf = Shelf()
    for look in range(60):
        shelf.look(item("Bread", link=f"{PAGE}/a?tick={look}", guid=f"g{look}"))

    ((number, entry),) = shelf.entries.items()
    assert len(entry.keys) <= 12
    assert len(shelf.places[number]) <= 24


def test_two_of_one_title_and_day_are_two_at_new_addresses_too() -> None:
    shelf = Shelf()
    shelf.look(*(item("Posters", link=f"{PAGE}/{place}?s=1") for place in "ab"))

    assert shelf.look(*(item("Posters", link=f"{PAGE}/{place}?s=2") for place in "ab")) == []
    assert len(shelf.entries) == 2


def test_new_paper_in_a_look_in_which_all_ids_change_is_new() -> None:
    old = [
        item(f"Letter {number}", link=PAGE, guid=f"old-{number}", date=days_ago(9 - number))
        for number in range(6)
    ]
    shelf = Shelf()
    shelf.look(*old)

    now = [one | {"guid": f"new-{number}"} for number, one in enumerate(old)]
    assert shelf.look(item("Letter 6", link=PAGE, guid="new-6"), *now) == ["Letter 6"]


# --- several sources --------------------------------------------------------------------------------------

STORY = "https://paper.example.net/otters"
WRAPPED: dict[str, Item] = {
    "an alert": {"link": f"https://www.google.com/url?rct=j&sa=t&url={STORY}&ct=ga&usg=AOv"},
    "an alert of another country": {"link": f"https://www.google.co.uk/url?q={STORY}"},
    "FeedBurner": {
        "link": "http://feeds.example.com/~r/rivers/~3/q7/",
        "extra": f"<feedburner:origLink>{STORY}</feedburner:origLink>",
    },
    "FeedBurner with the id": {"link": "http://feedproxy.google.com/~r/rivers/~3/q7/", "guid": STORY},
    "Facebook": {"link": f"https://l.facebook.com/l.php?u={STORY}&h=AT0"},
    "Google News": {"link": f"https://news.google.com/news/url?sa=t&url={STORY}"},
    "Yahoo": {
        "link": "https://r.search.yahoo.com/_ylt=A/RE=1/RU=https%3a%2f%2fpaper.example.net%2fotters/RK=2/RS=x"
    },
    "translation": {"link": f"https://translate.google.com/translate?sl=de&u={STORY}"},
    "mail filter": {"link": f"https://eur01.safelinks.protection.outlook.com/?url={STORY}&data=05"},
    "Proofpoint": {
        "link": "https://urldefense.proofpoint.com/v2/url?u=https-3A__paper.example.net_otters&d=Dw"
    },
    "Proofpoint of today": {"link": f"https://urldefense.com/v3/__{STORY}__;!!N11eV2iwtfs"},
    "wrapped twice": {
        "link": "https://www.google.com/url?url=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3D"
        "https%253A%252F%252Fpaper.example.net%252Fotters"
    },
    "AMP": {"link": "https://paper-example-net.cdn.ampproject.org/c/s/paper.example.net/otters"},
    "Reddit": {"link": f"https://out.reddit.com/t3_1?url={STORY}&token=AQ"},
    "campaign": {"link": f"{STORY}?utm_source=x&fbclid=y&gclid=z&dgcid=a&referrer=b"},
    "session": {"link": "https://paper.example.net/otters;jsessionid=F0A1?PHPSESSID=x"},
    "index page": {"link": f"{STORY}/index.html"},
    "www": {"link": "http://www.paper.example.net:80/otters/"},
}


@pytest.mark.parametrize("wrapped", WRAPPED.values(), ids=WRAPPED)
def test_story_is_one_entry_however_its_address_is_wrapped(wrapped: Item) -> None:
    one, other = item("Otters return", link=STORY, guid="otters"), item("Otters!", guid="x") | wrapped
    first, second = Shelf(), Shelf()

    assert first.look(one) + first.look(other, source="alerts") == ["Otters return"]
    assert second.look(other, source="alerts") + second.look(one) == ["Otters!"]


@pytest.mark.parametrize(
    "name", [name for name in WRAPPED if name not in ("campaign", "session", "index page", "www")]
)
def test_reader_is_led_to_the_story_itself(name: str) -> None:
    ((sighting,)) = parse_items([item("Otters", guid="x") | WRAPPED[name]])

    assert sighting.entry.url == STORY


def test_a_shared_page_joins_items_of_two_sources_by_title() -> None:
    releases = [
        item(f"Kettle 3.{number}", link=PAGE, guid=f"k{number}", date=days_ago(0.1)) for number in range(3)
    ]
    copies = [one | {"guid": f"planet-{number}"} for number, one in enumerate(releases)]
    at_once, one_by_one = Shelf(), Shelf()

    at_once.collect([*parse_items(releases), *parse_items(copies, "planet")])
    new = one_by_one.look(*releases) + one_by_one.look(*copies, source="planet")

    assert len(at_once.entries) == len(one_by_one.entries) == len(new) == 3


def test_item_of_another_source_with_another_title_is_the_story_at_its_address() -> None:
    shelf = Shelf()
    shelf.look(item("Otters return", link=STORY, guid="otters"))

    assert shelf.look(item("Otters return [comments]", link=STORY, guid="hn-1"), source="links") == []


# --- whatever comes ---------------------------------------------------------------------------------------

# An id that hops from title to title is none; that it is read all the same is shown above.
items = st.builds(
    lambda named, **facts: {"title": named[0], "guid": named[1]} | facts,
    st.sampled_from(
        [(title, guid) for title in ("One", "Two", "Three") for guid in (None, f"g-{title}", f"h-{title}")]
    ),
    link=st.sampled_from([None, PAGE, f"{PAGE}/a", f"{PAGE}/b?x=1", f"{PAGE}/b?x=2"]),
    date=st.sampled_from([None, days_ago(3), days_ago(2), days_ago(1)]),
    text=st.sampled_from(["", "Short.", "Longer."]),
)
looks = st.lists(items, max_size=6)


@examples(150)
@given(looks, looks, st.sampled_from(["notes", "planet"]))
def test_looking_again_changes_nothing(before: Sequence[Item], now: Sequence[Item], source: str) -> None:
    shelf = Shelf()
    shelf.collect(parse_items(before))
    shelf.collect(parse_items(now, source))

    assert shelf.collect(parse_items(now, source)) == ()


@examples(150)
@given(looks, looks, st.randoms(use_true_random=False))
def test_order_of_the_items_makes_no_difference(
    before: Sequence[Item], now: Sequence[Item], random: Any
) -> None:
    def collect(items_: Sequence[Item]) -> set[frozenset[str]]:
        shelf = Shelf()
        shelf.collect(parse_items(before))
        shelf.collect(parse_items(items_))
        return {frozenset(entry.keys) for entry in shelf.entries.values()}

    assert collect(now) == collect(random.sample(now, len(now)))
