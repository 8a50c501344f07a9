"""A mail from pieces is what Jinja makes of the whole page: the same bytes, in every layout and language."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.encoding import Part, encode_lines
from newsletter.model.digest import Card, Digest, Item, Section
from newsletter.model.entries import EntryId
from newsletter.model.mail import Fact, Links, Notice
from newsletter.render.budget import Cut, cut_at, last_step
from newsletter.render.bundle import HTML, PAPER_HTML, PAPER_TEXT, SUBJECT, TEXT, Bundle
from newsletter.render.context import build_notice, build_page, build_paper, find_pictures
from newsletter.render.digest import CompiledBundle, CompiledLayout, Papers, compile_bundle
from newsletter.render.sheet import CardMark, Stretch, split_at_cards
from newsletter.render.template import Template
from newsletter.render.text_part import tidy
from tests.support.digests import (
    DAY,
    HIT,
    IDENTITY,
    LINKS,
    make_card,
    make_digest,
    make_picture,
    shipped_templates,
)
from tests.support.examples import examples

LANGUAGES = ("en", "de", "ar")
LAYOUTS = ("cards", "compact", "weekly")
WEB = Links(
    leave="https://news.example.org/leave/k7?a=1&b=2",
    change="https://news.example.org/me/k7",
    leave_mailto="mailto:leave@news.example.org?subject=unsubscribe%20k7",
    web="https://news.example.org/2026-06-18",
    pictures="https://news.example.org/pictures/",
)
WHY = "You get this mail because reader@example.org subscribes to Daily Papers, every day at 07:30 (Europe/Berlin)."

WORDS = st.sampled_from(
    [
        "Agents",
        "From here",
        ".NET & <b>",
        "نماذج لغوية",
        "大規模言語モデル" * 6,
        "x" * 90,
        "{{ 7*7 }}",
        "a  b",
        "Zoë's \u202e topic",
        "",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
CARDS = st.builds(
    lambda number, title, **values: make_card(number, title=title, **values),
    st.integers(1, 40),
    WORDS,
    summary=st.sampled_from(
        ["", "Short.", "One sentence that says something about retrieval. " * 12, "概要。" * 90]
    ),
    comments=st.none() | st.integers(0, 40),
    upvotes=st.none() | st.integers(0, 90),
    url=st.sampled_from(["", "https://arxiv.org/abs/2606.1", "https://example.org/" + "p" * 90]),
    picture=st.none()
    | st.sampled_from([make_picture(1), make_picture(2, width=180, height=225, size=60_000)]),
)
SECTIONS = st.builds(
    lambda topic, cards, overflow, url: Section(
        topic,
        tuple(Item(EntryId(number), card, HIT, also) for number, (card, also) in enumerate(cards)),
        tuple(map(EntryId, range(overflow))),
        url,
    ),
    WORDS,
    st.lists(st.tuples(CARDS, st.just(()) | st.lists(WORDS, max_size=2).map(tuple)), max_size=8),
    st.integers(0, 3),
    st.sampled_from(["", "https://example.org/more?a=1&b=2"]),
)
DIGESTS = st.builds(
    lambda sections, quiet, days, is_first, pictures: replace(
        make_digest(*sections, quiet_topics=tuple(quiet)),
        since_on=DAY - timedelta(days),
        is_first=is_first,
        pictures=pictures,
    ),
    st.lists(SECTIONS, max_size=5),
    st.lists(WORDS, max_size=3),
    st.sampled_from([0, 1, 6]),
    st.booleans(),
    st.booleans(),
)


def join(stretches: tuple[Stretch, ...]) -> str:
    return "".join(stretch.text for stretch in stretches)


def rendered_whole(template: Template, values: dict[str, Any]) -> str:
    """Return the HTML page as Jinja makes it, the cards filled in."""
    pieces = split_at_cards(template.render(values))
    return "".join(join(piece.html) if isinstance(piece, CardMark) else piece for piece in pieces)


def rendered_text(template: Template, values: dict[str, Any]) -> str:
    """Return the text page as Jinja makes it, tidied, the cards filled in and numbered."""
    text, placed = "", 0
    for piece in split_at_cards(template.render(values)):
        if isinstance(piece, CardMark):
            placed += 1
            text += re.sub(r"\A {4}", f"{placed:2d}. ", join(piece.plain))
        else:
            text += piece
    return tidy(text)


def assert_same(part: Part, text: str) -> None:
    whole = encode_lines(text)
    assert b"".join(part.pieces) == whole.quoted
    assert (part.quoted_bytes, part.raw_bytes) == (len(whole.quoted), whole.raw_bytes)
    assert part.text == text


def assert_equal_bytes(layout: CompiledLayout, digest: Digest, cut: Cut, links: Links = WEB) -> None:
    sections = Papers(layout, digest, find_pictures(digest, links)).show(cut)
    rendered = layout.render(digest, sections, IDENTITY, links, WHY)
    values = build_page(layout.lang, digest, IDENTITY, sections, links, WHY)._asdict()
    assert_same(rendered.html_part, rendered_whole(layout.html, values))
    assert_same(rendered.text_part, rendered_text(layout.text, values))
    assert rendered.subject == " ".join(layout.subject.render(values).split())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LAYOUTS)
@examples(60)
@given(DIGESTS, st.data())
def test_a_mail_from_pieces_is_the_whole_page(
    name: str, language: str, digest: Digest, data: st.DataObject
) -> None:
    layout = shipped_templates().compile_layout(name, language)
    count = digest.entry_count
    step = data.draw(st.just(0) | st.integers(0, last_step(count)))
    links = data.draw(st.sampled_from([LINKS, WEB]))

    assert_equal_bytes(layout, digest, cut_at(step, count), links)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "notice",
    [
        Notice(
            "From Ż <x>",
            "Before",
            ("One.", "word " * 40, ".dot"),
            (Fact("A fact", "<b>"), Fact("x", "")),
            "Press",
            "https://example.org/?a=1&b=2",
            "Why.",
        ),
        Notice("S", "", ()),
    ],
)
@pytest.mark.parametrize("links", [None, WEB])
def test_a_notice_from_pieces_is_the_whole_page(language: str, notice: Notice, links: Links | None) -> None:
    templates = shipped_templates().compile_notice(language)
    values = build_notice(notice, IDENTITY, links)._asdict()

    assert_same(templates.html.write(values), templates.html.render(values))
    assert_same(templates.text.write(values), tidy(templates.text.render(values)))


# --- templates of an operator's own ---------------------------------------------------------

PAGE = "<mjml><mj-body><mj-raw>{}</mj-raw></mj-body></mjml>"
OWN = {
    "turns": "{% for s in sections %}{{ loop.index }}. {{ s.heading }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "outer values": "{% for s in sections %}{{ newsletter }}: {{ s.heading }} {{ why_you }}\n{% endfor %}",
    "a card inside a line": "{% for s in sections %}{% for p in s.papers %}({{ p.card }}){% endfor %}{% endfor %}",
    "a card on its line": "{% for s in sections %}{% for p in s.papers %}\n{{ p.card }}\n{% endfor %}{% endfor %}",
    "headings here and there": "{% for s in sections %}<i>{{ s.total }}</i> {{ s.heading }}{% if s.more %} and\n"
    "{{ s.more }}{% endif %}{{ s.heading | upper }}\n{% if s.heading %}\n{{ s.total }}{% endif %}\n\n\n"
    "{% for p in s.papers %}{{ p.card }}\n{% endfor %}{{ s.more_url }}\n{% for s in s.papers %}{{ s.title }}\n"
    "{% endfor %}\n{% endfor %}",
    "headings and outer values": "{% for s in sections %}{{ s.heading }}\n{{ s.total }} {{ newsletter }}\n{% endfor %}",
    "a card that is filtered": "{% for s in sections %}{% for p in s.papers %}{{ p.card | trim }}\n"
    "{% endfor %}{% endfor %}",
    "a card with a name": "{% for s in sections %}{% for p in s.papers %}{% set c = p.card %}{{ c }}\n"
    "{% endfor %}{% endfor %}",
    "a macro": "{% macro one(s) %}<b>{{ s.heading }}</b>\n{% endmacro %}"
    "{% for s in sections %}{{ one(s) }}{% endfor %}",
    "a name that is set": "{% set n = sections | length %}{{ n }} {{ headline | upper }} {{ why_you | lower }}",
    "set in a branch": "{% if quiet %}{% set x = 'q' %}{% else %}{% set x = 'n' %}{% endif %}{{ x }}",
    "branches": "{% if leaders %}L{% elif quiet %}{{ quiet }}{% elif sections %}S\n{% else %}none{% endif %}",
    "nobody": "{% for s in sections %}{{ s.total }}{% else %}nothing{% endfor %}",
    "unpacked": "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}-{{ b }}\n{% endfor %}",
    "a test of a loop": "{% for s in sections if s.papers | length > 1 %}{{ s.heading }}\n{% endfor %}",
    "comparisons": "{{ 'many' if sections | length > 2 else 'few' }} {{ 1 + 2 }} {{ is_first and quiet or 'no' }}",
    "shadows": "{% for sections in sections %}{{ sections.heading }}{% endfor %}{{ sections | length }}",
    "nested": "{% for s in sections %}{% for p in s.papers %}{% for q in s.papers %}{{ p.title == q.title }}"
    "{% endfor %}\n{% endfor %}{% endfor %}",
    "with": "{% with a = headline %}{{ a }}\n{% endwith %}{% filter upper %}{{ overview }}{% endfilter %}",
    "spaces": "  \n\n\n {{ quiet }} \n\n\n\n{{ overview }}   \n   \n",
    "nothing": "",
}


CARD_HTML = "<p>{{ paper.title }}\n</p>"
CARD_TEXT = "    {{ paper.title | wrap(indent=4) }}\n\n{{ paper.summary | wrap }}\n"


@cache
def own_templates(name: str, html: str = CARD_HTML, text: str = CARD_TEXT) -> CompiledBundle:
    return compile_bundle(
        Bundle(
            {
                f"own/{HTML}": PAGE.format(OWN[name]),
                f"own/{TEXT}": OWN[name],
                f"own/{SUBJECT}": "{{ headline }}",
                f"own/{PAPER_HTML}": html,
                f"own/{PAPER_TEXT}": text,
                "notice/notice.mjml.j2": PAGE.format("{{ headline }}"),
                "notice/notice.txt.j2": "{{ headline }}",
            }
        ),
        IDENTITY,
        ["en"],
    )


@pytest.mark.parametrize("name", OWN)
@examples(30)
@given(DIGESTS)
def test_an_operators_own_template_is_written_as_jinja_renders_it(name: str, digest: Digest) -> None:
    assert_equal_bytes(own_templates(name).compile_layout("own", "en"), digest, Cut())


# --- cards, of which the reason is often one reader's alone ----------------------------------

ALSO = st.lists(WORDS, max_size=3).map(tuple)
REASONS = {
    "on a line of its own": "    {{ paper.title }}\n{{ paper.reason | wrap(indent=4) }}\n\n{{ paper.summary }}",
    "last": "    {{ paper.title }}\n\n\n{{ paper.reason }}  \n\n",
    "first": "\n\n{{ paper.reason }}\n{{ paper.title }}",
    "in the margin": "    {{ paper.reason }} {{ paper.title }}\n",
    "half in the margin": "  {{ paper.reason }}{{ paper.title }}\n",
    "twice": "    x\n{{ paper.reason }}\n{{ paper.reason | wrap }}{{ paper.reason }}",
    "in a branch": "    x\n{% if paper.url %}{{ paper.reason }}{% else %}\n{% endif %}\n",
    "in a loop": "    x\n{% for link in paper.links %}{{ paper.reason }} {{ link.url }}\n{% endfor %}",
    "or another value": "    x\n{{ paper.reason if paper.summary else paper.title }}\n",
    "nowhere": "    {{ paper.title }}\n",
    "in nothing": "",
    "asked for": "    x\n{% if paper.reason | length > 40 %}long{% endif %} {{ paper.reason }}\n",
    "filtered": "    x\n{{ paper.reason | upper }}\n{{ paper.reason }}",
    "captured": "    x\n{% filter upper %}{{ paper.reason }}{% endfilter %}\n",
    "escaped by hand": "    x\n{% autoescape true %}{{ paper.reason }}{% endautoescape %}\n",
    "by name": "    x\n{% set p = paper %}{{ p.reason }}\n",
    "by an index": "    x\n{{ paper['reason'] }}\n",
    "with all": "    x\n{{ paper | join(', ') }}\n",
    "in a macro": "    x\n{% macro why(p) %}{{ p.reason }}{% endmacro %}{{ why(paper) }}\n",
    "of another paper": "    x\n{% for paper in [paper] %}{{ paper.reason }}{% endfor %}\n",
}


def assert_card_of_jinja(layout: CompiledLayout, card: Card, also: tuple[str, ...]) -> None:
    for item in (Item(EntryId(1), card, HIT), Item(EntryId(1), card, HIT, also)):
        mark = layout.render_card(item, "A topic", 2026, "full", False, "")
        values = {
            "paper": build_paper(
                layout.lang, item, "A topic", max_summary_chars=400, is_leader=False, year=2026
            )
        }
        assert join(mark.html) == layout.paper_html.template.render(values).strip("\n")
        assert join(mark.plain) == tidy(layout.paper_text.template.render(values)).removesuffix("\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LAYOUTS)
@examples(30)
@given(CARDS, ALSO)
def test_a_card_is_what_jinja_makes_of_it_with_any_reason(
    name: str, language: str, card: Card, also: tuple[str, ...]
) -> None:
    assert_card_of_jinja(shipped_templates().compile_layout(name, language), card, also)


@pytest.mark.parametrize("place", REASONS)
@examples(20)
@given(CARDS, ALSO)
def test_a_reason_may_stand_anywhere_in_an_operators_own_card(
    place: str, card: Card, also: tuple[str, ...]
) -> None:
    text = REASONS[place]
    html = re.sub(r" \| wrap(\(indent=4\))?", "", text)
    layout = own_templates("a card on its line", html, text).compile_layout("own", "en")
    section = Section("A", tuple(Item(EntryId(number), card, HIT, also[number:]) for number in range(3)))

    assert_card_of_jinja(layout, card, also)
    assert_equal_bytes(layout, make_digest(section), Cut())


def test_a_card_is_rendered_once_whatever_else_its_paper_fits() -> None:
    layout = shipped_templates().compile_layout("cards", "en")
    some, others = (
        layout.render_card(Item(EntryId(1), make_card(1), HIT, also), "A topic", 2026, "full", False, "")
        for also in (("RAG",), ("Robots",))
    )

    assert [one is other for one, other in zip(some.html, others.html, strict=True)] == [True, False, True]
    assert [one is other for one, other in zip(some.plain, others.plain, strict=True)] == [True, False, True]


def test_what_was_remembered_of_a_section_depends_on_what_stands_before_it() -> None:
    layout = shipped_templates().compile_layout("cards", "en")
    first, other = (
        Section(topic, (Item(EntryId(1), make_card(number), HIT),)) for number, topic in ((1, "A"), (2, "B"))
    )
    for sections in ((first, other), (other, first), (first, first), (other,)):
        assert_equal_bytes(layout, make_digest(*sections), Cut())
        assert_equal_bytes(layout, replace(make_digest(*sections), since_on=date(2026, 6, 12)), Cut())


def test_a_section_that_writes_nothing_leaves_nothing_however_often_it_comes() -> None:
    layout = own_templates("a card inside a line").compile_layout("own", "en")
    digest = make_digest(Section("A", ()))
    for _ in range(5):
        assert_equal_bytes(layout, digest, Cut())
