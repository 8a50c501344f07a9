"""Protocols of what has two implementations; ``wiring`` says who stands behind each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from newsletter.model.sources import USUAL_REQUEST, Fetched, NotModified, RequestOptions, Validators

if TYPE_CHECKING:
    from newsletter.model.mail import Envelope, Silence, SmtpReply
    from newsletter.model.reports import Unreadable


class Clock(Protocol):
    """The one place where ``now`` comes from."""

    def now(self) -> datetime: ...


class Fetcher(Protocol):
    async def fetch(
        self, location: str, known: Validators | None, options: RequestOptions = USUAL_REQUEST
    ) -> Fetched | NotModified:
        """Return the answer of a URL or the bytes of a file; NotModified where it is as it was at ``known``.

        Raises FetchError with the URL and the HTTP status.
        """


class Inbox(Protocol):
    """Where bounces and complaints arrive."""

    set_aside_place: str
    """Where what could not be handled is, in words."""

    def read(self) -> AsyncIterator[tuple[str, bytes | Unreadable]]:
        """Yield each message that is not done, with its name. Raises MailerError."""

    async def finish(self, name: str) -> None:
        """Note that a message is done. Raises MailerError."""

    async def set_aside(self, name: str) -> None:
        """Put a message that cannot be handled where it is not read again. Raises MailerError."""

    async def check(self) -> str:
        """Return one line that says that it can be read. Raises MailerError."""

    async def close(self) -> None: ...


class MailSession(Protocol):
    """A connection on which MAIL and RCPT were accepted. relay is the name of the one that took them."""

    relay: str

    async def data(self, message: bytes) -> SmtpReply | Silence:
        """Send the message and return the relay's answer to it. Never raises for what the network does."""

    async def abandon(self) -> None:
        """Leave without DATA."""


class Mailer(Protocol):
    connections: int
    """How many sessions may be open at once."""

    async def begin(self, envelope: Envelope, only: str = "") -> MailSession | SmtpReply:
        """Open a session for one envelope; the reply where MAIL or RCPT was refused. only names the relay that
        has to be used.

        Raises MailerError where no relay can be used at all (connection, TLS, login, our sender).
        """

    async def warm_up(self, mails: int) -> None:
        """Open sessions for so many mails that will begin soon, as far as that is possible. Raises nothing."""

    async def close(self) -> None: ...


Job = Callable[[int], Coroutine[None, None, bool]]
"""Does a job; is given how often it was handed on. False hands it on: another process may be free for it."""


class WakeUps(Protocol):
    """Lets jobs run later, each in one of the processes that share a database. A job may come late, twice, or again
    where its process died: rows decide what there is to do."""

    async def ring(self, jobs: Iterable[str], after_s: float = 0) -> None:
        """Let each of these jobs run once, so many seconds from now; one that waits or runs already is left as it is.
        Raises StoreError."""

    async def run(self, jobs: Mapping[str, Job], clock: str, stop: asyncio.Event) -> None:
        """Do these jobs as they come, until told to stop and those under way have ended. clock is the job that is rung
        at once and at each full minute, for one of all processes. Raises StoreError."""
