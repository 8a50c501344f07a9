"""What a seed gives, what a verdict sees, and what the report adds up."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import replace
from signal import Signals
from typing import Any

import pytest

from tests.crash.ledger import Row
from tests.crash.report import build_failure, build_result, word_table
from tests.crash.rounds import CONNECTIONS, Engine, Round, Strike, build_round
from tests.crash.stage import ADDRESSES
from tests.crash.verdict import Facts, Hit, judge
from tests.support.sink import Moment

FIRST, *_ = sorted(ADDRESSES)
KILLED, STOPPED = (Strike(number, 10, Moment.DOT) for number in (signal.SIGKILL, signal.SIGTERM))


def make_facts(strike: Strike = KILLED, **changes: Any) -> Facts:
    """A round in which all went well."""
    hit = Hit(strike, True, 7, -9 if strike is KILLED else 0, 0, 0)
    rows = tuple(Row(address, "accepted", False, 0) for address in sorted(ADDRESSES))
    round_ = Round(1, Engine.SQLITE, 1, (strike,))
    return replace(Facts(round_, rows, Counter(ADDRESSES), (hit,), (0,), 1, ""), **changes)


def change_first(**changes: Any) -> tuple[Row, ...]:
    first, *others = make_facts().rows
    return (replace(first, **changes), *others)


def test_a_seed_gives_the_same_round_and_many_seeds_give_them_all() -> None:
    rounds = [build_round(seed) for seed in range(500)]
    assert rounds == [build_round(seed) for seed in range(500)]
    signals: dict[Signals, int] = Counter(round_.strikes[0].signal for round_ in rounds)
    assert {number for number, count in signals.items() if count >= 25} == {
        *(signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP)
    }
    moments = {round_.strikes[0].moment for round_ in rounds if round_.strikes[0].signal is signal.SIGKILL}
    assert moments == set(Moment)
    assert {(round_.engine, round_.senders) for round_ in rounds} == {
        (engine, senders) for engine in Engine for senders in (1, 2)
    }
    assert sum(len(round_.strikes) > 1 for round_ in rounds) >= 50


def test_a_round_in_which_all_went_well_has_no_problem() -> None:
    verdict = judge(make_facts())
    assert (verdict.counts, verdict.lost, verdict.silent, verdict.problems) == (True, 0, 0, ())


def test_a_second_copy_that_the_ledger_knows_of_is_counted_and_no_problem() -> None:
    copies = Counter(ADDRESSES) + Counter([FIRST])
    verdict = judge(make_facts(copies=copies, rows=change_first(was_uncertain=True, resends=1)))
    assert (verdict.silent, verdict.flagged, verdict.problems) == (0, 1, ())


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        (make_facts(copies=Counter(ADDRESSES - {FIRST})), "1 readers were lost"),
        (make_facts(copies=Counter(ADDRESSES) + Counter([FIRST])), "1 readers have copies that the ledger"),
        (
            make_facts(copies=Counter(ADDRESSES) + Counter([FIRST] * 2), rows=change_first(was_uncertain=True)),
            "1 readers have copies that the ledger",
        ),
        (make_facts(rows=change_first(state="queued")), "1 mails are left"),
        (make_facts(rows=make_facts().rows[1:]), "the ledger has 299 rows"),
        (make_facts(rows=change_first(state="uncertain", was_uncertain=True, resends=1)), "were cut off once"),
        (
            make_facts(hits=(Hit(KILLED, True, 7, -9, CONNECTIONS + 1, 0),)),
            f"left {CONNECTIONS + 1} mails uncertain",
        ),
        (make_facts(STOPPED, rows=change_first(was_uncertain=True)), "1 mails were uncertain, with 0 signals"),
        (make_facts(STOPPED, hits=(Hit(STOPPED, True, 7, 0, 0, 3),)), "SIGTERM left 0 mails uncertain and 3"),
        (make_facts(STOPPED, hits=(Hit(STOPPED, True, 7, 3, 0, 0),)), "ended the sender with 3, not 0"),
        (make_facts(codes=(0, 3)), "ended with [3]"),
        (make_facts(broken="reader 3 was shown a paper twice"), "shown a paper twice"),
    ],
)  # fmt: skip
def test_each_broken_promise_is_a_problem(facts: Facts, problem: str) -> None:
    problems = judge(facts).problems
    assert any(problem in one for one in problems), problems


def test_rounds_that_were_not_hit_do_not_count_and_failures_are_told() -> None:
    hit = Hit(KILLED, True, 7, -9, 5, 0)
    counted = make_facts(hits=(hit,))
    missed = make_facts(hits=(replace(hit, landed=False),))
    results = [build_result(facts, judge(facts), 2.0) for facts in (counted, missed)]
    failed = build_failure(counted.round, "TimeoutError: ", 1.0)

    table = word_table([*results, failed])

    assert "| sqlite | SIGKILL | 1 | 0 | 0 | 300 | 0 | 0 | 0 | 0 |" in table
    assert "3 rounds were played; 2 were not hit inside the send" in table
    assert "1 broke a promise" in table
    assert "| signals | 0 | 0 | 0 | 0 | 0 | 1 |" in table
