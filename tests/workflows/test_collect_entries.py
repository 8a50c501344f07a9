from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from newsletter.collect.registry import KINDS
from newsletter.errors import FetchError
from newsletter.model.digest import Window
from newsletter.model.entries import EntryKey, EventKind
from newsletter.model.sources import (
    USUAL_REQUEST,
    Fetched,
    FetchState,
    NotModified,
    ParsedFeed,
    Request,
    RequestOptions,
    Source,
    Validators,
)
from newsletter.storage import Database, EntryStore, RunStore
from newsletter.wiring import FixedClock
from newsletter.workflows import collect_entries as collecting
from newsletter.workflows.collect_all import is_collect_due
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from tests.support.builders import at
from tests.support.papers import make_day, make_page

EVERY = timedelta(minutes=30)
API = Source(name="HF", kind="hf_daily_papers", location="https://papers.example.org", listing_dates=2)


@dataclass
class Shelf:
    """A Fetcher that answers from a shelf; what is not on it cannot be fetched."""

    answers: Mapping[str, str]
    moved: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(
        self, location: str, known: Validators | None, options: RequestOptions = USUAL_REQUEST
    ) -> Fetched | NotModified:
        self.asked.append(location)
        if location not in self.answers:
            raise FetchError(f"{location}: answered 500", url=location, status=500)
        body = self.answers[location]
        if known is not None and known.etag == body:
            return NotModified(self.moved.get(location, ""))
        return Fetched(body.encode(), location, Validators(etag=body), moved_to=self.moved.get(location, ""))


def url(on: str, page: int = 0) -> str:
    return f"https://papers.example.org/api/daily_papers?date={on}&limit=100" + (f"&p={page}" if page else "")


async def collect(
    database: Database,
    answers: Mapping[str, str],
    on: str = "2026-06-16",
    *sources: Source,
    at_once: bool = False,
    moved: Mapping[str, str] | None = None,
) -> tuple[CollectReport, Shelf]:
    shelf = Shelf(answers, moved or {})
    clock = FixedClock(at(f"{on} 20:00"))
    store = RunStore(database)
    return await collect_entries(sources or (API,), shelf, store, clock, EVERY, at_once=at_once), shelf


def must_not_parse(fetched: Fetched, source: Source, request: Request) -> ParsedFeed:
    raise AssertionError("an unchanged answer was parsed")


def make_rss(*titles: str) -> str:
    items = "".join(
        f"<item><title>{title}</title><link>https://blog.example.org/{title}</link>"
        "<pubDate>Tue, 16 Jun 2026 08:00:00 GMT</pubDate></item>"
        for title in titles
    )
    return f'<rss version="2.0"><channel><title>Blog</title>{items}</channel></rss>'


def make_batch(on: str, *numbers: int, version: int = 1, announce: str = "new") -> str:
    """A day's listing of arXiv with these papers."""
    entries = "".join(
        f"<entry><id>oai:arXiv.org:2606.{number:05}v{version}</id><title>Paper {number}</title>"
        f'<link href="https://arxiv.org/abs/2606.{number:05}" rel="alternate" type="text/html"/>'
        f"<summary>arXiv:2606.{number:05}v{version} Announce Type: {announce} Abstract: We study {number}.</summary>"
        f'<category term="cs.CL"/><published>{on}T00:00:00-04:00</published>'
        f"<arxiv:announce_type>{announce}</arxiv:announce_type><dc:creator>Ada Example</dc:creator></entry>"
        for number in numbers
    )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><id>https://rss.arxiv.org/atom/cs.CL</id>'
        f"<title>cs.CL updates on arXiv.org</title><updated>{on}T04:00:00+00:00</updated>{entries}</feed>"
    )


async def test_the_first_run_is_a_baseline(database: Database) -> None:
    days = {url("2026-06-16"): make_day(3), url("2026-06-15"): make_day(5, on="2026-06-15")}

    report, _ = await collect(database, days)

    assert (report.run, report.records[0].listed, report.records[0].new) == (1, 8, 3)
    assert "its newest date is new; the other 5 are known" in report.records[0].message
    new = await EntryStore(database).load_entries(Window(0, 1))
    assert [entry.key for entry in new] == [f"arxiv:2606.0000{number}" for number in (1, 2, 3)]


