"""What a seed of a fleet gives, what its verdict sees, and a round of each fault on machines of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.crash.fleet import (
    READERS,
    Away,
    Fault,
    FleetFacts,
    build_fleet_failure,
    build_fleet_result,
    build_fleet_round,
    word_fleet_table,
)
from tests.crash.ledger import Row
from tests.crash.machines import find_missing
from tests.crash.play_fleet import ADDRESSES
from tests.support.commands import clean_environment
from tests.support.house import REPOSITORY
from tests.support.postgres import NO_POSTGRES, find_postgres_programs
from tests.support.sink import Moment

FIRST, SECOND, *_ = ADDRESSES
ROUND = build_fleet_round(1, 3)


def make_facts(**changes: Any) -> FleetFacts:
    """A round in which all went well, with two connections open."""
    rows = tuple(Row(address, "accepted", False, 0) for address in ADDRESSES)
    facts = FleetFacts(rows, Counter(ADDRESSES), 2, (0, 0), open_at_most=12, settled_s=61.2, broken="")
    return replace(facts, **changes)


def change_rows(number: int = 1, **changes: Any) -> tuple[Row, ...]:
    rows = make_facts().rows
    return (*(replace(row, **changes) for row in rows[:number]), *rows[number:])


def test_a_seed_gives_the_same_round_and_a_hundred_seeds_give_each_fault_to_each_machine() -> None:
    rounds = [build_fleet_round(seed, 3) for seed in range(100)]
    assert rounds == [build_fleet_round(seed, 3) for seed in range(100)]
    hits = Counter((round_.fault, round_.machine) for round_ in rounds)
    assert set(hits) == {(fault, machine) for fault in Fault for machine in range(3)}
    assert min(hits.values()) >= 11
    assert {(round_.fault, round_.away) for round_ in rounds} == {
        (fault, away) for fault in Fault for away in Away
    }
    assert {round_.moment for round_ in rounds} == set(Moment)


def test_a_round_in_which_all_went_well_has_no_problem() -> None:
    twice = Counter(ADDRESSES) + Counter([FIRST])
    known = make_facts(copies=twice, rows=change_rows(was_uncertain=True))
    results = [build_fleet_result(ROUND, facts, 80) for facts in (make_facts(), known)]
    assert [(result.problems, result.uncertain, result.flagged) for result in results] == [
        ((), 0, 0),
        ((), 1, 1),
    ]
    assert all(result.counts for result in results)


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        (make_facts(copies=Counter(ADDRESSES[1:])), "1 readers were lost"),
        (make_facts(copies=Counter(ADDRESSES) + Counter([FIRST])), "1 readers have copies that the ledger"),
        (
            make_facts(copies=Counter(ADDRESSES) + Counter([FIRST] * 2), rows=change_rows(was_uncertain=True)),
            "1 readers have copies that the ledger",
        ),
        (make_facts(rows=change_rows(state="uncertain", was_uncertain=True)), "not all mails were accepted"),
        (make_facts(rows=make_facts().rows[1:]), f"the ledger has {READERS - 1} rows"),
        (make_facts(rows=change_rows(3, was_uncertain=True)), "3 mails were uncertain, with 2 connections open"),
        (make_facts(codes=(0, -6)), "ended with [-6]"),
        (make_facts(broken="reader 3 was shown a paper twice"), "shown a paper twice"),
    ],
)  # fmt: skip
def test_each_broken_promise_is_a_problem(facts: FleetFacts, problem: str) -> None:
    problems = build_fleet_result(ROUND, facts, 80).problems
    assert any(problem in one for one in problems), problems


def test_rounds_that_were_not_hit_do_not_count_and_failures_are_told() -> None:
    uncertain = make_facts(rows=change_rows(2, was_uncertain=True))
    results = [
        *(
            build_fleet_result(ROUND, facts, 80)
            for facts in (make_facts(), uncertain, make_facts(connections=0))
        ),
        build_fleet_failure(ROUND, "TimeoutError: ", 1),
    ]
    table = word_fleet_table(results)
    assert f"| {ROUND.fault} | 2 | 1,200 | 0 | 0 | 0 | 2 (2) | 61 s, 61 s |" in table
    assert "4 rounds were played; 2 were not hit while it sent" in table
    assert "1 broke a promise" in table


@pytest.mark.slow
def test_whatever_hits_one_of_three_machines_nobody_is_lost_and_nobody_has_two_unseen_copies(
    tmp_path: Path,
) -> None:
    if missing := find_missing():
        pytest.skip(missing)
    if find_postgres_programs() is None:
        pytest.skip(NO_POSTGRES)
    file = tmp_path / "results"
    played = subprocess.run(
        [sys.executable, *f"-m tests.crash --machines 3 --rounds 3 --jobs 3 --json {file}".split()],
        cwd=REPOSITORY,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout + played.stderr
    results = [json.loads(line) for line in file.read_text().splitlines()]
    assert {result["fault"] for result in results} == set(Fault)
    assert all(result["connections"] for result in results), "it was not hit while it sent"
