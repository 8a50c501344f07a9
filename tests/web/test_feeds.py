from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import feedparser
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter.collect.registry import KINDS
from newsletter.model.entries import EntryKey
from newsletter.model.sources import Fetched, Request, Source
from newsletter.web.named_topics import name_topics
from newsletter.web.pages import feeds
from newsletter.web.site import Site
from newsletter.web.syndication import Feed, FeedItem, build_tag, write_atom, write_json
from tests.support.builders import at, make_topic
from tests.support.website import AGENTS, LATE, POST, RAG, SMALL, URL, make_paper, new, save_run

THINKER = "VibeThinker-3B: Exploring the Frontier of Verifiable Reasoning in Small Language Models"
ATOM = "{http://www.w3.org/2005/Atom}"


def read_atom(body: bytes) -> etree._Element:
    """The root of an Atom document that has what RFC 4287 section 4.1 asks for."""
    root = etree.fromstring(body)
    assert root.tag == f"{ATOM}feed"
    for element in (root, *root.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1, name
        assert (element.findtext(f"{ATOM}id") or "").startswith("tag:")
        datetime.fromisoformat(element.findtext(f"{ATOM}updated") or "")
        assert element.findall(f"{ATOM}author/{ATOM}name") or root.find(f"{ATOM}author") is not None
        links = [(link.get("rel"), link.get("type")) for link in element.findall(f"{ATOM}link")]
        assert len(links) == len(set(links))
        assert "alternate" in dict(links)
    assert [link.get("rel") for link in root.findall(f"{ATOM}link")].count("self") == 1
    ids = [entry.findtext(f"{ATOM}id") for entry in root.iter(f"{ATOM}entry")]
    assert len(ids) == len(set(ids))
    return root


def read_json(body: bytes) -> dict[str, Any]:
    """A document that has what JSON Feed 1.1 asks for."""
    document: dict[str, Any] = json.loads(body)
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert document["title"]
    for item in document["items"]:
        assert item["id"]
        assert item["content_text"]
        datetime.fromisoformat(item["date_published"])
    return document


async def load(client: httpx2.AsyncClient, path: str, **params: str) -> bytes:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, path
    return answer.content


# --- over the web -------------------------------------------------------------------------


async def test_newest_papers_come_first_with_what_happened_to_them(
    site: Site, client: httpx2.AsyncClient
) -> None:
    root = read_atom(await load(client, "/feed.atom"))

    entries = root.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries[:2]] == [LATE.title, POST.title]
    assert len(entries) == 33
    (agents,) = [entry for entry in entries if entry.findtext(f"{ATOM}title") == AGENTS.title]
    assert agents.findtext(f"{ATOM}published") == "2026-06-12T09:00:00Z"
    assert agents.findtext(f"{ATOM}updated") == "2026-06-16T20:00:00Z"  # a new version; votes change nothing
    links = {link.get("rel"): link.get("href") for link in agents.findall(f"{ATOM}link")}
    assert links == {"alternate": f"{URL}/papers/{AGENTS.key}", "related": AGENTS.url}
    assert root.findtext(f"{ATOM}updated") == "2026-06-17T09:00:00Z"


async def test_json_has_the_same_papers(client: httpx2.AsyncClient) -> None:
    root = read_atom(await load(client, "/feed.atom"))
    document = read_json(await load(client, "/feed.json"))

    assert [item["id"] for item in document["items"]] == [
        entry.findtext(f"{ATOM}id") for entry in root.iter(f"{ATOM}entry")
    ]
    assert document["feed_url"] == f"{URL}/feed.json"


async def test_every_feed_is_valid_for_both_kinds_of_readers(client: httpx2.AsyncClient) -> None:
    for path in ("/feed", "/topics/rag", "/topics/agents-tools", "/search"):
        atom, document = (
            await load(client, f"{path}.atom", q="agent"),
            await load(client, f"{path}.json", q="agent"),
        )
        read_atom(atom)
        items = read_json(document)["items"]
        parsed = feedparser.parse(atom)
        assert not parsed.bozo, parsed.get("bozo_exception")
        assert len(parsed.entries) == len(items) > 0
        for body in (atom, document):
            source = Source("again", "feed", f"{URL}{path}")
            ours = KINDS[source.kind].parse(Fetched(body, f"{URL}{path}"), source, Request(f"{URL}{path}"))
            assert len(ours.sightings) == len(items), (path, ours.notes)
            assert ours.refused == 0


async def test_feed_of_a_topic_has_what_its_readers_would_get(client: httpx2.AsyncClient) -> None:
    document = read_json(await load(client, "/topics/rag.json"))

    assert [item["title"] for item in document["items"]] == [POST.title, RAG.title]
    assert document["title"] == "Trending Papers: RAG"
    assert document["home_page_url"] == f"{URL}/topics/rag"
    assert (await client.get("/topics/none.atom")).status_code == 404


async def test_feed_of_a_search_is_the_search_the_newest_first(client: httpx2.AsyncClient) -> None:
    query = 'title:retrieval OR "small language model"'
    document = read_json(await load(client, "/search.json", q=query))

    assert [item["title"] for item in document["items"]] == [THINKER, SMALL.title, RAG.title]
    assert document["feed_url"] == f"{URL}/search.json?q={quote(query, safe='').replace('%20', '+')}"
    assert read_json(await load(client, "/search.json"))["items"] == []
    assert read_json(await load(client, "/search.json", q="%"))["items"] == []


