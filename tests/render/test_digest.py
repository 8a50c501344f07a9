"""The mail as a whole, read back with an HTML parser."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from datetime import date, timedelta

import pytest
from bs4 import BeautifulSoup, Comment, Tag
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model.digest import Reason
from newsletter.model.mail import Identity, Rendered
from newsletter.model.readers import EmailAddress
from newsletter.model.topics import Scope
from newsletter.render import Bundle, compile_bundle, render_digest
from newsletter.render.budget import MAX_HTML_BYTES
from newsletter.render.context import safe_url
from tests.support.digests import (
    IDENTITY,
    LINKS,
    READER,
    make_card,
    make_digest,
    make_item,
    make_section,
    render,
    shipped_templates,
)
from tests.support.examples import examples

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "expression": "{{ 7*7 }}",
    "block": "{% include 'x' %}",
    "comment": "{# gone #}",
    "build-time": "[[ theme ]] [% include 'x' %]",
    "cdata": "]]> <![CDATA[ x ]]>",
    "outlook": "<!--[if mso]><table><![endif]-->",
    "end of comment": "--> <b>x",
    "quotes": "\" onmouseover='x' `y`",
    "entity": "&lt;b&gt; &amp; &bogus;",
    "right to left": "photo\u202egnp.exe\u202c \u2066x",
    "control": "a\x00b\x1b[2J\ud800c",
    "long word": "x" * 10_000,
    "nested tags": "<b>" * 10_000,
    "placeholder": "jinja0tag jinja1tag",
    "style": "</style><style>body{display:none}",
}


def parse(rendered: Rendered) -> BeautifulSoup:
    return BeautifulSoup(rendered.html, "lxml")


def shape(soup: BeautifulSoup) -> list[str]:
    """Return every element with the names of its attributes, and the comments' number, in order."""
    tags = [f"{tag.name} {sorted(tag.attrs)}" for tag in soup.find_all(True)]
    return [*tags, str(len(soup.find_all(string=lambda text: isinstance(text, Comment))))]


def cards_of(rendered: Rendered) -> list[Tag]:
    return [card for card in parse(rendered).find_all("table", class_="card") if isinstance(card, Tag)]


def links_of_html(rendered: Rendered) -> list[str]:
    return [str(link["href"]) for link in parse(rendered).find_all("a")]


def links_of_text(rendered: Rendered) -> list[str]:
    return [line.strip() for line in rendered.text.splitlines() if re.match(r"\s*(https?|mailto):", line)]


FULL = (
    make_section(
        make_item(
            1,
            discussion_url="https://huggingface.co/papers/2606.00001",
            code_url="https://github.com/example/code?a=1&b=2",
            project_url="https://example.org/project",
        ),
        make_item(2, summary=""),
        overflow=3,
        overflow_url="https://example.org/more",
    ),
    make_section(make_item(3, url="", pdf_url=""), topic="pruning", overflow=2),
    make_section(make_item(4, reason=Reason()), topic=""),
)


# --- content is only ever text --------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_content_is_text_and_changes_no_structure(text: str) -> None:
    def page(content: str) -> Rendered:
        return render(
            make_section(
                make_item(
                    title=content,
                    summary=content,
                    authors=(content, content),
                    organization=content,
                    reason=Reason(rule=content, scope=Scope.TITLE, expansion=content),
                ),
                topic=content,
            ),
            quiet_topics=(content,),
        )

    assert shape(parse(page(text))) == shape(parse(page("harmless")))


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "{{ 7*7 }}", "{% include 'x' %}", "<!--[if mso]>", "a]]>b", "&amp;"]
)
def test_hostile_title_is_shown_as_it_was_written(text: str) -> None:
    rendered = render(make_section(make_item(title=text)))
    heading = parse(rendered).h3
    assert heading is not None
    assert heading.get_text() == text
    assert f" 1. {text}" in rendered.text


