"""Whether this database is the one that sent last, or has fallen behind it.

Each batch of the ledger moves a counter of this machine in the database, in the transaction that records it. Once
that is committed, and before a mail of the batch goes out, the counter is written to a small file outside the
database. So the file is never ahead of a database that kept its commits, whenever a process is killed. One that is
behind its file has lost some: a copy was put back, or a standby took over that lagged. What it calls queued may have
been sent, and so it refuses to send until the operator says what happened.

=================================  ========  ====  ===========================================================
killed                             database  file  then
=================================  ========  ====  ===========================================================
before the file is made            none      none  sends: nobody has sent
before the first commit            none      0     sends
before a commit                    n         n     sends
before the file is written         n + 1     n     sends: no mail of that batch had gone out
after that                         n + 1     n + 1 sends
=================================  ========  ====  ===========================================================

The file keeps the counters of other machines, too, as this one saw them last: a database that lost what they sent is
recognised here. A counter for each, so that what others send later does not make good what this one's lacks. A copy
that ``backup`` made says itself that it is one.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, select, text, update

from newsletter.errors import FellBehindError, StoreError
from newsletter.storage.dialects import insert_or_update
from newsletter.storage.engine import Database, Store, reading, writing
from newsletter.storage.failures import LOCK_PATIENCE_S
from newsletter.storage.tables import settings

_EPOCH = "epoch:"
_COPY = "copy"
_WHAT_TO_DO = (
    "Find out when the last mails went out, then run 'newsletter restored --sent-until TIME' or"
    " 'newsletter restored --nothing-was-sent'"
)
FORGOTTEN = f"this database has lost the record of mails that were sent. {_WHAT_TO_DO}"
"""Why nothing may be sent where the ledger does not know a mail any more that has just gone out."""

# As text, which both engines read alike: it is part of every batch, and need not be composed for each.
_MOVE = text(
    "INSERT INTO settings (key, value) VALUES (:key, '1') ON CONFLICT (key)"
    " DO UPDATE SET value = CAST(CAST(settings.value AS BIGINT) + 1 AS TEXT) RETURNING value"
)
_LOOK_S = 0.005
_MOST_BYTES = 100_000
_LINE = re.compile(r"([0-9a-f]{16}) ([0-9a-f]{16}|\d{20})")


@dataclass(frozen=True, slots=True)
class _State:
    """What a database says: a name of it, the counters of the machines that sent with it, whether it is a copy."""

    name: str
    counters: Mapping[str, int]
    is_copy: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """What the file says: the name of the database, this machine, and the counters that were seen last."""

    name: str
    machine: str
    counters: Mapping[str, int]


class EpochGuard(Store):
    """The counters of one database and their file; without a file (a database in memory) nothing is guarded."""

    def __init__(self, database: Database, file: Path | None) -> None:
        super().__init__(database)
        self._file = None if file is None or database.in_memory else _EpochFile(file)

    async def check(self) -> str:
        """Return why nothing may be sent, empty where this is the database that sent last. Raises StoreError where the
        file cannot be read."""
        if self._file is None:
            return ""
        known, state = await self._look(self._file)
        if known is None and state.counters:  # another process may have made it meanwhile, and sent
            known, state = await self._look(self._file)
        refused = self._judge(state, known)
        if known and not refused and state.counters != known.counters:
            with suppress(StoreError):  # whoever only looks may not be allowed to write; who sends is told
                await asyncio.to_thread(self._file.raise_to, state.counters)
        return refused

    def move(self, connection: Connection) -> dict[str, int]:
        """Move this machine's counter in the transaction of a batch; return what ``keep`` has to write after it.

        Raises FellBehindError where the database is not the one that sent last, StoreError where the file cannot be
        written.
        """
        if self._file is None:
            return {}
        known = self._file.load(to_write=True) or self._begin(self._file, connection)
        counter = _move(connection, known.machine)
        if counter <= known.counters.get(known.machine, 0):
            raise FellBehindError(self._judge(_load_state(connection), known) or self._word_older())
        return {known.machine: counter}

    def keep(self, moved: Mapping[str, int]) -> None:
        """Write what was moved to the file, after its commit; waits for the disk. Raises StoreError."""
        if self._file is not None and moved:
            self._file.raise_to(moved)

    async def accept(self) -> None:
        """Take this database for the newest from now on."""
        if self._file is None:
            return
        known = None
        with suppress(StoreError):  # a damaged file is made anew
            known = await asyncio.to_thread(self._file.load)
        accepted = await self._accept(known)
        await asyncio.to_thread(self._file.make, accepted, anew=True)

    @writing
    def _accept(self, connection: Connection, known: _Known | None) -> _Known:
        """Move this machine's counter beyond all that was seen; return what the file has to say."""
        state = _load_state(connection)
        before = known if known and known.name == state.name else _Known(state.name, _new_machine(), {})
        newest = {
            machine: max(state.counters.get(machine, 0), before.counters.get(machine, 0))
            for machine in {*state.counters, *before.counters, before.machine}
        }
        newest[before.machine] += 1
        connection.execute(
            insert_or_update(connection, settings),
            [{"key": f"{_EPOCH}{machine}", "value": str(newest[machine])} for machine in sorted(newest)],
        )
        connection.execute(update(settings).where(settings.c.key == _COPY).values(value=""))
        return replace(before, counters=newest)

    def _begin(self, file: _EpochFile, connection: Connection) -> _Known:
        """Make the file, where nobody has sent with this database yet; return what it says."""
        state = _load_state(connection)
        known = file.load() if state.counters else None  # another process may have made it meanwhile
        if refused := self._judge(replace(state, counters={}) if known else state, known):
            raise FellBehindError(refused)
        return known or file.make(_Known(state.name, _new_machine(), {}))

    @reading
    def _look(self, connection: Connection, file: _EpochFile) -> tuple[_Known | None, _State]:
        """Read the file and then the database: what the file says was committed before."""
        known = file.load()
        return known, _load_state(connection)

    def _judge(self, state: _State, known: _Known | None) -> str:
        """Decide why nothing may be sent, empty where it may."""
        assert self._file is not None
        path = self._file.path
        if state.is_copy:
            return f"this database was restored from a backup. {_WHAT_TO_DO}"
        if known is None:
            if not any(state.counters.values()):
                return ""
            return f"{path} is missing, so it is unknown whether this database is the newest. {_WHAT_TO_DO}"
        if known.name != state.name:
            return f"{path} belongs to another database that has sent from here. {_WHAT_TO_DO}"
        if any(state.counters.get(machine, 0) < seen for machine, seen in known.counters.items()):
            return self._word_older()
        return ""

    def _word_older(self) -> str:
        assert self._file is not None
        return f"this database is older than the mails that were sent last ({self._file.path}). {_WHAT_TO_DO}"