async def test_the_same_day_again_parses_nothing_and_takes_no_run_number(database: Database) -> None:
    days = {url("2026-06-16"): make_day(), url("2026-06-15"): "[]"}
    await collect(database, days)

    report, _ = await collect(database, days)

    assert report.run == 0
    assert report.records[0].state is FetchState.UNCHANGED
    assert await EntryStore(database).newest_run() == 1


async def test_a_failed_answer_changes_nothing_that_was_known(database: Database) -> None:
    days = {url("2026-06-16"): make_day(), url("2026-06-15"): "[]"}
    await collect(database, days)
    store = EntryStore(database)
    before = await store.load_entries(Window(0, 1))

    broken, _ = await collect(database, {})
    half, _ = await collect(database, {url("2026-06-16"): '["not", "objects"]', url("2026-06-15"): "[]"})
    again, _ = await collect(database, days)

    assert broken.records[0].state is FetchState.FAILED
    assert broken.records[0].message.endswith("answered 500 (4 requests)")
    assert half.records[0].state is FetchState.PARTIAL
    assert await store.load_entries(Window(0, 9)) == before
    assert again.records[0].state is FetchState.UNCHANGED


async def test_a_listing_whose_second_page_failed_is_read_whole_next_time(database: Database) -> None:
    full = json.loads(make_day(52))
    first_page = {url("2026-06-16"): json.dumps(full[:50]), url("2026-06-15"): "[]"}
    report, _ = await collect(database, first_page)
    assert report.records[0].state is FetchState.PARTIAL

    again, _ = await collect(database, {**first_page, url("2026-06-16", 1): json.dumps(full[50:])})

    assert (again.records[0].state, again.records[0].new) == (FetchState.OK, 2)


async def test_a_paper_on_the_second_page_is_found_though_the_first_is_unchanged(database: Database) -> None:
    full = json.loads(make_day(51))
    days = {url("2026-06-16"): json.dumps(full[:50]), url("2026-06-16", 1): "[]", url("2026-06-15"): "[]"}
    await collect(database, days)

    report, _ = await collect(database, {**days, url("2026-06-16", 1): json.dumps(full[50:])})

    assert report.records[0].new == 1


async def test_one_broken_source_does_not_keep_the_others_back(database: Database) -> None:
    gone = Source(name="gone", kind="feed", location="https://gone.example.org/feed")
    report, _ = await collect(
        database, {url("2026-06-16"): make_day(), url("2026-06-15"): "[]"}, "2026-06-16", API, gone
    )

    assert [record.state for record in report.records] == [FetchState.OK, FetchState.FAILED]
    assert report.failed
    assert len(await EntryStore(database).load_entries(Window(0, 1))) == 8


async def test_votes_that_change_are_observed_and_the_paper_stays_one(database: Database) -> None:
    await collect(database, {url("2026-06-16"): make_day(2), url("2026-06-15"): "[]"})
    more = make_day(2).replace('"upvotes": 2', '"upvotes": 40')

    report, _ = await collect(database, {url("2026-06-16"): more, url("2026-06-15"): "[]"})

    entries = await EntryStore(database).load_entries(Window(0, report.run))
    assert [entry.upvotes for entry in entries] == [1, 40]
    assert report.records[0].new == 0


@pytest.mark.parametrize(("age_minutes", "due"), [(None, True), (29, False), (30, True), (-5, True)])
def test_collecting_has_its_own_rhythm(age_minutes: int | None, due: bool) -> None:
    now = at("2026-06-16 07:00")
    last = None if age_minutes is None else now - timedelta(minutes=age_minutes)

    assert is_collect_due(last, now, timedelta(minutes=30)) is due