@examples(40)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_title_keeps_the_structure_and_is_encodable(title: str) -> None:
    rendered = render(make_section(make_item(title=title, summary=title)))
    (rendered.subject + rendered.html + rendered.text).encode()
    assert len(parse(rendered).find_all(["h1", "h2", "h3"])) == 3
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rendered.html + rendered.text
    )


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.org/a?b=c&d=e#f", "https://example.org/a?b=c&d=e#f"),
        ("HTTP://example.org/", "HTTP://example.org/"),
        ("https://example.org/a b", "https://example.org/a%20b"),
        ('https://example.org/"><script>', "https://example.org/%22%3E%3Cscript%3E"),
        ("https://example.org/\r\nBcc: x", "https://example.org/Bcc:%20x"),
        ("https://example.org/\u202egnp", "https://example.org/%E2%80%AEgnp"),
        ("javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("ftp://example.org", ""),
        ("//example.org/a", ""),
        ("https://", ""),
        ("http://[::1", ""),
        ("https://example.org/" + "x" * 3000, ""),
        ("", ""),
    ],
)
def test_only_web_addresses_become_links(url: str, safe: str) -> None:
    assert safe_url(url) == safe


def test_paper_without_a_safe_address_has_no_link() -> None:
    rendered = render(make_section(make_item(url="javascript:alert(1)", pdf_url="data:x")))
    assert [link for link in links_of_html(rendered) if not link.startswith("mailto:")] == []
    assert "javascript" not in rendered.html + rendered.text


# --- two parts, one edition -----------------------------------------------------------------


def test_both_parts_have_the_same_links() -> None:
    rendered = render(*FULL, quiet_topics=("agents",))
    assert set(links_of_html(rendered)) == set(links_of_text(rendered))
    assert "https://github.com/example/code?a=1&b=2" in links_of_text(rendered)


def test_both_parts_have_the_same_papers_in_the_same_order() -> None:
    rendered = render(*FULL)
    html = [heading.get_text() for heading in parse(rendered).find_all("h3")]
    text = re.findall(r"^ *\d+\. (.+)$", rendered.text, flags=re.MULTILINE)
    assert html == text == [f"Paper {number} about retrieval" for number in (1, 2, 3, 4)]


def test_words_of_the_html_are_in_the_text() -> None:
    rendered = render(*FULL, quiet_topics=("agents",))
    soup = parse(rendered)
    for unseen in soup.find_all(["style", "title"]):
        unseen.extract()
    words = set(re.findall(r"\w{4,}", soup.get_text(" ")))
    assert words - set(re.findall(r"\w{4,}", rendered.text)) == set()


def test_text_has_short_lines_and_no_markup() -> None:
    rendered = render(*FULL)
    assert "&amp;" not in rendered.text
    assert not re.search(r"</?[a-z]+", rendered.text)
    long = [line for line in rendered.text.splitlines() if len(line) > 72]
    assert all(re.fullmatch(r"\s*(https?|mailto):\S+", line) for line in long)


def test_text_reads_like_an_edition() -> None:
    item = make_item(1, title=r"Fast $\ell_1$ Retrieval", summary="It is fast.", authors=("Ada", "Bo"))
    rendered = render(make_section(item))
    assert rendered.text == textwrap.dedent(
        """\
        Daily Papers
        ============
        Thursday, 18 June 2026
        1 paper in 1 topic

        RAG (1 paper)
        -------------

         1. Fast ℓ₁ Retrieval
            https://arxiv.org/abs/2606.00001
            Ada and Bo
            47 upvotes in 9 h, on course for about 110

            It is fast.

            Matched “RAG” in the title · #2 of 31

            Abstract:
            https://arxiv.org/abs/2606.00001
            PDF:
            https://arxiv.org/pdf/2606.00001

        “On course for” is our estimate of a paper’s final upvotes; “#” is its
        place by it among the new papers.

        ------------------------------------------------------------------------

        You get this mail because ada@example.org subscribes to Daily Papers,
        Monday to Friday at 07:30 (Europe/Berlin).

        Change topics:
        mailto:leave@news.example.org?subject=change%20topics
        Unsubscribe:
        mailto:leave@news.example.org?subject=unsubscribe

        Example Lab, 1 Main Street
        """
    )


# --- the HTML -------------------------------------------------------------------------------


