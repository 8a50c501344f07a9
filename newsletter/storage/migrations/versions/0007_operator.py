"""Editions are counted from an index: for the metrics and the operator's page."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_index("ix_deliveries_kind_key_state", "deliveries", ["kind", "key", "state"])
