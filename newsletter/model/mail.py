"""A mail, from what it says to what a relay answered: made by ``render`` and ``deliver``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.encoding import Part
    from newsletter.model.readers import EmailAddress


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the newsletter is, as every mail says it. Made from the configuration.

    id is short and steady: it stands in List-Id and Message-ID (``id.domain``). leave_address gets the
    "unsubscribe" and "change" mails until there is a web UI. pictures: digests show those of their papers.
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
    pictures: bool = False

    @property
    def domain(self) -> str:
        """The domain of the From address: the right side of Message-ID and List-Id."""
        return self.from_address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Links:
    """Where one reader's mail leads: leave and change are personal, web is this edition for everybody.

    leave_mailto writes a mail that ends the subscription; where there is no web UI leave is the same. one_click takes
    the POST of RFC 8058 (https). pictures is where those of papers are, ending in ``/``, the same for everybody. web,
    archive, one_click and pictures are empty where there is no web UI.
    What is personal is not in the repr: whoever has it can act for the reader.
    """

    leave: str = field(repr=False)
    change: str = field(repr=False)
    leave_mailto: str = field(repr=False)
    web: str = ""
    archive: str = ""
    one_click: str = field(default="", repr=False)
    pictures: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as a person reads it, its parts encoded already. Line ends of html and text are ``\n``."""

    subject: str
    html_part: Part
    text_part: Part

    @property
    def html(self) -> str:
        return self.html_part.text

    @property
    def text(self) -> str:
        return self.text_part.text


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


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP is told, as opposed to the message's headers."""

    mail_from: EmailAddress
    rcpt_to: EmailAddress


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A reply of a relay. text is without the code, lines joined by a space; relay says whose reply it is, envelope
    what it answers; elsewhere: another relay may be tried at once."""

    code: int
    text: str = ""
    relay: str = field(default="", compare=False)
    envelope: Envelope | None = field(default=None, compare=False)
    elsewhere: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Silence:
    """No reply: the connection broke or the wait was over after the message had begun to flow."""

    why: str
    relay: str = field(default="", compare=False)


class Blame(StrEnum):
    """Who has to change something before a mail like this one is taken."""

    RECIPIENT = "the recipient"
    US = "us"
    MESSAGE = "the message"
    UNKNOWN = "unknown"


class Weight(StrEnum):
    """What a failure weighs against an address: nothing, a strike, or enough to mail it no more."""

    NONE = "none"
    STRIKE = "strike"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Accepted:
    reply: str


@dataclass(frozen=True, slots=True)
class Deferred:
    reply: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """weight is what the reply weighs against the address."""

    reply: str
    weight: Weight = Weight.NONE


@dataclass(frozen=True, slots=True)
class Uncertain:
    reply: str


Outcome = Accepted | Deferred | Rejected | Uncertain
