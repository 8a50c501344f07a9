from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.charts import Chart, Series, draw_bars, draw_columns, round_up

SVG = "{http://www.w3.org/2000/svg}"


def make_chart(
    *series: tuple[int, ...], labels: tuple[str, ...] = ("Mon", "Tue", "Wed"), title: str = "Sent"
) -> Chart:
    named = tuple(Series(f"series {number}", values) for number, values in enumerate(series))
    return Chart("sent", title, "What was sent.", labels, named)


def parse(svg: str) -> ElementTree.Element:
    """Read a chart as a browser does inside HTML, where the namespace is implied."""
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def test_columns_stand_on_each_other_and_are_as_tall_as_their_values() -> None:
    rects = list(parse(draw_columns(make_chart((50, 0, 100), (50, 25, 0)))).iter(f"{SVG}rect"))

    heights = [(rect.get("class"), float(rect.get("height", ""))) for rect in rects]
    assert heights == [("s1", 70.0), ("s2", 70.0), ("s2", 35.0), ("s1", 140.0)]  # of 140, for 100
    first, second = rects[:2]
    assert float(first.get("y", "")) == float(second.get("y", "")) + float(second.get("height", ""))
    assert first.get("x") == second.get("x")


def test_series_that_do_not_add_up_stand_side_by_side() -> None:
    chart = replace(make_chart((100, 0, 0), (50, 0, 0)), is_stacked=False)
    first, second = parse(draw_columns(chart)).iter(f"{SVG}rect")
    assert (float(first.get("height", "")), float(second.get("height", ""))) == (140, 70)
    assert float(second.get("x", "")) == pytest.approx(
        float(first.get("x", "")) + float(first.get("width", "")), abs=0.11
    )
    assert float(first.get("y", "")) + 140 == float(second.get("y", "")) + 70


def test_a_chart_is_named_and_described_for_whoever_cannot_see_it() -> None:
    for draw in (draw_columns, draw_bars):
        root = parse(draw(make_chart((1, 2, 3))))
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == "sent-title sent-description"
        title, description = list(root)[:2]
        assert (title.get("id"), title.text) == ("sent-title", "Sent")
        assert (description.get("id"), description.text) == ("sent-description", "What was sent.")


def test_a_single_mail_beside_a_hundred_thousand_can_be_seen() -> None:
    rects = list(parse(draw_columns(make_chart((100_000, 1, 0)))).iter(f"{SVG}rect"))
    assert [float(rect.get("height", "")) >= 1 for rect in rects] == [True, True]


def test_numbers_are_written_as_the_page_writes_them() -> None:
    svg = draw_columns(make_chart((1200, 0, 0)), lambda number: f"{number:,}")
    assert "Mon: 1,200 series 0" in svg


hostile = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="<>&\"'"), min_size=1, max_size=40
)


@given(label=hostile, title=hostile, values=st.lists(st.integers(0, 10**9), min_size=1, max_size=40))
def test_whatever_the_words_and_values_the_chart_is_well_formed_without_style_or_script(
    label: str, title: str, values: list[int]
) -> None:
    chart = make_chart(tuple(values), tuple(reversed(values)), labels=(label,) * len(values), title=title)
    for svg in (draw_columns(chart), draw_bars(chart)):
        root = parse(svg)
        names = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert names <= {"svg", "title", "desc", "rect", "line", "text"}
        attributes = {name for element in root.iter() for name in element.keys()}  # noqa: SIM118 (not a dict)
        assert not {name for name in attributes if name == "style" or name.startswith("on")}
        assert title in [element.text for element in root.iter(f"{SVG}title")]
        numbers = [float(value) for value in re.findall(r' (?:height|width|x|y)="([^"]+)"', svg)]
        assert all(-0.1 <= number <= 5000 for number in numbers)


@pytest.mark.parametrize(
    ("value", "end"),
    [(0, 1), (1, 1), (7, 8), (9, 10), (11, 15), (21, 30), (60, 60), (99, 100), (101, 150), (1000, 1000)],
)
def test_scales_end_at_numbers_that_read_well(value: int, end: int) -> None:
    assert round_up(value) == end


@given(st.integers(1, 10**12))
def test_a_scale_reaches_its_values_and_not_much_more(value: int) -> None:
    assert value <= round_up(value) <= 1.5 * value


def test_nothing_but_zeros_is_empty() -> None:
    assert make_chart((0, 0, 0), (0, 0, 0)).is_empty
    assert not make_chart((0, 0, 0), (0, 1, 0)).is_empty
