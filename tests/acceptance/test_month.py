"""A month of looks and digests: a site that does all that sites do, beside Hugging Face and arXiv, whose API refuses
for a week. Each entry is mailed once, none is lost, and no archive is mailed."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from aiohttp import web

from newsletter.collect.fetch import HttpFetcher
from newsletter.model.sources import FetchState
from newsletter.settings.config import load_config
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from tests.support.arxiv_site import ArxivSite
from tests.support.builders import at
from tests.support.clock import SetClock
from tests.support.house import House
from tests.support.papers import make_record, serving
from tests.support.repository import make_work
from tests.support.shelf import Item, write_rss
from tests.support.sink import Sink

FIRST, DAYS = at("2026-06-01 00:00"), 30
A_DAY = timedelta(days=1)
SUBSCRIBERS = """
subscribers:
  - address: ada@example.org
    days: daily
    hour: "07:00"
    zone: UTC
    topics: [qqqzzz]
    everything_else: 50
"""


def day(number: float) -> datetime:
    """The beginning of a day of June."""
    return FIRST + timedelta(days=number - 1)


class Site:
    """A site that writes a letter a day at 09:00, and does what sites do. now is its clock."""

    now = FIRST

    def letters(self) -> list[tuple[str, datetime]]:
        """All letters up to now, the newest first: number -40 is from the year before."""
        old = [(f"Former letter {number}", day(number - 200)) for number in range(40)]
        new = [(f"Letter {number}", day(number) + timedelta(hours=9)) for number in range(-9, DAYS + 1)]
        burst = [(f"Postcard {number}", day(27) + timedelta(hours=1, minutes=number)) for number in range(12)]
        written = [letter for letter in (*old, *new, *burst) if letter[1] <= self.now]
        return sorted(written, key=lambda letter: letter[1], reverse=True)

    def write(self) -> list[Item]:
        """What the feed lists now."""
        base = "http://letters.example.net" if self.now < day(20) else "https://www.harbour.example.net/post"
        items = []
        for title, written_at in self.letters()[: 80 if self.now >= day(24) else 15]:
            name = title.lower().replace(" ", "-")
            # The letters of some days share one page, as a changelog's do.
            is_shared = day(5) <= written_at < day(9)
            link = f"{base}/log" if is_shared else f"{base}/{name}?PHPSESSID={int(self.now.timestamp())}"
            guid = f"{'new' if self.now >= day(8) else 'old'}:{base}/?p={name}"
            items.append(
                {"title": title, "link": link, "guid": guid, "date": written_at, "text": "Dear all."}
            )
        if day(10) <= self.now < day(12):
            items.reverse()
        return [] if day(17) <= self.now < day(18.5) else items

    async def answer(self, request: web.Request) -> web.Response:
        if day(12) <= self.now < day(16):
            return web.Response(status=503)
        if request.path == "/feed.xml" and self.now >= day(20):
            raise web.HTTPMovedPermanently("/harbour/feed.xml")
        return web.Response(body=write_rss(self.write()), content_type="application/rss+xml")

    async def answer_papers(self, request: web.Request) -> web.Response:
        """Hugging Face: a paper of its own a day, and one that arXiv has, too."""
        on = datetime.fromisoformat(request.query["date"]).replace(tzinfo=FIRST.tzinfo)
        number = on.day
        listed = [number + 5000, 100 * number] if FIRST <= on <= self.now else []
        return web.json_response([make_record(one, f"Paper {one}", on=f"{on:%Y-%m-%d}") for one in listed])


PAPERS = [
    make_work(
        100 * number + nth,
        categories="cs.RO",
        versions=(day(number - 2) + timedelta(hours=9, minutes=nth),),
        changed_at=day(number - 1) + timedelta(hours=2),
    )
    for number in range(2, DAYS + 1)
    for nth in range(3)
]


@asynccontextmanager
async def opened(
    folder: Path, site: Site, arxiv: ArxivSite, clock: SetClock
) -> AsyncIterator[tuple[Newsletter, Sink]]:
    app = web.Application()
    for path in ("/feed.xml", "/harbour/feed.xml"):
        app.router.add_get(path, site.answer)
    app.router.add_get("/api/daily_papers", site.answer_papers)
    async with serving(app) as url, Sink() as sink:
        sources = f"""
            - {{kind: feed, name: Letters, location: {url}/feed.xml}}
            - {{kind: hf_daily_papers, name: HF, location: {url}, listing_dates: 3}}
            - {{kind: arxiv_search, name: arXiv, location: {arxiv.api}, categories: [cs.RO]}}
        """
        House.build(folder, sources=sources, subscribers=SUBSCRIBERS, port=sink.port)
        file = folder / "config.yaml"
        second = f"fetch: {{arxiv_repository: {arxiv.repository.url}, allow_private_hosts: on}}"
        file.write_text(re.sub("^fetch: .*", second, file.read_text(), flags=re.MULTILINE))
        config = load_config(file, {})
        async with open_newsletter(config, clock=clock) as newsletter:
            yield newsletter, sink


async def collect(newsletter: Newsletter, clock: SetClock, folder: Path) -> CollectReport:
    fetcher = HttpFetcher(
        version="1", contact="", base_folder=folder, allow_private_hosts=True, deadline_s=5.0, backoff_s=0.001
    )
    try:
        sources = newsletter.config.source_list
        return await collect_entries(sources, fetcher, newsletter.runs, clock, A_DAY)
    finally:
        await fetcher.close()


async def send(newsletter: Newsletter) -> None:
    await newsletter.file.take_over()
    await newsletter.planner.plan_due()
    async with newsletter.sender(asyncio.Event()) as sender:
        await sender.send_pending()


def count_titles(sink: Sink) -> Counter[str]:
    """Return how many mails have each title."""
    found: Counter[str] = Counter()
    for message in sink.messages:
        body = message_from_bytes(message.content, policy=policy.default).get_body(("plain",))
        assert body is not None
        found.update(
            set(re.findall(r"\b(?:Former letter|Letter|Postcard|Paper) -?\d+\b", body.get_content()))
        )
    return found


async def test_a_month_of_all_that_sources_do_mails_each_entry_once(tmp_path: Path) -> None:
    site, clock = Site(), SetClock(FIRST)
    states: Counter[tuple[str, FetchState]] = Counter()
    async with ArxivSite(PAPERS) as arxiv, opened(tmp_path, site, arxiv, clock) as (newsletter, sink):
        await send(newsletter)  # the reader joins
        for number in range(1, DAYS + 1):
            clock.at = site.now = arxiv.now = day(number) + timedelta(hours=6.5)
            arxiv.repository.works = [work for work in PAPERS if work.changed_at <= arxiv.now]
            arxiv.refusal = (429, {}, "Rate exceeded.") if 10 <= number < 17 else None
            report = await collect(newsletter, clock, tmp_path)
            states.update((record.source, record.state) for record in report.records)
            clock.at = day(number) + timedelta(hours=7, minutes=1)
            await send(newsletter)
        found = count_titles(sink)
        held_back = await newsletter.runs.load_held_back()
        requests = len([query for query in arxiv.repository.asked if "verb" in query])

    mailed = {title for title in found if not title.startswith("Paper")}
    assert {title: count for title, count in found.items() if count > 1} == {}
    # The first look knows the letter of the day before.
    assert mailed == {
        *(f"Letter {number}" for number in range(0, DAYS)),
        *(f"Postcard {n}" for n in range(12)),
    }
    listed = {f"Paper {5000 + number}" for number in range(1, DAYS + 1)} | {
        f"Paper {100 * n}" for n in range(1, DAYS + 1)
    }
    known = {
        f"Paper {int(work.number[5:])}"
        for work in PAPERS
        if work.changed_at <= day(DAYS) + timedelta(hours=6)
    }
    assert listed | known == {title for title in found if title.startswith("Paper")}
    assert [held.source for held in held_back] == ["Letters"]
    assert held_back[0].count == 35, "five former letters were known from the first look"
    assert requests >= 7, "the second road was taken"
    assert states["Letters", FetchState.FAILED] >= 3
    assert states["Letters", FetchState.EMPTY_UNEXPECTED] == 2
    assert states["arXiv", FetchState.FAILED] == 0
