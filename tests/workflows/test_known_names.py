"""After an upgrade nothing that was mailed comes again, though entries have other names now; and what is held back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, insert, make_url, update

from newsletter.collect.identity import choose_keys
from newsletter.model.digest import Window
from newsletter.model.entries import Entry, EntryKey
from newsletter.model.sources import Fetched, NotModified, RequestOptions, Source, Validators
from newsletter.storage import Database, EntryStore, RunStore, open_database
from newsletter.storage.entries import entry_row
from newsletter.storage.schema import build_alembic_config
from newsletter.storage.tables import counters, entries, entry_keys, runs, sightings, sources
from newsletter.wiring import FixedClock
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from tests.support.shelf import START, Item, write_rss

EVERY = timedelta(minutes=30)
NOTES = Source("notes", "feed", "https://notes.example.net/feed")
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


class Page:
    """A Fetcher of one feed."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._body = write_rss(items)

    async def fetch(
        self, location: str, known: Validators | None, options: RequestOptions | None = None
    ) -> Fetched | NotModified:
        return Fetched(self._body, location)


async def look(database: Database, *items: Item, days: float = 0) -> CollectReport:
    clock = FixedClock(START + timedelta(days=days))
    return await collect_entries([NOTES], Page(items), RunStore(database), clock, EVERY)


async def load_new(database: Database, run: int) -> list[str]:
    return [entry.title for entry in await EntryStore(database).load_entries(Window(run - 1, run))]


# --- upgrades ---------------------------------------------------------------------------------------------

FORMER: dict[str, tuple[str, dict[str, Any]]] = {
    "www and escapes": (
        "url:https://www.lab.example.net/%c3%a4pfel",
        {"link": "https://www.lab.example.net/%c3%a4pfel"},
    ),
    "a session": (
        "url:https://lab.example.net/a;jsessionid=F1?tick=1",
        {"link": "https://lab.example.net/a;jsessionid=F2?tick=2"},
    ),
    "an alert": (
        "url:https://www.google.com/url?q=https://paper.example.net/otters&sa=t",
        {"link": "https://www.google.com/url?sa=t&q=https://paper.example.net/otters", "guid": "alert-1"},
    ),
    "an index page": (
        "url:https://lab.example.net/a/index.html",
        {"link": "https://lab.example.net/a/index.html"},
    ),
    "a paper": (
        "url:https://www.nature.com/articles/s41586-026-01234-5",
        {"link": "https://www.nature.com/articles/s41586-026-01234-5"},
    ),
    "a guid with the feed's address": (
        "guid:notes:https://notes.example.net/tide-7",
        {"guid": "tide-7"},
    ),
    "neither guid nor address": ("guid:notes:0123456789abcdef", {"text": "They grow."}),
}


async def make_former(url: str, keys: Sequence[str]) -> None:
    """A database of before, with an entry of each key, published a day before START under the key as its title."""
    parsed = make_url(url)
    database = Database(parsed.set(drivername=_DRIVERS[parsed.get_backend_name()]))
    published_at = START - timedelta(days=1)

    def fill(connection: Connection) -> None:
        command.upgrade(build_alembic_config(connection), "0014")
        connection.execute(insert(runs).values(number=1, visible_at=START))
        connection.execute(insert(sources).values(name="notes", first_run=1))
        connection.execute(update(counters).values(last_run=1))
        for key in keys:
            entry = Entry(EntryKey(key), key, published_at=published_at, first_seen_run=1)
            number = connection.scalar(
                insert(entries).values(**entry_row(entry, START)).returning(entries.c.id)
            )
            connection.execute(insert(entry_keys).values(key=key, entry=number, position=0))
            seen = {"source": "notes", "guid": key, "listed_on": "", "listing_url": "", "seen_at": START}
            connection.execute(insert(sightings).values(entry=number, **seen))

    await database.change_schema(fill)
    await database.close()


