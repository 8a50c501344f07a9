from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, text

from newsletter.match.lookup import Lookup, Run, SomeOf, build_lookup, build_plain_lookup
from newsletter.match.query import parse_query
from newsletter.model.entries import Entry, EntryChange, EntryEvent, EntryId, EntryKey, EventKind, Sighting
from newsletter.storage import Archive, Database, EntryStore
from newsletter.storage.word_index import MOST_RUNS, index_all
from tests.support.builders import DAY, at, make_entry
from tests.support.given import NOW, save_run

MONDAY = DAY - timedelta(days=1)


def listed(entry: Entry, *days: date | None) -> EntryChange:
    """An entry that a source lists on these dates."""
    entry = replace(entry, id=EntryId(0), listed_on=min((day for day in days if day), default=None))
    sightings = tuple(Sighting(entry, "hf", f"{entry.key} {day}", day) for day in days)
    return EntryChange(entry, sightings)


def keys(entries: object) -> list[str]:
    return [entry.key.rpartition(".")[2].lstrip("0") for entry in entries]  # type: ignore[attr-defined]


def plain(text: str) -> Lookup:
    lookup = build_plain_lookup(text)
    assert lookup is not None
    return lookup


async def test_edition_is_in_the_order_of_votes_then_of_keys(database: Database) -> None:
    votes = {1: 3, 2: None, 3: 9, 4: 3, 5: 0, 6: None}
    await save_run(database, *(listed(make_entry(n, upvotes=v), DAY) for n, v in reversed(votes.items())))

    edition = await Archive(database).load_edition(DAY)

    assert keys(one.entry for one in edition.entries) == ["3", "1", "4", "5", "2", "6"]


async def test_entry_that_is_listed_again_is_new_on_its_first_date_only(database: Database) -> None:
    await save_run(database, listed(make_entry(1), MONDAY, DAY), listed(make_entry(2), DAY))
    archive = Archive(database)

    first, second = await archive.load_edition(MONDAY), await archive.load_edition(DAY)

    assert [one.is_new for one in first.entries] == [True]
    assert [(keys([one.entry]), one.is_new) for one in second.entries] == [(["1"], False), (["2"], True)]
    assert [(size.day, size.papers) for size in await archive.load_editions()] == [(DAY, 2), (MONDAY, 1)]


async def test_entry_without_a_listing_date_belongs_to_the_day_on_which_it_was_first_seen(
    database: Database,
) -> None:
    seen = {1: "2026-06-15 23:59", 2: "2026-06-16 00:00", 3: "2026-06-16 23:59", 4: "2026-06-17 00:00"}
    await save_run(database, *(listed(make_entry(n, first_seen_at=at(t)), None) for n, t in seen.items()))
    archive = Archive(database)

    edition = await archive.load_edition(DAY)

    assert keys(one.entry for one in edition.entries) == ["2", "3"]
    assert all(one.is_new for one in edition.entries)
    assert (edition.previous, edition.following) == (MONDAY, DAY + timedelta(days=1))
    assert [size.papers for size in await archive.load_editions()] == [1, 2, 1]


async def test_neighbours_of_an_edition_are_the_nearest_dates_with_entries(database: Database) -> None:
    before, after = DAY - timedelta(days=4), DAY + timedelta(days=3)
    await save_run(
        database, listed(make_entry(1), before), listed(make_entry(2), DAY), listed(make_entry(3), after)
    )
    archive = Archive(database)

    found = {day: await archive.load_edition(day) for day in (before, DAY, DAY + timedelta(days=1), after)}

    assert [(edition.previous, edition.following) for edition in found.values()] == [
        (None, DAY),
        (before, after),
        (DAY, after),
        (DAY, None),
    ]
    assert found[DAY + timedelta(days=1)].entries == ()


async def test_what_no_source_lists_is_nowhere_in_the_archive(database: Database) -> None:
    named = EntryChange(
        replace(make_entry(1, listed_on=None, first_seen_at=at("2026-06-16 06:00")), id=EntryId(0))
    )
    await save_run(database, named, listed(make_entry(2), DAY))
    archive = Archive(database)

    edition = await archive.load_edition(DAY)
    newest = await archive.load_newest(10)
    found = await archive.search(plain("paper"))

    assert [keys(one) for one in ([e.entry for e in edition.entries], newest, found.entries)] == [["2"]] * 3
    assert await archive.load_keys(limit=9) == ["arxiv:2606.00002"]
    assert await archive.load_keys(offset=1, limit=9) == []
    assert [size.papers for size in await archive.load_editions()] == [1]
    assert keys(await archive.load_candidates(None, 10)) == ["2"]


