"""Every table, with its promises as named constraints. Migrations build the same.

Every text is a CleanText, so nothing that somebody wrote outside comes in unclean. Lists are JSON text (CleanJson).
Runs are counted from 1; the run number 0 means "before our first run".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    event,
    false,
    literal_column,
)

from newsletter.model.entries import EventKind
from newsletter.model.ledger import HELD, OPEN, Kind, State
from newsletter.model.readers import Asked, Consent
from newsletter.model.sources import FetchState
from newsletter.storage.dialects import AddressText, CleanJson, CleanText, UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy.schema import ExecutableDDLElement

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only where the type is INTEGER, which has 64 bits there.
Id = BigInteger().with_variant(Integer(), "sqlite")


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _tell_postgresql(item: Table | Index, table: Table, **options: object) -> None:
    """Give a table or an index options of PostgreSQL's own when it is made there. Where they are given beside the
    others SQLAlchemy loads that dialect at once, which SQLite's commands would pay at each start."""

    def tell(_: Table, connection: Connection, **_more: object) -> None:
        if connection.dialect.name == "postgresql":
            item.dialect_options["postgresql"].update(options)

    event.listen(table, "before_create", tell)


def _index_some(name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False) -> None:
    """Index the rows of a table for which a condition holds."""
    index = Index(name, *columns, unique=unique, sqlite_where=where)
    _tell_postgresql(index, columns[0].table, where=where)


# --- collect ------------------------------------------------------------------------------

# One row. A run's transaction begins with updating it, and so one run follows the other.
counters = Table(
    "counters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_run", Integer, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("visible_at", UtcDateTime, nullable=False),
    CheckConstraint("number > 0", name="number"),
)

