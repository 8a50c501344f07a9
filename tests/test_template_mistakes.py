"""Twenty broken templates: each is told when it is loaded, with file, line, column and the reason; none at send."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from newsletter.errors import TemplateError
from newsletter.render import compile_bundle, load_bundle
from newsletter.settings.shipped import find_shipped
from tests.support.digests import IDENTITY

# File, what is replaced by what, line and column of the mistake, and what the message says.
MISTAKES = [
    ("digest.mjml.j2", "{{ paper.card }}", "{{ paper.crad }}", 12, 10, "'crad'"),
    (
        "digest.mjml.j2",
        "{% for paper in section.papers %}",
        "{% for paper in section.paper %}",
        11,
        0,
        "'paper'",
    ),
    (
        "digest.mjml.j2",
        "{% for paper in section.papers %}",
        "{% for paper of section.papers %}",
        11,
        0,
        "expected",
    ),
    ("digest.mjml.j2", "          {% endfor %}", "          {% endfr %}", 13, 0, "endfr"),
    ("digest.mjml.j2", "</mj-column>", "</mj-colum>", 16, 9, "mismatched tag"),
    ("digest.mjml.j2", "<mj-column>", "<mj-colunm>", 16, 9, "mismatched"),
    ("digest.mjml.j2", '<mj-text padding="0 0 14px">', "<mj-text padding=0>", 7, 26, "not well-formed"),
    (
        "digest.mjml.j2",
        "parts/heading.html.j2",
        "parts/headline.html.j2",
        8,
        29,
        "no template 'headline.html.j2'",
    ),
    ("digest.mjml.j2", "[% block papers %]", "[% blok papers %]", 3, 4, "blok"),
    ("digest.mjml.j2", "[% endblock %]", "[% endblok %]", 19, 4, "endblok"),
    ("paper.html.j2", "{{ paper.title }}</a>", "{{ paper.titel }}</a>", 7, 0, "'titel'"),
    ("paper.html.j2", "[[ light.body ]]", "[[ light.bdy ]]", 12, 0, "'bdy'"),
    ("paper.html.j2", "{{ paper.byline }}</p>", "{{ paper.byline }}</b>", 9, 0, "mismatched tag"),
    ("paper.html.j2", '{{ paper.facts | join(" · ") }}', '{{ paper.facts | jion(" · ") }}', 12, 0, "jion"),
    ("paper.html.j2", "{{ paper.reason }}", "{{ paper.reason }", 23, 0, "unexpected '}'"),
    (
        "paper.txt.j2",
        "{{ paper.summary | wrap(indent=4) }}",
        "{{ paper.summary | warp(indent=4) }}",
        16,
        0,
        "no filter",
    ),
    ("paper.txt.j2", "{{ link.url }}", "{{ link.ulr }}", 23, 0, "'ulr'"),
    (
        "paper.txt.j2",
        "{% for link in paper.links %}",
        "{% for link in paper.links() %}",
        21,
        0,
        "not callable",
    ),
    ("digest.txt.j2", "{{ paper.card }}", "{{ papr.card }}", 0, 0, "'papr'"),
    ("subject.txt.j2", "{{ headline }}", "{{ headline / 2 }}", 1, 0, "TypeError"),
    ("subject.txt.j2", "{{ headline }}", "{{ headline", 1, 0, "expected"),
]


@pytest.mark.parametrize(("file", "good", "bad", "line", "column", "says"), MISTAKES)
def test_broken_template_is_told_with_its_place_and_reason(
    file: str, good: str, bad: str, line: int, column: int, says: str, tmp_path: Path
) -> None:
    own = tmp_path / "templates"
    shutil.copytree(find_shipped("templates") / "cards", own / "mine")
    text = (own / "mine" / file).read_text("utf-8")
    assert good in text, "the shipped template has changed"
    (own / "mine" / file).write_text(text.replace(good, bad, 1), "utf-8")

    with pytest.raises(TemplateError) as caught:
        compile_bundle(load_bundle(find_shipped("templates"), own), IDENTITY)

    (problem,) = caught.value.problems
    assert problem.file == str(own / "mine" / file)
    assert says in problem.message
    assert problem.line == (line or problem.line) > 0
    assert problem.column == (column or problem.column) > 0
    broken = text.replace(good, bad, 1).splitlines()[problem.line - 1]
    assert problem.column <= len(broken) + 1
