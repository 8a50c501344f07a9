"""What comes back: mails about our mail, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from newsletter.model.ledger import State
from newsletter.model.mail import Blame, Weight


class ReportKind(StrEnum):
    """What a report says, the gravest first."""

    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    WISH = "wish"  # it sounds like one to leave
    HARD = "hard"
    SOFT = "soft"
    DELIVERED = "delivered"
    AUTO_REPLY = "auto_reply"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """What a report says of one address. status is an enhanced code or empty; diagnostic is one line.

    kind is hard where the failure is permanent, as the report itself says; blame and weight: whose fault it is, and
    what it weighs against the address. is_final: no further attempt is made.
    """

    address: str
    kind: ReportKind
    status: str = ""
    diagnostic: str = ""
    blame: Blame = Blame.UNKNOWN
    weight: Weight = Weight.NONE
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class BounceReport:
    """A bounce or other report about a mail of ours. recipients may be empty where nobody is named.

    message_ids are those that the mail that it is about may have. proofs are texts in which a signed token of ours may
    stand, the likeliest first; they are not checked yet. sender is who says that they wrote it. is_standard: it follows
    RFC 3464 or RFC 5965.
    """

    kind: ReportKind
    recipients: tuple[ReportedRecipient, ...] = ()
    message_ids: tuple[str, ...] = ()
    proofs: tuple[str, ...] = field(default=(), repr=False)
    subject: str = ""
    sender: str = ""
    is_standard: bool = False


class Unreadable(NamedTuple):
    """Stands for a message of a mailbox whose bytes cannot be had, and says why."""

    why: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """How many messages of a sort came in, and the newest: when, and why it is told."""

    count: int
    at: datetime
    why: str


class Incoming(NamedTuple):
    """What came in of late that the operator has to know of: messages that could not be handled and were set aside,
    reports that blame us, and people who asked to leave without proof."""

    set_aside: Noticed | None = None
    blamed: Noticed | None = None
    wishes: Noticed | None = None


SET_ASIDE = "set aside"
ABOUT_US = "about us"
ANSWERED = "unsubscribe request answered"
UNPROVEN = "unsubscribe request without proof"


@dataclass(frozen=True, slots=True)
class StrikePolicy:
    """When mail to an address ends: after failures on so many different days within a time; at once where it is gone
    for sure, unless that counts as one of them, too."""

    strikes: int = 5
    within: timedelta = timedelta(days=30)
    hard: Literal["suppress", "strike"] = "suppress"


DEFAULT_POLICY = StrikePolicy()


class BounceAction(NamedTuple):
    """What to do: the delivery's new state (None: as it is), what the failure weighs against the address and why, and
    whether its reader leaves. what is one word or two for the record."""

    what: str
    state: State | None = None
    weight: Weight = Weight.NONE
    why: str = ""
    leaves: bool = False
