"""``newsletter topics``, as an operator uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.test_explain import make_house
from tests.support.house import House
from tests.support.papers import make_day, make_record

NOON = "2026-06-16T12:00:00+00:00"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = make_house(tmp_path)
    assert house.run("collect", at="2026-06-16T06:00:00+00:00").returncode == 0
    return house


def test_try_shows_matches_near_misses_and_what_an_edit_changes(house: House) -> None:
    done = house.run("topics", "try", "robot AND NOT part", "--diff", "robot", "--days", "7", at=NOON)
    assert done.returncode == 0, done.stderr
    assert "robot AND NOT part" in done.stdout
    assert "near misses" in done.stdout
    assert "none: part (title)" in done.stdout
    assert "more, 0 fewer" in done.stdout
    found = house.run("topics", "try", "robot", at=NOON).stdout
    assert "[Robots] that fold laundry" in found


def test_list_counts_readers_and_hits(house: House) -> None:
    done = house.run("topics", "list", at=NOON)
    assert done.returncode == 0, done.stderr
    assert "zymurgy" in done.stdout
    assert "matched nothing" in done.stdout


def test_explain_prints_the_long_form_and_the_other_forms(house: House) -> None:
    done = house.run("topics", "explain", "RAG OR robot*", at=NOON)
    assert done.returncode == 0, done.stderr
    assert "RAG OR robot*" in done.stdout
    assert "RAG as retrieval-augmented generation" in done.stdout


def test_wrong_query_is_refused_with_its_place(house: House) -> None:
    done = house.run("topics", "try", "robot AND (", at=NOON)
    assert done.returncode == 2
    assert "this parenthesis is not closed" in done.stderr


def test_check_warns_of_topics_that_find_nothing_or_nearly_everything(house: House) -> None:
    done = house.run("check", at=NOON)
    assert done.returncode == 0, done.stderr
    assert "zymurgy" not in done.stdout.partition("topic ")[2], "a day of papers says nothing of a topic"

    listed = [make_record(20 + day, "Robots at sea", on=f"2026-06-{day}") for day in (14, 15)]
    (house.folder / "day.json").write_text(json.dumps(listed))
    assert house.run("collect", at=NOON).returncode == 0
    assert "zymurgy: matched nothing (of 10 papers from 3 days)" in house.run("check", at=NOON).stdout


def test_explain_names_the_rule_that_kept_a_paper_out(tmp_path: Path) -> None:
    (tmp_path / "day.json").write_text(make_day())
    topic = "{name: Hands, any: robot, none: 'title:laundry'}"
    rows = f"subscribers: [{{address: ada@example.org, topics: [{topic}]}}]"
    house = House.build(
        tmp_path, sources="- {kind: hf_daily_papers, location: day.json}", subscribers=rows, port=1
    )
    assert house.run("collect", at="2026-06-16T06:00:00+00:00").returncode == 0
    done = house.run("explain", "2606.00002", at=NOON)
    assert done.returncode == 0, done.stderr
    assert "near miss: Hands (none: laundry (title))" in done.stdout
