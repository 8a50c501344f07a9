"""What each source says of an entry, when its newest was published, and what is held back; the names that known
addresses have today."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from newsletter.collect.identity import choose_keys
from newsletter.model.entries import hash_title
from newsletter.storage.dialects import UtcDateTime, insert_or_ignore

revision = "0015"
down_revision = "0014"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CHUNK = 5_000
_LAST = 9_999  # after the names that an entry has already

_metadata = sa.MetaData()
_entries = sa.Table(
    "entries",
    _metadata,
    *(sa.Column("id", _ID), sa.Column("key", sa.Text()), sa.Column("title", sa.Text())),
    sa.Column("published_at", UtcDateTime),
)
_keys = sa.Table(
    "entry_keys",
    _metadata,
    *(sa.Column("key", sa.Text()), sa.Column("entry", _ID), sa.Column("position", sa.Integer())),
)
_sightings = sa.Table(
    "sightings",
    _metadata,
    *(
        sa.Column("id", _ID),
        sa.Column("entry", _ID),
        sa.Column("source", sa.Text()),
        sa.Column("listed_on", sa.Text()),
    ),
    *(
        sa.Column("seen_at", UtcDateTime),
        sa.Column("title_hash", sa.Text()),
        sa.Column("published_at", UtcDateTime),
    ),
)
_sources = sa.Table("sources", _metadata, sa.Column("name", sa.Text()), sa.Column("newest_at", UtcDateTime))


def upgrade() -> None:
    op.add_column("sightings", sa.Column("title_hash", sa.Text(), nullable=False, server_default=""))
    op.add_column("sightings", sa.Column("published_at", UtcDateTime()))
    op.create_index("ix_sightings_source_title_hash", "sightings", ["source", "title_hash"])
    op.add_column("sources", sa.Column("newest_at", UtcDateTime()))
    op.create_table(
        "held_back",
        sa.Column("entry", _ID, sa.ForeignKey("entries.id"), primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("held_at", UtcDateTime(), nullable=False),
        sa.Index("ix_held_back_source", "source"),
    )
    _fill_titles(op.get_bind())
    _add_names(op.get_bind())


def _fill_titles(connection: sa.Connection) -> None:
    newest: dict[str, datetime] = {}
    wanted = (
        sa.select(
            *(_sightings.c.id, _sightings.c.source, _sightings.c.seen_at),
            *(_entries.c.key, _entries.c.title, _entries.c.published_at),
        )
        .join(_entries, _entries.c.id == _sightings.c.entry)
        .where(_sightings.c.listed_on == "")
    )
    for rows in _read_chunks(connection, wanted, _sightings.c.id):
        for row in rows:
            if row.published_at:
                at = min(row.published_at, row.seen_at)
                newest[row.source] = max(at, newest.get(row.source, at))
        said = [
            {"row": row.id, "title": hash_title(row.title), "at": row.published_at}
            for row in rows
            if not row.key.startswith("arxiv:")
        ]
        if said:
            values = {
                "title_hash": sa.bindparam("title"),
                "published_at": sa.bindparam("at", type_=UtcDateTime),
            }
            connection.execute(
                _sightings.update().where(_sightings.c.id == sa.bindparam("row")).values(values), said
            )
    for name, at in newest.items():
        connection.execute(_sources.update().where(_sources.c.name == name).values(newest_at=at))


def _add_names(connection: sa.Connection) -> None:
    """Give each entry the names that its addresses have now, as far as they are nobody's: what was mailed is known
    under them."""
    wanted = sa.select(_keys.c.key, _keys.c.entry).where(_keys.c.key.like("url:%"))
    for rows in _read_chunks(connection, wanted, _keys.c.key):
        names = {
            key: row.entry
            for row in rows
            for key in choose_keys(url=row.key.removeprefix("url:"))
            if key != row.key
        }
        if names:
            connection.execute(
                insert_or_ignore(connection, _keys),
                [{"key": key, "entry": entry, "position": _LAST} for key, entry in names.items()],
            )


def _read_chunks(
    connection: sa.Connection, wanted: sa.Select[Any], order: sa.ColumnElement[Any]
) -> Iterator[list[Any]]:
    """Yield what is wanted in lists; order is the first of the columns and tells them apart."""
    after: Any = None
    while True:
        chunk = wanted if after is None else wanted.where(order > after)
        rows = list(connection.execute(chunk.order_by(order).limit(_CHUNK)))
        if not rows:
            return
        after = rows[-1][0]
        yield rows