async def test_what_was_mailed_before_an_upgrade_does_not_come_again(bare_database_url: str) -> None:
    await make_former(bare_database_url, [key for key, _ in FORMER.values()])
    database = await open_database(bare_database_url)
    known = [{"title": key, "date": START - timedelta(days=1)} | facts for key, facts in FORMER.values()]
    fresh = {"title": "Fresh", "guid": "fresh", "date": START}

    report = await look(database, fresh, *known)
    again = await look(database, fresh, *known, days=1)

    assert await load_new(database, 1) == [key for key, _ in FORMER.values()]
    assert (report.records[0].new, again.records[0].new) == (1, 0)
    await database.close()


async def test_known_addresses_get_the_names_that_they_have_today(bare_database_url: str) -> None:
    await make_former(bare_database_url, [key for key, _ in FORMER.values()])
    database = await open_database(bare_database_url)

    for key, _ in FORMER.values():
        names = choose_keys(url=key.removeprefix("url:"))
        assert len(await EntryStore(database).load_known(names)) == len(names), key
    await database.close()


# --- the dam ----------------------------------------------------------------------------------------------


def post(number: int, base: str = "https://notes.example.net", **facts: Any) -> Item:
    return {
        "title": f"Letter {number}",
        "link": f"{base}/{number}",
        "guid": f"{base}/?p={number}",
        "date": START - timedelta(days=100 - number),
    } | facts


NEWEST = [post(number) for number in range(99, 94, -1)]
ARCHIVE = [post(number) for number in range(94, 0, -1)]


async def test_an_archive_is_known_and_told_and_comes_out_when_it_is_released(database: Database) -> None:
    store = RunStore(database)
    await look(database, *NEWEST)

    report = await look(database, *NEWEST, *ARCHIVE, days=1)
    again = await look(database, *NEWEST, *ARCHIVE, days=2)

    assert (report.records[0].new, again.records[0].new) == (0, 0)
    assert "94 old entries came at once and are held back" in report.records[0].message
    ((held),) = await store.load_held_back()
    assert (held.source, held.count, held.since) == ("notes", 94, START + timedelta(days=1))
    assert "held back" not in again.records[0].message
    later = START + timedelta(days=3)
    assert await store.release("notes", later) == 94
    assert await store.release("notes", later) == 0
    assert await store.load_held_back() == []
    run = await EntryStore(database).newest_run()
    assert len(await load_new(database, run)) == 94
    assert (await look(database, *NEWEST, *ARCHIVE, days=4)).records[0].new == 0


async def test_what_nobody_lets_out_is_forgotten_after_two_months(database: Database) -> None:
    store = RunStore(database)
    await look(database, *NEWEST)
    await look(database, *NEWEST, *ARCHIVE, days=1)

    await store.thin(START + timedelta(days=60), timedelta(days=90))
    kept = await store.load_held_back()
    await store.thin(START + timedelta(days=62), timedelta(days=90))

    assert len(kept) == 1
    assert await store.load_held_back() == []
    assert (await look(database, *NEWEST, *ARCHIVE, days=63)).records[0].new == 0


async def test_an_entry_that_is_held_back_may_turn_out_to_be_another(database: Database) -> None:
    await look(database, *NEWEST)
    await look(database, *NEWEST, *ARCHIVE, days=1)
    paper = {"link": "https://doi.org/10.1000/x"}

    await look(database, post(200, **paper), *NEWEST, days=2)
    await look(database, post(94, **paper), *NEWEST, days=3)

    ((held),) = await RunStore(database).load_held_back()
    assert held.count in (93, 94)


@pytest.mark.parametrize("days", [0.1, 4])
async def test_posts_of_an_outage_are_new_when_it_is_over(database: Database, days: float) -> None:
    await look(database, *NEWEST)
    missed = [post(100 + number, date=START + timedelta(days=days * number / 13)) for number in range(12)]

    report = await look(database, *reversed(missed), *NEWEST, days=days)

    assert report.records[0].new == 12
    assert report.records[0].message == ""
