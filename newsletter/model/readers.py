"""People with an address: consent, cadence, and what they asked for on a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import NamedTuple, NewType, Protocol
from zoneinfo import ZoneInfo

SubscriberId = NewType("SubscriberId", int)

NOBODY = SubscriberId(0)
"""The number of no reader: of one who is not stored yet, and in the links of a test mail."""

EmailAddress = NewType("EmailAddress", str)
"""A checked address as it was typed, its domain as ``xn--``. Made by ``newsletter.address.parse_address``."""

AddressKey = NewType("AddressKey", str)
"""What is the same for all addresses of one reader (``newsletter.address.address_key``)."""


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

    def date_at(self, at: datetime) -> date:
        """Return the date that it is there at an instant."""
        return at.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True, slots=True)
class Slot:
    """One local date of a reader's cadence and the instant that it means."""

    local_on: date
    at: datetime


class Scheduled(Protocol):
    """What planning needs of a reader. next_due_at is their next slot, None where they get no digests."""

    @property
    def id(self) -> SubscriberId: ...
    @property
    def cadence(self) -> Cadence: ...
    @property
    def next_due_at(self) -> datetime | None: ...


class DueReader(NamedTuple):
    """That alone, of one of very many readers."""

    id: SubscriberId
    cadence: Cadence
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person with an address: consent, one cadence, many topics.

    topics_json is the list of topics as the reader wrote them, canonical JSON; ``match.topics.parse_topics``
    reads it. everything_else is how many unmatched entries a digest may add, 0 for none.
    language and layout are empty, and pictures (whether those of papers are shown) None, where the newsletter's own
    count.
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
    pictures: bool | None = None
    everything_else: int = 0
    consent: Consent = Consent.CONFIRMED
    id: SubscriberId = NOBODY
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


class ComingDigests(NamedTuple):
    """The next digests of readers with one cadence that are due at one moment: how many, and the first of their
    addresses."""

    due_at: datetime
    cadence: Cadence
    readers: int
    address: EmailAddress


class Unwanted(NamedTuple):
    """An address that is to be mailed no more, and why; is_complaint as in `Suppression`."""

    address: EmailAddress
    why: str
    is_complaint: bool = False


class SuppressedAddress(NamedTuple):
    """An address that is suppressed now, and the report that did it: its kind, the edition of the mail that it was
    about, its enhanced code and its words; empty where a relay's reply did it, which is the reason then."""

    address: EmailAddress
    reason: str
    since: datetime
    report: str = ""
    edition: str = ""
    status: str = ""
    diagnostic: str = ""


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


class AddressChange(StrEnum):
    """What became of a change of address."""

    DONE = "done"
    TAKEN = "taken"  # somebody else has the new one by now
    OVER = "over"  # the reader has another address by now than the one that the change began with
