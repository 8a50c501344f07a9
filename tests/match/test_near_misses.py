"""What just missed a topic, and the one rule that stopped it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.match.corpus import Corpus, Selection
from newsletter.match.near_misses import find_obstacle
from newsletter.match.query import parse_query
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from newsletter.model.entries import EntryId
from tests.support.builders import DAY, at, make_entry

NOW = at("2026-06-16 12:00")


@pytest.mark.parametrize(
    ("query", "title", "why"),
    [
        ("robot AND NOT survey", "Robots: a survey", "none: survey (title)"),
        ("robot AND hand", "Robots", "missing: hand"),
        (
            'robot AND "soft hand"',
            "Robots with a hand that is soft",
            'the words of "soft hand" are there, but not as a phrase (title)',
        ),
        ('"big lab"', "A lab and a big room", 'the words of "big lab" are there, but not as a phrase (title)'),
        ("robot AND upvotes>=9", "Robots", "missing: upvotes>=9"),
        ("robot AND hand AND foot", "Robots", ""),
        ("robot", "Whales", ""),
        ("NOT robot", "Robots", ""),
    ],
)  # fmt: skip
def test_obstacle_is_the_one_rule_that_stopped_it(query: str, title: str, why: str) -> None:
    assert find_obstacle(parse_query(query), fold_entry(make_entry(title=title, upvotes=3))) == why


def test_near_misses_come_the_newest_first_and_never_for_what_was_withdrawn() -> None:
    entries = [
        replace(
            make_entry(number, title=title, upvotes=votes, listed_on=DAY - timedelta(days=day)),
            id=EntryId(number),
        )
        for number, title, votes, day in (
            (1, "Robots", 5, 3),
            (2, "A robot with few votes", 2, 2),
            (3, "Robots: a survey", 9, 0),
            (4, "Robots: a survey that was taken back", 9, 0),
            (5, "Whales", 9, 0),
            (6, "Robots of a blog", None, 0),
        )
    ]
    entries[3] = replace(entries[3], withdrawn=True)
    topic = replace(parse_topic({"name": "x", "query": "robot AND NOT survey"}), min_upvotes=4)
    missed = Selection(Corpus(entries, NOW), entries).find_near_misses(topic)
    assert [(miss.entry.id, miss.why) for miss in missed] == [
        (3, "none: survey (title)"),
        (2, "min_upvotes: 4 (it has 2)"),
    ]
