"""How much work somebody gets: each kind of dear topic ends at its budget, and what was found until then stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from newsletter.errors import BudgetError
from newsletter.match.acronyms import shipped_acronyms
from newsletter.match.budget import Budget
from newsletter.match.corpus import Corpus, Selection
from newsletter.match.haystack import Haystack
from newsletter.match.query import parse_query
from newsletter.match.similarity import Interest, LexicalSimilarity
from newsletter.match.topics import parse_topics
from newsletter.match.words import fold_entry
from tests.support.builders import make_entry

NOW = datetime(2026, 6, 20, tzinfo=UTC)


class StepClock:
    """A clock that goes on by one second whenever it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


ENTRIES = [
    fold_entry(make_entry(number, title=f"The model of agents {number}, by the way of the robots"))
    for number in range(1, 60)
]
DEAR = (
    '"the model of"~50',
    '"the of way robots"~50',
    "/mod.l|rob/",
    "title:/[a-z]+ the/",
    "the",
    "agent AND robot",
    "nowhere OR agent",
    "NOT robot",
    "author:Example",
    "model*",
    "agents~",
    '="The model"',
    "category:cs.CL OR agent",
    "upvotes>=0 OR robot",
)  # fmt: skip


T = TypeVar("T")


def spend(cpu_s: float, work: Callable[[Budget], T]) -> T:
    """Do work within so many looks at the clock."""
    budget = Budget(cpu_s, StepClock())
    with budget.counted():
        return work(budget)


@pytest.mark.parametrize("text", DEAR)
def test_looking_ends_with_the_budget_and_goes_on_with_another(text: str) -> None:
    queries = [parse_query(one) for one in (text, "something else", "another thing", "more yet")]
    haystack = Haystack(ENTRIES, shipped_acronyms())

    with pytest.raises(BudgetError):
        spend(3.0, lambda budget: [haystack.find(query, budget) for query in queries])
    assert haystack.find(queries[0]) == Haystack(ENTRIES, shipped_acronyms()).find(queries[0])


@pytest.mark.parametrize("text", ['"model agents"', "agent", "/rob/", "NOT robot", "whale AND agent"])
def test_near_misses_and_trials_end_with_the_budget(text: str) -> None:
    (topic,) = parse_topics(json.dumps([{"name": "T", "query": text, "min_upvotes": 1}]), {})
    selection = Selection(Corpus([folded.entry for folded in ENTRIES], NOW), [one.entry for one in ENTRIES])

    with pytest.raises(BudgetError):
        spend(20.0, lambda budget: list(selection.find_near_misses(topic, budget)))
    with pytest.raises(BudgetError):
        spend(0.5, lambda budget: selection.find(topic, {}, budget))
    assert spend(999.0, lambda budget: selection.find(topic, {}, budget)) == selection.find(topic)


def test_measuring_ends_with_the_budget() -> None:
    keys = [folded.entry.key for folded in ENTRIES]
    similarity, wanted = LexicalSimilarity(ENTRIES), Interest(about="robots")

    with pytest.raises(BudgetError):
        spend(20.0, lambda budget: similarity.measure(wanted, keys, budget))


def test_waiting_costs_nothing_and_parts_add_up() -> None:
    clock = StepClock()
    budget = Budget(2.5, clock)
    for spent in (1.0, 2.0):
        with budget.counted():
            pass
        clock.now += 100
        assert budget.spent_s == spent
    budget.check()
    with budget.counted():
        pass
    with pytest.raises(BudgetError):
        budget.check()


def test_who_has_left_gets_nothing_more() -> None:
    budget = Budget(1000.0, StepClock())
    steps = budget.over(range(10))

    assert next(steps) == 0
    budget.cancel()
    with pytest.raises(BudgetError):
        next(steps)
    assert budget.is_cancelled
