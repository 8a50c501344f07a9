"""Every move of a subscription: from which status to which other one, and what it changes of a reader. Pure.

MOVES is the rule. Pages, commands, subscribers.yaml, lists and bounces ask the functions below, and the store refuses
to write a change of status that MOVES does not have. Three things hold whatever happens:

- who has left stays so, until they confirm by mail or take it back by a link of theirs, or the operator restores them;
- who never confirmed is mailed no digest: neither a pause nor its end, nor leaving and coming back, makes up for it;
- who decides about the preferences (``file_owned``) is another question than whether somebody is mailed: a pause, its
  end, leaving and coming back leave it alone.

Whether an address takes mail at all (a suppression) belongs to the address and not to the subscription: `may_send`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from newsletter.compose.slots import find_pause_end, next_slot
from newsletter.model.ledger import Kind
from newsletter.model.readers import (
    Cadence,
    Consent,
    ConsentMove,
    EmailAddress,
    Refusal,
    Refused,
    Status,
    Subscriber,
    Suppression,
)

LONGEST_PAUSE = timedelta(days=366)
ERASED_DOMAIN = "@erased.invalid"
"""Where the name of somebody erased lies, which stands in place of the address."""
_FRIDAY = 4


WORDS: Mapping[Refusal, str] = {
    Refusal.UNKNOWN: "is not a subscriber",
    Refusal.KNOWN: "is already known; see 'newsletter subscribers list'",
    Refusal.NOT_CONFIRMED: "has never confirmed; that takes the link in a confirmation mail, which they get when they"
    " subscribe on the web page, or a row in subscribers.yaml",
    Refusal.NOT_PAUSED: "is not paused",
    Refusal.NOT_LEFT: "has not unsubscribed",
    Refusal.LEFT: "has unsubscribed; 'newsletter subscribers restore' resumes their mail",
    Refusal.ERASED: "was erased or replaced by another address; they can subscribe themselves",
    Refusal.SUPPRESSED: "is suppressed and gets no mail; 'newsletter subscribers lift' ends that",
    Refusal.STALE: "was changed in the meantime",
    Refusal.WEEKLY: "already gets one digest a week",
    Refusal.NOT_TO_COME: "can only be paused until a day in the future",
}


MOVES: Mapping[Status, Mapping[ConsentMove, Status | Refusal]] = {
    Status.UNKNOWN: dict.fromkeys(ConsentMove, Refusal.UNKNOWN)
    | {
        ConsentMove.ASK: Status.UNCONFIRMED,
        ConsentMove.ADD: Status.CONFIRMED,
        ConsentMove.LIST: Status.CONFIRMED,
    },
    Status.UNCONFIRMED: {
        ConsentMove.ASK: Status.UNCONFIRMED,
        ConsentMove.ADD: Refusal.NOT_CONFIRMED,
        # Whoever types an address into the form, or gets alerts at it, keeps no reader out of the file.
        ConsentMove.LIST: Status.CONFIRMED,
        ConsentMove.UNLIST: Status.UNCONFIRMED,
        ConsentMove.CONFIRM: Status.CONFIRMED,
        ConsentMove.CHANGE: Status.UNCONFIRMED,
        ConsentMove.PAUSE: Refusal.NOT_CONFIRMED,
        ConsentMove.WAKE: Refusal.NOT_PAUSED,
        ConsentMove.RESUME: Refusal.NOT_CONFIRMED,
        ConsentMove.LEAVE: Status.DECLINED,
        ConsentMove.COME_BACK: Refusal.NOT_CONFIRMED,
        ConsentMove.PAUSE_INSTEAD: Refusal.NOT_CONFIRMED,
        ConsentMove.RESTORE: Refusal.NOT_CONFIRMED,
        ConsentMove.ERASE: Status.ERASED,
    },
    Status.CONFIRMED: {
        ConsentMove.ASK: Status.CONFIRMED,
        ConsentMove.ADD: Refusal.KNOWN,
        ConsentMove.LIST: Status.CONFIRMED,
        ConsentMove.UNLIST: Status.ABSENT,
        ConsentMove.CONFIRM: Status.CONFIRMED,
        ConsentMove.CHANGE: Status.CONFIRMED,
        ConsentMove.PAUSE: Status.PAUSED,
        ConsentMove.WAKE: Refusal.NOT_PAUSED,
        ConsentMove.RESUME: Refusal.NOT_PAUSED,
        ConsentMove.LEAVE: Status.LEFT,
        ConsentMove.COME_BACK: Refusal.NOT_LEFT,
        ConsentMove.PAUSE_INSTEAD: Refusal.NOT_LEFT,
        ConsentMove.RESTORE: Status.CONFIRMED,
        ConsentMove.ERASE: Status.ERASED,
    },
    Status.PAUSED: {
        ConsentMove.ASK: Status.PAUSED,
        ConsentMove.ADD: Refusal.KNOWN,
        ConsentMove.LIST: Status.PAUSED,
        ConsentMove.UNLIST: Status.PAUSED,
        ConsentMove.CONFIRM: Status.CONFIRMED,
        ConsentMove.CHANGE: Status.PAUSED,
        ConsentMove.PAUSE: Status.PAUSED,
        ConsentMove.WAKE: Status.CONFIRMED,
        ConsentMove.RESUME: Status.CONFIRMED,
        ConsentMove.LEAVE: Status.LEFT,
        ConsentMove.COME_BACK: Refusal.NOT_LEFT,
        ConsentMove.PAUSE_INSTEAD: Refusal.NOT_LEFT,
        ConsentMove.RESTORE: Status.CONFIRMED,
        ConsentMove.ERASE: Status.ERASED,
    },
    Status.ABSENT: {
        ConsentMove.ASK: Status.ABSENT,
        ConsentMove.ADD: Refusal.KNOWN,
        ConsentMove.LIST: Status.CONFIRMED,
        ConsentMove.UNLIST: Status.ABSENT,
        ConsentMove.CONFIRM: Status.CONFIRMED,
        ConsentMove.CHANGE: Status.ABSENT,
        ConsentMove.PAUSE: Status.PAUSED,
        ConsentMove.WAKE: Refusal.NOT_PAUSED,
        ConsentMove.RESUME: Status.CONFIRMED,
        ConsentMove.LEAVE: Status.LEFT,
        ConsentMove.COME_BACK: Refusal.NOT_LEFT,
        ConsentMove.PAUSE_INSTEAD: Refusal.NOT_LEFT,
        ConsentMove.RESTORE: Status.CONFIRMED,
        ConsentMove.ERASE: Status.ERASED,
    },
    Status.LEFT: {
        ConsentMove.ASK: Status.LEFT,
        ConsentMove.ADD: Refusal.LEFT,
        ConsentMove.LIST: Refusal.LEFT,
        ConsentMove.UNLIST: Status.LEFT,
        ConsentMove.CONFIRM: Status.CONFIRMED,
        ConsentMove.CHANGE: Status.LEFT,
        ConsentMove.PAUSE: Refusal.LEFT,
        ConsentMove.WAKE: Refusal.LEFT,
        ConsentMove.RESUME: Refusal.LEFT,
        ConsentMove.LEAVE: Status.LEFT,
        ConsentMove.COME_BACK: Status.CONFIRMED,
        ConsentMove.PAUSE_INSTEAD: Status.PAUSED,
        ConsentMove.RESTORE: Status.CONFIRMED,
        ConsentMove.ERASE: Status.ERASED,
    },
    Status.DECLINED: {
        ConsentMove.ASK: Status.DECLINED,
        ConsentMove.ADD: Refusal.NOT_CONFIRMED,
        ConsentMove.LIST: Refusal.NOT_CONFIRMED,
        ConsentMove.UNLIST: Status.DECLINED,
        ConsentMove.CONFIRM: Status.CONFIRMED,
        ConsentMove.CHANGE: Status.DECLINED,
        ConsentMove.PAUSE: Refusal.NOT_CONFIRMED,
        ConsentMove.WAKE: Refusal.NOT_CONFIRMED,
        ConsentMove.RESUME: Refusal.NOT_CONFIRMED,
        ConsentMove.LEAVE: Status.DECLINED,
        ConsentMove.COME_BACK: Refusal.NOT_CONFIRMED,
        ConsentMove.PAUSE_INSTEAD: Refusal.NOT_CONFIRMED,
        ConsentMove.RESTORE: Refusal.NOT_CONFIRMED,
        ConsentMove.ERASE: Status.ERASED,
    },
    Status.ERASED: dict.fromkeys(ConsentMove, Refusal.ERASED) | {ConsentMove.ERASE: Status.ERASED},
}
"""(status, move) → the new status, or why the move is refused. docs/web.md shows it; a test holds them together."""

_CONSENT: Mapping[Status, Consent] = {
    Status.UNCONFIRMED: Consent.UNCONFIRMED,
    Status.CONFIRMED: Consent.CONFIRMED,
    Status.PAUSED: Consent.PAUSED,
    Status.ABSENT: Consent.PAUSED,
    Status.LEFT: Consent.LEFT,
    Status.DECLINED: Consent.LEFT,
    Status.ERASED: Consent.LEFT,
}


def status_of(reader: Subscriber) -> Status:
    """Return where a reader's subscription is."""
    if reader.address.endswith(ERASED_DOMAIN):
        return Status.ERASED
    match reader.consent:
        case Consent.PAUSED:
            return Status.ABSENT if reader.paused_by_file else Status.PAUSED
        case Consent.LEFT:
            return Status.DECLINED if reader.declined else Status.LEFT
    return Status(reader.consent)


