"""A picture from anywhere becomes a small one of our own, or none."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from newsletter.collect.pictures import MOST_BYTES, shrink
from tests.support.examples import examples


def draw(form: str, size: tuple[int, int] = (1600, 900), mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    noise = Image.effect_noise(size, 90).convert(mode)
    noise.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "I;16"),
        ("WEBP", "RGBA"),
        ("GIF", "P"),
    ],
)
def test_a_picture_is_small_and_of_one_kind(form: str, mode: str) -> None:
    picture = shrink(draw(form, mode=mode))

    assert picture is not None
    assert (picture.width, picture.height) == (400, 225)
    assert len(picture.body) < 24_000  # of noise, which is the worst there is
    with Image.open(io.BytesIO(picture.body)) as seen:
        assert (seen.format, seen.mode, seen.size) == ("JPEG", "RGB", (400, 225))


def test_what_a_camera_noted_is_not_passed_on() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera of ours"
    picture = shrink(draw("JPEG", exif=exif))

    assert picture is not None
    assert b"camera" not in picture.body


def test_transparent_places_are_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(file, "PNG")
    picture = shrink(file.getvalue())

    assert picture is not None
    with Image.open(io.BytesIO(picture.body)) as seen:
        assert seen.convert("RGB").getpixel((50, 50)) == (255, 255, 255)


def make_bomb(width: int, height: int) -> bytes:
    """A PNG of so many pixels that are not in it."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>not found</html>",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>',
        b"\x89PNG\r\n\x1a\n",
        draw("JPEG")[:2_000],
        draw("PNG", (31, 400)),
        draw("GIF", (1, 1), "P"),
        make_bomb(60_000, 60_000),
        make_bomb(9_000, 9_000),
        make_bomb(640, 480),
        draw("BMP", (200, 200)),
        draw("TIFF", (200, 200)),
        draw("JPEG") + bytes(MOST_BYTES),
    ],
    ids=range(13),
)
def test_what_is_no_picture_of_ours_is_none(body: bytes) -> None:
    assert shrink(body) is None


SAMPLES = [draw(form, (64, 48)) for form in ("JPEG", "PNG", "WEBP", "GIF")]


@pytest.mark.hypothesis
@examples(200)
@given(st.sampled_from(SAMPLES), st.binary(min_size=1, max_size=40), st.integers(0, 4_000))
def test_a_damaged_picture_is_read_or_refused(sample: bytes, noise: bytes, place: int) -> None:
    place %= len(sample)

    shrink(sample[:place] + noise + sample[place + len(noise) :])
