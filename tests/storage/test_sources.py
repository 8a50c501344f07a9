"""What the store knows of sources and of the history of works."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from newsletter.model.entries import EntryEvent, EntryKey, EventKind, Observation
from newsletter.model.ledger import State
from newsletter.model.sources import FetchRecord, FetchState, PermanentRedirect, SourceHealth, Validators
from newsletter.storage import Database, EntryStore, Ledger, RunStore
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

LATER = NOW + timedelta(days=1)


async def test_places_of_known_entries_are_those_of_all_runs(database: Database) -> None:
    entry, other = await given_entries(database, 1, 2)
    again = replace(make_sighting(entry, "hf"), listed_on=date(2026, 6, 20))
    await save_run(database, replace(make_change(1), entry=entry, sightings=(again,)))

    places = await RunStore(database).save_run(NOW, lambda run: run.load_known_places([entry.id, other.id]))

    assert again.place in places[entry.id]
    assert len(places[entry.id]) == 2
    assert len(places[other.id]) == 1


async def test_history_tells_where_and_when_an_entry_was_seen_and_what_happened(database: Database) -> None:
    (entry,) = await given_entries(database, 1)
    again = replace(make_sighting(entry, "arxiv"), listed_on=date(2026, 6, 20))
    event = EntryEvent(EventKind.NEW_VERSION, "v2", "arxiv")
    change = replace(
        make_change(1), entry=replace(entry, upvotes=9), sightings=(again,), events=(event,), observed=True
    )
    for moment in (LATER, LATER + timedelta(hours=1)):
        await save_run(database, change, now=moment)

    history = await EntryStore(database).load_history(entry.id)

    assert [(seen.source, seen.seen_at) for seen in history.seen_in][1:] == [("arxiv", LATER)]
    assert history.events == (replace(event, at=LATER),), "each thing is noted once"
    assert Observation(LATER, 9, entry.comments) in history.observations


async def test_absorbed_entry_leaves_its_events_to_the_survivor(database: Database) -> None:
    entry, twin = await given_entries(database, 1, 2)
    event = EntryEvent(EventKind.WITHDRAWN, "", "arxiv")
    await save_run(database, replace(make_change(2), entry=twin, sightings=(), events=(event,)))
    one = replace(entry, aliases=(*entry.aliases, *twin.keys))

    await save_run(database, replace(make_change(1), entry=one, sightings=(), absorbs=(twin.id,)))

    history = await EntryStore(database).load_history(entry.id)
    assert [event.kind for event in history.events] == [EventKind.WITHDRAWN]


async def test_health_moves_and_validators_replace_what_was_known(database: Database) -> None:
    store = RunStore(database)
    location = "https://old.example.org/feed"
    known = Validators("etag", "date", "hash", "https://old.example.org/feed?p=1", date(2026, 6, 16), 5, NOW)
    for failures in (1, 2):
        health = SourceHealth("hf", failures, LATER, "answered 503")
        move = PermanentRedirect(location, f"https://new{failures}.example.org/feed", NOW)
        await store.save_looks([], [health], [move], {location: replace(known, listed=failures)})

    assert await store.load_health() == {"hf": SourceHealth("hf", 2, LATER, "answered 503")}
    assert await store.load_moves() == {
        location: PermanentRedirect(location, "https://new2.example.org/feed", NOW)
    }
    assert await store.load_validators([location]) == {location: replace(known, listed=2)}

    await store.save_looks([], [SourceHealth("hf")], [PermanentRedirect(location, "", NOW)], {})

    assert await store.load_health() == {"hf": SourceHealth("hf")}
    assert await store.load_moves() == {}


def make_record(source: str, days: int) -> FetchRecord:
    moment = NOW + timedelta(days=days)
    return FetchRecord(source, FetchState.OK, moment, moment, listed=5, new=2, requests=1)


async def test_fetch_records_are_kept_for_ninety_days_and_the_newest_for_ever(database: Database) -> None:
    store = RunStore(database)
    records = [make_record("hf", 0), make_record("hf", 1), make_record("gone", 0), make_record("hf", 60)]
    await store.save_looks(records, [], [], {})

    assert await store.thin(NOW + timedelta(days=90, hours=1), timedelta(days=90)) == 1

    assert await store.load_fetches(NOW) == [
        make_record("gone", 0),
        make_record("hf", 1),
        make_record("hf", 60),
    ]
    assert await store.load_fetches(NOW + timedelta(days=2)) == [make_record("hf", 60)]


async def test_sources_that_ever_brought_something_are_known(database: Database) -> None:
    store = RunStore(database)
    assert await store.load_known_sources() == frozenset()
    await given_entries(database, 1)

    assert len(await store.load_known_sources()) == 1


async def test_entries_are_found_by_any_of_their_keys_outside_of_a_run(database: Database) -> None:
    (entry,) = await given_entries(database, 1)
    store = EntryStore(database)

    assert [known.id for known in await store.load_known([entry.key, EntryKey("doi:10.1/none")])] == [
        entry.id
    ]
    assert await store.load_known([]) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [("ROBOTS", ["50% of Robots"]), ("50%", ["50% of Robots"]), ("0_o", []), ("%", ["50% of Robots"])],
)
async def test_titles_are_found_by_words_as_they_stand(
    database: Database, words: str, found: list[str]
) -> None:
    changes = [
        replace(make_change(number), entry=replace(make_change(number).entry, title=title))
        for number, title in ((1, "50% of Robots"), (2, "500 of cats"))
    ]
    await save_run(database, *changes)

    assert [entry.title for entry in await EntryStore(database).find_titles(words, 10)] == found


async def test_digests_that_have_an_entry_are_told_with_reader_and_topic(database: Database) -> None:
    (entry,) = await given_entries(database, 1)
    reader = await given_reader(database, "ada@example.org")
    instance = await given_instance(database)
    await given_in_data(database, reader, instance, snapshot=make_snapshot(over_limit=[entry.id]))

    [told] = await Ledger(database).reads.load_entry_deliveries(entry.id, [reader.id])

    assert (told.address, told.subscriber, told.topic, told.shown) == (
        reader.address,
        reader.id,
        "RAG",
        False,
    )
    assert told.state is State.IN_DATA
