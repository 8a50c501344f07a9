"""Files that somebody else wrote or names: only what is a file is opened, so that reading it comes to an end.

A named pipe or a socket waits for ever for somebody who writes, a device may never end; opening one may already do
something. Where a file should be and none is, an OSError says what there is instead.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

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
