"""The database: the stores on SQLAlchemy Core, one set of expressions for SQLite and PostgreSQL.

``open_database`` gives the Database that every store is made from.
A store is imported when it is first asked for: a command needs a few of them, and each one costs its start.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.storage.archive import Archive
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
    from newsletter.storage.wake_ups import QueuedWakeUps

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
    "QueuedWakeUps",
    "RunStore",
    "RunTransaction",
    "SchemaState",
    "SessionStore",
    "SettingStore",
    "SubscriberStore",
    "find_process_space",
    "hold_lease",
    "inspect_database",
    "is_dead",
    "list_sqlite_files",
    "open_database",
]

_HOMES = {
    "Archive": "archive",
    "ConfirmationStore": "confirmations",
    "Database": "engine",
    "EntryStore": "entries",
    "EpochGuard": "epoch",
    "FeedbackStore": "feedback",
    "Heartbeat": "lease",
    "Lease": "lease",
    "Ledger": "ledger",
    "OperatorLog": "operator_log",
    "OperatorViews": "operator_views",
    "PersonalStore": "personal",
    "PictureStore": "pictures",
    "QueuedWakeUps": "wake_ups",
    "RunStore": "runs",
    "RunTransaction": "runs",
    "SchemaState": "schema",
    "SessionStore": "confirmations",
    "SettingStore": "settings",
    "SubscriberStore": "subscribers",
    "find_process_space": "lease",
    "hold_lease": "lease",
    "inspect_database": "schema",
    "is_dead": "lease",
    "list_sqlite_files": "engine",
    "open_database": "schema",
}

if not TYPE_CHECKING:  # a type checker knows the names from above

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(name)
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
