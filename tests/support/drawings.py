"""Figures of papers that nobody has written: what sources have as pictures, drawn the same whenever it is asked for."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image, ImageDraw

from newsletter.collect.pictures import shrink
from newsletter.model.pictures import Picture

WIDE, UPRIGHT, SQUARE = (1200, 648), (700, 900), (640, 640)
_COLOURS = ("#1f4e79", "#b8532a", "#0b7a5e", "#7a5ea8", "#c79a1e")


@cache
def draw_picture(number: int) -> Picture:
    """Return a small picture as the collector keeps it: each fifth one is the upright first page of a paper, the
    others are figures."""
    chance = random.Random(number)
    draw_one = (_draw_curves, _draw_cells, _draw_boxes, _draw_bars, _draw_page)[number % 5]
    image = Image.new("RGB", UPRIGHT if draw_one is _draw_page else (WIDE, WIDE, SQUARE)[number % 3], "white")
    draw_one(ImageDraw.Draw(image), *image.size, chance)
    file = io.BytesIO()
    image.save(file, "PNG")
    picture = shrink(file.getvalue())
    assert picture is not None
    return picture


def _draw_axes(draw: ImageDraw.ImageDraw, width: int, height: int) -> tuple[int, int, int, int]:
    """Draw two axes; return where the figure is: left, top, right, bottom."""
    left, top, right, bottom = width // 10, height // 10, width * 19 // 20, height * 7 // 8
    for step in range(1, 5):
        y = bottom - step * (bottom - top) // 4
        draw.line((left, y, right, y), fill="#e3e3e3", width=3)
    draw.line((left, top, left, bottom, right, bottom), fill="#333333", width=5)
    return left, top, right, bottom


def _draw_curves(draw: ImageDraw.ImageDraw, width: int, height: int, chance: random.Random) -> None:
    left, top, right, bottom = _draw_axes(draw, width, height)
    for colour in _COLOURS[: chance.randint(3, 5)]:
        steep, end = chance.uniform(1.5, 7), chance.uniform(0.45, 0.97)
        points = []
        for step in range(41):
            share = end * (1 - 2 ** (-steep * step / 10)) + chance.gauss(0, 0.012)
            points.append((left + step * (right - left) // 40, round(bottom - share * (bottom - top))))
        draw.line(points, fill=colour, width=9, joint="curve")
        for x, y in points[::8]:
            draw.ellipse((x - 11, y - 11, x + 11, y + 11), fill=colour)


def _draw_cells(draw: ImageDraw.ImageDraw, width: int, height: int, chance: random.Random) -> None:
    columns, rows = 24, 14
    for column in range(columns):
        for row in range(rows):
            near = max(0.0, 1 - abs(column / columns - row / rows) * 1.6)
            warm = min(1.0, 0.75 * near + chance.uniform(0, 0.3))
            left, top = column * width // columns, row * height // rows
            colour = (round(30 + 215 * warm), round(60 + 120 * warm), round(120 - 60 * warm))
            draw.rectangle((left, top, left + width // columns, top + height // rows), fill=colour)


def _draw_boxes(draw: ImageDraw.ImageDraw, width: int, height: int, chance: random.Random) -> None:
    middle = height // 2
    for number, colour in enumerate(_COLOURS):
        left = width * (1 + 4 * number) // 21
        right, half = left + width * 3 // 21, height * chance.randint(12, 36) // 100
        if number:
            draw.line((left - width // 21, middle, left, middle), fill="#333333", width=7)
        draw.rounded_rectangle((left, middle - half, right, middle + half), 22, fill=colour)
        for line in range(3):
            top = middle - half // 2 + line * half // 2
            end = right - width * chance.randint(2, 5) // 100
            draw.rectangle((left + width // 50, top, end, top + height // 54), fill="white")


def _draw_bars(draw: ImageDraw.ImageDraw, width: int, height: int, chance: random.Random) -> None:
    left, top, right, bottom = _draw_axes(draw, width, height)
    for group in range(5):
        start = left + (2 * group + 1) * (right - left) // 11
        for number, colour in enumerate(_COLOURS[:3]):
            x, wide = start + number * width // 26, width // 30
            draw.rectangle(
                (x, bottom - chance.randint(20, 95) * (bottom - top) // 100, x + wide, bottom), fill=colour
            )


def _draw_page(draw: ImageDraw.ImageDraw, width: int, height: int, chance: random.Random) -> None:
    draw.rectangle((width // 5, height // 14, width * 4 // 5, height // 10), fill="#222222")
    for column in range(2):
        left = width // 12 + column * width * 3 // 7
        for row in range(34):
            top = height // 6 + row * height // 42
            end = left + width * chance.randint(33, 40) // 100
            draw.rectangle((left, top, end, top + 7), fill="#8a8a8a")
