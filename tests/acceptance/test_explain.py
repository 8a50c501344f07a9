"""``newsletter explain`` and ``newsletter sources``, as an operator uses them."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.support.house import House
from tests.support.papers import make_day, make_record
from tests.support.sink import Sink

SUBSCRIBERS = """
subscribers:
  - {address: ada@example.org, days: daily, hour: "07:00", zone: UTC, topics: [robot]}
  - {address: bob@example.org, days: daily, hour: "07:00", zone: UTC, topics: [zymurgy]}
  - address: cleo@example.org
    days: daily
    hour: "07:00"
    zone: UTC
    topics: [{name: Loved, any: [robot], min_upvotes: 90}]
"""


def make_house(
    folder: Path, port: int = 1, sources: str = "- {kind: hf_daily_papers, location: day.json}"
) -> House:
    (folder / "day.json").write_text(make_day())
    return House.build(folder, sources=sources, subscribers=SUBSCRIBERS, port=port)


async def test_a_paper_is_explained_before_and_after_it_was_sent(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = make_house(tmp_path, sink.port)
        eve, noon = "2026-06-15T18:00:00+00:00", "2026-06-16T12:00:00+00:00"
        await asyncio.to_thread(house.run, "send", at=eve)  # the readers join
        await asyncio.to_thread(house.run, "collect", at="2026-06-16T06:00:00+00:00")
        before = await asyncio.to_thread(house.run, "explain", "2606.00002", at="2026-06-16T06:30:00+00:00")
        await asyncio.to_thread(house.run, "send", at="2026-06-16T07:00:00+00:00")
        after = await asyncio.to_thread(house.run, "explain", "https://arxiv.org/abs/2606.00002v3", at=noon)
        one = await asyncio.to_thread(
            house.run, "explain", "Robots that fold laundry, part 2", "--reader", "bob@example.org", at=noon
        )

    assert before.returncode == after.returncode == one.returncode == 0, before.stderr + after.stderr
    assert "Robots that fold laundry, part 2" in before.stdout
    assert "arxiv:2606.00002" in before.stdout
    assert "hf_daily_papers  2026-06-16  2026-06-16 06:00" in before.stdout
    said = " ".join(before.stdout.split())
    assert re.search(r"ada@example\.org .* in the next digest, due 2026-06-16 07:00 UTC, under robot", said)
    assert re.search(r"ada@example\.org .* digest of 2026-06-16, under robot: accepted", after.stdout)
    assert "fits no topic" in after.stdout
    assert "it has 2 votes, topic Loved requires 90" in after.stdout
    assert "none of the reader's topics matches it" in one.stdout
    assert "ada@example.org" not in one.stdout


@pytest.mark.parametrize(
    ("paper", "said"),
    [
        ("2606.99999", "'2606.99999' is not stored"),
        ("no such words", "'no such words' is not stored"),
        ("fold laundry", "4 titles contain 'fold laundry'; choose one:"),
    ],
)
def test_what_is_not_found_or_not_one_paper_is_said(tmp_path: Path, paper: str, said: str) -> None:
    house = make_house(tmp_path)
    house.run("collect")

    done = house.run("explain", paper)

    assert done.returncode == 1
    assert said in done.stdout


def test_sources_tell_how_they_have_been(tmp_path: Path) -> None:
    house = make_house(
        tmp_path,
        sources="- {kind: hf_daily_papers, name: papers, location: day.json}\n"
        "- {kind: feed, name: gone, location: gone.xml}",
    )
    not_yet = house.run("sources", at="2026-06-16T06:00:00+00:00")
    house.run("collect", at="2026-06-16T06:00:00+00:00")
    house.run("collect", at="2026-06-16T06:30:00+00:00")
    more = [make_record(90, "A late paper"), *json.loads(make_day())]
    (tmp_path / "day.json").write_text(json.dumps(more))
    waiting = house.run("collect", at="2026-06-16T07:00:00+00:00")
    at_once = house.run("collect", "--now", at="2026-06-16T07:10:00+00:00")

    told = house.run("sources", "--wide", at="2026-06-16T07:20:00+00:00")

    assert not_yet.stdout.count("not polled yet") == 2
    assert "gone: not polled before 2026-06-16 07:3" in waiting.stdout
    assert "failed 2 times in a row" in waiting.stdout
    assert at_once.returncode == 1
    assert told.returncode == 1
    lines = {line.split()[0]: line for line in told.stdout.splitlines() if line.strip()}
    assert "unchanged" in lines["papers"]
    assert "o=o=" in lines["papers"]
    assert "·············█" in lines["papers"]
    assert "failed" in lines["gone"]
    assert "FFF" in lines["gone"]
    assert "gone.xml: there is no such file" in told.stdout


def test_sources_that_are_well_end_well(tmp_path: Path) -> None:
    house = make_house(tmp_path)
    house.run("collect")

    assert house.run("sources").returncode == 0
