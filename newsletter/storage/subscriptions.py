"""Moves of subscriptions in the database: the row is locked, the move is decided on what it is at that moment, and
written with its line in the record of consent.

Whatever writes the consent of a reader does it here, and only as ``compose.subscription.MOVES`` allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, time
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, insert, select, update

from newsletter.address import address_key
from newsletter.compose.subscription import MOVES, leave, status_of
from newsletter.errors import MoveError
from newsletter.model.readers import (
    Cadence,
    Consent,
    ConsentMove,
    EmailAddress,
    Refusal,
    Refused,
    Status,
    Subscriber,
    SubscriberId,
)
from newsletter.storage.dialects import in_chunks
from newsletter.storage.tables import consents
from newsletter.storage.tables import subscribers as readers

Decide = Callable[[Subscriber], Subscriber | Refused]
"""The reader as the row is now → the reader after the move, or why there is none."""


def move_reader(
    connection: Connection,
    reader: SubscriberId,
    move: ConsentMove,
    decide: Decide,
    now: datetime,
    why: str,
    origin: str = "",
) -> tuple[Subscriber, Subscriber] | Refused:
    """Move one reader; return them before and after, or why nothing was written. A change of consent goes into the
    record, with ``why`` and origin (how, and from where)."""
    before = lock_readers(connection, [reader]).get(reader)
    if before is None:
        return Refused(Refusal.UNKNOWN)
    after = decide(before)
    if isinstance(after, Refused):
        return after
    if after != before:
        check_move(status_of(before), move, after)
        write_readers(connection, [after])
    if after.consent is not before.consent:
        log_consents(connection, [after], now, why, origin)
    return before, after


def leave_reader(
    connection: Connection, reader: SubscriberId, now: datetime, why: str, origin: str = ""
) -> tuple[Subscriber, Subscriber] | Refused:
    """Let a reader leave; see move_reader. Before and after are equal for one who had left before."""
    return move_reader(
        connection, reader, ConsentMove.LEAVE, lambda before: leave(before, now), now, why, origin
    )


def check_move(status: Status, move: ConsentMove, after: Subscriber) -> None:
    """Raise MoveError unless this move leads from the status to where the reader is afterwards."""
    if MOVES[status][move] is not status_of(after):
        raise MoveError(
            f"'{move}' leads nobody from {status} to {status_of(after)}; nothing was changed, try again"
        )


def lock_readers(connection: Connection, ids: Iterable[SubscriberId]) -> dict[SubscriberId, Subscriber]:
    """Return those of these readers that there are, locked in one order until the transaction ends."""
    found: dict[SubscriberId, Subscriber] = {}
    for some in in_chunks(sorted(ids)):
        rows = connection.execute(
            select(readers).where(readers.c.id.in_(some)).order_by(readers.c.id).with_for_update()
        )
        found |= {SubscriberId(row.id): read_subscriber(row) for row in rows}
    return found


def write_readers(connection: Connection, known: Sequence[Subscriber]) -> None:
    """Update readers by id. counted_run only moves forward: a digest may have been counted meanwhile."""
    given = bindparam("given_run", type_=readers.c.counted_run.type)
    forward = case((readers.c.counted_run < given, given), else_=readers.c.counted_run)
    connection.execute(
        update(readers).where(readers.c.id == bindparam("reader_id")).values(counted_run=forward),
        [
            {"reader_id": person.id, "given_run": person.counted_run, **_preferences_row(person)}
            for person in known
        ],
    )


def insert_readers(connection: Connection, new: Sequence[Subscriber]) -> None:
    """Insert readers; each gets a number of its own."""
    for some in in_chunks(new):
        connection.execute(
            insert(readers),
            [{"counted_run": person.counted_run, **_preferences_row(person)} for person in some],
        )


def log_consents(
    connection: Connection, people: Sequence[Subscriber], now: datetime, why: str, origin: str = ""
) -> None:
    """Write the consent of these readers into the record."""
    for some in in_chunks(people):
        connection.execute(
            insert(consents),
            [
                {"subscriber": person.id, "at": now, "consent": person.consent, "why": why, "origin": origin}
                for person in some
            ],
        )


def load_ids(
    connection: Connection, addresses: Collection[EmailAddress]
) -> Mapping[EmailAddress, SubscriberId]:
    """Return the numbers of those of these addresses that belong to somebody, however they are spelled there."""
    given = group_by_key(addresses)
    found: dict[EmailAddress, SubscriberId] = {}
    for some in in_chunks(given):
        rows = connection.execute(
            select(readers.c.address_key, readers.c.id).where(readers.c.address_key.in_(some))
        )
        for row in rows:
            found |= dict.fromkeys(given[row.address_key], SubscriberId(row.id))
    return found


def group_by_key(addresses: Collection[EmailAddress]) -> Mapping[str, Sequence[EmailAddress]]:
    """Return addresses by what is the same for all spellings of one."""
    grouped: dict[str, list[EmailAddress]] = {}
    for address in addresses:
        grouped.setdefault(address_key(address), []).append(address)
    return grouped


def _preferences_row(person: Subscriber) -> dict[str, Any]:
    """Return the columns of a reader but for the number and counted_run."""
    return {
        "address": person.address,
        "address_key": person.address,
        "name": person.name,
        "language": person.language,
        "layout": person.layout,
        "pictures": person.pictures,
        "days": json.dumps(sorted(person.cadence.days)),
        "local_time": person.cadence.at.isoformat(),
        "zone": person.cadence.zone,
        "topics_json": person.topics_json,
        "everything_else": person.everything_else,
        "consent": person.consent,
        "next_due_at": person.next_due_at,
        "wake_at": person.wake_at,
        "file_owned": person.file_owned,
        "paused_by_file": person.paused_by_file,
        "declined": person.declined,
        "decided_at": person.decided_at,
    }


def read_subscriber(row: Row[Any]) -> Subscriber:
    """Return the reader of a row."""
    return Subscriber(
        address=EmailAddress(row.address),
        cadence=read_cadence(row.days, row.local_time, row.zone),
        topics_json=row.topics_json,
        name=row.name,
        language=row.language,
        layout=row.layout,
        pictures=row.pictures,
        everything_else=row.everything_else,
        consent=Consent(row.consent),
        id=SubscriberId(row.id),
        counted_run=row.counted_run,
        next_due_at=row.next_due_at,
        wake_at=row.wake_at,
        file_owned=row.file_owned,
        paused_by_file=row.paused_by_file,
        declined=row.declined,
        decided_at=row.decided_at,
    )


@lru_cache(maxsize=4096)
def read_cadence(days: str, local_time: str, zone: str) -> Cadence:
    """Return a cadence, which very many readers have in common, as one value for all of them."""
    return Cadence(frozenset(json.loads(days)), time.fromisoformat(local_time), zone)