async def test_the_page_is_read_where_the_api_fails(database: Database) -> None:
    page = "https://papers.example.org/papers/date/{}"
    answers = {
        page.format("2026-06-16"): make_page(3, "2026-06-16"),
        page.format("2026-06-15"): make_page(0, "2026-06-15"),
    }

    report, shelf = await collect(database, answers)

    assert report.records[0].state is FetchState.OK
    assert report.records[0].listed == 3
    assert report.records[0].message == (
        f"{url('2026-06-16')}: answered 500 (2 requests); its web page was read instead; "
        "nothing is listed for Mon 2026-06-15"
    )
    assert shelf.asked[:2] == [url("2026-06-16"), page.format("2026-06-16")]


async def test_a_page_of_another_date_than_the_one_asked_for_is_not_taken(database: Database) -> None:
    wrong = {
        "https://papers.example.org/papers/date/2026-06-16": make_page(3, "2026-06-12"),
        url("2026-06-15"): "[]",
    }

    report, _ = await collect(database, wrong)

    assert report.records[0].state is FetchState.PARTIAL
    assert (
        "asked for the papers of 2026-06-16, the page shows those of 2026-06-12" in report.records[0].message
    )
    assert await EntryStore(database).newest_run() == 0


async def test_an_unchanged_empty_answer_is_still_called_empty(database: Database) -> None:
    nothing = {url("2026-06-16"): "[]", url("2026-06-15"): "[]"}

    states = [(await collect(database, nothing))[0].records[0].state for _ in range(2)]

    assert states == [FetchState.EMPTY_UNEXPECTED, FetchState.EMPTY_UNEXPECTED]


async def test_an_unchanged_long_day_is_not_parsed_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = json.loads(make_day(70))
    days = {
        url("2026-06-16"): json.dumps(full[:50]),
        url("2026-06-16", 1): json.dumps(full[50:]),
        url("2026-06-15"): "[]",
    }
    await collect(database, days)
    refuse = replace(KINDS["hf_daily_papers"], parse=must_not_parse)
    monkeypatch.setattr(collecting, "KINDS", {**KINDS, "hf_daily_papers": refuse})

    report, shelf = await collect(database, days)

    assert report.records[0].state is FetchState.UNCHANGED
    assert shelf.asked == [url("2026-06-16"), url("2026-06-16", 1), url("2026-06-15")]


async def test_a_failing_source_is_left_alone_for_longer_each_time(database: Database) -> None:
    first, _ = await collect(database, {})
    second, _ = await collect(database, {})
    third, shelf = await collect(database, {})

    assert [first.waiting, second.waiting] == [(), ()]
    assert third.records == ()
    assert shelf.asked == []
    assert third.waiting[0].why.startswith("failed 2 times in a row")


async def test_waiting_ends_when_the_operator_says_so(database: Database) -> None:
    for _ in range(2):
        await collect(database, {})
    days = {url("2026-06-16"): make_day(), url("2026-06-15"): "[]"}

    report, _ = await collect(database, days, at_once=True)

    assert report.records[0].state is FetchState.OK
    assert (await RunStore(database).load_health())["HF"].failures == 0


async def test_a_site_leads_to_its_feed_and_an_unchanged_site_still_does(database: Database) -> None:
    site = Source(name="blog", kind="feed", location="https://blog.example.org/")
    feed = "https://blog.example.org/feed.xml"
    page = f'<html><head><link rel="alternate" type="application/rss+xml" href="{feed}"></head></html>'
    await collect(database, {site.location: page, feed: make_rss("One")}, "2026-06-16", site)

    report, _ = await collect(
        database, {site.location: page, feed: make_rss("One", "Two")}, "2026-06-16", site
    )

    assert (report.records[0].state, report.records[0].new) == (FetchState.OK, 1)


async def test_a_feed_that_turns_into_a_page_is_not_taken_for_a_site(database: Database) -> None:
    blog = Source(name="blog", kind="feed", location="https://blog.example.org/feed.xml")
    await collect(database, {blog.location: make_rss("One")}, "2026-06-16", blog)
    page = '<html><head><link rel="alternate" type="application/rss+xml" href="/comments.xml"></head></html>'

    report, shelf = await collect(database, {blog.location: page}, "2026-06-16", blog)

    assert report.records[0].state is FetchState.FAILED
    assert "used to be a feed and is now an HTML page" in report.records[0].message
    assert shelf.asked == [blog.location]