async def test_newest_run_comes_first_and_within_it_the_order_of_a_day(database: Database) -> None:
    await save_run(database, listed(make_entry(1, upvotes=50), DAY))
    await save_run(
        database,
        listed(make_entry(2, upvotes=1, first_seen_run=2), DAY),
        listed(make_entry(3, upvotes=2, first_seen_run=2), DAY),
    )

    assert keys(await Archive(database).load_newest(2)) == ["3", "2"]


async def test_version_changes_with_every_run(database: Database) -> None:
    archive = Archive(database)
    versions = [await archive.load_version()]
    for number in (1, 2):
        await save_run(database, listed(make_entry(number), DAY))
        versions.append(await archive.load_version())

    assert len(set(versions)) == 3


async def test_newest_event_of_an_entry_is_when_it_changed(database: Database) -> None:
    await save_run(database, listed(make_entry(1), DAY), listed(make_entry(2), DAY))
    store = EntryStore(database)
    one, two = await store.load_known([EntryKey("arxiv:2606.00001"), EntryKey("arxiv:2606.00002")])
    for number, event in enumerate((EventKind.CROSS_LISTED, EventKind.NEW_VERSION)):
        change = EntryChange(one, events=(EntryEvent(event, "x", "hf"),))
        await save_run(database, change, now=NOW + timedelta(days=number))

    changed = await Archive(database).load_changed_at([one.id, two.id])

    assert changed == {one.id: NOW + timedelta(days=1)}


# --- words --------------------------------------------------------------------------------


async def test_papers_with_all_the_words_in_the_title_come_first_then_the_newest(database: Database) -> None:
    titles = ["Agents with tools", "Tool use", "An agent and its tool", "Nothing"]
    summaries = ["x", "of an agent", "x", "tools of agents"]
    changes = [
        listed(make_entry(n, title=title, summary=summary), DAY)
        for n, (title, summary) in enumerate(zip(titles, summaries, strict=True), 1)
    ]
    await save_run(database, *changes)
    archive = Archive(database)

    found = await archive.search(plain("agent tool"))

    assert (found.total, keys(found.entries)) == (4, ["3", "1", "4", "2"])
    assert keys((await archive.search(plain("agent tool"), offset=1, limit=2)).entries) == ["1", "4"]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("C++", "In C++ alone"),
        ("GPT-3.5", "GPT-3.5 only"),
        ("GPT-3.5", "GPT 3.5 only"),
        ("schrodinger", "On Schrödinger's cat"),
        ("Schrödinger", "On Schr\\\"{o}dinger"),
        ("语言", "大语言模型"),
        ("naïve", "Naive Bayes"),
        ("ＲＡＧ", "RAG"),
        ("modelling", "Modeling it"),
        ("ΑΓΆΠΗ", "αγάπη"),
    ],
)  # fmt: skip
async def test_words_are_found_as_topics_find_them(database: Database, words: str, title: str) -> None:
    await save_run(
        database, listed(make_entry(1, title=title), DAY), listed(make_entry(2, title="Other"), DAY)
    )

    assert keys((await Archive(database).search(plain(words))).entries) == ["1"]


async def test_lookup_of_a_query_finds_phrases_prefixes_names_and_categories(database: Database) -> None:
    one = replace(
        make_entry(1, title="Fine-tuning of robots"), authors=("Jane M. Doe",), categories=("cs.RO", "cs.LG")
    )
    other = make_entry(2, title="Tuning of fine proteins", summary="")
    await save_run(database, listed(one, DAY), listed(other, DAY))
    archive = Archive(database)

    for query in (
        '"fine tuning"',
        "finetuning",
        "robot*",
        "author:Doe",
        "category:cs.RO",
        "fine* AND robot~",
    ):
        lookup = build_lookup(parse_query(query))
        assert keys(await archive.load_candidates(lookup, 10)) == ["1"], query


async def test_index_follows_changes_and_merges(database: Database) -> None:
    await save_run(
        database, listed(make_entry(1, title="First words"), DAY), listed(make_entry(2, title="Twin"), DAY)
    )
    store, archive = EntryStore(database), Archive(database)
    one, two = await store.load_known([EntryKey("arxiv:2606.00001"), EntryKey("arxiv:2606.00002")])

    changed = replace(one, title="Second words", aliases=(two.key,))
    await save_run(database, EntryChange(changed, absorbs=(two.id,)))

    assert (await archive.search(plain("first"))).total == 0
    assert (await archive.search(plain("twin"))).total == 0
    assert keys((await archive.search(plain("second"))).entries) == ["1"]


