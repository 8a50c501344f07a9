"""Templates: loaded, named by their hash, and refused with the place where they are wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.errors import ConfigError, Problem, TemplateError
from newsletter.render import Bundle, compile_bundle, load_bundle, render_digest
from newsletter.render.bundle import NOTICE_HTML, NOTICE_TEXT
from newsletter.settings.shipped import find_shipped
from tests.support.digests import IDENTITY, LINKS, READER, make_digest

HTML, TEXT, SUBJECT = "cards/digest.mjml.j2", "cards/digest.txt.j2", "cards/subject.txt.j2"
CARD_HTML, CARD_TEXT = "cards/paper.html.j2", "cards/paper.txt.j2"
PAGE = (
    "<mjml>\n<mj-body>\n<mj-section>\n<mj-column>\n<mj-text>{{ headline }}</mj-text>\n"
    "</mj-column>\n</mj-section>\n</mj-body>\n</mjml>\n"
)
MINIMAL = {
    HTML: PAGE,
    TEXT: "{{ headline }}\n",
    SUBJECT: "{{ headline }}\n",
    CARD_HTML: "<p>{{ paper.title }}</p>\n",
    CARD_TEXT: "{{ paper.title }}\n",
    NOTICE_HTML: PAGE,
    NOTICE_TEXT: "{{ headline }}\n",
}


def make_folder(folder: Path, **sources: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in {**MINIMAL, **{f"cards/{name}": text for name, text in sources.items()}}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        body = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(body)
    return folder


def compile_problems(sources: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(TemplateError) as caught:
        compile_bundle(Bundle({**MINIMAL, **sources}, folder="/etc/templates"), IDENTITY)
    return caught.value.problems


def in_html(text: str) -> dict[str, str]:
    """A body whose line 5 is the text."""
    return {HTML: MINIMAL[HTML].replace("<mj-text>{{ headline }}</mj-text>", text)}


def test_shipped_templates_compile() -> None:
    compile_bundle(load_bundle(find_shipped("templates")), IDENTITY).check()


def test_bundle_survives_its_json() -> None:
    bundle = load_bundle(find_shipped("templates"))
    assert Bundle.from_json(bundle.json) == bundle
    assert Bundle.from_json(bundle.json).hash == bundle.hash


def test_hash_is_over_names_and_texts_but_not_the_folder() -> None:
    bundle = Bundle({"a": "1", "b": "2"}, folder="/one")
    assert bundle.hash == Bundle({"b": "2", "a": "1"}, folder="/two").hash
    assert bundle.hash != Bundle({"a": "2", "b": "1"}).hash
    assert len(bundle.hash) == 64


def test_own_folder_lies_over_the_shipped_one(tmp_path: Path) -> None:
    shipped, own = make_folder(tmp_path / "shipped"), tmp_path / "own"
    (own / "mine").mkdir(parents=True)
    (own / "mine" / "digest.mjml.j2").write_text("mine", "utf-8")
    (own / "cards").mkdir()
    (own / "cards" / "subject.txt.j2").write_text("changed", "utf-8")
    bundle = load_bundle(shipped, own)
    assert bundle.layouts == ("cards", "mine")
    assert bundle.sources["mine/digest.mjml.j2"] == "mine"
    assert bundle.sources["mine/paper.html.j2"] == MINIMAL[CARD_HTML]
    assert bundle.sources["mine/subject.txt.j2"] == bundle.sources[SUBJECT] == "changed"
    assert bundle.file("mine/digest.mjml.j2") == str(own / "mine" / "digest.mjml.j2")
    assert bundle.file("mine/paper.html.j2") == bundle.file(CARD_HTML) == str(shipped / CARD_HTML)
    assert bundle.file("mine/subject.txt.j2") == str(own / SUBJECT)


def test_template_that_is_no_utf8_is_refused_with_its_place(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, **{"digest.txt.j2": b"good\nb\xe4d\n"})
    with pytest.raises(TemplateError) as caught:
        load_bundle(folder)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == (str(folder / TEXT), 2, 2)


def test_partials_are_read_and_windows_line_ends_are_no_difference(tmp_path: Path) -> None:
    bundle = load_bundle(make_folder(tmp_path, **{"footer.mjml.j2": "a\r\nb\r\n"}))
    assert bundle.sources["cards/footer.mjml.j2"] == "a\nb\n"


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        # unknown values
        ("<mj-text>{{ titel }}</mj-text>", 13, "no value 'titel'"),
        ("<mj-text>{{ headline }} {{ overview.x }}</mj-text>", 37, "no value 'x'"),
        (
            "<mj-raw>{% for s in sections %}{{ s.papers[0].titel }}{% endfor %}</mj-raw>",
            47,
            "no value 'titel'",
        ),
        ("<mj-raw>{% if quiet %}{{ queit }}{% endif %}</mj-raw>", 26, "no value 'queit'"),
        ("<mj-raw>{% if not sections %}{{ secions }}{% endif %}</mj-raw>", 33, "no value 'secions'"),
        # bad Jinja
        ("<mj-text>{{ headline }</mj-text>", 22, "unexpected '}'"),
        ("<mj-text>{{ headline | nofilter }}</mj-text>", 24, "nofilter"),
        ("<mj-text>{% endfor %}</mj-text>", 13, "endfor"),
        ("<mj-text>{% for s of sections %}{% endfor %}</mj-text>", 19, "expected token"),
        ('<mj-raw>{% include "x.j2" %}</mj-raw>', 9, "loader"),
        ("<mj-text>{{ 1 / 0 }}</mj-text>", 10, "ZeroDivisionError"),
        ("<mj-text>{{ headline() }}</mj-text>", 10, "not callable"),
        # bad MJML
        ("<mj-text>a < b</mj-text>", 13, "not well-formed"),
        ("<mj-text><b>x</mj-text>", 16, "mismatched tag"),
        ("<mj-text><a href=x>y</a></mj-text>", 18, "not well-formed"),
        ("<mj-txt>x</mj-txt>", 1, "no element <mj-txt>"),
        # build-time Jinja
        ("<mj-text>[[ theme.light.inc ]]</mj-text>", 25, "no value 'inc'"),
        ("<mj-text>[[ thme.light.ink ]]</mj-text>", 13, "no value 'thme'"),
        ("<mj-text>[% if %]</mj-text>", 10, "Expected an expression"),
        ('<mj-raw>[% include "gone.j2" %]</mj-raw>', 21, "no template 'gone.j2'"),
    ],
)
def test_mistake_in_the_html_template_is_told_with_its_place(line: str, column: int, says: str) -> None:
    (problem,) = compile_problems(in_html(line))
    assert problem.file == f"/etc/templates/{HTML}"
    assert (problem.line, problem.column) == (5, column)
    assert says in problem.message


def test_words_of_a_template_are_never_taken_for_placeholders() -> None:
    sources = {**MINIMAL, **in_html("<mj-text>jinja0tag jinjax9tag {{ headline }}</mj-text>")}
    compiled = compile_bundle(Bundle(sources), IDENTITY)
    rendered = render_digest(compiled, make_digest(), READER, IDENTITY, LINKS)
    assert f"jinja0tag jinjax9tag {rendered.subject}" in rendered.html


def test_element_that_is_never_closed_is_refused() -> None:
    (problem,) = compile_problems({HTML: "<mjml>\n<mj-body>\n<mj-section>\n"})
    assert (problem.file, problem.line) == (f"/etc/templates/{HTML}", 3)
    (problem,) = compile_problems({HTML: ""})
    assert problem.message.startswith("MJML")


def test_element_that_mjml_python_refuses_has_a_line() -> None:
    (problem,) = compile_problems(
        {HTML: "<mjml>\n<mj-head>\n  <mj-html-attributes></mj-html-attributes>\n</mj-head>\n</mjml>"}
    )
    assert (problem.line, problem.column) == (3, 3)
    assert "unexpected element" in problem.message


@pytest.mark.parametrize("name", [TEXT, SUBJECT])
def test_mistake_in_another_template_is_told_with_its_place(name: str) -> None:
    (problem,) = compile_problems({name: "fine\n{{ titel }}\n"})
    assert (problem.file, problem.line, problem.column) == (f"/etc/templates/{name}", 2, 4)


@pytest.mark.parametrize(
    ("card", "line", "column"),
    [
        ("<p>\n  {{ headline }} {{ titel }}\n</p>\n", 2, 21),
        ("[# a comment\n over lines #]\n<p>{{ titel }}</p>\n", 3, 7),
        ("<p>\n\n<b>x</i></p>\n", 3, 7),
        ("<p>\n[[ theme.nothing ]]</p>\n", 2, 10),
        ("<p>[[ theme.light.ink ]]</p>\n<p>[[ theme.light.ink ]]<b>x</i></p>\n", 2, 31),
    ],
)
def test_mistake_in_a_partial_is_told_with_the_partials_place(card: str, line: int, column: int) -> None:
    sources = in_html('<mj-text>\n  [% include "card.mjml.j2" %]\n</mj-text>')
    (problem,) = compile_problems({**sources, "cards/card.mjml.j2": card})
    assert problem.file == "/etc/templates/cards/card.mjml.j2"
    assert (problem.line, problem.column) == (line, column)


def test_all_broken_templates_are_told_at_once() -> None:
    problems = compile_problems({HTML: "", TEXT: "{{ x }}", SUBJECT: "{% if %}"})
    assert [problem.file for problem in problems] == [
        f"/etc/templates/{name}" for name in (HTML, TEXT, SUBJECT)
    ]


def test_accent_that_is_no_colour_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not a colour"):
        compile_bundle(Bundle(MINIMAL), replace(IDENTITY, accent="red"))


def test_missing_shipped_file_is_named_with_the_places() -> None:
    with pytest.raises(FileNotFoundError, match=r"no-such-thing should be part of .*_shipped"):
        find_shipped("no-such-thing")