async def test_a_redirect_is_followed_for_a_week_and_then_asked_directly(database: Database) -> None:
    blog = Source(name="blog", kind="feed", location="https://old.example.org/feed")
    new = "https://new.example.org/feed"
    for day in ("2026-06-08", "2026-06-10", "2026-06-15"):
        _, shelf = await collect(
            database,
            {blog.location: make_rss(day), new: make_rss(day)},
            day,
            blog,
            moved={blog.location: new},
        )
        asked = shelf.asked

    assert asked == [new]
    assert (await RunStore(database).load_moves())[blog.location].target == new


async def test_an_unchanged_batch_is_stale_once_the_next_one_is_due(database: Database) -> None:
    listing = Source(
        name="cs", kind="arxiv_listing", location="https://rss.example.org", categories=("cs.CL",)
    )
    batch = {"https://rss.example.org/atom/cs.CL": make_batch("2026-06-15", 1, 2)}

    states = [
        (await collect(database, batch, day, listing))[0].records[0].state
        for day in ("2026-06-15", "2026-06-15", "2026-06-16")
    ]

    assert states == [FetchState.OK, FetchState.UNCHANGED, FetchState.STALE]


async def test_yesterdays_batch_under_todays_date_is_stale_and_leaves_no_trace(database: Database) -> None:
    listing = Source(
        name="cs", kind="arxiv_listing", location="https://rss.example.org", categories=("cs.CL",)
    )
    where = "https://rss.example.org/atom/cs.CL"
    await collect(database, {where: make_batch("2026-06-15", 1, 2)}, "2026-06-15", listing)

    stale, _ = await collect(database, {where: make_batch("2026-06-16", 1, 2)}, "2026-06-16", listing)
    again, _ = await collect(database, {where: make_batch("2026-06-16", 1, 2)}, "2026-06-16", listing)
    fresh, _ = await collect(database, {where: make_batch("2026-06-16", 3)}, "2026-06-16", listing)

    assert [report.records[0].state for report in (stale, again, fresh)] == [
        FetchState.STALE,
        FetchState.STALE,
        FetchState.OK,
    ]
    assert fresh.records[0].new == 1


async def test_new_versions_are_events_and_never_new_papers(database: Database) -> None:
    listing = Source(
        name="cs", kind="arxiv_listing", location="https://rss.example.org", categories=("cs.CL",)
    )
    where = "https://rss.example.org/atom/cs.CL"
    await collect(database, {where: make_batch("2026-06-15", 1)}, "2026-06-15", listing)
    replaced = make_batch("2026-06-16", 1, 9, version=2, announce="replace")

    report, _ = await collect(database, {where: replaced}, "2026-06-16", listing)

    store = EntryStore(database)
    known = await store.load_known([EntryKey("arxiv:2606.00001"), EntryKey("arxiv:2606.00009")])
    assert report.records[0].new == 0
    assert [(entry.version, entry.first_seen_run) for entry in known] == [(2, 1), (2, 0)]
    history = await store.load_history(known[0].id)
    assert [(event.kind, event.detail) for event in history.events] == [(EventKind.NEW_VERSION, "v2")]
    assert [str(seen.listed_on) for seen in history.seen_in] == ["2026-06-15", "2026-06-16"]


async def test_a_feed_of_which_no_item_can_be_used_has_failed(database: Database) -> None:
    blog = Source(name="blog", kind="feed", location="https://blog.example.org/feed.xml")
    useless = '<rss version="2.0"><channel><item><category>x</category></item></channel></rss>'

    report, _ = await collect(database, {blog.location: useless}, "2026-06-16", blog)

    assert report.records[0].state is FetchState.FAILED
    assert "none of 1 items can be used: item 1 refused" in report.records[0].message
