from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.text_part import WIDTH, tidy, underline, wrap
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a b", ["a b"]),
        ("word " * 20, [" ".join(["word"] * 14), " ".join(["word"] * 6)]),
        ("x" * 80, ["x" * 72, "x" * 8]),
        ("一" * 40, ["一" * 36, "一" * 4]),
        ("see https://example.org/" + "p" * 80 + " now", ["see", "https://example.org/" + "p" * 80, "now"]),
    ],
)
def test_text_is_wrapped_at_72_columns(text: str, lines: list[str]) -> None:
    assert wrap(text).split("\n") == lines


def test_first_line_may_begin_with_a_number() -> None:
    assert wrap("word " * 15, indent=4, first=" 7. ").split("\n") == [
        " 7. " + " ".join(["word"] * 13),
        "    word word",
    ]


def test_headings_are_underlined_to_their_length() -> None:
    assert underline("RAG") == "RAG\n---"
    assert underline("", "=") == "\n"


def test_text_is_tidied() -> None:
    assert tidy("\n\na  \n\n\n\nb") == "a\n\nb\n"


@examples(60)
@given(st.text(st.characters(exclude_categories=["M"]), max_size=400), st.integers(0, 8))
def test_wrapping_keeps_every_character_and_the_width(text: str, indent: int) -> None:
    wrapped = wrap(text, indent)
    assert "".join(wrapped.split()) == "".join(text.split())
    if "://" not in text:
        assert all(len(line) <= WIDTH for line in wrapped.split("\n"))
