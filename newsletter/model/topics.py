"""What readers look for, and what of it was found: made by ``match``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from newsletter.model.entries import Entry


class Scope(StrEnum):
    """Where in an entry a word is looked for. The value is the word that readers write before a colon."""

    TITLE = "title"
    ABSTRACT = "abstract"
    AUTHOR = "author"
    CATEGORY = "category"
    TAG = "tag"
    SOURCE = "source"
    COMMENT = "comment"
    ORG = "org"
    ID = "id"
    PRIMARY = "primary"  # the first of the categories


class Spelling(StrEnum):
    """How freely a word is matched."""

    FOLDED = "folded"  # plurals, hyphens, accents, LaTeX and case do not matter
    PREFIX = "prefix"  # robot*
    INFLECTED = "inflected"  # agent~
    EXACT = "exact"  # =RAG
    NEAR = "near"  # "model editing"~5
    REGEX = "regex"  # /fine-?tun\w+/


class Measure(StrEnum):
    """A number or date of an entry that a topic can compare."""

    UPVOTES = "upvotes"
    COMMENTS = "comments"
    STARS = "stars"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Words:
    """A word or phrase in one of the scopes. Authors and categories follow the rules of their scope.

    within counts for words that are NEAR each other: at most so many others may stand between them.
    """

    text: str
    where: tuple[Scope, ...] = (Scope.TITLE, Scope.ABSTRACT)
    spelling: Spelling = Spelling.FOLDED
    within: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of a measure: ``upvotes>=3``. operator is one of ``< <= = >= >``; dates are ISO text."""

    measure: Measure
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part matches. No parts: everything matches."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part matches. No parts: nothing matches."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: Query


Query = Words | Compare | AllOf | AnyOf | Not


class Rank(StrEnum):
    """The order inside a topic."""

    TRENDING = "trending"
    MATCH = "match"
    NEWEST = "newest"
    VOTES = "votes"


@dataclass(frozen=True, slots=True)
class Topic:
    """A filter that a reader chose, parsed. min_upvotes does not touch entries whose source has no votes.

    wait: how long an entry that lacks only votes stays a candidate.
    limit: at most so many entries a digest; the others are counted in one line.
    about describes what the reader wants; like and unlike name papers that they liked and did not (arXiv ids, DOIs
    or addresses, as written). These rank; where the topic has no words (is_described), the best ``limit`` come.
    """

    name: str
    query: Query
    about: str = ""
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    is_described: bool = False
    min_upvotes: int = 0
    wait: timedelta = timedelta()
    limit: int = 10
    weight: float = 1.0
    rank: Rank = Rank.TRENDING

    def has_votes(self, upvotes: int | None) -> bool:
        """Say whether so many votes are enough; None are those of a source that counts none."""
        return upvotes is None or upvotes >= self.min_upvotes


class Hit(NamedTuple):
    """One place where a rule of a topic holds: text[start:end] of that scope's original text.

    rule is the word as the reader wrote it. expansion is the long or short form that stood there instead, or empty.
    For authors, categories and tags start and end count in the item that hit, and item says which.
    """

    rule: str
    scope: Scope
    start: int
    end: int
    expansion: str = ""
    item: int = 0


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near an entry is to what a topic describes, and to the papers that its reader liked.

    value is 0 to 1; .5 is the average of the entries of the last 30 days. share is the part of these entries that are
    at least as near: .03 is among the nearest 3 %. words are those of the entry that say most for it, as they stand
    there, at most three; paper is the title of the liked paper that it is nearest to, or empty.
    """

    value: float
    share: float
    words: tuple[str, ...] = ()
    paper: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """An entry belongs to a topic, and these hits are why. Hits stand in the order of the text, title first.

    strength is 0 to 1: by its words 1.0 where a title was hit, .7 otherwise (a title says what a paper is about);
    likeness, where the topic has a description or liked papers, moves it.
    """

    hits: tuple[Hit, ...]
    strength: float
    likeness: Likeness | None = None

    def __hash__(self) -> int:
        first = self.hits[0] if self.hits else None
        return hash((first.rule, first.start) if first else self.strength)  # as for Entry


class Candidate(NamedTuple):
    """An entry in the order of a topic. score is 0 to 1: how much that order speaks for it."""

    entry: Entry
    match: Match
    score: float


@dataclass(frozen=True, slots=True)
class VoteRank:
    """How an entry stands among all the entries of a window that have votes, at one moment.

    projected is the number of votes it is on course for; place counts from 1; of is how many have votes.
    age_hours counts from the beginning of its page day.
    """

    projected: int
    place: int
    of: int
    age_hours: int


@dataclass(frozen=True, slots=True)
class TopicMatches:
    """What one topic of a reader found, best first."""

    topic: Topic
    ranked: tuple[Candidate, ...]
