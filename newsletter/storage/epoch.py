"""Whether this database is the one that sent last, or an older copy of it.

Each claim of mails moves a counter, in the database and in a small file beside it. A database whose counter is
behind the file's was restored: what it calls queued may have been sent since. It refuses to send until the operator
says what happened. A copy that ``backup`` made says itself that it is one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from sqlalchemy import Connection, select, update

from newsletter.errors import StoreError
from newsletter.storage.engine import Database, insert_or_update
from newsletter.storage.tables import settings

_EPOCH = "epoch"
_COPY = "copy"
_WHAT_TO_DO = (
    "Look when the last mails went out, then say 'newsletter restored --sent-until WHEN', or"
    " 'newsletter restored --nothing-was-sent'"
)


class EpochGuard:
    """The counter of one database and its file; without a file (a database in memory) nothing is guarded."""

    def __init__(self, database: Database, file: Path | None) -> None:
        self._database = database
        self._file = None if database.in_memory else file

    async def check(self) -> str:
        """Return why nothing may be sent, empty where this is the database that sent last."""
        if self._file is None:
            return ""
        async with self._database.read() as connection:
            name, epoch, is_copy = await connection.run_sync(_load)
        if is_copy:
            return f"this database is a backup copy that was put back. {_WHAT_TO_DO}"
        known = _read(self._file)
        if known is None:
            if epoch == 0:
                return ""
            return f"{self._file} is missing, so nobody can say whether this database is the newest. {_WHAT_TO_DO}"
        if known[0] != name:
            return f"{self._file} belongs to another database, which has sent from here. {_WHAT_TO_DO}"
        if epoch < known[1]:
            return f"this database is older than the mails that were sent last ({self._file}). {_WHAT_TO_DO}"
        return ""

    async def advance(self) -> None:
        """Move the counter on, before mails of a claim go out. Raises StoreError where the file cannot be written."""
        if self._file is None:
            return

        def work(connection: Connection) -> tuple[str, int]:
            name, epoch, _ = _load(connection)
            connection.execute(
                insert_or_update(connection, settings).values(key=_EPOCH, value=str(epoch + 1))
            )
            return name, epoch + 1

        _write(self._file, *await self._database.transact(work))

    async def accept(self) -> None:
        """Take this database for the newest from now on."""
        if self._file is None:
            return
        known = _read(self._file)
        behind = known[1] if known else 0

        def work(connection: Connection) -> tuple[str, int]:
            name, epoch, _ = _load(connection)
            newest = max(epoch, behind) + 1
            connection.execute(insert_or_update(connection, settings).values(key=_EPOCH, value=str(newest)))
            connection.execute(update(settings).where(settings.c.key == _COPY).values(value=""))
            return name, newest

        name, epoch = await self._database.transact(work)
        self._file.unlink(missing_ok=True)
        _write(self._file, name, epoch)


def _load(connection: Connection) -> tuple[str, int, bool]:
    """Return a name of the database, its counter, and whether it is a copy."""
    rows = connection.execute(select(settings.c.key, settings.c.value))
    values: dict[str, str] = {row.key: row.value for row in rows}
    name = hashlib.sha256(b"epoch" + bytes.fromhex(values.get("secret", ""))).hexdigest()[:16]
    return name, int(values.get(_EPOCH, "0")), bool(values.get(_COPY))


def _read(file: Path) -> tuple[str, int] | None:
    try:
        name, _, epoch = file.read_text(encoding="ascii").strip().partition(" ")
        return name, int(epoch)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{file} cannot be read ({error}); it guards against mailing anybody twice"
        ) from error


def _write(file: Path, name: str, epoch: int) -> None:
    """Write the counter so that it survives a power cut; two processes never set it back."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            known, _, written = os.read(handle, 200).decode("ascii", "replace").strip().partition(" ")
            if known == name and written.isdigit() and int(written) >= epoch:
                return
            # Of one length always, and in place: a power cut leaves the old one or the new one.
            os.pwrite(handle, f"{name} {epoch:020}\n".encode(), 0)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}; nothing is sent without it") from error
