"""What a digest showed stands in its own row, a list instead of a dozen rows elsewhere; mails age."""

import json
from collections.abc import Iterator
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT_ONCE = 5_000


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("entries_json", sa.Text()))
    op.create_table(
        "former_entries",
        sa.Column("former", _ID, primary_key=True, autoincrement=False),
        sa.Column("entry", _ID, sa.ForeignKey("entries.id"), nullable=False),
        sa.Index("ix_former_entries_entry", "entry"),
    )
    connection = op.get_bind()
    save = sa.text("UPDATE deliveries SET entries_json = :entries WHERE id = :delivery")
    for rows in _read_old(connection):
        found = [{"delivery": delivery, "entries": _dump(shown)} for delivery, shown in rows]
        connection.execute(save, found)
    op.drop_table("delivery_entries")
    op.drop_column("deliveries", "card_hashes")  # they stand in content_json, too
    _make_room_for_gone()
    op.drop_index("ix_deliveries_message_id", "deliveries")
    there = sa.text("message_id IS NOT NULL")
    op.create_index(
        "ix_deliveries_message_id", "deliveries", ["message_id"], sqlite_where=there, postgresql_where=there
    )


def _make_room_for_gone() -> None:
    """Counts of rows that are gone stand apart; the others are counted again."""
    op.drop_table("kept_counts")
    op.create_table(
        "kept_counts",
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("key", sa.String(100), primary_key=True),
        sa.Column("state", sa.String(20), primary_key=True),
        sa.Column("is_gone", sa.Boolean(), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
    )
    there = sa.text("delivery IS NOT NULL")
    op.create_index(
        "ix_bounces_delivery", "bounces", ["delivery"], sqlite_where=there, postgresql_where=there
    )


def _read_old(connection: sa.Connection) -> Iterator[list[tuple[int, list[tuple[int, str, bool]]]]]:
    """Yield the mails that show entries, some at once, each with (entry, topic, shown) in its order."""
    query = sa.text(
        "SELECT delivery, entry, topic, shown FROM delivery_entries"
        " WHERE delivery > :first AND delivery <= :last ORDER BY delivery, position"
    )
    newest = connection.scalar(sa.text("SELECT max(delivery) FROM delivery_entries")) or 0
    for first in range(0, newest, _AT_ONCE):
        rows = connection.execute(query, {"first": first, "last": first + _AT_ONCE}).all()
        found = [
            (delivery, [(entry, topic, bool(shown)) for _, entry, topic, shown in some])
            for delivery, some in groupby(rows, key=lambda row: row.delivery)
        ]
        if found:
            yield found


def _dump(shown: list[tuple[int, str, bool]]) -> str:
    groups = [
        [topic, int(is_shown), [entry for entry, _, _ in some]]
        for (topic, is_shown), some in groupby(shown, key=lambda one: one[1:])
    ]
    return json.dumps(groups, ensure_ascii=False, separators=(",", ":"))
