"""A newsletter with a web UI as tests find it: a week of entries with votes and events, a library, one reader.

The sample day is Tuesday's edition; what lies around it is made. Now is Wednesday evening.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import httpx2
from starlette.types import ASGIApp

from newsletter.collect.registry import KINDS
from newsletter.model.entries import Entry, EntryChange, EntryEvent, EntryId, EntryKey, EventKind, Sighting
from newsletter.model.sources import Fetched, FetchRecord, FetchState, Request, Source
from newsletter.sample_day import SAMPLE_DAY, sample_file
from newsletter.settings.config import Config, load_config
from newsletter.storage import EntryStore, RunStore, RunTransaction
from newsletter.web.app import build_app
from newsletter.web.site import Site, open_site
from newsletter.wiring import FixedClock, Newsletter, open_newsletter
from tests.support.builders import at, make_subscriber

URL = "http://127.0.0.1:8080"
NOW = at("2026-06-17 18:30")
"""A Wednesday, a day after the sample day."""

FRIDAY, MONDAY, TUESDAY, WEDNESDAY = date(2026, 6, 12), date(2026, 6, 15), SAMPLE_DAY, date(2026, 6, 17)
HF = "Hugging Face Daily Papers"
BLOG = "A lab's blog"

READER = "ada.secret@readers.example.net"
"""A confirmed reader: no public page may name them."""

HOSTILE = "<script>alert('x')</script> & \"quotes\" \u202e$\\alpha$"
"""In the title of a paper of Friday."""

CONFIG = """\
newsletter:
  name: Trending Papers
  id: papers
  from: Trending Papers <digest@news.example.org>
topics:
  - name: RAG
    any: [RAG, retrieval-augmented generation]
  - name: Agents & tools
    any: [agent, tool use]
sources:
  - kind: hf_daily_papers
    name: {hf}
    location: {sample}
database:
  url: {database_url}
maildir: {maildir}
web:
  url: {url}
"""


def write_config(folder: Path, database_url: str, *, url: str = URL, more: str = "") -> Config:
    """A configuration with a web UI. more: lines that go below ``web:``, or sections of their own."""
    file = folder / "config.yaml"
    text = CONFIG.format(
        hf=HF, sample=sample_file(), database_url=database_url, maildir=folder / "maildir", url=url
    )
    file.write_text(text + more, encoding="utf-8")
    return load_config(file, {})


@asynccontextmanager
async def opened_site(
    folder: Path, database_url: str, *, filled: bool = True, url: str = URL, more: str = ""
) -> AsyncIterator[Site]:
    """A site whose clock stands at NOW. filled: with the week's entries and READER, where the database has none."""
    config = write_config(folder, database_url, url=url, more=more)
    async with open_newsletter(config, clock=FixedClock(NOW), database_url=database_url) as newsletter:
        if filled and not await newsletter.entries.newest_run():
            await fill(newsletter)
        assert config.web is not None
        yield await open_site(newsletter, config.web)


@asynccontextmanager
async def client_of(app: ASGIApp, url: str = URL) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in this process that follows no redirect by itself."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=url) as client:
        yield client


