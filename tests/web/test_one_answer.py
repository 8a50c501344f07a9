"""The same topic finds the same papers in a digest, a preview, a trial, an explanation, on its page and in a search."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.compose.slots import next_slot
from newsletter.match.budget import UNBOUNDED
from newsletter.match.query import print_query
from newsletter.match.topics import parse_topic
from newsletter.model.digest import Shown
from newsletter.model.entries import Entry
from newsletter.model.readers import Cadence
from newsletter.storage import Archive, Database, EntryStore, RunStore, open_database
from newsletter.web.named_topics import find_newest_of
from newsletter.wiring import FixedClock
from newsletter.workflows.compose_digests import DigestBuilder
from newsletter.workflows.newest_corpus import NewestCorpus
from newsletter.workflows.search import Searcher, read_question
from newsletter.workflows.topic_preview import TopicPreviews
from newsletter.workflows.try_topics import open_trier
from tests.support.builders import make_subscriber
from tests.support.examples import examples
from tests.support.website import NOW, make_paper, new, save_run

TODAY = NOW.date()
DEFINITION = "We study zebra flow matching (ZFM) in wind."


def make_papers(rows: Sequence[tuple[str, int, int | None, bool]]) -> list[Entry]:
    """Papers of the last 7 days: title, days ago, votes, whether it was withdrawn."""
    return [
        replace(
            make_paper(f"2606.{number:05}", title, TODAY - timedelta(days=days_ago)),
            summary="What it says.",
            upvotes=votes,
            withdrawn=withdrawn,
        )
        for number, (title, days_ago, votes, withdrawn) in enumerate(rows, start=1)
    ]


DEFINERS = [
    replace(make_paper(f"2605.0000{number}", f"Part {number}", TODAY - timedelta(days=20)), summary=DEFINITION)
    for number in range(1, 5)
]  # fmt: skip
"""Papers of 20 days ago that define a short form, which those of this week only use."""


async def ask_everywhere(database: Database, form: object) -> Mapping[str, list[str]]:
    """The papers of the last 7 days that a topic finds, by key, as each part of the product says."""
    store = EntryStore(database)
    corpora = NewestCorpus(store, FixedClock(NOW))
    previews, searcher = TopicPreviews(corpora, store, {}), Searcher(Archive(database), corpora)
    topic = parse_topic(form)
    reader = replace(
        make_subscriber("trial@example.org", topics_json=json.dumps([form])),
        cadence=Cadence(frozenset(range(7)), time(7), "UTC"),
        counted_run=0,
    )
    recent = [entry for entry in await store.load_since(NOW - timedelta(days=6)) if entry.sources]
    digests = DigestBuilder(store, {}, await store.newest_run(), NOW)
    digest = await digests.build(reader, next_slot(reader.cadence, NOW), Shown())
    explained = [entry for entry in recent if await digests.find_topics(reader, entry)]
    trier = await open_trier(store, [topic], NOW, 6)
    (preview,) = (await previews.preview([topic], UNBOUNDED)).topics
    found = {
        "explain": [entry for entry in explained if topic.has_votes(entry.upvotes)],
        "topics try": [entry for entry, _ in trier.try_topic(topic).matches],
        "topic page": await find_newest_of(topic, 100, searcher, previews),
        "all of the preview": await previews.find_all(topic),
    }
    if not topic.is_described and print_query(topic.query):
        question = read_question(f"({print_query(topic.query)}) AND date>=2000-01-01")
        searched = await searcher.find_newest(question, UNBOUNDED, 100)
        found["search"] = [
            entry for entry in searched if topic.has_votes(entry.upvotes) and not entry.withdrawn
        ]
    keys = {name: _keys(entries, recent) for name, entries in found.items()}
    by_id = {entry.id: entry for entry in recent}
    shown = (item.entry_id for section in digest.sections for item in section.items)
    keys["digest"] = _keys([by_id[entry] for entry in shown if entry in by_id], recent)
    assert preview.count == len(keys["topics try"])
    return keys


def _keys(entries: Sequence[Entry], recent: Sequence[Entry]) -> list[str]:
    known = {entry.key for entry in recent}
    return sorted(entry.key for entry in entries if entry.key in known)


async def check(database: Database, papers: Sequence[Entry], form: object) -> list[str]:
    """What all parts of the product say; they must agree."""
    await save_run(RunStore(database), "2026-06-17 09:00", *map(new, (*papers, *DEFINERS)))
    found = await ask_everywhere(database, form)
    told = {tuple(keys) for keys in found.values()}
    assert len(told) == 1, found
    return list(told.pop())


@pytest.mark.parametrize(
    ("form", "row", "is_found"),
    [
        ("zebra flow matching", ("ZFM over water", 0, 3, False), True),
        ("zebra flow matching", ("ZFM over water", 0, 3, True), False),
        ("robot", ("Robots", 0, 3, False), True),
        ("robot", ("Robots", 6, 3, True), False),
        ({"name": "Much read", "any": "robot", "min_upvotes": 5}, ("Robots", 0, 4, False), False),
        ({"name": "Much read", "any": "robot", "min_upvotes": 5}, ("Robots", 0, 5, False), True),
        ({"name": "Much read", "any": "robot", "min_upvotes": 5}, ("Robots", 0, None, False), True),
    ],
)
async def test_one_paper_gets_one_answer(
    database: Database, form: object, row: tuple[str, int, int | None, bool], is_found: bool
) -> None:
    papers = make_papers([row])
    assert await check(database, papers, form) == [paper.key for paper in papers if is_found]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ZFM is quick", "Zebra flow matching", "Robots with hands", "Hands: a survey", "A robot survey"]
        ),
        st.integers(0, 5),
        st.none() | st.integers(0, 6),
        st.booleans(),
    ),
    max_size=8,
)
FORMS = st.fixed_dictionaries(
    {
        "name": st.just("x"),
        "query": st.sampled_from(
            ["ZFM", '"zebra flow matching"', "robot*", "robot AND NOT survey", "hand OR ZFM", "title:hand", "=ZFM"]
        ),
        "min_upvotes": st.sampled_from(["0", "3"]),
        "limit": st.just("50"),
    }
) | st.just({"name": "Robots", "about": "robots with hands, zebra flow", "limit": "50"})  # fmt: skip


@examples(15)
@given(ROWS, FORMS)
def test_all_parts_of_the_product_agree(
    rows: list[tuple[str, int, int | None, bool]], form: Mapping[str, str]
) -> None:
    async def run() -> None:
        database = await open_database("sqlite:///:memory:")
        await check(database, make_papers(rows), form)
        await database.close()

    asyncio.run(run())
