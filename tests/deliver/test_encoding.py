"""Parts in pieces: encoded piece by piece they are what the whole would be, and read back as what was meant."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver.encoding import encode_part, measure_part
from newsletter.model.mail import TextPiece
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
    pieces: list[TextPiece] = []
    for line, is_new in zip(lines, cuts, strict=True):
        if is_new or not pieces:
            pieces.append(TextPiece(f"{line}\n", is_shared=is_new))
        else:
            pieces[-1] = pieces[-1]._replace(text=f"{pieces[-1].text}{line}\n")

    assert encode_part(pieces) == encode_part([TextPiece(text)])
    encoding, body = encode_part(pieces)
    assert measure_part(pieces) == len(body)
    decode = quopri.decodestring if encoding == "quoted-printable" else base64.b64decode
    assert decode(body).replace(b"\r\n", b"\n").decode() == text
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))


def test_the_shorter_encoding_is_taken() -> None:
    assert encode_part([TextPiece("plain text\n" * 9)])[0] == "quoted-printable"
    assert encode_part([TextPiece("大規模言語モデル\n" * 9)])[0] == "base64"
