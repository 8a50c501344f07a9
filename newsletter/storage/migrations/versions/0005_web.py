"""Mails that are no digests in the ledger; where consent came from; what waits for a click; who is logged in."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.engine import UtcDateTime

revision = "0005"
down_revision = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = "kind IN ('digest', 'confirm', 'changed', 'goodbye', 'alert', 'login')"


def upgrade() -> None:
    op.alter_column("deliveries", "digest_json", new_column_name="content_json")
    with op.batch_alter_table("deliveries") as table:
        table.drop_constraint(op.f("ck_deliveries_kind"), type_="check")
        table.create_check_constraint(op.f("ck_deliveries_kind"), _KINDS)
        table.create_check_constraint(
            op.f("ck_deliveries_notice"), "kind = 'digest' OR content_json IS NOT NULL"
        )
    op.create_index(
        "ix_deliveries_notices",
        "deliveries",
        ["state", "next_attempt_at"],
        sqlite_where=sa.text("kind != 'digest'"),
        postgresql_where=sa.text("kind != 'digest'"),
    )
    op.add_column("consents", sa.Column("origin", sa.Text(), nullable=False, server_default=""))

    op.create_table(
        "confirmations",
        sa.Column("id", _ID, nullable=False),
        sa.Column("asked", sa.String(20), nullable=False),
        sa.Column("subscriber", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("wanted_json", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_confirmations"),
        sa.ForeignKeyConstraint(["subscriber"], ["subscribers.id"], name="fk_confirmations_subscriber"),
        sa.CheckConstraint("asked IN ('subscribe', 'address', 'login')", name=op.f("ck_confirmations_asked")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_confirmations_address_asked_at", "confirmations", ["address", "asked_at"])
    op.create_index("ix_confirmations_subscriber", "confirmations", ["subscriber"])
    op.create_index("ix_confirmations_expires_at", "confirmations", ["expires_at"])
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
