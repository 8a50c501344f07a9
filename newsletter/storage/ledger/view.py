"""The ledger as one table of deliveries, whatever tables it is kept in: who only reads asks here.

=============  ==============================================  =================================================
table          what it holds of a delivery                     when it is written
=============  ==============================================  =================================================
deliveries     which it is, once for (recipient, kind, key)    when it is planned or caused
queue          what is open, and who has claimed it            then; it goes when the delivery ends
mails          what was frozen                                 before DATA, in the commit of the fence
contents       what it says                                    with that; a notice's from the beginning
outcomes       how it ended                                    when it ends
attempts       answers that did not end it                     as they come
=============  ==============================================  =================================================

So each delivery has a row in the queue or one in outcomes (``audit.py`` looks), and its state is there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Label, Subquery, cast, func, null, select, union_all

from newsletter.storage.tables import attempts, contents, deliveries, mails, outcomes, queue

_SHARED = ("state", "attempt", "last_reply", "relay", "uncertain_at", "resends")
_QUEUED = ("next_attempt_at", "expires_at", "claimed_by", "state_before_claim", "lost_by")
_FROZEN = (
    *("after_run", "upto_run", "entries_json", "bundle_hash", "content_hash", "message_id", "size_bytes"),
)


def _list_columns(*places: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of the view, where the state is in these tables."""

    def of_place(name: str) -> Label[Any]:
        found = [place.c[name] for place in places]
        return (func.coalesce(*found, type_=found[0].type) if len(found) > 1 else found[0]).label(name)

    is_open = queue in places
    column = deliveries.c
    return [
        *(column.id, column.kind, column.key, column.recipient, column.slot_at),
        *(of_place(name) for name in _SHARED),
        *((queue.c[name] if is_open else cast(null(), queue.c[name].type)).label(name) for name in _QUEUED),
        func.coalesce(mails.c.address, column.address, type_=column.address.type).label("address"),
        *(mails.c[name] for name in _FROZEN),
        contents.c.json.label("content_json"),
    ]


def _with_content(tables: FromClause) -> FromClause:
    its_content = (contents.c.delivery == deliveries.c.id) & (contents.c.slot_at == deliveries.c.slot_at)
    return tables.outerjoin(mails, mails.c.delivery == deliveries.c.id).outerjoin(contents, its_content)


def build_ledger(name: str = "ledger") -> Subquery:
    """Return all deliveries with what is known of each, under another name where a statement needs it twice."""
    both = deliveries.outerjoin(queue, queue.c.id == deliveries.c.id).outerjoin(
        outcomes, outcomes.c.delivery == deliveries.c.id
    )
    return select(*_list_columns(queue, outcomes)).select_from(_with_content(both)).subquery(name)


ledger = build_ledger()

open_ledger = (
    select(*_list_columns(queue))
    .select_from(_with_content(queue.join(deliveries, deliveries.c.id == queue.c.id)))
    .subquery("open_ledger")
)
"""Those of them that are open."""

ended_ledger = (
    select(*_list_columns(outcomes))
    .add_columns(outcomes.c.edition, outcomes.c.answered_at)
    .select_from(_with_content(outcomes.join(deliveries, deliveries.c.id == outcomes.c.delivery)))
    .subquery("ended_ledger")
)
"""Those of them that have ended. edition is the key of a digest, by which an index finds it."""

answers = union_all(
    select(attempts),
    select(
        outcomes.c.delivery,
        outcomes.c.attempt.label("number"),
        outcomes.c.answered_at.label("at"),
        outcomes.c.state.label("outcome"),
        outcomes.c.last_reply.label("reply"),
        outcomes.c.relay,
    ).where(outcomes.c.answered_at.is_not(None)),
).subquery("answers")
"""What relays answered to attempts, as the columns of attempts."""
