from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.match.acronyms import learn_acronyms
from newsletter.match.index import QueryIndex
from newsletter.match.matcher import match_query
from newsletter.match.query import parse_query
from newsletter.match.words import FoldedEntry, compile_words, fold_entry
from newsletter.model.entries import Entry
from newsletter.model.topics import AllOf, AnyOf, Compare, Measure, Not, Query, Scope, Spelling, Words
from tests.support.builders import make_entry
from tests.support.examples import examples

TEXTS = [
    "Retrieval-augmented generation for tables. RAG wins",
    "Finetuning LLMs on the edge: fine-tuned agents, agentic flows",
    "Graph neural networks (GNNs). Neural graphs of matrices",
    "$k$-means and Poincar\\'e maps in C++",
    "\u6a5f\u68b0\u5b66\u7fd2 and vision-language-action models",
    "",
]
WORDS = [
    *(
        "RAG",
        "generation",
        "fine-tuning",
        "LLM agent",
        "agent",
        "graph neural network",
        "matrix",
        "k-means",
        "C++",
    ),
    *("\u5b66\u7fd2", "model", "on", "poincare", "table", "vision language model", "LLMs", "flows", "a"),
]


def make_entries() -> list[FoldedEntry]:
    return [
        fold_entry(
            replace(
                make_entry(number, title=text, summary=other, upvotes=number),
                authors=("Jane M. Doe", "Li, Wei"),
                categories=("cs.CL", "cs.LG") if number % 2 else ("stat.ML",),
                ai_keywords=("agents", "RAG"),
                organization="Graph Lab",
                listed_on=date(2026, 6, number % 28 + 1),
            )
        )
        for number, (text, other) in enumerate(((a, b) for a in TEXTS for b in TEXTS[:2]), start=1)
    ]


ENTRIES = make_entries()
TEXT_SCOPES = st.sampled_from(
    [
        (Scope.TITLE, Scope.ABSTRACT),
        (Scope.TITLE,),
        (Scope.TAG,),
        (Scope.TITLE, Scope.ORG),
        (Scope.ID, Scope.SOURCE),
    ]
)
LEAVES: st.SearchStrategy[Query] = st.one_of(
    st.builds(Words, st.sampled_from(WORDS), TEXT_SCOPES, st.sampled_from([Spelling.FOLDED, Spelling.EXACT])),
    st.builds(
        Words, st.sampled_from(["gener", "agent", "neural"]), TEXT_SCOPES, st.sampled_from([Spelling.PREFIX])
    ),
    st.builds(Words, st.sampled_from(["agent", "tune"]), TEXT_SCOPES, st.just(Spelling.INFLECTED)),
    st.builds(Words, st.just("neural graph"), TEXT_SCOPES, st.just(Spelling.NEAR), st.integers(1, 5)),
    st.builds(Words, st.sampled_from(["fine-?tun", "[xz]{2}"]), TEXT_SCOPES, st.just(Spelling.REGEX)),
    st.builds(Words, st.sampled_from(["cs.CL", "cs.*", "cs.{LG,CV}", "stat.ml"]), st.just((Scope.CATEGORY,))),
    st.builds(Words, st.sampled_from(["stat.ML", "cs.LG"]), st.just((Scope.PRIMARY,))),
    st.builds(Words, st.sampled_from(["Doe J", "Doe JM", "Wei Li", "Roe"]), st.just((Scope.AUTHOR,))),
    st.builds(Words, st.just("doe"), st.just((Scope.AUTHOR, Scope.TITLE))),
    st.builds(Compare, st.just(Measure.UPVOTES), st.sampled_from([">=", "<"]), st.just("5")),
)
QUERIES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(AllOf, st.lists(parts, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=6,
)


@examples(150)
@given(st.lists(QUERIES, max_size=12))
def test_index_finds_what_each_query_finds_alone(queries: list[Query]) -> None:
    index = QueryIndex(queries)

    for entry in ENTRIES:
        alone = [
            (query, match)
            for query in dict.fromkeys(queries)
            if (match := match_query(query, entry)) is not None
        ]
        assert list(index.match(entry)) == alone


def test_learned_acronyms_count_in_the_index_too() -> None:
    acronyms = learn_acronyms(
        ["A control barrier function (CBF)."] * 3 + [f"control barrier function (CBF) {n}." for n in "ab"]
    )
    query = parse_query("CBF")
    entry = fold_entry(make_entry(title="Control barrier functions"))

    assert [found for found, _ in QueryIndex([query], acronyms).match(entry)] == [query]
    assert list(QueryIndex([query]).match(entry)) == []


@pytest.mark.parametrize(
    ("query", "looked_at"),
    [
        ("zymurgy", False),
        ("zymurgy OR brewing", False),
        ("model AND zymurgy", False),
        ("cat:cs.CL", False),
        ("author:'Roe R'", False),
        ('"zymurgy brewing"~3', False),
        ("NOT zymurgy", True),
        ("zymurgy OR upvotes>=0", True),
        ("/zym/", True),
        ("cat:cs.*", True),
    ],
)
def test_query_whose_words_are_not_there_is_not_looked_at(
    query: str, looked_at: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Query] = []

    def evaluate(query: Query, _entry: Entry, _find: object) -> None:
        looked.append(query)

    monkeypatch.setattr("newsletter.match.index.evaluate", evaluate)
    list(
        QueryIndex([parse_query(query.replace("'", '"'))]).match(
            fold_entry(make_entry(title="A model walks"))
        )
    )

    assert bool(looked) is looked_at


def test_every_word_can_be_looked_for_by_its_beginning() -> None:
    """An automaton takes no empty pattern: all the spellings of a word begin alike."""
    for text in ("foot", "child", "aluminium", "fetus", "tyre", "axis", "\u5b66", "a", "C++"):
        assert all(needle.stem for needle in compile_words(Words(text)))
        QueryIndex([Words(text)])
