"""Looks at a repository that speaks OAI-PMH, through the real fetcher: nothing is lost and nothing comes twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.collect import oai_pmh
from newsletter.collect.fetch import HttpFetcher
from newsletter.model.digest import Window
from newsletter.model.entries import EntryKey
from newsletter.model.sources import FetchRecord, FetchState, Source
from newsletter.storage import Database, EntryStore, RunStore
from newsletter.wiring import FixedClock
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from tests.support.builders import at
from tests.support.repository import Repository, Work, make_work

EVERY = timedelta(minutes=30)
OLD = (at("2024-02-01 10:00"),)


def make_source(there: Repository, **options: object) -> Source:
    facts = {"name": "arXiv", "metadata_prefix": "arXivRaw", "location": there.url, **options}
    return Source(kind="oai_pmh", **facts)  # type: ignore[arg-type]


async def collect(
    database: Database, there: Repository, folder: Path, *, at_once: bool = True, **options: Any
) -> CollectReport:
    """Look at the repository once, at its own time."""
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=folder, allow_private_hosts=True, deadline_s=5.0, backoff_s=0.01
    )
    try:
        return await collect_entries(
            [make_source(there, **options)],
            fetcher,
            RunStore(database),
            FixedClock(there.now),
            EVERY,
            at_once=at_once,
        )
    finally:
        await fetcher.close()


async def look(database: Database, there: Repository, folder: Path, **options: Any) -> FetchRecord:
    return (await collect(database, there, folder, **options)).records[0]


async def list_new(database: Database) -> list[str]:
    """Return the titles of all that was new in a run, in the order of the runs."""
    entries = await EntryStore(database).load_entries(Window(0, 99))
    return [entry.title for entry in sorted(entries, key=lambda entry: (entry.first_seen_run, entry.title))]


def later(there: Repository, when: str, *works: Work) -> None:
    there.now = at(when)
    there.works += works


def changed(number: int, when: datetime, **facts: object) -> Work:
    return make_work(number, changed_at=when, **facts)


async def test_a_harvest_is_read_page_by_page_and_the_next_look_brings_what_has_changed(
    database: Database, tmp_path: Path
) -> None:
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        first = await look(database, there, tmp_path)
        assert (first.state, first.listed, first.new, first.requests) == (FetchState.OK, 7, 7, 4)
        assert there.asked[0] == {"verb": "Identify"}
        assert there.asked[1] == {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "from": "2026-06-09"}
        assert set(there.asked[2]) == {"verb", "resumptionToken"}

        new = changed(8, at("2026-06-17 01:00"), versions=(at("2026-06-16 12:00"),))
        later(there, "2026-06-17 20:00", new, changed(9, at("2026-06-17 02:00"), versions=OLD))
        second = await look(database, there, tmp_path)

    assert there.asked[4] == {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "from": "2026-06-16"}
    assert second.new == 1
    assert await list_new(database) == [*(f"Paper {number}" for number in range(1, 8)), "Paper 8"]


async def test_a_quiet_day_is_empty_as_expected_and_an_unknown_set_is_not(
    database: Database, tmp_path: Path
) -> None:
    async with Repository([make_work(1)]) as there:
        assert (await look(database, there, tmp_path)).state is FetchState.OK
        later(there, "2026-06-20 20:00")
        # The day on which the last list began is listed again, then nothing is left.
        states = [(await look(database, there, tmp_path)).state]
        later(there, "2026-06-21 20:00")
        states.append((await look(database, there, tmp_path)).state)
        misspelt = await look(database, there, tmp_path, name="Misspelt", sets=("cs:cs:XX",))

    assert states == [FetchState.OK, FetchState.EMPTY_AS_EXPECTED]
    assert misspelt.state is FetchState.EMPTY_UNEXPECTED


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (503, {"Retry-After": "3600"}, "", "answered 503"),
        (500, {}, "", "answered 500"),
        (404, {}, "", "answered 404"),
        (200, {}, "<!doctype html><html><p>Sorry</p></html>", "an HTML page"),
        (200, {}, "<OAI-PMH><responseDate>2026-06-16T20:00:00Z</responseDate><ListRec", "expected records"),
    ],
)
async def test_a_harvest_that_breaks_off_goes_on_where_it_was(
    database: Database, tmp_path: Path, status: int, headers: dict[str, str], body: str, told: str
) -> None:
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        there.answers = [Repository.ASIDE, Repository.ASIDE, *[(status, headers, body)] * 3]
        first = await look(database, there, tmp_path)
        assert (first.state, first.new) == (FetchState.PARTIAL, 3)
        assert told in first.message
        there.answers = []
        asked = len(there.asked)
        second = await look(database, there, tmp_path)

    assert "resumptionToken" in there.asked[asked]
    assert (second.state, second.listed, second.new) == (FetchState.OK, 4, 4)


async def test_a_page_that_was_cut_is_read_again(database: Database, tmp_path: Path) -> None:
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        whole = there.envelope(
            there.tell({"verb": "ListRecords", "metadataPrefix": "arXivRaw", "from": "2026-06-09"})
        )
        there.answers = [Repository.ASIDE, (200, {}, whole[: whole.index("Paper 2")])]
        cut = await look(database, there, tmp_path)
        again = await look(database, there, tmp_path)

    assert (cut.state, cut.new) == (FetchState.PARTIAL, 1)
    assert (again.state, len(await list_new(database))) == (FetchState.OK, 7)


async def test_a_long_harvest_takes_several_looks_and_misses_nothing_that_changes_meanwhile(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai_pmh, "MAX_PAGES", 2)
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        notes = [(await look(database, there, tmp_path)).message]
        later(there, "2026-06-17 20:00")
        notes.append((await look(database, there, tmp_path)).message)
        # What was read already changes while the list is not at its end.
        there.works[0] = replace(
            there.works[0], changed_at=at("2026-06-16 23:00"), comments="withdrawn", versions=OLD * 2
        )
        later(there, "2026-06-18 20:00")
        asked = len(there.asked)
        await look(database, there, tmp_path)

    assert ["the next look goes on from there" in note for note in notes] == [True, False]
    assert there.asked[asked]["from"] == "2026-06-16", "from where the list began, not where it ended"
    assert len(await list_new(database)) == 7


async def test_a_token_that_has_expired_begins_the_list_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai_pmh, "MAX_PAGES", 2)
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        await look(database, there, tmp_path)
        monkeypatch.setattr(oai_pmh, "MAX_PAGES", 10)
        there.has_forgotten = True
        forgotten = await look(database, there, tmp_path)
        there.has_forgotten = False
        again = await look(database, there, tmp_path)

    assert "the list was begun again" in forgotten.message
    assert again.state is FetchState.OK
    assert len(await list_new(database)) == 7


@pytest.mark.parametrize("status", [400, 404, 410, 422])
async def test_a_token_that_is_refused_by_status_begins_the_list_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(oai_pmh, "MAX_PAGES", 2)
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        await look(database, there, tmp_path)
        monkeypatch.setattr(oai_pmh, "MAX_PAGES", 10)
        there.answers = [(status, {}, "")]
        begun_again = await look(database, there, tmp_path)

    assert f"answered {status}" in begun_again.message
    assert begun_again.message.endswith("the list from its beginning was read instead")
    assert (begun_again.state, len(await list_new(database))) == (FetchState.OK, 7)


async def test_a_repository_that_was_read_to_its_end_is_left_alone_for_three_hours(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai_pmh, "MAX_PAGES", 2)
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        waiting = []
        for minutes in (0, 30, 60, 180, 211):
            there.now = at("2026-06-16 20:00") + timedelta(minutes=minutes)
            report = await collect(database, there, tmp_path, at_once=False)
            waiting.append([one.why for one in report.waiting])

    # The first look has stopped after two pages, the second comes to the end.
    assert waiting == [[], [], [""], [""], []]


async def test_a_page_of_refused_records_does_not_keep_the_harvest_back(
    database: Database, tmp_path: Path
) -> None:
    async with Repository([make_work(1)]) as there:
        await look(database, there, tmp_path)
        there.works = [changed(2, at("2026-06-18 01:00"), title=" ")]
        there.now = at("2026-06-18 20:00")
        refused = await look(database, there, tmp_path)
        there.now = at("2026-06-20 20:00")
        await look(database, there, tmp_path)

    assert refused.message == "record 1 refused: it has no title"
    assert there.asked[-1]["from"] == "2026-06-18"


async def test_a_repository_that_has_moved_is_followed_and_leaves_no_trace_for_each_page(
    database: Database, tmp_path: Path
) -> None:
    async with Repository([make_work(number) for number in range(1, 8)]) as there:
        report = await collect(database, there, tmp_path, location=there.url.replace("/oai", "/old"))

    assert (report.records[0].new, there.verbs) == (7, ["Identify", *["ListRecords"] * 3])
    assert await RunStore(database).load_moves() == {}


async def test_an_outage_of_ten_days_loses_nothing(database: Database, tmp_path: Path) -> None:
    async with Repository([make_work(1)]) as there:
        await look(database, there, tmp_path)
        missed = changed(2, at("2026-06-17 10:00"), versions=(at("2026-06-17 09:00"),))
        later(there, "2026-06-27 20:00", missed)
        await look(database, there, tmp_path)

    assert await list_new(database) == ["Paper 1", "Paper 2"]


async def test_what_is_deleted_is_withdrawn_and_nothing_that_was_not_known_comes_in(
    database: Database, tmp_path: Path
) -> None:
    async with Repository([make_work(1), make_work(2), make_work(3, is_deleted=True)]) as there:
        assert (await look(database, there, tmp_path)).new == 2
        there.works[0] = replace(there.works[0], is_deleted=True, changed_at=at("2026-06-17 01:00"))
        later(there, "2026-06-17 20:00")
        await look(database, there, tmp_path)
        await look(database, there, tmp_path)

    store = EntryStore(database)
    known = await store.load_known([EntryKey(f"arxiv:2606.0000{number}") for number in (1, 2, 3)])
    assert [(entry.title, entry.withdrawn) for entry in known] == [("Paper 1", True), ("Paper 2", False)]
    history = await store.load_history(known[0].id)
    assert [str(event.kind) for event in history.events] == ["withdrawn"]


async def test_two_sources_harvest_the_same_list_each_for_itself(database: Database, tmp_path: Path) -> None:
    works = [make_work(1), make_work(2, sets=("stat:stat:ML",))]
    async with Repository(works, to_second=True) as there:
        await look(database, there, tmp_path, sets=("cs:cs:RO",))
        asked = len(there.asked)
        other = await look(database, there, tmp_path, name="Another", sets=("cs:cs:RO", "stat"))
        await look(database, there, tmp_path, sets=("cs:cs:RO",))

    assert (other.listed, other.new) == (2, 1)
    assert there.verbs[asked:] == ["Identify", "ListRecords", "Identify", "ListRecords", "ListRecords"]
    assert there.asked[-1]["from"] == "2026-06-16T19:00:00Z"
