"""A picture from anywhere → a small one of our own: decoded within bounds, cut down, and encoded anew. Pure.

Nothing of the original file is passed on but its pixels: no metadata, no second image behind the first, no markup.
"""

from __future__ import annotations

import hashlib
import io
import warnings

from PIL import Image, UnidentifiedImageError

from newsletter.model.pictures import Picture

MOST_BYTES = 5_000_000
"""Of the original file."""
_MOST_PIXELS = 40_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""What sources have in practice; formats with scripts or references in them, such as SVG, are none of these."""
_BOX = (400, 225)
_LEAST = 32
"""A side that is shorter says nothing: a pixel that counts readers, a line."""
_GOAL_BYTES = 12_000
_QUALITIES = (70, 55, 40, 25)


def shrink(body: bytes) -> Picture | None:
    """Return the picture of a file, at most 400 by 225 pixels and of some 12 kB; None where it is none of ours, or too
    large."""
    if len(body) > MOST_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(body), formats=_FORMATS) as opened:
                if opened.width * opened.height > _MOST_PIXELS or min(opened.size) < _LEAST:
                    return None
                opened.draft("RGB", _BOX)  # a large JPEG is decoded at a fraction of its size
                image = _flatten(opened)
    # What a broken or hostile file raises depends on the decoder that it reaches.
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        MemoryError,
        IndexError,
        TypeError,
        OverflowError,
    ):
        return None
    image.thumbnail(_BOX)
    encoded = _encode(image)
    return Picture(encoded, hashlib.sha256(encoded).hexdigest(), image.width, image.height)


def _flatten(image: Image.Image) -> Image.Image:
    """Return the first frame without transparency, on white as papers are."""
    if image.mode in ("RGB", "L"):
        return image.convert("RGB")
    shown = image.convert("RGBA")
    ground = Image.new("RGB", shown.size, "white")
    ground.paste(shown, mask=shown.getchannel("A"))
    return ground


def _encode(image: Image.Image) -> bytes:
    encoded = b""
    for quality in _QUALITIES:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        encoded = file.getvalue()
        if len(encoded) <= _GOAL_BYTES:
            break
    return encoded
