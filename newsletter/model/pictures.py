"""The small picture of a paper that we keep and show from our own host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MEDIA_TYPE = "image/jpeg"
"""Every mail program shows JPEG; Outlook for Windows, among others, knows nothing newer."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as we show it: JPEG without anything but its pixels. hash is the SHA-256 of body, in hex."""

    body: bytes
    hash: str
    width: int
    height: int


class PictureFile(NamedTuple):
    """What a page or a mail needs to show a picture: the name of its file, its size in pixels, and in bytes."""

    name: str
    width: int
    height: int
    bytes: int


class WantedPicture(NamedTuple):
    """An entry whose picture is not here yet, and where it may be had."""

    entry: int
    url: str
