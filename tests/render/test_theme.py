from __future__ import annotations

from dataclasses import asdict

import pytest

from newsletter.errors import ConfigError
from newsletter.render.theme import MIN_CONTRAST, build_theme, choose_readable, contrast

ACCENTS = ["#b45309", "#000000", "#ffffff", "#ffff00", "#0000ff", "#777777", "#1E90FF"]


def invert(colour: str) -> str:
    return f"#{0xFFFFFF - int(colour[1:], 16):06x}"


@pytest.mark.parametrize("accent", ACCENTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_every_ground(accent: str, scheme: str) -> None:
    palette = asdict(getattr(build_theme(accent), scheme))
    for text in ("ink", "body", "soft", "accent"):
        for ground in ("page", "card"):
            assert contrast(palette[text], palette[ground]) >= MIN_CONTRAST


@pytest.mark.parametrize("accent", ACCENTS)
def test_light_colours_survive_a_mail_program_that_inverts_them(accent: str) -> None:
    palette = asdict(build_theme(accent).light)
    for text in ("ink", "body", "soft", "accent"):
        for ground in ("page", "card"):
            assert contrast(invert(palette[text]), invert(palette[ground])) >= MIN_CONTRAST


def test_readable_accent_is_left_as_it_is() -> None:
    assert choose_readable("#b45309", ("#ffffff",)) == "#b45309"


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("accent", ["", "red", "#abc", "#12345g", "#1234567", "#b45309;}"])
def test_accent_that_is_no_colour_is_refused(accent: str) -> None:
    with pytest.raises(ConfigError, match="is not a colour"):
        build_theme(accent)
