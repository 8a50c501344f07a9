"""The database: the stores on SQLAlchemy Core, one set of expressions for SQLite and PostgreSQL.

``open_database`` gives the Database that every store is made from.
"""

from newsletter.storage.archive import Archive
from newsletter.storage.backup import backup
from newsletter.storage.confirmations import ConfirmationStore, SessionStore
from newsletter.storage.engine import Database, list_sqlite_files
from newsletter.storage.entries import EntryStore
from newsletter.storage.epoch import EpochGuard
from newsletter.storage.feedback import FeedbackStore
from newsletter.storage.lease import Heartbeat, Lease, find_process_space, hold_lease, is_dead
from newsletter.storage.ledger import Ledger
from newsletter.storage.operator_log import OperatorLog
from newsletter.storage.operator_views import OperatorViews
from newsletter.storage.personal import PersonalStore
from newsletter.storage.pictures import PictureStore
from newsletter.storage.runs import RunStore, RunTransaction
from newsletter.storage.schema import SchemaState, inspect_database, open_database
from newsletter.storage.settings import SettingStore
from newsletter.storage.subscribers import SubscriberStore

__all__ = [
    "Archive",
    "ConfirmationStore",
    "Database",
    "EntryStore",
    "EpochGuard",
    "FeedbackStore",
    "Heartbeat",
    "Lease",
    "Ledger",
    "OperatorLog",
    "OperatorViews",
    "PersonalStore",
    "PictureStore",
    "RunStore",
    "RunTransaction",
    "SchemaState",
    "SessionStore",
    "SettingStore",
    "SubscriberStore",
    "backup",
    "find_process_space",
    "hold_lease",
    "inspect_database",
    "is_dead",
    "list_sqlite_files",
    "open_database",
]
