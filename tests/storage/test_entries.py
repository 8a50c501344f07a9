from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from newsletter.errors import StoreError
from newsletter.model.digest import Shown, Window
from newsletter.model.entries import Entry, EntryChange, EntryId, EntryKey
from newsletter.model.sources import FetchRecord, FetchState, Validators
from newsletter.storage import Database, EntryStore, Ledger, RunStore, RunTransaction, dialects
from newsletter.storage.tables import entry_keys, observations, sightings
from tests.support.builders import make_entry
from tests.support.given import (
    NOW,
    given_entries,
    given_in_data,
    given_instance,
    given_reader,
    make_change,
    make_sighting,
    make_snapshot,
    save_run,
)

FULL = Entry(
    key=EntryKey("arxiv:2606.01234"),
    title="Fußball & Quarks: α → β",
    summary="Short.",
    authors=("Ada Example", "José Ünlü"),
    author_count=5,
    organization="An Institute",
    published_at=datetime(2026, 6, 15, 12, tzinfo=UTC),
    listed_on=date(2026, 6, 16),
    categories=("cs.LG",),
    primary_category="cs.LG",
    ai_keywords=("rag", "eval"),
    ai_summary="Shorter.",
    version=3,
    withdrawn=True,
    note="12 pages",
    upvotes=3,
    comments=0,
    code_stars=7,
    url="https://example.org/1",
    pdf_url="https://example.org/1.pdf",
    discussion_url="https://example.org/1#d",
    code_url="https://example.org/code",
    project_url="https://example.org/project",
    thumbnail_url="https://example.org/small.png",
    media_urls=("https://example.org/film.mp4", "https://example.org/film.gif"),
    listing_url="https://example.org/day",
    aliases=(EntryKey("doi:10.1000/182"), EntryKey("url:https://example.org/1")),
    first_seen_run=1,
)


async def load_entries(database: Database, after: int = 0, upto: int = 99) -> list[Entry]:
    return list(await EntryStore(database).load_entries(Window(after, upto)))


def numbers_of(entries: list[Entry]) -> list[int]:
    return [int(entry.key[-5:]) for entry in entries]


async def test_entry_comes_back_as_it_was_saved(database: Database) -> None:
    sightings_ = (make_sighting(FULL, "hf"), make_sighting(FULL, "arxiv"))
    await save_run(database, EntryChange(FULL, sightings_, observed=True))

    (loaded,) = await load_entries(database)

    assert loaded == replace(FULL, id=loaded.id, first_seen_at=NOW, sources=("hf", "arxiv"))


async def test_runs_are_numbered_in_the_order_in_which_they_become_visible(database: Database) -> None:
    store = RunStore(database)
    numbers = []

    def note(run: RunTransaction) -> None:
        # Who has the number first must be visible first, however long it takes.
        time.sleep(0.02)
        numbers.append(run.number)

    async def collect() -> None:
        await store.save_run(NOW, note)

    await asyncio.gather(*(collect() for _ in range(4)))

    assert numbers == [1, 2, 3, 4]
    assert await EntryStore(database).newest_run() == 4


