"""The nouns of the product: frozen values that the stages hand to each other.

Standard library only. Times are aware UTC and end in ``_at``; calendar dates end in ``_on``.
What the words mean is in docs/architecture.md; each value says who makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, NewType

EntryKey = NewType("EntryKey", str)
"""The name of one work: ``arxiv:2606.01234``, ``doi:10.1000/182``, ``url:https://…`` or ``guid:SOURCE:…``."""

EntryId = NewType("EntryId", int)
SubscriberId = NewType("SubscriberId", int)
DeliveryId = NewType("DeliveryId", int)
InstanceId = NewType("InstanceId", int)

EmailAddress = NewType("EmailAddress", str)
"""A checked address as it was typed, its domain as ``xn--``. Made by ``newsletter.address.parse_address``."""

AddressKey = NewType("AddressKey", str)
"""What is the same for all addresses of one reader (``newsletter.address.address_key``)."""


# --- collect ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Something that we poll, as the operator configured it.

    location is a web address or a file path; for kinds that have a site of their own it may be the base URL of it.
    The others are options of some kinds (``collect.kinds`` says of which):
    listing_dates: how many of the newest listing dates each run reads again.
    captured_on: the day on which a text capture was made, if the operator knows it.
    categories, authors, search: what is asked for. days_back: how old an entry may be that a search brings.
    cross_lists: whether entries whose primary category is none of ``categories`` are taken.
    papers: the arXiv ids that are looked up.
    """

    name: str
    kind: str
    location: str
    listing_dates: int = 7
    captured_on: date | None = None
    categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    search: str = ""
    days_back: int = 7
    cross_lists: bool = True
    papers: tuple[str, ...] = ()


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
    """As what a source lists an entry; all but the last are values of arXiv's ``announce_type``."""

    NEW = "new"
    CROSS = "cross"  # known elsewhere, new in this category
    REPLACE = "replace"  # a new version: never a new paper
    REPLACE_CROSS = "replace-cross"
    NAMED = "named"  # not listed at all: a reader named it, and it was looked up


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


Place = tuple[str, str, str]
"""Source, guid, listing date (ISO, or empty)."""


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
class ParsedFeed:
    """One answer of a source, read. sightings are in the source's order.

    refused counts items that lacked what an entry needs (each is a line in notes); left_out those that the
    source's options do not want. unknown_fields names fields that this version does not know, sorted.
    listed_on is the date that the answer gives itself: of the listing, or of the batch of a feed that comes in
    batches. quiet_days are the days of the week on which it says that it brings nothing (0 is Monday).
    total is how many items the whole listing has, None where the source does not say.
    found_feeds: the answer is a page, and these are the feeds that it names, the best first.
    is_cut: the answer ends in the middle, or at the limit of its source, so more may be listed than is here.
    """

    sightings: tuple[Sighting, ...]
    listed_on: date | None = None
    refused: int = 0
    unknown_fields: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: int = 0
    quiet_days: frozenset[int] = frozenset()
    total: int | None = None
    found_feeds: tuple[str, ...] = ()
    is_cut: bool = False


class FetchState(StrEnum):
    """How one look at a source ended."""

    OK = "ok"
    UNCHANGED = "unchanged"
    EMPTY_AS_EXPECTED = "empty-as-expected"
    EMPTY_UNEXPECTED = "empty-unexpected"
    STALE = "stale"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Validators:
    """What is known of the last answer of one location that was parsed well.

    content_hash is the SHA-256 of the body, so that an equal answer need not be parsed again.
    following is where that answer led (its next page, the feed of a site), so that an unchanged answer leads
    there too. listed_on is the date that it gave itself, listed how many items it had.
    """

    etag: str = ""
    last_modified: str = ""
    content_hash: str = ""
    following: str = ""
    listed_on: date | None = None
    listed: int = 0


