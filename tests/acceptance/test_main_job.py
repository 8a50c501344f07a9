"""The main job over real archived days: a local server replays them, real SMTP takes the mails."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from newsletter.model.digest import Window
from newsletter.model.ledger import State
from newsletter.model.sources import FetchState
from newsletter.settings.config import load_config
from newsletter.wiring import open_newsletter
from tests.support.clock import SetClock
from tests.support.due import send_due
from tests.support.house import House
from tests.support.papers import replay
from tests.support.sink import Received, Sink

DAMAGED = ("2024-12-20", "2025-01-10")
LAST_DAY = "2026-08-20"

SUBSCRIBERS = """
defaults: {days: daily, hour: "07:00", zone: UTC}
subscribers:
  - address: thinkers@example.org
    topics: [{name: Reasoning, any: [reasoning], limit: 500}]
  - address: pictures@example.org
    zone: Asia/Kolkata
    topics:
      - {name: Diffusion, any: [diffusion], limit: 500}
      - {name: Benchmarks, any: ["title:benchmark"], limit: 500}
  - address: nothing@example.org
    topics: [zymurgy]
"""

# Written apart from the product's matcher: what these topics ask for, as a person would search for it.
ASKED = {
    "thinkers@example.org": r"\breasonings?\b",
    "pictures@example.org": r"\bdiffusions?\b",
}
BENCHMARK = r"\bbenchmarks?\b"


def load_days(corpus: Path) -> dict[str, list[dict[str, Any]]]:
    files = sorted((corpus / "hf-daily-papers-json").glob("api-20*.json"))
    days = {file.stem.removeprefix("api-"): json.loads(file.read_text("utf-8")) for file in files}
    return {day: records for day, records in days.items() if day not in DAMAGED}


def asked_for(address: str, records: list[dict[str, Any]]) -> set[str]:
    wanted = set()
    for record in records:
        title = re.sub(r"\s+", " ", record["paper"]["title"])
        text = title + "\n" + re.sub(r"\s+", " ", record["paper"].get("summary", ""))
        hit = re.search(ASKED[address], text, re.IGNORECASE) if address in ASKED else None
        if hit or (address == "pictures@example.org" and re.search(BENCHMARK, title, re.IGNORECASE)):
            wanted.add(record["paper"]["id"])
    return wanted


def papers_in(message: Received) -> set[str]:
    parsed = email.message_from_bytes(message.content, policy=email.policy.default)
    body = parsed.get_body(("plain",))
    assert body is not None
    return set(re.findall(r"huggingface\.co/papers/(\d{4}\.\d{5})", body.get_content()))


@pytest.mark.corpus
async def test_every_archived_day_is_stored_and_mailed_to_those_who_asked_for_it(
    corpus: Path, tmp_path: Path, database_url: str
) -> None:
    days = load_days(corpus)
    async with Sink() as sink, replay(days) as base_url:
        House.build(
            tmp_path,
            sources=f"- {{kind: hf_daily_papers, base_url: '{base_url}', listing_dates: 1}}",
            subscribers=SUBSCRIBERS,
            port=sink.port,
            database_url="${DATABASE}",
        )
        config = load_config(tmp_path / "config.yaml", {"DATABASE": database_url})
        # Joined on the eve of the first day, so that every archived day is new to them.
        clock = SetClock(datetime.combine(date.fromisoformat(min(days)), time(), UTC))
        async with open_newsletter(config, clock=clock) as newsletter:
            await newsletter.file.take_over()
            for day in sorted(days):
                clock.at = datetime.combine(date.fromisoformat(day), time(20), UTC)
                report = await newsletter.collector.collect()
                assert [record.state for record in report.records] == [FetchState.OK], report
                assert report.records[0].listed == len(days[day])
                await send_due(newsletter)
            stored = await newsletter.entries.load_entries(Window(0, await newsletter.entries.newest_run()))
            counts = await newsletter.ledger.reads.load_counts()

    assert {entry.key for entry in stored} == {
        f"arxiv:{record['paper']['id']}" for records in days.values() for record in records
    }
    received: dict[str, set[str]] = {address: set() for address in ASKED}
    for message in sink.messages:
        papers = papers_in(message)
        assert not papers & received[message.rcpt_to], "a paper came twice"
        received[message.rcpt_to] |= papers
    assert received == {
        address: set().union(*(asked_for(address, records) for records in days.values())) for address in ASKED
    }
    states = {state for found in counts.values() for state in found.states}
    assert states == {State.ACCEPTED, State.EMPTY, State.SKIPPED}
    assert sum(found[State.ACCEPTED] for found in counts.values()) == len(sink.messages)


@pytest.mark.corpus
@pytest.mark.parametrize("day", DAMAGED)
def test_a_damaged_answer_is_refused_and_changes_nothing(corpus: Path, tmp_path: Path, day: str) -> None:
    good = corpus / "hf-daily-papers-json" / f"api-{LAST_DAY}.json"
    source = tmp_path / "answer.json"
    source.write_bytes(good.read_bytes())
    house = House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers, location: answer.json}",
        subscribers=SUBSCRIBERS,
        at=f"{LAST_DAY}T20:00:00+00:00",
    )
    assert house.run("collect").returncode == 0
    before = house.run("preview", "--format", "eml", "thinkers@example.org")
    assert before.returncode == 0, before.stderr

    source.write_bytes((corpus / "hf-daily-papers-json" / f"api-{day}.json").read_bytes())
    damaged = house.run("collect")

    assert damaged.returncode == 1
    assert "failed" in damaged.stdout
    assert "expected" in damaged.stdout
    assert house.run("preview", "--format", "eml", "thinkers@example.org").stdout == before.stdout


@pytest.mark.corpus
def test_the_command_line_goes_from_collect_to_received_mail(corpus: Path, tmp_path: Path) -> None:
    asyncio.run(_collect_and_send(corpus, tmp_path))


async def _collect_and_send(corpus: Path, folder: Path) -> None:
    days = load_days(corpus)
    async with Sink() as sink, replay(days) as base_url:
        house = House.build(
            folder,
            sources=f"- {{kind: hf_daily_papers, base_url: '{base_url}'}}",
            subscribers=SUBSCRIBERS,
            port=sink.port,
            at=f"{LAST_DAY}T20:00:00+00:00",
        )
        collected = await asyncio.to_thread(house.run, "collect")
        assert collected.returncode == 0, collected.stderr
        sent = await asyncio.to_thread(house.run, "send", "--edition", LAST_DAY)
        assert sent.returncode == 0, sent.stdout + sent.stderr
        again = await asyncio.to_thread(house.run, "send", "--edition", LAST_DAY)
        assert again.returncode == 0
        status = await asyncio.to_thread(house.run, "status")

    assert {message.rcpt_to: papers_in(message) for message in sink.messages} == {
        address: asked_for(address, days[LAST_DAY]) for address in ASKED
    }
    assert f"{LAST_DAY}: 3 due = 2 accepted" in status.stdout
    assert "1 empty" in status.stdout