def test_headings_go_from_newsletter_to_topic_to_paper() -> None:
    levels = [tag.name for tag in parse(render(*FULL)).find_all(re.compile(r"^h\d$"))]
    assert levels == ["h1", "h2", "h3", "h3", "h2", "h3", "h2", "h3"]


def test_language_direction_and_title_are_declared() -> None:
    soup = parse(render(*FULL))
    assert soup.html is not None
    assert soup.title is not None
    wrapper = soup.select_one("[role=article]")
    assert isinstance(wrapper, Tag)
    for tag in (soup.html, wrapper):
        assert (tag["lang"], tag["dir"]) == ("en", "ltr")
    assert soup.title.get_text() == render(*FULL).subject


def test_layout_tables_are_presentation_and_nothing_is_loaded() -> None:
    rendered = render(*FULL)
    assert all(table.get("role") == "presentation" for table in parse(rendered).find_all("table"))
    assert parse(rendered).find_all(["img", "script", "form", "iframe", "link", "svg"]) == []
    assert "@import" not in rendered.html
    assert "url(" not in rendered.html


def test_dark_mode_is_declared_for_every_kind_of_client() -> None:
    html = render(*FULL).html
    for sign in (
        "color-scheme",
        "supported-color-schemes",
        "prefers-color-scheme: dark",
        "[data-ogsc]",
        "[data-ogsb]",
    ):
        assert sign in html


def test_every_colour_has_six_digits() -> None:
    html = render(make_section(make_item())).html
    colours = re.findall(r"color:\s*(#\w+)", html)
    assert colours
    assert all(len(colour) == 7 for colour in colours)


