"""One rule for each field of a reader, and the same words at every door."""

from __future__ import annotations

import csv
import io
from datetime import time

import pytest

from newsletter.errors import ConfigError
from newsletter.model.readers import Cadence
from newsletter.render.language import load_language
from newsletter.settings.readers import check_reader, parse_name
from newsletter.settings.readers_csv import Refused, Terms, read_list
from newsletter.settings.subscribers_file import parse_subscribers
from newsletter.web.forms import Given, Offer, check_form

LAYOUTS = ("cards", "compact")


def say_typed(field: str, text: str) -> str:
    """What a command says of one field."""
    given = {"address": "ada@example.org", field: text}
    with pytest.raises(ConfigError) as caught:
        check_reader(given, '["x"]', layouts=LAYOUTS, everything_else=0, call=lambda name: f"--{name}")
    (problem,) = caught.value.problems
    assert problem.path == f"--{field}"
    return problem.message


def say_listed(field: str, text: str) -> str:
    """What a list says of one field."""
    row = {"address": "ada@example.org", "topics": "x", field: text}
    written = io.StringIO()
    csv.writer(written).writerows([row.keys(), row.values()])
    (read,) = read_list(written.getvalue().encode(), "l.csv", Terms(LAYOUTS, {}, 0)).rows
    assert isinstance(read, Refused)
    (problem,) = read.problems
    assert (problem.file, problem.line, problem.path) == ("l.csv", 2, field)
    return problem.message


def say_filed(field: str, text: str) -> str:
    """What subscribers.yaml says of one field."""
    row = {"address": "ada@example.org", "topics": "[x]", field: f'"{text}"'}
    lines = [f"  {name}: {value}" for name, value in row.items()]
    with pytest.raises(ConfigError) as caught:
        parse_subscribers(
            "subscribers:\n- " + "\n".join(lines).lstrip(), "f", everything_else=0, layouts=LAYOUTS
        )
    (problem,) = caught.value.problems
    assert problem.line == 2 + list(row).index(field)
    return problem.message


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("language", "fr"),
        ("language", "EN"),
        ("language", "german"),
        ("language", "de_DE"),
        ("layout", "fancy"),
        ("layout", "Cards"),
        ("layout", "compakt"),
        ("zone", "Berlin"),
        ("zone", "Mars/Olympus"),
        ("days", "monday"),
        ("days", "funday"),
        ("hour", "25:00"),
        ("hour", "7"),
        ("hour", "noon"),
        ("everything_else", "51"),
        ("everything_else", "many"),
        ("address", "ada"),
        ("address", "ada@"),
        ("address", "ada@example"),
        ("address", "a@b@example.org"),
    ],
)
def test_what_is_wrong_with_a_field_is_told_in_the_same_words_at_every_door(field: str, text: str) -> None:
    assert say_typed(field, text) == say_listed(field, text) == say_filed(field, text)


@pytest.mark.parametrize("bad", ["\n", "\r\n", "\0", "\x1b[31m", "\x85", "\x9b", "\t", "\u2028"])
def test_a_name_that_is_not_one_clean_line_is_refused_at_every_door(bad: str) -> None:
    assert "must be one line without control characters" in say_typed("name", f"Ada{bad}Example")
    assert "must be one line without control characters" in say_listed("name", f"Ada{bad}Example")


def test_a_name_may_be_left_out_and_be_in_any_script() -> None:
    assert parse_name("  ") == ""
    for name in ("Ada Ünlü", "נועה", "می\u200cخواهم", "👩\u200d🔬 Ada"):
        assert parse_name(name) == name


@pytest.mark.parametrize(
    ("field", "text"), [("language", "fr"), ("layout", "fancy"), ("name", "a\nb"), ("pictures", "yes")]
)
def test_the_form_refuses_what_the_other_doors_refuse(field: str, text: str) -> None:
    offer = Offer((), LAYOUTS, "cards", False, "", {})
    given = {"address": "ada@example.org", "own": "robots", field: text}

    checked = check_form(Given(**given), offer, load_language("en"), with_address=True)  # type: ignore[arg-type]

    assert [mistake.field for mistake in checked.mistakes] == [field]


def test_texts_make_a_reader_and_what_is_not_said_has_its_default() -> None:
    given = {"address": " Ada@Example.org ", "days": "mon,wed", "hour": "7:30", "zone": "Asia/Kolkata"}
    reader = check_reader(given, '["x"]', layouts=LAYOUTS, everything_else=3)

    assert reader.address == "Ada@example.org"
    assert reader.cadence == Cadence(frozenset({0, 2}), time(7, 30), "Asia/Kolkata")
    assert (reader.name, reader.language, reader.layout, reader.everything_else) == ("", "", "", 3)


def test_all_the_mistakes_of_a_reader_are_named() -> None:
    given = {"address": "x", "days": "monday", "hour": "7", "zone": "Berlin", "layout": "y"}
    with pytest.raises(ConfigError) as caught:
        check_reader(given, "[]", layouts=LAYOUTS, everything_else=0)

    assert [problem.path for problem in caught.value.problems] == [
        "address",
        "days",
        "hour",
        "zone",
        "layout",
        "topics",
    ]
