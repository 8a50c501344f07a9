from __future__ import annotations

import json
import re

import pytest
from rich.console import Console
from rich.text import Text

from newsletter.cli import show
from newsletter.cli.incoming import word_votes
from newsletter.cli.table import Table
from newsletter.model.ledger import LedgerCounts, State
from newsletter.model.sources import FetchRecord, FetchState
from newsletter.text import clean_output
from tests.support.builders import at


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """The real console, recording what it shows."""
    monkeypatch.setattr(show.console, "record", True)
    return show.console


def test_ledger_has_a_line_for_each_edition(console: Console) -> None:
    show.show_ledger(
        {
            "2026-06-17": LedgerCounts({State.QUEUED: 2}),
            "2026-06-16": LedgerCounts({State.ACCEPTED: 1, State.EMPTY: 1}),
        }
    )

    first, second = console.export_text().splitlines()
    assert first.startswith("2026-06-17: 2 due = 0 accepted")
    assert second.startswith("2026-06-16: 2 due = 1 accepted")


@pytest.mark.parametrize("hostile", ["[/red] [bold", "[link=https://example.org]x[/link]", ":smile: [red]"])
def test_what_a_source_says_is_shown_as_it_is(console: Console, hostile: str) -> None:
    now = at("2026-06-16 07:00")
    show.show_fetches([FetchRecord("HF", FetchState.FAILED, now, now, message=hostile)])

    assert hostile.split()[0] in console.export_text()


POISON = "550 \x1b[31mred\x1b]0;title\x07 \x9b31m \r\0 \u202eturned\u202c half \ud83d [bold]"


def test_nothing_that_others_wrote_speaks_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = show.CleanConsole(
        force_terminal=True, color_system="standard", highlight=False, markup=False, width=200
    )
    table = Table("reader", "reply…")
    table.add_row("ada", Text(POISON, style="red"))
    with terminal.capture() as captured:
        terminal.print(POISON, style="green")
        for line in table.lay_out(None):
            terminal.print(line)
        terminal.print(f"two lines:\n{POISON}")

    shown = re.sub("\x1b\\[[0-9;]*m", "", captured.get())
    assert captured.get() != shown, "its own colours stay"
    assert shown.count("550 [31mred]0;title 31m  turned half  [bold]") == 3
    assert clean_output(shown) == shown

    show.complain(POISON)
    assert capsys.readouterr().err == clean_output(POISON) + "\n"


def test_json_escapes_what_a_terminal_should_not_obey_and_keeps_it_exact(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value = {"reply": POISON, "größe": "论文 😀\u00a0\U000e0001\x7f"}
    for indent in (None, 2):
        show.print_json(value, indent)
        printed = capsys.readouterr().out
        assert clean_output(printed) == printed
        assert json.loads(printed) == value
        assert "größe" in printed


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ([("06:00", 7)], "votes: 7 on 2026-06-16"),
        ([("06:00", 7), ("18:00", 7)], "votes: 7 on 2026-06-16"),
        ([("06:00", 7), ("18:00", 9)], "votes: 7 on 2026-06-16, 9 on 2026-06-16 "),
    ],
)
def test_votes_of_one_day_are_said_twice_only_where_they_changed(
    counted: list[tuple[str, int]], said: str
) -> None:
    line = word_votes([(at(f"2026-06-16 {hour}"), votes) for hour, votes in counted])
    assert line.startswith(said)
    assert line.endswith("16") == (not said.endswith(" "))
