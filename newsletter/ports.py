"""Small Protocols that the workflows call; ``wiring`` says who stands behind each.

Every store method is one short transaction without network inside. All raise StoreError when the
database is away, locked for longer than its patience, full, or of another version.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Protocol

from newsletter.model.digest import Shown, Window
from newsletter.model.entries import Entry, EntryChange, EntryHistory, EntryId, EntryKey, Place
from newsletter.model.ledger import (
    Delivery,
    DeliveryFilter,
    DeliveryId,
    EntryDelivery,
    Instance,
    InstanceId,
    Kind,
    LedgerCount,
    Plan,
    PlanResult,
    QueuedNotice,
    RelayPause,
    State,
    Step,
)
from newsletter.model.mail import Envelope, Silence, SmtpReply
from newsletter.model.readers import (
    AddressChange,
    Asked,
    Confirmation,
    ConsentMove,
    EmailAddress,
    Lift,
    Refused,
    Subscriber,
    SubscriberId,
    Suppression,
)
from newsletter.model.reports import BounceAction, Report, SetAside, Unreadable
from newsletter.model.sources import Fetched, FetchRecord, Move, NotModified, SourceHealth, Validators
from newsletter.model.steps import StepFailure, StepName
from newsletter.signing import Secret


class Clock(Protocol):
    """The one place where ``now`` comes from."""

    def now(self) -> datetime: ...


# --- collect ------------------------------------------------------------------------------


class Fetcher(Protocol):
    async def fetch(self, location: str, known: Validators | None) -> Fetched | NotModified:
        """Return the answer of a URL or the bytes of a file; NotModified where it is as it was at ``known``.

        Raises FetchError with the URL and the HTTP status.
        """


class RunTransaction(Protocol):
    """One collect run that becomes visible, or leaves nothing. number is the run's number."""

    number: int

    async def load_known(self, keys: Collection[EntryKey]) -> Sequence[Entry]:
        """Return the entries that have one of the keys among theirs, by id."""

    async def load_known_places(self, entries: Collection[EntryId]) -> Mapping[EntryId, frozenset[Place]]:
        """Return where each of these entries was seen in earlier runs, by each id given."""

    async def load_known_sources(self) -> frozenset[str]:
        """Return the names of the sources that have brought a sighting in an earlier run."""

    async def save(self, changes: Sequence[EntryChange], now: datetime) -> None:
        """Write entries, aliases, sightings, events and vote observations."""

    async def save_looks(
        self,
        records: Sequence[FetchRecord],
        health: Sequence[SourceHealth],
        moves: Sequence[Move],
        validators: Mapping[str, Validators],
    ) -> None:
        """Write how each look ended. health, moves and validators replace what was known of the same source and
        location; a Move with an empty target is forgotten."""


