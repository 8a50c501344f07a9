from __future__ import annotations

import pytest

from newsletter.match.lookup import (
    EveryOf,
    Lookup,
    Run,
    SomeOf,
    build_lookup,
    build_plain_lookup,
    list_tokens,
)
from newsletter.match.matcher import match_query
from newsletter.match.query import parse_query
from newsletter.match.words import fold_entry
from newsletter.model.entries import Entry, EntryKey


def finds(lookup: Lookup, entry: Entry) -> bool:
    """Whether an index that knows an entry's tokens would find it."""
    title, rest = list_tokens(entry)
    if isinstance(lookup, EveryOf):
        return all(finds(part, entry) for part in lookup.parts)
    if isinstance(lookup, SomeOf):
        return any(finds(part, entry) for part in lookup.parts)
    return any(_stands_in(lookup, tokens) for tokens in (title, rest))


def _stands_in(run: Run, tokens: list[str]) -> bool:
    *before, last = run.tokens
    for place in range(len(tokens) - len(before)):
        found = tokens[place + len(before)]
        if tokens[place : place + len(before)] == before and (
            found.startswith(last) if run.is_open else found == last
        ):
            return True
    return False


def paper(text: str) -> Entry:
    return Entry(
        EntryKey("arxiv:1"),
        text,
        summary="On large language models (LLMs) for retrieval-augmented generation.",
        authors=("Jane M. Doe", "Müller, Jörg"),
        organization="A Lab",
        categories=("cs.LG", "stat.ML"),
        ai_keywords=("sparse attention",),
        note="12 pages",
    )


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("agent", "An agent"),
        ("agents", "One agent"),
        ("finetuning", "Fine-tuning of it"),
        ("finetuning", "Fine tuning of it"),
        ("fine-tuning", "finetuning of it"),
        ('"deep learning models"', "A deeplearning model"),
        ("GPU", "Many GPUs"),
        ("RL", "Reinforcement learning"),
        ('"reinforcement learning"', "RL at last"),
        ('"LLM agent"', "A large language model agent"),
        ("kNN", "k-NN search"),
        ("modelling", "Modeling of it"),
        ("robot*", "Robotics"),
        ("prune~", "Pruning it"),
        ("=RAG", "RAG"),
        ("C++", "In C++ alone"),
        ("GPT-3.5", "We use GPT-3.5 only"),
        ('"editing model"~5', "A model for editing"),
        ("语言", "大语言模型"),
        ("author:Doe", "x"),
        ('author:"Doe, J"', "x"),
        ('author:"Jorg Muller"', "x"),
        ("category:cs.LG", "x"),
        ("cat:cs.*", "x"),
        ('tag:"sparse attention"', "x"),
        ('org:"A Lab"', "x"),
        ("comment:pages", "x"),
        ("id:arxiv:1", "x"),
        ("(agent OR nothing) AND NOT title:survey", "An agent"),
        ("upvotes>=0 OR agent", "An agent"),
        ("/ag.nt/", "An agent"),
        ("title|tag:attention", "x"),
    ],
)
def test_index_is_asked_for_no_more_than_what_matches(query: str, text: str) -> None:
    entry = paper(text)
    tree = parse_query(query)
    lookup = build_lookup(tree)
    if "upvotes" not in query and "id:" not in query:
        assert match_query(tree, fold_entry(entry))
    assert lookup is None or finds(lookup, entry)


@pytest.mark.parametrize(
    "query", ["agent", '"language model"', "author:Smith", "category:cs.CV", "robot*", "kNN"]
)
def test_index_leaves_others_out(query: str) -> None:
    lookup = build_lookup(parse_query(query))
    assert lookup is not None
    assert not finds(lookup, Entry(EntryKey("arxiv:2"), "A paper on proteins", categories=("q-bio",)))


def test_plain_words_are_found_in_any_form_and_in_names() -> None:
    entry = paper("Agents that use tools")
    for words in ("tool", "agent tools", "müller retrieval", "doe", "LG"):
        lookup = build_plain_lookup(words)
        assert lookup is not None
        assert finds(lookup, entry), words
    missing = build_plain_lookup("agent proteins")
    assert missing is not None
    assert not finds(missing, entry)


@pytest.mark.parametrize("text", ["", "%", "\0", '"', "-", "()", " * ", "😀", "\u202e", "AND?"[3:]])
def test_plain_text_without_a_word_asks_for_nothing(text: str) -> None:
    assert build_plain_lookup(text) is None
