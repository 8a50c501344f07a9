from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import QueryError
from newsletter.match.query import written
from newsletter.match.topics import check_names, parse_topic, parse_topics
from newsletter.model.topics import (
    AllOf,
    AnyOf,
    Compare,
    Measure,
    Not,
    Query,
    Rank,
    Scope,
    Spelling,
    Topic,
    Words,
)
from tests.support.examples import examples

TITLE = (Scope.TITLE,)


def category(text: str) -> Words:
    return Words(text, (Scope.CATEGORY,))


@pytest.mark.parametrize(
    ("item", "query"),
    [
        ("RAG", Words("RAG")),
        ("small  language model", Words("small language model")),
        ('"retrieval, augmented"', Words("retrieval, augmented")),
        ('"GPT: a survey"', Words("GPT: a survey")),
        ('"p<0.05"', Words("p<0.05")),
        ('"search AND rescue"', Words("search AND rescue")),
        ("robot*", Words("robot", spelling=Spelling.PREFIX)),
        ('"red team*"', Words("red team", spelling=Spelling.PREFIX)),
        ("=RAG", Words("RAG", spelling=Spelling.EXACT)),
        ('="fine tuning"', Words("fine tuning", spelling=Spelling.EXACT)),
        ("agent~", Words("agent", spelling=Spelling.INFLECTED)),
        ('"language model"~', Words("language model", spelling=Spelling.INFLECTED)),
        ("C++", Words("C++")),
        ("Q&A", Words("Q&A")),
        ("title:benchmark", Words("benchmark", TITLE)),
        ("Title: =RAG", Words("RAG", TITLE, Spelling.EXACT)),
        ("title:GPT: a survey", Words("GPT: a survey", TITLE)),
        ("abstract:robot*", Words("robot", (Scope.ABSTRACT,), Spelling.PREFIX)),
        ('author:"Doe J"', Words("Doe J", (Scope.AUTHOR,))),
        ("tag:agents", Words("agents", (Scope.TAG,))),
        ("source:arxiv-cs", Words("arxiv-cs", (Scope.SOURCE,))),
        ("org:Example Lab", Words("Example Lab", (Scope.ORG,))),
        ("comment:accepted", Words("accepted", (Scope.COMMENT,))),
        ("id:2606.01234", Words("2606.01234", (Scope.ID,))),
        ("category:cs.CL", category("cs.CL")),
        ("cat:cs.*", category("cs.*")),
        ("cat:cs.{CL, LG}", category("cs.{CL,LG}")),
        ("upvotes>=3", Compare(Measure.UPVOTES, ">=", "3")),
        ("comments > 2", Compare(Measure.COMMENTS, ">", "2")),
        ("stars<100", Compare(Measure.STARS, "<", "100")),
        ("date>=2026-06-01", Compare(Measure.DATE, ">=", "2026-06-01")),
    ],
)
def test_item_becomes_its_query(item: str, query: Query) -> None:
    assert parse_topic({"name": "A topic", "any": [item]}).query == query


def test_name_alone_is_the_word_itself() -> None:
    assert parse_topic("RAG") == Topic("RAG", Words("RAG"))


def test_name_alone_takes_the_topic_of_the_library() -> None:
    known = parse_topic({"name": "Robots", "any": "robot*, manipulation", "limit": 3})

    assert parse_topic("robots", {"Robots": known}) == known
    assert parse_topic({"name": "Robots", "limit": "5"}, {"Robots": known}).limit == 5
    assert parse_topic({"name": "Robots", "any": "arm"}, {"Robots": known}).query == Words("arm")


def test_one_line_means_any() -> None:
    topic = parse_topic({"robotics": 'robot*, "pick, place", category:cs.{RO,AI}'})

    assert topic.name == "robotics"
    assert topic.query == AnyOf(
        (Words("robot", spelling=Spelling.PREFIX), Words("pick, place"), category("cs.{RO,AI}"))
    )


def test_long_form_is_read_whole() -> None:
    topic = parse_topic(
        {
            "name": "Small models",
            "any": ["small language model", "SLM"],
            "all": "language model",
            "none": ["survey", "title:benchmark"],
            "where": "title, tag",
            "min_upvotes": "5",
            "wait": "2d",
            "limit": "8",
            "weight": "1.5",
            "rank": "newest",
        }
    )

    where = (Scope.TITLE, Scope.TAG)
    assert topic.query == AllOf(
        (
            AnyOf((Words("small language model", where), Words("SLM", where))),
            Words("language model", where),
            Not(Words("survey", where)),
            Not(Words("benchmark", TITLE)),
        )
    )
    settings = (topic.min_upvotes, topic.wait, topic.limit, topic.weight, topic.rank)
    assert settings == (5, timedelta(days=2), 8, 1.5, Rank.NEWEST)


