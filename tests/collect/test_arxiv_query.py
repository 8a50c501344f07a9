from __future__ import annotations

from datetime import datetime

import pytest

from newsletter.collect.arxiv_query import name_author, parse_query
from newsletter.model.entries import Entry, EntryKey
from tests.support.builders import at

PAPER = Entry(
    EntryKey("arxiv:2606.01234"),
    title="Robots that fold laundry: a vision-language approach",
    summary=r"We study grasping with diffusion policies and Schr\"odinger bridges. Meshes are used.",
    authors=("Ada Lovelace", "J. R. van der Berg", "Müller, Hans"),
    categories=("cs.RO", "stat.ML"),
    note="12 pages, accepted at CoRL",
    published_at=at("2026-06-15 10:30"),
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "ti:robots",
        "ti:robot AND abs:grasping",
        "ti:Robot AND (abs:nothing OR abs:policy)",
        'abs:"diffusion policy"',
        'ti:"vision language"',
        "ti:vision-language",
        "abs:Schrödinger",
        "abs:schrodinger",
        "abs:mesh",
        "abs:grasp*",
        "abs:gr?sping",
        "au:lovelace",
        "au:Lovelace_A",
        'au:"Ada Lovelace"',
        'au:"Lovelace, A"',
        "au:van_der_berg",
        "au:muller",
        "co:CoRL",
        "cat:cs.RO",
        "cat:cs.*",
        "cat:stat.ML AND cat:cs.RO",
        "all:laundry",
        "all:lovelace",
        "laundry",
        "whales laundry",  # side by side: one or both
        "ti:whales OR ti:robots AND abs:grasping",
        "ti:robots ANDNOT abs:whales",
        "ti:robots NOT abs:whales",
        "ti:robots AND NOT abs:whales",
        "ti:(whales OR robots)",
        "submittedDate:[202606150000 TO 202606152359]",
        "submittedDate:[20260615 TO *]",
        "ti:robots AND submittedDate:[202606150000 TO 202606152359]",
        "id:2606.01234",
        "id:2606.01234v2",
        "jr:Nature AND ti:robots",  # an entry does not tell its journal
        "ti:robots ANDNOT rn:LA-UR",
        "lastUpdatedDate:[202001010000 TO 202101010000]",
        "((((ti:robots))))",
    ],
)
def test_papers_are_found_by_what_the_api_would_find_them_by(query: str) -> None:
    assert parse_query(query)(PAPER) is not False


@pytest.mark.parametrize(
    "query",
    [
        "ti:grasping",
        "abs:laundry",
        "ti:robots AND abs:whales",
        "ti:robots ANDNOT abs:grasping",
        "ti:robots AND NOT (abs:grasping OR abs:whales)",
        'abs:"policies diffusion"',
        "abs:grasp",
        "abs:whale*",
        "au:lovelock",
        'au:"Ada Berg"',
        "au:Lovelace_B",
        "cat:cs.CL",
        "cat:math.*",
        "cat:cs",
        "submittedDate:[202606160000 TO 202606162359]",
        "submittedDate:[* TO 20260614]",
        "jr:Nature AND ti:whales",
        "whales dolphins",
    ],
)
def test_papers_are_not_found_by_other_words(query: str) -> None:
    assert parse_query(query)(PAPER) is False


@pytest.mark.parametrize(
    "query",
    [
        "ti:robots AND",
        "AND ti:robots",
        "(ti:robots",
        "ti:robots)",
        "ti:robots OR OR abs:x",
        '"open',
        "ti:",
        "()",
        "(" * 60 + "x" + ")" * 60,
        "[",
    ],
)
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — the words are nobody's but the log's
        parse_query(query)


@pytest.mark.parametrize(
    ("name", "is_there"),
    [
        ("Ada Lovelace", True),
        ("A. Lovelace", True),
        ("Lovelace", True),
        ("Hans Mueller", False),
        ("Hans Müller", True),
        ("Ada Müller", False),
        ("Jan van der Berg", True),
        ("", False),
    ],
)
def test_an_author_is_one_person(name: str, is_there: bool) -> None:
    assert name_author(name)(PAPER) is is_there


def test_a_paper_without_a_date_may_be_of_any() -> None:
    undated = Entry(EntryKey("arxiv:2606.01234"), title="One")
    test = parse_query("submittedDate:[202606160000 TO 202606162359]")

    assert test(undated) is None
    assert isinstance(PAPER.published_at, datetime)
