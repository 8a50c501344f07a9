from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.plain import MAX_URL_CHARS, clean_names, clean_url, parse_markup
from newsletter.text import clean_line
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  Counting\n  Sheep\t at\u00a0Scale\r\n", "Counting Sheep at Scale"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("over\u202ewritten\u2069", "overwritten"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("half a pair \ud83d", "half a pair"),
        ("a \x00 b", "a b"),
        ("👩\u200d🔬 at work", "👩\u200d🔬 at work"),
        ("$\\alpha$ < 0.05", "$\\alpha$ < 0.05"),
    ],
)
def test_text_becomes_one_visible_line(text: str, line: str) -> None:
    assert clean_line(text, 100) == line


def test_long_text_is_cut_at_a_word() -> None:
    assert clean_line("one two three", 10) == "one two…"
    assert clean_line("x" * 50, 10) == "x" * 9 + "…"
    assert clean_line("one two", 7) == "one two"


def test_names_are_cleaned_and_stay_in_order() -> None:
    assert clean_names(["Émile  Exemple", "", " \n", "Ada Example", "Ada Example"]) == (
        "Émile Exemple",
        "Ada Example",
    )


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (" https://example.org/a b\n", "https://example.org/a%20b"),
        ("https://github.com/ example/code", "https://github.com/example/code"),
        ("https://example.org/long\n  name", "https://example.org/longname"),
        ("HTTP://example.org/", "HTTP://example.org/"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//example.org/x", ""),
        ("https://", ""),
        ("https://[", ""),
        ("https://example.org:99999/", ""),
        ("https://example.org/" + "x" * MAX_URL_CHARS, ""),
        ("", ""),
    ],
)
def test_only_web_addresses_pass(text: str, url: str) -> None:
    assert clean_url(text) == url


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>First <b>para</b>graph.</p><p>Second.</p>", "First paragraph. Second."),
        ("H<sub>2</sub>O<br>and<br/>salt", "H2O and salt"),
        ("<ul><li>one<li>two</ul>", "one two"),
        ("x<script>alert(1)</script><style>b{}</style><svg><text>y</text></svg><!-- c -->z", "xz"),
        ("p &lt; 0.05 &amp; q", "p < 0.05 & q"),
        ("a < b", "a < b"),
        ("no markup", "no markup"),
        ("", ""),
        ("$x<y$ and $y>z$", "$x<y$ and $y>z$"),
        ("p<0.05 and 3<4 > 2", "p<0.05 and 3<4 > 2"),
        ("cut <a href='https://exam", "cut"),
        ('<img alt="a > b">seen', "seen"),
        ("&lt;p&gt;Escaped&lt;/p&gt;&lt;p&gt;twice&lt;/p&gt;", "Escaped twice"),
        ("The &lt;p&gt; element", "The <p> element"),
        ("<jats:title>Abstract</jats:title><jats:p>We</jats:p>", "Abstract We"),
    ],
)
def test_markup_becomes_its_visible_text(markup: str, text: str) -> None:
    assert parse_markup(markup, 100) == text


@pytest.mark.parametrize(
    "markup",
    ["<b>" * 30_000 + "text", "<div>text</div>" * 7_000, "<" * 100_000, "&" * 100_000, "<p>x" * 30_000],
)
def test_hostile_markup_is_read_in_bounded_time(markup: str) -> None:
    assert len(parse_markup(markup, 1_000)) <= 1_000


@examples(100)
@given(
    st.text(alphabet=st.sampled_from("<>/&;!-[]ab'\"= \n\x00\ud800𝄞") | st.characters()), st.integers(2, 60)
)
def test_result_is_one_bounded_line_that_can_be_stored(text: str, max_chars: int) -> None:
    for line in (clean_line(text, max_chars), parse_markup(text, max_chars)):
        assert len(line) <= max_chars
        assert line == " ".join(line.split())
        assert "\x00" not in line
        line.encode()