def word_refusal(refused: Refused) -> str:
    """Return why a move is not made, for the operator: what follows an address."""
    return WORDS[refused.why]


# --- moves ----------------------------------------------------------------------------------------


def ask(wanted: Subscriber) -> Subscriber | Refused:
    """Return somebody new of whom an address is known and nothing else: they get no digest."""
    return _go(wanted, ConsentMove.ASK, Status.UNKNOWN, next_due_at=None, file_owned=False)


def add(wanted: Subscriber, now: datetime, began: int) -> Subscriber | Refused:
    """Return somebody new who is mailed from the next slot on; the first digest covers the runs after ``began``."""
    return _go(
        wanted,
        ConsentMove.ADD,
        Status.UNKNOWN,
        next_due_at=next_slot(wanted.cadence, now).at,
        counted_run=began,
        decided_at=now,
    )


def follow_file(
    reader: Subscriber | None, wanted: Subscriber, now: datetime, newest_run: int
) -> Subscriber | Refused:
    """Return a reader as their row of subscribers.yaml wants them, equal to the one given where nothing changes.

    reader is None for a new one. ``wanted`` has the row's preferences, which count where the file owns them, or nobody
    has confirmed any. Somebody new, or back after the row was gone, is not sent what came up to newest_run.
    """
    if reader is None:
        due_at = next_slot(wanted.cadence, now).at
        return _go(
            wanted,
            ConsentMove.LIST,
            Status.UNKNOWN,
            next_due_at=due_at,
            counted_run=newest_run,
            decided_at=now,
        )
    status = status_of(reader)
    counts = reader.file_owned or status is Status.UNCONFIRMED
    moved = _go(wanted if counts else reader, ConsentMove.LIST)
    if isinstance(moved, Refused):
        return moved
    if status_of(moved) is not status:
        moved = _mail_again(moved, now, newest_run)
        moved = replace(moved, decided_at=now, file_owned=counts)
    else:
        moved = _follow_cadence(reader, moved, now)
    return moved


