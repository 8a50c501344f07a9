from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from newsletter.match.alike import MOST_HITS, Probe, choose_alike, choose_probes
from newsletter.match.lookup import Run, SomeOf
from newsletter.model.entries import EntryId
from tests.support.builders import make_entry
from tests.support.examples import examples


def probe(word: str, weight: float = 1.0) -> Probe:
    return Probe(Run((word,)), weight)


def ids(*numbers: int) -> list[EntryId]:
    return [EntryId(number) for number in numbers]


def test_words_pairs_keywords_and_what_comes_again_are_asked_for() -> None:
    entry = replace(
        make_entry(1),
        title="The Tool use of Language Agents",
        summary="Benchmarks matter. Benchmarks are of use. Agents rest.",
        ai_keywords=("tool-use benchmark",),
    )
    asked = choose_probes(entry)
    runs = [probe.lookup for probe in asked if isinstance(probe.lookup, Run)]
    words = [probe.lookup.parts for probe in asked if isinstance(probe.lookup, SomeOf)]

    assert Run(("tool", "use")) in runs
    assert Run(("language", "agents")) in runs
    assert Run(("use", "of")) not in runs
    assert Run(("agents",)) in {part for parts in words for part in parts}
    assert Run(("benchmarks",)) in runs
    assert Run(("matter",)) not in runs
    assert Run(("the",)) not in {part for parts in words for part in parts}


@examples(60)
@given(st.text(max_size=300), st.text(max_size=600), st.lists(st.text(max_size=30), max_size=9))
def test_no_paper_asks_more_than_24_questions(title: str, summary: str, keywords: list[str]) -> None:
    entry = replace(make_entry(1), title=title, summary=summary, ai_keywords=tuple(keywords))

    assert len(choose_probes(entry)) <= 24


def test_rare_words_weigh_more_and_the_newest_come_first_among_equals() -> None:
    found = [
        (probe("rare"), ids(9, 1)),
        (probe("rarer"), ids(9, 1)),
        (probe("common"), ids(*range(1, 40))),
        (probe("usual"), ids(8, 7, 1)),
        (probe("often"), ids(8, 7, 1)),
    ]

    assert choose_alike(EntryId(1), found, 100) == (9, 8, 7)


def test_one_shared_word_is_not_enough_and_nothing_is_like_itself() -> None:
    assert choose_alike(EntryId(1), [(probe("a"), ids(2, 1)), (probe("b"), ids(1))], 100) == ()
    assert choose_alike(EntryId(1), [(probe("a"), ids(1)), (probe("b"), ids(1))], 100) == ()
    assert choose_alike(EntryId(1), [], 100) == ()


def test_words_that_most_papers_have_say_nothing() -> None:
    everywhere = ids(*range(1, MOST_HITS + 1))

    assert choose_alike(EntryId(1), [(probe("a"), everywhere), (probe("b"), everywhere)], 10_000) == ()
    assert choose_alike(EntryId(1), [(probe("a"), ids(1, 2)), (probe("b"), ids(1, 2))], 2) == ()
