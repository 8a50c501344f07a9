"""Words near each other: the cost grows with the text, and what is found is what trying each beginning finds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.match.acronyms import shipped_acronyms
from newsletter.match.haystack import Haystack
from newsletter.match.matcher import match_query
from newsletter.match.query import parse_query
from newsletter.match.words import fold_entry, nearest_runs
from tests.support.builders import make_entry

Run = tuple[int, int]


def try_each_beginning(runs: Sequence[tuple[int, int, int]], parts: int, within: int) -> list[Run]:
    """Return what `nearest_runs` should: from each beginning, look through all that comes after it."""
    for begin, (first, last, part) in enumerate(runs):
        chosen = {part: (first, last)}
        taken, end = last - first + 1, last
        for run in runs[begin + 1 :]:
            if run[2] in chosen or run[0] <= end:
                continue
            chosen[run[2]] = (run[0], run[1])
            taken += run[1] - run[0] + 1
            end = run[1]
            if end - first + 1 - taken > within:
                break
            if len(chosen) == parts:
                return list(chosen.values())
    return []


runs_of_parts = st.dictionaries(
    st.tuples(st.integers(0, 40), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair))),
    st.sets(st.integers(0, 4), min_size=1).map(sorted),
    max_size=30,
)


@given(vote_rank=runs_of_parts, parts=st.integers(2, 5), within=st.integers(1, 12))
@example(vote_rank={}, parts=2, within=1)
@example(vote_rank={(0, 0): [0, 1, 2]}, parts=3, within=5)
@example(vote_rank={(0, 3): [0], (1, 1): [1], (4, 4): [1]}, parts=2, within=1)
def test_what_stands_near_is_what_trying_each_beginning_finds(
    vote_rank: dict[Run, list[int]], parts: int, within: int
) -> None:
    known = {run: [part for part in some if part < parts] for run, some in vote_rank.items()}
    known = {run: some for run, some in known.items() if some}
    runs = sorted((*run, part) for run, some in known.items() for part in some)

    assert nearest_runs(known, parts, within) == try_each_beginning(runs, parts, within)


@pytest.mark.parametrize("words", ["the model of", "the of a", "the the of", "of the in a"])
def test_words_without_number_are_looked_at_a_fixed_number_of_times(words: str) -> None:
    looked_at = 0

    class Part(int):
        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return int(self) == other

        __hash__ = int.__hash__

    def count(length: int) -> int:
        nonlocal looked_at
        looked_at = 0
        # All but the last word stand everywhere, so each beginning is followed in vain.
        parts = len(words.split())
        vote_rank = {(place, place): [Part(place % (parts - 1))] for place in range(length)}
        assert nearest_runs(vote_rank, parts, 50) == []
        return looked_at

    assert count(4000) < 2.2 * count(2000)


@pytest.mark.parametrize(
    ("query", "title", "found"),
    [
        ('"model editing"~5', "Editing of a large model", "Editing model"),
        ('"model editing"~1', "Editing of a large model", ""),
        ('"the model of"~50', "The rise of the model", "The of model"),
        ('"the the model"~5', "The rise of the model", "The the model"),
        ('"the the the"~5', "The rise of the model", ""),
        ('"agents agent"~3', "Agents and an agent", "Agents agent"),
        ('"agent agents"~3', "One agent", ""),
        ('"LLM agents"~4', "Agents of large language models", "Agents large language models"),
        ('"deep learning graph"~2', "Learning on a graph: deep", "Learning graph deep"),
        ('"nowhere model"~50', "The model of the model", ""),
        ('"colour model"~2', "A model of color", "model color"),
        ('"gpt 4"~1', "GPT and 4", "GPT 4"),
    ],
)
def test_words_near_each_other(query: str, title: str, found: str) -> None:
    folded = fold_entry(make_entry(1, title=title))
    match = match_query(parse_query("title:" + query), folded)
    haystack = Haystack([folded], shipped_acronyms())

    assert " ".join(title[hit.start : hit.end] for hit in (match.hits if match else ())) == found
    assert haystack.find(parse_query("title:" + query)) == bool(found)