@dataclass(frozen=True, slots=True)
class FetchRecord:
    """How one look at one source ended, for the operator. run is 0 where the look brought nothing new."""

    source: str
    state: FetchState
    started_at: datetime
    finished_at: datetime
    listed: int = 0
    new: int = 0
    requests: int = 0
    message: str = ""
    run: int = 0


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """When a source may be asked again, and why not earlier. failures counts the looks in a row that failed."""

    source: str
    failures: int = 0
    not_before: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """A location has answered with a permanent redirect to target, each time since then."""

    location: str
    target: str
    since: datetime


# --- match --------------------------------------------------------------------------------


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
class Standing:
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


# --- compose ------------------------------------------------------------------------------


class Consent(StrEnum):
    """Whether a subscriber may be mailed."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    PAUSED = "paused"
    LEFT = "left"


class Status(StrEnum):
    """Where a subscription is: consent with what qualifies it (``compose.subscription.status_of``)."""

    UNKNOWN = "unknown"
    UNCONFIRMED = "unconfirmed"  # the address was entered; nobody has said that it is theirs
    CONFIRMED = "confirmed"
    PAUSED = "paused"  # by the reader or the operator
    ABSENT = "absent"  # paused, because the row is gone from subscribers.yaml
    LEFT = "left"
    DECLINED = "declined"  # left without ever having confirmed
    ERASED = "erased"


class ConsentMove(StrEnum):
    """What can happen to a subscription."""

    ASK = "ask"  # an address is entered on the page, or gets mails that are no digests
    ADD = "add"  # the operator has their consent: one address, or a list
    LIST = "list"  # a row of subscribers.yaml names them
    UNLIST = "unlist"  # the row is gone
    CONFIRM = "confirm"  # the button that the confirmation mail leads to
    CHANGE = "change"  # preferences
    PAUSE = "pause"
    WAKE = "wake"  # the pause is over
    RESUME = "resume"  # the reader ends the pause
    LEAVE = "leave"
    COME_BACK = "come back"  # the reader takes leaving back, by a link of theirs
    PAUSE_INSTEAD = "pause instead"  # the reader takes leaving back, and has a pause
    RESTORE = "restore"  # the operator takes them back
    ERASE = "erase"


class Refusal(StrEnum):
    """Why a move is refused."""

    UNKNOWN = "unknown"
    KNOWN = "known"
    NOT_CONFIRMED = "not confirmed"
    NOT_PAUSED = "not paused"
    NOT_LEFT = "not left"
    LEFT = "left"
    ERASED = "erased"
    SUPPRESSED = "suppressed"
    STALE = "stale"
    WEEKLY = "weekly"
    NOT_TO_COME = "not to come"


@dataclass(frozen=True, slots=True)
class Refused:
    """A move that is not made, and why."""

    why: Refusal


class Lift(StrEnum):
    """Which suppressions of an address end with a move."""

    NOTHING = "nothing"
    BOUNCES = "bounces"  # whoever confirms by mail has shown that mail arrives
    ALL = "all"  # the operator takes it on themselves, also after a complaint


@dataclass(frozen=True, slots=True)
class Cadence:
    """When a reader wants a digest: days of the week (0 is Monday), a local time, an IANA zone."""

    days: frozenset[int]
    at: time
    zone: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One local date of a reader's cadence and the instant that it means."""

    local_on: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person with an address: consent, one cadence, many topics.

    topics_json is the list of topics as the reader wrote them, canonical JSON; ``match.topics.parse_topics``
    reads it. everything_else is how many unmatched entries a digest may add, 0 for none.
    language and layout are empty where the newsletter's own count.
    counted_run is the upper bound of the last counted digest: what later runs brought is still to come.
    wake_at is when a pause ends by itself. file_owned: subscribers.yaml decides the preferences until the reader
    changes them by link.
    paused_by_file: the pause is there because the row is gone from the file. declined: they left without ever having
    confirmed. decided_at is when what is in force now was asked for, None where that is not known: what was asked for
    earlier and is still to be confirmed is out of date. ``compose.subscription`` alone changes consent and these three.
    """

    address: EmailAddress
    cadence: Cadence
    topics_json: str
    name: str = ""
    language: str = ""
    layout: str = ""
    everything_else: int = 0
    consent: Consent = Consent.CONFIRMED
    id: SubscriberId = SubscriberId(0)
    counted_run: int = 0
    next_due_at: datetime | None = None
    wake_at: datetime | None = None
    file_owned: bool = True
    paused_by_file: bool = False
    declined: bool = False
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an address gets no mail. is_complaint: somebody there called our mail unwanted; else mail to it failed."""

    reason: str
    is_complaint: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The runs that a digest covers: after_run < run <= upto_run."""

    after_run: int
    upto_run: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a mail shows of one entry, frozen at the moment of composing, so that a retry shows the same.

    is_model_summary: the summary was written by a model, because there is no other.
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
    """One entry in one section."""

    entry_id: EntryId
    card: Card
    reason: Reason


@dataclass(frozen=True, slots=True)
class Section:
    """One topic of a digest. topic is "" for everything else. Items are in their final order.

    overflow are the entries over the limit: they count as shown. overflow_url leads to where they can be read.
    """

    topic: str
    items: tuple[Item, ...]
    overflow: tuple[EntryId, ...] = ()
    overflow_url: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """What one reader gets in one slot. quiet_topics are the reader's topics that fit no paper of it.

    since_on is the first date that it covers; a digest that covers a week is shown as one. layout and language are
    how it is shown, empty until that is chosen (``render.choose_look``). is_first: nothing was
    ever shown to the reader before, so it welcomes them.
    """

    slot: Slot
    window: Window
    sections: tuple[Section, ...]
    quiet_topics: tuple[str, ...] = ()
    since_on: date | None = None
    layout: str = ""
    language: str = ""
    is_first: bool = False

    @property
    def is_empty(self) -> bool:
        return not any(section.items for section in self.sections)

    @property
    def entry_count(self) -> int:
        return sum(len(section.items) for section in self.sections)


# --- render -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the newsletter is, as every mail says it. Made from the configuration.

    id is short and steady: it stands in List-Id and Message-ID (``id.domain``). leave_address gets the
    "unsubscribe" and "change" mails until there is a web face.
    """

    name: str
    id: str
    from_name: str
    from_address: EmailAddress
    leave_address: EmailAddress
    bounce_address: EmailAddress
    reply_to: EmailAddress | None = None
    postal_address: str = ""
    accent: str = "#b45309"
    language: str = "en"
    layout: str = "cards"

    @property
    def domain(self) -> str:
        """The domain of the From address: the right side of Message-ID and List-Id."""
        return self.from_address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Links:
    """Where one reader's mail leads: leave and change are personal, web is this edition for everybody.

    one_click takes the POST of RFC 8058 (https); web, archive and one_click are empty where there is no web face.
    What is personal is not in the repr: whoever has it can act for the reader.
    """

    leave: str = field(repr=False)
    change: str = field(repr=False)
    web: str = ""
    archive: str = ""
    one_click: str = field(default="", repr=False)