def drop_from_file(reader: Subscriber) -> Subscriber | Refused:
    """Return a reader whom the file owned and no longer names: paused, if they were mailed. Who has left keeps nothing
    of the file, so that it does not pause them when they come back."""
    moved = _go(reader, ConsentMove.UNLIST)
    if isinstance(moved, Refused):
        return moved
    if moved.consent is Consent.LEFT:
        return replace(moved, file_owned=False)
    return replace(moved, next_due_at=None) if status_of(moved) is not status_of(reader) else moved


def confirm(
    reader: Subscriber, wanted: Subscriber, asked_at: datetime, now: datetime, began: int
) -> Subscriber | Refused:
    """Return the reader with what they asked for at asked_at and have confirmed: the first digest is that of the next
    slot and covers the runs after ``began``, but nothing that earlier digests counted.

    Refused where something newer was decided: they have left since, say, or confirmed what they asked for later.
    """
    if reader.decided_at is not None and asked_at < reader.decided_at:
        return Refused(Refusal.STALE)
    moved = _go(reader, ConsentMove.CONFIRM)
    if isinstance(moved, Refused):
        return moved
    moved = with_preferences(moved, wanted)
    return replace(_mail_again(moved, now, began), decided_at=asked_at, file_owned=False)


def change(reader: Subscriber, wanted: Subscriber, now: datetime) -> Subscriber | Refused:
    """Return the reader with the preferences of ``wanted``, which are their own from then on, whatever the file says.

    A slot that is due stays so where the cadence is the same; a pause ends at the same date with any cadence. What was
    counted stays counted: changed topics look at what comes after the last digest, like all others.
    """
    moved = _go(reader, ConsentMove.CHANGE)
    if isinstance(moved, Refused):
        return moved
    after = _follow_cadence(reader, with_preferences(moved, wanted), now)
    return replace(after, decided_at=now, file_owned=False)


