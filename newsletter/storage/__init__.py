"""The database: the store ports on SQLAlchemy Core, one set of expressions for SQLite and PostgreSQL.

``open_database`` gives the Database that every store is made from.
"""

from newsletter.storage.archive import SqlArchive
from newsletter.storage.backup import backup
from newsletter.storage.confirmations import SqlConfirmationStore, SqlSessionStore
from newsletter.storage.deliveries import SqlDeliveryStore
from newsletter.storage.engine import Database, list_sqlite_files
from newsletter.storage.entries import SqlEntryStore
from newsletter.storage.epoch import EpochGuard
from newsletter.storage.evidence import SqlEvidenceStore
from newsletter.storage.lease import Heartbeat, find_process_space, is_dead
from newsletter.storage.personal import SqlPersonalStore
from newsletter.storage.schema import open_database
from newsletter.storage.settings import SqlSettingStore
from newsletter.storage.subscribers import SqlSubscriberStore

__all__ = [
    "Database",
    "EpochGuard",
    "Heartbeat",
    "SqlArchive",
    "SqlConfirmationStore",
    "SqlDeliveryStore",
    "SqlEntryStore",
    "SqlEvidenceStore",
    "SqlPersonalStore",
    "SqlSessionStore",
    "SqlSettingStore",
    "SqlSubscriberStore",
    "backup",
    "find_process_space",
    "is_dead",
    "list_sqlite_files",
    "open_database",
]