def test_settings_left_out_have_their_defaults() -> None:
    topic = parse_topic({"name": "RAG", "none": "survey"})

    assert topic.query == AllOf((Words("RAG"), Not(Words("survey"))))
    assert (topic.min_upvotes, topic.wait, topic.limit, topic.weight) == (0, timedelta(), 10, 1.0)


def test_numbers_may_come_as_numbers() -> None:
    topic = parse_topic({"name": "RAG", "limit": 5, "weight": 0.5, "min_upvotes": 0, "wait": "12h"})

    assert (topic.limit, topic.weight, topic.wait) == (5, 0.5, timedelta(hours=12))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("", "the name is empty"),
        (None, "a topic must be a name"),
        (True, "a topic must be a name"),
        ([], "a topic must be a name"),
        ({}, "name: a topic needs a name"),
        ({"any": ["RAG"]}, "name: a topic needs a name"),
        ({"name": ["x"]}, "name: a topic needs a name"),
        ({"name": "x", "an": "y"}, "unknown key 'an'; did you mean 'any'?"),
        ({"name": "x", "wieght": "1"}, "unknown key 'wieght'; did you mean 'weight'?"),
        ({"name": "x", "zzz": "1"}, "unknown key 'zzz'; known: name, any"),
        ({"name": "x", "query": "a OR"}, "query: a word is missing here"),
        ({"name": "x", "query": "(a OR b"}, "query: this parenthesis is not closed"),
        ({"name": "x", "query": "a OR b)"}, "query: this parenthesis was never opened"),
        ({"name": "x", "query": "a ()"}, "query: the group is empty"),
        ({"name": "x", "query": "OR a"}, "query: a word is missing before OR"),
        ({"name": "x", "query": "a and b"}, 'query: operators are written in capitals; write AND, or "and"'),
        ({"name": "x", "query": "a -b"}, "query: a word cannot begin with '-'; write NOT b"),
        ({"name": "x", "query": "a, b"}, "query: commas have no meaning in a query; put OR"),
        ({"name": "x", "query": "titel:a"}, "query: unknown scope 'titel'; did you mean 'title:'?"),
        ({"name": "x", "query": "*"}, "query: a star alone would match everything"),
        ({"name": "x", "query": 'a "b'}, "query: this quote is not closed"),
        ({"name": "x", "query": "rag AND NOT RAG"}, "query: nothing can match: 'rag' is both required"),
        ({"name": "x", "query": "a upvotes>=5 upvotes<5"}, "upvotes>=5 and upvotes<5 exclude each other"),
        ({"name": "x", "query": "upvote>=5"}, "query: unknown measure 'upvote'; did you mean 'upvotes'?"),
        ({"name": "x", "query": "/a(/"}, "query: not a regular expression"),
        ({"name": "x", "query": "/a*/"}, "query: this regular expression matches the empty text"),
        ({"name": "x", "about": " "}, "about: the description is empty"),
        ({"name": "x", "about": "b", "where": "title"}, "where: there are no words to search for"),
        ({"name": "x", "about": "robots " * 300}, "about: the description is longer than 2000 characters"),
        ({"name": "x", "about": ["a"]}, "about: must be a single value"),
        ({"name": "x", "like": []}, "like: names no paper"),
        ({"name": "x", "like": ["BitNet"]}, "like[0]: 'BitNet' is not a paper"),
        ({"name": "x", "unlike": "2402.17764, none"}, "unlike: 'none' is not a paper"),
        (
            {"name": "x", "like": [2402.17764], "unlike": ["2402.17764"]},
            "2402.17764 is both liked and disliked",
        ),
        ({"name": "x", "like": [f"2402.{n:05}" for n in range(201)]}, "like: more than 200 papers"),
        ({"name": "x", "any": []}, "any: the group is empty"),
        ({"name": "x", "any": None}, "any: the group is empty"),
        ({"name": "x", "none": " "}, "none: the group is empty"),
        ({"robots": None}, "robots: the group is empty"),
        ({"robots": {"any": "x"}}, "the words of 'robots' must be a line or a list"),
        ({"name": "x", "any": ["a", ["b"]]}, "any[1]: a word must be text"),
        ({"name": "x", "any": ["a", "b", "ro*"]}, "any[2]: 'ro*' is too short"),
        ({"name": "x", "any": "*"}, "any: a star alone would match everything"),
        ({"name": "x", "any": "title:*"}, "any: a star alone would match everything"),
        ({"name": "x", "any": "cat:*"}, "any: a star alone would match everything"),
        ({"name": "x", "any": "rob*t"}, "any: a star is only allowed at the end"),
        ({"name": "x", "any": "=robot*"}, "any: '=' asks for the exact word"),
        ({"name": "x", "any": "robot*~"}, "any: a word takes '*' or '~', not both"),
        ({"name": "x", "any": "..."}, "any: '...' has no letters or digits"),
        ({"name": "x", "any": "title:"}, "any: a word is missing here"),
        ({"name": "x", "any": "a, , b"}, "any: a word is missing here"),
        ({"name": "x", "any": 'a, "b'}, "any: this quote is not closed"),
        ({"name": "x", "any": 'a "b"'}, "any: a quote must be at the beginning"),
        ({"name": "x", "any": '"a" b'}, "any: nothing may follow a closing quote"),
        ({"name": "x", "any": '"a b"~500'}, "any: ~500 is out of range; write ~1 to ~50"),
        ({"name": "x", "any": "/tun(e|ing/"}, "any: not a regular expression: missing ): tun(e|ing"),
        (
            {"name": "x", "any": "a AND b"},
            "any: AND has no meaning in a list of words; put all of it under 'query'",
        ),
        (
            {"name": "x", "any": "-survey"},
            "any: a word cannot begin with '-'; put what you do not want under",
        ),
        ({"name": "x", "any": "titel:y"}, "any: unknown scope 'titel'; did you mean 'title:'?"),
        ({"name": "x", "any": "abs:y"}, "any: unknown scope 'abs'; did you mean 'abstract:'?"),
        ({"name": "x", "any": "GPT: a survey"}, 'if it is text, quote it: "GPT: a survey"'),
        ({"name": "x", "any": "primary:*"}, "any: a star alone would match everything"),
        ({"name": "x", "any": "cat:cs.{CL"}, "any: this brace is not closed"),
        ({"name": "x", "any": "cat:cs.{CL,}"}, "any: 'cs.{CL,}' is not a category"),
        ({"name": "x", "any": "cat:cs CL"}, "any: 'cs CL' is not a category"),
        ({"name": "x", "any": "cat:"}, "any: a category is missing here"),
        ({"name": "x", "any": "author:J"}, "any: 'J' has only initials; write the family name in full"),
        ({"name": "x", "any": "upvote>=3"}, "any: unknown measure 'upvote'; did you mean 'upvotes'?"),
        ({"name": "x", "any": "upvotes>=many"}, "any: 'many' is not a whole number"),
        ({"name": "x", "any": "upvotes!=3"}, "any: unknown comparison '!='"),
        (
            {"name": "x", "any": "date>=2026-02-30"},
            "any: '2026-02-30' is not a date; write it like 2026-06-01",
        ),
        ({"name": "x", "where": "titles"}, "where: unknown scope 'titles'; did you mean 'title'?"),
        ({"name": "x", "where": ""}, "where: unknown scope ''; known: title"),
        ({"name": "x", "min_upvotes": "-1"}, "min_upvotes: '-1' is not a whole number of at least 0"),
        ({"name": "x", "min_upvotes": "9" * 30}, "is not a whole number of at least 0"),
        ({"name": "x", "limit": "0"}, "limit: must be at least 1"),
        ({"name": "x", "limit": ["1"]}, "limit: must be a single value"),
        ({"name": "x", "weight": "0"}, "weight: '0' is not a number above 0"),
        ({"name": "x", "weight": "nan"}, "weight: 'nan' is not a number above 0"),
        ({"name": "x", "wait": "2 weeks"}, "wait: '2 weeks' is not a duration; write days or hours like 2d"),
        ({"name": "x", "wait": "9999d"}, "wait: '9999d' is too long; at most 90d"),
        ({"name": "x", "rank": "trendy"}, "rank: unknown rank 'trendy'; did you mean 'trending'?"),
        (
            {"name": "x", "all": "LLM", "none": "LLMs"},
            "nothing can match: 'LLM' is both required and excluded",
        ),
        ({"name": "x", "none": "x"}, "nothing can match: 'x' is both required and excluded"),
        (
            {"name": "x", "any": "fine-tuning", "none": "finetuning"},
            "'fine-tuning' is both required and excluded",
        ),
        ({"name": "x", "any": "a, b", "none": "b, a"}, "'a', 'b': everything required is also excluded"),
        ({"name": "x", "all": "cat:cs.CL", "none": "cat:cs.CL"}, "'cs.CL' is both required and excluded"),
    ],
)
def test_mistake_is_refused_with_its_place_and_what_is_right(form: object, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_topic(form)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "form",
    [
        {"name": "x", "all": "LLM", "none": "title:LLM"},
        {"name": "x", "all": "=RAG", "none": "=rag"},
        {"name": "x", "any": "LLM, agents", "none": "agent"},
        {"name": "x", "all": "robot*", "none": "robotics"},
    ],
)
def test_topic_that_can_match_is_accepted(form: object) -> None:
    assert parse_topic(form).name == "x"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('agents,  ro*, "x"', "ro*"),
        ("agents, titel:x", "titel"),
        ('agents, "open', '"open'),
        ("agents, upvotes >= few", "few"),
        ("agents, title: a*b", "*b"),
        ("agents, this OR that", "OR"),
    ],
)
def test_error_points_at_the_mistake(text: str, at: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_topic({"name": "x", "any": text})

    assert caught.value.text == text
    assert text[caught.value.position :].startswith(at)


def test_hint_names_the_nearest_right_word() -> None:
    with pytest.raises(QueryError) as caught:
        parse_topic({"name": "x", "lmit": "3"})

    assert caught.value.hint == "did you mean 'limit'?"
    assert caught.value.text == "lmit"


def test_topics_are_read_in_the_order_of_the_reader() -> None:
    text = json.dumps(["RAG", {"robots": "robot*"}, {"name": "Small", "any": ["SLM"]}])

    topics = parse_topics(text)

    assert [topic.name for topic in topics] == ["RAG", "robots", "Small"]
    assert parse_topics(text) is topics


def test_same_text_with_another_library_is_read_again() -> None:
    narrow, wide = parse_topic({"RAG": "=RAG"}), parse_topic("RAG")

    assert parse_topics('["RAG"]', {"RAG": narrow}) == (narrow,)
    assert parse_topics('["RAG"]') == (wide,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "topics are not JSON"),
        ("[" * 100_000, "topics are not JSON"),
        ('{"a": "b"}', "topics must be a list"),
        ('["RAG", {"name": "x", "any": ["a", "*"]}]', "topics[1].any[1]: a star alone"),
        ('["RAG", " rag"]', "topics[1]: two topics have the name 'rag'"),
    ],
)
def test_wrong_list_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_topics(text)

    assert str(caught.value).startswith(message)


