from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model.digest import Reason
from newsletter.model.readers import Cadence
from newsletter.model.topics import Scope
from newsletter.render.language import load_language
from newsletter.render.wording import (
    MAX_REASON_CHARS,
    MAX_SUBJECT_CHARS,
    PREHEADER_CHARS,
    clean,
    count_papers,
    cut_summary,
    write_authors,
    write_byline,
    write_cadence,
    write_edition,
    write_facts,
    write_headline,
    write_marks,
    write_more,
    write_overview,
    write_preheader,
    write_quiet,
    write_reason,
)
from tests.support.digests import make_card
from tests.support.examples import examples

EN = load_language("en")


@pytest.mark.parametrize(
    ("authors", "author_count", "text"),
    [
        ((), 0, ""),
        ((), 1, "1 author"),
        ((), 5, "5 authors"),
        (("Ada",), 0, "Ada"),
        (("Ada", "Bo"), 2, "Ada and Bo"),
        (("Ada", "Bo", "Cy", "Di"), 4, "Ada, Bo, Cy and Di"),
        (("Ada", "Bo", "Cy", "Di", "Ed"), 5, "Ada, Bo, Cy and 2 more"),
        (("Ada", "Bo"), 664, "Ada, Bo and 662 more"),
        (tuple(f"A{number}" for number in range(40)), 40, "A0, A1, A2 and 37 more"),
        ((r"J. M\"uller",), 1, "J. Müller"),
    ],
)
def test_authors_are_shortened(authors: tuple[str, ...], author_count: int, text: str) -> None:
    assert write_authors(EN, make_card(authors=authors, author_count=author_count)) == text


@pytest.mark.parametrize(
    ("organization", "published_on", "text"),
    [
        ("", None, "Ada"),
        ("Example Lab", None, "Ada · Example Lab"),
        ("Example Lab", date(2025, 6, 9), "Ada · Example Lab · 9 June 2025"),
    ],
)
def test_byline_says_who_where_and_when(organization: str, published_on: date | None, text: str) -> None:
    card = make_card(authors=("Ada",), author_count=1, organization=organization, published_on=published_on)
    assert write_byline(EN, card) == text


def test_byline_of_what_is_no_paper_begins_with_its_source() -> None:
    card = make_card(source="A blog", authors=("Ada Example",))

    assert write_byline(EN, card) == "A blog · Ada Example"


@pytest.mark.parametrize(
    ("upvotes", "comments", "stars", "facts"),
    [
        (1, 1, 1, ("1 upvote", "1 comment", "1 star on the code")),
        (47, 12, 1204, ("47 upvotes", "12 comments", "1,204 stars on the code")),
        (0, 0, 0, ("no upvotes yet",)),
        (None, None, None, ()),
    ],
)
def test_facts_are_counted(
    upvotes: int | None, comments: int | None, stars: int | None, facts: tuple[str, ...]
) -> None:
    assert write_facts(EN, make_card(upvotes=upvotes, comments=comments, code_stars=stars), Reason()) == facts


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (
            Reason("RAG", Scope.TITLE, upvotes=47, age_hours=9, projected=112, place=2, of=31),
            "Matched “RAG” in the title · #2 of 31",
        ),
        (
            Reason("RAG", Scope.TITLE, "retrieval-augmented generation", 7, 9, 16),
            "Matched “RAG” (retrieval-augmented generation) in the title",
        ),
        (Reason("RAG", Scope.ABSTRACT), "Matched “RAG” in the abstract"),
        (Reason("Li", Scope.AUTHOR), "Matched the author “Li”"),
        (Reason("cs.CL", Scope.CATEGORY), "Matched the category “cs.CL”"),
        (Reason("agents", Scope.TAG), "Matched the tag “agents”"),
        (Reason("hf", Scope.SOURCE), "Matched the source “hf”"),
        (Reason("ICML", Scope.COMMENT), "Matched “ICML” in the authors’ comment"),
        (Reason("MIT", Scope.ORG), "Matched the organisation “MIT”"),
        (Reason("2606.01234", Scope.ID), "Matched the id “2606.01234”"),
        (Reason(), "Matched your topic “my topic”"),
        (
            Reason(share=0.021, words=("on-device", "4-bit"), upvotes=0),
            "Close to your topic “my topic” (top 3 %): on-device, 4-bit",
        ),
        (
            Reason(share=0.001, words=("ternary weights",), paper="BitNet b1.58"),
            "Like “BitNet b1.58”, which you liked (top 1 %): ternary weights",
        ),
    ],
)
def test_reason_says_why(reason: Reason, line: str) -> None:
    assert write_reason(EN, reason, "my topic") == line


