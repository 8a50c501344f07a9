"""docs/topics.md does what it says: every YAML example, every table of what is found, every error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from newsletter.errors import QueryError
from newsletter.match.doubts import find_doubts
from newsletter.match.matcher import match_topic
from newsletter.match.query import parse_query
from newsletter.match.similarity import Interest, LexicalSimilarity, weigh_match
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from newsletter.model.topics import Topic
from tests.support.builders import make_entry

_PAGE = (Path(__file__).parents[2] / "docs" / "topics.md").read_text(encoding="utf-8")


_TITLES = sorted(set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", " ".join(_PAGE.split()))))


def _finds(topic: Topic, title: str) -> bool:
    folded = [
        fold_entry(make_entry(number, title=other)) for number, other in enumerate([title, *_TITLES], 1)
    ]
    match = match_topic(topic, folded[0])
    if match is None or not topic.is_described:
        return match is not None
    key = folded[0].entry.key
    near = LexicalSimilarity(folded).measure(Interest(topic.name, topic.about), [key])
    return weigh_match(topic, match, near[key]) is not None


def _examples() -> Iterator[tuple[object, str, bool]]:
    """Yield each YAML topic with the titles in italics of the paragraph below it, and whether it finds them."""
    for block, below in re.findall(r"```yaml\n((?:(?!```).)*)```\n\n(finds .*?)\n\n", _PAGE, re.DOTALL):
        (form,) = yaml.safe_load(block)["topics"]
        text = " ".join(below.split())
        found, _, not_found = (
            text.partition(" not ") if " but not " in text else text.partition(" but neither ")
        )
        found, _, missed = (
            text.partition("It does not find ") if "It does not find" in text else (found, "", not_found)
        )
        yield from ((form, title, True) for title in re.findall(r"\*([^*]+)\*", found))
        yield from ((form, title, False) for title in re.findall(r"\*([^*]+)\*", missed))


def _rows(heading: str) -> list[list[str]]:
    section = _PAGE.split(heading, 1)[1].split("\n## ", 1)[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in rows]


@pytest.mark.parametrize(("form", "title", "is_found"), list(_examples()))
def test_example_finds_what_it_says(form: object, title: str, is_found: bool) -> None:
    assert _finds(parse_topic(form), title) is is_found


def test_there_are_examples() -> None:
    assert len(list(_examples())) >= 13


@pytest.mark.parametrize("row", _rows("## One word") + _rows("## Marks"), ids=lambda row: row[0])
def test_table_finds_what_it_says(row: list[str]) -> None:
    topic = parse_topic({"name": "x", "any": row[0].strip("`")})
    found, not_found = row[-2:]
    titles = [found] if row[0] != "`fine-tuning`" else found.split(", ")
    assert all(_finds(topic, title) for title in titles)
    assert not _finds(topic, not_found)


@pytest.mark.parametrize("query", [q for row in _rows("## Scopes") for q in re.findall(r"`([^`]+)`", row[0])])
def test_scopes_are_known(query: str) -> None:
    assert parse_query(query)


@pytest.mark.parametrize("row", _rows("## When something is wrong"), ids=lambda row: row[0])
def test_mistake_is_answered_as_it_says(row: list[str]) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(row[0].strip("`"))
    assert row[1] in str(caught.value)


@pytest.mark.parametrize("row", _rows("## What cannot find what was meant"), ids=lambda row: row[0])
def test_what_cannot_hit_is_told_as_it_says(row: list[str]) -> None:
    (doubt,) = find_doubts(row[0].strip("`"))
    assert row[1] in str(doubt)
