"""``preview --all`` and ``demo`` end with a page that shows all mails; pictures are taken only where asked for."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support.commands import clean_environment, run_command
from tests.support.house import House
from tests.support.papers import make_day

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ROWS = "subscribers: [{address: ada@example.org, topics: [robot]}, {address: bob@example.org, topics: [pruning]}]"


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "day.json").write_text(make_day())
    return House.build(tmp_path, sources="- {kind: hf_daily_papers, location: day.json}", subscribers=ROWS)


def preview(house: House, *arguments: str) -> tuple[int, str, list[str]]:
    """Preview with browsers that note that they were started; return exit code, what was said, and those notes."""
    programs = house.folder / "programs"
    programs.mkdir()
    for name in BROWSERS:
        (programs / name).write_text(f'#!/bin/sh\necho "{name}" >> "{house.folder}/started"\n')
        (programs / name).chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = run_command(
        "preview",
        "--fresh",
        *arguments,
        folder=house.folder,
        environment={**clean_environment(), "PATH": path},
    )
    started = house.folder / "started"
    return done.returncode, done.stdout + done.stderr, started.read_text().split() if started.exists() else []


def test_previews_of_all_start_no_browser(house: House) -> None:
    code, said, started = preview(house, "--all", "pages")

    assert (code, started) == (0, []), said
    index = (house.folder / "pages" / "index.html").read_text()
    assert "ada%40example.org.html" in index
    assert ".png" not in index


def test_pictures_are_taken_where_they_are_asked_for(house: House) -> None:
    code, said, started = preview(house, "--all", "pages", "--pictures")

    assert (code, len(started)) == (0, 4), said
    assert "ada%40example.org-dark.png" in (house.folder / "pages" / "index.html").read_text()


def test_pictures_need_an_index(house: House) -> None:
    code, said, started = preview(house, "--pictures")

    assert (code, started) == (2, [])
    assert "--pictures: goes with --all DIR" in said


def test_the_demo_ends_with_a_page_to_open_and_the_next_two_commands(tmp_path: Path) -> None:
    for _ in range(2):
        done = run_command("demo", "--out", "demo-out", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        index = tmp_path / "demo-out" / "index.html"
        assert f"Open {index} in a browser" in done.stdout
        assert [line.split()[1] for line in done.stdout.splitlines()[-2:]] == ["init", "preview"]
        links = re.findall(r'href="([^"]+\.html)"', index.read_text())
        assert len(links) == 4
        assert all((index.parent / link.replace("%40", "@")).exists() for link in links)
