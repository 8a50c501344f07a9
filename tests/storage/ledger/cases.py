"""What tests of the ledger's rooms begin with, and look at in the end."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from newsletter.model.ledger import Kind, State
from newsletter.model.mail import Accepted, Deferred, Rejected, Uncertain
from newsletter.storage import Database, Ledger
from newsletter.storage.ledger.view import answers
from tests.support.given import NOW

NONE: frozenset[Kind] = frozenset()
DIGESTS = frozenset({Kind.DIGEST})
MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)
ACCEPTED = Accepted("250 2.0.0 queued as 1")
DEFERRED = Deferred("451 4.7.1 try again later", retry_at=NOW + 5 * MINUTE)
REJECTED = Rejected("550 5.7.1 not wanted")
UNCERTAIN = Uncertain("no answer in 600 s")


async def load_states(database: Database) -> dict[str, State]:
    """The state of each delivery by edition; for tests with one reader."""
    counts = await Ledger(database).reads.load_counts()
    return {edition: state for edition, found in counts.items() for state in found.states}


async def load_attempts(database: Database) -> list[tuple[int, str, str]]:
    """The attempts at all deliveries: number, outcome, reply."""
    columns = select(answers.c.number, answers.c.outcome, answers.c.reply)
    in_order = columns.order_by(answers.c.delivery, answers.c.number)
    return await database.read(lambda connection: [tuple(row) for row in connection.execute(in_order)])