def test_names_must_differ() -> None:
    check_names([parse_topic("RAG"), parse_topic("LLM")])
    with pytest.raises(QueryError, match="two topics have the name"):
        check_names([parse_topic("RAG"), parse_topic("rag")])


@pytest.mark.parametrize("item", ["RAG", "robot*", "=RAG", "agent~", "red team*"])
def test_written_form_reads_back_as_the_same_word(item: str) -> None:
    query = parse_topic({"name": "x", "any": item}).query

    assert isinstance(query, Words)
    assert written(query) == item


MARKED = st.text(st.sampled_from('abcTR *~="/:{},.<>&-+#1大$\\AND OR'), max_size=24)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | MARKED
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)
KEYS = st.sampled_from(
    ["name", "any", "all", "none", "where", "min_upvotes", "wait", "limit", "weight", "rank", "query", "x"]
)


def mistake_of(form: object) -> QueryError | None:
    try:
        parse_topic(form)
    except QueryError as error:
        return error
    return None


@examples(300)
@given(VALUES | st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_form_is_a_topic_or_a_query_error(form: object) -> None:
    mistake = mistake_of(form)

    assert mistake is None or 0 <= mistake.position <= len(mistake.text)


@examples(300)
@given(MARKED)
def test_any_line_is_a_query_or_an_error_inside_the_line(line: str) -> None:
    mistake = mistake_of({"name": "x", "any": line})

    assert mistake is None or 0 <= mistake.position <= len(line)


def test_description_or_papers_alone_choose_and_beside_words_only_rank() -> None:
    described = parse_topic({"name": "Small", "about": "models that fit\n  a phone", "none": "survey"})
    ranked = parse_topic({"name": "Small", "like": ["2402.17764"], "any": "SLM"})

    assert (described.about, described.is_described) == ("models that fit a phone", True)
    assert described.query == Not(Words("survey"))
    assert (ranked.like, ranked.is_described, ranked.query) == (("2402.17764",), False, Words("SLM"))


@pytest.mark.parametrize(
    ("written", "paper"),
    [
        (2402.1, "2402.10000"),
        (1501.00001, "1501.00001"),
        (1412.6980, "1412.6980"),
        (704.0001, "0704.0001"),
        ("arXiv:2402.17764v2", "arXiv:2402.17764v2"),
        ("math/0211159", "math/0211159"),
        ("10.1000/182", "10.1000/182"),
        ("https://example.org/paper", "https://example.org/paper"),
    ],
)
def test_paper_may_be_an_arxiv_id_a_doi_or_an_address(written: object, paper: str) -> None:
    """YAML reads an arXiv id without quotes as a number, and drops the zeros at its end."""
    assert parse_topic({"name": "x", "like": [written]}).like == (paper,)


@pytest.mark.parametrize("name", ["王晓梅", "สมชาย", "राम", "محمد"])
def test_a_name_in_letters_without_capitals_is_no_initials(name: str) -> None:
    assert parse_topic({"name": "x", "any": [f"author:{name}"]})