class Piece(NamedTuple):
    """Some whole lines of a part. is_shared: the very same text stands in many readers' mails."""

    text: str
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as a person reads it, in pieces, so that what many mails share is encoded once. Line ends are ``\\n``."""

    subject: str
    html_pieces: tuple[Piece, ...]
    text_pieces: tuple[Piece, ...]

    @property
    def html(self) -> str:
        return "".join(piece.text for piece in self.html_pieces)

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.text_pieces)


@dataclass(frozen=True, slots=True)
class Fact:
    """A named fact in a mail that is no digest."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a mail that is no digest says: plain texts, in the reader's language.

    url is where its one button leads, "" for none. why says why this address got it.
    """

    subject: str
    preheader: str
    paragraphs: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    button: str = ""
    url: str = ""
    why: str = ""


# --- deliver ------------------------------------------------------------------------------


class Kind(StrEnum):
    """What a mail is. All but the first are notices: composed when something causes them, sent within seconds."""

    DIGEST = "digest"
    CONFIRM = "confirm"  # is this address yours?
    CHANGED = "changed"  # preferences
    GOODBYE = "goodbye"
    ALERT = "alert"  # to the operator
    LOGIN = "login"  # to the operator's page


NOTICES = frozenset(Kind) - {Kind.DIGEST}
TO_OPERATORS = frozenset({Kind.ALERT, Kind.LOGIN})
"""These go out even while nothing may be sent: they tell of it, and let somebody look."""


@dataclass(frozen=True, slots=True)
class QueuedNotice:
    """A mail that is no digest, as it is queued once for (kind, key, recipient). address is where it goes."""

    kind: Kind
    key: str
    recipient: SubscriberId
    address: EmailAddress
    notice: Notice
    language: str
    expires_at: datetime


class State(StrEnum):
    """The state of a delivery. due = the seven final ones + pending, always."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    IN_DATA = "in_data"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    UNCERTAIN = "uncertain"
    EMPTY = "empty"
    SKIPPED = "skipped"