def test_entry_of_everything_else_says_so() -> None:
    assert write_reason(EN, Reason(upvotes=3), "") == "Outside your topics"


@pytest.mark.parametrize(
    ("language", "also", "line"),
    [
        ("en", ["RAG"], "Outside your topics · #2 of 31 · also fits “RAG”"),
        ("en", ["RAG", "robots", "x"], "Outside your topics · #2 of 31 · also fits “RAG”, “robots” and “x”"),
        ("de", ["RAG", "x"], "Außerhalb deiner Themen · Platz 2 von 31 · passt auch zu „RAG“ und „x“"),
        ("ar", ["RAG"], "خارج مواضيعك · المرتبة 2 من 31 · يوافق أيضًا «⁨RAG⁩»"),
        (
            "en",
            ["word " * 9, "other " * 9, "third " * 9],
            f"Outside your topics · #2 of 31 · also fits “{('word ' * 9).strip()}” and 2 more topics",
        ),
        ("en", ["x" * 80], f"Outside your topics · #2 of 31 · also fits “{'x' * 80}”"),
    ],
)
def test_reason_names_the_topics_that_a_paper_fits_besides(language: str, also: list[str], line: str) -> None:
    assert write_reason(load_language(language), Reason(place=2, of=31), "", also) == line


@examples(60)
@given(
    st.builds(
        Reason,
        rule=st.text(max_size=200),
        scope=st.none() | st.sampled_from(Scope),
        expansion=st.text(max_size=200),
        upvotes=st.none() | st.integers(0, 10**6),
        age_hours=st.integers(0, 10**4),
        projected=st.none() | st.integers(0, 10**7),
        place=st.integers(0, 500),
        of=st.integers(0, 500),
        late=st.booleans(),
        reached=st.integers(0, 10**4),
        share=st.just(0.0) | st.floats(0.001, 1),
        words=st.lists(st.text(max_size=60), max_size=3).map(tuple),
        paper=st.text(max_size=200),
    ),
    st.text(max_size=200),
)
def test_reason_is_one_line_of_at_most_110_characters(reason: Reason, topic: str) -> None:
    line = write_reason(EN, reason, topic)
    assert 0 < len(line) <= MAX_REASON_CHARS
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("papers", "topics", "outside", "text"),
    [
        (1, 1, 0, "1 paper in 1 topic"),
        (12, 3, 0, "12 papers in 3 topics"),
        (12, 3, 5, "12 papers in 3 topics, and 5 more outside them"),
        (1, 1, 5, "1 paper in 1 topic, and 5 more outside it"),
        (0, 0, 1, "1 paper outside your topics"),
        (0, 0, 0, "No new papers for your topics"),
    ],
)
def test_overview_counts_in_the_right_number(papers: int, topics: int, outside: int, text: str) -> None:
    assert write_overview(EN, papers, topics, outside) == text


@pytest.mark.parametrize(
    ("papers", "topics", "outside", "text"),
    [
        (1, ["RAG"], 0, "1 new paper on RAG · 18 June"),
        (12, ["RAG", "pruning"], 5, "12 new papers on RAG and pruning · 18 June"),
        (
            12,
            ["RAG", "pruning", "hyperparameter tuning", "agents"],
            0,
            "12 new papers on RAG, pruning and 2 more topics · 18 June",
        ),
        (
            12,
            ["a topic with a name that is far too long for a subject line"],
            0,
            "12 new papers in 1 topic · 18 June",
        ),
        (0, [], 1, "1 trending paper · 18 June"),
        (0, [], 0, "No new papers for your topics · 18 June"),
    ],
)
def test_headline_says_what_is_new(papers: int, topics: list[str], outside: int, text: str) -> None:
    headline = write_headline(EN, papers, topics, outside, "18 June")
    assert headline == text
    assert len(headline) <= MAX_SUBJECT_CHARS


@pytest.mark.parametrize(
    "titles", [[], ["AI"], ["Title"] * 9, ["word " * 60], ["x" * 300], ["AI", "long " * 50]]
)
def test_preheader_has_40_to_110_characters(titles: list[str]) -> None:
    shortest, longest = PREHEADER_CHARS
    line = write_preheader(titles, ("N for Thursday, 18 June 2026", "1 paper in 1 topic"))
    assert shortest <= len(line) <= longest