class EntryStore(Protocol):
    def open_run(self, now: datetime) -> AbstractAsyncContextManager[RunTransaction]:
        """Open the one serialised transaction that gives a run the next number; commits on a clean exit."""

    async def save_looks(
        self,
        records: Sequence[FetchRecord],
        health: Sequence[SourceHealth],
        moves: Sequence[Move],
        validators: Mapping[str, Validators],
    ) -> None:
        """As in RunTransaction, for a collect pass that brought nothing to write (run 0)."""

    async def load_validators(self, locations: Collection[str]) -> Mapping[str, Validators]: ...

    async def load_known_sources(self) -> frozenset[str]:
        """Return the names of the sources that have ever brought a sighting."""

    async def load_health(self) -> Mapping[str, SourceHealth]:
        """Return what is known of the sources that were asked before, by source name."""

    async def load_moves(self) -> Mapping[str, Move]:
        """Return the permanent redirects that were seen, by location."""

    async def load_fetches(self, since: datetime) -> Sequence[FetchRecord]:
        """Return the fetch records that finished at or after ``since``, by source name, then the oldest first."""

    async def load_known(self, keys: Collection[EntryKey]) -> Sequence[Entry]:
        """Return the entries that have one of the keys among theirs, by id."""

    async def find_titles(self, words: str, limit: int) -> Sequence[Entry]:
        """Return entries whose title contains the words as they stand, case aside, the newest first."""

    async def load_history(self, entry: EntryId) -> EntryHistory:
        """Return what happened to one entry."""

    async def newest_run(self) -> int:
        """Return the number of the newest visible run, 0 before the first."""

    async def newest_run_before(self, at: datetime) -> int:
        """Return the number of the newest run that was visible at ``at``, 0 where there was none."""

    async def load_entries(self, window: Window, waiting_since: datetime | None = None) -> Sequence[Entry]:
        """Return the entries first seen in the window, and those first seen at or after
        ``waiting_since`` in an earlier run (> 0), each with its newest votes, by id."""

    async def load_since(self, since: datetime) -> Sequence[Entry]:
        """Return the entries listed on or after the day of ``since`` (where they have no listing date, published after
        it; without that either, first seen after it), by id."""

    async def load_last_fetches(self) -> Sequence[FetchRecord]:
        """Return the newest fetch record of each source, by source name."""

    async def load_last_pass_at(self) -> datetime | None:
        """Return when the newest collect pass ended (newest finished_at of all fetch records)."""

    async def thin(self, now: datetime) -> int:
        """Keep one vote observation a day (the last) of those older than 30 days, and fetch records for
        90 days; return how many rows went."""


# --- subscribers --------------------------------------------------------------------------


class SubscriberStore(Protocol):
    async def load_all(self) -> Sequence[Subscriber]:
        """Return everybody, by address."""

    async def load_after(self, last: SubscriberId, limit: int) -> Sequence[Subscriber]:
        """Return the readers with a higher id than ``last``, by id, at most so many."""

    async def load_topics_with(self, key: str) -> Sequence[str]:
        """Return the different topics_json in which a topic may have that key."""

    async def load_erased(self, addresses: Collection[EmailAddress]) -> frozenset[EmailAddress]:
        """Return those of these addresses whose persons were erased: no list brings them back."""

    async def load_known(self, addresses: Collection[EmailAddress]) -> frozenset[EmailAddress]:
        """Return those of these addresses that belong to a subscriber, whatever their consent."""

    async def load(self, address: EmailAddress) -> Subscriber | None: ...

    async def load_many(self, subscribers: Collection[SubscriberId]) -> Mapping[SubscriberId, Subscriber]:
        """Return those of these readers that there are, by id."""

    async def save(
        self,
        subscribers: Sequence[Subscriber],
        now: datetime,
        why: str,
        origin: str = "",
        move: ConsentMove | None = None,
    ) -> None:
        """Insert (id 0) or update each by id, in one transaction; ``why`` and origin (how, and from where) go into the
        consent record of those whose consent is new or has changed. counted_run of a known reader only moves
        forward. Without a move, preferences change and nothing else, and whoever is new is added or has been asked.
        Raises MoveError where a row, as it is now, has no such move."""

    async def move(
        self,
        reader: SubscriberId,
        move: ConsentMove,
        decide: Callable[[Subscriber], Subscriber | Refused],
        now: datetime,
        why: str,
        origin: str = "",
        *,
        write: Callable[[Subscriber, Subscriber], QueuedNotice | None] = ...,
        lift: Lift = ...,
    ) -> Subscriber | Refused:
        """Move one reader as ``decide`` says of the row as it is now; return them afterwards, or why nothing was done.
        In the same transaction: the record of consent, the mail that ``write`` returns, the end of a suppression."""

    async def erase(self, subscriber: SubscriberId, now: datetime) -> bool:
        """Erase a person; False, and nothing is done, while a mail to them is on its way."""

    async def load_zones(self) -> Sequence[str]:
        """Return the different time zones of all readers."""

    async def move_due(self, changes: Sequence[tuple[SubscriberId, datetime, datetime]]) -> int:
        """Move next_due_at of these readers from one instant to another, where it still is the first; return how
        many were moved."""

    async def wake(self, now: datetime, newest_run: int) -> int:
        """End the pauses whose time is over; return how many. What came before is not sent after the readers."""

    async def load_due(self, now: datetime, limit: int) -> Sequence[Subscriber]:
        """Return confirmed readers with next_due_at <= now, the longest due first (then by id)."""

    async def load_suppressed(
        self, addresses: Collection[EmailAddress]
    ) -> Mapping[EmailAddress, Suppression]:
        """Return the suppressed ones of these addresses with why they are."""

    async def lift_suppression(self, address: EmailAddress, why: str, now: datetime) -> bool: ...


