"""A reader whose next digest is planned is written to fewer indexes: addresses are told apart by their key alone, and
only who pauses is found by when that ends."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from newsletter.storage.dialects import UtcDateTime

revision = "0021"
down_revision = "0020"

_CONSENTS = "consent IN ('unconfirmed', 'confirmed', 'paused', 'left')"
_INDEXES = {
    "ix_subscribers_next_due_at_id": ["next_due_at", "id"],
    "ix_subscribers_zone": ["zone"],
}
_COLUMNS = (
    *("id", "address", "name", "language", "layout", "pictures", "days", "local_time", "zone", "topics_json"),
    *("everything_else", "consent", "counted_run", "next_due_at", "wake_at", "file_owned", "paused_by_file"),
    *("declined", "decided_at", "address_key"),
)


def upgrade() -> None:
    op.drop_index("ix_subscribers_wake_at", "subscribers")
    if op.get_bind().dialect.name == "sqlite":  # it drops no constraint of a table
        _rebuild_subscribers()
    else:
        op.drop_constraint(op.f("uq_subscribers_address"), "subscribers")
    pausing = sa.text("wake_at IS NOT NULL")
    op.create_index(
        "ix_subscribers_wake_at", "subscribers", ["wake_at"], sqlite_where=pausing, postgresql_where=pausing
    )


def _rebuild_subscribers() -> None:
    def text(name: str, **options: Any) -> sa.Column[str]:
        return sa.Column(name, sa.Text(), nullable=False, **options)

    def flag(name: str, **options: Any) -> sa.Column[bool]:
        return sa.Column(name, sa.Boolean(), nullable=False, **options)

    op.create_table(
        "subscribers_new",
        sa.Column("id", sa.Integer(), nullable=False),
        *map(text, ("address", "name", "language")),
        text("layout", server_default=""),
        sa.Column("pictures", sa.Boolean()),
        *map(text, ("days", "local_time", "zone", "topics_json")),
        sa.Column("everything_else", sa.Integer(), nullable=False),
        sa.Column("consent", sa.String(20), nullable=False),
        sa.Column("counted_run", sa.Integer(), nullable=False),
        *(sa.Column(name, UtcDateTime) for name in ("next_due_at", "wake_at")),
        flag("file_owned"),
        flag("paused_by_file", server_default=sa.false()),
        flag("declined", server_default=sa.false()),
        sa.Column("decided_at", UtcDateTime),
        text("address_key", server_default=""),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.CheckConstraint(_CONSENTS, name=op.f("ck_subscribers_consent")),
        sa.CheckConstraint("counted_run >= 0", name=op.f("ck_subscribers_counted_run")),
        sqlite_autoincrement=True,
    )
    columns = ", ".join(_COLUMNS)
    op.execute(f"INSERT INTO subscribers_new ({columns}) SELECT {columns} FROM subscribers ORDER BY id")
    # No number is given a second time, also not that of a reader who is gone.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'subscribers_new'")
    op.execute(
        "INSERT INTO sqlite_sequence (name, seq)"
        " SELECT 'subscribers_new', seq FROM sqlite_sequence WHERE name = 'subscribers'"
    )
    op.drop_table("subscribers")
    op.rename_table("subscribers_new", "subscribers")
    op.create_index("uq_subscribers_address_key", "subscribers", ["address_key"], unique=True)
    for name, some in _INDEXES.items():
        op.create_index(name, "subscribers", some)
