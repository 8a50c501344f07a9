"""What one reader receives in an edition, before it is a mail: made by ``compose``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from newsletter.model.entries import EntryId, EntryKey
from newsletter.model.pictures import PictureFile
from newsletter.model.readers import Slot
from newsletter.model.topics import Scope


@dataclass(frozen=True, slots=True)
class Window:
    """The runs that a digest covers: after_run < run <= upto_run."""

    after_run: int
    upto_run: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a mail shows of one entry, frozen at the moment of composing, so that a retry shows the same.

    is_model_summary: the summary was written by a model, because there is no other. source: what brought an entry that
    is no paper, "" for papers: those are known by their authors. picture is shown in digests that show pictures.
    """

    key: EntryKey
    title: str
    summary: str = ""
    authors: tuple[str, ...] = ()
    author_count: int = 0
    organization: str = ""
    published_on: date | None = None
    listed_on: date | None = None
    upvotes: int | None = None
    comments: int | None = None
    code_stars: int | None = None
    url: str = ""
    pdf_url: str = ""
    discussion_url: str = ""
    code_url: str = ""
    project_url: str = ""
    is_model_summary: bool = False
    source: str = ""
    picture: PictureFile | None = None

    def __hash__(self) -> int:
        return hash(self.key)  # as for Entry


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an entry is in a digest, from the actual decision.

    rule and scope name the word that hit ("" for everything else). expansion as in Hit.
    projected is the number of votes that it is on course for, None where its source has no votes.
    place of ``of``: its place in the trending order of all entries of the window that have votes, 0 where it has none.
    late: it was listed before the reader's previous digest went out, but we saw it only afterwards.
    reached: the number of votes that it had to wait for, 0 where it did not wait.
    share, words and paper as in Likeness, where no word hit and likeness chose it; share is 0 otherwise.
    """

    rule: str = ""
    scope: Scope | None = None
    expansion: str = ""
    upvotes: int | None = None
    age_hours: int = 0
    projected: int | None = None
    place: int = 0
    of: int = 0
    late: bool = False
    reached: int = 0
    share: float = 0.0
    words: tuple[str, ...] = ()
    paper: str = ""

    def __hash__(self) -> int:
        return hash((self.rule, self.place, self.share))  # as for Entry


@dataclass(frozen=True, slots=True)
class Item:
    """One entry in one section. also are the reader's topics that it fits, too, and that have no section."""

    entry_id: EntryId
    card: Card
    reason: Reason
    also: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash((self.entry_id, self.also))  # as for Entry; by what else it fits, readers' items differ


@dataclass(frozen=True, slots=True)
class Section:
    """One topic of a digest. topic is "" for everything else. Items are in their final order.

    overflow are the entries over the limit: they count as shown. overflow_url leads to where they can be read.
    """

    topic: str
    items: tuple[Item, ...]
    overflow: tuple[EntryId, ...] = ()
    overflow_url: str = ""

    def __hash__(self) -> int:
        return hash((self.topic, self.items))


@dataclass(frozen=True, slots=True)
class Digest:
    """What one reader gets in one slot. quiet_topics are the reader's topics that fit no paper of it.

    since_on is the first date that it covers; a digest that covers a week is shown as one. layout, language and
    pictures (of the papers) are how it is shown, empty until that is chosen (``render.choose_look``). is_first: nothing
    was ever shown to the reader before, so it welcomes them.
    """

    slot: Slot
    window: Window
    sections: tuple[Section, ...]
    quiet_topics: tuple[str, ...] = ()
    since_on: date | None = None
    layout: str = ""
    language: str = ""
    pictures: bool = False
    is_first: bool = False

    @property
    def is_empty(self) -> bool:
        return not any(section.items for section in self.sections)

    @property
    def entry_count(self) -> int:
        return sum([len(section.items) for section in self.sections])


class Shown(NamedTuple):
    """What a reader was shown before: entries, among those that were asked for; ever: any digest at all."""

    entries: frozenset[EntryId] = frozenset()
    ever: bool = False