PENDING = frozenset({State.QUEUED, State.CLAIMED, State.IN_DATA, State.DEFERRED})
COUNTED = frozenset({State.ACCEPTED, State.UNCERTAIN, State.EMPTY})
"""The states that move the upper bound of a reader's windows."""


class OnUncertain(StrEnum):
    """What to do with a mail of which nobody knows whether it was accepted."""

    RESEND_ONCE = "resend_once"
    HOLD = "hold"
    DROP = "drop"


class QuietDay(StrEnum):
    """What a reader gets for whom there is nothing new."""

    SKIP = "skip"  # no mail
    NOTE = "note"  # a short honest one


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP is told, as opposed to the message's headers."""

    mail_from: EmailAddress
    rcpt_to: EmailAddress


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A reply of a relay. text is without the code, lines joined by a blank; relay says whose reply it is."""

    code: int
    text: str = ""
    relay: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Silence:
    """No reply: the connection broke or the wait was over after the message had begun to flow."""

    why: str
    relay: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    reply: str


@dataclass(frozen=True, slots=True)
class Deferred:
    reply: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """suppress: the reply says that the address does not exist, so it is not mailed again."""

    reply: str
    suppress: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    reply: str


Outcome = Accepted | Deferred | Rejected | Uncertain


def state_of(outcome: Outcome) -> State:
    """Return the ledger's word for an outcome."""
    match outcome:
        case Accepted():
            return State.ACCEPTED
        case Deferred():
            return State.DEFERRED
        case Rejected():
            return State.REJECTED
        case Uncertain():
            return State.UNCERTAIN


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the ``in_data`` commit keeps, so that every later attempt sends the same mail.

    content_json is the digest, which refers to cards by their hash (cards maps each hash to its JSON), or the notice;
    bundle is the template bundle as (hash, JSON). A notice has no window. content_hash is the SHA-256 of the message's
    bytes.
    """

    content_json: str
    cards: Mapping[str, str]
    bundle_hash: str
    bundle_json: str
    content_hash: str
    message_id: str
    address: EmailAddress
    window: Window | None
    size_bytes: int
    entry_ids: tuple[tuple[EntryId, str, bool], ...] = field(default=())
    """(entry, topic, shown); not shown: over the limit."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The ledger row of one mail to one address. UNIQUE (kind, key, recipient).

    key of a digest is its edition's date, that of a notice names what caused it. content_json is what a notice says;
    address is where it was queued to, or what was frozen. attempt counts the tries that the relay answered, or might
    have.
    Queued and deferred ones wait for next_attempt_at. relay is the last one that was tried.
    frozen is None until the first ``in_data``. resends counts the sends after it was uncertain.
    """

    id: DeliveryId
    kind: Kind
    key: str
    recipient: SubscriberId
    state: State
    slot_at: datetime
    expires_at: datetime
    address: EmailAddress | None = None
    content_json: str = ""
    attempt: int = 0
    next_attempt_at: datetime | None = None
    last_reply: str = ""
    uncertain_at: datetime | None = None
    resends: int = 0
    relay: str = ""
    frozen: Frozen | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a delivery that a relay answered, or might have."""

    number: int
    at: datetime
    outcome: State
    reply: str
    relay: str


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries are meant: of a kind, of an edition, in some states, to a domain or address, with words in their
    last reply. What is empty does not count."""

    edition: str = ""
    states: frozenset[State] = frozenset()
    domain: str = ""
    address: str = ""
    reason: str = ""
    kind: Kind = Kind.DIGEST


# --- what the sender writes into the ledger -----------------------------------------------


@dataclass(frozen=True, slots=True)
class BeginData:
    """The fence before DATA: freeze the digest and go from claimed to in_data. attempt is this one's number."""

    delivery: DeliveryId
    attempt: int
    frozen: Frozen
    relay: str = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """What the relay said to one attempt."""

    delivery: DeliveryId
    attempt: int
    outcome: Outcome
    relay: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The end of a claimed row without a mail. window is what an empty digest has looked through."""

    delivery: DeliveryId
    state: State
    why: str
    window: Window | None = None


Step = BeginData | Settle | Close


class StepName(StrEnum):
    """What the clock does, in the order in which it begins (workflows/tick.py)."""

    SUBSCRIBERS_FILE = "subscribers file"
    COLLECTING = "collecting"
    INCOMING_MAIL = "incoming mail"
    UPKEEP = "upkeep"
    PAUSES_AND_ZONES = "pauses and time zones"
    PLANNING = "planning"
    SENDING = "sending"
    ALERTS = "alerts"
    NOTICES = "notices"


@dataclass(frozen=True, slots=True)
class StepFailure:
    """A step of the clock that fails: since when, how often in a row, and of the newest failure its time and what was
    said, on one line. is_passing: it may be over soon by itself."""

    step: StepName
    since: datetime
    times: int
    at: datetime
    error: str
    is_passing: bool = False


class PauseKind(StrEnum):
    """Why a relay is left alone. What makes it unusable the operator may mend; the others want time."""

    UNUSABLE = "unusable"
    STORM = "storm"
    POLICY = "policy"


class RelayPause(NamedTuple):
    """A relay is left alone until then, and why (kind; in words: why); pauses counts those without a success in
    between."""

    until: datetime
    why: str
    pauses: int
    kind: PauseKind


class Shown(NamedTuple):
    """What a reader was shown before: entries, among those that were asked for; ever: any digest at all."""

    entries: frozenset[EntryId] = frozenset()
    ever: bool = False


# --- what waits for a click --------------------------------------------------------------


class Asked(StrEnum):
    """What somebody asked for on a page, and confirms by a link in a mail."""

    SUBSCRIBE = "subscribe"
    ADDRESS = "address"  # another address for a reader
    LOGIN = "login"  # the operator's page


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Something that was asked for. wanted_json says what exactly; origin from where, shortened.

    done_at is None until it was confirmed, which can be once and before expires_at.
    """

    id: int
    asked: Asked
    subscriber: SubscriberId
    address: EmailAddress
    wanted_json: str
    origin: str
    asked_at: datetime
    expires_at: datetime
    done_at: datetime | None = None


