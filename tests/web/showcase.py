"""A newsletter after a week of work, for pictures and for whatever looks at all pages: readers who join and leave,
mails that arrive and some that do not, papers whose votes grow.

It is served by the real server, in this process, on a port that the system chooses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from newsletter.model.entries import EntryKey
from newsletter.model.readers import Asked, Consent, EmailAddress, Subscriber
from newsletter.model.sources import FetchRecord, FetchState
from newsletter.settings.config import load_config
from newsletter.storage import RunStore
from newsletter.web.server import serve
from newsletter.web.sessions import choose_cookie, hash_token
from newsletter.web.site import Site, open_site
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.import_subscribers import begin_reading
from tests.support import website
from tests.support.builders import at, make_cadence, make_subscriber
from tests.support.clock import SetClock
from tests.support.drawings import draw_picture
from tests.support.due import send_due
from tests.support.sink import Sink
from tests.support.tools import take_port
from tests.support.website import (
    FRIDAY,
    HF,
    MONDAY,
    WEDNESDAY,
    again,
    make_paper,
    new,
    read_sample_day,
    save_run,
)
from tests.web.readers import load

READER = EmailAddress("ada@readers.example.net")
LEAVER = EmailAddress("reader111@readers.example.net")
OPERATOR = EmailAddress("operator@example.org")
LEADER = EntryKey("arxiv:2606.14777")
"""The paper of the sample day with the most votes."""

_TOPICS = '["Agents & tools", "RAG", "Robotics", {"Video models": "video, world model"}]'
_BLOG = "A lab's blog"
_CONFIG = """\
newsletter:
  name: Trending Papers
  id: papers
  from: Trending Papers <digest@news.example.org>
  postal_address: 1 Example Street, 12345 Example Town
topics:
  - {{name: Agents & tools, any: [agent, tool use]}}
  - {{name: RAG, any: [RAG, retrieval-augmented generation, retrieval]}}
  - {{name: Robotics, any: ["robot*", manipulation]}}
  - {{name: Reasoning, any: [reasoning]}}
  - {{name: Speech and sound, any: [speech, audio]}}
sources:
  - {{kind: hf_daily_papers, name: {hf}, location: day.json}}
database: {{url: {database_url}}}
relay: {{host: 127.0.0.1, port: {smtp}, security: none}}
web:
  url: {url}
  listen: 127.0.0.1:{port}
  metrics_listen: off
  operators: [{operator}]
