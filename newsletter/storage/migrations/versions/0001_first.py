"""The first tables, and the secret of this newsletter."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _id() -> sa.types.TypeEngine[int]:
    """SQLite numbers rows by itself only where the type is INTEGER, which has 64 bits there."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bundles",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_bundles")),
    )
    op.create_table(
        "cards",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_cards")),
    )
    op.create_table(
        "counters",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_counters_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counters")),
    )
    op.create_table(
        "entries",
        sa.Column("id", _id(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("authors", sa.Text(), nullable=False),
        sa.Column("author_count", sa.Integer(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("listed_on", sa.Date(), nullable=True),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("ai_summary", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("upvotes", sa.Integer(), nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("code_stars", sa.Integer(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("pdf_url", sa.Text(), nullable=False),
        sa.Column("discussion_url", sa.Text(), nullable=False),
        sa.Column("code_url", sa.Text(), nullable=False),
        sa.Column("project_url", sa.Text(), nullable=False),
        sa.Column("listing_url", sa.Text(), nullable=False),
        sa.Column("first_seen_run", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_entries_key")),
    )
    op.create_index("ix_entries_first_seen_at", "entries", ["first_seen_at"], unique=False)
    op.create_index("ix_entries_first_seen_run", "entries", ["first_seen_run"], unique=False)
    op.create_table(
        "instances",
        sa.Column("id", _id(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("visible_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_runs_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_runs")),
    )
    settings = op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
    )
    op.bulk_insert(settings, [{"key": "secret", "value": secrets.token_hex(32)}])
    op.create_table(
        "subscribers",
        sa.Column("id", _id(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("days", sa.Text(), nullable=False),
        sa.Column("local_time", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("topics_json", sa.Text(), nullable=False),
        sa.Column("everything_else", sa.Integer(), nullable=False),
        sa.Column("consent", sa.String(length=20), nullable=False),
        sa.Column("counted_run", sa.Integer(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("file_owned", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "consent IN ('unconfirmed', 'confirmed', 'paused', 'left')", name=op.f("ck_subscribers_consent")
        ),
        sa.CheckConstraint("counted_run >= 0", name=op.f("ck_subscribers_counted_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("address", name=op.f("uq_subscribers_address")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_next_due_at", "subscribers", ["next_due_at"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("id", _id(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    op.create_index(
        "uq_suppressions_address_in_force",
        "suppressions",
        ["address"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_table(
        "validators",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("location", name=op.f("pk_validators")),
    )
    op.create_table(
        "consents",
        sa.Column("id", _id(), nullable=False),
        sa.Column("subscriber", _id(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consent", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "consent IN ('unconfirmed', 'confirmed', 'paused', 'left')", name=op.f("ck_consents_consent")
        ),
        sa.ForeignKeyConstraint(["subscriber"], ["subscribers.id"], name=op.f("fk_consents_subscriber")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_subscriber", "consents", ["subscriber"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", _id(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("recipient", _id(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_reply", sa.Text(), server_default="", nullable=False),
        sa.Column("uncertain_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_by", _id(), nullable=True),
        sa.Column("state_before_claim", sa.String(length=20), nullable=True),
        sa.Column("lost_by", _id(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("after_run", sa.Integer(), nullable=True),
        sa.Column("upto_run", sa.Integer(), nullable=True),
        sa.Column("digest_json", sa.Text(), nullable=True),
        sa.Column("card_hashes", sa.Text(), nullable=True),
        sa.Column("bundle_hash", sa.String(length=64), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('claimed', 'in_data')) = (claimed_by IS NOT NULL)",
            name=op.f("ck_deliveries_claimed_by"),
        ),
        sa.CheckConstraint(
            "(state IN ('claimed', 'in_data')) = (state_before_claim IS NOT NULL)",
            name=op.f("ck_deliveries_kept_for_release"),
        ),
        sa.CheckConstraint("kind IN ('digest')", name=op.f("ck_deliveries_kind")),
        sa.CheckConstraint(
            "state <> 'deferred' OR next_attempt_at IS NOT NULL", name=op.f("ck_deliveries_deferred")
        ),
        sa.CheckConstraint(
            "state <> 'uncertain' OR uncertain_at IS NOT NULL", name=op.f("ck_deliveries_uncertain")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'claimed', 'in_data', 'deferred', 'accepted', "
            "'rejected', 'suppressed', 'expired', 'uncertain', 'empty', 'skipped')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('in_data', 'accepted', 'uncertain') OR content_hash IS NOT NULL",
            name=op.f("ck_deliveries_frozen"),
        ),
        sa.CheckConstraint(
            "state_before_claim IN ('queued', 'deferred', 'uncertain')",
            name=op.f("ck_deliveries_state_before_claim"),
        ),
        sa.CheckConstraint("after_run <= upto_run", name=op.f("ck_deliveries_window")),
        sa.ForeignKeyConstraint(["bundle_hash"], ["bundles.hash"], name=op.f("fk_deliveries_bundle_hash")),
        sa.ForeignKeyConstraint(["claimed_by"], ["instances.id"], name=op.f("fk_deliveries_claimed_by")),
        sa.ForeignKeyConstraint(["recipient"], ["subscribers.id"], name=op.f("fk_deliveries_recipient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("kind", "key", "recipient", name=op.f("uq_deliveries_kind_key_recipient")),
    )
    op.create_index("ix_deliveries_recipient_key", "deliveries", ["recipient", "key"], unique=False)
    op.create_index(
        "ix_deliveries_state_next_attempt_at", "deliveries", ["state", "next_attempt_at"], unique=False
    )
    op.create_index("ix_deliveries_state_slot_at_id", "deliveries", ["state", "slot_at", "id"], unique=False)
    op.create_table(
        "entry_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("entry", _id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_entry_keys_entry")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_entry_keys")),
    )
    op.create_index("ix_entry_keys_entry", "entry_keys", ["entry"], unique=False)
    op.create_table(
        "fetches",
        sa.Column("id", _id(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('ok', 'unchanged', 'empty-as-expected', 'empty-unexpected', "
            "'stale', 'partial', 'failed')",
            name=op.f("ck_fetches_state"),
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.number"], name=op.f("fk_fetches_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fetches")),
    )
    op.create_index("ix_fetches_finished_at", "fetches", ["finished_at"], unique=False)
    op.create_index("ix_fetches_source_id", "fetches", ["source", "id"], unique=False)
    op.create_table(
        "observations",
        sa.Column("entry", _id(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upvotes", sa.Integer(), nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_observations_entry")),
        sa.PrimaryKeyConstraint("entry", "observed_at", name=op.f("pk_observations")),
    )
    op.create_index("ix_observations_observed_at", "observations", ["observed_at"], unique=False)
    op.create_table(
        "sightings",
        sa.Column("id", _id(), nullable=False),
        sa.Column("entry", _id(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("guid", sa.Text(), nullable=False),
        sa.Column("listed_on", sa.String(length=10), nullable=False),
        sa.Column("listing_url", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_sightings_entry")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sightings")),
        sa.UniqueConstraint(
            "entry", "source", "guid", "listed_on", name=op.f("uq_sightings_entry_source_guid_listed_on")
        ),
    )
    op.create_table(
        "sources",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_run", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["first_run"], ["runs.number"], name=op.f("fk_sources_first_run")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
    )
    op.create_table(
        "attempts",
        sa.Column("delivery", _id(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'deferred', 'rejected', 'uncertain')", name=op.f("ck_attempts_outcome")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_attempts_number")),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_attempts_delivery")),
        sa.PrimaryKeyConstraint("delivery", "number", name=op.f("pk_attempts")),
    )
    op.create_table(
        "delivery_entries",
        sa.Column("delivery", _id(), nullable=False),
        sa.Column("entry", _id(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_delivery_entries_delivery")),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_delivery_entries_entry")),
        sa.PrimaryKeyConstraint("delivery", "entry", name=op.f("pk_delivery_entries")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_delivery_entries_entry", "delivery_entries", ["entry"], unique=False)
    op.execute("INSERT INTO counters (id, last_run) VALUES (1, 0)")