# run is NULL where the look brought nothing new.
fetches = Table(
    "fetches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run", ForeignKey("runs.number")),
    Column("source", CleanText, nullable=False),
    Column("state", CleanText(30), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    Column("listed", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("message", CleanText, nullable=False),
    CheckConstraint(_one_of("state", FetchState), name="state"),
    Index("ix_fetches_source_id", "source", "id"),
    Index("ix_fetches_finished_at", "finished_at"),
)

validators = Table(
    "validators",
    metadata,
    Column("location", CleanText, primary_key=True),
    Column("etag", CleanText, nullable=False),
    Column("last_modified", CleanText, nullable=False),
    Column("content_hash", CleanText, nullable=False),
    Column("following", CleanText, nullable=False),
    Column("listed_on", Date),
    Column("listed", Integer, nullable=False),
    Column("read_at", UtcDateTime),
)

# The sources that have brought a sighting, the run that brought the first, and when the newest entry was published
# (when we saw it, where that is earlier).
sources = Table(
    "sources",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("first_run", ForeignKey("runs.number"), nullable=False),
    Column("newest_at", UtcDateTime),
)

# When a source may be asked again. No row: at any time.
source_health = Table(
    "source_health",
    metadata,
    Column("source", CleanText, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("not_before", UtcDateTime),
    Column("why", CleanText, nullable=False),
    CheckConstraint("failures >= 0", name="failures"),
)

# The permanent redirects that locations answer with.
moves = Table(
    "moves",
    metadata,
    Column("location", CleanText, primary_key=True),
    Column("target", CleanText, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

# upvotes, comments and code_stars are the newest observation.
entries = Table(
    "entries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", CleanText, nullable=False),
    Column("title", CleanText, nullable=False),
    Column("summary", CleanText, nullable=False),
    Column("authors", CleanJson, nullable=False),
    Column("author_count", Integer, nullable=False),
    Column("organization", CleanText, nullable=False),
    Column("published_at", UtcDateTime),
    Column("listed_on", Date),
    Column("categories", CleanJson, nullable=False),
    Column("primary_category", CleanText, nullable=False),
    Column("ai_summary", CleanText, nullable=False),
    Column("ai_keywords", CleanJson, nullable=False),
    Column("note", CleanText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("upvotes", Integer),
    Column("comments", Integer),
    Column("code_stars", Integer),
    Column("url", CleanText, nullable=False),
    Column("pdf_url", CleanText, nullable=False),
    Column("discussion_url", CleanText, nullable=False),
    Column("code_url", CleanText, nullable=False),
    Column("project_url", CleanText, nullable=False),
    Column("thumbnail_url", CleanText, nullable=False),
    Column("media_urls", CleanJson, nullable=False),
    Column("listing_url", CleanText, nullable=False),
    Column("first_seen_run", Integer, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    UniqueConstraint("key"),
    Index("ix_entries_first_seen_run", "first_seen_run"),
    Index("ix_entries_first_seen_at", "first_seen_at"),
    Index("ix_entries_listed_on_first_seen_at", "listed_on", "first_seen_at"),
)

# Every name of every work: the canonical key is at position 0, former and other ones follow.
entry_keys = Table(
    "entry_keys",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("entry", ForeignKey("entries.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_entry_keys_entry", "entry"),
)

# listed_on is an ISO date, or empty where the source has no such date: NULLs would never be equal. title_hash and
# published_at are what the source said last (model/entries.py:Said).
sightings = Table(
    "sightings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("entry", ForeignKey("entries.id"), nullable=False),
    Column("source", CleanText, nullable=False),
    Column("guid", CleanText, nullable=False),
    Column("listed_on", CleanText(10), nullable=False),
    Column("listing_url", CleanText, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("title_hash", CleanText, nullable=False, server_default=""),
    Column("published_at", UtcDateTime),
    UniqueConstraint("entry", "source", "guid", "listed_on"),
    Index("ix_sightings_listed_on_entry", "listed_on", "entry"),
    Index("ix_sightings_source_title_hash", "source", "title_hash"),
)

# Entries that came with a source's archive (collect/dam.py), until the operator lets them out.
held_back = Table(
    "held_back",
    metadata,
    Column("entry", ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    Column("source", CleanText, nullable=False),
    Column("held_at", UtcDateTime, nullable=False),
    Index("ix_held_back_source", "source"),
)

# What happened to a work after it was first listed, each thing once.
entry_events = Table(
    "entry_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("entry", ForeignKey("entries.id"), nullable=False),
    Column("kind", CleanText(20), nullable=False),
    Column("detail", CleanText, nullable=False),
    Column("source", CleanText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("entry", "kind", "detail"),
    CheckConstraint(_one_of("kind", EventKind), name="kind"),
)

observations = Table(
    "observations",
    metadata,
    Column("entry", ForeignKey("entries.id"), primary_key=True),
    Column("observed_at", UtcDateTime, primary_key=True),
    Column("upvotes", Integer),
    Column("comments", Integer),
    Index("ix_observations_observed_at", "observed_at"),
)

# --- subscribers --------------------------------------------------------------------------

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", CleanText, nullable=False),
    Column("name", CleanText, nullable=False),
    Column("language", CleanText, nullable=False),
    Column("layout", CleanText, nullable=False, server_default=""),
    Column("pictures", Boolean),
    Column("days", CleanJson, nullable=False),
    Column("local_time", CleanText, nullable=False),
    Column("zone", CleanText, nullable=False),
    Column("topics_json", CleanJson, nullable=False),
    Column("everything_else", Integer, nullable=False),
    Column("consent", CleanText(20), nullable=False),
    Column("counted_run", Integer, nullable=False),
    Column("next_due_at", UtcDateTime),
    Column("wake_at", UtcDateTime),
    Column("file_owned", Boolean, nullable=False),
    Column("paused_by_file", Boolean, nullable=False, server_default=false()),
    Column("declined", Boolean, nullable=False, server_default=false()),
    Column("decided_at", UtcDateTime),
    Column("address_key", AddressText, nullable=False, server_default=""),
    Index("uq_subscribers_address_key", "address_key", unique=True),
    CheckConstraint(_one_of("consent", Consent), name="consent"),
    CheckConstraint("counted_run >= 0", name="counted_run"),
    # PostgreSQL would else sort all who are due at one moment, for each batch of them.
    Index("ix_subscribers_next_due_at_id", "next_due_at", "id"),
    Index("ix_subscribers_zone", "zone"),
    sqlite_autoincrement=True,
)
# Each slot that is planned moves a row to a new place in every index: this one has the few who pause.
_index_some("ix_subscribers_wake_at", subscribers.c.wake_at, where=subscribers.c.wake_at.is_not(None))

consents = Table(
    "consents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber", ForeignKey("subscribers.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("consent", CleanText(20), nullable=False),
    Column("why", CleanText, nullable=False),
    Column("origin", CleanText, nullable=False, server_default=""),
    CheckConstraint(_one_of("consent", Consent), name="consent"),
    Index("ix_consents_subscriber", "subscriber"),
)

# In force until lifted_at. Who was suppressed once, and why it was lifted, stays on record.
suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", AddressText, nullable=False),
    Column("reason", CleanText, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_why", CleanText, nullable=False),
    Column("is_complaint", Boolean, nullable=False, server_default=false()),
)
_index_some(
    "uq_suppressions_address_in_force",
    suppressions.c.address,
    unique=True,
    where=suppressions.c.lifted_at.is_(None),
)

# --- deliver ------------------------------------------------------------------------------

# Numbers are never given twice: a row's claim must not pass to a process that came later.
instances = Table(
    "instances",
    metadata,
    Column("id", Id, primary_key=True),
    Column("host", CleanText, nullable=False),
    Column("boot", CleanText, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)

cards = Table(
    "cards",
    metadata,
    Column("hash", CleanText(64), primary_key=True),
    Column("json", CleanJson, nullable=False),
)

bundles = Table(
    "bundles",
    metadata,
    Column("hash", CleanText(64), primary_key=True),
    Column("json", CleanText, nullable=False),
)

# A delivery is written once, when it is planned or caused, and says which it is; what becomes of it stands beside it,
# under its id. While something leads on by itself that is its row in the queue; then one in outcomes
# (storage/ledger/view.py puts all of it together). No foreign key leads from those to it, nor to an instance: they are
# written in the transactions that write the other, and each check of one would lock a row.
# address is where a notice goes, from the beginning; that of a digest is frozen with it.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", CleanText(20), nullable=False),
    Column("key", CleanText(100), nullable=False),
    Column("recipient", ForeignKey("subscribers.id"), nullable=False),
    Column("slot_at", UtcDateTime, nullable=False),
    Column("address", CleanText),
    UniqueConstraint("recipient", "kind", "key"),
    CheckConstraint(_one_of("kind", Kind), name="kind"),
)

_CLAIMED = _one_of("state", HELD)

# What is open. next_attempt_at: a queued or deferred row is not claimed earlier. relay is the last one that was tried.
# lost_by is the instance that had the row in data when its claim was voided: its late answer may still settle it.
# On PostgreSQL a claim and a fence change no column of an index, and find room on their page: they touch no index.
queue = Table(
    "queue",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("kind", CleanText(20), nullable=False),
    Column("edition", CleanText(10)),
    Column("recipient", Id, nullable=False),
    Column("state", CleanText(20), nullable=False),
    Column("slot_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("resends", Integer, nullable=False, server_default="0"),
    Column("uncertain_at", UtcDateTime),
    Column("claimed_by", Id),
    Column("state_before_claim", CleanText(20)),
    Column("lost_by", Id),
    Column("last_reply", CleanText, nullable=False, server_default=""),
    Column("relay", CleanText, nullable=False, server_default=""),
    CheckConstraint(_one_of("state", [state for state in State if state in OPEN]), name="state"),
    CheckConstraint(f"({_CLAIMED}) = (claimed_by IS NOT NULL)", name="claimed_by"),
    CheckConstraint(f"({_CLAIMED}) = (state_before_claim IS NOT NULL)", name="kept_for_release"),
    CheckConstraint(
        _one_of("state_before_claim", [State.QUEUED, State.DEFERRED, State.UNCERTAIN]),
        name="state_before_claim",
    ),
    CheckConstraint("state <> 'uncertain' OR uncertain_at IS NOT NULL", name="uncertain"),
    Index("ix_queue_next_attempt_at_id", "next_attempt_at", "id"),
    Index("ix_queue_expires_at", "expires_at"),
    Index("ix_queue_recipient", "recipient"),
)
_tell_postgresql(queue, queue, **{"with": {"fillfactor": 50}})
# As an index's own condition is written: SQLite uses it where a statement says the very same, without parameters.
NOT_A_DIGEST = literal_column("queue.kind") != literal_column("'digest'")
# Notices go before digests, so they are found without looking at a million of those.
_ARE_NOTICES = literal_column("kind") != literal_column("'digest'")
_index_some("ix_queue_notices", queue.c.next_attempt_at, queue.c.id, where=_ARE_NOTICES)

# What was frozen in the in_data commit, written once. entries_json is what a digest showed (compose/snapshot.py).
# An empty digest has only a window, from when it is closed.
mails = Table(
    "mails",
    metadata,
    Column("delivery", Id, primary_key=True, autoincrement=False),
    Column("recipient", Id, nullable=False),
    Column("address", CleanText),
    Column("after_run", Integer),
    Column("upto_run", Integer),
    Column("size_bytes", Integer),
    Column("entries_json", CleanJson),
    Column("bundle_hash", CleanText(64)),
    Column("content_hash", CleanText(64)),
    Column("message_id", CleanText),
    CheckConstraint("after_run <= upto_run", name="window"),
    # What a reader was shown of late, without the years before.
    Index("ix_mails_recipient_upto_run", "recipient", "upto_run"),
)
_index_some("ix_mails_message_id", mails.c.message_id, where=mails.c.message_id.is_not(None))

# What mails say, for as long as that is kept: a digest's from the in_data commit on, a notice's from the beginning.
# On PostgreSQL a partition a month of slots, so that old ones go at once; what has none is in contents_rest.
contents = Table(
    "contents",
    metadata,
    Column("delivery", Id, primary_key=True, autoincrement=False),
    Column("slot_at", UtcDateTime, primary_key=True),
    Column("json", CleanJson, nullable=False),
)
_tell_postgresql(contents, contents, partition_by="RANGE (slot_at)")
_MAKE_REST: ExecutableDDLElement = DDL("CREATE TABLE contents_rest PARTITION OF contents DEFAULT")  # type: ignore[no-untyped-call]
event.listen(
    contents,
    "after_create",
    _MAKE_REST.execute_if(dialect="postgresql"),
)

# How deliveries ended, written once; a report that comes back later may change it. answered_at: a relay's answer to
# the last attempt is what ended it; answers before that one are in attempts.
# edition is the key of a digest, here as well so that editions are counted in one index.
outcomes = Table(
    "outcomes",
    metadata,
    Column("delivery", Id, primary_key=True, autoincrement=False),
    Column("edition", CleanText(10)),
    Column("state", CleanText(20), nullable=False),
    Column("answered_at", UtcDateTime),
    Column("uncertain_at", UtcDateTime),
    Column("attempt", Integer, nullable=False),
    Column("resends", Integer, nullable=False),
    Column("last_reply", CleanText, nullable=False),
    Column("relay", CleanText, nullable=False),
    CheckConstraint(_one_of("state", [state for state in State if state not in OPEN]), name="state"),
    CheckConstraint("answered_at IS NULL OR attempt > 0", name="answered"),
    Index("ix_outcomes_edition_state_delivery", "edition", "state", "delivery"),
)

# How many deliveries of an edition that is over are in each state. is_gone: how many of those that are gone were; of
# notices, too, whose key is empty here.
kept_counts = Table(
    "kept_counts",
    metadata,
    Column("kind", CleanText(20), primary_key=True),
    Column("key", CleanText(100), primary_key=True),
    Column("state", CleanText(20), primary_key=True),
    Column("is_gone", Boolean, primary_key=True),
    Column("number", Integer, nullable=False),
)

# The entries that were absorbed by another one: what was shown under their ids was that one.
former_entries = Table(
    "former_entries",
    metadata,
    Column("former", Id, primary_key=True, autoincrement=False),
    Column("entry", ForeignKey("entries.id"), nullable=False),
    Index("ix_former_entries_entry", "entry"),
)

# The answers to attempts that did not end their delivery, or whose delivery went on all the same.
attempts = Table(
    "attempts",
    metadata,
    Column("delivery", ForeignKey("deliveries.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("outcome", CleanText(20), nullable=False),
    Column("reply", CleanText, nullable=False),
    Column("relay", CleanText, nullable=False, server_default=""),
    CheckConstraint(
        _one_of("outcome", [State.ACCEPTED, State.DEFERRED, State.REJECTED, State.UNCERTAIN]), name="outcome"
    ),
    CheckConstraint("number > 0", name="number"),
)

# What came back, each report once. delivery is NULL where it belongs to none of our mails.
bounces = Table(
    "bounces",
    metadata,
    Column("id", Id, primary_key=True),
    Column("report_hash", CleanText(64), nullable=False),
    Column("delivery", ForeignKey("deliveries.id")),
    Column("address", AddressText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", CleanText(20), nullable=False),
    Column("status", CleanText, nullable=False),
    Column("diagnostic", CleanText, nullable=False),
    Column("action", CleanText, nullable=False),
    UniqueConstraint("report_hash"),
    Index("ix_bounces_address_at", "address", "at"),
    Index("ix_bounces_at", "at"),
)
_index_some("ix_bounces_delivery", bounces.c.delivery, where=bounces.c.delivery.is_not(None))

# Small pictures of papers, each content once. hash is the SHA-256 of body.
pictures = Table(
    "pictures",
    metadata,
    Column("id", Id, primary_key=True),
    Column("hash", CleanText(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("hash"),
)

# Which entry has which. picture is NULL where it could not be had yet.
entry_pictures = Table(
    "entry_pictures",
    metadata,
    Column("entry", ForeignKey("entries.id"), primary_key=True),
    Column("picture", ForeignKey("pictures.id")),
    Column("tries", Integer, nullable=False),
    Column("tried_at", UtcDateTime, nullable=False),
)

# What operators did by hand. who is an operator's address, or the command line.
operator_acts = Table(
    "operator_acts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", CleanText, nullable=False),
    Column("act", CleanText(20), nullable=False),
    Column("subject", CleanText, nullable=False),
    Column("outcome", CleanText, nullable=False),
)

# Failures that count against an address: at most one a day, and one for each mail.
strikes = Table(
    "strikes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", AddressText, nullable=False),
    Column("domain", CleanText, nullable=False),
    Column("day", Date, nullable=False),
    Column("delivery", ForeignKey("deliveries.id")),
    Column("why", CleanText, nullable=False),
    UniqueConstraint("address", "day"),
    UniqueConstraint("delivery"),
    Index("ix_strikes_day_domain", "day", "domain"),
)

# How many messages a relay has been given on a day (UTC); what was reserved and not used is given back.
relay_days = Table(
    "relay_days",
    metadata,
    Column("relay", CleanText, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("messages", Integer, nullable=False),
    CheckConstraint("messages >= 0", name="messages"),
)

# --- the web UI -------------------------------------------------------------------------

# What was asked for on a page and is confirmed by a link in a mail. origin is a shortened client address.
confirmations = Table(
    "confirmations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("asked", CleanText(20), nullable=False),
    Column("subscriber", ForeignKey("subscribers.id"), nullable=False),
    Column("address", CleanText, nullable=False),
    Column("wanted_json", CleanJson, nullable=False),
    Column("origin", CleanText, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    CheckConstraint(_one_of("asked", Asked), name="asked"),
    Index("ix_confirmations_address_asked_at", "address", "asked_at"),
    Index("ix_confirmations_subscriber", "subscriber"),
    Index("ix_confirmations_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)

# Who is logged in to the operator's page. Only the hash of a cookie is kept.
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", CleanText(64), primary_key=True),
    Column("address", AddressText, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

# --- facts about this database ------------------------------------------------------------

# value is JSON, or one word.
settings = Table(
    "settings",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("value", CleanJson, nullable=False),
)