# --- deliver ------------------------------------------------------------------------------


class DeliveryStore(Protocol):
    async def register_instance(self, host: str, boot: str, pid: int, now: datetime) -> InstanceId: ...

    async def beat(self, instance: InstanceId, now: datetime) -> None:
        """Say that the instance is alive."""

    async def load_instances_with_claims(self) -> Sequence[Instance]:
        """Return the instances that hold rows in ``claimed`` or ``in_data``."""

    async def void_claims(self, instance: InstanceId, now: datetime) -> tuple[int, int]:
        """Take the rows of a dead instance back: claimed ones as they were before the claim (queued, deferred or
        uncertain), in_data ones become uncertain with uncertain_at. Uncertain counts: counted_run of their readers
        moves to their window's upper bound. Return how many of each."""

    async def retire_instance(self, instance: InstanceId) -> None:
        """Forget an instance that ended cleanly and holds nothing."""

    async def plan(
        self, plans: Sequence[tuple[Subscriber, Plan]], now: datetime, *, by_hand: bool = False
    ) -> Sequence[PlanResult]:
        """Write the plans of different readers in one transaction; return what became of each, in their order.

        next_due_at is moved by compare-and-set from the value that the reader was loaded with. The reader's open
        digest, if any: queued or deferred ones expire (last_reply says that the next one covers it); one that is
        claimed or in_data makes the plan BUSY. A row that exists already for (kind, key, recipient) is left alone.
        by_hand: the slot may lie before its time, so next_due_at only moves forward, and PLANNED means a new row.
        """

    async def queue_notice(self, notice: QueuedNotice, now: datetime) -> bool:
        """Queue one mail that is no digest once; False where there is a row already for (kind, key, recipient)."""

    async def expire(self, now: datetime) -> int:
        """Expire queued and deferred rows with expires_at <= now; return how many."""

    async def claim(
        self,
        instance: InstanceId,
        now: datetime,
        limit: int,
        resend: Collection[Kind],
        *,
        kinds: Collection[Kind] = frozenset(Kind),
        edition: str | None = None,
    ) -> Sequence[Delivery]:
        """Claim rows of these kinds that can be sent now, notices first, then by their time and id: queued and deferred
        ones whose next_attempt_at has come, and of the kinds in ``resend`` uncertain ones with resends 0 whose
        expires_at is still to come. Their state is committed as ``claimed`` when this returns. Each Delivery carries
        its Frozen where it has one. edition means digests alone."""

    async def record(
        self, instance: InstanceId, steps: Sequence[Step], now: datetime, *, guarded: bool = True
    ) -> Sequence[bool]:
        """Write the steps of different deliveries in one transaction; return of each whether it took effect.

        BeginData is the fence: it takes effect only where the row is claimed by this instance; else no DATA may
        follow. Settle writes what the relay said, with a row in attempts; accepted and uncertain move counted_run
        of the reader to the window's upper bound. Close ends a claimed row without a mail. The same steps may be
        written again where it is not known whether they were. guarded: raises FellBehindError, and writes nothing,
        where the database is not the one that sent last.
        """

    async def release(self, instance: InstanceId, now: datetime) -> int:
        """Put this instance's rows in ``claimed`` back as they were; return how many."""

    async def load_shown(
        self, subscribers: Collection[SubscriberId], since: EntryId = ...
    ) -> Mapping[SubscriberId, Shown]:
        """Return what each reader was shown in digests that count, those over a limit included; by each id given.
        since leaves out entries with a lower id."""

    async def load_entry_deliveries(self, entry: EntryId) -> Sequence[EntryDelivery]:
        """Return the digests that have this entry, shown or over a limit, the newest edition first, then by
        address."""

    async def find(
        self, wanted: DeliveryFilter, after: DeliveryId = ..., limit: int = ...
    ) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return deliveries that fit, by id, those after ``after``; without what is frozen."""

    async def count_late(self, since: datetime) -> int:
        """Return how many queued or deferred rows could have gone out before ``since``."""

    async def resolve(self, delivery: DeliveryId, accepted: bool, why: str, expires_at: datetime) -> bool:
        """Settle an uncertain row by hand: it was accepted, or it was not sent and is tried again. False where it
        is not uncertain."""

    async def retry(self, wanted: DeliveryFilter, now: datetime, expires_at: datetime) -> tuple[int, int]:
        """Queue rejected and expired rows that fit again; return how many, and how many were left because a later
        digest of their reader has covered them."""

    async def load_counts(self, editions: int | None = None) -> Sequence[LedgerCount]:
        """Return the counts of the newest ``editions`` editions (all with None), newest first."""

    async def load_notice_counts(self) -> Mapping[Kind, Mapping[State, int]]:
        """Return how many notices of each kind are in each state."""

    async def find_contradictions(self, editions: int) -> Sequence[str]:
        """Return what does not fit together in the records of the newest editions; nothing if all is well."""

    async def load_unreached(self, edition: str) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return the rows of an edition that are neither accepted nor empty, with the address, by address."""

    async def load_edition(self, edition: str) -> Sequence[tuple[Delivery, EmailAddress]]:
        """Return all the rows of an edition, by address."""

    async def has_work(
        self, now: datetime, resend: Collection[Kind], kinds: Collection[Kind] = frozenset(Kind)
    ) -> bool:
        """Tell whether a pass of sending would find anything of these kinds: rows that could be claimed or have
        expired, or claims of others."""


