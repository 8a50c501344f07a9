"""The colours of a mail, light and dark, from one accent. Every text colour has a contrast of 4.5 or more."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.errors import ConfigError, Problem

MIN_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of ordinary size."""

_Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """Six-digit colours of one scheme: two grounds, lines, and the text that stands on both grounds."""

    page: str
    card: str
    line: str
    ink: str
    body: str
    soft: str
    accent: str


@dataclass(frozen=True, slots=True)
class Theme:
    """What templates know as ``theme`` when they are built."""

    light: Palette
    dark: Palette
    sans: str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
    serif: str = "Georgia,'Times New Roman',serif"


def build_theme(accent: str) -> Theme:
    """Return the colours for an accent ``#rrggbb``; it is darkened or lightened where it could not be read.

    Raises ConfigError for anything else than six hexadecimal digits: old Outlook misreads short colours.
    """
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        raise ConfigError([Problem(f"{accent!r} is not a colour like #b45309", steps=("accent",))])
    light = Palette(
        page="#f5f3ef",
        card="#ffffff",
        line="#e5e1d9",
        ink="#1c1917",
        body="#44403c",
        soft="#6b645e",
        accent=choose_readable(accent, ("#f5f3ef", "#ffffff")),
    )
    dark = Palette(
        page="#141312",
        card="#1f1d1b",
        line="#38342f",
        ink="#f5f3ef",
        body="#d3cec7",
        soft="#a39c93",
        accent=choose_readable(accent, ("#141312", "#1f1d1b")),
    )
    return Theme(light, dark)


def choose_readable(colour: str, grounds: tuple[str, ...]) -> str:
    """Return the colour nearest to this one that can be read on all the grounds.

    It is mixed with black on light grounds and with white on dark ones, in steps of 2 %.
    """
    towards = (0, 0, 0) if _luminance(_parse(grounds[0])) > 0.5 else (255, 255, 255)
    start = _parse(colour)
    for step in range(51):
        mixed = _write(_mix(start, towards, step / 50))
        if all(contrast(mixed, ground) >= MIN_CONTRAST for ground in grounds):
            return mixed
    return _write(towards)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21. Source: WCAG 2.2."""
    brighter, darker = sorted((_luminance(_parse(one)), _luminance(_parse(other))), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(rgb: _Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in rgb)
    )
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def _mix(one: _Rgb, other: _Rgb, share: float) -> _Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _parse(colour: str) -> _Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _write(rgb: _Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)
