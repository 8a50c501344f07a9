from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.collect.feed import choose_next, parse
from newsletter.errors import FeedError
from newsletter.model.sources import ParsedFeed, Request
from tests.support.sightings import make_fetched, make_request, make_source

SITE = "https://blog.example.org/articles/"
SOURCE = make_source("feed", SITE)


def parse_body(body: str, url: str = SITE) -> ParsedFeed:
    return parse(make_fetched(body.encode(), url), SOURCE, make_request(SITE))


def page(*links: str, head: str = "") -> str:
    return f"<!doctype html><html><head>{head}{''.join(links)}</head><body><p>Hello</body></html>"


def link(href: str, type_: str = "application/rss+xml", more: str = "") -> str:
    return f'<link rel="alternate" type="{type_}" href="{href}" {more}>'


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ('<rss version="2.0"><channel><item><title>RSS</title></item></channel></rss>', "RSS"),
        ('<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Atom</title></entry></feed>', "Atom"),
        ('{"items": [{"id": "1", "title": "JSON"}]}', "JSON"),
        ('\ufeff {"items": [{"id": "1", "title": "JSON"}]}', "JSON"),
    ],
)
def test_content_decides_how_a_feed_is_read(body: str, title: str) -> None:
    if body.startswith("\ufeff"):
        body = body.removeprefix("\ufeff").strip()
    assert [sighting.entry.title for sighting in parse_body(body).sightings] == [title]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        (page(link("/feed.xml")), ("https://blog.example.org/feed.xml",)),
        (page(link("feed.xml")), ("https://blog.example.org/articles/feed.xml",)),
        (page(link("feed.xml"), head='<base href="/other/">'), ("https://blog.example.org/other/feed.xml",)),
        (
            page(
                link("/comments/feed", more='title="Comments"'), link("/feed.json", "application/feed+json")
            ),
            ("https://blog.example.org/feed.json", "https://blog.example.org/comments/feed"),
        ),
        (
            page(link("/wp-json", "application/json"), link("/atom", "application/atom+xml; charset=utf-8")),
            ("https://blog.example.org/atom", "https://blog.example.org/wp-json"),
        ),
        (
            page(link("/de", more='hreflang="de-AT"'), link("/en", more='hreflang="EN"'), link("/x")).replace(
                "<html>", '<html class="x" lang="en-GB">'
            ),
            ("https://blog.example.org/en", "https://blog.example.org/x", "https://blog.example.org/de"),
        ),
        (page(link("/a"), link("/a")), ("https://blog.example.org/a",)),
        ('<?xml version="1.0"?>\n<html>' + link("/a") + "</html>", ("https://blog.example.org/a",)),
        (page('<link rel="feed" href="/a">'), ("https://blog.example.org/a",)),
        (page('<link rel="FEED alternate" type="text/xml" href="/a">'), ("https://blog.example.org/a",)),
        (
            page('<link rel="feed" href="/b">', link("/a")),
            ("https://blog.example.org/a", "https://blog.example.org/b"),
        ),
        (page(link("/a", "text/xml")), ("https://blog.example.org/a",)),
        (page(link("/a", "application/xml")), ("https://blog.example.org/a",)),
        (page(link("/a", "application/x-rss+xml")), ("https://blog.example.org/a",)),
        (page('<link rel="alternate" href="/index.xml">'), ("https://blog.example.org/index.xml",)),
        (page('<link rel="alternate" href="/?feed=rss2">'), ("https://blog.example.org/?feed=rss2",)),
        (page(link("feed://blog.example.org/a")), ("https://blog.example.org/a",)),
        (page(link("feed:http://blog.example.org/a")), ("http://blog.example.org/a",)),
        (page('<a href="/f.xml">RSS feed</a>'), ("https://blog.example.org/f.xml",)),
        (page('<a href="/news"><b>RSS</b></a>'), ("https://blog.example.org/news",)),
        (page('<a href="/x">Atom</a>'), ("https://blog.example.org/x",)),
        (page('<a href="/x"><img src="i.png" alt="RSS"></a>'), ("https://blog.example.org/x",)),
        (page('<a href="/x" title="RSS feed"><i></i></a>'), ("https://blog.example.org/x",)),
        (page('<a href="/x" aria-label="RSS"><i></i></a>'), ("https://blog.example.org/x",)),
        (page('<a rel="feed" href="/x">here</a>'), ("https://blog.example.org/x",)),
        (page('<a href="https://feeds.example.net/x">RSS</a>'), ("https://feeds.example.net/x",)),
        (page('<a href="/feed/"><img src="rss.png"></a>'), ("https://blog.example.org/feed/",)),
        (page('<a href="/blog/atom.xml"></a>'), ("https://blog.example.org/blog/atom.xml",)),
        (page('<a href="/posts.rss">here</a>'), ("https://blog.example.org/posts.rss",)),
        (page('<a href="/blog?format=rss">here</a>'), ("https://blog.example.org/blog?format=rss",)),
        (page('<a href="https://feeds.example.org/blog">here</a>'), ("https://feeds.example.org/blog",)),
        (
            page('<a href="https://feeds.feedburner.com/blog">here</a>'),
            ("https://feeds.feedburner.com/blog",),
        ),
        (page('<a href="feed://blog.example.org/f">RSS</a>'), ("https://blog.example.org/f",)),
        (page('<a type="application/rss+xml" href="/f">here</a>'), ("https://blog.example.org/f",)),
        (
            page('<a href="/feed">RSS</a>', '<a href="/comments/feed">Comments RSS</a>', link("/main")),
            (
                "https://blog.example.org/main",
                "https://blog.example.org/feed",
                "https://blog.example.org/comments/feed",
            ),
        ),
        (
            page('<a href="/f.xml">RSS</a>', link("/api", "application/json")),
            ("https://blog.example.org/f.xml", "https://blog.example.org/api"),
        ),
    ],
)
def test_page_tells_the_feeds_that_it_names_the_best_first(html: str, found: tuple[str, ...]) -> None:
    feed = parse_body(html)

    assert feed.sightings == ()
    assert feed.found_feeds == found


