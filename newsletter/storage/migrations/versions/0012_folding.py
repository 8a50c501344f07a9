"""Words are folded in another way: the full-text index is made again."""

from alembic import op

from newsletter.storage.word_index import index_all

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("DELETE FROM entry_words")
    index_all(op.get_bind())
