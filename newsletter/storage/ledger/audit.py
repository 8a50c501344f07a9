"""Whether the ledger's counts can be believed: what its own records say of each other.

That the states of an edition add up to what was due is a matter of one row having one state. These checks compare
facts that different statements wrote: each attempt with the answer to it, each mail that counts with its reader's
window. They find nothing unless the program, or somebody's hand in the database, is at fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, or_, select

from newsletter.model.ledger import HELD, Kind, State
from newsletter.storage.dialects import in_chunks, unindexed
from newsletter.storage.engine import Store, reading
from newsletter.storage.ledger.kept import list_editions
from newsletter.storage.tables import IS_DIGEST, attempts, deliveries, subscribers

_SENT = (State.ACCEPTED, State.UNCERTAIN)


class Audit(Store):
    """Holds the records of one database against each other."""

    @reading
    def find_contradictions(self, connection: Connection, editions: int) -> Sequence[str]:
        """Return what does not fit together in the newest ``editions`` editions, the newest first; nothing if all is
        well."""
        column = deliveries.c
        newest = list_editions(connection, editions)
        return _check(connection, [IS_DIGEST & column.key.in_(newest)]) if newest else []

    @reading
    def find_contradictions_in(self, connection: Connection, mails: Collection[int]) -> Sequence[str]:
        """Return what does not fit together in the digests of these ids, of the newest edition first; nothing if all is
        well."""
        is_digest = unindexed(deliveries.c.kind) == Kind.DIGEST
        return _check(connection, [is_digest & deliveries.c.id.in_(some) for some in in_chunks(mails)])


def _check(connection: Connection, parts: Sequence[ColumnElement[bool]]) -> Sequence[str]:
    """Return what does not fit together in these parts of the ledger, of the newest edition first."""
    found: Counter[tuple[str, str]] = Counter()
    for which in parts:
        for what, wrong in _checks():
            counted = connection.execute(
                select(deliveries.c.key, func.count())
                .select_from(deliveries.join(subscribers))
                .where(which, wrong)
                .group_by(deliveries.c.key)
            )
            for edition, number in counted:
                found[edition, what] += number
    in_order = sorted(found.items(), key=lambda one: one[0][0], reverse=True)
    return [f"{edition}: {number} {what}" for (edition, what), number in in_order]


def _checks() -> tuple[tuple[str, ColumnElement[bool]], ...]:
    state = deliveries.c.state
    return (
        (
            "mails have an attempt whose answer is not on record",
            state.not_in(HELD) & (deliveries.c.attempt != _count_answers()),
        ),
        (
            "mails are called sent that were never begun",
            state.in_(_SENT) & or_(deliveries.c.attempt == 0, deliveries.c.upto_run.is_(None)),
        ),
        (
            "mails count as sent, but not in their readers' windows: a paper could come twice",
            state.in_(_SENT)
            & (deliveries.c.after_run < deliveries.c.upto_run)
            & (subscribers.c.counted_run < deliveries.c.upto_run),
        ),
    )


def _count_answers() -> ScalarSelect[int]:
    """The number of the last attempt of a delivery that has an answer."""
    return (
        select(func.coalesce(func.max(attempts.c.number), 0))
        .where(attempts.c.delivery == deliveries.c.id)
        .correlate(deliveries)
        .scalar_subquery()
    )