@pytest.mark.parametrize(
    "html",
    [
        page(),
        page('<link rel="stylesheet" href="/a.css">'),
        page('<link rel="alternate" hreflang="de" href="/de">'),
        page(link("javascript:alert(1)")),
        page(link("http://[")),
        page(link("mailto:editor@example.org")),
        page('<a href="/2026/atom-interferometry">Atom interferometry with cold feeds of light</a>'),
        page('<a href="/2026/feedback">Feedback</a>', '<a href="/rss-explained">What it is</a>'),
        page('<a href="https://other.example.net/feed.xml">RSS</a>'),
        page('<a href="https://reader.example.com/add?feed=x">Add to Reader</a>'),
        page('<link rel="alternate" href="/mobile">', '<link rel="alternate" type="text/html" href="/feed">'),
        page('<link rel="alternate stylesheet" type="text/xml" href="/feed">'),
        page('<a href="mailto:rss@example.org">RSS</a>', '<a href="javascript:rss()">RSS</a>'),
        "<html>" + "<div>" * 50_000,
    ],
)
def test_page_that_names_no_feed_is_refused(html: str) -> None:
    with pytest.raises(FeedError, match="an HTML page that names none"):
        parse_body(html)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('</feed.xml>; rel="alternate"; type="application/rss+xml"', ("https://blog.example.org/feed.xml",)),
        (
            "<feed.xml>;rel=alternate;type=application/atom+xml",
            ("https://blog.example.org/articles/feed.xml",),
        ),
        ("<https://feeds.example.net/a>; rel=feed", ("https://feeds.example.net/a",)),
        (
            '<https://blog.example.org/wp-json/>; rel="https://api.w.org/", </a,b>; title="x, y"; rel="feed alternate"',
            ("https://blog.example.org/a,b",),
        ),
        (
            '</style.css>; rel=preload; as=style, </feed>; rel="alternate"; type="text/xml"',
            ("https://blog.example.org/feed",),
        ),
    ],
)
def test_header_names_a_feed_too(header: str, found: tuple[str, ...]) -> None:
    fetched = replace(make_fetched(page().encode(), SITE), link=header)

    assert parse(fetched, SOURCE, make_request(SITE)).found_feeds == found


@pytest.mark.parametrize(
    "header", ["", "x", "<", "</feed>", "</feed>; rel=next", '</feed>; rel="', "<javascript:x>; rel=feed"]
)
def test_header_that_names_no_feed_is_none(header: str) -> None:
    with pytest.raises(FeedError, match="names none"):
        parse(replace(make_fetched(page().encode(), SITE), link=header), SOURCE, make_request(SITE))


def test_page_with_a_malformed_charset_is_refused() -> None:
    with pytest.raises(FeedError, match="the page cannot be read"):
        parse_body(page(link("/a"), head="<meta charset='ut\x01f'>"))


@pytest.mark.parametrize("body", ["", "   ", "<svg/>", "hello", "Rate exceeded."])
def test_what_is_no_feed_is_refused(body: str) -> None:
    with pytest.raises(FeedError, match="expected an RSS or Atom feed"):
        parse_body(body)


def test_comments_without_end_take_no_endless_time() -> None:
    with pytest.raises(FeedError, match="expected an RSS or Atom feed"):
        parse_body("<!-- x -->\n" * 700 + "<svg/>")


def test_page_leads_to_its_first_feed_and_a_feed_to_nothing() -> None:
    found = ParsedFeed((), found_feeds=("https://blog.example.org/a", "https://blog.example.org/b"))
    first = Request(SITE)

    following = choose_next(SOURCE, first, found, frozenset())

    assert following == Request("https://blog.example.org/a", page=1)
    assert choose_next(SOURCE, following, found, frozenset()) is None
    assert choose_next(SOURCE, first, ParsedFeed(()), frozenset()) is None
