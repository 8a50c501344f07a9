"""The wire: how replies are read, and how commands go out in groups (PIPELINING, RFC 2920).

aiosmtplib connects, says EHLO, secures the connection and logs in, with a reader of replies that forgives more
(SmtpClient). Then the connection is ours alone (SmtpChannel): aiosmtplib knows of one reply at a time, and loses
another that comes with it.

RFC 5321 section 4.3.2 asks clients to go by the first digit, section 4.2.1 to take a code without text. aiosmtplib
waits for exact codes at EHLO, STARTTLS and AUTH, and takes a long reply for none. What is no reply stays none.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import aiosmtplib
from aiosmtplib import (
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from newsletter.model.mail import SmtpReply
from newsletter.text import clean_line

MAX_REPLY_BYTES = 1_000_000
"""Nobody waits for the end of what is longer: the code that it began with counts, and the connection is closed."""
MAX_REPLY_CHARS = 1_000  # RFC 5321 section 4.5.3.1.5 allows 512 a line
_KEPT_BYTES = 32_000  # of one reply; more than any list of extensions

_LINE = re.compile(rb"([0-9]{3})(?![0-9])(-?)(.*)", re.DOTALL)
_GREETING: Mapping[str, int] = {"2": 220}
# The code that aiosmtplib waits for, by command and first digit.
_USUAL: Mapping[bytes, Mapping[str, int]] = {
    b"EHLO": {"2": 250},
    b"HELO": {"2": 250},
    b"STARTTLS": {"2": 220},
    b"AUTH": {"2": 235, "3": 334},
    b"QUIT": {"2": 221},
}


# --- bytes → replies ----------------------------------------------------------------------


class RawReply(NamedTuple):
    """One reply: its code, and its lines without it, as they came but for what cannot be decoded."""

    code: int
    text: str


class ReplyReader:
    """Bytes as they arrive → replies in their order. Knows no connection."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []  # of the reply that has begun
        self._kept_bytes = 0  # in those lines
        self._rest = b""  # the line that has not ended
        self._size = 0  # of the reply that has begun, with that line; what is kept may be less

    def read(self, data: bytes) -> Iterator[RawReply]:
        """Yield the replies that end in these bytes; what has not ended is kept for the next ones.

        Raises SMTPResponseException, after the replies before it, for what is none and for what has no end. Then
        nothing more can be read.
        """
        *ended, rest = (self._rest + data).split(b"\n")
        self._size += len(data)
        for line in ended:
            found = _LINE.match(line)
            if found is None and not self._lines:
                raise _not_a_reply(line)
            self._keep(line)
            if found is not None and not found[2]:
                self._size = len(rest)
                yield self._take_lines(found[1])
        self._rest = rest[:_KEPT_BYTES]
        if self._size > MAX_REPLY_BYTES:
            self._keep(self._rest)
            if begun := _LINE.match(self._lines[0]):
                yield self._take_lines(begun[1])
            raise _not_a_reply(rest)

    def _keep(self, line: bytes) -> None:
        if not self._lines or self._kept_bytes < _KEPT_BYTES:
            self._lines.append(line[:_KEPT_BYTES])
            self._kept_bytes += len(self._lines[-1])

    def _take_lines(self, code: bytes) -> RawReply:
        lines, self._lines, self._kept_bytes = self._lines, [], 0
        texts = [found[3] if (found := _LINE.match(line)) else line for line in lines]
        text = "\n".join(text.strip(b" \t\r\0").decode("utf-8", "replace") for text in texts)
        return RawReply(int(code), text)


def _not_a_reply(line: bytes) -> SMTPResponseException:
    return SMTPResponseException(
        -1, f"this is not an SMTP reply: {clean_line(line[:200].decode('utf-8', 'replace'))}"
    )


@lru_cache(maxsize=256)  # most replies are one of a few
def to_reply(code: int, text: str) -> SmtpReply:
    """Return a reply with its lines as one clean line, short enough for the record."""
    return SmtpReply(code, clean_line(text, MAX_REPLY_CHARS))


# --- until the login ----------------------------------------------------------------------


