"""Whether the ledger's counts can be believed: what its own records say of each other.

These checks compare facts that different statements wrote: each delivery that was planned with what became of it, each
attempt with the answer to it, each mail that counts with its reader's window. They find nothing unless the program, or
somebody's hand in the database, is at fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Subquery, and_, exists, func, or_, select

from newsletter.model.ledger import HELD, Kind, State
from newsletter.storage.dialects import in_chunks, unindexed
from newsletter.storage.engine import Store, reading
from newsletter.storage.ledger.bulk import are_among, dump_ids
from newsletter.storage.ledger.kept import list_editions
from newsletter.storage.ledger.view import ended_ledger, open_ledger
from newsletter.storage.tables import attempts, deliveries, outcomes, queue, subscribers

_SENT = (State.ACCEPTED, State.UNCERTAIN)
_Found = Counter[tuple[str, str]]


class Audit(Store):
    """Holds the records of one database against each other."""

    @reading
    def find_contradictions(self, connection: Connection, editions: int) -> Sequence[str]:
        """Return what does not fit together in the newest ``editions`` editions, the newest first; nothing if all is
        well."""
        newest = list_editions(connection, editions)
        if not newest:
            return []
        firsts = [
            connection.scalar(select(func.min(number)).where(edition.in_(newest)))
            for number, edition in (
                (queue.c.id, queue.c.edition),
                (outcomes.c.delivery, outcomes.c.edition),
            )
        ]
        # Ids are given in the order of time: nothing of these editions comes before.
        found = _count_strays(connection, deliveries.c.id >= min(one for one in firsts if one is not None))
        found += _check(connection, open_ledger, open_ledger.c.key.in_(newest))
        found += _check(connection, ended_ledger, ended_ledger.c.edition.in_(newest))
        return _word(found)

    @reading
    def find_contradictions_in(self, connection: Connection, mails: Collection[int]) -> Sequence[str]:
        """Return what does not fit together in the digests of these ids, of the newest edition first; nothing if all is
        well."""
        found: _Found = Counter()
        dialect = connection.dialect.name
        for some in in_chunks(mails):
            ids = dump_ids(dialect, some)
            found += _count_strays(connection, are_among(dialect, deliveries.c.id), ids)
            for part in (open_ledger, ended_ledger):
                found += _check(connection, part, are_among(dialect, part.c.id), ids)
        return _word(found)


def _word(found: _Found) -> Sequence[str]:
    in_order = sorted(found.items(), key=lambda one: one[0][0], reverse=True)
    return [f"{edition}: {number} {what}" for (edition, what), number in in_order]


def _count_strays(
    connection: Connection, which: ColumnElement[bool], values: Mapping[str, Any] | None = None
) -> _Found:
    """Count those of these digests that are due, and in no state, or in two."""
    is_open = exists().where(queue.c.id == deliveries.c.id)
    has_ended = exists().where(outcomes.c.delivery == deliveries.c.id)
    stray = or_(and_(is_open, has_ended), and_(~is_open, ~has_ended))
    counting = select(deliveries.c.key, func.count()).where(which, _is_digest(deliveries.c.kind), stray)
    counted = connection.execute(counting.group_by(deliveries.c.key), values)
    return Counter({(edition, "mails are in no state, or in two"): number for edition, number in counted})


def _check(
    connection: Connection,
    part: Subquery,
    which: ColumnElement[bool],
    values: Mapping[str, Any] | None = None,
) -> _Found:
    """Count what does not fit together in a part of the ledger, by edition and what it is."""
    found: _Found = Counter()
    for what, wrong in _checks(part):
        counted = connection.execute(
            select(part.c.key, func.count())
            .select_from(part.join(subscribers, subscribers.c.id == part.c.recipient))
            .where(which, _is_digest(part.c.kind), wrong)
            .group_by(part.c.key),
            values,
        )
        for edition, number in counted:
            found[edition, what] += number
    return found


def _checks(part: Subquery) -> Iterator[tuple[str, ColumnElement[bool]]]:
    column = part.c
    unanswered = and_(column.state.not_in(HELD), column.attempt != _count_answers(part))
    if "answered_at" in column:  # the answer to the last attempt stands in the row
        unanswered = and_(column.answered_at.is_(None), unanswered)
    yield "mails have an attempt whose answer is not on record", unanswered
    never_begun = or_(column.attempt == 0, column.upto_run.is_(None))
    yield "mails are called sent that were never begun", and_(column.state.in_(_SENT), never_begun)
    yield (
        "mails count as sent, but not in their readers' windows: a paper could come twice",
        and_(
            column.state.in_(_SENT),
            column.after_run < column.upto_run,
            subscribers.c.counted_run < column.upto_run,
        ),
    )


def _is_digest(kind: ColumnElement[str]) -> ColumnElement[bool]:
    return unindexed(kind) == Kind.DIGEST


def _count_answers(part: Subquery) -> ScalarSelect[int]:
    """The number of the last attempt of a delivery that has an answer beside it."""
    return (
        select(func.coalesce(func.max(attempts.c.number), 0))
        .where(attempts.c.delivery == part.c.id)
        .correlate(part)
        .scalar_subquery()
    )
