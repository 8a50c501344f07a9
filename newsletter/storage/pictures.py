"""The small pictures of papers, each content once, in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from newsletter.model.entries import EntryKey
from newsletter.model.pictures import Picture, PictureFile, WantedPicture
from newsletter.storage.dialects import in_chunks, insert_or_ignore
from newsletter.storage.engine import Store, reading, writing
from newsletter.storage.tables import entries, entry_pictures, pictures

_WANTED_FOR = timedelta(days=30)
_TRIES = 3
_AGAIN_AFTER = timedelta(hours=6)


class PictureStore(Store):
    """The pictures that are kept. A file's name is the hash of its content, so it may be kept by browsers for ever."""

    @reading
    def load_wanted(self, connection: Connection, now: datetime, limit: int) -> Sequence[WantedPicture]:
        """Return entries of the last month that have a picture somewhere and none here, the newest first. One that
        could not be had is tried three times."""
        tried = entry_pictures
        may_try = or_(
            tried.c.entry.is_(None),
            and_(tried.c.picture.is_(None), tried.c.tries < _TRIES, tried.c.tried_at < now - _AGAIN_AFTER),
        )
        rows = connection.execute(
            select(entries.c.id, entries.c.thumbnail_url)
            .outerjoin(tried, tried.c.entry == entries.c.id)
            .where(entries.c.first_seen_at >= now - _WANTED_FOR, entries.c.thumbnail_url != "", may_try)
            .order_by(entries.c.first_seen_at.desc(), entries.c.id.desc())
            .limit(limit)
        )
        return [WantedPicture(row.id, row.thumbnail_url) for row in rows]

    @writing
    def save(self, connection: Connection, entry: int, picture: Picture | None, now: datetime) -> None:
        """Keep the picture of an entry; None: it could not be had this time."""
        number = _keep(connection, picture) if picture is not None else None
        row = connection.execute(
            select(entry_pictures.c.tries).where(entry_pictures.c.entry == entry).with_for_update()
        ).first()
        values = {"picture": number, "tries": (row.tries if row else 0) + 1, "tried_at": now}
        if row is None:
            connection.execute(insert_or_ignore(connection, entry_pictures).values(entry=entry, **values))
        else:
            connection.execute(
                entry_pictures.update().where(entry_pictures.c.entry == entry).values(**values)
            )

    @reading
    def find(self, connection: Connection, keys: Collection[EntryKey]) -> Mapping[EntryKey, PictureFile]:
        """Return the pictures of those of these entries, by key, that have one."""
        found: dict[EntryKey, PictureFile] = {}
        for some in in_chunks(keys):
            rows = connection.execute(
                select(
                    entries.c.key,
                    *(pictures.c.hash, pictures.c.width, pictures.c.height),
                    func.length(pictures.c.body).label("size"),
                )
                .join(entry_pictures, entry_pictures.c.entry == entries.c.id)
                .join(pictures, pictures.c.id == entry_pictures.c.picture)
                .where(entries.c.key.in_(some))
            )
            found.update(
                {
                    EntryKey(row.key): PictureFile(f"{row.hash}.jpg", row.width, row.height, row.size)
                    for row in rows
                }
            )
        return found

    @reading
    def load(self, connection: Connection, name: str) -> bytes | None:
        """Return the content of a file by its name."""
        wanted = select(pictures.c.body).where(pictures.c.hash == name.removesuffix(".jpg"))
        return connection.scalar(wanted) if name.endswith(".jpg") else None


def _keep(connection: Connection, picture: Picture) -> int:
    """Return the number of a picture, which is stored once."""
    known = select(pictures.c.id).where(pictures.c.hash == picture.hash)
    if (number := connection.scalar(known)) is None:
        connection.execute(
            insert_or_ignore(connection, pictures).values(
                hash=picture.hash, width=picture.width, height=picture.height, body=picture.body
            )
        )
        number = connection.scalar(known)
    assert number is not None
    return int(number)