"""


@dataclass(frozen=True, slots=True)
class Showcase:
    """What is served. reader gets digests, leaver may leave, and a subscription waits for a click on confirm_path.

    session is the cookie of an operator who is logged in.
    """

    site: Site
    clock: SetClock
    reader: Subscriber
    leaver: Subscriber
    session: tuple[str, str]
    confirm_path: str
    paper_path: str


@asynccontextmanager
async def open_showcase(folder: Path, database_url: str, *, prefix: str = "") -> AsyncIterator[Showcase]:
    """Fill the database and serve it until the block ends. prefix: the path of its address, such as ``/papers``."""
    port = take_port()
    file = folder / "config.yaml"
    clock = SetClock(at("2026-06-10 03:00"))
    async with Sink() as sink:
        text = _CONFIG.format(
            hf=HF,
            database_url=database_url,
            smtp=sink.port,
            url=f"http://127.0.0.1:{port}{prefix}",
            port=port,
            operator=OPERATOR,
        )
        file.write_text(text, encoding="utf-8")
        config = load_config(file, {})
        assert config.web is not None
        async with open_newsletter(config, clock=clock) as newsletter:
            await _live_a_week(newsletter, clock)
            site = await open_site(newsletter, config.web)
            reader, leaver = [await load(site, address) for address in (READER, LEAVER)]
            confirm_path = await _begin_to_subscribe(site, clock.now())
            stop = asyncio.Event()
            serving = asyncio.create_task(serve(newsletter, config.web, stop))
            try:
                await _wait_for(port, serving)
                paper_path = site.links.paper(LEADER).removeprefix(site.links.base)
                session = await _log_in(site)
                yield Showcase(site, clock, reader, leaver, session, confirm_path, paper_path)
            finally:
                stop.set()
                await serving


async def _wait_for(port: int, serving: asyncio.Task[None]) -> None:
    for _ in range(500):
        assert not serving.done(), serving.exception()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return
    raise AssertionError("nothing is served")


# --- the week -------------------------------------------------------------------------------------


async def _live_a_week(newsletter: Newsletter, clock: SetClock) -> None:
    """From Wednesday to Wednesday: readers join before breakfast, papers come at four, mails go out at seven (UTC)."""
    reader = make_subscriber(
        READER, cadence=make_cadence("Europe/Berlin", "09:00"), topics_json=_TOPICS, everything_else=3,
        file_owned=False,
    )  # fmt: skip
    await _save(newsletter, [reader])
    for day in range(10, 18):
        clock.at = at(f"2026-06-{day} 03:00")
        await _save(newsletter, [_make_joining(day, number) for number in range(3 + day % 4)])
        clock.at = at(f"2026-06-{day} 04:00")
        await _collect(newsletter, date(2026, 6, day))
        clock.at = at(f"2026-06-{day} 07:30")
        await send_due(newsletter)
        await _let_go(newsletter, day)
    clock.at = website.NOW
    await _keep_pictures(newsletter)


async def _save(newsletter: Newsletter, joining: Sequence[Subscriber]) -> None:
    now = newsletter.clock.now()
    reading = [await begin_reading(reader, newsletter.entries, now) for reader in joining]
    await newsletter.subscribers.save(reading, now, "confirmed", "198.51.100.0/24")


def _make_joining(day: int, number: int) -> Subscriber:
    """Somebody who joins; the second of Monday has no mailbox, the third of Tuesday has one that is full."""
    what = {(15, 1): "rcpt550-", (16, 2): "rcpt452-"}.get((day, number), "")
    topics = ('["RAG"]', '["Agents & tools"]', '["Robotics", "Reasoning"]', "[]")[number % 4]
    return make_subscriber(
        f"{what}reader{day}{number}@readers.example.net",
        topics_json=topics,
        everything_else=5 if topics == "[]" else 0,
        file_owned=False,
    )


async def _let_go(newsletter: Newsletter, day: int) -> None:
    if day % 3 == 0:
        leaving = await newsletter.subscribers.load(EmailAddress(f"reader{day - 1}0@readers.example.net"))
        if leaving is not None and leaving.consent is Consent.CONFIRMED:
            subscriptions = await newsletter.subscriptions()
            await subscriptions.leave(
                leaving.id, "unsubscribed with one click", "192.0.2.0/24", is_told=False
            )


async def _collect(newsletter: Newsletter, day: date) -> None:
    runs, entries = newsletter.runs, newsletter.entries
    when = f"{day} 04:00"
    match day:
        case d if d == FRIDAY:
            await save_run(
                runs, when, new(website.AGENTS, 10), new(website.HOSTILE_PAPER), new(_LONG), found=3
            )
        case d if d == MONDAY:
            grown = await again(entries, website.AGENTS, 25, MONDAY)
            await save_run(
                runs, when, new(website.RAG), new(website.SMALL), new(website.WITHDRAWN), grown, found=3
            )
        case d if d == website.TUESDAY:
            await save_run(runs, when, *read_sample_day(), found=26)
            for hour, votes in ((9, 61), (15, 104)):
                (leader,) = await entries.load_known([LEADER])
                await save_run(
                    runs, f"{day} {hour:02}:00", await again(entries, leader, votes, None), found=0
                )
        case d if d == WEDNESDAY:
            (leader,) = await entries.load_known([LEADER])
            await save_run(
                runs,
                when,
                new(website.LATE),
                new(website.POST, source=_BLOG),
                await again(entries, leader, 150, None),
            )
        case _:
            number = f"2606.0{day.day}"
            papers = [
                make_paper(f"{number}{paper:02}", title, day, upvotes=30 - 7 * paper)
                for paper, title in enumerate(_TITLES[day.day % 2])
            ]
            await save_run(runs, when, *(new(paper) for paper in papers), found=len(papers))
    if day == date(2026, 6, 14):
        await _fail_to_look(runs, f"{day} 05:00")


async def _keep_pictures(newsletter: Newsletter) -> None:
    """Keep a picture of most papers of the sample day, and of some others, as a collector with a network does."""
    pictured = [change.entry for change in read_sample_day()] + [website.AGENTS, website.RAG, website.LATE]
    for entry in await newsletter.entries.load_known([entry.key for entry in pictured]):
        if entry.id % 7:
            await newsletter.pictures.save(entry.id, draw_picture(entry.id), newsletter.clock.now())


async def _fail_to_look(runs: RunStore, when: str) -> None:
    failed = FetchRecord(_BLOG, FetchState.FAILED, at(when), at(when), message="the server answered 503")
    await runs.save_run(at(when), lambda run: run.save_looks([replace(failed, run=run.number)], [], [], {}))


_TITLES = (
    ("Robots that learn from a single look", "Reasoning in fewer words", "Retrieval without an index"),
    ("Speech that whispers", "Planning agents, compared on everyday work"),
)
_LONG = make_paper(
    "2606.00190",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft: " + "x" * 90,
    FRIDAY,
    authors=("A" * 60, "https://example.org/" + "a" * 120),
)
"""Words that are longer than any line."""


async def _log_in(site: Site) -> tuple[str, str]:
    token = "s" * 43
    now = site.newsletter.clock.now()
    await site.newsletter.sessions.open(OPERATOR, hash_token(token), now, now + timedelta(hours=12))
    return choose_cookie(site.links).name, token


async def _begin_to_subscribe(site: Site, now: datetime) -> str:
    """Ask for a subscription that waits for its click; return the path of the link in the mail."""
    asking = make_subscriber(
        "grace@readers.example.net", topics_json=_TOPICS, consent=Consent.UNCONFIRMED, file_owned=False
    )
    await site.desk.ask(asking, "en", "203.0.113.0/24", now)
    for number in range(1, 1_000):
        confirmation = await site.newsletter.confirmations.load(number)
        if confirmation is not None and confirmation.asked is Asked.SUBSCRIBE:
            return site.links.confirm(number, site.secret).removeprefix(site.links.base)
    raise AssertionError("nothing was asked")
