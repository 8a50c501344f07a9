"""What we poll, and how a look at it ended: made by ``collect`` and the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.model.entries import Sighting


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """How a source is asked, beyond its address, as the operator configured it.

    headers and cookies may be secret, so they are sent to ``home`` only: to the scheme, host and port of the
    source's own address. The others hold wherever it leads. user_agent "" is ours, proxy "" what the
    environment says, timeout_s None the fetcher's own deadline. repr hides what may be secret.
    """

    home: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cookies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    user_agent: str = ""
    proxy: str = field(default="", repr=False)
    timeout_s: float | None = None


USUAL_REQUEST = RequestOptions()


@dataclass(frozen=True, slots=True)
class Source:
    """Something that we poll, as the operator configured it.

    location is a web address or a file path; for kinds that have a site of their own it may be the base URL of it.
    The others are options of some kinds (``collect.options`` says of which):
    listing_dates: how many of the newest listing dates each run reads again.
    captured_on: the day on which a text capture was made, if the operator knows it.
    categories, authors, search: what is asked for. days_back: how old an entry may be that a search brings.
    cross_lists: whether entries whose primary category is none of ``categories`` are taken.
    papers: the arXiv ids that are looked up.
    request_options: how it is asked, for every kind.
    sets, metadata_prefix: what is harvested of a repository, and in which format.
    second_location: where the same entries are asked for if the location fails, of kinds that have such a place.
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
    request_options: RequestOptions = USUAL_REQUEST
    sets: tuple[str, ...] = ()
    metadata_prefix: str = "oai_dc"
    second_location: str = ""


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
    following is the address at which the answer says that its listing goes on. resume_at: of a harvest that ends here,
    the address with which the next look begins.
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
    following: str = ""
    resume_at: str = ""

    @property
    def listed(self) -> int:
        """How many entries the answer lists, wanted or not."""
        return len(self.sightings) + self.left_out


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
    there too. listed_on is the date that it gave itself, listed how many items it had. read_at is when it last came
    whole, None where that is not known. Of a harvest, which is known by its name, following is where the next look
    begins.
    """

    etag: str = ""
    last_modified: str = ""
    content_hash: str = ""
    following: str = ""
    listed_on: date | None = None
    listed: int = 0
    read_at: datetime | None = None


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

    def must_wait(self, now: datetime) -> bool:
        """Tell whether it is too early to ask it again."""
        return self.not_before is not None and self.not_before > now


@dataclass(frozen=True, slots=True)
class HeldBack:
    """So many entries of a source were taken for its archive (``collect.dam``), the first of them at since."""

    source: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class PermanentRedirect:
    """A location has answered with a permanent redirect to target, each time since then."""

    location: str
    target: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to fetch for a source. location is a URL or a file path; listed_on the date asked for, if any;
    page counts from 0. harvest names a listing that is read over many looks, each from where the last one stopped."""

    location: str
    listed_on: date | None = None
    page: int = 0
    harvest: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of a source: its body as sent (decompressed), the final address and the new validators.

    content_type and link are the headers of these names, "" for a file. moved_to is the final address where every
    redirect on the way there was a permanent one, else "".
    """

    body: bytes
    url: str
    validators: Validators = Validators()
    content_type: str = ""
    moved_to: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class NotModified:
    """A source says, or its bytes show, that nothing has changed. moved_to as in Fetched."""

    moved_to: str = ""