class RelayStore(Protocol):
    """What all processes know together of the relays: how many messages each has been given on a day, and which are
    left alone."""

    async def reserve(self, relay: str, day: date, want: int, limit: int) -> int:
        """Take up to ``want`` messages of the day's limit; return how many, 0 where it is used up."""

    async def give_back(self, relay: str, day: date, messages: int) -> None:
        """Return what was reserved and not used."""

    async def save_pause(self, relay: str, pause: RelayPause | None) -> None:
        """Leave a relay alone for a while; None ends that."""

    async def load_pauses(self) -> Mapping[str, RelayPause]:
        """Return the last pause of each relay that has taken nothing since, also where its time is over."""


class Guard(Protocol):
    """Whether this database may send: it must not be an older copy of the one that sent last."""

    async def check(self) -> str:
        """Return why nothing may be sent, empty where it may."""


class PersonalStore(Protocol):
    """What readers do with what is theirs."""

    async def change_address(
        self, reader: SubscriberId, old: EmailAddress, new: EmailAddress, now: datetime, origin: str
    ) -> AddressChange:
        """Give a reader another address, where it is free and they still have the old one."""


class ConfirmationStore(Protocol):
    """What was asked for on a page and waits for a click in a mail."""

    async def ask(
        self,
        asked: Asked,
        subscriber: SubscriberId,
        address: EmailAddress,
        wanted_json: str,
        origin: str,
        now: datetime,
        expires_at: datetime,
    ) -> int:
        """Write down what was asked for; return its number, which is never given again."""

    async def load(self, confirmation: int) -> Confirmation | None:
        """Return what was asked for under a number."""

    async def finish(self, confirmation: int, now: datetime) -> bool:
        """Take a confirmation; True for the first one who asks before it expires, and for nobody else."""

    async def count_since(self, address: EmailAddress, since: datetime) -> int:
        """Return how often something was asked for in the name of a mailbox since then, however its address was
        spelled."""

    async def load_lapsed(self, now: datetime, limit: int) -> Sequence[SubscriberId]:
        """Return people who were asked whether they want the newsletter and did not say so in time, by id."""

    async def thin(self, before: datetime) -> int:
        """Forget what expired before then, but for people who are still to be erased; return how many rows went."""


