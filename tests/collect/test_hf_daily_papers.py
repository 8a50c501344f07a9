from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.hf_daily_papers import parse
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, EntryKey
from newsletter.model.sources import ParsedFeed
from tests.support.builders import at
from tests.support.examples import examples
from tests.support.sightings import DAY, make_fetched, make_request, make_source, read_sample

SOURCE = make_source("hf_daily_papers", "https://huggingface.co")


def parse_json(records: object, listed_on: date | None = None) -> ParsedFeed:
    return parse(make_fetched(json.dumps(records).encode()), SOURCE, make_request(listed_on=listed_on))


def make_page(**props: object) -> bytes:
    text = escape(json.dumps(props), quote=True)
    return f'<html><div data-target="DailyPapers" data-props="{text}"></div></html>'.encode()


def make_record(**paper: object) -> dict[str, Any]:
    return {"paper": {"id": "2606.01234", "title": "A paper", **paper}}


def test_every_field_that_a_mail_can_use_is_kept() -> None:
    feed = parse(make_fetched(read_sample("daily.json")), SOURCE, make_request())

    sighting = feed.sightings[0]
    assert (sighting.source, sighting.guid, sighting.listed_on) == ("papers", "2606.01234", DAY)
    assert sighting.listing_url == "https://huggingface.co/papers/date/2026-06-16"
    assert sighting.entry == Entry(
        key=EntryKey("arxiv:2606.01234"),
        aliases=(EntryKey("guid:papers:2606.01234"),),
        title="Counting Sheep at Scale: A Study of Drowsy Transformers",
        summary="We show that models which count sheep fall asleep. Code is public.",
        authors=("Ada Example", "Émile Exemple"),
        organization="Meadow Lab",
        published_at=at("2026-06-12 17:59:59"),
        listed_on=DAY,
        ai_keywords=("sheep counting", "transformers"),
        ai_summary="Models that count sheep fall asleep.",
        upvotes=12,
        comments=3,
        code_stars=7,
        url="https://huggingface.co/papers/2606.01234",
        pdf_url="https://arxiv.org/pdf/2606.01234",
        discussion_url="https://huggingface.co/papers/2606.01234",
        code_url="https://github.com/example/sheep",
        project_url="https://sheep.example.org/",
        listing_url="https://huggingface.co/papers/date/2026-06-16",
        sources=("papers",),
    )


def test_id_and_title_are_enough() -> None:
    feed = parse(make_fetched(read_sample("daily.json")), SOURCE, make_request(listed_on=date(2026, 6, 15)))

    entry = feed.sightings[1].entry
    assert (entry.title, entry.upvotes, entry.published_at) == ("A Small Paper", None, None)
    assert feed.sightings[1].listed_on == date(2026, 6, 15)
    assert feed.refused == 0


def test_unknown_fields_are_named_once() -> None:
    feed = parse(make_fetched(read_sample("daily.json")), SOURCE, make_request())

    assert feed.unknown_fields == ("colour", "paper.authors.mood", "paper.readingTime")


def test_page_of_2026_is_read_as_the_api_is() -> None:
    feed = parse(make_fetched(read_sample("page-2026.html")), SOURCE, make_request(listed_on=DAY))

    (sighting,) = feed.sightings
    assert (feed.listed_on, sighting.entry.title) == (DAY, "Counting <Sheep> &amp; Goats")
    assert (sighting.entry.upvotes, sighting.entry.comments) == (30, 4)


def test_page_of_2024_has_its_date_under_another_name() -> None:
    feed = parse(make_fetched(read_sample("page-2024.html")), SOURCE, make_request())

    assert feed.listed_on == feed.sightings[0].listed_on == date(2024, 8, 1)


def test_page_of_another_date_than_the_one_asked_for_is_refused() -> None:
    with pytest.raises(
        FeedError, match="asked for the papers of 2026-06-20, the page shows those of 2026-06-16"
    ):
        parse(make_fetched(read_sample("page-2026.html")), SOURCE, make_request(listed_on=date(2026, 6, 20)))


