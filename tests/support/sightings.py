"""Entries and sightings as a source shows them, before any run has seen them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from newsletter.model.entries import Entry, EntryKey, Sighting
from newsletter.model.sources import Fetched, Request, Source

SAMPLES = Path(__file__).parents[1] / "collect" / "samples"
DAY = date(2026, 6, 16)


def read_sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def make_source(kind: str, location: str = "https://example.org/", **options: Any) -> Source:
    return Source("papers", kind, location, **options)


def make_request(location: str = "https://example.org/", listed_on: date | None = None) -> Request:
    return Request(location, listed_on)


def make_fetched(body: bytes, url: str = "https://example.org/", content_type: str = "") -> Fetched:
    return Fetched(body, url, content_type=content_type)


def seen(*keys: str, source: str = "hf", listed_on: date | None = DAY, **facts: Any) -> Sighting:
    """A sighting of an entry with these keys, strongest first."""
    entry = Entry(
        key=EntryKey(keys[0]),
        aliases=tuple(map(EntryKey, keys[1:])),
        title=facts.pop("title", "A paper"),
        listed_on=listed_on,
        sources=(source,),
        **facts,
    )
    return Sighting(entry, source, keys[0], listed_on)
