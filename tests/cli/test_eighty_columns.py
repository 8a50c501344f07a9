"""On a terminal of 80 columns every address, date, state and name stands whole on one line; lists are had as JSON."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from newsletter.cli import show
from newsletter.cli.table import Table
from tests.support.house import House
from tests.support.papers import make_day
from tests.support.sink import Sink

LONG = "christine.lindqvist-von-hohenstein@department-of-physics.university.example.org"
MIDDLE = "rcpt550-maximiliane.musterfrau@mail.example.com"
SHORT = "ada@example.org"
SOURCE = "Hugging Face Daily Papers of the whole laboratory"
TOPIC = "Robots that fold laundry and other household machines, with hands"
ROWS = f"""
defaults: {{days: daily, hour: "07:00"}}
subscribers:
  - address: {LONG}
    name: Christine
    zone: America/Argentina/Buenos_Aires
    topics: [{{name: "{TOPIC}", any: robot}}]
  - address: {MIDDLE}
    name: Max
    zone: America/North_Dakota/New_Salem
    topics: [robot, pruning, "large language model"]
  - {{address: {SHORT}, zone: UTC, topics: [robot]}}
"""
AT = "2026-06-16T18:30:00+00:00"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A newsletter with long names that has sent an edition, and one reader each who was reached, refused, paused."""
    return asyncio.run(_build(tmp_path_factory.mktemp("house")))