class _EpochFile:
    """The file beside the database. It only ever moves forward, whoever of this machine's processes writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, *, to_write: bool = False) -> _Known | None:
        """Return what the file says, None where there is none. Raises StoreError where it cannot be read, or with
        to_write could not be written."""
        try:
            with self._locked(os.O_RDWR if to_write else os.O_RDONLY, fcntl.LOCK_SH) as handle:
                return _parse(os.pread(handle, _MOST_BYTES, 0))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            what = "written" if to_write and isinstance(error, OSError) else "read"
            raise StoreError(
                f"{self.path} cannot be {what} ({error}); it prevents mailing anybody twice"
            ) from error

    def raise_to(self, counters: Mapping[str, int]) -> None:
        """Note counters that the database has committed, so that they survive a power cut; none is ever set back."""
        try:
            with self._locked(os.O_RDWR, fcntl.LOCK_EX) as handle:
                known = _parse(os.pread(handle, _MOST_BYTES, 0))
                newest = {**known.counters}
                for machine, counter in counters.items():
                    newest[machine] = max(counter, newest.get(machine, 0))
                # In place and never shorter: a power cut leaves the old ones or the new ones.
                os.pwrite(handle, _print(replace(known, counters=newest)), 0)
                fcntl.flock(handle, fcntl.LOCK_UN)  # the disk is waited for without keeping others waiting
                _sync(handle)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self.path} cannot be written ({error}); nothing is sent without it"
            ) from error

    def make(self, known: _Known, *, anew: bool = False) -> _Known:
        """Make the file, whole and for its owner only; return what it says. One that another process has just made is
        left as it is, but for anew."""
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, _print(known))
                os.fsync(handle)
            finally:
                os.close(handle)
            try:
                if anew:
                    fresh.replace(self.path)
                else:
                    with suppress(FileExistsError):
                        os.link(fresh, self.path)
            finally:
                fresh.unlink(missing_ok=True)
            _flush(self.path.parent)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be written ({error}); nothing is sent without it"
            ) from error
        return self.load() or known

    @contextmanager
    def _locked(self, flags: int, kind: int) -> Iterator[int]:
        """Open the file and lock it. A process that froze in here keeps others waiting, but not for ever."""
        handle = os.open(self.path, flags)
        try:
            deadline = time.monotonic() + LOCK_PATIENCE_S
            while True:
                try:
                    fcntl.flock(handle, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        message = f"{self.path}: another process has locked it for {LOCK_PATIENCE_S} s"
                        raise StoreError(message, is_passing=True) from error
                    time.sleep(_LOOK_S)
            yield handle
        finally:
            os.close(handle)


def _new_machine() -> str:
    return secrets.token_hex(8)


def _move(connection: Connection, machine: str) -> int:
    """Move a machine's counter by one; return where it is now."""
    return int(connection.execute(_MOVE, {"key": f"{_EPOCH}{machine}"}).scalar_one())


def _load_state(connection: Connection) -> _State:
    rows = connection.execute(select(settings.c.key, settings.c.value))
    values: dict[str, str] = {row.key: row.value for row in rows}
    return _State(
        name=hashlib.sha256(b"epoch" + bytes.fromhex(values.get("secret", ""))).hexdigest()[:16],
        counters={
            key.removeprefix(_EPOCH): int(value) for key, value in values.items() if key.startswith(_EPOCH)
        },
        is_copy=bool(values.get(_COPY)),
    )


def _parse(content: bytes) -> _Known:
    """Read the file: the database and this machine in the first line, then a machine and its counter in each. Raises
    ValueError."""
    lines = [_LINE.fullmatch(line) for line in content.decode("ascii").splitlines()]
    found = [line.groups() for line in lines if line is not None]
    if not found or len(found) < len(lines):
        raise ValueError("it is damaged")
    (name, machine), *counters = found
    return _Known(name, machine, {other: int(counter) for other, counter in counters})


def _print(known: _Known) -> bytes:
    lines = [f"{known.name} {known.machine}"]
    lines += [f"{machine} {counter:020}" for machine, counter in sorted(known.counters.items())]
    return "".join(f"{line}\n" for line in lines).encode("ascii")


_sync = getattr(os, "fdatasync", os.fsync)
"""Waits until the disk has what stands in a file, without its times where the system can leave these out."""


def _flush(folder: Path) -> None:
    """Wait until the disk has the folder's list of files."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
