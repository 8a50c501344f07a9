"""Readers choose whether their mails show pictures, and these are JPEG now: all are brought again."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("pictures", sa.Boolean()))
    op.execute("DELETE FROM entry_pictures")
    op.execute("DELETE FROM pictures")