def test_day_without_papers_is_an_empty_feed() -> None:
    assert parse_json([], DAY) == ParsedFeed((), DAY)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "found nothing"),
        (b"\xef\xbb\xbf \n", "found nothing"),
        (b"id,title\n", "begins with b'id,title"),
        (b'["{\'paper\': 1}", "x"]', "an array of strings: this looks like a damaged archive file"),
        (
            b'{"status": "success", "data": []}',
            "expected a JSON array of objects, found an object with the keys data, s",
        ),
        (b'{"error": "Invalid date"}', "found the error 'Invalid date'"),
        (b"{}", "found an object"),
        (b"[1, null, [], {}]", "none of 4 items is one: item 1 refused: expected an object, found a number"),
        (b'[{"paper": {"title": "No id"}}]', "it has no paper.id"),
        (b'[{"paper": {"id": "2606.01234", "title": " "}}]', "paper 2606.01234 has no title"),
        (b'[{"paper": ', "the answer is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5_000 + b"]", "the answer is not JSON"),
        (b'["\xff"]', "the answer is not JSON"),
        (b"<html><p>Sign in</p></html>", "no element with data-target"),
        (b'<div data-target="DailyPapers">', "no element with data-target"),
        (b'<div data-target="DailyPapers" data-props="{">', "data-props is not JSON"),
        (b'<div data-target="DailyPapers" data-props="{}">', "no list dailyPapers"),
    ],
)
def test_what_is_not_the_format_is_refused_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(FeedError) as caught:
        parse(make_fetched(body), SOURCE, make_request())

    assert message in str(caught.value)


def test_item_that_lacks_what_an_entry_needs_is_refused_and_the_rest_is_kept() -> None:
    feed = parse_json([make_record(), {"paper": {"id": "2606.00002"}}, "text"])

    assert len(feed.sightings) == 1
    assert feed.refused == 2
    assert feed.notes == (
        "item 2 refused: paper 2606.00002 has no title",
        "item 3 refused: expected an object, found text",
    )


@pytest.mark.parametrize("listed_at", ["2026-06-16T23:59:59.000Z", "2026-06-17T01:00:00+02:00", "2026-06-16"])
def test_listing_date_is_that_of_its_time_in_utc(listed_at: str) -> None:
    assert parse_json([make_record(submittedOnDailyAt=listed_at)]).sightings[0].listed_on == DAY


@pytest.mark.parametrize("value", ["12", True, -1, 2**31, 1.5, None, []])
def test_count_that_cannot_be_one_is_unknown(value: object) -> None:
    assert parse_json([make_record(upvotes=value)]).sightings[0].entry.upvotes is None


@pytest.mark.parametrize("value", ["javascript:alert(1)", 7, None, "//example.org", {}])
def test_project_page_that_is_no_web_address_is_left_out(value: object) -> None:
    assert parse_json([make_record(projectPage=value)]).sightings[0].entry.project_url == ""


def test_id_that_is_not_from_arxiv_is_named_by_its_page() -> None:
    (sighting,) = parse_json([make_record(id="meadow/sheep")]).sightings

    assert sighting.entry.keys == (
        "url:https://huggingface.co/papers/meadow/sheep",
        "guid:papers:meadow/sheep",
    )
    assert sighting.entry.pdf_url == ""


def test_all_authors_of_a_large_collaboration_are_kept() -> None:
    names = [{"name": f"Author {number}"} for number in range(700)]

    assert len(parse_json([make_record(authors=names)]).sightings[0].entry.authors) == 700


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["id", "title", "summary", "publishedAt", "submittedOnDailyAt", "upvotes", "authors", "organization"]
FIELDS += ["ai_keywords", "githubRepo", "githubStars", "projectPage"]


