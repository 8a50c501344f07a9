"""Spread slots, pauses that end, relays by name, bounces, daily limits."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.engine import UtcDateTime

revision = "0004"
down_revision = "0003"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("wake_at", UtcDateTime()))
    op.create_index("ix_subscribers_wake_at", "subscribers", ["wake_at"])

    op.add_column("deliveries", sa.Column("relay", sa.Text(), nullable=False, server_default=""))
    op.add_column("deliveries", sa.Column("message_id", sa.Text()))
    op.create_index("ix_deliveries_message_id", "deliveries", ["message_id"])
    op.drop_index("ix_deliveries_state_slot_at_id", "deliveries")
    op.drop_index("ix_deliveries_state_next_attempt_at", "deliveries")
    op.create_index(
        "ix_deliveries_state_next_attempt_at_id", "deliveries", ["state", "next_attempt_at", "id"]
    )
    op.execute("UPDATE deliveries SET next_attempt_at = slot_at WHERE next_attempt_at IS NULL")

    op.add_column("attempts", sa.Column("relay", sa.Text(), nullable=False, server_default=""))

    op.create_table(
        "bounces",
        sa.Column("id", _ID, nullable=False),
        sa.Column("report_hash", sa.String(64), nullable=False),
        sa.Column("delivery", _ID),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("diagnostic", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bounces"),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_bounces_delivery"),
        sa.UniqueConstraint("report_hash", name="uq_bounces_report_hash"),
    )
    op.create_index("ix_bounces_address_at", "bounces", ["address", "at"])
    op.create_index("ix_bounces_at", "bounces", ["at"])
    op.create_table(
        "relay_days",
        sa.Column("relay", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("relay", "day", name="pk_relay_days"),
        sa.CheckConstraint("messages >= 0", name=op.f("ck_relay_days_messages")),
    )
