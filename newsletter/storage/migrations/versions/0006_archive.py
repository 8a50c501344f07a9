"""The archive: editions by date, and the full-text index."""

from alembic import op

from newsletter.storage.word_index import create_word_index, index_all

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_sightings_listed_on_entry", "sightings", ["listed_on", "entry"])
    op.create_index("ix_entries_listed_on_first_seen_at", "entries", ["listed_on", "first_seen_at"])
    connection = op.get_bind()
    create_word_index(connection)
    index_all(connection)
