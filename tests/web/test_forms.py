"""What people write into the forms, and what they are told of their mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from newsletter.errors import QueryError
from newsletter.match.topic_line import MOST_LINE_CHARS
from newsletter.match.topics import parse_topic, parse_topics
from newsletter.model.readers import Cadence
from newsletter.model.topics import Topic
from newsletter.render.language import load_language
from newsletter.settings.topic_lines import MOST_TOPICS, read_topics, write_line, write_lines
from newsletter.stored_json import to_json
from newsletter.web.forms import (
    Choice,
    Given,
    Offer,
    check_form,
    group_zones,
    lay_preferences_over,
    read_form,
    show_reader,
)
from tests.support.builders import make_cadence, make_subscriber

EN = load_language("en")
LIBRARY: dict[str, Topic] = {"Agents (tools)": parse_topic({"name": "Agents (tools)", "any": ["agent"]})}
OFFER = Offer(
    (Choice("en", "English"), Choice("de", "Deutsch")),
    ("cards", "compact"),
    "cards",
    False,
    "news.example.org",
    LIBRARY,
)
FILLED = Given(address="Ada@Example.org", own="RAG", language="de")


def check(given: Given) -> dict[str, str]:
    """What is wrong with a form, by field."""
    return {wrong.field: wrong.message for wrong in check_form(given, OFFER, EN, with_address=True).mistakes}


# --- topics, one a line -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("RAG", "RAG"),
        ("robot*, manipulation", "robot*, manipulation"),
        ("robotics: robot*, category:cs.RO", {"robotics": "robot*, category:cs.RO"}),
        ("title:survey", "title:survey"),
        ("title: survey", "title: survey"),
        ("title|tag: survey", "title|tag: survey"),
        ('"a: b"', '"a: b"'),
        ("a OR b", {"name": "a OR b", "query": "a OR b"}),
        ("S: (red OR blue) AND NOT title:x", {"name": "S", "query": "(red OR blue) AND NOT title:x"}),
        ('"black AND white"', '"black AND white"'),
        ("/a (b|c)/", "/a (b|c)/"),
        ("{name: Small, any: [SLM], limit: 8}", {"name": "Small", "any": ["SLM"], "limit": "8"}),
    ],
)  # fmt: skip
def test_line_is_read_as_in_the_file(line: str, form: Any) -> None:
    read = read_topics([line], LIBRARY)

    assert read.mistakes == ()
    assert json.loads(read.topics_json) == [form if line.startswith("{") else line]
    assert read.topics == (parse_topic(form, LIBRARY),)


@pytest.mark.parametrize(
    ("line", "column", "message", "hint"),
    [
        ("titel:robot", 1, "unknown scope 'titel'", "did you mean 'title:'?"),
        ("x: a, titel:robot", 7, "unknown scope 'titel'", "did you mean 'title:'?"),
        ("x: robot AND (", 14, "this parenthesis is not closed", "put ')'"),
        ("robot AND", 10, "a word is missing here", ""),
        ("x: (robot AND NOT robots)", 4, "nothing can match", "remove one of these"),
        ("{name: x, lmit: 3}", 11, "unknown key 'lmit'", "did you mean 'limit'?"),
        ("{name: x", 9, "this is not YAML", ""),
        ("{name: x}, {name: y}", 10, "this is not YAML", ""),
        ("*", 1, "a star alone would match everything", ""),
    ],
)
def test_mistake_is_shown_at_its_place(line: str, column: int, message: str, hint: str) -> None:
    (mistake,) = read_topics(["", "RAG", line], LIBRARY).mistakes

    assert (mistake.line, mistake.column, mistake.text) == (3, column, line)
    assert mistake.message.startswith(message)
    assert mistake.hint.startswith(hint)


def test_all_mistakes_are_shown_and_what_is_right_is_kept() -> None:
    read = read_topics(["titel:a", "RAG", "(", "RAG"], LIBRARY)

    assert [wrong.line for wrong in read.mistakes] == [1, 3]
    assert [topic.name for topic in read.topics] == ["RAG"]


def test_topics_are_bounded_in_number_and_length() -> None:
    many = read_topics([f"word{number}" for number in range(MOST_TOPICS + 50)], LIBRARY)
    long = read_topics(["x" * (MOST_LINE_CHARS + 1)], LIBRARY)

    assert [wrong.message for wrong in many.mistakes] == [f"there are more than {MOST_TOPICS} topics"]
    assert len(many.topics) == MOST_TOPICS
    assert [wrong.line for wrong in long.mistakes] == [1]


def test_wrong_lines_are_told_up_to_as_many_as_there_may_be_topics() -> None:
    """What a request may cost does not grow with what it brings."""
    read = read_topics([f"(a{number} OR" for number in range(2_000)], {})

    assert len(read.mistakes) == MOST_TOPICS + 1
    assert read.mistakes[-1].message == f"there are more than {MOST_TOPICS} topics"


def test_equal_names_are_refused_whether_picked_or_written() -> None:
    read = read_topics(["RAG", "rag"], LIBRARY, first_line=0)

    assert [wrong.message for wrong in read.mistakes] == ["two topics have the name 'rag'"]


FORMS: list[Any] = [
    "RAG",
    "Agents (tools)",
    "title: b",
    {"robotics": "robot*, manipulation"},
    {"robotics": ["robot*", "manipulation"]},
    {"name": "x OR y", "query": "x OR y"},
    {"name": "q", "query": "word"},
    {"name": "any", "any": "word"},
    {"name": "Whales", "about": "sounds of: whales, {not} ships", "limit": 3},
    {"name": 'quoted "x"', "any": ['"red team"', "a, b"], "min_upvotes": 5, "wait": "2d"},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_line_of_a_form_means_the_same(form: Any) -> None:
    line = write_line(form)

    read = read_topics([line], LIBRARY)

    assert "\n" not in line
    assert read.topics == (parse_topic(form, LIBRARY),)


@examples(st.text(min_size=1, max_size=40))
def test_whatever_was_a_topic_is_the_same_topic_after_the_form(text: str) -> None:
    try:
        topics = parse_topics(to_json([text]), LIBRARY)
    except QueryError:
        return

    assert read_topics(write_lines(to_json([text])), LIBRARY).topics == topics


# --- the other fields -------------------------------------------------------------------------------------


def test_form_is_read_and_checked() -> None:
    given = read_form(
        {
            "address": ["Ada@Example.org"],
            "name": [" Ada "],
            "topic": ["{name: Agents (tools)}"],
            "own": ["RAG\r\nrobotics: robot*"],
            "when": ["chosen"],
            "day": ["wed", "mon", "nonsense"],
            "hour": ["17:30"],
            "zone": ["Europe/Berlin"],
            "language": ["de"],
            "layout": ["compact"],
            "everything_else": ["5"],
        }
    )

    checked = check_form(given, OFFER, EN, with_address=True)

    assert checked.mistakes == ()
    assert checked.address == "Ada@example.org"
    wanted = checked.preferences
    assert wanted is not None
    assert wanted.cadence == Cadence(frozenset({0, 2}), time(17, 30), "Europe/Berlin")
    assert [topic.name for topic in wanted.topics] == ["Agents (tools)", "RAG", "robotics"]
    assert (wanted.name, wanted.language, wanted.layout, wanted.everything_else) == (
        "Ada",
        "de",
        "compact",
        5,
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": "nobody"}, "address"),
        ({"address": ""}, "address"),
        ({"address": "a@example.org\r\nBcc: b@example.org"}, "address"),
        ({"address": "a@example.org\nb@example.org"}, "address"),
        ({"address": "a@example.org, b@example.org"}, "address"),
        ({"address": "A <a@example.org>"}, "address"),
        ({"address": "a" * 250 + "@example.org"}, "address"),
        ({"name": "Ada\nBcc: b@example.org"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"own": ""}, "own"),
        ({"own": "titel:x"}, "own"),
        ({"when": "sometimes"}, "days"),
        ({"when": "chosen", "days": ()}, "days"),
        ({"hour": "25:00"}, "hour"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"language": "xx"}, "language"),
        ({"layout": "../cards"}, "layout"),
        ({"everything_else": "51"}, "everything_else"),
        ({"everything_else": "-1"}, "everything_else"),
    ],
    ids=str,
)
def test_each_mistake_names_its_field_alone(change: dict[str, Any], field: str) -> None:
    assert list(check(replace(FILLED, **change))) == [field]


def test_all_mistakes_are_told_at_once() -> None:
    wrong = check(
        Given(address="x", own="titel:x", when="chosen", hour="no", zone="no", everything_else="no")
    )

    assert list(wrong) == ["address", "own", "everything_else", "days", "hour", "zone"]


def test_no_topics_are_right_where_other_papers_are_wanted() -> None:
    assert check(replace(FILLED, own="", everything_else="5")) == {}


def test_who_did_not_choose_a_layout_follows_the_newsletter() -> None:
    checked = check_form(replace(FILLED, layout="cards"), OFFER, EN, with_address=True)

    assert checked.preferences is not None
    assert checked.preferences.layout == ""


@pytest.mark.parametrize(
    ("days", "when"),
    [(range(7), "daily"), (range(5), "weekdays"), ([5], "chosen"), ([0, 2], "chosen")],
)
def test_reader_in_the_form_comes_back_the_same(days: Any, when: str) -> None:
    reader = make_subscriber(
        cadence=make_cadence("Asia/Calcutta", "06:45", frozenset(days)),
        topics_json=to_json([FORMS[3], *FORMS[5:]]),
        everything_else=7,
    )

    given = show_reader(reader, offered=["robotics: robot*, manipulation"])
    checked = check_form(given, OFFER, EN, with_address=False)

    assert given.when == when
    assert given.picked == ("robotics: robot*, manipulation",)
    assert checked.preferences is not None
    again = lay_preferences_over(reader, checked.preferences, pictures=False)
    assert parse_topics(again.topics_json) == parse_topics(reader.topics_json)
    assert replace(again, topics_json="", file_owned=True) == replace(reader, topics_json="")


def test_zone_that_is_on_no_map_can_stay_chosen() -> None:
    zones = [zone.value for _, group in group_zones("Asia/Calcutta") for zone in group]

    assert {"UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Calcutta"} <= set(zones)


@pytest.mark.parametrize(
    ("before", "sent", "newsletters", "after"),
    [
        (None, [], False, None),  # a form on another site has no such box
        (None, [""], False, None),
        (None, ["off"], False, None),  # who says nothing else follows the newsletter
        (None, ["off", "on"], True, None),
        (None, ["off", "on"], False, True),
        (None, ["off"], True, False),
        (False, ["off"], False, False),  # what somebody chose once stays a choice
        (True, ["off", "on"], True, True),
        (True, ["off"], True, False),
        (True, [""], False, True),  # where no pictures are kept the page has no box
        (False, [], True, False),
    ],
)
def test_pictures_are_a_choice_of_who_made_it(
    before: bool | None, sent: list[str], newsletters: bool, after: bool | None
) -> None:
    reader = replace(make_subscriber("ada@example.org"), pictures=before)
    given = read_form({"own": ["RAG"], "pictures": sent})

    checked = check_form(given, OFFER, EN, with_address=False)

    assert checked.preferences is not None
    assert lay_preferences_over(reader, checked.preferences, pictures=newsletters).pictures is after
    assert show_reader(reader).pictures == {None: "", True: "on", False: "off"}[before]
