"""Fields of what somebody else wrote: whatever has another type than it should is treated as missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsletter.text import clean_line


def read_text(item: Mapping[str, Any], name: str) -> str:
    """Return a text as it stands, "" where there is none."""
    value = item.get(name)
    return value if isinstance(value, str) else ""


def read_line(item: Mapping[str, Any], name: str, max_chars: int) -> str:
    """Return a text in one clean line, cut to max_chars."""
    return clean_line(read_text(item, name), max_chars)


def read_list(item: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list, an empty one where there is none. Its values may be anything."""
    value = item.get(name)
    return value if isinstance(value, list) else []
