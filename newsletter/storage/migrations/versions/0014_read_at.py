"""When an answer was last read whole, so that a server that says for ever that nothing has changed is asked again."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.dialects import UtcDateTime

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("validators", sa.Column("read_at", UtcDateTime()))
