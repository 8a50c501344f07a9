"""A small share of the mutants that ``make fuzz`` tries, made from the project's own samples."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from newsletter.collect.kind import SourceKind
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, EntryKey, Sighting
from newsletter.model.sources import Fetched, ParsedFeed
from tests.collect.fuzz import PARSERS, fuzz, load_seeds, make_mutant, mutate, try_mutant, why_unfit

COUNT = 60
SEEDS = load_seeds()


@pytest.mark.parametrize("name", PARSERS)
def test_mutants_are_read_or_refused(name: str) -> None:
    tried = [(number, *try_mutant(make_mutant(name, number, SEEDS))) for number in range(COUNT)]

    assert [(number, what) for number, ended, what, _ in tried if ended == "finding"] == []
    assert {ended for _, ended, _, _ in tried} == {"read", "refused"}


@pytest.mark.parametrize("name", PARSERS)
def test_mutant_is_made_by_its_number_alone(name: str) -> None:
    mutant = make_mutant(name, 0, SEEDS)
    assert SEEDS[name]
    assert make_mutant(name, 0, SEEDS) == mutant
    assert make_mutant(name, 1, SEEDS) != mutant


def test_mutation_is_made_by_its_seed_alone() -> None:
    bodies = [mutate(b"<a>1</a>" * 20, b"{}", random.Random(seed)) for seed in (1, 1, 2)]

    assert bodies[0] == bodies[1] != bodies[2]


def test_parser_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_it(*_: object) -> ParsedFeed:
        raise ZeroDivisionError("oh")

    replace_parser(monkeypatch, raise_it)
    ended, what, _ = try_mutant(make_mutant("feed, JSON", 0, SEEDS))

    assert ended == "finding"
    assert "ZeroDivisionError: oh" in what


def test_refusal_without_a_message_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_it(*_: object) -> ParsedFeed:
        raise FeedError("")

    replace_parser(monkeypatch, raise_it)

    assert try_mutant(make_mutant("feed, JSON", 0, SEEDS))[0] == "finding"


def test_parser_that_kills_its_process_is_a_finding_and_the_others_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worst = make_mutant("feed, JSON", 3, SEEDS).fetched.body

    def die(fetched: Fetched, *_: object) -> ParsedFeed:
        if fetched.body == worst:
            os._exit(11)
        return ParsedFeed(())

    replace_parser(monkeypatch, die)
    tally = fuzz("feed, JSON", SEEDS, 8, processes=1)

    assert tally.findings == [(3, "the process died or hung")]
    assert tally.ended == {"read": 7, "finding": 1}


@pytest.mark.parametrize(
    ("title", "facts"),
    [
        ("", {}),
        ("a \ud800", {}),
        ("a\x00b", {}),
        ("a\nb", {}),
        ("a", {"summary": "x" * 10_001}),
        ("a", {"upvotes": 2**31}),
        ("a", {"comments": -1}),
        ("a", {"published_at": datetime(2026, 6, 16, tzinfo=timezone(timedelta(hours=1)))}),
    ],
)
def test_entry_that_no_database_takes_is_unfit(title: str, facts: dict[str, Any]) -> None:
    assert why_unfit(make_feed(title, **facts)) != ""


def test_entry_that_can_be_stored_is_fit() -> None:
    assert why_unfit(make_feed("a", upvotes=3, published_at=datetime(2026, 6, 16, tzinfo=UTC))) == ""


def make_feed(title: str, **facts: Any) -> ParsedFeed:
    return ParsedFeed((Sighting(Entry(EntryKey("guid:fuzz:1"), title, **facts), "fuzz", "1"),))


def replace_parser(monkeypatch: pytest.MonkeyPatch, parse: Callable[..., ParsedFeed]) -> None:
    monkeypatch.setattr("tests.collect.fuzz.KINDS", {"feed": SourceKind("feed", parse)})
