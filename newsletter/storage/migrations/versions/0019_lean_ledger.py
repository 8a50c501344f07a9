"""What is open is a row in a narrow queue; what was frozen, what mails say and how they ended is written once, each in
a table of its own."""

import sqlalchemy as sa
from alembic import op

from newsletter.storage.dialects import UtcDateTime

revision = "0019"
down_revision = "0018"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = "state IN ('queued', 'claimed', 'in_data', 'deferred', 'uncertain')"
_ENDED = "state IN ('accepted', 'rejected', 'suppressed', 'expired', 'empty', 'skipped')"
_CLAIMED = "state IN ('claimed', 'in_data')"
_KIND = "kind IN ('digest', 'confirm', 'changed', 'goodbye', 'leave_link', 'alert', 'login')"
_EDITION = "CASE WHEN kind = 'digest' THEN key END"
_MOVES = (
    f"""
    INSERT INTO queue (id, kind, edition, recipient, state, slot_at, next_attempt_at, expires_at, attempt, resends,
        uncertain_at, claimed_by, state_before_claim, lost_by, last_reply, relay)
    SELECT id, kind, {_EDITION}, recipient, state, slot_at, coalesce(next_attempt_at, slot_at), expires_at, attempt,
        resends, uncertain_at, claimed_by, state_before_claim, lost_by, last_reply, relay
    FROM deliveries WHERE {_OPEN} ORDER BY id
    """,
    """
    INSERT INTO mails (delivery, recipient, address, after_run, upto_run, size_bytes, entries_json, bundle_hash,
        content_hash, message_id)
    SELECT id, recipient, address, after_run, upto_run, size_bytes, entries_json, bundle_hash, content_hash, message_id
    FROM deliveries WHERE content_hash IS NOT NULL OR upto_run IS NOT NULL ORDER BY id
    """,
    """
    INSERT INTO contents (delivery, slot_at, json)
    SELECT id, slot_at, content_json FROM deliveries WHERE content_json <> '' ORDER BY id
    """,
    # The answer to the last attempt stands in the row that it ended, and is an attempt's no more.
    f"""
    INSERT INTO outcomes (delivery, edition, state, answered_at, uncertain_at, attempt, resends, last_reply, relay)
    SELECT id, {_EDITION}, state, at, uncertain_at, attempt, resends, last_reply, deliveries.relay
    FROM deliveries LEFT JOIN attempts ON attempts.delivery = id AND number = attempt AND outcome = state
        AND reply = last_reply
    WHERE {_ENDED} ORDER BY id
    """,
    """
    DELETE FROM attempts WHERE EXISTS (SELECT 1 FROM outcomes WHERE outcomes.delivery = attempts.delivery
        AND outcomes.attempt = attempts.number AND answered_at IS NOT NULL)
    """,
    "DELETE FROM settings WHERE key = 'contents_dropped_upto'",
)
_GONE = (
    *("state", "expires_at", "attempt", "next_attempt_at", "last_reply", "relay", "uncertain_at", "resends"),
    *("claimed_by", "state_before_claim", "lost_by", "after_run", "upto_run", "content_json", "entries_json"),
    *("bundle_hash", "content_hash", "message_id", "size_bytes"),
)


def upgrade() -> None:
    _create_queue()
    _create_mails()
    _create_outcomes()
    for move in _MOVES:
        op.execute(move)
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_deliveries()
    else:
        _narrow_deliveries()