@asynccontextmanager
async def browsing(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the site's application."""
    async with client_of(build_app(site), site.links.base) as client:
        yield client


# --- the week ---------------------------------------------------------------------------------------------


def make_paper(number: str, title: str, listed_on: date | None, **facts: object) -> Entry:
    """A paper of arXiv as Hugging Face lists it."""
    paper = Entry(
        key=EntryKey(f"arxiv:{number}"),
        title=title,
        summary=f"We study what this title says: {title}. It works on everyday data.",
        authors=("Ada Example", "Blaise Sample"),
        url=f"https://arxiv.org/abs/{number}",
        pdf_url=f"https://arxiv.org/pdf/{number}",
        discussion_url=f"https://huggingface.co/papers/{number}",
        listed_on=listed_on,
        published_at=at("2026-06-10 12:00"),
        upvotes=3,
        comments=1,
    )
    return replace(paper, **facts)  # type: ignore[arg-type]


AGENTS = make_paper(
    "2606.00101", "Agents that use tools", FRIDAY, upvotes=40, authors=tuple(f"Author {n}" for n in range(12)),
    aliases=(EntryKey("doi:10.1000/agents"),), code_url="https://github.com/example/agents",
)  # fmt: skip
HOSTILE_PAPER = make_paper("2606.00102", HOSTILE, FRIDAY, upvotes=None, comments=None)
RAG = make_paper("2606.00103", "Retrieval-augmented generation, measured", MONDAY, upvotes=12)
SMALL = make_paper("2606.00104", "A small language model for phones", MONDAY, upvotes=12, comments=0)
WITHDRAWN = make_paper("2606.00105", "A claim that was taken back", MONDAY, upvotes=1)
LATE = make_paper("2606.00106", "Diffusion on a budget", WEDNESDAY, upvotes=7)
POST = Entry(
    key=EntryKey("url:https://blog.example.org/rag-in-practice?page=2&x=1"),
    title="RAG in practice",
    summary="What we learned in a year.",
    authors=("The lab",),
    url="https://blog.example.org/rag-in-practice?page=2&x=1",
    published_at=at("2026-06-15 22:00"),
)
"""A post of a feed without listing dates, first seen on Wednesday."""


async def fill(newsletter: Newsletter) -> None:
    """Store the week and READER: five runs, votes that grow, a paper that is listed twice, events."""
    entries = newsletter.entries
    await save_run(newsletter.runs, "2026-06-12 09:00", new(AGENTS, 10), new(HOSTILE_PAPER))
    await save_run(
        newsletter.runs,
        "2026-06-15 09:00",
        new(RAG),
        new(SMALL),
        new(WITHDRAWN),
        await again(entries, AGENTS, 25, MONDAY),
    )
    await save_run(newsletter.runs, "2026-06-16 08:00", *read_sample_day())
    withdrawn = EntryEvent(EventKind.WITHDRAWN, "", "arXiv")
    version = EntryEvent(EventKind.NEW_VERSION, "v2", "arXiv")
    await save_run(
        newsletter.runs,
        "2026-06-16 20:00",
        await again(entries, AGENTS, 40, None, version),
        await again(entries, WITHDRAWN, 1, None, withdrawn),
    )
    await save_run(newsletter.runs, "2026-06-17 09:00", new(LATE), new(POST, source=BLOG))
    await newsletter.subscribers.save([make_subscriber(READER)], NOW, "added")


async def save_run(runs: RunStore, when: str, *changes: EntryChange, found: int = 1) -> int:
    """Make changes visible as one run, with the record of a look that found some new ones; return the run's number."""

    def fill(run: RunTransaction) -> int:
        run.save([replace(change, entry=_seen(change.entry, run.number)) for change in changes], at(when))
        look = FetchRecord(
            HF, FetchState.OK, at(when), at(when), listed=len(changes), new=found, run=run.number
        )
        run.save_looks([look], [], [], {})
        return run.number

    return await runs.save_run(at(when), fill)


def new(entry: Entry, upvotes: int | None = None, *, source: str = HF) -> EntryChange:
    """An entry that a source lists for the first time, perhaps with fewer votes than it will have."""
    entry = entry if upvotes is None else replace(entry, upvotes=upvotes)
    guid = entry.key.partition(":")[2]
    return EntryChange(
        entry, (Sighting(entry, source, guid, entry.listed_on),), observed=entry.upvotes is not None
    )


async def again(
    entries: EntryStore, entry: Entry, upvotes: int, listed_on: date | None, *events: EntryEvent
) -> EntryChange:
    """A known entry with other votes, perhaps listed on another date."""
    (known,) = await entries.load_known([entry.key])
    sightings: tuple[Sighting, ...] = ()
    if listed_on is not None:
        sightings = (Sighting(known, HF, entry.key.partition(":")[2], listed_on),)
    is_withdrawn = known.withdrawn or any(event.kind is EventKind.WITHDRAWN for event in events)
    changed = replace(known, upvotes=upvotes, withdrawn=is_withdrawn)
    return EntryChange(changed, sightings, observed=True, events=events)


@cache
def read_sample_day() -> Sequence[EntryChange]:
    """The changes that the sample day's file brings."""
    source = Source(HF, "hf_daily_papers", str(sample_file()))
    feed = KINDS[source.kind].parse(
        Fetched(sample_file().read_bytes(), ""), source, Request(str(sample_file()))
    )
    return [
        EntryChange(sighting.entry, (sighting,), observed=sighting.entry.upvotes is not None)
        for sighting in feed.sightings
    ]


def _seen(entry: Entry, run: int) -> Entry:
    return entry if entry.id else replace(entry, id=EntryId(0), first_seen_run=run)
