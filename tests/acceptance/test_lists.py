"""Lists of people: imported from CSV and YAML with a report of what was refused, exported, and imported again."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.house import House

CSV = """\
address,name,days,hour,zone,topics
ada@example.org,Ada,"mon,wed",07:30,Europe/Berlin,robot|pruning
no address,,,,,robot
bo@example.org,Bo,,,Europe/Belin,robot
cy@example.org,,,,,"[{""name"": ""Robots"", ""anny"": [""robot""]}]"
ada@example.org,twice,,,,robot
di@example.org,=1+1,,,,robot
ed@example.org,Ed,,,,robot,more
"""
YAML = """\
defaults: {hour: "07:30"}
subscribers:
  - {address: ada@example.org, name: Ada, days: "mon,wed", zone: Europe/Berlin, topics: [robot, pruning]}
  - {address: no address, topics: [robot]}
  - {address: bo@example.org, zone: Europe/Belin, topics: [robot]}
  - {address: cy@example.org, topics: [{name: Robots, anny: [robot]}]}
  - {address: ada@example.org, topics: [robot]}
  - {address: di@example.org, name: "=1+1", topics: [robot]}
  - {address: ed@example.org, topics: []}
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "day.json").write_text("[]")
    return House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="subscribers: []",
        port=1,
        more="everything_else: 0\n",
    )


def export(house: House) -> dict[str, dict[str, str]]:
    done = house.run("subscribers", "export")
    assert done.returncode == 0, done.stderr
    return {row["address"]: row for row in csv.DictReader(io.StringIO(done.stdout))}


@pytest.mark.parametrize(("name", "text"), [("list.csv", CSV), ("list.yaml", YAML)])
def test_good_rows_are_taken_and_each_other_one_is_named_with_its_line(
    house: House, name: str, text: str
) -> None:
    (house.folder / name).write_text(text)

    trial = house.run("subscribers", "import", name, "--consent", "the paper list of 2026", "--dry-run")
    assert "2 would be added, 0 already known, 5 refused" in trial.stdout, trial.stdout + trial.stderr
    assert not export(house)
    done = house.run("subscribers", "import", name, "--consent", "the paper list of 2026")

    assert done.returncode == 1
    assert "2 added, 0 already known, 5 refused" in done.stdout
    refused = [line for line in done.stdout.splitlines() if line.startswith(name)]
    lines = (3, 4, 5, 6, 8) if name.endswith("csv") else (4, 5, 6, 7, 9)
    assert sorted(int(line.split(":")[1]) for line in refused) == list(lines)
    assert "did you mean 'Europe/Berlin'?" in done.stdout
    readers = export(house)
    assert set(readers) == {"ada@example.org", "di@example.org"}
    ada = readers["ada@example.org"]
    assert (ada["days"], ada["hour"], ada["zone"]) == ("mon,wed", "07:30", "Europe/Berlin")
    assert "robot" in ada["topics"]
    assert "pruning" in ada["topics"]
    with closing(sqlite3.connect(house.folder / "newsletter.db")) as connection:
        why = {row[0] for row in connection.execute("SELECT why FROM consents")}
    assert why == {f"imported from {name}: the paper list of 2026"}


def test_an_exported_list_can_be_imported_elsewhere_without_those_who_left(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (house.folder / "list.csv").write_text(CSV)
    house.run("subscribers", "import", "list.csv", "--consent", "by paper")
    house.run("subscribers", "remove", "ada@example.org")
    text = house.run("subscribers", "export").stdout
    assert "'=1+1" in text, "no formula for a spreadsheet"
    other = House.build(
        tmp_path_factory.mktemp("other"),
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="subscribers: []",
        port=1,
    )
    (other.folder / "list.csv").write_text(text)

    done = other.run("subscribers", "import", "list.csv", "--consent", "from the old newsletter")

    assert "1 added, 0 already known, 0 refused, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "'consent' is 'left'" in done.stdout
    assert export(other) == {"di@example.org": export(house)["di@example.org"]}


def test_who_is_suppressed_or_known_is_not_added(house: House) -> None:
    (house.folder / "list.csv").write_text("address,topics\nada@example.org,robot\nbo@example.org,robot\n")
    assert house.run("subscribers", "import", "list.csv", "--consent", "x").returncode == 0
    house.run("subscribers", "remove", "ada@example.org")

    again = house.run("subscribers", "import", "list.csv", "--consent", "x")

    assert "0 added, 2 already known, 0 refused" in again.stdout
    assert export(house)["ada@example.org"]["consent"] == "left"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "list.csv",
            "adress,topics\nada@example.org,robot\n",
            "unknown column 'adress'; did you mean 'address'?",
        ),
        ("list.yaml", "subscriber: []\n", "subscriber"),
        ("list.yaml", "subscribers: [\n", "list.yaml:"),
        ("missing.csv", "", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_changes_nothing(
    house: House, name: str, text: str, said: str
) -> None:
    if text:
        (house.folder / name).write_text(text)

    done = house.run("subscribers", "import", name, "--consent", "x")

    assert done.returncode == 2
    assert said in done.stderr
