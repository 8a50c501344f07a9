from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx2
import pytest
from bs4 import BeautifulSoup

from newsletter.model.editions import EditionSize
from newsletter.model.entries import EntryKey, Observation
from newsletter.web.pages.archive import group_by_month, parse_day
from newsletter.web.paper_views import build_vote_chart
from newsletter.web.site import Site
from tests.support.builders import at
from tests.support.website import (
    AGENTS,
    FRIDAY,
    LATE,
    MONDAY,
    POST,
    READER,
    TUESDAY,
    URL,
    WEDNESDAY,
    browsing,
    new,
    opened_site,
    save_run,
)


async def load(client: httpx2.AsyncClient, path: str, status: int = 200) -> BeautifulSoup:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text[:500]
    return BeautifulSoup(answer.content, "lxml")


def titles(page: BeautifulSoup) -> list[str]:
    return [title.get_text() for title in page.select(".paper h2")]


def text_of(page: BeautifulSoup, selector: str) -> str:
    found = page.select_one(selector)
    assert found is not None, selector
    return " ".join(found.get_text(" ").split())


# --- dates --------------------------------------------------------------------------------


async def test_archive_lists_every_date_with_its_number_of_papers(client: httpx2.AsyncClient) -> None:
    page = await load(client, "/archive")

    found = {link["href"]: link.get_text(" ") for link in page.select(".editions a")}

    assert list(found) == [f"{URL}/{day}" for day in (WEDNESDAY, TUESDAY, MONDAY, FRIDAY)]
    numbers = [re.findall(r"(\d+) paper", text)[0] for text in found.values()]
    assert numbers == ["2", "26", "4", "2"]


async def test_edition_is_by_votes_with_marks_byline_and_numbers(client: httpx2.AsyncClient) -> None:
    page = await load(client, f"/{MONDAY}")

    assert titles(page) == [
        "Agents that use tools",
        "Retrieval-augmented generation, measured",
        "A small language model for phones",
        "A claim that was taken back",
    ]
    first, second, *_, last = page.select(".paper")
    assert "New" not in first.get_text()  # it was listed on Friday before
    assert "New" in second.get_text()
    assert "Withdrawn" in last.get_text()
    assert "Author 0, Author 1, Author 2 and 9 more" in first.get_text()
    assert "12 authors" not in first.get_text()  # the byline says it
    assert "40 upvotes" in first.get_text()
    assert "1 comment" in second.get_text()
    assert "3 of them new" in text_of(page, "main")


async def test_edition_leads_to_the_nearest_dates(client: httpx2.AsyncClient) -> None:
    steps = {}
    for day in (FRIDAY, MONDAY, WEDNESDAY, date(2026, 6, 14)):
        page = await load(client, f"/{day}")
        steps[day] = [
            {str(link["href"]).rpartition("/")[2] for link in page.select(f"a[rel={way}]")}
            for way in ("prev", "next")
        ]

    assert steps[FRIDAY] == [set(), {str(MONDAY)}]
    assert steps[MONDAY] == [{str(FRIDAY)}, {str(TUESDAY)}]
    assert steps[WEDNESDAY] == [{str(TUESDAY)}, set()]
    assert steps[date(2026, 6, 14)] == [{str(FRIDAY)}, {str(MONDAY)}]


async def test_post_without_a_listing_date_stands_under_the_day_on_which_it_was_seen(
    client: httpx2.AsyncClient,
) -> None:
    assert titles(await load(client, f"/{WEDNESDAY}")) == [LATE.title, POST.title]


