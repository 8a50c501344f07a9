"""The first of all steps: the tables, and the secret of this newsletter.

It builds what 0.1 came to in nine steps and has the number of the last, so a database of 0.1 goes on from here.
"""

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

from newsletter.storage.word_index import create_word_index

revision = "0009"
down_revision = None

# SQLite numbers rows by itself only where the type is INTEGER, which has 64 bits there.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text()
_TIME = sa.DateTime(timezone=True)
_CONSENTS = "consent IN ('unconfirmed', 'confirmed', 'paused', 'left')"


def upgrade() -> None:
    _create_collected()
    _create_readers()
    _create_ledger()
    _create_feedback()
    settings = op.create_table("settings", _key("key"), _text("value"))
    op.bulk_insert(settings, [{"key": "secret", "value": secrets.token_hex(32)}])
    create_word_index(op.get_bind())


def _create_collected() -> None:
    counters = op.create_table(
        "counters",
        _key("id", sa.Integer()),
        _number("last_run"),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    op.bulk_insert(counters, [{"id": 1, "last_run": 0}])
    op.create_table(
        "runs",
        _key("number", sa.Integer()),
        _time("visible_at"),
        sa.CheckConstraint("number > 0", name="number"),
    )
    op.create_table(
        "fetches",
        _key("id", _ID, numbered=True),
        _reference("run", "runs.number", sa.Integer(), nullable=True),
        _text("source"),
        _text("state", 30),
        _time("started_at"),
        _time("finished_at"),
        _number("listed"),
        _number("new"),
        _number("requests"),
        _text("message"),
        sa.CheckConstraint(
            "state IN ('ok', 'unchanged', 'empty-as-expected', 'empty-unexpected', "
            "'stale', 'partial', 'failed')",
            name="state",
        ),
        sa.Index("ix_fetches_finished_at", "finished_at"),
        sa.Index("ix_fetches_source_id", "source", "id"),
    )
    op.create_table(
        "validators",
        _key("location"),
        _text("etag"),
        _text("last_modified"),
        _text("content_hash"),
        _text("following"),
        sa.Column("listed_on", sa.Date()),
        _number("listed"),
    )
    op.create_table("sources", _key("name"), _reference("first_run", "runs.number", sa.Integer()))
    op.create_table(
        "source_health",
        _key("source"),
        _number("failures"),
        _time("not_before", nullable=True),
        _text("why"),
        sa.CheckConstraint("failures >= 0", name="failures"),
    )
    op.create_table("moves", _key("location"), _text("target"), _time("since"))
    op.create_table(
        "entries",
        _key("id", _ID, numbered=True),
        *map(_text, ("key", "title", "summary", "authors", "organization", "categories", "primary_category")),
        *map(_text, ("ai_summary", "ai_keywords", "note", "url", "pdf_url", "discussion_url", "code_url")),
        *map(_text, ("project_url", "thumbnail_url", "media_urls", "listing_url")),
        _number("author_count"),
        _time("published_at", nullable=True),
        sa.Column("listed_on", sa.Date()),
        _number("version"),
        _flag("withdrawn"),
        *(sa.Column(name, sa.Integer()) for name in ("upvotes", "comments", "code_stars")),
        _number("first_seen_run"),
        _time("first_seen_at"),
        sa.UniqueConstraint("key"),
        sa.Index("ix_entries_first_seen_run", "first_seen_run"),
        sa.Index("ix_entries_first_seen_at", "first_seen_at"),
        sa.Index("ix_entries_listed_on_first_seen_at", "listed_on", "first_seen_at"),
    )
    op.create_table(
        "entry_keys",
        _key("key"),
        _reference("entry", "entries.id"),
        _number("position"),
        sa.Index("ix_entry_keys_entry", "entry"),
    )
    op.create_table(
        "sightings",
        _key("id", _ID, numbered=True),
        _reference("entry", "entries.id"),
        _text("source"),
        _text("guid"),
        _text("listed_on", 10),
        _text("listing_url"),
        _time("seen_at"),
        sa.UniqueConstraint("entry", "source", "guid", "listed_on"),
        sa.Index("ix_sightings_listed_on_entry", "listed_on", "entry"),
    )
    op.create_table(
        "entry_events",
        _key("id", _ID, numbered=True),
        _reference("entry", "entries.id"),
        _text("kind", 20),
        _text("detail"),
        _text("source"),
        _time("at"),
        sa.UniqueConstraint("entry", "kind", "detail"),
        sa.CheckConstraint("kind IN ('new-version', 'cross-listed', 'withdrawn')", name="kind"),
    )
    op.create_table(
        "observations",
        sa.Column("entry", _ID, sa.ForeignKey("entries.id"), primary_key=True),
        _key("observed_at", _TIME),
        sa.Column("upvotes", sa.Integer()),
        sa.Column("comments", sa.Integer()),
        sa.Index("ix_observations_observed_at", "observed_at"),
    )


def _create_readers() -> None:
    op.create_table(
        "subscribers",
        _key("id", _ID, numbered=True),
        *map(_text, ("address", "name", "language")),
        _text("layout", default=""),
        *map(_text, ("days", "local_time", "zone", "topics_json")),
        _number("everything_else"),
        _text("consent", 20),
        _number("counted_run"),
        _time("next_due_at", nullable=True),
        _time("wake_at", nullable=True),
        _flag("file_owned"),
        _flag("paused_by_file", default=sa.false()),
        _flag("declined", default=sa.false()),
        _time("decided_at", nullable=True),
        _text("address_key", default=""),
        sa.UniqueConstraint("address"),
        sa.CheckConstraint(_CONSENTS, name="consent"),
        sa.CheckConstraint("counted_run >= 0", name="counted_run"),
        sa.Index("uq_subscribers_address_key", "address_key", unique=True),
        sa.Index("ix_subscribers_next_due_at", "next_due_at"),
        sa.Index("ix_subscribers_wake_at", "wake_at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "consents",
        _key("id", _ID, numbered=True),
        _reference("subscriber", "subscribers.id"),
        _time("at"),
        _text("consent", 20),
        _text("why"),
        _text("origin", default=""),
        sa.CheckConstraint(_CONSENTS, name="consent"),
        sa.Index("ix_consents_subscriber", "subscriber"),
    )
    op.create_table(
        "suppressions",
        _key("id", _ID, numbered=True),
        _text("address"),
        _text("reason"),
        _time("since"),
        _time("lifted_at", nullable=True),
        _text("lifted_why"),
        _flag("is_complaint", default=sa.false()),
        sa.Index("uq_suppressions_address_in_force", "address", unique=True, **_where("lifted_at IS NULL")),
    )
    op.create_table(
        "confirmations",
        _key("id", _ID, numbered=True),
        _text("asked", 20),
        _reference("subscriber", "subscribers.id"),
        _text("address"),
        _text("wanted_json"),
        _text("origin"),
        _time("asked_at"),
        _time("expires_at"),
        _time("done_at", nullable=True),
        sa.CheckConstraint("asked IN ('subscribe', 'address', 'login')", name="asked"),
        sa.Index("ix_confirmations_address_asked_at", "address", "asked_at"),
        sa.Index("ix_confirmations_subscriber", "subscriber"),
        sa.Index("ix_confirmations_expires_at", "expires_at"),
        sqlite_autoincrement=True,
    )
    op.create_table("sessions", _key("token_hash", sa.String(64)), _text("address"), _time("expires_at"))


def _create_ledger() -> None:
    op.create_table(
        "instances",
        _key("id", _ID, numbered=True),
        _text("host"),
        _text("boot"),
        _number("pid"),
        _time("heartbeat_at"),
        sqlite_autoincrement=True,
    )
    op.create_table("cards", _key("hash", sa.String(64)), _text("json"))
    op.create_table("bundles", _key("hash", sa.String(64)), _text("json"))
    op.create_table(
        "deliveries",
        _key("id", _ID, numbered=True),
        _text("kind", 20),
        _text("key", 100),
        _reference("recipient", "subscribers.id"),
        _text("state", 20),
        _time("slot_at"),
        _time("expires_at"),
        _number("attempt", default="0"),
        _time("next_attempt_at", nullable=True),
        _text("last_reply", default=""),
        _text("relay", default=""),
        _time("uncertain_at", nullable=True),
        _number("resends", default="0"),
        _reference("claimed_by", "instances.id", nullable=True),
        sa.Column("state_before_claim", sa.String(20)),
        sa.Column("lost_by", _ID),
        sa.Column("address", _TEXT),
        sa.Column("after_run", sa.Integer()),
        sa.Column("upto_run", sa.Integer()),
        sa.Column("content_json", _TEXT),
        sa.Column("card_hashes", _TEXT),
        _reference("bundle_hash", "bundles.hash", sa.String(64), nullable=True),
        sa.Column("content_hash", sa.String(64)),
        sa.Column("message_id", _TEXT),
        sa.Column("size_bytes", sa.Integer()),
        sa.UniqueConstraint("kind", "key", "recipient"),
        *(sa.CheckConstraint(rule, name=name) for name, rule in _DELIVERIES.items()),
        sa.Index("ix_deliveries_state_next_attempt_at_id", "state", "next_attempt_at", "id"),
        sa.Index("ix_deliveries_kind_key_state", "kind", "key", "state"),
        sa.Index("ix_deliveries_message_id", "message_id"),
        sa.Index("ix_deliveries_recipient_key", "recipient", "key"),
        sa.Index("ix_deliveries_notices", "state", "next_attempt_at", **_where("kind != 'digest'")),
    )
    op.create_table(
        "delivery_entries",
        sa.Column("delivery", _ID, sa.ForeignKey("deliveries.id"), primary_key=True),
        sa.Column("entry", _ID, sa.ForeignKey("entries.id"), primary_key=True),
        _text("topic"),
        _number("position"),
        _flag("shown"),
        sa.Index("ix_delivery_entries_entry", "entry"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempts",
        sa.Column("delivery", _ID, sa.ForeignKey("deliveries.id"), primary_key=True),
        _key("number", sa.Integer()),
        _time("at"),
        _text("outcome", 20),
        _text("reply"),
        _text("relay", default=""),
        sa.CheckConstraint("outcome IN ('accepted', 'deferred', 'rejected', 'uncertain')", name="outcome"),
        sa.CheckConstraint("number > 0", name="number"),
    )


_DELIVERIES = {
    "kind": "kind IN ('digest', 'confirm', 'changed', 'goodbye', 'alert', 'login')",
    "notice": "kind = 'digest' OR content_json IS NOT NULL",
    "state": "state IN ('queued', 'claimed', 'in_data', 'deferred', 'accepted', 'rejected', 'suppressed',"
    " 'expired', 'uncertain', 'empty', 'skipped')",
    "claimed_by": "(state IN ('claimed', 'in_data')) = (claimed_by IS NOT NULL)",
    "kept_for_release": "(state IN ('claimed', 'in_data')) = (state_before_claim IS NOT NULL)",
    "state_before_claim": "state_before_claim IN ('queued', 'deferred', 'uncertain')",
    "deferred": "state <> 'deferred' OR next_attempt_at IS NOT NULL",
    "uncertain": "state <> 'uncertain' OR uncertain_at IS NOT NULL",
    "frozen": "state NOT IN ('in_data', 'accepted', 'uncertain') OR content_hash IS NOT NULL",
    "window": "after_run <= upto_run",
}


def _create_feedback() -> None:
    op.create_table(
        "bounces",
        _key("id", _ID, numbered=True),
        _text("report_hash", 64),
        _reference("delivery", "deliveries.id", nullable=True),
        _text("address"),
        _time("at"),
        _text("kind", 20),
        _text("status"),
        _text("diagnostic"),
        _text("action"),
        sa.UniqueConstraint("report_hash"),
        sa.Index("ix_bounces_address_at", "address", "at"),
        sa.Index("ix_bounces_at", "at"),
    )
    op.create_table(
        "relay_days",
        _key("relay"),
        _key("day", sa.Date()),
        _number("messages"),
        sa.CheckConstraint("messages >= 0", name="messages"),
    )


def _key(name: str, kind: TypeEngine[Any] = _TEXT, *, numbered: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=numbered)


def _text(name: str, max_chars: int | None = None, *, default: str | None = None) -> sa.Column[Any]:
    kind = sa.String(max_chars) if max_chars else _TEXT
    return sa.Column(name, kind, nullable=False, server_default=default)


def _number(name: str, *, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default=default)


def _flag(name: str, *, default: Any = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=default)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _TIME, nullable=nullable)


def _reference(name: str, to: str, kind: TypeEngine[Any] = _ID, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, sa.ForeignKey(to), nullable=nullable)


def _where(rule: str) -> dict[str, Any]:
    """Return what makes an index hold these rows only, on either engine."""
    return {"sqlite_where": sa.text(rule), "postgresql_where": sa.text(rule)}
