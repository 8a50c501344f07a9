"""The ledger in the database, a room for each subject: what is due, who sends it, what became of it.

A room is imported when it is first asked for: a command needs a few of them, and each one costs its start.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from newsletter.model.reports import DEFAULT_POLICY, StrikePolicy

if TYPE_CHECKING:
    from newsletter.storage.engine import Database
    from newsletter.storage.epoch import EpochGuard
    from newsletter.storage.ledger.audit import Audit
    from newsletter.storage.ledger.claims import Claims
    from newsletter.storage.ledger.kept import KeptCounts
    from newsletter.storage.ledger.planning import Planning
    from newsletter.storage.ledger.reads import LedgerReads
    from newsletter.storage.ledger.recording import Recording
    from newsletter.storage.ledger.retention import Retention


class Ledger:
    """The ledger of one database. Whoever needs one of its rooms only is given that."""

    def __init__(
        self, database: Database, guard: EpochGuard | None = None, policy: StrikePolicy = DEFAULT_POLICY
    ) -> None:
        self._database = database
        self._guard = guard
        self._policy = policy

    @cached_property
    def planning(self) -> Planning:
        from newsletter.storage.ledger.planning import Planning

        return Planning(self._database)

    @cached_property
    def claims(self) -> Claims:
        from newsletter.storage.ledger.claims import Claims

        return Claims(self._database)

    @cached_property
    def recording(self) -> Recording:
        from newsletter.storage.ledger.recording import Recording

        return Recording(self._database, self._guard, self._policy)

    @cached_property
    def reads(self) -> LedgerReads:
        from newsletter.storage.ledger.reads import LedgerReads

        return LedgerReads(self._database)

    @cached_property
    def audit(self) -> Audit:
        from newsletter.storage.ledger.audit import Audit

        return Audit(self._database)

    @cached_property
    def kept(self) -> KeptCounts:
        from newsletter.storage.ledger.kept import KeptCounts

        return KeptCounts(self._database)

    @cached_property
    def retention(self) -> Retention:
        from newsletter.storage.ledger.retention import Retention

        return Retention(self._database)
