"""A prototype of an SMTP session with pipelining (RFC 2920): the end of one message and the next envelope in one write.

It shows what such a session would give. It is no part of the product: it knows no retries and no ledger.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import NamedTuple


class Mail(NamedTuple):
    """A message with CRLF line ends, and its envelope."""

    sender: str
    recipient: str
    message: bytes


class Session:
    """One connection. Every status is checked; a refused recipient costs only that mail."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None = None) -> Session:
        """Connect, over TLS from the start where a context is given. Raises OSError, ConnectionError."""
        session = cls(*await asyncio.open_connection(host, port, ssl=tls, limit=1 << 20))
        await session._expect(220)
        session._writer.write(b"EHLO localhost\r\n")
        await session._expect(250)
        return session

    async def send(self, mails: Sequence[Mail]) -> list[int]:
        """Send the mails one after the other; return the code that ended each."""
        codes = []
        for place, mail in enumerate(mails):
            if place == 0:
                self._writer.write(_envelope(mail))
            codes.append(await self._send_one(mail, mails[place + 1] if place + 1 < len(mails) else None))
        return codes

    async def close(self) -> None:
        self._writer.write(b"QUIT\r\n")
        self._writer.close()

    async def _send_one(self, mail: Mail, following: Mail | None) -> int:
        sender, recipient, data = [await self._code() for _ in range(3)]
        refused = next((code for code in (sender, recipient) if code != 250), 0)
        ahead = _envelope(following) if following else b""
        if data != 354:
            self._writer.write(b"RSET\r\n")
            await self._expect(250)
            self._writer.write(ahead)
            return refused or data
        if refused:
            # RFC 2920 section 3.1: a server may say 354 though it took nobody; an empty message ends that.
            self._writer.write(b".\r\n" + ahead)
            await self._code()
            return refused
        message = mail.message
        if b"\n." in message:
            message = message.replace(b"\n.", b"\n..")
        self._writer.write(message + b".\r\n" + ahead)
        await self._writer.drain()
        return await self._code()

    async def _expect(self, wanted: int) -> None:
        code = await self._code()
        if code != wanted:
            raise ConnectionError(f"the server said {code} where {wanted} was expected")

    async def _code(self) -> int:
        while True:
            line = await self._reader.readuntil(b"\n")
            if line[3:4] != b"-":
                return int(line[:3])


def _envelope(mail: Mail) -> bytes:
    return f"MAIL FROM:<{mail.sender}>\r\nRCPT TO:<{mail.recipient}>\r\nDATA\r\n".encode()


async def send_all(
    mails: Sequence[Mail], port: int, connections: int, tls: ssl.SSLContext | None = None
) -> list[int]:
    """Send mails over so many connections to this machine; return the code of each, in their order."""
    sessions = [await Session.open("127.0.0.1", port, tls) for _ in range(connections)]
    parts = await asyncio.gather(
        *(session.send(mails[place::connections]) for place, session in enumerate(sessions))
    )
    await asyncio.gather(*(session.close() for session in sessions))
    codes = [0] * len(mails)
    for place, part in enumerate(parts):
        codes[place::connections] = part
    return codes