async def test_date_without_papers_has_a_page_that_nobody_indexes(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/2026-06-14")

    assert answer.status_code == 200
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "Nothing was listed" in answer.text


@pytest.mark.parametrize(
    "path",
    ["/2026-02-30", "/1999-01-01", "/2027-01-01", "/0001-01-01", "/9999-12-31", "/2026-6-1", "/20260616"],
)
async def test_there_is_no_page_of_a_date_that_is_none_or_far_away(
    client: httpx2.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 404


def test_months_have_their_editions_and_all_their_papers() -> None:
    sizes = [
        EditionSize(date(2026, 7, 1), 2),
        EditionSize(date(2026, 6, 30), 3),
        EditionSize(date(2026, 6, 1), 4),
    ]

    months = group_by_month(sizes)

    assert [(month.first, month.papers) for month in months] == [(date(2026, 7, 1), 2), (date(2026, 6, 1), 7)]


def test_only_the_usual_form_of_a_date_names_an_edition() -> None:
    assert parse_day("2026-06-16") == date(2026, 6, 16)
    assert [parse_day(text) for text in ("2026-W25-2", "20260616", "0001-01-01", "9999-12-31", "")] == [
        None
    ] * 5


# --- papers -------------------------------------------------------------------------------


async def test_paper_shows_where_it_was_seen_what_happened_and_its_votes_by_day(
    client: httpx2.AsyncClient,
) -> None:
    page = await load(client, f"/papers/{AGENTS.key}")

    days = [link["href"] for link in page.select("details li a")]
    assert days == [f"{URL}/{FRIDAY}", f"{URL}/{MONDAY}"]
    assert "new version v2" in text_of(page, "main")
    bars = [bar.get_text() for bar in page.select("svg.chart rect title")]
    assert bars == ["12 June: 10", "13 June: 10", "14 June: 10", "15 June: 25", "16 June: 40"]
    links = {link.get_text(): link["href"] for link in page.select(".buttons a")}
    assert links["PDF"] == AGENTS.pdf_url
    assert links["Discussion"] == AGENTS.discussion_url
    assert links["Code"] == AGENTS.code_url
    assert "Author 11" in text_of(page, ".byline")


async def test_another_name_of_a_paper_leads_to_its_own(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/papers/doi:10.1000/agents")

    assert answer.status_code == 301
    assert answer.headers["location"] == f"{URL}/papers/{AGENTS.key}"


async def test_paper_whose_key_is_an_address_has_a_page(site: Site, client: httpx2.AsyncClient) -> None:
    address = site.links.paper(POST.key).removeprefix(URL)
    page = await load(client, address)

    assert text_of(page, "h1") == POST.title
    # Some proxies make one slash of two.
    answer = await client.get(address.replace("://", ":/"))
    assert answer.headers["location"] == site.links.paper(POST.key)


async def test_withdrawn_paper_says_so(client: httpx2.AsyncClient) -> None:
    page = await load(client, "/papers/arxiv:2606.00105")
    assert "The authors have withdrawn this paper." in text_of(page, "main")


@pytest.mark.parametrize(
    "key",
    [
        "arxiv:0000.00000",
        "%00",
        "a%0Ab",
        "%F0%9F%98%80",
        "x" * 5_000,
        "%FF",
        "..%2F..%2Fetc",
        "a'b\"c",
        "url:/",
    ],
)
async def test_there_is_no_page_of_an_unknown_paper(client: httpx2.AsyncClient, key: str) -> None:
    assert (await client.get(f"/papers/{key}")).status_code == 404


async def test_paper_that_only_a_reader_named_is_not_shown(site: Site, client: httpx2.AsyncClient) -> None:
    named = new(
        replace(AGENTS, key=EntryKey("arxiv:2606.00999"), aliases=(), title="Named paper", listed_on=None)
    )
    await save_run(site.newsletter.runs, "2026-06-17 12:00", replace(named, sightings=()))

    assert (await client.get("/papers/arxiv:2606.00999")).status_code == 404
    for path in ("/2026-06-17", "/search?q=Named", "/feed.atom", "/sitemap.xml"):
        answer = await client.get(path)
        assert "Named paper" not in answer.text
        assert "2606.00999" not in answer.text


def test_chart_has_a_bar_for_each_day_and_keeps_the_last_sixty() -> None:
    seen = [
        Observation(at("2026-01-01 01:00"), 1, 0),
        Observation(at("2026-01-01 23:00"), 5, 0),
        Observation(at("2026-01-04 00:00"), 10, 0),
        Observation(at("2026-01-04 01:00"), None, 0),
    ]
    chart = build_vote_chart(seen)
    assert chart is not None
    assert [bar.votes for bar in chart.bars] == [5, 5, 5, 10]
    assert chart.bars[-1].height == 2 * chart.bars[0].height
    long = build_vote_chart([*seen, Observation(at("2026-12-01 00:00"), 11, 0)])
    assert long is not None
    assert len(long.bars) == 60
    assert max(bar.x + bar.width for bar in long.bars) <= long.width
    assert build_vote_chart(seen[:2]) is None
    assert build_vote_chart([]) is None
    none_yet = build_vote_chart([Observation(at(f"2026-01-0{day} 00:00"), 0, 0) for day in (1, 2)])
    assert none_yet is not None
    assert [bar.height for bar in none_yet.bars] == [0, 0]


# --- all of them --------------------------------------------------------------------------

PATHS = (
    "/archive",
    *(f"/{day}" for day in (FRIDAY, MONDAY, TUESDAY, WEDNESDAY)),
    f"/papers/{AGENTS.key}",
    "/papers/arxiv:2606.00102",
    "/search",
    "/search?q=agent",
    "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/search?q=(%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/topics",
    "/topics/rag",
    "/feed.atom",
    "/feed.json",
    "/topics/rag.atom",
    "/search.atom?q=agent",
    "/search.json?q=agent",
    "/sitemap.xml",
)


async def test_no_public_page_names_a_reader_or_runs_what_a_title_says(client: httpx2.AsyncClient) -> None:
    for path in PATHS:
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert READER not in answer.text
        assert "ada.secret" not in answer.text
        if "json" not in answer.headers["content-type"]:
            assert "<script>alert" not in answer.text, path
        assert " style=" not in answer.text, path


async def test_every_page_has_one_heading_and_names_the_feed(client: httpx2.AsyncClient) -> None:
    for path in PATHS:
        if "feed" in path or "." in path.partition("?")[0].rpartition("/")[2]:
            continue
        page = await load(client, path)
        assert len(page.select("h1")) == 1, path
        assert f"{URL}/feed.atom" in {link["href"] for link in page.select("head link[rel=alternate]")}, path


async def test_pages_are_in_the_language_of_the_browser(client: httpx2.AsyncClient) -> None:
    german = await client.get(f"/{MONDAY}", headers={"accept-language": "de"})
    english = await client.get(f"/{MONDAY}", headers={"accept-language": "en"})

    assert "Montag, 15. Juni 2026" in german.text
    assert "Monday, 15 June 2026" in english.text
    assert "Accept-Language" in german.headers["vary"]


async def test_page_is_under_sixty_kilobytes_with_its_style_and_script(
    site: Site, client: httpx2.AsyncClient
) -> None:
    sizes = {path: int((await client.get(path)).headers["content-length"]) for path in PATHS}
    static = sum(len(body) for body in site.statics.values())

    assert max(sizes.values()) + static < 60_000, sizes


async def test_new_run_is_seen_and_an_old_page_is_not_given_out(
    site: Site, client: httpx2.AsyncClient
) -> None:
    before = await client.get("/archive")
    tag = before.headers["etag"]
    same = await client.get("/archive", headers={"if-none-match": tag})
    assert (same.status_code, same.content) == (304, b"")

    await save_run(
        site.newsletter.runs,
        "2026-06-18 09:00",
        new(replace(LATE, key=EntryKey("arxiv:2606.00200"), listed_on=date(2026, 6, 18))),
    )
    site.rendered.check_again()

    after = await client.get("/archive", headers={"if-none-match": tag})
    assert after.status_code == 200
    assert f"{URL}/2026-06-18" in after.text


async def test_archive_works_below_a_path(tmp_path: Path, filled_url: str) -> None:
    base = f"{URL}/papers"
    async with opened_site(tmp_path, filled_url, url=base) as site, browsing(site) as client:
        for path in ("/archive", f"/{MONDAY}", f"/papers/{AGENTS.key}", "/search?q=agent", "/topics/rag"):
            page = await load(client, f"{base}{path}")
            inside = [
                str(link["href"]) for link in page.select("a[href]") if str(link["href"]).startswith(URL)
            ]
            assert inside
            assert all(href.startswith(f"{base}/") for href in inside), path
            for href in dict.fromkeys(inside[:20]):
                if href.partition("?")[0] != f"{base}/subscribe":
                    assert (await client.get(href)).status_code == 200, href
        feed = (await client.get(f"{base}/feed.json")).json()
        assert feed["feed_url"] == f"{base}/feed.json"
        alias = await client.get(f"{base}/papers/doi:10.1000/agents")
        assert alias.headers["location"] == f"{base}/papers/{AGENTS.key}"
