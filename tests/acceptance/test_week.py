"""A real week with late papers, growing votes, re-listings, a missing day and an outage: each paper once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

import pytest

from newsletter.collect import fetch
from newsletter.collect.fetch import HttpFetcher
from newsletter.model.digest import Window
from newsletter.model.ledger import State
from newsletter.model.readers import EmailAddress
from newsletter.model.sources import FetchState
from newsletter.settings.config import load_config
from newsletter.wiring import open_newsletter
from tests.acceptance.test_main_job import asked_for, papers_in
from tests.acceptance.week import MONDAY, TUESDAY, WEEK, build_table, build_week, ids, replay_week
from tests.support.clock import SetClock
from tests.support.due import send_due
from tests.support.house import House
from tests.support.sink import Sink

SUBSCRIBERS = """
defaults: {days: daily, hour: "07:00", zone: UTC}
subscribers:
  - address: thinkers@example.org
    topics: [{name: Reasoning, any: [reasoning], limit: 500}]
  - address: everything@example.org
    topics: [{name: All, any: [we, the, a, of, to], limit: 2}]
"""


@pytest.mark.corpus
async def test_each_paper_of_a_troubled_week_is_stored_once_and_sent_once(
    corpus: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Wednesday's outage is asked about three times for each date, which would take a minute of pauses.
    monkeypatch.setattr(fetch, "HttpFetcher", partial(HttpFetcher, backoff_s=0.01))
    days = build_week(corpus)
    clock = SetClock(datetime.combine(MONDAY, time(), UTC))
    states: dict[str, list[FetchState]] = {}
    async with Sink() as sink, replay_week(days, clock.now) as base_url:
        House.build(
            tmp_path,
            sources=f"- {{kind: hf_daily_papers, base_url: '{base_url}'}}",
            subscribers=SUBSCRIBERS,
            port=sink.port,
            database_url="${DATABASE}",
        )
        config = load_config(tmp_path / "config.yaml", {"DATABASE": database_url})
        async with open_newsletter(config, clock=clock) as newsletter:
            await newsletter.file.take_over()
            for on in [*WEEK, WEEK[-1] + timedelta(days=1)]:
                for hour in (6, 18):
                    clock.at = datetime.combine(on, time(hour, 30), UTC)
                    if on != TUESDAY:  # the machine was off
                        report = await newsletter.collector.collect()
                        states.setdefault(f"{on:%a}", []).append(report.records[0].state)
                    await send_due(newsletter)
                    clock.at += timedelta(minutes=40)
                    await send_due(newsletter)
            newest = await newsletter.entries.newest_run()
            stored = await newsletter.entries.load_entries(Window(0, newest))
            histories = [await newsletter.entries.load_history(entry.id) for entry in stored]
            readers = [reader.id for reader in await newsletter.subscribers.load_all()]
            reads = newsletter.ledger.reads
            digests = [await reads.load_entry_deliveries(entry.id, readers) for entry in stored]
            counts = await newsletter.ledger.reads.load_counts()

    listed = set().union(*(ids(day.late) | ids(day.early) for day in days.values()))
    assert Counter(entry.key for entry in stored) == dict.fromkeys((f"arxiv:{paper}" for paper in listed), 1)
    for entry, in_digests in zip(stored, digests, strict=True):
        sent = Counter(delivery.address for delivery in in_digests)
        assert sent[EmailAddress("everything@example.org")] == 1, f"{entry.key} of {entry.listed_on}"
        assert max(sent.values()) == 1
    votes = {
        record["paper"]["id"]: record["paper"]["upvotes"] for day in days.values() for record in day.late
    }
    grown = {f"arxiv:{paper}": count for paper, count in votes.items()}
    assert grown.items() <= {entry.key: entry.upvotes for entry in stored}.items()
    again = [history for history in histories if len({seen.listed_on for seen in history.seen_in}) > 1]
    assert len(again) == 2

    received: set[str] = set()
    for message in (message for message in sink.messages if message.rcpt_to == "thinkers@example.org"):
        papers = papers_in(message)
        assert not papers & received, "a paper came twice"
        received |= papers
    wanted = set().union(
        *(asked_for("thinkers@example.org", [*day.late, *day.early]) for day in days.values())
    )
    assert received == wanted
    late = [message for message in sink.messages if b"isted on" in message.content.replace(b"=\r\n", b"")]
    assert late, "papers that came late say so"

    assert set(states["Wed"]) <= {FetchState.OK, FetchState.UNCHANGED}, "the pages stand in for the API"
    assert all(state in (FetchState.OK, FetchState.UNCHANGED) for each in states.values() for state in each)
    assert {state for found in counts.values() for state in found.states} <= {State.ACCEPTED, State.EMPTY}


@pytest.mark.corpus
def test_one_page_a_day_would_have_lost_much_of_that_week(corpus: Path) -> None:
    rows = build_table(build_week(corpus))

    assert sum(lost for *_, lost in rows) > sum(late for _, late, *_ in rows) / 3
