"""Files that hold what is private, and files that somebody else wrote or names.

What holds addresses, links of readers or keys is readable by its owner only, from the first byte. What libraries make
takes the umask, so it is set once when the program starts; what we make ourselves says its mode, and what an earlier
version left open is closed when it is used.

Of what others name only a file is opened, so that reading it comes to an end: a named pipe or a socket waits for ever
for somebody who writes, a device may never end, and opening one may already do something. Where a file should be and
none is, an OSError says what there is instead.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_OF_OTHERS = 0o077

_umask_at_start: int | None = None


def keep_private() -> None:
    """Let nobody else read what this process and its children make from now on."""
    global _umask_at_start
    _umask_at_start = os.umask(_OF_OTHERS)


@contextmanager
def as_the_operator_is_used_to() -> Iterator[None]:
    """Make files with the umask that the program was started with: those that hold nothing private, as templates."""
    if _umask_at_start is None:
        yield
        return
    before = os.umask(_umask_at_start)
    try:
        yield
    finally:
        os.umask(before)


def create_private(path: Path) -> None:
    """Make an empty file where there is none. Raises OSError, FileExistsError too."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))


def write_private(path: Path, content: bytes) -> None:
    """Write a file, over an earlier one too. Raises OSError."""
    with open(path, "wb", opener=open_private) as file:
        tighten(path)
        file.write(content)


def open_private(path: str, flags: int) -> int:
    """Open a file as ``open`` does (its opener), with our mode where it is made."""
    return os.open(path, flags, FILE_MODE)


def tighten(*paths: Path) -> bool:
    """Take the rights of others from files and folders that are there and ours; return whether any had some.

    What is no file or folder (a terminal, a pipe) and what belongs to somebody else stays as it is: find_open tells.
    """
    found = False
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            is_ours = status.st_uid == os.geteuid()
            if is_ours and _is_kept(status.st_mode) and status.st_mode & _OF_OTHERS:
                path.chmod(stat.S_IMODE(status.st_mode) & ~_OF_OTHERS)
                found = True
    return found


def find_open(paths: Iterable[Path]) -> list[tuple[Path, int]]:
    """Return those of the paths that others may use, with the mode."""
    found = []
    for path in paths:
        with suppress(OSError):
            mode = path.stat().st_mode
            if _is_kept(mode) and mode & _OF_OTHERS:
                found.append((path, stat.S_IMODE(mode)))
    return found


def _is_kept(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NotRegularError(OSError):
    """There is something else in the place of a file. strerror says what."""


def read_regular(path: Path, most_bytes: int = -1) -> bytes:
    """Return what a file holds, or its beginning. Raises OSError, NotRegularError for what is no file."""
    with open_regular(path) as file:
        return file.read(most_bytes)


def open_regular(path: Path) -> BinaryIO:
    """Return a file, open for reading. Raises OSError, NotRegularError for what is no file, which is not opened."""
    _check(path, path.stat().st_mode)
    # What takes the file's place meanwhile must not hold us up either.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    try:
        _check(path, os.fstat(file.fileno()).st_mode)
    except NotRegularError:
        file.close()
        raise
    return file


def _check(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    what = next((words for is_kind, words in _KINDS if is_kind(mode)), "something else")
    number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
    raise NotRegularError(number, f"it is {what}, not a file", str(path))