def _create_queue() -> None:
    op.create_table(
        "queue",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("edition", sa.String(10)),
        sa.Column("recipient", _ID, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("slot_at", UtcDateTime, nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("resends", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("uncertain_at", UtcDateTime),
        sa.Column("claimed_by", _ID),
        sa.Column("state_before_claim", sa.String(20)),
        sa.Column("lost_by", _ID),
        sa.Column("last_reply", sa.Text(), nullable=False, server_default=""),
        sa.Column("relay", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint(_OPEN, name="state"),
        sa.CheckConstraint(f"({_CLAIMED}) = (claimed_by IS NOT NULL)", name="claimed_by"),
        sa.CheckConstraint(f"({_CLAIMED}) = (state_before_claim IS NOT NULL)", name="kept_for_release"),
        sa.CheckConstraint(
            "state_before_claim IN ('queued', 'deferred', 'uncertain')", name="state_before_claim"
        ),
        sa.CheckConstraint("state <> 'uncertain' OR uncertain_at IS NOT NULL", name="uncertain"),
        sa.Index("ix_queue_next_attempt_at_id", "next_attempt_at", "id"),
        sa.Index("ix_queue_expires_at", "expires_at"),
        sa.Index("ix_queue_recipient", "recipient"),
        postgresql_with={"fillfactor": 50},
    )
    _index_some("ix_queue_notices", "queue", ["next_attempt_at", "id"], "kind != 'digest'")


def _create_mails() -> None:
    op.create_table(
        "mails",
        sa.Column("delivery", _ID, primary_key=True, autoincrement=False),
        sa.Column("recipient", _ID, nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("after_run", sa.Integer()),
        sa.Column("upto_run", sa.Integer()),
        sa.Column("size_bytes", sa.Integer()),
        sa.Column("entries_json", sa.Text()),
        sa.Column("bundle_hash", sa.String(64)),
        sa.Column("content_hash", sa.String(64)),
        sa.Column("message_id", sa.Text()),
        sa.CheckConstraint("after_run <= upto_run", name="window"),
        sa.Index("ix_mails_recipient_upto_run", "recipient", "upto_run"),
    )
    _index_some("ix_mails_message_id", "mails", ["message_id"], "message_id IS NOT NULL")
    op.create_table(
        "contents",
        sa.Column("delivery", _ID, primary_key=True, autoincrement=False),
        sa.Column("slot_at", UtcDateTime, primary_key=True),
        sa.Column("json", sa.Text(), nullable=False),
        postgresql_partition_by="RANGE (slot_at)",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE contents_rest PARTITION OF contents DEFAULT")


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("delivery", _ID, primary_key=True, autoincrement=False),
        sa.Column("edition", sa.String(10)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("answered_at", UtcDateTime),
        sa.Column("uncertain_at", UtcDateTime),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("resends", sa.Integer(), nullable=False),
        sa.Column("last_reply", sa.Text(), nullable=False),
        sa.Column("relay", sa.Text(), nullable=False),
        sa.CheckConstraint(_ENDED, name="state"),
        sa.CheckConstraint("answered_at IS NULL OR attempt > 0", name="answered"),
        sa.Index("ix_outcomes_edition_state_delivery", "edition", "state", "delivery"),
    )


def _index_some(name: str, table: str, columns: list[str], which: str) -> None:
    where = sa.text(which)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _narrow_deliveries() -> None:
    """On PostgreSQL: what belongs to a column goes with it, and a table that is written anew has no room for it."""
    for name in _GONE:
        op.drop_column("deliveries", name)
    op.drop_constraint(op.f("uq_deliveries_kind_key_recipient"), "deliveries")
    op.execute("UPDATE deliveries SET address = NULL WHERE kind = 'digest' AND address IS NOT NULL")
    op.create_unique_constraint(None, "deliveries", ["recipient", "kind", "key"])
    op.execute("CLUSTER deliveries USING pk_deliveries")
    op.execute("ALTER TABLE deliveries SET WITHOUT CLUSTER")


def _rebuild_deliveries() -> None:
    op.create_table(
        "deliveries_new",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("recipient", _ID, nullable=False),
        sa.Column("slot_at", UtcDateTime, nullable=False),
        sa.Column("address", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("recipient", "kind", "key", name=op.f("uq_deliveries_recipient_kind_key")),
        sa.ForeignKeyConstraint(["recipient"], ["subscribers.id"], name=op.f("fk_deliveries_recipient")),
        sa.CheckConstraint(_KIND, name=op.f("ck_deliveries_kind")),
    )
    op.execute(
        "INSERT INTO deliveries_new (id, kind, key, recipient, slot_at, address)"
        " SELECT id, kind, key, recipient, slot_at, CASE WHEN kind <> 'digest' THEN address END"
        " FROM deliveries ORDER BY id"
    )
    op.drop_table("deliveries")
    op.rename_table("deliveries_new", "deliveries")