@pytest.mark.parametrize(
    ("text", "max_chars", "cut"),
    [
        ("Short. Enough.", 20, "Short. Enough."),
        ("First one here. Second one here.", 20, "First one here."),
        ("A method, e.g. This one, works. And more follows.", 35, "A method, e.g. This one, works."),
        ("By A. Smith et al. Yes we can. And so on and on.", 35, "By A. Smith et al. Yes we can."),
        ("No sentence ends in here at all", 20, "No sentence ends in…"),
        ("Oh! " + "a long second sentence " * 3, 40, "Oh! a long second sentence a long…"),
        ("一二三四五。六七八九十。", 8, "一二三四五。"),
        ("x" * 50, 10, "x" * 9 + "…"),
        ("Is it 3.5 or 4? Nobody knows it yet.", 20, "Is it 3.5 or 4?"),
    ],
)
def test_summary_is_cut_at_a_sentence(text: str, max_chars: int, cut: str) -> None:
    assert cut_summary(text, max_chars) == cut


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (range(7), "every day at 07:05 (Asia/Kolkata)"),
        (range(5), "Monday to Friday at 07:05 (Asia/Kolkata)"),
        ([0], "every Monday at 07:05 (Asia/Kolkata)"),
        ([4, 0, 2], "every Monday, Wednesday and Friday at 07:05 (Asia/Kolkata)"),
    ],
)
def test_cadence_is_said_in_words(days: list[int], text: str) -> None:
    assert write_cadence(EN, Cadence(frozenset(days), time(7, 5), "Asia/Kolkata")) == text


def test_edition_is_a_date_or_the_days_of_a_week() -> None:
    assert write_edition(EN, date(2025, 11, 3), date(2025, 11, 3)) == "Monday, 3 November 2025"
    assert write_edition(EN, date(2025, 10, 28), date(2025, 11, 3)) == "The week of 28 Oct – 3 Nov 2025"
    assert write_edition(EN, date(2025, 11, 3), date(2025, 11, 9)) == "The week of 3–9 Nov 2025"


@pytest.mark.parametrize(
    ("upvotes", "reason", "votes"),
    [
        (47, Reason(age_hours=9, projected=112), "47 upvotes in 9 h, on course for about 110"),
        (9, Reason(age_hours=50, projected=9), "9 upvotes in 2 days"),
        (1, Reason(age_hours=24), "1 upvote in 24 h"),
        (1204, Reason(projected=99_300), "1,204 upvotes, on course for about 99,000"),
    ],
)
def test_votes_are_said_now_and_as_they_are_on_course_for(upvotes: int, reason: Reason, votes: str) -> None:
    assert write_facts(EN, make_card(upvotes=upvotes), reason) == (votes,)


@pytest.mark.parametrize(
    ("reason", "year", "marks"),
    [
        (Reason(), 2026, ()),
        (Reason(late=True), 2026, ("Listed on 16 June",)),
        (Reason(late=True), 2027, ("Listed on 16 June 2026",)),
        (Reason(late=True), 2025, ("Listed on 16 June 2026",)),
        (Reason(reached=5), 2026, ("Reached your 5 upvotes today",)),
        (Reason(late=True, reached=1), 2026, ("Listed on 16 June", "Reached your 1 upvote today")),
    ],
)
def test_what_is_unusual_is_marked(reason: Reason, year: int, marks: tuple[str, ...]) -> None:
    assert write_marks(EN, make_card(listed_on=date(2026, 6, 16)), reason, year) == marks


def test_more_is_only_said_to_be_on_the_web_where_it_has_an_address() -> None:
    assert write_more(EN, 12, has_url=True) == "12 more on the web"
    assert write_more(EN, 1, has_url=False) == "1 more, not shown"
    assert write_more(EN, 0, has_url=True) == ""


def test_quiet_topics_are_named_up_to_eight() -> None:
    assert write_quiet(EN, ()) == ""
    assert write_quiet(EN, ("RAG",)) == "Nothing new this time for “RAG”."
    assert write_quiet(EN, [str(n) for n in range(9)]).endswith("“7” and 1 other topic.")
    assert write_quiet(EN, [str(n) for n in range(20)]).endswith("“7” and 12 other topics.")


def test_counts_group_their_thousands() -> None:
    assert count_papers(EN, 1204) == "1,204 papers"


def test_invisible_characters_do_not_reach_a_mail() -> None:
    assert clean("a\x00b\x1b[31m\ud800 \u202egnp.exe\u2066 c\r\nd\u200be", 100) == "ab[31m gnp.exe c de"


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_can_be_a_reason(scope: Scope) -> None:
    assert "“cs.CL”" in write_reason(EN, Reason(rule="cs.CL", scope=scope), "NLP")
