"""Who did what by hand."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.dialects import CleanText, UtcDateTime

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "operator_acts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("who", CleanText, nullable=False),
        sa.Column("act", CleanText(20), nullable=False),
        sa.Column("subject", CleanText, nullable=False),
        sa.Column("outcome", CleanText, nullable=False),
    )
