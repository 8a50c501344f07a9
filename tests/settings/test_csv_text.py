"""A CSV file from anywhere is read, or refused with the line; nobody in it is swallowed."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.settings.csv_text import read_csv

KNOWN = {"email", "name", "topics"}


def read(data: bytes) -> list[tuple[int, tuple[str, ...]]]:
    table = read_csv(data, "l.csv", lambda name: name.strip().lower() in KNOWN)
    return [(row.line, row.cells) for row in table.rows]


WANTED = [(1, ("email", "name")), (2, ("ada@example.org", "Åda; B, C")), (3, ("kim@example.org", "김"))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_what_spreadsheets_write_is_read(delimiter: str, end: str, encoding: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerows(cells for _, cells in WANTED)

    assert read(text.getvalue().encode(encoding)) == WANTED


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"sep=;\nemail;name\na@b.org;A\n", [(2, ("email", "name")), (3, ("a@b.org", "A"))]),
        (b'"sep=\t"\r\nemail\tname\r\n', [(2, ("email", "name"))]),
        (b"email, name\n a@b.org , A \n", [(1, ("email", "name")), (2, ("a@b.org", "A"))]),
        (b'email, name\na@b.org, "A, B"\n', [(1, ("email", "name")), (2, ("a@b.org", "A, B"))]),
        (
            b"\n\nemail,name\n,,\n  ,\na@b.org,A,,\n",
            [(3, ("email", "name")), (6, ("a@b.org", "A", "", ""))],
        ),
        (b'email\na@b.org\n"c@d.org"\n', [(1, ("email",)), (2, ("a@b.org",)), (3, ("c@d.org",))]),
        (b'email,name\na@b.org,Ada "the" H\n', [(1, ("email", "name")), (2, ("a@b.org", 'Ada "the" H'))]),
        (
            b'email,name\na@b.org,"Ada ""the"" H"\n',
            [(1, ("email", "name")), (2, ("a@b.org", 'Ada "the" H'))],
        ),
        (
            b'email,notes\na@b.org,"two\nlines"\nc@d.org,x\n',
            [(1, ("email", "notes")), (2, ("a@b.org", "two\nlines")), (4, ("c@d.org", "x"))],
        ),
        (b"email;name\na@b.org;Jos\xe9\n", [(1, ("email", "name")), (2, ("a@b.org", "José"))]),
        (b"email\n", [(1, ("email",))]),
        (b"", []),
        (b"\xef\xbb\xbf", []),
    ],
)
def test_rows_have_the_line_where_they_begin(data: bytes, rows: list[tuple[int, tuple[str, ...]]]) -> None:
    assert read(data) == rows


HEAD = b"email,name\na@b.org,A\n"


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (HEAD + b'c@d.org,"C\ne@f.org,E\n', 3, "never closed"),
        (HEAD + b'"c@d.org,C\ne@f.org,E\n', 3, "never closed"),
        (HEAD + b'c@d.org,"', 3, "never closed"),
        (
            HEAD + b'c@d.org,"C\ne@f.org,"E"\ng@h.org,G\n',
            3,
            "in the middle of a text (the cell continues to line 4)",
        ),
        (HEAD + b'c@d.org,"C" D\n', 3, "in the middle of a text"),
        (HEAD + b'c@d.org,"C\ne@f.org,E\ng@h.org,"\n', 3, "closed only in a later row"),
        (HEAD + b'c@d.org,"C\ne@f.org,E\ng@h.org,G"\n', 3, "closed only in a later row"),
        (b'email\n"a@b.org\nc@d.org\ne@f.org"\n', 2, "closed only in a later row"),
        (b'email;name\r\n"a@b.org;A\r\nc@d.org;C"\r\n', 2, "closed only in a later row"),
        (b'email\tname\r"a@b.org\tA\rc@d.org\tC"\r', 2, "closed only in a later row"),
        (HEAD + b'c@d.org,"' + b"x" * 140_000 + b'"\n', 3, "never closed"),
        (HEAD + "c@d.org,é\n".encode() + b"e@f.org,\xe9\n", 4, "non-UTF-8 characters among"),
        (HEAD + b"e@f.org,\xe9\n" + "c@d.org,é\n".encode(), 3, "non-UTF-8 characters among"),
        (b"\xef\xbb\xbf" + HEAD + b"e@f.org,\xe9\n", 3, "non-UTF-8"),
        (HEAD + b"e@f.org,\x81\x8d\n", 3, "neither UTF-8 nor Windows-1252"),
        (b"email,name\r\ra@b.org,A\rc@d.org,\x90\r", 4, "neither UTF-8 nor Windows-1252"),
        (HEAD.decode().encode("utf-16")[:-1], 2, "truncated UTF-16"),
    ],
)
def test_what_is_torn_is_refused_with_its_line(data: bytes, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(data)

    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("l.csv", line)
    assert said in problem.message


def test_a_guess_at_the_encoding_is_told() -> None:
    assert read_csv(b"email;name\na@b.org;Jos\xe9\n", "", bool).is_guessed
    assert not read_csv("email;name\na@b.org;José\n".encode(), "", bool).is_guessed


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).map(str.strip)


@given(
    st.lists(st.tuples(CELLS, CELLS), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_what_was_written_is_read(
    rows: list[tuple[str, str]], delimiter: str, end: str, is_quoted: bool
) -> None:
    text = io.StringIO()
    if is_quoted:
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    else:
        writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerows([("email", "name"), *rows])

    read_rows = [cells for _, cells in read(text.getvalue().encode())]

    assert read_rows == [("email", "name"), *(row for row in rows if any(row))]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        rows = read(b"email,name\n" + data)
    except ConfigError:
        return
    assert all(any(cells) for _, cells in rows)


@given(st.lists(st.sampled_from(['"', "\n", "\r\n", ",", "a@b.org", "x", " "]), max_size=30))
def test_every_address_that_begins_a_line_begins_a_row_or_the_list_is_refused(pieces: list[str]) -> None:
    text = "email,name\n" + "".join(pieces)
    try:
        rows = read(text.encode())
    except ConfigError:
        return
    begun = sum(line.startswith("a@b.org,") for line in text.splitlines()[1:])
    assert sum(cells[0].startswith("a@b.org") for _, cells in rows) >= begun