def pause(reader: Subscriber, first_on: date | None, now: datetime) -> Subscriber | Refused:
    """Return a reader who gets no digest before a local date, or until they are back. The pause ends one cadence before
    the next slot, so that the first digest after it covers what an ordinary one would."""
    return _pause(reader, ConsentMove.PAUSE, first_on, now)


def pause_instead(reader: Subscriber, weeks: int, now: datetime) -> Subscriber | Refused:
    """Return somebody who has left with a pause of so many weeks instead."""
    return _pause(
        reader, ConsentMove.PAUSE_INSTEAD, reader.cadence.date_at(now) + timedelta(weeks=weeks), now
    )


def wake(reader: Subscriber, newest_run: int) -> Subscriber | Refused:
    """Return a reader whose pause is over; the slot was chosen when it began. What came meanwhile is not sent."""
    return _go(reader, ConsentMove.WAKE, wake_at=None, counted_run=max(reader.counted_run, newest_run))


def resume(reader: Subscriber, now: datetime, newest_run: int = 0) -> Subscriber | Refused:
    """Return a reader who ends a pause: mailed from the next slot on, but not what came up to newest_run."""
    return _return(reader, ConsentMove.RESUME, now, newest_run)


def come_back(reader: Subscriber, now: datetime, newest_run: int = 0) -> Subscriber | Refused:
    """Return a reader who takes back that they left. See `resume`."""
    return _return(reader, ConsentMove.COME_BACK, now, newest_run)


def come_back_weekly(reader: Subscriber, now: datetime) -> Subscriber | Refused:
    """Return a reader who takes back that they left, and wants one digest a week: preferences of their own."""
    weekly = choose_weekly(reader.cadence)
    if weekly is None:
        return Refused(Refusal.WEEKLY)
    return come_back(replace(reader, cadence=weekly, file_owned=False), now)


def restore(reader: Subscriber, now: datetime, newest_run: int) -> Subscriber | Refused:
    """Return a reader whom the operator takes back. See `resume`."""
    return _return(reader, ConsentMove.RESTORE, now, newest_run)


def leave(reader: Subscriber, now: datetime) -> Subscriber | Refused:
    """Return a reader who has left; as they are, where they had left before."""
    if reader.consent is Consent.LEFT:
        return _go(reader, ConsentMove.LEAVE)
    return _go(reader, ConsentMove.LEAVE, wake_at=None, next_due_at=None, decided_at=now)


def erase(reader: Subscriber, name: str) -> Subscriber:
    """Return what is left of somebody erased: a number, and a name below ERASED_DOMAIN in place of the address."""
    assert name.endswith(ERASED_DOMAIN)
    blank = Subscriber(
        address=EmailAddress(name),
        cadence=Cadence(frozenset({0}), time(7), "UTC"),
        topics_json="[]",
        id=reader.id,
        counted_run=reader.counted_run,
        file_owned=False,
    )
    erased = _go(blank, ConsentMove.ERASE)
    assert isinstance(erased, Subscriber)
    return erased


def _go(
    reader: Subscriber, move: ConsentMove, status: Status | None = None, **changes: Any
) -> Subscriber | Refused:
    """Return the reader after a move, or why it is refused. status is given for one who is new."""
    target = MOVES[status or status_of(reader)][move]
    if isinstance(target, Refusal):
        return Refused(target)
    return replace(
        reader,
        consent=_CONSENT[target],
        paused_by_file=target is Status.ABSENT,
        declined=target is Status.DECLINED,
        **changes,
    )


