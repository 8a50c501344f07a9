"""I/O: where mail about our mail arrives: a Maildir on this machine, or a mailbox over IMAP."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessageFlags
from imap_tools.errors import ImapToolsError

from newsletter.errors import MailerError

_AT_ONCE = 50
_TIMEOUT_S = 60
_T = TypeVar("_T")


class MaildirInbox:
    """The messages in ``folder/new``. One that is done moves to ``cur`` with the mark S (seen)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield each new message with its name, the oldest first. Raises MailerError."""
        try:
            names = sorted(path.name for path in (self._folder / "new").iterdir() if path.is_file())
            (self._folder / "cur").mkdir(exist_ok=True)
        except OSError as error:
            raise MailerError(f"cannot read the Maildir {self._folder}: {error.strerror}") from error
        for name in names:
            try:
                yield name, await asyncio.to_thread((self._folder / "new" / name).read_bytes)
            except FileNotFoundError:
                continue  # somebody else has taken it
            except OSError as error:
                raise MailerError(f"cannot read {self._folder / 'new' / name}: {error.strerror}") from error

    async def finish(self, name: str) -> None:
        """Note that a message is done."""
        begun = self._folder / "new" / name
        if begun.exists():
            begun.rename(self._folder / "cur" / f"{name}:2,S")

    async def close(self) -> None:
        """Nothing is kept open."""


@dataclass(frozen=True, slots=True)
class ImapConfig:
    """How to reach a mailbox. "none" is for this machine only."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ImapInbox:
    """The unseen messages of one folder. One that is done is marked as seen, and stays."""

    def __init__(self, config: ImapConfig) -> None:
        self._config = config
        self._mailbox: BaseMailBox | None = None

    async def read(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield each unseen message with its UID, the oldest first. Raises MailerError."""
        mailbox = await self._call(self._open)
        uids = await self._call(lambda: mailbox.uids(AND(seen=False)))
        for start in range(0, len(uids), _AT_ONCE):
            some = ",".join(uids[start : start + _AT_ONCE])
            found = await self._call(partial(_fetch, mailbox, some))
            for uid, message in found:
                yield uid, message

    async def finish(self, name: str) -> None:
        """Mark a message as seen."""
        mailbox = await self._call(self._open)
        await self._call(lambda: mailbox.flag(name, MailMessageFlags.SEEN, True))

    async def close(self) -> None:
        """Log out."""
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            with contextlib.suppress(OSError, ImapToolsError, imaplib.IMAP4.error):
                await asyncio.to_thread(mailbox.logout)

    def _open(self) -> BaseMailBox:
        if self._mailbox is None:
            config = self._config
            if config.security == "tls":
                mailbox: BaseMailBox = MailBox(
                    config.host, config.port, timeout=_TIMEOUT_S, ssl_context=ssl.create_default_context()
                )
            elif config.security == "starttls":
                mailbox = MailBoxStartTls(
                    config.host, config.port, timeout=_TIMEOUT_S, ssl_context=ssl.create_default_context()
                )
            else:
                mailbox = MailBoxUnencrypted(config.host, config.port, timeout=_TIMEOUT_S)
            mailbox.login(config.username, config.password, initial_folder=config.folder)
            self._mailbox = mailbox
        return self._mailbox

    async def _call(self, act: Callable[[], _T]) -> _T:
        try:
            return await asyncio.to_thread(act)
        except (OSError, ImapToolsError, imaplib.IMAP4.error) as error:
            raise MailerError(f"mailbox {self._config}: {error}; check bounces.imap") from error


def _fetch(mailbox: BaseMailBox, uids: str) -> list[tuple[str, bytes]]:
    messages = mailbox.fetch(AND(uid=uids), mark_seen=False, bulk=True)
    return [(one.uid or "", one.obj.as_bytes()) for one in messages]
