"""The benchmark of matching: all ways find the same, on a small scale."""

from __future__ import annotations

import random

from benchmarks.matching import (
    choose_least,
    choose_ours,
    draw_phrases,
    make_papers,
    match_ours,
    match_patterns,
    match_substrings,
)


def count(note: str, what: str) -> int:
    return int(next(part for part in note.split(", ") if what in part).split()[0].replace(",", ""))


def test_ours_finds_at_least_what_whole_words_find() -> None:
    rng = random.Random(1)
    papers = make_papers(20, rng)
    phrases = draw_phrases(papers, 50, rng)
    ours, substrings, patterns = (
        count(measure(papers, phrases).note, "matches")
        for measure in (match_ours, match_substrings, match_patterns)
    )

    assert 0 < patterns <= ours
    assert substrings >= patterns


def test_readers_get_digests_either_way() -> None:
    rng = random.Random(1)
    papers = make_papers(20, rng)
    phrases = draw_phrases(papers, 5_000, rng)
    ours, least = choose_ours(papers, phrases, 50), choose_least(papers, phrases, 50)

    assert count(ours.note, "digests") > 0
    assert abs(count(ours.note, "digests") - count(least.note, "digests")) <= 5
