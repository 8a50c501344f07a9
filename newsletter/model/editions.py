"""The newsletter of one date, as everybody may see it: made by the store from what sources list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from newsletter.model.entries import Entry


@dataclass(frozen=True, slots=True)
class EditionSize:
    """One date, and how many papers it has."""

    day: date
    papers: int


@dataclass(frozen=True, slots=True)
class EditionEntry:
    """An entry of an edition. is_new: it was listed on no earlier date."""

    entry: Entry
    is_new: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """One date: its entries by votes, those without any last, then by key; and the nearest dates that have entries."""

    day: date
    entries: tuple[EditionEntry, ...]
    previous: date | None
    following: date | None
