"""What clean text is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.text import clean_line, clean_output, clean_text

anything = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("no\0pe", "nope"),
        ("\x1b[31mred\x1b]0;title\x07", "[31mred]0;title"),
        ("overwritten\rline\r\n", "overwrittenline\n"),
        ("C1 \x9b31m, DEL \x7f, NEL \x85", "C1 31m, DEL , NEL "),
        ("half a pair \ud83d, the other \ude00", "half a pair , the other "),
        ("no characters \ufffe\uffff\ufdd0\U0001fffe\U0010ffff", "no characters "),
        ("größe 论文 עברית 😀 a\u00a0b", "größe 论文 עברית 😀 a\u00a0b"),
        (
            "family 👨\u200d👩\u200d👧, Persian می\u200cخواهم",
            "family 👨\u200d👩\u200d👧, Persian می\u200cخواهم",
        ),
        ("", ""),
    ],
)
def test_what_no_store_and_no_terminal_may_see_is_left_out(text: str, clean: str) -> None:
    assert clean_text(text) == clean


def test_marks_that_hide_or_turn_a_text_stay_in_the_store_and_off_the_terminal() -> None:
    text = "evil\u202egpj.exe \u2066x\u2069 ze\u200bro \ufeffbom"

    assert clean_text(text) == text
    assert clean_output(text) == clean_line(text) == "evilgpj.exe x zero bom"


def test_a_line_has_single_blanks_and_is_cut_at_a_word() -> None:
    assert clean_line(" a\r\n\tb \x00 c\x0b\u2028d ") == "a b c d"
    assert clean_line("one two three", 10) == "one two…"
    assert clean_line("x" * 50, 10) == "x" * 9 + "…"


@given(anything)
def test_anything_becomes_clean_and_stays_so(text: str) -> None:
    for clean in (clean_text(text), clean_output(text), clean_line(text)):
        assert not {unicodedata.category(sign) for sign in clean} & {"Cs"}
        assert not any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in clean)
        assert clean.encode().decode() == clean
        assert clean_text(clean) == clean
    assert clean_line(clean_line(text)) == clean_line(text)
