"""The boolean query string: what it means, that printing and reading are inverse, and where mistakes stand."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import QueryError
from newsletter.match.matcher import match_topic
from newsletter.match.query import find_contradiction, parse_query, print_query
from newsletter.match.topics import parse_topic
from newsletter.match.words import fold_entry
from newsletter.model.entries import Entry, EntryKey
from newsletter.model.topics import AllOf, AnyOf, Compare, Measure, Not, Query, Scope, Spelling, Words

TITLE = (Scope.TITLE,)
A, B, C = Words("alpha"), Words("beta"), Words("gamma")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("alpha", A),
        ("alpha beta", AllOf((A, B))),
        ("alpha AND beta", AllOf((A, B))),
        ("alpha OR beta", AnyOf((A, B))),
        ("alpha beta OR gamma", AnyOf((AllOf((A, B)), C))),
        ("alpha (beta OR gamma)", AllOf((A, AnyOf((B, C))))),
        ("NOT alpha beta", AllOf((Not(A), B))),
        ("alpha AND NOT (beta OR gamma)", AllOf((A, Not(AnyOf((B, C)))))),
        ("NOT NOT alpha", Not(Not(A))),
        ('"red team*" alpha', AllOf((Words("red team", spelling=Spelling.PREFIX), A))),
        ("jailbreak~", Words("jailbreak", spelling=Spelling.INFLECTED)),
        ("title:survey", Words("survey", TITLE)),
        ("title:(alpha OR abstract:beta)", AnyOf((Words("alpha", TITLE), Words("beta", (Scope.ABSTRACT,))))),
        ("title|tag:agents", Words("agents", (Scope.TITLE, Scope.TAG))),
        ("cat:cs.{CL, LG}", Words("cs.{CL,LG}", (Scope.CATEGORY,))),
        ("primary:cs.CL", Words("cs.CL", (Scope.PRIMARY,))),
        ("upvotes >= 3", Compare(Measure.UPVOTES, ">=", "3")),
        (
            "stars<3 date>2026-06-01",
            AllOf((Compare(Measure.STARS, "<", "3"), Compare(Measure.DATE, ">", "2026-06-01"))),
        ),
        ('"model editing"~5', Words("model editing", spelling=Spelling.NEAR, within=5)),
        ("/fine-? ?tun(e|ing)/", Words("fine-? ?tun(e|ing)", spelling=Spelling.REGEX)),
        ("title:/^a .* b$/ alpha", AllOf((Words("^a .* b$", TITLE, Spelling.REGEX), A))),
        ("text-to-image/video", Words("text-to-image/video")),
        ('author:"Doe J"', Words("Doe J", (Scope.AUTHOR,))),
        ("=RAG C++ Q&A", AllOf((Words("RAG", spelling=Spelling.EXACT), Words("C++"), Words("Q&A")))),
        ("ANDROID ORACLE NOTES", AllOf((Words("ANDROID"), Words("ORACLE"), Words("NOTES")))),
    ],
)  # fmt: skip
def test_query_string_becomes_a_tree(text: str, query: Query) -> None:
    assert parse_query(text) == query
    assert parse_query(print_query(query)) == query


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("alpha OR", 8),
        ("alpha (beta", 6),
        ("alpha titel:beta", 6),
        ("alpha AND AND beta", 10),
        ("alpha () beta", 6),
        ("a )", 2),
    ],
)
def test_mistake_is_shown_at_its_place(text: str, position: int) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert caught.value.position == position


_TEXTS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9+.-]{0,8}[a-z]( [a-zA-Z]{2,6}){0,2}", fullmatch=True)
_WHERES = st.sampled_from(
    [(Scope.TITLE, Scope.ABSTRACT), TITLE, (Scope.TAG,), (Scope.TITLE, Scope.COMMENT, Scope.ORG)]
)
_WORDS = st.one_of(
    st.builds(Words, _TEXTS, _WHERES, st.sampled_from([Spelling.FOLDED, Spelling.EXACT, Spelling.INFLECTED])),
    st.builds(
        Words, st.from_regex(r"[a-z]{3,8}( [a-z]{3,5})?", fullmatch=True), _WHERES, st.just(Spelling.PREFIX)
    ),
    st.builds(
        Words,
        st.from_regex(r"[a-z]{2,6} [a-z]{2,6}", fullmatch=True),
        _WHERES,
        st.just(Spelling.NEAR),
        st.integers(1, 50),
    ),
    st.builds(
        Words,
        st.sampled_from([r"fine-?tun\w+", r"a b|c\.d", r"x\/y[0-9]{2}", r"(é|\")+"]),
        _WHERES,
        st.just(Spelling.REGEX),
    ),
    st.builds(
        Words,
        st.sampled_from(["cs.CL", "cs.*", "cs.{CL,LG}", "math"]),
        st.sampled_from([(Scope.CATEGORY,), (Scope.PRIMARY,)]),
    ),
    st.builds(Words, st.sampled_from(["Doe J", "O'Neil", "Müller"]), st.just((Scope.AUTHOR,))),
)
_COMPARES = st.one_of(
    st.builds(
        Compare,
        st.sampled_from([Measure.UPVOTES, Measure.COMMENTS, Measure.STARS]),
        st.sampled_from(["<", "<=", "=", ">=", ">"]),
        st.integers(0, 999).map(str),
    ),
    st.builds(
        Compare,
        st.just(Measure.DATE),
        st.sampled_from(["<", ">="]),
        st.dates().map(lambda day: day.isoformat()),
    ),
)


def _grow(parts: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(AllOf, several), st.builds(AnyOf, several), st.builds(Not, parts))


_QUERIES: st.SearchStrategy[Query] = st.recursive(st.one_of(_WORDS, _COMPARES), _grow, max_leaves=8)


@given(_QUERIES)
def test_what_is_printed_is_read_as_the_same_query(query: Query) -> None:
    if not find_contradiction(query):
        assert parse_query(print_query(query)) == query


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    with suppress(QueryError):
        assert parse_query(text)


def _entry(title: str, summary: str = "") -> Entry:
    return Entry(
        EntryKey("arxiv:2606.00001"),
        title,
        summary,
        categories=("cs.LG", "cs.CL"),
        primary_category="cs.LG",
        upvotes=5,
    )


@pytest.mark.parametrize(
    ("query", "title", "is_in"),
    [
        ('"model editing"~2', "Editing facts in a language model", False),
        ('"model editing"~3', "Editing facts in a model", True),
        ('"model editing"~1', "Model-free editing", True),
        ('"LLM agent"~2', "Agents driven by large language models", True),
        ("/gpt-[45]/", "On GPT-5 and others", True),
        ("/gpt-[45]\\b/", "On GPT-6", False),
        ("primary:cs.LG", "x", True),
        ("primary:cs.CL", "x", False),
        ("cat:cs.CL", "x", True),
        ("(alpha OR beta) AND NOT title:survey AND cat:cs.{CL,LG} AND upvotes>=3", "Alphas", True),
        ("(alpha OR beta) AND NOT title:survey AND cat:cs.{CL,LG} AND upvotes>=3", "Alphas: a survey", False),
        ("(alpha OR beta) upvotes>=6", "Alphas", False),
    ],
)
def test_query_decides(query: str, title: str, is_in: bool) -> None:
    topic = parse_topic({"name": "x", "query": query})
    assert (match_topic(topic, fold_entry(_entry(title))) is not None) is is_in


def test_query_and_groups_are_all_needed() -> None:
    topic = parse_topic({"name": "x", "query": "alpha OR beta", "none": "gamma", "where": "title"})
    assert topic.query == AllOf(
        (AnyOf((Words("alpha", TITLE), Words("beta", TITLE))), Not(Words("gamma", TITLE)))
    )


def test_regular_expression_cannot_run_away() -> None:
    topic = parse_topic({"name": "x", "query": "/(a+)+$/"})
    assert match_topic(topic, fold_entry(_entry("a" * 50_000 + "b"))) is None
