"""What sources tell of a work over time, how they have been, and where they moved."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _id() -> sa.types.TypeEngine[int]:
    """SQLite numbers rows by itself only where the type is INTEGER, which has 64 bits there."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # No batch mode: it would rebuild tables that others refer to. Both engines can add and rename columns.
    op.execute("ALTER TABLE entries RENAME COLUMN tags TO ai_keywords")
    op.add_column("entries", sa.Column("primary_category", sa.Text(), nullable=False, server_default=""))
    op.add_column("entries", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("entries", sa.Column("withdrawn", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("entries", sa.Column("thumbnail_url", sa.Text(), nullable=False, server_default=""))
    op.add_column("entries", sa.Column("media_urls", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("validators", sa.Column("following", sa.Text(), nullable=False, server_default=""))
    op.add_column("validators", sa.Column("listed_on", sa.Date(), nullable=True))
    op.add_column("validators", sa.Column("listed", sa.Integer(), nullable=False, server_default="0"))
    # What was read before does not say where it led: it has to be read once more.
    op.execute("DELETE FROM validators")
    op.add_column(
        "sightings",
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("'1970-01-01 00:00:00.000000'"),
        ),
    )
    op.execute(
        "UPDATE sightings SET seen_at = (SELECT first_seen_at FROM entries WHERE entries.id = sightings.entry)"
    )
    op.create_table(
        "entry_events",
        sa.Column("id", _id(), nullable=False),
        sa.Column("entry", _id(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('new-version', 'cross-listed', 'withdrawn')", name=op.f("ck_entry_events_kind")
        ),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_entry_events_entry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_events")),
        sa.UniqueConstraint("entry", "kind", "detail", name=op.f("uq_entry_events_entry_kind_detail")),
    )
    op.create_table(
        "source_health",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_source_health_failures")),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_source_health")),
    )
    op.create_table(
        "moves",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("location", name=op.f("pk_moves")),
    )