class SmtpClient(aiosmtplib.SMTP):
    """aiosmtplib's client over a protocol of ours."""

    async def _create_connection(self, timeout: float | None) -> SMTPResponse:  # noqa: ASYNC109 - overrides theirs
        """Connect and read the greeting. Raises as aiosmtplib does; the whole is timed by who calls connect."""
        loop = asyncio.get_running_loop()
        protocol = SmtpReader(loop=loop, connection_lost_callback=self._on_connection_lost)
        context = await self._get_tls_context() if self.use_tls else None
        host, port = self.hostname or "localhost", self.port or 0
        where = f"{host}:{port}"
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, host, port, ssl=context, ssl_handshake_timeout=timeout if context else None
            )
        except OSError as error:
            raise SMTPConnectError(f"cannot connect to {where}: {error}") from error
        self.protocol, self.transport = protocol, transport
        try:
            greeting = await protocol.read_response(timeout=timeout)
        except SMTPServerDisconnected as error:
            raise SMTPConnectError(f"no greeting from {where}: {error}") from error
        if greeting.code != 220:
            raise SMTPConnectResponseError(greeting.code, greeting.message)
        return greeting


class SmtpReader(SMTPProtocol):
    """SMTPProtocol with another reader. What arrives while nobody waits for a reply is left out, as there, and what
    follows a reply at once: in clear before STARTTLS, somebody else may have put it there (RFC 3207 section 4.2)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The greeting comes first."""
        super().connection_made(transport)
        self._usual = _GREETING
        self._replies = ReplyReader()

    def write(self, data: bytes) -> None:
        """Send; a command decides how the reply to it is read."""
        command = data[:16].split(None, 1)[0].upper() if data[:16].strip() else b""
        self._usual = _USUAL.get(command, self._usual)
        super().write(data)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; a reply is complete with its last line."""
        waiter = self._response_waiter
        if waiter is None or not self._response_pending or waiter.done():
            return
        try:
            reply = next(self._replies.read(data), None)
        except SMTPResponseException as error:
            self._set_response_exception(waiter, error)
            return
        if reply is not None:
            self._replies = ReplyReader()
            waiter.set_result(SMTPResponse(self._usual.get(str(reply.code)[0], reply.code), reply.text))


# --- after the login ----------------------------------------------------------------------


class SmtpChannel(asyncio.Protocol):
    """A connection that is logged in. Commands go out in groups, and each gets its own reply, in their order.

    What nobody asked for, a 421 while we are idle above all, ends it, and so does a reply that is none or is late. Of
    the channel's own it writes nothing.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        """Take the connection over from whoever opened it."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._replies = ReplyReader()
        self._awaited: deque[asyncio.Future[SmtpReply]] = deque()
        self._end: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timeout_s = self._deadline = 0.0
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return self._end is None and not self._transport.is_closing()

    def ask(self, *commands: bytes, timeout_s: float) -> list[asyncio.Future[SmtpReply]]:
        """Write commands, or a message, at once; return what their replies will be. Each has to come within timeout_s
        of the one before it, or all that are missing are TimeoutError; where the connection breaks, SMTPException.

        Raises SMTPServerDisconnected, having written nothing, where the channel is closed already.
        """
        if not self.is_open:
            raise SMTPServerDisconnected(str(self._end or "the connection was lost"))
        replies = [self._loop.create_future() for _ in commands]
        self._awaited.extend(replies)
        self._timeout_s = timeout_s
        self._set_deadline()
        self._transport.write(b"".join(commands))
        return replies

    def close(self) -> None:
        """End the connection at once, without letting what is still unsent flow."""
        self._close(SMTPServerDisconnected("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        """Give each reply to who waits for it."""
        try:
            for code, text in self._replies.read(data):
                self._answer(to_reply(code, text))
        except SMTPResponseException as error:
            self._close(SMTPServerDisconnected(error.message))

    def eof_received(self) -> None:
        """The relay has closed the connection; what it has not answered it never will."""
        self._close(SMTPServerDisconnected("the relay closed the connection"))

    def connection_lost(self, error: Exception | None) -> None:
        """The connection broke, or we have closed it."""
        self._close(SMTPServerDisconnected(f"the connection was lost{f': {error}' if error else ''}"))

    def _answer(self, reply: SmtpReply) -> None:
        if not self._awaited:
            self._close(SMTPServerDisconnected(f"the relay said {reply}"))
            return
        waiter = self._awaited.popleft()
        if not waiter.done():  # else who waited was cancelled
            waiter.set_result(reply)
        if self._awaited:
            self._set_deadline()

    def _set_deadline(self) -> None:
        """Give the next reply its time. One timer serves the connection: it looks again where replies came meanwhile,
        and is set anew where it would come too late."""
        self._deadline = self._loop.time() + self._timeout_s
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        if not self._awaited:
            return  # the next command sets it
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock)
        else:
            self._close(TimeoutError())

    def _close(self, why: Exception) -> None:
        """End the connection, and all waiting for replies."""
        if self._end is not None:
            return
        self._end = why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._awaited:
            waiter = self._awaited.popleft()
            if not waiter.done():
                waiter.set_exception(why)
                waiter.exception()  # nobody may ask any more
        self._transport.abort()
