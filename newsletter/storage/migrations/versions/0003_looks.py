"""How a reader's mails look. An empty language or layout is the newsletter's own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("layout", sa.Text(), nullable=False, server_default=""))
    # There was only one language, which nobody had chosen.
    op.execute("UPDATE subscribers SET language = ''")
