"""A server that answers each message after a while: python -m benchmarks.slow_server PORT_FILE DELAY_MS [CERTIFICATE].

With a certificate (and its key, in one file) it speaks TLS from the start. It takes commands that come together.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

_END = b"\r\n.\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._buffer = bytearray()
        self._in_message = False
        self._searched = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 slow\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._take_message() if self._in_message else self._take_command():
            pass

    def _take_message(self) -> bool:
        end = self._buffer.find(_END, max(0, self._searched - len(_END)))
        if end < 0:
            self._searched = len(self._buffer)
            return False
        del self._buffer[: end + len(_END)]
        self._in_message, self._searched = False, 0
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, b"250 taken\r\n")
        else:
            self._transport.write(b"250 taken\r\n")
        return True

    def _take_command(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        command = bytes(self._buffer[:end]).upper()
        del self._buffer[: end + 2]
        if command == b"DATA":
            self._in_message = True
            self._transport.write(b"354 go\r\n")
        elif command == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 ok\r\n")
        return True


async def _run(tell: Callable[[str], object], delay_s: float, tls: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(delay_s), "127.0.0.1", 0, ssl=tls)
    tell(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


def _load_tls(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


if __name__ == "__main__":
    tls = _load_tls(sys.argv[3]) if len(sys.argv) > 3 else None
    asyncio.run(_run(Path(sys.argv[1]).write_text, int(sys.argv[2]) / 1000, tls))
