"""The small pictures of papers."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.dialects import CleanText, UtcDateTime

revision = "0017"
down_revision = "0016"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("hash", CleanText(64), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "entry_pictures",
        sa.Column("entry", _ID, sa.ForeignKey("entries.id"), primary_key=True),
        sa.Column("picture", _ID, sa.ForeignKey("pictures.id")),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tried_at", UtcDateTime, nullable=False),
    )
