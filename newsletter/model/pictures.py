"""The small picture of a paper that we keep and show from our own host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MEDIA_TYPE = "image/webp"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as we show it: WebP without anything but its pixels. hash is the SHA-256 of body, in hex."""

    body: bytes
    hash: str
    width: int
    height: int


class PictureFile(NamedTuple):
    """What a page needs to show a picture: the name of its file, and its size in pixels."""

    name: str
    width: int
    height: int


class WantedPicture(NamedTuple):
    """An entry whose picture is not here yet, and where it may be had."""

    entry: int
    url: str
