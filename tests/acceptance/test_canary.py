"""A trial of the first mails: the rest waits for the operator's word, or for few enough failures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.house import House
from tests.support.papers import make_day
from tests.support.sink import Sink

EDITION = ("--edition", "2026-06-16")


async def open_house(folder: Path, sink: Sink, *addresses: str) -> House:
    (folder / "day.json").write_text(make_day())
    rows = "".join(f"  - {{address: {address}, topics: [robot]}}\n" for address in addresses)
    house = House.build(
        folder,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + rows,
        port=sink.port,
    )
    assert (await asyncio.to_thread(house.run, "collect")).returncode == 0
    return house


GOOD = tuple(f"reader{number}@example.org" for number in range(12))


async def test_the_rest_waits_for_the_operators_word(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = await open_house(tmp_path, sink, *GOOD)

        tried = await asyncio.to_thread(house.run, "send", *EDITION, "--canary", "3")
        assert tried.returncode == 1, tried.stderr
        assert "the first 3: 0 failed" in tried.stdout
        held = await asyncio.to_thread(house.run, "send", *EDITION)
        assert (held.returncode, len(sink.messages)) == (3, 3)
        assert "of a canary" in (await asyncio.to_thread(house.run, "status")).stdout

        said = [(await asyncio.to_thread(house.run, "release")).stdout for _ in range(2)]
        assert said == ["released: the next run sends what is queued\n", "sending is not on hold\n"]
        assert (await asyncio.to_thread(house.run, "send")).returncode == 0
    assert sorted(message.rcpt_to for message in sink.messages) == sorted(GOOD)


async def test_nobody_else_sends_the_rest_while_the_trial_is_under_way(tmp_path: Path) -> None:
    async with Sink(delay_s=2) as sink:
        house = await open_house(tmp_path, sink, *GOOD)
        trial = house.start("send", *EDITION, "--canary", "2")
        while not sink.connections:
            assert trial.poll() is None
            await asyncio.sleep(0.02)
        other = await asyncio.to_thread(house.run, "send", *EDITION)
        await asyncio.to_thread(trial.communicate)

    assert other.returncode == 3, other.stdout + other.stderr
    assert len(sink.messages) == 2


@pytest.mark.parametrize(("most", "sent"), [("40", 12), ("20", 2)])
async def test_the_rest_follows_by_itself_where_few_enough_fail(tmp_path: Path, most: str, sent: int) -> None:
    async with Sink() as sink:
        house = await open_house(tmp_path, sink, "rcpt550-bad@example.org", *GOOD)

        done = await asyncio.to_thread(house.run, "send", *EDITION, "--canary", "3", "--max-failures", most)

        assert "the first 3: 1 failed (33 %)" in done.stdout, done.stdout + done.stderr
        assert len(sink.messages) == sent
        status = await asyncio.to_thread(house.run, "status")
        assert ("33 % of the first 3 mails failed" in status.stdout) == (sent == 2)


async def test_a_trial_does_not_lift_a_hold(tmp_path: Path) -> None:
    async with Sink() as sink:
        house = await open_house(tmp_path, sink, *GOOD)
        await asyncio.to_thread(house.run, "hold", "moving house")

        tried = await asyncio.to_thread(house.run, "send", *EDITION, "--canary", "3", "--max-failures", "50")

        assert tried.returncode == 3
        assert "moving house" in tried.stdout
    assert sink.messages == []
