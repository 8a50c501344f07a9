"""What is asked at each tick is found in indexes of the rows that are open, however many are closed; counts of editions
that are over are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_OPEN = sa.text("state IN ('queued', 'claimed', 'in_data', 'deferred', 'uncertain')")
_WAITING = sa.text("state IN ('queued', 'deferred')")
_PENDING = sa.text("state IN ('queued', 'claimed', 'in_data', 'deferred')")


def upgrade() -> None:
    for name in ("state_next_attempt_at_id", "kind_key_state", "recipient_key"):
        op.drop_index(f"ix_deliveries_{name}", "deliveries")
    _index("open", ["state", "next_attempt_at", "id"], _OPEN)
    _index("waiting_expires_at", ["expires_at"], _WAITING)
    _index("pending_recipient", ["recipient"], _PENDING)
    _index("recipient_upto_run", ["recipient", "upto_run"])
    _index("digests", ["key", "state", "id"], sa.text("kind || '' = 'digest'"))
    _index("claimed_by", ["claimed_by"], sa.text("claimed_by IS NOT NULL"))
    op.drop_index("ix_subscribers_next_due_at", "subscribers")
    op.create_index("ix_subscribers_next_due_at_id", "subscribers", ["next_due_at", "id"])
    op.create_index("ix_subscribers_zone", "subscribers", ["zone"])
    op.create_table(
        "kept_counts",
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("key", sa.String(100), primary_key=True),
        sa.Column("state", sa.String(20), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("for_ever", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def _index(name: str, columns: list[str], where: sa.TextClause | None = None) -> None:
    op.create_index(
        f"ix_deliveries_{name}", "deliveries", columns, sqlite_where=where, postgresql_where=where
    )
