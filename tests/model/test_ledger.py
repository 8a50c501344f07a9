"""The counts of an edition: one value, which adds up."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from newsletter.model.ledger import PENDING, LedgerCounts, State, build_counts


@given(st.dictionaries(st.sampled_from(State), st.integers(1, 10**6)))
def test_what_is_due_is_what_is_final_and_what_is_pending(states: dict[State, int]) -> None:
    counts = LedgerCounts(states)
    assert counts.due == sum(counts.final.values()) + counts.pending == sum(counts[state] for state in State)
    assert list(counts.final) == [state for state in State if state not in PENDING]


def test_the_equation_has_every_final_state_once() -> None:
    counts = LedgerCounts(
        {State.ACCEPTED: 5, State.EMPTY: 2, State.QUEUED: 1, State.IN_DATA: 1, State.UNCERTAIN: 1}
    )
    assert counts.equation == (
        "10 due = 5 accepted + 0 rejected + 0 suppressed + 0 expired + 1 uncertain + 2 empty + 0 skipped + 2 pending"
    )


def test_counts_are_made_of_rows_in_any_order_of_states() -> None:
    rows = [(name, str(state), 2**place) for name, (place, state) in product("ba", enumerate(State))]
    counts = build_counts(reversed(rows))
    assert list(counts) == ["a", "b"]
    assert list(counts["a"].states) == list(State)
    assert counts["a"].due == 2 ** len(State) - 1