async def test_run_that_fails_leaves_nothing_and_gives_its_number_back(database: Database) -> None:
    store = RunStore(database)

    def fail_after_saving(run: RunTransaction) -> None:
        run.save([make_change(1)], NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.save_run(NOW, fail_after_saving)

    assert await EntryStore(database).newest_run() == 0
    assert await load_entries(database) == []
    assert await save_run(database) == 1


async def test_newest_run_before_an_instant_is_the_one_that_was_visible_then(database: Database) -> None:
    store = EntryStore(database)
    for hours in range(3):
        await save_run(database, now=NOW + timedelta(hours=hours))

    assert await store.newest_run_before(NOW - timedelta(seconds=1)) == 0
    assert await store.newest_run_before(NOW + timedelta(hours=1)) == 2
    assert await store.newest_run_before(NOW + timedelta(days=1)) == 3


async def test_window_brings_the_entries_of_its_runs_only(database: Database) -> None:
    for run in (1, 2, 3):
        await save_run(database, make_change(run, run=run))

    assert numbers_of(await load_entries(database, after=1, upto=2)) == [2]


async def test_entries_of_the_baseline_are_in_no_window(database: Database) -> None:
    await save_run(database, make_change(1, run=0), make_change(2, run=1))
    store = EntryStore(database)

    assert numbers_of(await load_entries(database)) == [2]
    waiting = await store.load_entries(Window(1, 1), waiting_since=NOW - timedelta(days=9))
    assert numbers_of(list(waiting)) == [2]


async def test_waiting_entries_of_earlier_runs_come_along_from_that_instant_on(database: Database) -> None:
    store = EntryStore(database)
    for run in (1, 2, 3):
        change = make_change(run, run=run)
        first_seen_at = NOW + timedelta(days=run)
        change = replace(change, entry=replace(change.entry, first_seen_at=first_seen_at))
        await save_run(database, change, now=first_seen_at)

    found = await store.load_entries(Window(2, 3), waiting_since=NOW + timedelta(days=2))

    assert numbers_of(list(found)) == [2, 3]


async def test_known_entries_are_found_by_any_of_their_keys(database: Database) -> None:
    await save_run(database, EntryChange(FULL, (make_sighting(FULL),)), make_change(7))

    wanted = {FULL.aliases[1], FULL.key, EntryKey("arxiv:2606.99999")}
    found = await RunStore(database).save_run(NOW, lambda run: run.load_known(wanted))

    assert [entry.key for entry in found] == [FULL.key]


async def test_known_sources_are_those_of_earlier_runs(database: Database) -> None:
    await save_run(database, make_change(1, "hf"))

    def fill(run: RunTransaction) -> frozenset[str]:
        run.save([make_change(2, "arxiv")], NOW)
        return frozenset(run.load_newest())

    assert await RunStore(database).save_run(NOW, fill) == {"hf"}


async def test_second_look_at_an_entry_updates_it_and_keeps_one_sighting(database: Database) -> None:
    await save_run(database, make_change(1, upvotes=3))
    (known,) = await load_entries(database)
    newer = replace(known, upvotes=9, title="A better title")
    await save_run(
        database,
        EntryChange(newer, (make_sighting(newer),), observed=True),
        now=NOW + timedelta(hours=1),
    )

    assert await load_entries(database) == [newer]

    def look(connection: Connection) -> None:
        assert len((connection.execute(select(sightings))).all()) == 1
        votes = select(observations.c.upvotes).order_by(observations.c.observed_at)
        assert (connection.scalars(votes)).all() == [3, 9]

    await database.read(look)


async def test_votes_that_did_not_change_are_not_written_again(database: Database) -> None:
    await save_run(database, make_change(1, upvotes=3))
    (known,) = await load_entries(database)
    await save_run(database, EntryChange(known, (make_sighting(known),)), now=NOW + timedelta(hours=1))

    def look(connection: Connection) -> None:
        assert len((connection.execute(select(observations))).all()) == 1

    await database.read(look)


async def test_absorbed_entry_leaves_its_keys_sources_votes_and_mails_to_the_survivor(
    database: Database,
) -> None:
    await save_run(
        database, make_change(1, "hf", upvotes=1), make_change(2, "arxiv", upvotes=2), make_change(3)
    )
    survivor, absorbed, other = await load_entries(database)
    reader = await given_reader(database)
    await given_in_data(
        database,
        reader,
        await given_instance(database),
        snapshot=make_snapshot(entries=[absorbed.id, other.id]),
    )

    merged = replace(survivor, aliases=(absorbed.key,))
    await save_run(
        database,
        EntryChange(merged, absorbs=(absorbed.id,), observed=True),
        now=NOW + timedelta(hours=1),
    )

    left, _ = await load_entries(database)
    assert (left.id, left.keys, left.sources) == (survivor.id, merged.keys, ("hf", "arxiv"))
    assert await Ledger(database).reads.load_shown([reader.id]) == {
        reader.id: Shown(frozenset({survivor.id, other.id}), ever=True)
    }

    def look(connection: Connection) -> None:
        votes = select(observations.c.upvotes).where(observations.c.entry == survivor.id)
        # Both were observed at the same moment, and the survivor's own stands.
        assert (connection.scalars(votes.order_by(observations.c.observed_at))).all() == [1, 1]

    await database.read(look)


async def test_mail_that_showed_both_shows_the_merged_entry_once(database: Database) -> None:
    survivor, absorbed = await given_entries(database, 1, 2)
    reader = await given_reader(database)
    snapshot = make_snapshot(entries=[survivor.id], over_limit=[absorbed.id])
    await given_in_data(database, reader, await given_instance(database), snapshot=snapshot)

    await save_run(
        database,
        EntryChange(replace(survivor, aliases=(absorbed.key,)), absorbs=(absorbed.id,)),
    )

    assert await Ledger(database).reads.load_shown([reader.id]) == {
        reader.id: Shown(frozenset({survivor.id}), ever=True)
    }


async def test_survivor_may_take_the_canonical_key_of_the_absorbed(database: Database) -> None:
    by_guid = make_entry(1)
    by_guid = replace(by_guid, id=EntryId(0), key=EntryKey("guid:hf:1"))
    await save_run(database, EntryChange(by_guid, (make_sighting(by_guid),)), make_change(2, "arxiv"))
    survivor, absorbed = await load_entries(database)

    merged = replace(survivor, key=absorbed.key, aliases=(survivor.key,))
    await save_run(database, EntryChange(merged, absorbs=(absorbed.id,)))

    (left,) = await load_entries(database)
    assert left.keys == (absorbed.key, survivor.key)

    def look(connection: Connection) -> None:
        owners = connection.scalars(select(entry_keys.c.entry))
        assert set(owners) == {survivor.id}

    await database.read(look)


async def test_key_of_an_entry_that_is_not_absorbed_cannot_be_taken(database: Database) -> None:
    one, other = await given_entries(database, 1, 2)

    with pytest.raises(StoreError, match="belongs to another entry"):
        await save_run(database, EntryChange(replace(one, aliases=(other.key,))))

    assert await load_entries(database) == [one, other]


async def test_more_entries_than_fit_into_one_statement_are_saved_and_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialects, "_CHUNK", 7)
    many = [make_change(number) for number in range(20)]
    await save_run(database, *many)

    keys = [change.entry.key for change in many]
    known = await RunStore(database).save_run(NOW, lambda run: run.load_known(keys))

    assert len(known) == len(await load_entries(database)) == 20


