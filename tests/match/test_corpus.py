"""What a topic finds, whichever way it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletter.match.corpus import Corpus, Selection
from newsletter.match.haystack import numbers_in, to_bits
from newsletter.match.topics import parse_topic
from newsletter.model.entries import Entry, EntryId
from newsletter.model.topics import Query
from tests.match.test_index import QUERIES, TEXTS
from tests.support.builders import DAY, at, make_entry

NOW = at("2026-06-16 12:00")
DEFINES_ZFM = "We study zebra flow matching (ZFM) again."


def make_paper(number: int, *, title: str = "A paper", summary: str = "", **facts: object) -> Entry:
    paper = make_entry(number, title=title, summary=summary)
    return replace(paper, id=EntryId(number), **facts)  # type: ignore[arg-type]


def make_definers(days_ago: int = 20) -> list[Entry]:
    return [
        make_paper(
            number, title=f"Part {number}", summary=DEFINES_ZFM, listed_on=DAY - timedelta(days=days_ago)
        )
        for number in range(900, 903)
    ]


PAPERS = st.lists(
    st.tuples(
        st.sampled_from([*TEXTS, "ZFM is quick", "Zebra flow matching"]),
        st.sampled_from([*TEXTS, DEFINES_ZFM]),
        st.none() | st.integers(0, 9),
        st.integers(0, 6),
        st.booleans(),
    ),
    max_size=12,
).map(
    lambda rows: [
        make_paper(n, title=title, summary=summary, upvotes=votes, listed_on=DAY - timedelta(days=day), withdrawn=gone)
        for n, (title, summary, votes, day, gone) in enumerate(rows, start=1)
    ]
)  # fmt: skip


@given(PAPERS, st.lists(QUERIES, min_size=1, max_size=5), st.integers(0, 5))
def test_both_engines_find_what_each_entry_alone_says(
    papers: Sequence[Entry], queries: Sequence[Query], votes: int
) -> None:
    corpus = Corpus([*papers, *make_definers()], NOW)
    many = corpus.match_many(queries, papers)
    selection = Selection(corpus, papers)
    for query in queries:
        alone = {paper.id: match for paper in papers if (match := corpus.match(query, paper))}
        assert many[query] == alone
        topic = replace(parse_topic("x"), query=query, min_upvotes=votes)
        wanted = [
            paper
            for paper in selection.entries
            if paper.id in alone and not paper.withdrawn and topic.has_votes(paper.upvotes)
        ]
        found = selection.find(topic)
        assert [(paper.id, match) for paper, match in found.matched] == [
            (paper.id, alone[paper.id]) for paper in wanted
        ]
        assert found.count == len(wanted)
        digest = corpus.find(topic, [(paper, alone[paper.id]) for paper in papers if paper.id in alone])
        enough = [one for one in digest.ranked if topic.has_votes(one.entry.upvotes)]
        assert corpus.rank(topic, found.matched) == enough


def test_short_form_of_the_last_30_days_is_known_whatever_is_asked_about() -> None:
    today = make_paper(1, title="ZFM over water")
    corpus = Corpus([today, *make_definers()], NOW)
    topic = parse_topic("zebra flow matching")
    assert Selection(corpus, [today]).find(topic).count == 1
    assert corpus.match(topic.query, today)


def test_described_topic_finds_the_nearest_of_each_day_and_nothing_that_was_withdrawn() -> None:
    days = [DAY, DAY - timedelta(days=1)]
    papers = [
        make_paper(number, title=title, summary=title, listed_on=days[number % 2], withdrawn=number == 1)
        for number, title in enumerate(
            ["Whale songs", "Whale songs", "Ocean whale sound", "Whales sing", "Robots", "Tables", "Graphs"]
            * 2
        )
    ]
    topic = parse_topic({"name": "Whales", "about": "songs of whales in the ocean", "limit": 1})
    found = Selection(Corpus(papers, NOW), papers).find(topic)
    assert sorted(entry.listed_on or DAY for entry, _ in found.matched) == sorted(days)
    assert all("hal" in entry.title and not entry.withdrawn for entry, _ in found.matched)
    assert found.count == len(found.matched)


def test_folded_entries_are_handed_on_and_only_changed_texts_are_folded_anew() -> None:
    papers = [make_paper(1, title="Robots", upvotes=1), make_paper(2, title="Whales", upvotes=1)]
    before = Corpus(papers, NOW)
    for paper in papers:
        before.remember(paper)
    now = [replace(papers[0], upvotes=9), replace(papers[1], title="Seals")]
    after = Corpus(now, NOW, before)
    assert after.fold(now[0]).fields is before.fold(papers[0]).fields
    assert after.fold(now[0]).entry.upvotes == 9
    assert after.match(parse_topic("seals").query, now[1])


@given(st.frozensets(st.integers(0, 300)))
def test_numbers_of_a_set_come_back_ascending(numbers: frozenset[int]) -> None:
    assert list(numbers_in(to_bits(numbers, 301))) == sorted(numbers)
