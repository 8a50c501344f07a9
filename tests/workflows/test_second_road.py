"""arXiv's API refuses, and its repository steps in: each paper comes once, whichever road brought it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from newsletter.collect import arxiv, arxiv_harvest, oai_pmh
from newsletter.collect.fetch import HttpFetcher
from newsletter.errors import FetchError
from newsletter.model.digest import Window
from newsletter.model.entries import Entry, EntryKey
from newsletter.model.sources import FetchRecord, FetchState, Source
from newsletter.storage import Database, EntryStore, RunStore
from newsletter.wiring import FixedClock
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from tests.support.arxiv_site import ArxivSite
from tests.support.builders import at
from tests.support.repository import Work, make_work

EVERY = timedelta(minutes=30)
TOO_MANY: tuple[int, dict[str, str], str] = (429, {}, "Rate exceeded.")


def make_source(site: ArxivSite, **options: object) -> Source:
    facts = {"name": "arXiv", "categories": ("cs.RO",), "second_location": site.repository.url, **options}
    return Source(kind="arxiv_search", location=site.api, **facts)  # type: ignore[arg-type]


async def collect(
    database: Database, site: ArxivSite, folder: Path, source: Source, *, at_once: bool = True
) -> CollectReport:
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=folder, allow_private_hosts=True, deadline_s=5.0, backoff_s=0.01
    )
    try:
        return await collect_entries(
            [source], fetcher, RunStore(database), FixedClock(site.now), EVERY, at_once=at_once
        )
    finally:
        await fetcher.close()


async def look(database: Database, site: ArxivSite, folder: Path, **options: object) -> FetchRecord:
    report = await collect(database, site, folder, make_source(site, **options))
    return report.records[0]


async def list_new(database: Database) -> list[Entry]:
    return list(await EntryStore(database).load_entries(Window(0, 999)))


def announced(day: int, number: int, **facts: object) -> Work:
    """A paper that was submitted on a day of June, and is announced in the night after the next."""
    submitted = at(f"2026-06-{day:02} 09:00")
    return make_work(number, versions=(submitted,), changed_at=submitted + timedelta(hours=17), **facts)


async def test_a_week_of_429_loses_nothing_and_nothing_comes_twice(
    database: Database, tmp_path: Path
) -> None:
    works = [announced(day, 100 * day + number) for day in range(8, 26) for number in range(4)]
    works += [
        announced(12, 9001, categories="stat.ML", sets=("stat:stat:ML",)),
        announced(13, 9002, categories="cs.CL cs.RO", sets=("cs:cs:CL", "cs:cs:RO")),
    ]
    old = replace(make_work(1), number="2402.00001", versions=(at("2024-02-01 10:00"),), title="Old")
    new: dict[str, int] = {}
    async with ArxivSite(page_size=5) as site:
        for hour in range(8 * 24 + 6, 25 * 24, 12):
            site.now = at("2026-06-01 00:00") + timedelta(hours=hour)
            site.repository.works = [work for work in works if work.changed_at <= site.now]
            # Records of old papers change all the time.
            site.repository.works.append(replace(old, changed_at=site.now - timedelta(hours=3)))
            site.refusal = TOO_MANY if at("2026-06-12 00:00") <= site.now < at("2026-06-19 00:00") else None
            record = await look(database, site, tmp_path)
            assert record.state in (FetchState.OK, FetchState.EMPTY_AS_EXPECTED, FetchState.UNCHANGED), record
            assert ("(OAI-PMH) was read instead" in record.message) is (site.refusal is not None)
            for entry in await list_new(database):
                new.setdefault(entry.key, hour)

    came = {work.number for work in works if "cs.RO" in work.categories and work.changed_at <= site.now}
    assert {entry.key.removeprefix("arxiv:") for entry in await list_new(database)} == came
    latest = {f"arxiv:{work.number}": work.changed_at + timedelta(hours=12) for work in works}
    assert all(at("2026-06-01 00:00") + timedelta(hours=hour) <= latest[key] for key, hour in new.items())
    assert [query.get("verb") for query in site.repository.asked].count("Identify") == 0


async def test_both_roads_tell_the_same_of_a_paper_and_see_it_in_the_same_place(
    database: Database, tmp_path: Path
) -> None:
    work = make_work(
        1,
        versions=(at("2026-06-12 10:00:07"), at("2026-06-15 11:00")),
        categories="cs.RO stat.ML",
        comments="12 pages",
        doi="10.1000/182",
    )
    async with ArxivSite([work]) as site:
        site.refusal = TOO_MANY
        assert (await look(database, site, tmp_path)).new == 1
        [harvested] = await list_new(database)
        site.refusal = None
        again = await look(database, site, tmp_path)
        [searched] = await list_new(database)

    assert (again.state, again.new) == (FetchState.OK, 0)
    assert searched == harvested
    assert harvested.published_at == at("2026-06-12 10:00:07")
    history = await EntryStore(database).load_history(harvested.id)
    assert len(history.seen_in) == 1
    assert [event.detail for event in history.events] == []


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        ({}, {"Robots fold", "Whales sing"}),
        ({"search": "ti:robot*"}, {"Robots fold"}),
        ({"search": "ti:whales ANDNOT abs:sheep"}, set()),
        ({"authors": ("Ada Lovelace",)}, {"Whales sing"}),
        ({"authors": ("Ada Lovelace", "Bo van der Example")}, {"Robots fold", "Whales sing"}),
        ({"cross_lists": False}, {"Robots fold"}),
        ({"categories": ("cs.RO", "hep-th")}, {"Robots fold", "Whales sing", "Strings rest"}),
        ({"categories": ("cs",)}, {"Robots fold", "Whales sing"}),
        ({"categories": (), "authors": ("Ada Lovelace",)}, {"Whales sing", "Strings rest"}),
        ({"categories": (), "search": "cat:hep-th OR ti:robots"}, {"Robots fold", "Strings rest"}),
        ({"days_back": 2}, {"Robots fold"}),
        ({"search": "jr:Nature"}, {"Robots fold", "Whales sing"}),
    ],
)
async def test_the_search_is_asked_of_what_is_harvested(
    database: Database, tmp_path: Path, options: dict[str, object], titles: set[str]
) -> None:
    ada = (("Ada", "Lovelace"),)
    works = [
        announced(15, 1, title="Robots fold"),
        announced(
            10, 2, title="Whales sing", categories="cs.CL cs.RO", sets=("cs:cs:CL", "cs:cs:RO"), authors=ada
        ),
        announced(15, 3, title="Strings rest", categories="hep-th", sets=("physics:hep-th",), authors=ada),
    ]
    async with ArxivSite(works) as site:
        site.refusal = TOO_MANY
        record = await look(database, site, tmp_path, **options)

    found = await EntryStore(database).load_known(
        [EntryKey(f"arxiv:2606.0000{number}") for number in (1, 2, 3)]
    )
    assert {entry.title for entry in found} == titles, record


@pytest.mark.parametrize(
    ("refusal", "is_helped"),
    [
        ((429, {}, "Rate exceeded."), True),
        ((429, {"Retry-After": "60"}, ""), True),
        ((503, {"Retry-After": "7200"}, ""), True),
        ((500, {}, ""), True),
        ((502, {}, "<html>Bad gateway</html>"), True),
        ((403, {}, ""), True),
        ((200, {}, "Rate exceeded."), True),
        ((200, {}, "<!doctype html><html><p>We are down</p></html>"), True),
        ((200, {}, ""), True),
        ((400, {}, ""), False),
        ((404, {}, ""), False),
        (
            (
                200,
                {},
                '<feed xmlns="http://www.w3.org/2005/Atom"><id>x</id><title>x</title><entry>'
                "<id>http://arxiv.org/api/errors#bad</id><title>Error</title><summary>bad</summary></entry></feed>",
            ),
            False,
        ),
    ],
)
async def test_the_second_road_is_taken_where_the_api_refuses_not_where_the_question_is_wrong(
    database: Database, tmp_path: Path, refusal: tuple[int, dict[str, str], str], is_helped: bool
) -> None:
    async with ArxivSite([announced(15, 1)]) as site:
        site.refusal = refusal
        record = await look(database, site, tmp_path)

    assert record.state is (FetchState.OK if is_helped else FetchState.FAILED), record
    assert bool(site.repository.asked) is is_helped
    assert ("(OAI-PMH) was read instead" in record.message) is is_helped


async def test_a_source_that_is_helped_is_left_alone_for_six_hours(
    database: Database, tmp_path: Path
) -> None:
    async with ArxivSite([announced(15, 1)]) as site:
        site.refusal = TOO_MANY
        source = make_source(site)
        await collect(database, site, tmp_path, source, at_once=False)
        asked = len(site.asked), len(site.repository.asked)
        site.now += timedelta(hours=5)
        [waiting] = (await collect(database, site, tmp_path, source, at_once=False)).waiting
        assert (len(site.asked), len(site.repository.asked)) == asked
        assert waiting.failures == 0
        assert "429" in waiting.why
        site.now += timedelta(hours=2)
        await collect(database, site, tmp_path, source, at_once=False)

    assert len(site.asked) > asked[0]
    assert [query.get("from") for query in site.repository.asked] == ["2026-06-09", "2026-06-16"]


async def test_where_both_roads_are_closed_the_look_has_failed_and_says_both(
    database: Database, tmp_path: Path
) -> None:
    async with ArxivSite([announced(15, 1)]) as site:
        site.refusal = TOO_MANY
        site.repository.answers = [(503, {}, "")] * 9
        record = await look(database, site, tmp_path)

    assert record.state is FetchState.FAILED
    assert "429" in record.message
    assert "503" in record.message


async def test_a_later_outage_begins_at_what_is_asked_for_and_not_where_the_last_one_ended(
    database: Database, tmp_path: Path
) -> None:
    async with ArxivSite([announced(15, 1)]) as site:
        site.refusal = TOO_MANY
        await look(database, site, tmp_path)
        site.now = at("2026-07-20 20:00")
        await look(database, site, tmp_path)

    assert [query.get("from") for query in site.repository.asked] == ["2026-06-09", "2026-07-13"]


async def test_a_long_harvest_goes_on_at_the_next_look(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai_pmh, "MAX_PAGES", 2)
    async with ArxivSite([announced(15, number) for number in range(1, 8)], page_size=3) as site:
        site.refusal = TOO_MANY
        listed = [(await look(database, site, tmp_path)).listed for _ in range(2)]

    assert listed == [6, 1]


async def test_another_question_is_another_harvest(database: Database, tmp_path: Path) -> None:
    async with ArxivSite([announced(15, 1)]) as site:
        site.refusal = TOO_MANY
        await look(database, site, tmp_path, search="ti:whales")
        await look(database, site, tmp_path, search="ti:paper")

    assert [query.get("from") for query in site.repository.asked] == ["2026-06-09", "2026-06-09"]
    assert len(await list_new(database)) == 1


async def test_a_search_that_cannot_be_read_has_no_second_road(database: Database, tmp_path: Path) -> None:
    async with ArxivSite([announced(15, 1)]) as site:
        site.refusal = TOO_MANY
        record = await look(database, site, tmp_path, search="ti:paper AND")
        own = replace(
            make_source(site, search="ti:paper AND"),
            location=f"{site.repository.url}?verb=ListRecords&metadataPrefix=arXivRaw",
        )
        report = await collect(database, site, tmp_path, own)

    assert (record.state, record.requests) == (FetchState.FAILED, 1)
    assert "the search cannot be asked of what is harvested" in report.records[0].message


@pytest.mark.parametrize(
    ("category", "spec"),
    [
        ("cs.RO", "cs:cs:RO"),
        ("cs", "cs"),
        ("math.CO", "math:math:CO"),
        ("q-bio.NC", "q-bio:q-bio:NC"),
        ("eess.IV", "eess:eess:IV"),
        ("hep-th", "physics:hep-th"),
        ("astro-ph", "physics:astro-ph"),
        ("astro-ph.GA", "physics:astro-ph:GA"),
        ("cond-mat.mes-hall", "physics:cond-mat:mes-hall"),
        ("physics", "physics:physics"),
        ("physics.optics", "physics:physics:optics"),
        ("math-ph", "physics:math-ph"),
        ("nlin.CD", "physics:nlin:CD"),
        ("quant-ph", "physics:quant-ph"),
    ],
)
def test_categories_have_the_sets_that_arxiv_gives_them(category: str, spec: str) -> None:
    assert arxiv_harvest.name_sets([category]) == (spec,)


# --- papers that are named ----------------------------------------------------------------


def name_papers(site: ArxivSite, *papers: str) -> Source:
    return Source(
        "papers that readers named",
        "arxiv_papers",
        site.api,
        papers=papers,
        second_location=site.repository.url,
    )


async def test_papers_that_are_named_are_asked_for_one_by_one_while_the_api_refuses(
    database: Database, tmp_path: Path
) -> None:
    old = make_work(1, versions=(at("2024-02-01 10:00"), at("2024-03-01 10:00")), comments="12 pages")
    async with ArxivSite([old, make_work(2)]) as site:
        site.refusal = TOO_MANY
        report = await collect(database, site, tmp_path, name_papers(site, "2606.00001", "2606.00009"))
        [harvested] = await EntryStore(database).load_known([EntryKey("arxiv:2606.00001")])
        site.refusal = None
        await collect(database, site, tmp_path, name_papers(site, "2606.00001"))
        [searched] = await EntryStore(database).load_known([EntryKey("arxiv:2606.00001")])

    assert report.records[0].state is FetchState.OK
    assert searched == harvested
    assert (harvested.version, harvested.first_seen_run) == (2, 0)
    assert site.repository.verbs == ["GetRecord", "GetRecord"]


def test_so_many_papers_a_look_and_each_gets_its_turn() -> None:
    papers = tuple(f"2606.{number:05}" for number in range(250))
    source = Source(
        "named",
        "arxiv_papers",
        "https://export.arxiv.org",
        papers=papers,
        second_location="https://x.org/oai",
    )
    kind = arxiv_harvest.PAPERS
    error = FetchError("no", status=429)

    def ask(now: datetime) -> set[str]:
        return {
            stand_in.location.rpartition(":")[2]
            for request in arxiv.PAPERS.requests(source, now)
            for stand_in in kind.choose(source, request, error, now)
        }

    looks = [ask(at("2026-06-16 00:00") + timedelta(hours=hour)) for hour in range(40)]
    assert all(len(asked) <= arxiv_harvest.MAX_RECORDS for asked in looks)
    assert set[str]().union(*looks) == set(papers)
