"""What comes back: mails about our mail, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from newsletter.model.ledger import State


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
