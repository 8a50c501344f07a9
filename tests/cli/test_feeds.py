"""Lists of feeds in and out, as an operator moves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.house import House

FEEDS = """\
<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.1"><head><title>My feeds</title></head><body>
<outline text="Science">
<outline text="A lab's blog" type="rss" xmlUrl="https://lab.example.net/feed?a=1&b=2"/>
<outline text="on" xmlUrl="feed://on.example.net/rss"/>
</outline>
<outline text="Papers" xmlUrl="http://papers.example.net/feed/"/>
<outline text="site" type="link" url="https://site.example.net"/>
</body></opml>
"""
LOGIN = '<outline text="Private" xmlUrl="https://ada:hunter2@private.example.net/feed"/>'


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers}\n- {kind: feed, name: Papers, location: 'https://www.papers.example.net/feed'}",
        subscribers="subscribers: []\n",
    )
    (tmp_path / "feeds.opml").write_text(FEEDS)
    return house


def test_feeds_are_imported_once_and_polled_with_the_others(house: House) -> None:
    first = house.run("sources", "import", "feeds.opml")
    second = house.run("sources", "import", "feeds.opml")

    assert (first.returncode, second.returncode) == (0, 0)
    assert "feeds.opml:7: http://papers.example.net/feed/: is there already as 'Papers'" in first.stdout
    assert "skipped 1 link that is no feed" in first.stdout
    assert f"2 added, 1 already there, 0 refused: {house.folder / 'sources.yaml'}" in first.stdout
    assert "newsletter check --sources" in first.stdout
    assert "0 added, 3 already there, 0 refused" in second.stdout
    assert "newsletter check --sources" not in second.stdout
    checked = house.run("check")
    assert f"further sources in {house.folder / 'sources.yaml'}: good" in " ".join(checked.stdout.split())
    shown = house.run("sources").stdout
    assert [name in shown for name in ("A lab's blog", "on ", "Papers", "hf_daily_papers")] == [True] * 4


def test_what_is_exported_is_imported_elsewhere(house: House, tmp_path: Path) -> None:
    house.run("sources", "import", "feeds.opml")
    out = house.run("sources", "export", "out.opml")
    assert out.returncode == 0
    assert "3 feeds written: out.opml" in out.stdout
    assert out.stderr == "left out, as no feeds on the web: hf_daily_papers\n"
    assert house.run("sources", "export").stdout.count("<outline") == 3

    (tmp_path / "other").mkdir()
    other = House.build(
        tmp_path / "other", sources="- {kind: hf_daily_papers}", subscribers="subscribers: []\n"
    )
    assert "3 added" in other.run("sources", "import", "../out.opml").stdout
    again = other.run("sources", "export").stdout
    assert (house.folder / "out.opml").read_text() == again


def test_login_is_refused_and_not_shown_and_the_others_are_added(house: House) -> None:
    file = house.folder / "feeds.opml"
    file.write_text(FEEDS.replace("</body>", f"{LOGIN}</body>"))
    done = house.run("sources", "import", "feeds.opml")

    assert done.returncode == 1
    assert "feeds.opml:9: https://private.example.net/feed: remove the login" in done.stdout
    assert "2 added, 1 already there, 1 refused" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr + (house.folder / "sources.yaml").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<rss/>", "feeds.opml:1: is not OPML, but a feed itself"),
        ("<opml><body>", "feeds.opml:1: is not well-formed: it ends in the middle"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><opml/>', "feeds.opml:1: declares entities of its own"),
    ],
)
def test_bad_file_changes_nothing(house: House, content: str, message: str) -> None:
    (house.folder / "feeds.opml").write_text(content)
    done = house.run("sources", "import", "feeds.opml")

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (house.folder / "sources.yaml").exists()


def test_files_that_are_missing_or_in_the_way_are_told(house: House) -> None:
    missing = house.run("sources", "import", "nowhere.opml")
    assert (missing.returncode, missing.stderr) == (
        2,
        "nowhere.opml: cannot be read: No such file or directory\n",
    )

    taken = house.run("sources", "export", "feeds.opml")
    assert (taken.returncode, taken.stderr) == (
        2,
        "feeds.opml: exists already; nothing was written\n",
    )
    assert (house.folder / "feeds.opml").read_text() == FEEDS


def test_option_before_the_command_is_not_lost_in_silence(house: House) -> None:
    done = house.run("sources", "-c", "other.yaml", "import", "feeds.opml")

    assert done.returncode == 2
    assert "write it behind 'import'" in done.stderr
