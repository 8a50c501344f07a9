"""Parts in pieces: encoded piece by piece they are what the whole would be, and read back as what was meant."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.encoding import Part, encode_lines, encode_opening
from tests.support.examples import examples

LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=200)
    | st.sampled_from([".", "From here", "a " * 50, "x" * 5000, "= =", "日本語" * 40]),
    min_size=1,
    max_size=12,
)


@examples(200)
@given(LINES, st.data())
def test_pieces_encode_to_what_the_whole_does(lines: list[str], data: st.DataObject) -> None:
    text = "".join(f"{line}\n" for line in lines)
    cuts = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    texts: list[str] = []
    for line, is_new in zip(lines, cuts, strict=True):
        if is_new or not texts:
            texts.append("")
        texts[-1] += f"{line}\n"
    pieces = [encode_lines(some) for some in texts]
    part = Part.of([one.quoted for one in pieces], sum(one.raw_bytes for one in pieces))

    encoding, encoded = part.encode()
    body = b"".join(encoded)
    whole, (same,) = Part.of_text(text).encode()
    assert (encoding, body) == (whole, same)
    assert part.size == len(body)
    assert part.text == text
    decode = quopri.decodestring if encoding == "quoted-printable" else base64.b64decode
    assert decode(body).replace(b"\r\n", b"\n").decode() == text
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))


def test_the_shorter_encoding_is_taken() -> None:
    assert Part.of_text("plain text\n" * 9).encode()[0] == "quoted-printable"
    assert Part.of_text("大規模言語モデル\n" * 9).encode()[0] == "base64"


@pytest.mark.parametrize("dots", [".", "...", ". ", ".=", "é.", "." * 200])
def test_no_soft_break_brings_a_dot_to_the_start_of_a_line(dots: str) -> None:
    for length in range(60, 90):
        text = "x" * length + dots + "y" * 100 + "\n"
        part = Part.of_text(text)
        lines = b"".join(part.pieces).split(b"\r\n")
        assert part.text == text
        assert all(len(line) <= 76 for line in lines)
        if len(dots) < 10:  # more of them are left to SMTP
            assert not any(line.startswith(b".") for line in lines)


# Much of it is about breaks, and what may stand behind one.
BEGUN = st.lists(
    st.sampled_from(["x" * 60, "=", ".", "..", " ", "\t", "From ", "é", "大", "word ", 'a="b"']),
    max_size=40,
)


@examples(300)
@given(BEGUN.map("".join), BEGUN.map("".join), st.sampled_from(["", "\n", "\nnext\n"]))
def test_a_line_may_be_encoded_before_it_has_ended(begun: str, rest: str, end: str) -> None:
    done, left = encode_opening(begun)
    whole, after = encode_lines(begun + rest + end), encode_lines(left + rest + end)

    assert done.quoted + after.quoted == whole.quoted
    assert done.raw_bytes + after.raw_bytes == whole.raw_bytes


def test_all_of_a_long_beginning_but_its_last_line_is_encoded_at_once() -> None:
    _, left = encode_opening("<p>" * 100)

    assert len(left) <= 76