def test_outlook_sees_balanced_tables() -> None:
    html = re.sub(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", "", render(*FULL).html, flags=re.DOTALL)
    html = re.sub(r"<!--\[if [^\]]*\]>|<!\[endif\]-->", "", html)
    opened: list[str] = []
    for closing, name in re.findall(r"<(/?)(table|tbody|tr|td|div)\b", html):
        if closing:
            assert opened.pop() == name
        else:
            opened.append(name)
    assert opened == []
    assert 'width="600"' in html


def test_link_texts_say_where_they_go() -> None:
    for paper in parse(render(*FULL)).find_all("table", class_="card"):
        texts = {link.get_text(): link["href"] for link in paper.find_all("a")}
        assert len(texts) == len(paper.find_all("a"))
        assert not {text.lower() for text in texts} & {"here", "read more", "link", "more"}


def test_preheader_is_hidden_differs_from_the_subject_and_has_its_length() -> None:
    rendered = render(*FULL)
    preheader = parse(rendered).find("div", style=re.compile("mso-hide:all"))
    assert isinstance(preheader, Tag)
    text = preheader.get_text().rstrip("\u034f\u200c\xa0")
    assert 40 <= len(text) <= 110
    assert text.startswith("Paper 1 about retrieval")
    assert text != rendered.subject


def test_footer_has_the_reason_the_links_and_the_postal_address() -> None:
    rendered = render(*FULL)
    for part in (rendered.html, rendered.text):
        assert "ada@example.org" in part
        assert "mailto:leave@news.example.org?subject=unsubscribe" in part
        assert "mailto:leave@news.example.org?subject=change%20topics" in part
        assert "Example Lab, 1 Main Street" in part


def test_what_is_over_the_limit_is_one_line() -> None:
    rendered = render(*FULL)
    more = parse(rendered).find("a", href="https://example.org/more")
    assert isinstance(more, Tag)
    assert more.get_text() == "3 more on the web"
    assert "2 more, not shown" in rendered.html
    assert "2 more, not shown" in rendered.text


def test_accent_is_the_identitys() -> None:
    identity: Identity = replace(IDENTITY, accent="#0f766e")
    compiled = compile_bundle(shipped_templates().bundle, identity)
    html = render_digest(compiled, make_digest(*FULL), READER, identity, LINKS).html
    assert "#0f766e" in html
    assert "#b45309" not in html


def test_names_are_escaped_too() -> None:
    identity = replace(IDENTITY, name='Ż, "Papers" <x>', postal_address="<b>\n{{ 7*7 }}")
    rendered = render_digest(shipped_templates(), make_digest(*FULL), READER, identity, LINKS)
    heading = parse(rendered).h1
    assert heading is not None
    assert heading.get_text() == identity.name
    assert shape(parse(rendered)) == shape(parse(render(*FULL)))


# --- sizes and edges ------------------------------------------------------------------------


def test_one_paper_reads_in_the_singular() -> None:
    rendered = render(
        make_section(
            make_item(
                upvotes=1, comments=1, code_stars=1, authors=(), author_count=1, reason=Reason(upvotes=1)
            )
        )
    )
    assert rendered.subject == "1 new paper on RAG · 18 June"
    assert not re.search(r"\b1 (papers|topics|upvotes|comments|stars|authors)\b", rendered.text)


def test_empty_digest_is_a_short_honest_note() -> None:
    rendered = render(quiet_topics=("RAG", "pruning"))
    assert rendered.subject == "No new papers for your topics · 18 June"
    for part in (rendered.html, rendered.text):
        assert "Nothing new matched your topics this time." in part
    assert parse(rendered).find_all(["h2", "h3"]) == []
    assert "Nothing new this time for “RAG” and “pruning”." in rendered.text


def test_same_digest_gives_the_same_bytes() -> None:
    again = compile_bundle(Bundle.from_json(shipped_templates().bundle.json), IDENTITY)
    one, other = render(*FULL), render_digest(again, make_digest(*FULL), READER, IDENTITY, LINKS)
    assert one.subject == other.subject
    for part, same in ((one.html_part, other.html_part), (one.text_part, other.text_part)):
        assert b"".join(part.pieces) == b"".join(same.pieces)


def test_small_digest_is_not_shortened() -> None:
    rendered = render(make_section(*(make_item(number) for number in range(1, 16))))
    assert rendered.html_part.size <= MAX_HTML_BYTES
    assert len(parse(rendered).find_all("p", class_="body", dir="auto")) == 15


@pytest.mark.parametrize("papers", [40, 60, 200])
def test_large_digest_keeps_the_budget_and_counts_what_it_leaves_out(papers: int) -> None:
    items = [make_item(number) for number in range(1, papers + 1)]
    half = papers // 2
    rendered = render(
        make_section(*items[:half], overflow=1, overflow_url="https://example.org/more"),
        make_section(*items[half:], topic="pruning", overflow_url="https://example.org/more"),
    )
    assert rendered.html_part.size <= MAX_HTML_BYTES
    assert rendered.html_part.size > MAX_HTML_BYTES * 0.9
    shown = [heading.get_text() for heading in parse(rendered).find_all("h3")]
    assert shown == [item.card.title for item in items[: len(shown)]]
    said = sum(int(number) for number in re.findall(r"(\d+) more on the web", rendered.text))
    assert said == papers - len(shown) + 1
    assert set(links_of_html(rendered)) == set(links_of_text(rendered))


def test_summaries_shrink_from_the_tail_before_papers_give_way() -> None:
    rendered = render(make_section(*(make_item(number) for number in range(1, 43))))
    lengths = [len(paper.find_all("p", class_="body")[-1].get_text()) for paper in cards_of(rendered)]
    assert len(lengths) == 42
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > lengths[-1]


def test_a_card_is_rendered_once_for_all_readers() -> None:
    section = make_section(*(make_item(number) for number in range(1, 6)))
    ada, bo = (
        render_digest(
            shipped_templates(), make_digest(section), replace(READER, address=address), IDENTITY, LINKS
        )
        for address in (EmailAddress("ada@example.org"), EmailAddress("bo@example.org"))
    )
    shared = {id(piece) for piece in ada.html_part.pieces} & {id(piece) for piece in bo.html_part.pieces}
    assert len(shared) > 5
    different = [
        piece
        for piece in ada.html_part.pieces
        if id(piece) not in shared and piece not in bo.html_part.pieces
    ]
    assert len(different) == 1
    assert b"ada@example.org" in different[0]


def test_link_that_repeats_another_is_left_out() -> None:
    card = make_card(discussion_url="https://arxiv.org/abs/2606.00001")
    rendered = render(make_section(make_item(discussion_url=card.discussion_url)))
    assert "Discussion" not in rendered.text


def test_page_that_is_no_abstract_is_named_by_its_host() -> None:
    rendered = render(make_section(make_item(key="url:x", url="https://blog.example.com/a", pdf_url="")))
    assert "    blog.example.com:\n    https://blog.example.com/a\n" in rendered.text


LEGEND = "“On course for” is our estimate of a paper’s final upvotes"
"""The beginning of what numbers mean."""


@pytest.mark.parametrize("layout", ["cards", "compact", "weekly"])
@pytest.mark.parametrize("days", [0, 6])
def test_what_on_course_and_places_mean_is_said_once_at_the_foot_of_both_parts(
    layout: str, days: int
) -> None:
    digest = replace(
        make_digest(*FULL),
        layout=layout,
        language="en",
        since_on=make_digest().slot.local_on - timedelta(days),
    )

    rendered = render_digest(shipped_templates(), digest, READER, IDENTITY, LINKS)

    html, text = parse(rendered).get_text(" "), " ".join(rendered.text.split())
    for part in (html, text):
        assert part.count(LEGEND) == 1
        assert part.index(LEGEND) > part.rindex("#2 of 31")


@pytest.mark.parametrize(
    ("language", "reason", "upvotes", "legend"),
    [
        ("en", Reason(), 47, ""),
        ("en", Reason(projected=112), None, ""),
        ("en", Reason(projected=47), 47, ""),
        ("en", Reason(projected=112), 47, f"{LEGEND}."),
        ("en", Reason(place=2, of=31), 47, "“#” is a paper’s place among the new ones by its upvotes."),
        (
            "en",
            Reason(projected=112, place=2, of=31),
            47,
            f"{LEGEND}; “#” is its place by it among the new papers.",
        ),
        ("de", Reason(place=2, of=31), 47, "„Platz“ ist der Rang eines Papers unter den neuen"),
        ("ar", Reason(place=2, of=31), 47, "«المرتبة» هي ترتيب الورقة"),
    ],
)
def test_numbers_that_a_mail_does_not_have_are_not_explained(
    language: str, reason: Reason, upvotes: int | None, legend: str
) -> None:
    digest = make_digest(make_section(make_item(1, reason, upvotes=upvotes)))

    rendered = render_digest(shipped_templates(), digest, replace(READER, language=language), IDENTITY, LINKS)

    for part in (parse(rendered).get_text(" "), " ".join(rendered.text.split())):
        assert legend in part
        assert ("our estimate" in part, "place" in part) == ("estimate" in legend, "place" in legend)


@pytest.mark.parametrize("layout", ["cards", "compact", "weekly"])
@pytest.mark.parametrize(
    ("language", "also"),
    [("en", "also fits “Robots”"), ("de", "passt auch zu „Robots“"), ("ar", "يوافق أيضًا")],
)
def test_a_paper_says_in_both_parts_what_it_fits_besides(layout: str, language: str, also: str) -> None:
    items = (replace(make_item(1), also=("Robots",)), make_item(2))
    digest = replace(make_digest(make_section(*items)), layout=layout, language=language)

    rendered = render_digest(shipped_templates(), digest, READER, IDENTITY, LINKS)

    assert parse(rendered).get_text(" ").count(also) == 1
    assert " ".join(rendered.text.split()).count(also) == 1


def test_a_listing_date_has_its_year_in_editions_of_other_years_only() -> None:
    late = make_digest(make_section(make_item(1, Reason(late=True), listed_on=date(2026, 6, 16))))
    slot = replace(late.slot, local_on=date(2027, 1, 4))

    same, other = (
        render_digest(shipped_templates(), digest, READER, IDENTITY, LINKS)
        for digest in (late, replace(late, slot=slot))
    )

    assert "Listed on 16 June\n" in same.text
    assert "Listed on 16 June 2026\n" in other.text
