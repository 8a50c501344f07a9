"""How a reply is read from the wire: aiosmtplib's client, with a reader of replies that forgives more.

RFC 5321 section 4.3.2 asks clients to go by the first digit, section 4.2.1 to take a code without text. aiosmtplib
waits for exact codes at EHLO, STARTTLS, AUTH and RSET, and takes a long reply for none. What is no reply stays none.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import aiosmtplib
from aiosmtplib import (
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

MAX_REPLY_BYTES = 1_000_000
"""Nobody waits for the end of what is longer: the code that it began with counts, and the connection is closed."""
_MAX_TEXT_BYTES = 64_000  # more than any list of extensions

_LINE = re.compile(rb"([0-9]{3})(?![0-9])(-?)(.*)", re.DOTALL)
_GREETING: Mapping[str, int] = {"2": 220}
# The code that aiosmtplib waits for, by command and first digit. MAIL, RCPT and DATA are ours: theirs stay as they are.
_USUAL: Mapping[bytes, Mapping[str, int]] = {
    b"EHLO": {"2": 250},
    b"HELO": {"2": 250},
    b"STARTTLS": {"2": 220},
    b"AUTH": {"2": 235, "3": 334},
    b"RSET": {"2": 250},
    b"QUIT": {"2": 221},
}
_OURS: Mapping[str, int] = {}


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
    """SMTPProtocol with another reader. What arrives while nobody waits for a reply is left out, as there."""

    _usual = _GREETING
    _line_start = 0  # of the last line in the buffer, which has not ended yet

    def write(self, data: bytes) -> None:
        """Send; a command decides how the reply to it is read."""
        command = data[:16].split(None, 1)[0].upper() if data[:16].strip() else b""
        if command in _USUAL:
            self._usual = _USUAL[command]
        elif command in (b"MAIL", b"RCPT", b"DATA"):
            self._usual = _OURS
        super().write(data)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; a reply is complete with its last line."""
        waiter = self._response_waiter
        if waiter is None or not self._response_pending or waiter.done():
            return
        self._buffer.extend(data)
        try:
            reply = self._find_reply()
        except SMTPResponseException as error:
            self._clear()
            self._set_response_exception(waiter, error)
            return
        if reply is not None:
            self._clear()
            waiter.set_result(reply)

    def _find_reply(self) -> SMTPResponse | None:
        """Return the reply in the buffer, None where it goes on. Raises SMTPResponseException for what is none."""
        while (end := self._buffer.find(b"\n", self._line_start)) >= 0:
            line = _LINE.match(bytes(self._buffer[self._line_start : end]))
            if line is None and self._line_start == 0:
                break
            self._line_start = end + 1
            if line is not None and not line[2]:
                return self._build(line[1])
        begins = _LINE.match(bytes(self._buffer[:64]))
        if begins is None and (end >= 0 or len(self._buffer) > MAX_REPLY_BYTES):
            said = bytes(self._buffer[:200]).decode("utf-8", "replace")
            raise SMTPResponseException(-1, f"this is not an SMTP reply: {said}")
        if begins is not None and len(self._buffer) > MAX_REPLY_BYTES:
            reply = self._build(begins[1])
            if isinstance(self.transport, asyncio.WriteTransport):
                self.transport.abort()
            return reply
        return None

    def _build(self, code: bytes) -> SMTPResponse:
        lines = bytes(self._buffer[:_MAX_TEXT_BYTES]).split(b"\n")
        texts = [
            (found[3] if (found := _LINE.match(line)) else line).strip(b" \t\r\0").decode("utf-8", "replace")
            for line in lines[: -1 if lines[-1] == b"" else None]
        ]
        number = int(code)
        return SMTPResponse(self._usual.get(code[:1].decode(), number), "\n".join(texts))

    def _clear(self) -> None:
        self._buffer.clear()
        self._line_start = 0
