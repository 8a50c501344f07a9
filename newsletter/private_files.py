"""Files that hold addresses, links of readers or keys: readable by their owner only, from the first byte.

What libraries make takes the umask, so it is set once when the program starts; what we make ourselves says its mode,
and what an earlier version left open is closed when it is used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
