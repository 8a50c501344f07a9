"""Charts as SVG, drawn on the server. Pure: values in, text out.

No inline style and no script, so that the content security policy stays strict: colours come from the style sheet by
class (``s1`` to ``s6``), in both schemes. Each chart has a title and a description for whoever cannot see it; the page
puts the same numbers below it as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

SERIES_CLASSES = ("s1", "s2", "s3", "s4", "s5", "s6")
"""As many series as can be told apart."""

_WIDTH, _HEIGHT = 360, 170
_LEFT, _TOP, _BOTTOM = 38, 8, 22
_GAP = 0.25  # of the room of one column
_ROW = 22
_NAME_CHARS = 30
_STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart: as many values, none below 0, as the chart has labels."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. id is a name in the page; title is short, description says in words what there is to see.

    is_stacked: the series add up to something, so their columns stand on each other; else side by side.
    """

    id: str
    title: str
    description: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    is_stacked: bool = True

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing but zeros."""
        return not any(any(series.values) for series in self.series)


def draw_columns(chart: Chart, write: Callable[[int], str] = str) -> str:
    """Return a chart with columns for each label. write says how numbers look."""
    at_each = list(zip(*(series.values for series in chart.series), strict=True))
    top = round_up(max((sum(values) if chart.is_stacked else max(values) for values in at_each), default=0))
    room = (_WIDTH - _LEFT) / max(1, len(chart.labels))
    wide = room * (1 - _GAP) / (1 if chart.is_stacked else max(1, len(chart.series)))
    height, ground = _HEIGHT - _TOP - _BOTTOM, float(_HEIGHT - _BOTTOM)
    parts = [_draw_scale(top, height, write)]
    for place, (label, values) in enumerate(zip(chart.labels, at_each, strict=False)):
        x, y = _LEFT + room * (place + _GAP / 2), ground
        for number, (series, value) in enumerate(zip(chart.series, values, strict=True)):
            # A value that there is can be seen, however small it is beside the others.
            tall = max(1.0, value / top * height) if value else 0.0
            y = (y if chart.is_stacked else ground) - tall
            if value:
                what = escape(f"{label}: {write(value)} {series.name}", quote=False)
                parts.append(
                    f'<rect class="{SERIES_CLASSES[number]}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                    f'height="{tall:.1f}"><title>{what}</title></rect>'
                )
            x += 0 if chart.is_stacked else wide
    parts += _draw_labels(chart.labels, room)
    return _wrap(chart, _HEIGHT, parts)


def draw_bars(chart: Chart, write: Callable[[int], str] = str) -> str:
    """Return a chart with a bar for each label, the first on top. Only the first series is drawn."""
    (series, *_) = chart.series
    top = max(series.values, default=0) or 1
    parts = []
    for place, (label, value) in enumerate(zip(chart.labels, series.values, strict=True)):
        y = place * 2 * _ROW
        wide = max(1.0, value / top * (_WIDTH - 50)) if value else 0
        shown = label if len(label) <= _NAME_CHARS else f"{label[: _NAME_CHARS - 1]}…"
        parts += [
            f'<text class="name" x="0" y="{y + 15}">{escape(shown, quote=False)}</text>',
            f'<rect class="s1" x="0" y="{y + _ROW}" width="{wide:.1f}" height="12">'
            f"<title>{escape(f'{label}: {write(value)}', quote=False)}</title></rect>",
            f'<text x="{wide + 6:.1f}" y="{y + _ROW + 10}">{escape(write(value))}</text>',
        ]
    return _wrap(chart, len(chart.labels) * 2 * _ROW, parts)


def round_up(value: int) -> int:
    """Return the end of a scale for values up to this one: a number that reads well, 1 at least."""
    if value < 1:
        return 1
    power = 10 ** (len(str(value)) - 1)
    return next(
        int(step * power) for step in _STEPS if step * power >= value and step * power == int(step * power)
    )


def _draw_scale(top: int, height: int, write: Callable[[int], str]) -> str:
    """Draw the lines at nothing, half and all; half only where it is a whole number."""
    lines = []
    for value in (0, top // 2, top) if top % 2 == 0 else (0, top):
        y = _HEIGHT - _BOTTOM - value / top * height
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(
            f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{escape(write(value))}</text>'
        )
    return "".join(lines)


def _draw_labels(labels: Sequence[str], room: float) -> list[str]:
    """Draw the first, the middle and the last label: more would not fit on a telephone."""
    last = len(labels) - 1
    places = (
        {0: "start", last // 2: "middle", last: "end"}
        if last > 1
        else dict.fromkeys(range(last + 1), "middle")
    )
    found = []
    for place, anchor in places.items():
        x = _LEFT + room * (place + {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor])
        found.append(
            f'<text x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{escape(labels[place], quote=False)}</text>'
        )
    return found


def _wrap(chart: Chart, height: int, parts: Sequence[str]) -> str:
    title, description = f"{chart.id}-title", f"{chart.id}-description"
    return (
        # Time runs from left to right in every language.
        f'<svg class="graph" viewBox="0 0 {_WIDTH} {height}" role="img" direction="ltr" '
        f'aria-labelledby="{title} {description}"><title id="{title}">{escape(chart.title, quote=False)}</title>'
        f'<desc id="{description}">{escape(chart.description, quote=False)}</desc>{"".join(parts)}</svg>'
    )
