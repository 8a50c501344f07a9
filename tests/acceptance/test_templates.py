"""An operator's own layout, and looking at mails before anybody gets one."""

from __future__ import annotations

import re
import shutil
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.acceptance.test_commands import make_house
from tests.support.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return make_house(tmp_path)


def test_new_layout_is_copied_checked_changed_and_used(house: House, tmp_path: Path) -> None:
    done = house.run("template", "new", "mine", "--from", "compact")
    assert done.returncode == 0, done.stderr
    assert (
        "set in config.yaml\n  templates: templates\n  layout: mine   (below 'newsletter:')\nthen\n"
        in done.stdout
    )
    assert house.run("template", "new", "mine").returncode == 2  # never overwrites
    subject = tmp_path / "templates" / "mine" / "subject.txt.j2"
    subject.write_text("Mine: {{ headline }}\n")
    config = tmp_path / "config.yaml"
    config.write_text(
        config.read_text().replace("newsletter:\n", "newsletter:\n  layout: mine\n", 1)
        + "templates: templates\n"
    )

    checked = house.run("template", "check")
    assert checked.returncode == 0, checked.stderr
    assert re.search(r"mine +compiled and rendered in ar, de, en \(your ", checked.stdout)
    shown = house.run("preview", "--fresh", "--format", "eml", "ada@example.org")
    assert message_from_bytes(shown.stdout.encode())["Subject"].startswith(("Mine: ", "=?utf-8?q?Mine"))


def test_broken_layout_is_told_with_its_place_and_nothing_is_sent(house: House, tmp_path: Path) -> None:
    assert house.run("template", "new", "mine").returncode == 0
    card = tmp_path / "templates" / "mine" / "paper.html.j2"
    before, _, after = card.read_text().partition("{{ paper.title }}")
    card.write_text(f"{before}{{{{ paper.titel }}}}{after}")
    line = before.count("\n") + 1
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + "templates: templates\n")

    for command in (("template", "check"), ("send",), ("check",)):
        done = house.run(*command)
        assert done.returncode == 2
        assert re.search(rf"paper\.html\.j2:{line}:\d+: there is no value 'titel' here", done.stderr)


def test_unknown_layout_is_refused_with_those_that_are_there(house: House, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("newsletter:\n", "newsletter:\n  layout: compat\n", 1))
    done = house.run("check")
    assert done.returncode == 2
    assert "there is no layout 'compat'; did you mean 'compact'?" in done.stderr


def test_preview_of_everybody_has_an_index_with_checks(house: House, tmp_path: Path) -> None:
    done = house.run("preview", "--fresh", "--all", "previews", "--check")
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "previews" / "index.html").read_text()
    for name in ("ada@example.org", "bob@example.org"):
        assert f"HTML of {name}" in index
        size = (tmp_path / "previews" / f"{name}.eml").stat().st_size
        assert f"{size:,} bytes" in index


@pytest.mark.skipif(
    shutil.which("chromium") is None, reason="needs the program chromium (apt install chromium)"
)
def test_pictures_of_a_preview_are_taken_in_light_and_dark(house: House, tmp_path: Path) -> None:
    readers = tmp_path / "subscribers.yaml"
    readers.write_text("".join(row for row in readers.read_text().splitlines(True) if "bob" not in row))

    done = house.run("preview", "--fresh", "--all", "previews", "--pictures")

    assert done.returncode == 0, done.stderr
    pictures = {file.name for file in (tmp_path / "previews").glob("*.png")}
    assert pictures == {f"ada@example.org-{scheme}.png" for scheme in ("light", "dark")}


@pytest.mark.parametrize("kind", ["confirm", "changed", "goodbye", "alert"])
def test_the_other_mails_can_be_seen_and_pass_the_score_card(house: House, kind: str) -> None:
    done = house.run("preview", "--fresh", "--mail", kind, "--check", "--format", "text", "ada@example.org")
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^no ", done.stderr, re.MULTILINE)
    assert "=====" in done.stdout


def test_score_card_of_a_preview_names_every_check(house: House) -> None:
    done = house.run("preview", "--fresh", "--check", "--out", "x.html", "ada@example.org")
    assert done.returncode == 0
    assert re.search(r"(\d+) of \1 passed", done.stderr)
    unknown = house.run("preview", "--mail", "greeting")
    assert unknown.returncode == 2
    assert "'greeting' is none of digest, confirm" in unknown.stderr


def test_readers_own_language_and_layout_are_used(house: House, tmp_path: Path) -> None:
    readers = tmp_path / "subscribers.yaml"
    readers.write_text(
        readers.read_text().replace("topics: [robot]", "language: de, layout: compact, topics: [robot]")
    )
    done = house.run("preview", "--fresh", "--format", "html", "ada@example.org")
    assert 'lang="de"' in done.stdout
    assert "Treffer für „robot“ im Titel" in done.stdout
    assert 'class="card"' not in done.stdout
    weekly = house.run("preview", "--fresh", "--format", "text", "bob@example.org")
    assert "The week of" in weekly.stdout