@examples(80)
@given(st.dictionaries(st.sampled_from(FIELDS), json_values), st.booleans())
def test_field_of_any_type_never_stops_the_parser(paper: dict[str, Any], as_page: bool) -> None:
    records = [{"paper": {"id": "2606.01234", "title": "A paper"} | paper}, make_record()]
    body = make_page(dailyPapers=records) if as_page else json.dumps(records).encode()

    feed = parse(make_fetched(body), SOURCE, make_request())

    assert len(feed.sightings) + feed.refused == 2


@examples(100)
@given(st.binary(max_size=60), st.integers(0, 2_000), st.sampled_from(["daily.json", "page-2026.html"]))
def test_damaged_answer_is_read_or_refused(noise: bytes, place: int, sample: str) -> None:
    body = read_sample(sample)

    with suppress(FeedError):
        parse(make_fetched(body[:place] + noise + body[place + len(noise) :]), SOURCE, make_request())


@pytest.mark.corpus
def test_every_record_of_the_archive_is_read_with_all_its_fields(corpus: Path) -> None:
    read = 0
    for file in sorted((corpus / "hf-daily-papers-json").glob("*.json")):
        if file.stem in ("api-2024-12-20", "api-2025-01-10"):
            continue
        read += compare_with_records(file, json.loads(file.read_bytes()))
    assert read > 650


@pytest.mark.corpus
def test_every_record_of_the_saved_pages_is_read_with_all_its_fields(corpus: Path) -> None:
    from bs4 import BeautifulSoup

    read = 0
    for file in sorted((corpus / "hf-daily-papers-html").glob("*.html")):
        node = BeautifulSoup(file.read_bytes(), "lxml").select_one('[data-target="DailyPapers"]')
        assert node is not None
        read += compare_with_records(file, json.loads(str(node["data-props"]))["dailyPapers"])
    assert read == 170


def compare_with_records(file: Path, records: list[dict[str, Any]]) -> int:
    """Compare what the parser gave with each field of each record, read the plain way."""
    feed = parse(make_fetched(file.read_bytes()), SOURCE, make_request())
    assert (feed.refused, feed.unknown_fields) == (0, ())
    assert [sighting.guid for sighting in feed.sightings] == [record["paper"]["id"] for record in records]
    for sighting, record in zip(feed.sightings, records, strict=True):
        paper, entry = record["paper"], sighting.entry
        assert entry.key == f"arxiv:{paper['id']}"
        assert entry.title == " ".join(paper["title"].split())
        assert entry.summary == " ".join(paper["summary"].split())
        names = [" ".join(author["name"].split()) for author in paper["authors"] if not author["hidden"]]
        assert list(entry.authors) == list(dict.fromkeys(names))
        assert entry.published_at == at(paper["publishedAt"].removesuffix("Z"))
        assert entry.upvotes == paper["upvotes"]
        assert entry.comments == record["numComments"]
        assert entry.code_stars == paper.get("githubStars")
        assert entry.code_url == "".join(paper.get("githubRepo", "").split())
        assert entry.project_url == paper.get("projectPage", "").strip()
        assert entry.organization == paper.get("organization", {}).get("fullname", "").strip()
        assert entry.ai_summary == " ".join(paper.get("ai_summary", "").split())
        assert len(entry.ai_keywords) == len(
            {" ".join(word.split()) for word in paper.get("ai_keywords", [])}
        )
        if "submittedOnDailyAt" in paper:
            assert str(sighting.listed_on) == paper["submittedOnDailyAt"][:10]
    return len(records)


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("api-2024-12-20.json", "an array of strings: this looks like a damaged archive file"),
        ("api-2025-01-10.json", "found an object with the keys count, data, date, status"),
    ],
)
def test_damaged_archive_file_is_refused(corpus: Path, name: str, message: str) -> None:
    with pytest.raises(FeedError) as caught:
        parse(make_fetched((corpus / "hf-daily-papers-json" / name).read_bytes()), SOURCE, make_request())

    assert message in str(caught.value)