async def test_index_that_is_made_again_finds_the_same(database: Database) -> None:
    one = replace(make_entry(1, title="Naïve robots"), authors=("Jane Quill",), ai_keywords=("planning",))
    await save_run(database, listed(one, DAY), listed(make_entry(2), DAY))

    def change(connection: Connection) -> None:
        connection.execute(text("DELETE FROM entry_words"))
        index_all(connection)

    await database.write(change)
    archive = Archive(database)

    for words in ("naive robot", "quill", "planning"):
        assert keys((await archive.search(plain(words))).entries) == ["1"]
    assert (await archive.search(plain("paper"))).total == 1


@pytest.mark.parametrize(
    "odd",
    [
        "'", "it's", '"', '"unbalanced', "((", "a OR", "NOT", "NEAR(a b)", "title:", "a*b*", "*", "%", "_", "-", "--",
        "/*", "a:*b", "a <-> b", "a & !b", "\\", "\\'", "{a}", "^a", "a\0b", "\ufffe", "😀 a", "\u202eabc",
        "a" * 10_000,
        "word " * 2_000, "ﬁ", "ß", "İ", "ŉ", "O'Reilly's", "x'; DROP TABLE entries; --", "a\nb\tc", "1e5", "cs.LG",
    ],
)  # fmt: skip
async def test_odd_words_fail_nowhere(database: Database, odd: str) -> None:
    await save_run(database, listed(make_entry(1, title=odd.replace("\0", " ")[:3_000]), DAY))
    archive = Archive(database)
    lookup = build_plain_lookup(odd[:400])

    if lookup is None:
        return
    assert keys((await archive.search(lookup)).entries) == ["1"]


async def test_lookup_that_is_too_large_is_not_asked(database: Database) -> None:
    await save_run(database, listed(make_entry(1), DAY))
    archive = Archive(database)
    lookup = SomeOf(tuple(Run((f"word{number}",)) for number in range(MOST_RUNS + 1)))

    assert (await archive.search(lookup)).total == 0
    assert keys(await archive.load_candidates(lookup, 10)) == ["1"]


async def test_largest_lookup_is_answered(database: Database) -> None:
    await save_run(database, listed(make_entry(1), DAY))
    lookup = SomeOf((*(Run((f"word{number}", "other")) for number in range(MOST_RUNS - 1)), Run(("paper",))))

    assert (await Archive(database).search(lookup)).total == 1


# --- papers like one ----------------------------------------------------------------------


def paper(number: int, title: str, summary: str = "", *, withdrawn: bool = False) -> EntryChange:
    return listed(replace(make_entry(number, title=title, summary=summary), withdrawn=withdrawn), DAY)


async def find_alike(database: Database, number: int, limit: int = 5) -> list[str]:
    store = EntryStore(database)
    [entry] = await store.load_known([make_entry(number).key])
    return keys(await Archive(database).find_alike(entry, limit))


async def test_papers_that_share_rare_words_are_alike_and_withdrawn_ones_are_left_out(
    database: Database,
) -> None:
    await save_run(
        database,
        paper(1, "Protein folding with diffusion models"),
        paper(2, "Diffusion models for protein folding at scale"),
        paper(3, "Folding proteins: a diffusion model", withdrawn=True),
        paper(4, "Diffusion of heat in metals"),
        paper(5, "Language models for code"),
        *(paper(number, f"Language models for task {number}") for number in range(10, 30)),
    )

    assert await find_alike(database, 1) == ["2"]
    assert await find_alike(database, 4) == []


async def test_the_most_alike_come_first_and_so_many_as_are_asked_for(database: Database) -> None:
    await save_run(
        database,
        paper(1, "Gaussian splatting of indoor scenes"),
        paper(2, "Gaussian splatting of moving indoor scenes"),
        *(paper(number, "Gaussian splatting, again") for number in range(3, 9)),
        *(paper(number, f"On something else {number}") for number in range(10, 30)),
    )

    assert await find_alike(database, 1) == ["2", "8", "7", "6", "5"]
    assert await find_alike(database, 1, limit=1) == ["2"]


@pytest.mark.parametrize(
    "title", ["'; DROP TABLE entries; --", '" OR title:*', "\\ : & | ! <-> ( )", "的", "…"]
)
async def test_no_title_speaks_to_the_index(database: Database, title: str) -> None:
    await save_run(database, paper(1, title, title * 3), paper(2, "Rest"))

    assert await find_alike(database, 1) == []