async def test_unchanged_feed_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    for path in ("/feed.atom", "/feed.json", "/topics/rag.atom"):
        first = await client.get(path)
        again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_feed_of_a_busy_day_has_all_of_it(site: Site, client: httpx2.AsyncClient) -> None:
    papers = [make_paper(f"2605.{number:05}", f"Paper {number}", None) for number in range(120)]
    await save_run(site.newsletter.runs, "2026-06-17 10:00", *map(new, papers))

    titles = {item["title"] for item in read_json(await load(client, "/feed.json"))["items"]}

    assert titles >= {paper.title for paper in papers}
    assert len(titles) == feeds.NEWEST


async def test_ids_stay_when_the_site_moves(site: Site, client: httpx2.AsyncClient) -> None:
    ids = {item["title"]: item["id"] for item in read_json(await load(client, "/feed.json"))["items"]}

    assert ids[AGENTS.title] == "tag:news.example.org,2026:papers/arxiv:2606.00101"


# --- topics -------------------------------------------------------------------------------


async def test_topics_are_listed_with_their_feeds(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/topics")

    for path in ("/topics/rag", "/topics/rag.atom", "/topics/agents-tools.json"):
        assert f'"{URL}{path}"' in answer.text


def test_topics_have_different_names_in_addresses() -> None:
    topics = [make_topic(name) for name in ("RAG", "rag!", "Rag", "?", "C++ & co", "语言")]

    assert list(name_topics(topics)) == ["rag", "rag-2", "rag-3", "topic", "c++-co", "语-言"]


# --- sitemap ------------------------------------------------------------------------------


async def test_sitemap_names_every_page_of_the_archive(client: httpx2.AsyncClient) -> None:
    root = etree.fromstring(await load(client, "/sitemap.xml"))

    found = {element.text for element in root.iter("{*}loc")}
    assert f"{URL}/papers/{AGENTS.key}" in found
    assert f"{URL}/2026-06-16" in found
    assert f"{URL}/topics/rag" in found
    assert len(found) == 33 + 4 + 5
    for url in list(found)[:10]:
        assert (await client.get(str(url))).status_code == 200, url


async def test_large_sitemap_is_in_parts(client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MAX_URLS", 20)
    root = etree.fromstring(await load(client, "/sitemap.xml"))

    assert root.tag.endswith("sitemapindex")
    urls = []
    for part in root.iter("{*}loc"):
        inner = etree.fromstring(await load(client, str(part.text)))
        urls += [element.text for element in inner.iter("{*}loc")]
    assert len(urls) == len(set(urls)) == 42
    assert (await client.get("/sitemap-4.xml")).status_code == 404
    assert (await client.get("/sitemap-0.xml")).status_code == 404


async def test_a_part_of_the_sitemap_that_is_not_there_loads_nothing(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        pytest.fail("the keys of papers were loaded for a page that is not there")

    monkeypatch.setattr("newsletter.storage.archive.Archive.load_keys", refuse)
    for part in ("2", "999999", "0", "x"):
        assert (await client.get(f"/sitemap-{part}.xml")).status_code == 404


# --- pure ---------------------------------------------------------------------------------

ANY = st.text(alphabet=st.characters(codec=None), max_size=60)


def make_item(text: str, **values: Any) -> FeedItem:
    item = FeedItem(
        "tag:a,2026:1",
        "https://a.example/1",
        text,
        at("2026-06-16 07:00"),
        at("2026-06-16 08:00"),
        summary=text,
    )
    return replace(item, **values)


@given(ANY)
def test_any_text_makes_a_valid_feed(text: str) -> None:
    item = make_item(text, authors=(text,), tags=(text,), original_url="https://a.example/?a=1&b=2")
    feed = Feed("tag:a,2026:feed", text or "x", "A", "https://a.example/", "https://a.example/f", (item,))

    root = read_atom(write_atom(feed))
    json.loads(write_json(feed).decode())
    related = [link.get("href") for link in root.iter(f"{ATOM}link") if link.get("rel") == "related"]
    assert related == ["https://a.example/?a=1&b=2"]


def test_empty_feed_is_valid_and_has_a_date_that_stays() -> None:
    feed = Feed("tag:a,2026:feed", "T", "A", "https://a.example/", "https://a.example/f", ())

    read_atom(write_atom(feed))
    assert feed.updated_at == datetime(2000, 1, 1, tzinfo=UTC)
    assert read_json(write_json(feed))["items"] == []


def test_control_characters_are_left_out() -> None:
    feed = Feed(
        "tag:a,2026:f",
        "T",
        "A",
        "https://a.example/",
        "https://a.example/f",
        (make_item("a\x00b\x1b\x85\u202ec\ufffe"),),
    )

    assert read_atom(write_atom(feed)).findtext(f"{ATOM}entry/{ATOM}title") == "abc"
    assert read_json(write_json(feed))["items"][0]["title"] == "abc"


def test_tag_quotes_what_has_no_place_in_an_address() -> None:
    key = EntryKey("guid:A lab's blog:ä")
    assert (
        build_tag("news.example.org", "papers", key)
        == "tag:news.example.org,2026:papers/guid:A%20lab%27s%20blog:%C3%A4"
    )
