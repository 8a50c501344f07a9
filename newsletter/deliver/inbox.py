"""I/O: where bounces and complaints arrive: a Maildir on this machine, or a mailbox over IMAP.

A message is taken as the bytes that arrived, never parsed and written anew, and of a huge one the first megabyte. What
cannot be read is a value like any other (``Unreadable``), so that the messages behind it are reached. A message that
cannot be handled is set aside: in a Maildir in its folder ``.set-aside`` (Maildir++, so mail programs show it), over
IMAP in a folder ``set-aside`` below the one that is read, and marked there as seen; where the server refuses that
folder the message stays and is flagged.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import imaplib
import os
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from imap_tools import AND, BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted, MailMessageFlags
from imap_tools.errors import ImapToolsError

from newsletter.deliver.oauth import AccessTokens
from newsletter.errors import LoginError, MailerError
from newsletter.files import NotRegularError, read_regular
from newsletter.model.reports import Unreadable

if TYPE_CHECKING:
    from newsletter.model.servers import ImapConfig

MOST_BYTES = 1 << 20
"""So much of a message is read; what reports say stands at their beginning."""
SET_ASIDE = "set-aside"
_SEEN = ":2,S"
_LONGEST_NAME = 255
_TIMEOUT_S = 60
_CALL_DEADLINE_S = 300
"""A server that says something now and then, but never what was asked, is given up after so long."""
_T = TypeVar("_T")


class MaildirInbox:
    """The messages in ``folder/new``. One that is done moves to ``cur`` with the mark S (seen)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.set_aside_place = str(folder / f".{SET_ASIDE}")

    async def read(self) -> AsyncIterator[tuple[str, bytes | Unreadable]]:
        """Yield each new message with its name, in the order of the names. Raises MailerError."""
        try:
            names = await _in_thread(lambda: sorted(path.name for path in (self._folder / "new").iterdir()))
        except OSError as error:
            raise MailerError(f"cannot read the Maildir {self._folder}: {error.strerror}") from error
        for name in names:
            try:
                message = await _in_thread(partial(_read_file, self._folder / "new" / name))
            except FileNotFoundError:
                continue  # somebody else has taken it
            except OSError as error:
                yield name, Unreadable(f"cannot be read: {error.strerror}")
                continue
            if message is not None:
                yield name, message

    async def finish(self, name: str) -> None:
        """Note that a message is done. Raises MailerError where the Maildir cannot be written."""
        await self._move(name, self._folder, "cur", _SEEN)

    async def set_aside(self, name: str) -> None:
        """Put a message where it is not read again. Raises MailerError where the Maildir cannot be written."""
        await self._move(name, self._folder / f".{SET_ASIDE}", "new", "")

    async def check(self) -> str:
        """Return one line that says that the Maildir can be read. Raises MailerError."""
        async for _ in self.read():
            break
        return f"Maildir {self._folder}: readable"

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _move(self, name: str, maildir: Path, below: str, mark: str) -> None:
        def move() -> None:
            # Not make_maildir: the folder belongs to the mail server, and its modes are none of our business.
            for part in ("tmp", "new", "cur"):
                (maildir / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # somebody else has taken it
                (self._folder / "new" / name).rename(maildir / below / _fit_name(name, mark))

        try:
            await _in_thread(move)
        except OSError as error:
            raise MailerError(
                f"cannot move read messages out of {self._folder / 'new'}: {error.strerror};"
                " make the Maildir writable for this user"
            ) from error


def _read_file(path: Path) -> bytes | None:
    """Return the beginning of a file, None for what is none: a folder, a pipe, a link to nothing."""
    try:
        return read_regular(path, MOST_BYTES)
    except NotRegularError:
        return None


def _fit_name(name: str, mark: str) -> str:
    """Return the name with a mark; another one where a file system would not take it, because it is too long."""
    if len(os.fsencode(name + mark)) <= _LONGEST_NAME:
        return name + mark
    return hashlib.sha256(os.fsencode(name)).hexdigest() + mark


class ImapInbox:
    """The unseen messages of one folder. One that is done is marked as seen, and stays."""

    def __init__(self, config: ImapConfig) -> None:
        self._config = config
        self._tokens = AccessTokens(config.oauth) if config.oauth else None
        self._mailbox: BaseMailBox | None = None
        self.set_aside_place = f"the folder {SET_ASIDE} of mailbox {config}, or flagged"

    async def read(self) -> AsyncIterator[tuple[str, bytes | Unreadable]]:
        """Yield each unseen message with its UID, the oldest first. Raises MailerError."""
        for uid in await self._call(lambda mailbox: mailbox.uids(AND(seen=False))):
            if uid.isdigit():
                yield uid, await self._fetch(uid)

    async def finish(self, name: str) -> None:
        """Mark a message as seen. Raises MailerError."""
        await self._call(partial(_mark, uid=name, flag=MailMessageFlags.SEEN))

    async def set_aside(self, name: str) -> None:
        """Copy a message into a folder of its own, or flag it, and mark it as seen. Raises MailerError."""
        await self._call(partial(_set_aside, uid=name, folder=self._config.folder))

    async def check(self) -> str:
        """Log in and open the folder; return one line that says so. Raises MailerError."""
        await self._call(lambda mailbox: mailbox.client.noop())
        return f"mailbox {self._config}: logged in as {self._config.username}, folder {self._config.folder}"

    async def close(self) -> None:
        """Log out."""
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            with contextlib.suppress(OSError, ImapToolsError, imaplib.IMAP4.error):
                await _in_thread(mailbox.logout)

    async def _fetch(self, uid: str) -> bytes | Unreadable:
        """Return a message. One that breaks the connection twice is unreadable, if the server still takes a login."""
        said = ""
        for _ in range(2):
            try:
                return _choose_body(await self._call(partial(_ask, uid=uid)), uid)
            except MailerError as error:
                if not error.is_passing:
                    return Unreadable(str(error))
                said = str(error)
        await self._call(lambda mailbox: mailbox.client.noop())
        return Unreadable(said)

    def _open(self, token: str) -> BaseMailBox:
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
            try:
                if token:
                    mailbox.xoauth2(config.username, token, initial_folder=None)
                else:
                    mailbox.login(config.username, config.password, initial_folder=None)
            except (ImapToolsError, imaplib.IMAP4.error) as error:
                if self._tokens:
                    self._tokens.forget(token)  # it may have been revoked; the next look brings another
                raise LoginError(
                    f"{self._word(error)}; check bounces.imap, and that the account may log in over IMAP"
                ) from error
            mailbox.folder.set(config.folder)
            self._mailbox = mailbox
        return self._mailbox

    async def _call(self, act: Callable[[BaseMailBox], _T]) -> _T:
        """Do something with the mailbox, which is opened for it if need be.

        Raises MailerError; a passing one where the connection is lost, so that the next call opens another.
        """
        token = await self._tokens.get() if self._tokens and self._mailbox is None else ""
        try:
            async with asyncio.timeout(_CALL_DEADLINE_S):
                return await _in_thread(lambda: act(self._open(token)))
        except LoginError:
            raise
        except imaplib.IMAP4.readonly as error:
            self._drop()
            raise MailerError(
                f"{self._word(error)}; allow its login to write, or use another bounces.imap"
            ) from error
        except (OSError, imaplib.IMAP4.abort) as error:
            self._drop()
            raise MailerError(self._word(error), is_passing=True) from error
        except (ImapToolsError, imaplib.IMAP4.error) as error:
            raise MailerError(f"{self._word(error)}; check bounces.imap") from error
        except Exception as error:  # the libraries have ways to fail on odd answers that nobody has listed
            self._drop()
            raise MailerError(self._word(error)) from error
        except asyncio.CancelledError:
            self._drop()
            raise

    def _word(self, error: Exception) -> str:
        return f"mailbox {self._config}: {error or type(error).__name__}"

    def _drop(self) -> None:
        """Let go of the connection; a thread that waits for the server ends."""
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            with contextlib.suppress(OSError):
                mailbox.client.sock.shutdown(socket.SHUT_RDWR)


def _ask(mailbox: BaseMailBox, uid: str) -> Sequence[Any]:
    """Ask for the bytes of a message as they arrived, without marking it as seen (RFC 3501 section 6.4.5)."""
    said, data = mailbox.client.uid("FETCH", uid, f"(UID BODY.PEEK[]<0.{MOST_BYTES}>)")
    if said != "OK":
        raise imaplib.IMAP4.error(f"the server answered FETCH with {said} {data}")
    return data


def _choose_body(data: Sequence[Any], uid: str) -> bytes | Unreadable:
    """Return the bytes of one message out of what a server sent: pairs of a head and a text, and what is between."""
    for place, part in enumerate(data):
        if not isinstance(part, tuple) or b"BODY[]" not in part[0].upper():
            continue
        rest = data[place + 1] if place + 1 < len(data) and isinstance(data[place + 1], bytes) else b""
        named = re.search(rb"\bUID (\d+)", part[0].upper() + b" " + rest.upper())
        if named is None or named[1].decode() == uid:
            return bytes(part[1][:MOST_BYTES])
    return Unreadable("the server sent no content for it")


def _mark(mailbox: BaseMailBox, uid: str, flag: str) -> None:
    """Set a flag. Not by the library's own function: that also expunges what others have marked as deleted."""
    said, data = mailbox.client.uid("STORE", uid, "+FLAGS", f"({flag})")
    if said != "OK":
        raise imaplib.IMAP4.error(f"the server answered STORE with {said} {data}")


def _set_aside(mailbox: BaseMailBox, uid: str, folder: str) -> None:
    try:
        place = f"{folder}{_find_delimiter(mailbox)}{SET_ASIDE}"
        with contextlib.suppress(ImapToolsError):  # it is there already, or COPY says that it is not
            mailbox.folder.create(place)
        mailbox.copy(uid, place)
    except (ImapToolsError, imaplib.IMAP4.error):
        with contextlib.suppress(imaplib.IMAP4.error):  # what counts is that it is not read again
            _mark(mailbox, uid, MailMessageFlags.FLAGGED)
    _mark(mailbox, uid, MailMessageFlags.SEEN)


def _find_delimiter(mailbox: BaseMailBox) -> str:
    """Return what divides the names of folders here (RFC 3501 section 6.3.8)."""
    _, lines = mailbox.client.list('""', '""')
    found = re.search(rb'\) "\\?(.)"', b" ".join(line for line in lines if isinstance(line, bytes)))
    return found[1].decode("ascii", "replace") if found else "-"


async def _in_thread(act: Callable[[], _T]) -> _T:
    """Do what may block in a thread that nobody waits for when the process ends, as asyncio's own are waited for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def tell(result: _T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = act()
        except Exception as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=work, name="inbox", daemon=True).start()
    return await done