class EvidenceStore(Protocol):
    """What came back."""

    async def find_by_message_id(self, message_id: str) -> DeliveryId | None:
        """Return the delivery of the mail with this Message-ID."""

    async def note(
        self,
        report_hash: str,
        report: Report,
        delivery: DeliveryId | None,
        choose: Callable[[str, State, Sequence[datetime]], BounceAction],
        now: datetime,
    ) -> BounceAction | None:
        """Write a report down and do what follows from it, in one transaction; None where it was known already."""

    async def note_leave(
        self, report_hash: str, report: Report, reader: SubscriberId, now: datetime
    ) -> BounceAction | None:
        """Write down that a reader asked by mail to leave, and let them leave; None where it was known already."""

    async def note_set_aside(self, report_hash: str, why: str, now: datetime) -> bool:
        """Write down that a message could not be handled; False where it was known already."""

    async def load_set_aside(self, since: datetime) -> SetAside | None:
        """Return what could not be handled since then, None where all could."""


class Inbox(Protocol):
    """Where mail about our mail arrives."""

    set_aside_place: str
    """Where what could not be handled is, in words."""

    def read(self) -> AsyncIterator[tuple[str, bytes | Unreadable]]:
        """Yield each message that is not done, with its name. Raises MailerError."""

    async def finish(self, name: str) -> None:
        """Note that a message is done. Raises MailerError."""

    async def set_aside(self, name: str) -> None:
        """Put a message that cannot be handled where it is not read again. Raises MailerError."""

    async def close(self) -> None: ...


class SettingStore(Protocol):
    """A few facts about this database."""

    async def load_secret(self) -> Secret:
        """Return the secret of this newsletter: 32 random bytes, made with the database and kept in it."""

    async def load_hold(self) -> str:
        """Return why nothing may be sent now, empty where sending is allowed."""

    async def save_hold(self, why: str) -> None: ...

    async def load_zone_rules(self) -> str:
        """Return the fingerprint of the zones' rules that the schedule was computed with."""

    async def save_zone_rules(self, fingerprint: str) -> None: ...

    async def load_step_failures(self) -> Sequence[StepFailure]:
        """Return the steps of the clock that fail, in the order of the steps."""

    async def save_step_failure(self, failure: StepFailure) -> None:
        """Note that a step of the clock fails."""

    async def clear_step_failure(self, step: StepName) -> None:
        """Note that a step of the clock does not fail any more."""


# --- mail ---------------------------------------------------------------------------------


class MailSession(Protocol):
    """A connection on which MAIL and RCPT were accepted. relay is the name of the one that took them."""

    relay: str

    async def data(self, message: bytes) -> SmtpReply | Silence:
        """Send the message and return the relay's answer to it. Never raises for what the network does."""

    async def abandon(self) -> None:
        """Leave without DATA."""


class Mailer(Protocol):
    connections: int
    """How many sessions may be open at once."""

    async def begin(self, envelope: Envelope, only: str = "") -> MailSession | SmtpReply:
        """Open a session for one envelope; the reply where MAIL or RCPT was refused. only names the relay that
        has to be used.

        Raises MailerError where no relay can be used at all (connection, TLS, login, our sender).
        """

    async def close(self) -> None: ...
