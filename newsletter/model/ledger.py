"""What is due to whom, and what became of it: deliveries, their states and who works at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, NewType

# Every command knows the states of a delivery; what else a delivery is about is imported by those who make it.
if TYPE_CHECKING:
    from newsletter.model.digest import Window
    from newsletter.model.entries import EntryId
    from newsletter.model.mail import Notice, Outcome
    from newsletter.model.readers import EmailAddress, Slot, SubscriberId

DeliveryId = NewType("DeliveryId", int)

InstanceId = NewType("InstanceId", int)


class Kind(StrEnum):
    """What a mail is. All but the first are notices: composed when something causes them, sent within seconds."""

    DIGEST = "digest"
    CONFIRM = "confirm"  # is this address yours?
    CHANGED = "changed"  # preferences
    GOODBYE = "goodbye"
    LEAVE_LINK = "leave_link"  # to a reader who asked to leave in words of their own
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


WAITING = (State.QUEUED, State.DEFERRED)
HELD = (State.CLAIMED, State.IN_DATA)
PENDING = frozenset({*WAITING, *HELD})

OPEN = frozenset({*PENDING, State.UNCERTAIN})
"""The states from which something leads on by itself: all others are an end, unless somebody acts."""

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
class Snapshot:
    """What the ``in_data`` commit keeps, so that every later attempt sends the same mail.

    content_json is the digest, which refers to cards by their hash (cards maps each hash to its JSON), or the notice;
    bundle is the template bundle as (hash, JSON). A notice has no window. content_hash tells the
    message from any other (``deliver.message.hash_message``).
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
    """The ledger row of one mail to one address, once for (recipient, kind, key).

    key of a digest is its edition's date, that of a notice names what caused it. content_json is what a notice says;
    address is where it was queued to, or what was frozen. attempt counts the tries that the relay answered, or might
    have.
    Queued and deferred ones wait for next_attempt_at. What has ended has neither that nor expires_at. relay is the
    last one that was tried.
    snapshot is None until the first ``in_data``. resends counts the sends after it was uncertain.
    """

    id: DeliveryId
    kind: Kind
    key: str
    recipient: SubscriberId
    state: State
    slot_at: datetime
    expires_at: datetime | None
    address: EmailAddress | None = None
    content_json: str = ""
    attempt: int = 0
    next_attempt_at: datetime | None = None
    last_reply: str = ""
    uncertain_at: datetime | None = None
    resends: int = 0
    relay: str = ""
    snapshot: Snapshot | None = None


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


@dataclass(frozen=True, slots=True)
class BeginData:
    """The fence before DATA: freeze the digest and go from claimed to in_data. attempt is this one's number."""

    delivery: DeliveryId
    attempt: int
    snapshot: Snapshot
    relay: str = ""


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What the relay said to one attempt."""

    delivery: DeliveryId
    attempt: int
    outcome: Outcome
    relay: str = ""


@dataclass(frozen=True, slots=True)
class CloseDelivery:
    """The end of a claimed row without a mail. window is what an empty digest has looked through."""

    delivery: DeliveryId
    state: State
    why: str
    window: Window | None = None


LedgerStep = BeginData | RecordOutcome | CloseDelivery


class HoldKind(StrEnum):
    """Who holds all sending: an operator; a trial, whose own mails go out all the same; or the program by itself,
    because too much failed."""

    MANUAL = "manual"
    TRIAL = "trial"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is sent until somebody releases it. why is for people."""

    kind: HoldKind
    why: str


class PauseKind(StrEnum):
    """Why a relay is paused. What makes it unusable the operator may mend; the others want time."""

    UNUSABLE = "unusable"
    STORM = "storm"
    POLICY = "policy"


class RelayPause(NamedTuple):
    """A relay is paused until then, and why (kind; in words: why); pauses counts those without a success in
    between."""

    until: datetime
    why: str
    pauses: int
    kind: PauseKind = PauseKind.UNUSABLE


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

    @property
    def edition(self) -> str:
        """The key of the slot's digest, empty without one."""
        return self.slot.local_on.isoformat() if self.slot else ""


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
class RetentionPeriods:
    """How long what is over is kept: what mails said, their rows, and looks at sources."""

    content: timedelta
    deliveries: timedelta
    looks: timedelta


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """How many deliveries of one edition, or of one kind of notice, are in each state; states has those with any."""

    states: Mapping[State, int]

    def __getitem__(self, state: State) -> int:
        return self.states.get(state, 0)

    @property
    def due(self) -> int:
        return sum(self.states.values())

    @property
    def pending(self) -> int:
        return sum(self[state] for state in PENDING)

    @property
    def final(self) -> Mapping[State, int]:
        """How many are in each final state, each named, in the order of State."""
        return {state: self[state] for state in State if state not in PENDING}

    @property
    def equation(self) -> str:
        """What adds up, always. Whether it can be believed: storage/ledger/audit.py."""
        parts = " + ".join(f"{number} {state}" for state, number in self.final.items())
        return f"{self.due} due = {parts} + {self.pending} pending"


def build_counts(rows: Iterable[tuple[str, str, int]]) -> dict[str, LedgerCounts]:
    """Return the counts of each name, in the order of the names' first rows; rows are (name, state, how many)."""
    found: dict[str, dict[State, int]] = {}
    for name, state, number in rows:
        found.setdefault(name, {})[State(state)] = number
    return {
        name: LedgerCounts({state: states[state] for state in State if state in states})
        for name, states in found.items()
    }


class DayCount(NamedTuple):
    """So many things of one name on one day (UTC; of an edition: its date)."""

    day: date
    name: str
    number: int


class ReplyCount(NamedTuple):
    """So many deliveries in a state with the same last reply."""

    state: State
    reply: str
    number: int


@dataclass(frozen=True, slots=True)
class SentDigest:
    """One digest in the list of what a reader was sent: its edition, how far it came, and how many papers it showed."""

    edition: str
    state: State
    slot_at: datetime
    papers: int


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