def _pause(
    reader: Subscriber, move: ConsentMove, first_on: date | None, now: datetime
) -> Subscriber | Refused:
    due_at, wake_at = find_pause_end(reader.cadence, first_on) if first_on else (None, None)
    moved = _go(reader, move, next_due_at=due_at, wake_at=wake_at, decided_at=now)
    if isinstance(moved, Subscriber) and due_at is not None and due_at <= now:
        return Refused(Refusal.NOT_TO_COME)
    return moved


def _return(reader: Subscriber, move: ConsentMove, now: datetime, newest_run: int) -> Subscriber | Refused:
    moved = _go(reader, move)
    if isinstance(moved, Refused):
        return moved
    # Their row is gone: the file would pause them again at once.
    owned = reader.file_owned and status_of(reader) is not Status.ABSENT
    return replace(_mail_again(moved, now, newest_run), decided_at=now, file_owned=owned)


def _mail_again(reader: Subscriber, now: datetime, newest_run: int) -> Subscriber:
    return replace(
        reader,
        counted_run=max(reader.counted_run, newest_run),
        next_due_at=next_slot(reader.cadence, now).at,
        wake_at=None,
    )


def with_preferences(reader: Subscriber, wanted: Subscriber) -> Subscriber:
    """Return the reader with the preferences of another one."""
    return replace(
        reader,
        name=wanted.name,
        topics_json=wanted.topics_json,
        cadence=wanted.cadence,
        language=wanted.language,
        layout=wanted.layout,
        pictures=wanted.pictures,
        everything_else=wanted.everything_else,
    )


def _follow_cadence(before: Subscriber, after: Subscriber, now: datetime) -> Subscriber:
    """Return ``after``, whose status is the same, with the schedule that its cadence means."""
    if after.cadence == before.cadence and (before.next_due_at or not _is_mailed(before)):
        return after
    if before.wake_at and before.next_due_at:
        due_at, wake_at = find_pause_end(after.cadence, before.cadence.date_at(before.next_due_at))
        return replace(after, next_due_at=due_at, wake_at=wake_at)
    return replace(after, next_due_at=next_slot(after.cadence, now).at) if _is_mailed(after) else after


# --- who is mailed, and when ----------------------------------------------------------------------


def may_send(kind: Kind, reader: Subscriber, suppression: Suppression | None) -> str:
    """Return why a mail may not go to a reader, empty where it may.

    An address that did not take our mail is asked all the same whether it is somebody's: that is the way back. One that
    complained is asked nothing.
    """
    if kind is Kind.DIGEST and not _is_mailed(reader):
        return f"the subscriber is {reader.consent}"
    if suppression is not None and (kind is not Kind.CONFIRM or suppression.is_complaint):
        return suppression.reason
    return ""


def next_mail_at(reader: Subscriber, *, is_suppressed: bool) -> datetime | None:
    """Return when a reader's next digest is due; None for whom none is: they have left, say, or are suppressed, or have
    a pause without an end. For others with a pause it is the first one after it."""
    if is_suppressed or not (_is_mailed(reader) or pause_ends_on(reader)):
        return None
    return reader.next_due_at


def pause_ends_on(reader: Subscriber) -> date | None:
    """Return the local date from which on a reader with a pause is mailed again; None for one without an end to it."""
    if reader.consent is not Consent.PAUSED or reader.wake_at is None or reader.next_due_at is None:
        return None
    return reader.cadence.date_at(reader.next_due_at)


def _is_mailed(reader: Subscriber) -> bool:
    return reader.consent is Consent.CONFIRMED


# --- what may be chosen ---------------------------------------------------------------------------


def choose_weekly(cadence: Cadence) -> Cadence | None:
    """Return the cadence with one of its days, the last one up to Friday; None where it has only one."""
    if len(cadence.days) == 1:
        return None
    before_weekend = [day for day in cadence.days if day <= _FRIDAY]
    return replace(cadence, days=frozenset({max(before_weekend or cadence.days)}))


def parse_pause_end(text: str, reader: Subscriber, now: datetime) -> date | None:
    """Return the day from which on a reader wants mail again: after today and within a year; None for all else."""
    try:
        first_on = date.fromisoformat(text)
    except ValueError:
        return None
    today = reader.cadence.date_at(now)
    return first_on if today < first_on <= today + LONGEST_PAUSE else None
