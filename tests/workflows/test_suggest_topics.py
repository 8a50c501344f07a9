"""Topics to suggest: the operator's first, then what the entries are about, each with what it really finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from newsletter.match.matcher import match_topic
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from newsletter.model.entries import Entry
from newsletter.model.topics import Topic
from newsletter.workflows.suggest_topics import MOST_WORDS, Suggestion, suggest_topics
from tests.support.builders import make_entry


def find_in(entries: Sequence[Entry]) -> Callable[[Topic], int]:
    folded = [fold_entry(entry) for entry in entries]

    def find(topic: Topic) -> int:
        return sum(1 << number for number, entry in enumerate(folded) if match_topic(topic, entry))

    return find


def suggest(entries: Sequence[Entry], *library: Topic) -> tuple[Suggestion, ...]:
    return suggest_topics(entries, {topic.name: topic for topic in library}, find_in(entries))


def make_papers(count: int, title: str, start: int = 0, **facts: object) -> list[Entry]:
    return [
        replace(make_entry(start + number, title=title, summary=""), **facts)  # type: ignore[arg-type]
        for number in range(1, count + 1)
    ]


def test_library_comes_first_with_counts_even_of_nothing() -> None:
    entries = make_papers(3, "Whales sing")

    suggested = suggest(entries, parse_topic({"Ocean": "whale"}), parse_topic("nothing of this"))

    assert suggested[:2] == (
        Suggestion("Ocean", "Ocean", 3),
        Suggestion("nothing of this", "nothing of this", 0),
    )


def test_categories_have_names_and_counts() -> None:
    entries = [
        *make_papers(3, "A", categories=("cs.CL", "cs.LG")),
        *make_papers(1, "B", start=3, categories=("cs.LG", "cs.ET")),
    ]

    assert suggest(entries)[:2] == (
        Suggestion({"cs.LG": "category:cs.LG"}, "Machine learning", 4, "cs.LG"),
        Suggestion({"cs.CL": "category:cs.CL"}, "Computation and language", 3, "cs.CL"),
    )
    assert "cs.ET" not in [one.code for one in suggest(entries)]  # one paper says little


def test_keywords_and_phrases_are_suggested_once_with_what_they_find() -> None:
    entries = [
        *make_papers(3, "Flow matching for whales", ai_keywords=("flow matching", "Flow Matching", "a:b")),
        *make_papers(20, "Other things", start=3),
    ]

    labels = {one.label.casefold(): one.count for one in suggest(entries)}

    assert labels["flow matching"] == 3
    assert "a:b" not in labels
    assert "for whales" not in labels
    assert "other things" not in labels  # most entries: it chooses nothing


def test_what_finds_the_same_papers_as_a_library_topic_is_left_out() -> None:
    entries = [
        *make_papers(3, "Whales at sea", ai_keywords=("whales",)),
        *make_papers(20, "Other things", start=3),
    ]

    assert [one.label for one in suggest(entries, parse_topic({"Ocean": "whale"}))] == ["Ocean"]


def test_what_finds_nearly_the_same_papers_is_left_out_and_a_part_of_them_is_not() -> None:
    entries = [
        *make_papers(7, "Whale watching at sea", ai_keywords=("whales",)),
        *make_papers(2, "Whale song", start=7, ai_keywords=("whales",)),
        *make_papers(1, "Ocean currents", start=9),
        *make_papers(30, "Other things", start=10),
    ]

    labels = [one.label for one in suggest(entries, parse_topic({"Sea life": "whale, ocean"}))]

    assert "Whale watching" in labels  # seven of the ten
    assert "Whales" not in labels  # nine of them


def test_only_so_many_words_are_suggested() -> None:
    entries = [
        entry
        for number in range(30)
        for entry in make_papers(
            3, f"Subject{number:02}x matters", start=3 * number, ai_keywords=(f"key{number:02}",)
        )
    ]

    assert len(suggest(entries)) <= MOST_WORDS
