"""I/O: a Maildir behind the same port as a relay, for development, tests and people without a relay.

A file is the message byte for byte, CRLF included.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import time
from pathlib import Path

from newsletter.errors import MailerError
from newsletter.files import FOLDER_MODE, open_private, tighten
from newsletter.model.mail import Envelope, SmtpReply

_numbers = itertools.count(1)
"""Shared by all folders of this process: two files of one second must not have the same name."""


class MaildirMailer:
    """Mailer that files each message under ``folder/new``."""

    connections = 1

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def begin(self, envelope: Envelope, only: str = "") -> MaildirSession:
        """Make the folders. Raises MailerError where that is not possible."""
        try:
            make_maildir(self._folder)
        except OSError as error:
            raise MailerError(
                f"cannot use {self._folder} as a Maildir: {error.strerror}; choose a folder that can be written"
            ) from error
        return MaildirSession(self._folder)

    async def warm_up(self, mails: int) -> None:
        """Nothing is kept open."""

    async def close(self) -> None:
        """Nothing is kept open."""


class MaildirSession:
    """A place for one message."""

    relay = "maildir"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def data(self, message: bytes) -> SmtpReply:
        """File the message; a full disk or another failure is a 452, and leaves no file."""
        try:
            path = await asyncio.to_thread(file_message, self._folder, message)
        except OSError as error:
            return SmtpReply(452, f"4.3.1 {self._folder} cannot store the message: {error.strerror}")
        return SmtpReply(250, f"2.0.0 filed as {path.name}")

    async def abandon(self) -> None:
        """Nothing to undo: the file is written by data."""


def make_maildir(folder: Path) -> None:
    """Make the folder with its three parts where they are missing; close it to others, with what lies in it.

    Raises OSError.
    """
    parts = [folder / part for part in ("tmp", "new", "cur")]
    for path in (folder, *parts):
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if tighten(folder, *parts):
        for part in parts:
            tighten(*part.iterdir())


def file_message(folder: Path, message: bytes) -> Path:
    """Write a message so that it survives a power cut, and return its path. Raises OSError, leaving no file.

    Names sort by the time of filing. Source: https://cr.yp.to/proto/maildir.html
    """
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    host = socket.gethostname().replace("/", "_").replace(":", "_")
    name = f"{seconds}.M{nanoseconds // 1000:06}P{os.getpid()}Q{next(_numbers):06}.{host}"
    begun, filed = folder / "tmp" / name, folder / "new" / name
    try:
        with open(begun, "xb", opener=open_private) as file:
            file.write(message)
            file.flush()
            os.fsync(file.fileno())
        begun.rename(filed)
        _sync_folder(filed.parent)
    except OSError:
        begun.unlink(missing_ok=True)
        filed.unlink(missing_ok=True)
        raise
    return filed


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
