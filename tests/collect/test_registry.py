from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest

from newsletter.collect.options import KIND_OPTIONS
from newsletter.collect.registry import KINDS
from newsletter.errors import FetchError
from newsletter.model.sources import ParsedFeed, Request, Source
from tests.support.builders import at
from tests.support.sightings import DAY, make_source, seen

HF = KINDS["hf_daily_papers"]
SITE = make_source("hf_daily_papers", "https://huggingface.co")
NOW = at("2026-06-16 20:00")
FIRST = Request("https://huggingface.co/api/daily_papers?date=2026-06-16&limit=100", DAY)


def make_feed(count: int, start: int = 0, refused: int = 0) -> ParsedFeed:
    papers = (seen(f"arxiv:2606.{number:05}") for number in range(start, start + count))
    return ParsedFeed(tuple(papers), DAY, refused)


@pytest.mark.parametrize(
    "location", ["https://huggingface.co", "https://huggingface.co/", "http://127.0.0.1:8080"]
)
def test_site_is_asked_for_each_of_the_newest_dates_today_first(location: str) -> None:
    requests = HF.requests(make_source("hf_daily_papers", location, listing_dates=3), NOW)

    base = location.rstrip("/")
    assert requests == tuple(
        Request(f"{base}/api/daily_papers?date=2026-06-{day}&limit=100", date(2026, 6, day))
        for day in (16, 15, 14)
    )


@pytest.mark.parametrize(
    "location",
    [
        "saved/api-2026-06-16.json",
        "https://huggingface.co/papers/date/2026-06-16",
        "https://huggingface.co/?x=1",
    ],
)
def test_page_or_file_is_one_request(location: str) -> None:
    assert HF.requests(make_source("hf_daily_papers", location), NOW) == (Request(location),)


def test_full_page_is_followed_by_the_next() -> None:
    second = HF.next_request(SITE, FIRST, make_feed(50), frozenset())
    assert second == Request(FIRST.location + "&p=1", DAY, 1)

    seen_before = frozenset(sighting.guid for sighting in make_feed(50).sightings)
    assert HF.next_request(SITE, second, make_feed(50, start=50), seen_before) == Request(
        FIRST.location + "&p=2", DAY, 2
    )


def test_refused_items_count_for_the_length_of_a_page() -> None:
    assert HF.next_request(SITE, FIRST, make_feed(49, refused=1), frozenset()) is not None


@pytest.mark.parametrize("count", [0, 1, 49])
def test_short_page_is_the_last(count: int) -> None:
    assert HF.next_request(SITE, FIRST, make_feed(count), frozenset()) is None


def test_page_without_anything_new_is_the_last() -> None:
    seen_before = frozenset(sighting.guid for sighting in make_feed(60).sightings)

    assert HF.next_request(SITE, FIRST, make_feed(60), seen_before) is None


def test_endless_listing_is_left_after_twenty_pages() -> None:
    request: Request | None = FIRST
    pages = 0
    while request is not None:
        request = HF.next_request(SITE, request, make_feed(50, start=50 * pages), frozenset())
        pages += 1

    assert pages == 20


def test_page_or_file_has_no_next_page() -> None:
    assert HF.next_request(SITE, Request("saved.json"), make_feed(60), frozenset()) is None


@pytest.mark.parametrize("kind", ["hf_papers_capture", "feed"])
def test_other_kinds_ask_once(kind: str) -> None:
    source = make_source(kind, "https://example.org/feed.xml")
    (request,) = KINDS[kind].requests(source, NOW)

    assert request == Request("https://example.org/feed.xml")
    assert KINDS[kind].next_request(source, request, make_feed(60), frozenset()) is None


def choose_fallback(request: Request) -> tuple[Request, ...]:
    assert HF.fallback is not None
    return HF.fallback.choose(SITE, request, FetchError("answered 500", status=500), NOW)


def test_page_of_the_same_date_is_the_fallback_of_each_page_of_the_api() -> None:
    page = Request("https://huggingface.co/papers/date/2026-06-16", DAY)

    assert choose_fallback(FIRST) == (page,)
    assert choose_fallback(Request(FIRST.location + "&p=1", DAY, 1)) == (page,)


@pytest.mark.parametrize(
    "request_", [Request("https://huggingface.co/papers/date/2026-06-16", DAY), Request("saved.json")]
)
def test_page_or_file_has_no_fallback(request_: Request) -> None:
    assert choose_fallback(request_) == ()


def test_a_page_is_the_whole_listing() -> None:
    page = Request("https://huggingface.co/papers/date/2026-06-16", DAY)

    assert HF.next_request(SITE, page, make_feed(71), frozenset()) is None


def test_every_option_of_a_kind_is_one_of_a_source() -> None:
    options = {field.name for field in fields(Source)}

    assert all(kind.options <= options for kind in KIND_OPTIONS.values())


def test_what_may_be_configured_of_a_kind_is_said_of_each() -> None:
    assert list(KIND_OPTIONS) == list(KINDS)
