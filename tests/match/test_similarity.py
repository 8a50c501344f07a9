from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.match.similarity import Interest, LexicalSimilarity, weigh_match
from newsletter.match.words import fold_entry
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.model.topics import Likeness, Match
from tests.support.builders import make_topic
from tests.support.examples import examples

PAPERS = {
    "phone": ("Ternary weights for phones", "We compress language models until they run on a phone."),
    "laptop": ("Small models on a laptop", "Quantization to four bits lets language models run on-device."),
    "prune": ("Pruning attention heads", "Compression of transformers: heads that are not needed go."),
    "robot": ("Robots that fold laundry", "A robot learns to grasp cloth from few demonstrations."),
    "drone": ("Drones in the rain", "Flying robots that learn to land on wet ground."),
    "whale": ("Songs of whales", "We record whales in the ocean and count their songs."),
    "survey": ("A survey of robots", "We review robots that grasp, fold and walk."),
    "cjk": ("\u6a5f\u68b0\u5b66\u7fd2", "\u6df1\u5c64\u5b66\u7fd2\u3068\u8a00\u8a9e\u30e2\u30c7\u30eb"),
}


def make_similarity(papers: Mapping[str, tuple[str, str]] = PAPERS) -> LexicalSimilarity:
    return LexicalSimilarity(
        fold_entry(Entry(EntryKey(key), title, summary, id=EntryId(1)))
        for key, (title, summary) in papers.items()
    )


def order(similarity: LexicalSimilarity, interest: Interest) -> list[str]:
    near = similarity.measure(interest, [EntryKey(key) for key in PAPERS])
    return sorted(near, key=lambda key: (-near[EntryKey(key)].value, key))


def like(*keys: str, unlike: tuple[str, ...] = ()) -> Interest:
    return Interest(like=tuple(map(EntryKey, keys)), unlike=tuple(map(EntryKey, unlike)))


def test_description_finds_what_it_describes() -> None:
    similarity = make_similarity()

    assert set(order(similarity, Interest("Small", "language models compressed to run on a phone"))[:2]) == {
        "phone",
        "laptop",
    }
    assert order(similarity, Interest("Sea", "animals of the ocean"))[0] == "whale"


def test_what_a_description_rules_out_draws_nothing_in() -> None:
    wanted = Interest("Robots", "robots that grasp")
    ruled_out = replace(wanted, about="robots that grasp, but not songs of whales in the ocean")

    assert order(make_similarity(), wanted) == order(make_similarity(), ruled_out)


def test_name_speaks_as_well_as_the_description() -> None:
    assert order(make_similarity(), Interest("Whales", "roughly what interests me"))[0] == "whale"


def test_liked_papers_draw_their_like_and_disliked_ones_push_them_away() -> None:
    similarity = make_similarity()

    assert order(similarity, like("robot"))[1] in ("survey", "drone")
    liked = order(similarity, like("robot", "drone"))
    disliked = order(similarity, like("robot", "drone", unlike=("survey",)))
    assert liked.index("survey") < disliked.index("survey")


def test_words_are_those_of_the_entry_and_paper_is_the_nearest_liked_one() -> None:
    near = make_similarity().measure(like("robot"), [EntryKey("survey")])

    assert near[EntryKey("survey")].paper == "Robots that fold laundry"
    title, summary = PAPERS["survey"]
    assert near[EntryKey("survey")].words
    assert all(word in f"{title} {summary}" for word in near[EntryKey("survey")].words)


def test_what_is_far_has_no_words_and_what_is_nearest_the_smallest_share() -> None:
    near = make_similarity().measure(Interest("Sea", "whales in the ocean"), [*map(EntryKey, PAPERS)])

    assert near[EntryKey("whale")].share == 1 / len(PAPERS)
    assert near[EntryKey("prune")].words == ()
    assert near[EntryKey("prune")].value < 0.5 < near[EntryKey("whale")].value


@pytest.mark.parametrize(
    ("interest", "papers"),
    [
        (Interest(), PAPERS),
        (Interest("x", "zymurgy"), PAPERS),
        (like("unknown"), PAPERS),
        (Interest("x", "robots"), {}),
    ],
)
def test_where_nothing_is_known_nothing_is_said(
    interest: Interest, papers: Mapping[str, tuple[str, str]]
) -> None:
    assert make_similarity(papers).measure(interest, [EntryKey("robot")]) == {}


def test_one_entry_and_entries_that_are_all_alike_are_average() -> None:
    for papers in ({"a": PAPERS["robot"]}, {"a": PAPERS["robot"], "b": PAPERS["robot"]}):
        near = make_similarity(papers).measure(Interest("Robots", "robots"), [EntryKey("a")])
        assert near[EntryKey("a")].value == 0.5


def test_script_without_blanks_is_compared_too() -> None:
    assert order(make_similarity(), Interest("x", "\u6df1\u5c64\u5b66\u7fd2"))[0] == "cjk"


def test_added_entry_is_measured_but_changes_nothing() -> None:
    similarity = make_similarity()
    before = similarity.measure(like("robot"), [*map(EntryKey, PAPERS)])
    similarity.add(fold_entry(Entry(EntryKey("new"), "Robots that grasp cups", "A robot learns to grasp.")))

    assert similarity.measure(like("robot"), [*map(EntryKey, PAPERS)]) == before
    assert similarity.measure(like("robot"), [EntryKey("new")])[EntryKey("new")].value > 0.5
    assert (
        similarity.measure(like("new"), [EntryKey("robot")])[EntryKey("robot")].paper
        == "Robots that grasp cups"
    )


WORDS = st.lists(
    st.sampled_from(["robot", "drone", "phone", "model", "cloth", "whale", "song"]), max_size=8
).map(" ".join)


@examples(60)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=8), WORDS, st.randoms(use_true_random=False))
def test_order_of_arrival_changes_nothing(papers: list[tuple[str, str]], about: str, random: object) -> None:
    named = {f"k{number}": paper for number, paper in enumerate(papers)}
    shuffled = list(named.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    keys = [EntryKey(key) for key in named]
    one, other = make_similarity(named), make_similarity(dict(shuffled))

    for interest in (Interest("x", about), like("k0")):
        assert one.measure(interest, keys) == other.measure(interest, keys)
    for key in keys:
        assert one.compare(keys[0], key) == one.compare(key, keys[0])
        assert 0 <= one.compare(keys[0], key) <= 1
    assert one.compare(keys[0], keys[0]) in (0.0, 1.0)


def test_hash_seed_changes_nothing() -> None:
    script = (
        "from tests.match.test_similarity import *;"
        "print(make_similarity().measure(like('robot', 'phone'), [*map(EntryKey, PAPERS)]))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(3)
    }
    assert len(told) == 1


def test_nearness_moves_the_strength_of_words_and_is_that_of_a_description() -> None:
    worded, described = make_topic(), replace(make_topic(), is_described=True)
    by_title, near = Match((), 1.0), Likeness(0.8, 0.1)

    assert weigh_match(worded, by_title, None) == by_title
    assert weigh_match(worded, by_title, near) == Match((), 0.9, near)
    assert weigh_match(described, Match((), 0.7), near) == Match((), 0.8, near)
    assert weigh_match(described, Match((), 0.7), Likeness(0.5, 0.5)) is None
    assert weigh_match(described, Match((), 0.7), None) is None
