"""What a topic would have found, and the one rule that stopped what it just missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.match.query import parse_query
from newsletter.match.topics import parse_topic
from newsletter.match.trial import count_by_day, find_near_misses, find_obstacle, try_topic
from newsletter.match.words import fold_entry
from tests.builders import DAY, make_entry


@pytest.mark.parametrize(
    ("query", "title", "why"),
    [
        ("robot AND NOT survey", "Robots: a survey", "none: survey (title)"),
        ("robot AND hand", "Robots", "not there: hand"),
        ('robot AND "soft hand"', "Robots with a hand that is soft", 'its words stand apart: "soft hand" (title)'),
        ('"big lab"', "A lab and a big room", 'its words stand apart: "big lab" (title)'),
        ("robot AND upvotes>=9", "Robots", "not there: upvotes>=9"),
        ("robot AND hand AND foot", "Robots", ""),
        ("robot", "Whales", ""),
        ("NOT robot", "Robots", ""),
    ],
)  # fmt: skip
def test_obstacle_is_the_one_rule_that_stopped_it(query: str, title: str, why: str) -> None:
    assert find_obstacle(parse_query(query), fold_entry(make_entry(title=title, upvotes=3))) == why


def test_trial_has_matches_and_near_misses_newest_first() -> None:
    old, new, few, other = (
        make_entry(1, title="Robots", listed_on=DAY - timedelta(days=1), upvotes=5),
        make_entry(2, title="A robot", upvotes=7),
        make_entry(3, title="More robots", upvotes=2),
        make_entry(4, title="Whales", upvotes=9),
    )
    topic = replace(parse_topic("robot"), min_upvotes=4)
    trial = try_topic(topic, [fold_entry(entry) for entry in (old, few, new, other)])
    assert [entry for entry, _ in trial.matches] == [new, old]
    assert [(miss.entry, miss.why) for miss in trial.near_misses] == [(few, "min_upvotes: 4 (it has 2)")]
    assert trial.share == 0.5
    assert count_by_day([old, new, few], DAY, 3) == [0, 1, 2]


@pytest.mark.parametrize(
    "query", ["robot", 'robot AND "soft hand"', "robot AND NOT survey", '"big lab"', "whale"]
)
def test_near_misses_alone_are_those_of_the_trial(query: str) -> None:
    titles = (
        "Robots",
        "Robots: a survey",
        "Robots with a hand that is soft",
        "A lab and a big room",
        "Whales",
    )
    entries = [
        fold_entry(make_entry(number, title=title, upvotes=number))
        for number, title in enumerate(titles, start=1)
    ]
    topic = replace(parse_topic({"name": "x", "query": query}), min_upvotes=2)

    missed = list(find_near_misses(topic, entries))

    assert sorted(missed, key=lambda miss: miss.entry.key) == sorted(
        try_topic(topic, entries).near_misses, key=lambda miss: miss.entry.key
    )
