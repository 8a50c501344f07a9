"""A reader's address as it was typed, beside what it is compared by. Until now it was kept in small letters only."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("address_key", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE subscribers SET address_key = address")
    op.create_index("uq_subscribers_address_key", "subscribers", ["address_key"], unique=True)
