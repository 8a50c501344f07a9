"""The ledger in the database, a room for each subject: what is due, who sends it, what became of it."""

from newsletter.model.reports import DEFAULT_POLICY, StrikePolicy
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
        self.planning = Planning(database)
        self.claims = Claims(database)
        self.recording = Recording(database, guard, policy)
        self.reads = LedgerReads(database)
        self.audit = Audit(database)
        self.kept = KeptCounts(database)
        self.retention = Retention(database)
