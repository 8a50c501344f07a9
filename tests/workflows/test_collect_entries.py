from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from newsletter.errors import FetchError
from newsletter.model import Fetched, FetchState, Source, Validators, Window
from newsletter.scheduler import is_collect_due
from newsletter.storage import Database, SqlEntryStore
from newsletter.wiring import FixedClock
from newsletter.workflows.collect_entries import CollectReport, choose_state, collect_entries
from tests.acceptance.papers import make_day
from tests.builders import at

SATURDAY, MONDAY = date(2026, 6, 20), date(2026, 6, 22)
API = Source(name="HF", kind="hf_daily_papers", location="https://papers.example.org", listing_dates=2)


@dataclass
class Shelf:
    """A Fetcher that answers from a shelf; what is not on it cannot be fetched."""

    answers: Mapping[str, str]
    asked: list[str] = field(default_factory=list)

    async def fetch(self, location: str, known: Validators | None) -> Fetched | None:
        self.asked.append(location)
        if location not in self.answers:
            raise FetchError(f"{location}: answered 500", url=location, status=500)
        body = self.answers[location]
        if known is not None and known.etag == body:
            return None
        return Fetched(body.encode(), location, Validators(etag=body))


def url(on: str, page: int = 0) -> str:
    return f"https://papers.example.org/api/daily_papers?date={on}&limit=100" + (f"&p={page}" if page else "")


async def collect(
    database: Database, answers: Mapping[str, str], on: str = "2026-06-16", *sources: Source
) -> tuple[CollectReport, Shelf]:
    shelf = Shelf(answers)
    clock = FixedClock(at(f"{on} 20:00"))
    return await collect_entries(sources or (API,), shelf, SqlEntryStore(database), clock), shelf


@pytest.mark.parametrize(
    ("listed", "answered", "unchanged", "failed", "asked_on", "state"),
    [
        (8, 1, 0, 0, [MONDAY], FetchState.OK),
        (8, 1, 1, 0, [MONDAY], FetchState.OK),
        (0, 0, 2, 0, [MONDAY], FetchState.UNCHANGED),
        (0, 0, 0, 2, [MONDAY], FetchState.FAILED),
        (8, 1, 0, 1, [MONDAY], FetchState.PARTIAL),
        (0, 0, 1, 1, [MONDAY], FetchState.PARTIAL),
        (0, 1, 0, 0, [SATURDAY], FetchState.EMPTY_AS_EXPECTED),
        (0, 1, 0, 0, [SATURDAY, MONDAY], FetchState.EMPTY_UNEXPECTED),
        (0, 1, 0, 0, [], FetchState.EMPTY_UNEXPECTED),  # a feed, on a Monday
    ],
)
def test_the_end_of_a_look_has_a_name(
    listed: int, answered: int, unchanged: int, failed: int, asked_on: list[date], state: FetchState
) -> None:
    assert state is choose_state(
        listed=listed, answered=answered, unchanged=unchanged, failed=failed, asked_on=asked_on, today=MONDAY
    )


async def test_the_first_run_is_a_baseline(database: Database) -> None:
    days = {url("2026-06-16"): make_day(3), url("2026-06-15"): make_day(5, on="2026-06-15")}

    report, _ = await collect(database, days)

    assert (report.run, report.records[0].listed, report.records[0].new) == (1, 8, 3)
    new = await SqlEntryStore(database).load_entries(Window(0, 1))
    assert [entry.key for entry in new] == [f"arxiv:2606.0000{number}" for number in (1, 2, 3)]


async def test_the_same_day_again_parses_nothing_and_takes_no_run_number(database: Database) -> None:
    days = {url("2026-06-16"): make_day(), url("2026-06-15"): "[]"}
    await collect(database, days)

    report, _ = await collect(database, days)

    assert report.run == 0
    assert report.records[0].state is FetchState.UNCHANGED
    assert await SqlEntryStore(database).newest_run() == 1


async def test_a_failed_answer_changes_nothing_that_was_known(database: Database) -> None:
    days = {url("2026-06-16"): make_day(), url("2026-06-15"): "[]"}
    await collect(database, days)
    store = SqlEntryStore(database)
    before = await store.load_entries(Window(0, 1))

    broken, _ = await collect(database, {})
    half, _ = await collect(database, {url("2026-06-16"): '["not", "objects"]', url("2026-06-15"): "[]"})
    again, _ = await collect(database, days)

    assert broken.records[0].state is FetchState.FAILED
    assert broken.records[0].message.endswith("answered 500 (2 requests)")
    assert half.records[0].state is FetchState.PARTIAL
    assert await store.load_entries(Window(0, 9)) == before
    assert again.records[0].state is FetchState.UNCHANGED


async def test_a_listing_whose_second_page_failed_is_read_whole_next_time(database: Database) -> None:
    long_day = {url("2026-06-16"): make_day(50), url("2026-06-15"): "[]"}
    report, _ = await collect(database, long_day)
    assert report.records[0].state is FetchState.PARTIAL

    again, shelf = await collect(database, {**long_day, url("2026-06-16", 1): "[]"})

    assert url("2026-06-16", 1) in shelf.asked
    assert again.records[0].state is FetchState.OK


async def test_a_paper_on_the_second_page_is_found_though_the_first_is_unchanged(database: Database) -> None:
    full = json.loads(make_day(51))
    days = {url("2026-06-16"): json.dumps(full[:50]), url("2026-06-16", 1): "[]", url("2026-06-15"): "[]"}
    await collect(database, days)

    report, _ = await collect(database, {**days, url("2026-06-16", 1): json.dumps(full[50:])})

    assert report.records[0].new == 1


async def test_one_broken_source_does_not_keep_the_others_back(database: Database) -> None:
    gone = Source(name="gone", kind="atom_rss", location="https://gone.example.org/feed")
    report, _ = await collect(
        database, {url("2026-06-16"): make_day(), url("2026-06-15"): "[]"}, "2026-06-16", API, gone
    )

    assert [record.state for record in report.records] == [FetchState.OK, FetchState.FAILED]
    assert report.failed
    assert len(await SqlEntryStore(database).load_entries(Window(0, 1))) == 8


async def test_votes_that_change_are_observed_and_the_paper_stays_one(database: Database) -> None:
    await collect(database, {url("2026-06-16"): make_day(2), url("2026-06-15"): "[]"})
    more = make_day(2).replace('"upvotes": 2', '"upvotes": 40')

    report, _ = await collect(database, {url("2026-06-16"): more, url("2026-06-15"): "[]"})

    entries = await SqlEntryStore(database).load_entries(Window(0, report.run))
    assert [entry.upvotes for entry in entries] == [1, 40]
    assert report.records[0].new == 0


@pytest.mark.parametrize(("age_minutes", "due"), [(None, True), (29, False), (30, True), (-5, True)])
def test_collecting_has_its_own_rhythm(age_minutes: int | None, due: bool) -> None:
    now = at("2026-06-16 07:00")
    last = None if age_minutes is None else now - timedelta(minutes=age_minutes)

    assert is_collect_due(last, now, timedelta(minutes=30)) is due
