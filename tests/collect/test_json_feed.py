from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.json_feed import parse
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, EntryKey
from newsletter.model.sources import ParsedFeed
from newsletter.text import clean_line
from tests.support.builders import at
from tests.support.sightings import make_fetched, make_request, make_source

URL = "https://meadow.example.org/feed.json"


def parse_feed(feed: object) -> ParsedFeed:
    body = feed if isinstance(feed, bytes) else json.dumps(feed).encode()
    return parse(make_fetched(body, URL), make_source("feed", URL), make_request(URL))


def parse_item(**item: Any) -> Entry:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Meadow", "items": [item]}
    return parse_feed(feed).sightings[0].entry


def test_item_is_read_whole() -> None:
    entry = parse_item(
        id="tag:1",
        url="/posts/sheep?utm_source=feed",
        title="Counting sheep &amp; goats",
        content_html="<p>We count.</p><p>All of them.</p><script>alert()</script>",
        date_published="2026-06-16T10:00:00+02:00",
        authors=[{"name": "Ada Example"}, {"url": "https://example.org"}, {"name": "Bo Example"}],
        tags=["sheep", "counting", 7],
        image="https://meadow.example.org/sheep.png",
        attachments=[
            {"url": "https://meadow.example.org/sheep.mp4", "mime_type": "video/mp4"},
            {"url": "https://meadow.example.org/sheep.zip", "mime_type": "application/zip"},
        ],
    )

    assert entry == Entry(
        key=EntryKey("url:https://meadow.example.org/posts/sheep"),
        aliases=(EntryKey("guid:papers:tag:1"),),
        title="Counting sheep & goats",
        summary="We count. All of them.",
        authors=("Ada Example", "Bo Example"),
        published_at=at("2026-06-16 08:00"),
        categories=("sheep", "counting"),
        url="https://meadow.example.org/posts/sheep?utm_source=feed",
        thumbnail_url="https://meadow.example.org/sheep.png",
        media_urls=("https://meadow.example.org/sheep.mp4",),
        sources=("papers",),
    )


@pytest.mark.parametrize(
    ("item", "title"),
    [
        ({"id": "1", "content_text": "A note without a title."}, "A note without a title."),
        ({"id": "1", "url": "https://meadow.example.org/1"}, "https://meadow.example.org/1"),
        ({"title": " Two\n lines "}, "Two lines"),
    ],
)
def test_title_is_what_there_is(item: dict[str, Any], title: str) -> None:
    assert parse_item(**item).title == title


def test_summary_goes_before_content() -> None:
    assert parse_item(id="1", summary="Short.", content_text="Very long.").summary == "Short."


def test_first_version_had_one_author_and_numbers_as_ids() -> None:
    entry = parse_item(id=7, title="x", author={"name": "Ada Example"})

    assert entry.authors == ("Ada Example",)
    assert entry.key == "guid:papers:7"


def test_episode_without_a_page_leads_to_its_sound() -> None:
    sound = {"url": "https://cdn.example.net/1.mp3", "mime_type": "audio/mpeg"}
    entry = parse_item(id="b7-19", title="x", attachments=[sound])

    assert (entry.url, entry.keys) == ("https://cdn.example.net/1.mp3", ("guid:papers:b7-19",))
    assert parse_item(id="https://pod.example.net/1", title="x").url == "https://pod.example.net/1"


def test_authors_of_the_feed_are_those_of_an_item_that_names_none() -> None:
    paper = {"id": "2", "title": "y", "url": "https://arxiv.org/abs/2606.01234"}
    feed = parse_feed({"authors": [{"name": "Ada Example"}], "items": [{"id": "1", "title": "x"}, paper]})

    assert [sighting.entry.authors for sighting in feed.sightings] == [("Ada Example",), ()]


def test_arxiv_id_is_found_in_an_external_address() -> None:
    assert (
        parse_item(id="1", title="x", external_url="https://arxiv.org/abs/2606.01234v2").key
        == "arxiv:2606.01234"
    )


@pytest.mark.parametrize("value", [None, 7, "yesterday", "2026-13-01T00:00:00Z", ["2026-06-16"]])
def test_time_that_is_none_is_missing(value: object) -> None:
    assert parse_item(id="1", title="x", date_published=value).published_at is None


def test_time_of_the_last_change_stands_in() -> None:
    entry = parse_item(id="1", title="x", date_modified="2026-06-16T08:00:00Z")

    assert entry.published_at == at("2026-06-16 07:00") + timedelta(hours=1)


@pytest.mark.parametrize(
    ("feed", "found"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        ([{"id": "1"}], "not an object"),
        ({"error": "no"}, "its keys: error"),
        ({"items": {}}, "without 'items'"),
    ],
)
def test_what_is_no_feed_is_refused_with_what_was_found(feed: object, found: str) -> None:
    with pytest.raises(FeedError, match=found):
        parse_feed(feed)


def test_feed_without_items_is_empty() -> None:
    assert parse_feed({"version": "https://jsonfeed.org/version/1", "items": []}).sightings == ()


def test_item_that_cannot_be_used_is_counted() -> None:
    feed = parse_feed({"items": [{"id": "1"}, {"id": "2", "title": "x"}]})

    assert (len(feed.sightings), feed.refused) == (1, 1)
    assert parse_feed({"items": [{}, 7]}).refused == 2


def test_endless_feed_is_read_in_part() -> None:
    feed = parse_feed({"items": [{"id": str(number), "title": str(number)} for number in range(2_005)]})

    assert len(feed.sightings) == 2_000
    assert feed.notes[0] == "only the first 2000 of 2005 items were read"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = (
    "id",
    "url",
    "title",
    "content_html",
    "content_text",
    "date_published",
    "authors",
    "tags",
    "attachments",
)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), ANYTHING), max_size=3))
def test_any_object_is_read_or_refused(items: list[dict[str, object]]) -> None:
    try:
        feed = parse_feed({"items": items})
    except FeedError:
        return
    assert len(feed.sightings) + feed.refused == len(items)


@pytest.mark.parametrize("bad", ["\ud800", "\udc00\ud800", "\0", "\x1b[31m", "\x9b", "\uffff", "\U0010ffff"])
def test_a_character_that_is_none_costs_that_letter_in_every_field(bad: str) -> None:
    text = f"Pebbles{bad} of ice"
    entry = parse_item(
        id=f"tag{bad}:1",
        url=f"https://notes.example.net/{bad}pebbles",
        external_url=f"https://notes.example.net/{bad}x",
        title=text,
        content_text=text,
        content_html=text,
        summary=text,
        authors=[{"name": text}],
        tags=[text],
    )

    said = [
        entry.key,
        *entry.aliases,
        entry.title,
        entry.summary,
        entry.url,
        *entry.authors,
        *entry.categories,
    ]
    assert entry.title.startswith("Pebbles")
    assert all(clean_line(one) == one for one in said)
