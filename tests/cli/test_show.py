from __future__ import annotations

import pytest
from rich.console import Console

from newsletter.cli import show
from newsletter.cli.people import show_days
from newsletter.model import FetchRecord, FetchState, LedgerCount, State
from tests.builders import at


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """The real console, recording what it shows."""
    monkeypatch.setattr(show.console, "record", True)
    return show.console


def test_equation_counts_every_state_once() -> None:
    counts = {State.ACCEPTED: 5, State.EMPTY: 2, State.QUEUED: 1, State.IN_DATA: 1, State.UNCERTAIN: 1}

    assert show.build_equation(counts) == (
        "10 due = 5 accepted + 0 rejected + 0 suppressed + 0 expired + 1 uncertain + 2 empty + 0 skipped + 2 pending"
    )


def test_ledger_has_a_line_for_each_edition(console: Console) -> None:
    show.show_ledger(
        [
            LedgerCount("2026-06-17", State.QUEUED, 2),
            LedgerCount("2026-06-16", State.ACCEPTED, 1),
            LedgerCount("2026-06-16", State.EMPTY, 1),
        ]
    )

    first, second = console.export_text().splitlines()
    assert first.startswith("2026-06-17: 2 due = 0 accepted")
    assert second.startswith("2026-06-16: 2 due = 1 accepted")


@pytest.mark.parametrize("hostile", ["[/red] [bold", "[link=https://example.org]x[/link]", ":smile: [red]"])
def test_what_a_source_says_is_shown_as_it_is(console: Console, hostile: str) -> None:
    now = at("2026-06-16 07:00")
    show.show_fetches([FetchRecord("HF", FetchState.FAILED, now, now, message=hostile)])

    assert hostile.split()[0] in console.export_text()


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (frozenset(range(7)), "daily"),
        (frozenset(range(5)), "weekdays"),
        (frozenset({5, 6}), "weekends"),
        (frozenset({2, 0}), "Mon,Wed"),
    ],
)
def test_days_are_shown_in_a_word_or_by_name(days: frozenset[int], shown: str) -> None:
    assert show_days(days) == shown