# --- what comes back ---------------------------------------------------------------------


class ReportKind(StrEnum):
    """What a report says, the gravest first."""

    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    HARD = "hard"
    SOFT = "soft"
    DELIVERED = "delivered"
    AUTO_REPLY = "auto_reply"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """What a report says of one address. status is an enhanced code or empty; diagnostic is one line.

    kind is hard where the failure is permanent, as the report itself says; is_bad_address: the address is why, so
    that it should not be mailed again. is_final: no further attempt is made.
    """

    address: str
    kind: ReportKind
    status: str = ""
    diagnostic: str = ""
    is_bad_address: bool = False
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A mail about our mail. recipients may be empty where nobody is named.

    message_id is that of the mail that it is about, empty where it is not told. returned_to are the addresses at
    which the report arrived. is_standard: it follows RFC 3464 or RFC 5965.
    """

    kind: ReportKind
    recipients: tuple[ReportedRecipient, ...] = ()
    message_id: str = ""
    returned_to: tuple[str, ...] = ()
    subject: str = ""
    is_standard: bool = False


class Unreadable(NamedTuple):
    """Stands for a message of a mailbox whose bytes cannot be had, and says why."""

    why: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """How many messages about our mail could not be handled and were set aside, and the newest: when, and why."""

    count: int
    at: datetime
    why: str


class BounceAction(NamedTuple):
    """What to do: the delivery's new state (None: as it is), why to suppress the address or "", and whether its
    reader leaves. what is one word for the record."""

    what: str
    state: State | None = None
    suppress: str = ""
    leaves: bool = False


# --- what the workflows hand to the stores ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to fetch for a source. location is a URL or a file path; listed_on the date asked for, if any;
    page counts from 0."""

    location: str
    listed_on: date | None = None
    page: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of a source: its body as sent (decompressed), the final address and the new validators.

    content_type is the header of that name, "" for a file. moved_to is the final address where every redirect
    on the way there was a permanent one, else "".
    """

    body: bytes
    url: str
    validators: Validators = Validators()
    content_type: str = ""
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class NotModified:
    """A source says, or its bytes show, that nothing has changed. moved_to as in Fetched."""

    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class EntryChange:
    """One entry to write. entry.id 0: a new one; entry.first_seen_run is set.

    absorbs are other entries that turned out to be the same work: their keys, sightings, votes and
    "already sent" pass to this one. observed: its votes or comments differ from the newest observation.
    sightings are those in places that are new. events: what happened to a work that was known.
    """

    entry: Entry
    sightings: tuple[Sighting, ...] = ()
    absorbs: tuple[EntryId, ...] = ()
    observed: bool = False
    events: tuple[EntryEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """A slot that gets no digest of its own, and why; its window belongs to the next."""

    slot: Slot
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What planning decided for one reader whose next_due_at has come: at most one digest.

    slot is None where every due slot is too old (they are all in skipped). send_at is the slot's instant or somewhat
    later, where slots are spread. next_due_at is the first slot still to come.
    """

    slot: Slot | None
    skipped: tuple[Skip, ...]
    next_due_at: datetime
    send_at: datetime | None = None
    expires_at: datetime | None = None


