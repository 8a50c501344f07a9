"""Works as we know them, and what is known of their history: made by ``collect`` and the store."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, NewType

EntryKey = NewType("EntryKey", str)
"""The name of one work: ``arxiv:2606.01234``, ``doi:10.1000/182``, ``url:https://…`` or ``guid:SOURCE:…``."""

EntryId = NewType("EntryId", int)


@dataclass(frozen=True, slots=True)
class Entry:
    """One work as we know it: a paper, a post. Parsers make it; the store adds id and first_seen_run.

    title and summary are plain text in one line of single spaces each (TeX is left as it came).
    authors are the names in order, without hidden ones; author_count says how many there are where
    the source names only their number. upvotes and comments are the newest observation, None where
    the source has no such thing. listed_on is the date of the listing that brought it first.
    ai_summary and ai_keywords were written by a model, not by the authors. version is the newest one that a
    source named (arXiv counts from 1), 0 where none did. withdrawn: that version takes the work back.
    first_seen_run is the run that first saw it; 0 means that it was there before our first run.
    """

    key: EntryKey
    title: str
    summary: str = ""
    authors: tuple[str, ...] = ()
    author_count: int = 0
    organization: str = ""
    published_at: datetime | None = None
    listed_on: date | None = None
    categories: tuple[str, ...] = ()
    primary_category: str = ""
    ai_summary: str = ""
    ai_keywords: tuple[str, ...] = ()
    note: str = ""
    version: int = 0
    withdrawn: bool = False
    upvotes: int | None = None
    comments: int | None = None
    code_stars: int | None = None
    url: str = ""
    pdf_url: str = ""
    discussion_url: str = ""
    code_url: str = ""
    project_url: str = ""
    thumbnail_url: str = ""
    media_urls: tuple[str, ...] = ()
    listing_url: str = ""
    aliases: tuple[EntryKey, ...] = ()
    sources: tuple[str, ...] = ()
    id: EntryId = EntryId(0)
    first_seen_run: int = 0
    first_seen_at: datetime | None = None

    def __hash__(self) -> int:
        # Hashing all the fields would cost more than what is looked up by it; few entries of one key differ.
        return hash(self.key)

    @property
    def keys(self) -> tuple[EntryKey, ...]:
        """All the names of this work, the strongest first."""
        return (self.key, *self.aliases)


class Announce(StrEnum):
    """As what a source lists an entry; all but the last two are values of arXiv's ``announce_type``."""

    NEW = "new"
    CROSS = "cross"  # known elsewhere, new in this category
    REPLACE = "replace"  # a new version: never a new paper
    REPLACE_CROSS = "replace-cross"
    NAMED = "named"  # not listed at all: a reader named it, and it was looked up
    DELETED = "deleted"  # the source says that it has it no longer, and nothing else of it


@dataclass(frozen=True, slots=True)
class Sighting:
    """One source lists one entry: what a parser yields for each item.

    entry.key and entry.aliases are set by ``collect.identity``. guid is the source's own id of the item.
    listed_on is the listing date that it stands under, None where the source has no such date.
    listing_url is a page for people that shows the whole listing, or empty.
    """

    entry: Entry
    source: str
    guid: str
    listed_on: date | None = None
    listing_url: str = ""
    announce: Announce = Announce.NEW

    @property
    def place(self) -> Place:
        """Where the entry was seen; the same place is one sighting, however often it is read."""
        return (self.source, self.guid, self.listed_on.isoformat() if self.listed_on else "")

    @property
    def said(self) -> Said:
        """What the source says of the entry; nothing of a paper of arXiv, which has a steady name."""
        if self.entry.key.startswith("arxiv:"):
            return Said()
        return Said(hash_title(self.entry.title), self.entry.published_at)


Place = tuple[str, str, str]
"""Source, guid, listing date (ISO, or empty)."""


class Said(NamedTuple):
    """What a source said last of an entry in one place: its title (as ``hash_title`` has it) and date."""

    title: str = ""
    at: datetime | None = None


KnownPlaces = Mapping[EntryId, Mapping[Place, Said]]
"""Where entries were seen, and what the source said of them there."""


class Titled(NamedTuple):
    """A title (as ``hash_title`` has it) in one source."""

    source: str
    title: str


@lru_cache(maxsize=8_192)
def hash_title(title: str) -> str:
    """Return 16 signs that two titles share if they differ at most in case, blanks and punctuation."""
    signs = unicodedata.normalize("NFKC", title).casefold()
    text = "".join(
        sign if sign == "#" or unicodedata.category(sign)[0] not in "PZC" else " " for sign in signs
    )
    return hashlib.sha256((" ".join(text.split()) or title).encode()).hexdigest()[:16]


class EventKind(StrEnum):
    """What can happen to a work after it was first listed."""

    NEW_VERSION = "new-version"
    CROSS_LISTED = "cross-listed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class EntryEvent:
    """Something that happened to a work that is no new entry. detail: ``v2``, ``cs.LG``, or empty.

    source is the one that told us. at is when we saw it, None until the store writes it.
    """

    kind: EventKind
    detail: str = ""
    source: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EntryChange:
    """One entry to write. entry.id 0: a new one; entry.first_seen_run is set.

    absorbs are other entries that turned out to be the same work: their keys, sightings, votes and
    "already sent" pass to this one. observed: its votes or comments differ from the newest observation.
    sightings are those in places that are new, or where the source now says something else. events: what happened to a
    work that was known. held_back: it is an old one that came with many others (``collect.dam``).
    """

    entry: Entry
    sightings: tuple[Sighting, ...] = ()
    absorbs: tuple[EntryId, ...] = ()
    observed: bool = False
    events: tuple[EntryEvent, ...] = ()
    held_back: bool = False


@dataclass(frozen=True, slots=True)
class SeenIn:
    """One place where an entry was seen: a source, a listing date, and when we first saw it there."""

    source: str
    guid: str
    listed_on: date | None
    listing_url: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """The votes and comments of an entry at one moment."""

    observed_at: datetime
    upvotes: int | None
    comments: int | None


@dataclass(frozen=True, slots=True)
class EntryHistory:
    """What happened to one entry, each part the oldest first."""

    seen_in: tuple[SeenIn, ...]
    events: tuple[EntryEvent, ...]
    observations: tuple[Observation, ...]
