from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.hf_papers_capture import parse
from newsletter.errors import FeedError
from newsletter.model.entries import Entry
from newsletter.model.sources import ParsedFeed
from tests.support.builders import at
from tests.support.examples import examples
from tests.support.sightings import make_fetched, make_request, make_source, read_sample


def parse_text(text: str | bytes, captured_on: date | None = None) -> ParsedFeed:
    body = text.encode() if isinstance(text, str) else text
    return parse(
        make_fetched(body),
        make_source("hf_papers_capture", "capture.txt", captured_on=captured_on),
        make_request(),
    )


def make_capture(*dates: str, page: str = "Nov 3") -> str:
    papers = [f"Title {number}\n\nAbstract.\n\n  • 2 authors\n·\n{on}\n" for number, on in enumerate(dates)]
    return "\n".join(["Daily Papers\n", f"{page}\n", *papers])


def dates_of(feed: ParsedFeed) -> list[str]:
    moments = [sighting.entry.published_at for sighting in feed.sightings]
    return [moment.date().isoformat() if moment else "" for moment in moments]


def test_capture_is_read_paper_by_paper() -> None:
    feed = parse_text(read_sample("capture.txt"))

    first = feed.sightings[0]
    assert first.entry == Entry(
        key=first.entry.key,
        title="Pruning Hedges with Gradient Descent",
        summary=(
            "Hedges grow in every direction. We prune them with gradient descent, "
            "and they become flat where the loss is flat."
        ),
        author_count=3,
        published_at=at("2025-01-09 00:00"),
        listed_on=date(2025, 2, 3),
        url="https://huggingface.co/papers?q=Pruning+Hedges+with+Gradient+Descent",
        listing_url="https://huggingface.co/papers",
        sources=("papers",),
    )
    rest = [(s.entry.title, s.entry.author_count, s.entry.comments) for s in feed.sightings[1:]]
    assert rest == [
        ("Old Hedges, New Shears", 1, 2),
        ("A Hedge without a Gardener", 0, None),
        ("Leap Hedges", 23, None),
    ]
    assert dates_of(feed) == ["2025-01-09", "2024-06-07", "", "2024-02-29"]
    assert {s.listed_on for s in feed.sightings} == {feed.listed_on} == {date(2025, 2, 3)}


def test_only_the_source_and_the_title_name_a_paper() -> None:
    first, again = (
        parse_text(make_capture("Jan 1, 2024").replace("Title 0", title)).sightings[0].entry
        for title in ("Pruning: Hedges", "pruning  hedges")
    )

    assert first.keys == again.keys
    assert first.key.startswith("guid:papers:pruning-hedges-")


@pytest.mark.parametrize(
    ("page", "captured_on", "listed_on"),
    [
        ("Nov 3", None, date(2025, 11, 3)),
        ("Nov 3", date(2026, 11, 5), date(2026, 11, 3)),
        ("Dec 31", date(2026, 1, 1), date(2025, 12, 31)),
        ("Jan 1", date(2025, 12, 31), date(2026, 1, 1)),
        ("Nov 3, 2022", None, date(2022, 11, 3)),
    ],
)
def test_year_of_the_page(page: str, captured_on: date | None, listed_on: date) -> None:
    assert parse_text(make_capture("Jun 7, 2024", "Jun 9", page=page), captured_on).listed_on == listed_on


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Jun 9", "2025-06-09"),
        ("Nov 3", "2025-11-03"),
        ("Nov 4", "2024-11-04"),
        ("Dec 31 12", "2024-12-31"),
        ("Feb 29", "2024-02-29"),
        ("Mar 5, 2019 1", "2019-03-05"),
    ],
)
def test_date_without_year_is_the_latest_such_day_not_after_the_page(written: str, meant: str) -> None:
    assert dates_of(parse_text(make_capture("Jan 1, 2024", written)))[1] == meant


def test_paper_without_abstract_does_not_shift_the_others() -> None:
    text = (
        f"Nov 3\n\nTitle only\n\nSecond title\n\n{'Long abstract. ' * 30}\n\n  • 2 authors\n·\nJan 1, 2024\n"
    )

    papers = parse_text(text).sightings

    assert [(s.entry.title, bool(s.entry.summary)) for s in papers] == [
        ("Title only", False),
        ("Second title", True),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no paper with a line like"),
        (b"Nov 3\n\nA title\n\nAn abstract\n", "no paper with a line like"),
        (b"<html>", "found markup or JSON"),
        (b'[{"paper": {}}]', "found markup or JSON"),
        (b"\xff\xfe", "is UTF-8, and byte 1 of this is not"),
        (make_capture("Jun 9").encode(), "no date of the page has a year"),
        (make_capture("Jun 7, 2024", page="").encode(), "the page's own date is missing"),
        (make_capture("Jun 7, 2022", page="Feb 29").encode(), "does not exist in its year"),
    ],
)
def test_what_is_no_capture_is_refused_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        parse_text(body)


LINES = [
    "A title",
    "An abstract.",
    "x" * 300,
    "  • 2 authors",
    "·",
    "Jun 9",
    "Jun 7, 2024 2",
    "Feb 30",
    "Feb 29",
    "",
]
LINES += ["Jan 1, 0000", "Dec 31, 9999", "Daily Papers", "\u2028", "\x00", "•", "99999 authors"]


@examples(120)
@given(
    st.lists(st.sampled_from(LINES) | st.text(max_size=5), max_size=25)
    .map("\n".join)
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=50),
    st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_any_bytes_are_read_or_refused(body: bytes, captured_on: date | None) -> None:
    try:
        feed = parse_text(body, captured_on)
    except FeedError:
        return
    assert all(sighting.entry.title for sighting in feed.sightings)


@pytest.mark.corpus
def test_all_61_papers_of_the_real_capture_are_read(corpus: Path) -> None:
    feed = parse_text((corpus / "hf-papers-page-capture.txt").read_bytes())

    entries = [sighting.entry for sighting in feed.sightings]
    assert len({entry.key for entry in entries}) == 61
    assert feed.listed_on == date(2025, 11, 3)
    assert [e.title for e in entries if not e.author_count] == ["Rethinking the shape convention of an MLP"]
    assert [e.title for e in entries if not e.published_at] == ["Rethinking the shape convention of an MLP"]
    assert all(1_000 < len(entry.summary) < 2_000 for entry in entries)
    assert entries[0].published_at == at("2025-06-09 00:00")
    (two,) = [entry for entry in entries if entry.comments == 2]
    assert (two.title[:6], two.published_at) == ("VTrans", at("2024-06-07 00:00"))
    assert sum(entry.comments is not None for entry in entries) == 4
