"""YAML as text: nothing is guessed, everything has its place, and what is refused says where and why."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, Problem
from newsletter.settings import yaml_text
from newsletter.settings.yaml_text import Document, Value, load_yaml, read_text
from tests.support.examples import examples


def read(text: str) -> dict[str, Value]:
    return load_yaml(text, "f.yaml").value


def refusal(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_yaml(text, "f.yaml")
    return list(caught.value.problems)


@pytest.mark.parametrize(
    "text",
    [
        "17:30",
        "07:30",
        "NO",
        "on",
        "off",
        "yes",
        "true",
        "null",
        "~",
        "1.0",
        "2404.14210",
        "0x1F",
        "1_000",
        "2026-06-16",
        ".inf",
        "=",
    ],
)
def test_every_value_stays_the_text_that_stands_there(text: str) -> None:
    assert read(f"key: {text}\n{text}: [{text}]\n") == {"key": text, text: [text]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("key:\n", {"key": None}),
        ("key: ''\n", {"key": ""}),
        ("key: # nothing\n", {"key": None}),
        ("- \n", None),
        ("", {}),
        ("# only a comment\n", {}),
        ("---\nkey: a\n", {"key": "a"}),
        ("key: |\n  two\n  lines\n", {"key": "two\nlines\n"}),
        ("<<: {a: b}\n", {"<<": {"a": "b"}}),
        ("'quoted key': \"\\u00e9\"\n", {"quoted key": "é"}),
    ],
)
def test_an_empty_value_is_none_and_an_empty_file_has_no_keys(text: str, value: object) -> None:
    if value is None:
        assert refusal(text)
    else:
        assert read(text) == value


def test_every_value_and_key_knows_its_line_and_column() -> None:
    document = load_yaml("a: 1\nlist:\n  - x: [é, 'two']\n", "f.yaml")

    assert document.places["a",] == (1, 4)
    assert document.places["list", 0] == (3, 5)
    assert document.places["list", 0, "x", 1] == (3, 12)
    assert document.key_places["list", 0, "x"] == (3, 5)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("a: robot AND arm\n", (1, 10)),
        ("a: 'robot AND arm'\n", (1, 11)),
        ("é: ä\na: robot AND arm\n", (2, 10)),
        ('a: "robot\\x20AND arm"\n', (1, 4)),  # escapes: only the beginning is certain
        ("a: |\n  robot AND arm\n", (1, 4)),
    ],
)
def test_an_offset_leads_to_the_sign_inside_of_a_text(source: str, place: tuple[int, int]) -> None:
    problem = load_yaml(source, "f.yaml").problem(("a",), "no AND", offset=6)

    assert (problem.line, problem.column) == place


def test_what_is_missing_is_placed_at_the_nearest_thing_around_it() -> None:
    document = load_yaml("top: 1\nrelay:\n  host: x\n", "f.yaml")

    assert document.problem(("relay", "port"), "").line == 2
    assert document.problem(("nothing",), "").line == 1
    assert str(document.problem(("relay", "port"), "is missing")) == "f.yaml:2:1: relay.port: is missing"


@pytest.mark.parametrize(
    ("text", "line", "column", "wrong", "right"),
    [
        ("a: 1\nb:\n\t- x\n", 3, 1, "cannot start any token", "spaces, not tabs"),
        ("a: @b\n", 1, 4, "cannot start any token", "quote a text"),
        ("a: b: c\n", 1, 5, "mapping values are not allowed", "quote a text that contains ': '"),
        ("a: 1\n b: 2\n", 2, 3, "mapping values are not allowed", "in one column"),
        ("a: [1, 2\nb: 3\n", 2, 2, "did not find expected", "bracket"),
        ("a: 'x\n", 2, 1, "end of stream", "close the quote"),
        ("a: 1\nb\n", 3, 1, "expected ':'", "a colon and a space"),
        ("%FOO\n---\na: 1", 1, 5, "directive", "check the indentation and the quotes"),
        ("- a\n", 1, 1, "must consist of keys", "'key: value'"),
        ("text\n", 1, 1, "must consist of keys", "'key: value'"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document", "only one per file is allowed"),
        ("a: &x 1\nb: *x\n", 2, 4, "aliases ('*name') are not supported", "quote the text"),
        ("a: &x [*x]\n", 1, 8, "aliases ('*name') are not supported", "write the value out"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, 4, "tags ('!name')", "remove the tag"),
        ("a: !!int 5\n", 1, 4, "tags ('!name')", "remove the tag"),
        ("!x {a: b}\n", 1, 1, "tags ('!name')", "remove the tag"),
        ("? [a]\n: b\n", 1, 3, "a key must be a text", "'key: value'"),
        ("'': b\n", 1, 1, "a key must be a text", "'key: value'"),
        ("a: " + "[" * 10_000, 1, 34, "nested more than 30", "30 levels"),
        ("a: 1\nb: x\x07y\n", 2, 5, "control character", "remove it"),
    ],
)
def test_a_refusal_names_the_place_what_is_wrong_and_what_would_be_right(
    text: str, line: int, column: int, wrong: str, right: str
) -> None:
    [problem] = refusal(text)

    assert (problem.file, problem.line, problem.column) == ("f.yaml", line, column)
    assert wrong in problem.message
    assert right in problem.message


def test_all_keys_that_are_given_twice_are_named_with_both_lines() -> None:
    problems = refusal("a: 1\nb: {c: 1, c: 2}\na: 3\n")

    assert [str(problem) for problem in problems] == [
        "f.yaml:2:11: b.c: the key is already in line 2; keep one of them",
        "f.yaml:3:1: a: the key is already in line 1; keep one of them",
    ]


def test_an_alias_bomb_is_refused_at_its_first_alias() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))

    [problem] = refusal(bomb)

    assert problem.line == 2


def test_a_syntax_error_does_not_quote_the_line_since_it_may_hold_a_secret() -> None:
    for text in (
        "password: 'hunter2\n",
        "password: hunter2: x\n",
        "password: @hunter2\n",
        "password: *hunter2\n",
    ):
        assert "hunter2" not in str(refusal(text)[0])


@examples(150)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,?~ \n\t\\é\x00"), max_size=40))
def test_any_text_gives_a_document_or_a_refusal_with_its_place(text: str) -> None:
    outcome = document_or_refusal(text)

    if isinstance(outcome, ConfigError):
        assert all(problem.line >= 1 and problem.message for problem in outcome.problems)
    else:
        for steps, value in outcome.texts_below(()):
            start = outcome.starts.get(steps)
            assert start is None or text[start : start + len(value)] == value


def document_or_refusal(text: str) -> Document | ConfigError:
    try:
        return load_yaml(text, "f.yaml")
    except ConfigError as error:
        return error


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=12)
_VALUES = st.recursive(
    _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS.filter(bool), inner, max_size=3),
)


@examples(100)
@given(st.dictionaries(_TEXTS.filter(bool), _VALUES, max_size=4))
def test_what_yaml_writes_as_quoted_text_is_read_back(value: dict[str, object]) -> None:
    assert read(yaml.safe_dump(value, default_style='"', allow_unicode=True)) == value


@pytest.mark.parametrize("loader", [yaml.BaseLoader, yaml.CBaseLoader])
def test_both_parsers_give_the_same_document(loader: type, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: 17:30\nb:\n- 'ö x'\n- {c: x, d: [NO]}\n"
    expected = load_yaml(text, "f.yaml")

    monkeypatch.setattr(yaml_text, "_LOADER", loader)

    assert load_yaml(text, "f.yaml") == expected


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes("\ufeffa: é\n".encode())

    assert read_text(file) == "a: é\n"


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [(None, 0, "there is no such file; 'newsletter init' writes one"), (b"a: b\nc: \xe9\n", 2, "UTF-8")],
)
def test_a_file_that_cannot_be_read_is_refused(
    body: bytes | None, line: int, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "f.yaml"
    if body is not None:
        file.write_bytes(body)

    with pytest.raises(ConfigError) as caught:
        read_text(file)

    [problem] = caught.value.problems
    assert (problem.file, problem.line) == (str(file), line)
    assert words in problem.message


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is a folder, not a file"):
        read_text(tmp_path)