class PlanResult(StrEnum):
    """What became of a Plan in the store."""

    PLANNED = "planned"  # rows written, next_due_at moved
    LOST = "lost"  # somebody else moved next_due_at first; nothing written
    BUSY = "busy"  # the reader's open digest must be settled first; nothing written


@dataclass(frozen=True, slots=True)
class Instance:
    """A process that claims deliveries."""

    id: InstanceId
    host: str
    boot: str
    pid: int
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerCount:
    """How many deliveries of one edition are in one state."""

    edition: str
    state: State
    count: int


@dataclass(frozen=True, slots=True)
class SentDigest:
    """One digest in the list of what a reader was sent: its edition, how far it came, and how many papers it showed."""

    edition: str
    state: State
    slot_at: datetime
    papers: int


class AddressChange(StrEnum):
    """What became of a change of address."""

    DONE = "done"
    TAKEN = "taken"  # somebody else has the new one by now
    OVER = "over"  # the reader has another address by now than the one that the change began with


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


@dataclass(frozen=True, slots=True)
class EntryDelivery:
    """One digest that has an entry: whose, of which edition, in which topic; not shown: over the limit."""

    address: EmailAddress
    subscriber: SubscriberId
    edition: str
    state: State
    topic: str
    shown: bool
    last_reply: str = ""
