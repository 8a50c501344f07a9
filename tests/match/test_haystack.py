"""One query over many entries finds what looking at each of them finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.match.acronyms import shipped_acronyms
from newsletter.match.haystack import Haystack
from newsletter.match.matcher import match_query
from newsletter.match.query import parse_query
from newsletter.match.words import fold_entry
from newsletter.model.entries import Entry
from tests.support.builders import make_entry
from tests.support.website import read_sample_day

TITLES = (
    "Retrieval-augmented generation, measured",
    "A rag doll",
    "Robots that fold laundry: a survey",
    "Small language models (SLMs) for phones",
    "",
    "Editing of a large model",
    "Poincar\\'e maps and GPT4",
    "Robot",
)
QUERIES = (
    "RAG", "robot*", "robot AND NOT survey", "NOT robot", "robot OR whale", '"language model"', "GPT-4", "=Robot",
    "agent~", '"model editing"~5', "/fold|fine-?tun/", 'author:"Example A"', "author:Nobody", "category:cs.RO",
    "upvotes>=3", "upvotes>=3 AND robot", "title:(robot OR drone)", "tag:vision", "id:2606.00003", "source:hf",
)  # fmt: skip


def make_entries() -> list[Entry]:
    return [
        replace(
            make_entry(number, title=title, upvotes=number),
            categories=("cs.RO",) if "obot" in title else ("cs.CL",),
            ai_keywords=("vision",) if number % 2 else (),
            sources=("hf",),
        )
        for number, title in enumerate(TITLES, start=1)
    ]


@pytest.mark.parametrize("text", QUERIES)
def test_haystack_finds_what_looking_at_each_entry_finds(text: str) -> None:
    folded = [fold_entry(entry) for entry in make_entries()]
    query = parse_query(text)
    found = {
        number: match
        for number, entry in enumerate(folded)
        if (match := match_query(query, entry, shipped_acronyms()))
    }
    haystack = Haystack(folded, shipped_acronyms())

    assert haystack.find(query) == haystack.find(query) == sum(1 << number for number in found)
    assert {number: haystack.match(query, number) for number in found} == found


def test_empty_haystack_finds_nothing() -> None:
    assert Haystack([], shipped_acronyms()).find(parse_query("robot OR NOT robot")) == 0


def test_haystack_agrees_on_a_real_day() -> None:
    folded = [fold_entry(change.entry) for change in read_sample_day()]
    haystack = Haystack(folded, shipped_acronyms())
    words = {word for entry in folded for word in entry.entry.title.split() if word.isalnum()}

    for word in sorted(words):
        query = parse_query(f'"{word}"')
        expected = sum(
            1 << n for n, entry in enumerate(folded) if match_query(query, entry, shipped_acronyms())
        )
        assert haystack.find(query) == expected, word
