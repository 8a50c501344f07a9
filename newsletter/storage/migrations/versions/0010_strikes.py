"""Failures that count against an address, each once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "strikes",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("delivery", _ID, sa.ForeignKey("deliveries.id")),
        sa.Column("why", sa.Text(), nullable=False),
        sa.UniqueConstraint("address", "day"),
        sa.UniqueConstraint("delivery"),
        sa.Index("ix_strikes_day_domain", "day", "domain"),
    )