async def _build(folder: Path) -> House:
    (folder / "day.json").write_text(make_day())
    async with Sink() as sink:
        house = House.build(
            folder,
            sources=f"- {{kind: hf_daily_papers, name: {SOURCE}, location: day.json}}\n"
            "- {kind: feed, name: 'A feed that is not there', location: nothing/at/all/feed.xml}",
            subscribers=ROWS,
            port=sink.port,
            at=AT,
        )
        for words in (("collect",), ("send", "--edition", "2026-06-16"), ("subscribers", "pause", SHORT)):
            await asyncio.to_thread(house.run, *words)
    return house


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console as on a terminal of 80 columns."""
    monkeypatch.setattr(show.console, "_force_terminal", True)
    monkeypatch.setattr(show.console, "_color_system", None)
    monkeypatch.setattr(show.console, "_width", 80)


LISTS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("subscribers", "list"), (LONG, MIDDLE, SHORT, "confirmed", "paused", "2026-06-17 10:00")),
    (
        ("subscribers", "list", "--wide"),
        (
            LONG,
            MIDDLE,
            "America/Argentina/Buenos_Aires",
            "America/North_Dakota/New_Salem",
            TOPIC.split(",")[0],
        ),
    ),
    (("deliveries",), (LONG, MIDDLE, SHORT, "2026-06-16", "accepted", "rejected")),
    (("deliveries", "--wide"), (LONG, MIDDLE, "2026-06-16T10:00Z", "127.0.0.1:", "accepted", "rejected")),
    (("status", "--readers"), (LONG, MIDDLE, SHORT, "2026-06-16", "rejected", "confirmed", "ok", SOURCE)),
    (("sources",), (SOURCE, "A feed that is not there", "ok", "failed", "2026-06-16 19:00")),
    (("sources", "--wide"), (SOURCE, "A feed that is not there", "failed")),
    (("topics", "list"), (TOPIC, "pruning", "large language model")),
    (("topics", "list", "--wide"), (TOPIC, "pruning", "large language model")),
    (("explain", "2606.00002"), (LONG, MIDDLE, SHORT, SOURCE, "2026-06-16 18:30", "arxiv:2606.00002")),
    (("explain", LONG), (LONG, "2026-06-16", "accepted", "confirmed")),
    (("collect", "--now"), (SOURCE, "A feed that is not there", "unchanged", "failed", "2026-06-16 18:30")),
    (("preview", "--all", "pages"), (LONG, MIDDLE, "2026-06-17 10:00")),
    (("check",), (SHORT, MIDDLE, "nothing/at/all/feed.xml")),
]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(("words", "identifiers"), LISTS, ids=[" ".join(words)[:30] for words, _ in LISTS])
def test_what_one_copies_stands_whole_on_one_line(
    house: House, words: tuple[str, ...], identifiers: tuple[str, ...]
) -> None:
    if words == ("check",):
        (house.folder / "subscribers.yaml").write_text(
            ROWS.replace("[robot]", "[robots]").replace("Max", "Maxi")
        )
    done = house.run(*words)
    lines = re.sub("\x1b\\[[0-9;]*m", "", done.stdout).splitlines()

    for identifier in identifiers:
        assert any(identifier in line for line in lines), f"{identifier}\n{done.stdout}{done.stderr}"
    wide = [
        line for line in lines if cell_len(line) > 80 and LONG not in line and str(house.folder) not in line
    ]
    assert not wide, wide


@pytest.mark.usefixtures("narrow")
def test_a_dry_run_names_readers_and_times_whole(house: House) -> None:
    said = house.run("send", "--dry-run", at="2026-06-17T12:30:00+00:00").stdout.splitlines()

    for identifier in (LONG, MIDDLE, "2026-06-17 10:00", "2026-06-17 12:00"):
        assert any(identifier in line for line in said), said


@pytest.mark.parametrize(
    "words",
    [
        ("subscribers", "list"),
        ("subscribers", "suppressed"),
        ("deliveries",),
        ("sources",),
        ("topics", "list"),
    ],
    ids=" ".join,
)
def test_every_list_is_had_as_json(house: House, words: tuple[str, ...]) -> None:
    done = house.run(*words, "--json")

    values = json.loads(done.stdout)
    assert isinstance(values, list)
    assert all(isinstance(value, dict) for value in values)
    assert len(values) >= (0 if words[-1] == "suppressed" else 2)
    assert [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")] == values


def test_json_says_when_the_next_digest_is_and_null_for_whom_none_is(house: House) -> None:
    readers = {one["address"]: one for one in json.loads(house.run("subscribers", "list", "--json").stdout)}

    assert readers[LONG]["next_due_at"] == "2026-06-17T10:00:00+00:00"
    assert readers[LONG]["topics"] == [TOPIC]
    assert (readers[SHORT]["consent"], readers[SHORT]["next_due_at"]) == ("paused", None)


# --- the layout ------------------------------------------------------------------------------------------


def lay_out(table: Table, width: int | None, *, is_whole: bool = False) -> list[str]:
    return [line.plain for line in table.lay_out(width, is_whole=is_whole)]


def test_a_table_that_fits_is_aligned() -> None:
    table = Table("reader", "count#", "why…")
    table.add_row("ada", "7", "a")
    table.add_row("bob the builder", "12", "two words")

    assert lay_out(table, 80) == [
        "reader           count  why",
        "ada                  7  a",
        "bob the builder     12  two words",
    ]


def test_prose_is_cut_before_anything_else_gives_way_and_never_in_a_pipe() -> None:
    table = Table("reader", "state", "why…")
    table.add_row("ada@example.org", "rejected", "550 5.1.1 this mailbox does not exist here any more")

    assert lay_out(table, 50)[1] == "ada@example.org  rejected  550 5.1.1 this mailbox…"
    assert lay_out(table, None)[1].endswith("here any more")


def test_a_name_that_is_too_long_has_a_line_of_its_own() -> None:
    table = Table("reader", "state", "why…")
    table.add_row("somebody.with.a.long.name@department.example.org", "rejected", "gone")

    assert (
        lay_out(table, 40)[1:]
        == [
            "somebody.with.a.long.name@department.example.org",
            f"{'':26}  rejected  gone"[-(26 + 2 + 14) :],
        ]
        or lay_out(table, 40)[1] == "somebody.with.a.long.name@department.example.org"
    )


def test_columns_that_do_not_fit_follow_with_their_names() -> None:
    table = Table("reader", "state", "zone", "relay", "reply…")
    table.add_row("ada@example.org", "rejected", "America/North_Dakota/New_Salem", "", "gone for good")

    assert lay_out(table, 40, is_whole=True) == [
        "reader           state",
        "ada@example.org  rejected",
        "    zone: America/North_Dakota/New_Salem",
        "    reply: gone for good",
    ]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        (f"an address at the end of a line that is as long as this one is: {SHORT}", None),
        (f"  two columns further in, and so is what follows of a line that is long: {MIDDLE}", None),
        (f"{LONG}: what is longer than the terminal is broken by nobody but the terminal itself", None),
        (
            f"one line\n  and another one, which is by far too long to stand on a line: {SHORT}, {MIDDLE}",
            None,
        ),
    ],
)
def test_a_sentence_is_broken_between_words_and_goes_on_further_in(
    capsys: pytest.CaptureFixture[str], text: str, lines: list[str] | None
) -> None:
    show.console.print(text)

    said = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(said).split()) == " ".join(text.split()), "no word is broken, none is lost"
    assert all(cell_len(line) <= 80 or LONG in line for line in said)
    firsts = text.splitlines()
    assert all(line.startswith("  ") for line in said if not any(one.startswith(line) for one in firsts))
    if lines is not None:
        assert said == lines


def test_in_a_pipe_no_line_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    show.console.print("word " * 200)

    assert len(capsys.readouterr().out.splitlines()) == 1


def test_explain_does_not_say_of_a_mail_that_was_never_sent_that_it_was_kept(house: House) -> None:
    said = house.run("explain", MIDDLE).stdout

    assert "rejected" in said
    assert "the message itself was never sent" in said
    assert "not kept any longer" not in said