async def observe(database: Database, entry: EntryId, *moments: datetime) -> None:
    def change(connection: Connection) -> None:
        for votes, moment in enumerate(moments):
            connection.execute(observations.insert().values(entry=entry, observed_at=moment, upvotes=votes))

    await database.write(change)


async def load_votes(database: Database) -> list[int | None]:
    def look(connection: Connection) -> list[int | None]:
        votes = select(observations.c.upvotes).order_by(observations.c.observed_at)
        return list(connection.scalars(votes))

    return await database.read(look)


async def test_thinning_keeps_the_last_observation_of_each_day(database: Database) -> None:
    (entry,) = await given_entries(database, 1)
    hours = [0, 10, 23, 24, 30, 48]
    midnight = datetime(2026, 6, 16, tzinfo=UTC)
    await observe(database, entry.id, *(midnight + timedelta(hours=hour) for hour in hours))
    store = RunStore(database)

    assert await store.thin(midnight + timedelta(days=60), timedelta(days=90)) == 3
    assert await load_votes(database) == [2, 4, 5]
    assert await store.thin(midnight + timedelta(days=60), timedelta(days=90)) == 0


async def test_thinning_leaves_the_last_thirty_days_alone(database: Database) -> None:
    (entry,) = await given_entries(database, 1)
    await observe(database, entry.id, NOW, NOW + timedelta(hours=1))
    store = RunStore(database)

    assert await store.thin(NOW + timedelta(days=30), timedelta(days=90)) == 0
    assert await store.thin(NOW + timedelta(days=31), timedelta(days=90)) == 1


def make_record(source: str, minutes: int, *, run: int = 0) -> FetchRecord:
    moment = NOW + timedelta(minutes=minutes)
    return FetchRecord(
        source, FetchState.OK, moment, moment, listed=5, new=2, requests=1, message="", run=run
    )


async def test_last_fetches_are_the_newest_of_each_source(database: Database) -> None:
    store = RunStore(database)
    assert await store.load_last_pass_at() is None
    await store.save_looks([make_record("hf", 0), make_record("arxiv", 1)], [], [], {})
    await store.save_run(NOW, lambda run: run.save_looks([make_record("hf", 2, run=run.number)], [], [], {}))
    await store.save_looks([], [], [], {})

    assert await store.load_last_fetches() == [make_record("arxiv", 1), make_record("hf", 2, run=1)]
    assert await store.load_last_pass_at() == NOW + timedelta(minutes=2)


async def test_validators_are_those_of_the_last_answer(database: Database) -> None:
    store = RunStore(database)
    for etag in ("old", "new"):
        await store.save_looks([], [], [], {"https://example.org/feed": Validators(etag=etag)})

    known = await store.load_validators(["https://example.org/feed", "https://example.org/other"])

    assert known == {"https://example.org/feed": Validators(etag="new")}
