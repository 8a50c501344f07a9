"""bioRxiv and medRxiv over days, against a server that behaves as theirs does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.collect.fetch import HttpFetcher
from newsletter.model.digest import Window
from newsletter.model.entries import Entry, EntryKey, EventKind
from newsletter.model.sources import FetchState, Source
from newsletter.storage import Database, EntryStore, RunStore
from newsletter.wiring import FixedClock
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from tests.support.biorxiv_api import BiorxivApi, make_record, serve_biorxiv
from tests.support.builders import at

EVERY = timedelta(minutes=30)


async def look(
    database: Database, api: BiorxivApi, folder: Path, on: str = "2026-06-16", *, kind: str = "biorxiv", **options: Any
) -> CollectReport:  # fmt: skip
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=folder, allow_private_hosts=True, deadline_s=5.0, backoff_s=0.01
    )
    source = Source(kind, kind, api.url, **{"days_back": 3, **options})
    try:
        return await collect_entries(
            [source], fetcher, RunStore(database), FixedClock(at(f"{on} 20:00")), EVERY, at_once=True
        )
    finally:
        await fetcher.close()


async def new_in(database: Database, run: int) -> Sequence[Entry]:
    return await EntryStore(database).load_entries(Window(run - 1, run))


def days(*counts: int, until: int = 16) -> list[dict[str, Any]]:
    """Records of the days that end with one of June, so many each."""
    return [
        make_record(100 * day + number, on=f"2026-06-{day:02}")
        for day, count in zip(range(until - len(counts) + 1, until + 1), counts, strict=True)
        for number in range(count)
    ]


async def test_days_are_read_to_their_ends_and_only_the_newest_is_new_at_first(
    database: Database, tmp_path: Path
) -> None:
    async with serve_biorxiv(BiorxivApi(page=30, unlisted=12)) as api:
        api.records["biorxiv"] = days(10, 65, 0, 31)
        report = await look(database, api, tmp_path)

    [record] = report.records
    assert (record.state, record.listed, record.new) == (FetchState.OK, 106, 31)
    assert "nothing is listed" not in record.message
    assert [
        path.partition("?")[0].split("/")[-2] for path in api.asked if "2026-06-14/2026-06-14" in path
    ] == [
        "0",
        "30",
        "60",
        "65",
    ]


async def test_pages_of_a_hundred_do_as_well(database: Database, tmp_path: Path) -> None:
    async with serve_biorxiv(BiorxivApi(page=100)) as api:
        api.records["biorxiv"] = days(250)
        report = await look(database, api, tmp_path, days_back=0)

    assert (report.records[0].listed, report.records[0].requests) == (250, 3)


async def test_second_look_finds_what_came_since_and_no_version_of_what_is_known(
    database: Database, tmp_path: Path
) -> None:
    async with serve_biorxiv(BiorxivApi()) as api:
        api.records["biorxiv"] = days(2, 3)
        await look(database, api, tmp_path)
        same = await look(database, api, tmp_path)
        api.records["biorxiv"] += [
            make_record(1600, "2026-06-17", 2, published="10.1038/182", title="Preprint 1600, revised"),
            make_record(999, "2026-06-17", 4),
            make_record(1700, "2026-06-17"),
            make_record(1501, "2026-06-16", version=2, title="WITHDRAWN: Preprint 1501"),
        ]
        report = await look(database, api, tmp_path, "2026-06-17")

    assert (same.records[0].state, same.run) == (FetchState.UNCHANGED, 0)
    assert [entry.title for entry in await new_in(database, report.run)] == ["Preprint 1700"]
    store = EntryStore(database)
    [revised] = await store.load_known([EntryKey("doi:10.1101/2026.06.01.001600")])
    assert (revised.title, revised.version) == ("Preprint 1600, revised", 2)
    assert revised.published_at == at("2026-06-16 00:00")
    assert revised.note == "Published as https://doi.org/10.1038/182"
    [taken_back] = await store.load_known([EntryKey("doi:10.1101/2026.06.01.001501")])
    assert taken_back.withdrawn
    kinds = [event.kind for event in (await store.load_history(taken_back.id)).events]
    assert set(kinds) == {EventKind.NEW_VERSION, EventKind.WITHDRAWN}


async def test_first_and_second_version_of_one_day_are_one_new_entry(
    database: Database, tmp_path: Path
) -> None:
    async with serve_biorxiv(BiorxivApi()) as api:
        api.records["biorxiv"] = [make_record(1), make_record(1, version=2, title="Better")]
        report = await look(database, api, tmp_path)

    assert [(entry.title, entry.version) for entry in await new_in(database, report.run)] == [("Better", 2)]


async def test_feed_of_the_same_server_doubles_nothing(database: Database, tmp_path: Path) -> None:
    items = "".join(
        f"<item><title>Preprint {n}</title><link>https://www.biorxiv.org/content/10.1101/2026.06.01.{n:06}v1?rss=1</link>"
        f"<dc:identifier>doi:10.1101/2026.06.01.{n:06}</dc:identifier><dc:creator>Example, A. B., van der Example, C."
        "</dc:creator><dc:date>2026-06-16</dc:date></item>"
        for n in range(1600, 1603)
    )
    (tmp_path / "feed.xml").write_text(
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>bioRxiv</title>'
        f"{items}</channel></rss>"
    )
    async with serve_biorxiv(BiorxivApi()) as api:
        await look(database, api, tmp_path)  # nothing yet
        fetcher = HttpFetcher(version="1", contact="", base_folder=tmp_path, allow_private_hosts=True)
        feed = Source("RSS", "feed", "feed.xml")
        clock = FixedClock(at("2026-06-16 21:00"))
        first = await collect_entries([feed], fetcher, RunStore(database), clock, EVERY)
        await fetcher.close()
        api.records["biorxiv"] = days(3)
        report = await look(database, api, tmp_path)

    assert first.records[0].new == 3
    assert (report.records[0].listed, report.records[0].new) == (3, 0)


@pytest.mark.parametrize("deaf", [False, True])
async def test_only_the_subjects_that_are_named_come(database: Database, tmp_path: Path, deaf: bool) -> None:
    async with serve_biorxiv(BiorxivApi(deaf=deaf)) as api:
        api.records["medrxiv"] = [
            make_record(number, category=("Infectious Diseases" if number % 3 == 0 else "Oncology"))
            for number in range(90)
        ]
        report = await look(
            database, api, tmp_path, kind="medrxiv", days_back=0, categories=("infectious diseases",)
        )

    assert report.records[0].listed == 30
    assert {entry.primary_category for entry in await new_in(database, report.run)} == {"infectious diseases"}


def _break(api: BiorxivApi) -> None:
    api.broken = frozenset(["2026-06-15"])


def _break_all(api: BiorxivApi) -> None:
    api.broken = frozenset(f"2026-06-{day}" for day in range(13, 17))


def _empty(api: BiorxivApi) -> None:
    api.records["biorxiv"] = []


@pytest.mark.parametrize(
    ("trouble", "state", "said"),
    [
        (_break, FetchState.PARTIAL, "found an HTML page"),
        (_break_all, FetchState.FAILED, "(4 requests)"),
        (_empty, FetchState.EMPTY_AS_EXPECTED, ""),
    ],
)
async def test_trouble_ends_in_its_state_and_loses_nothing(
    database: Database, tmp_path: Path, trouble: Callable[[BiorxivApi], None], state: FetchState, said: str
) -> None:
    async with serve_biorxiv(BiorxivApi()) as api:
        api.records["biorxiv"] = days(2, 2, until=15)
        await look(database, api, tmp_path)
        api.records["biorxiv"] += [make_record(1, "2026-06-15"), make_record(2, "2026-06-16")]
        trouble(api)
        bad = await look(database, api, tmp_path)
        api.broken, api.records["biorxiv"] = frozenset(), [make_record(1, "2026-06-15"), make_record(2)]
        await look(database, api, tmp_path)

    assert bad.records[0].state is state
    assert said in bad.records[0].message
    entries = await EntryStore(database).load_entries(Window(0, 99))
    assert {"Preprint 1", "Preprint 2"} <= {entry.title for entry in entries}


async def test_subject_that_never_finds_anything_is_told(database: Database, tmp_path: Path) -> None:
    async with serve_biorxiv(BiorxivApi()) as api:
        api.records["biorxiv"] = days(3)
        report = await look(database, api, tmp_path, categories=("sleep medicine",))

    assert report.records[0].state is FetchState.EMPTY_UNEXPECTED
