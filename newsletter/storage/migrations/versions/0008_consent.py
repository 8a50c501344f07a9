"""Who paused a subscription, who left without having confirmed, and since when what is in force holds; complaints."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.engine import UtcDateTime

revision = "0008"
down_revision = "0007"

_PAUSED_BY_FILE = "UPDATE subscribers SET paused_by_file = true WHERE consent = 'paused' AND file_owned"
_DECLINED = (
    "UPDATE subscribers SET declined = true WHERE consent = 'left' AND address NOT LIKE '%@erased.invalid'"
    " AND NOT EXISTS (SELECT 1 FROM consents WHERE subscriber = subscribers.id AND consent = 'confirmed')"
)
_DECIDED_AT = (
    "UPDATE subscribers SET decided_at = (SELECT max(at) FROM consents"
    " WHERE subscriber = subscribers.id AND consent != 'unconfirmed')"
)


def upgrade() -> None:
    for name in ("paused_by_file", "declined"):
        op.add_column("subscribers", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("subscribers", sa.Column("decided_at", UtcDateTime()))
    op.add_column(
        "suppressions", sa.Column("is_complaint", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    # Until now whoever paused by hand took the preferences from the file, so the rest was paused by the file.
    for statement in (_PAUSED_BY_FILE, _DECLINED, _DECIDED_AT):
        op.execute(statement)
    op.execute("UPDATE suppressions SET is_complaint = true WHERE reason = 'complaint'")
