"""A server that answers each message after a while: python -m benchmarks.slow_server PORT_FILE DELAY_MS."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path


class _Connection(asyncio.Protocol):
    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._buffer = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 slow\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._in_message:
            if self._buffer.endswith(b"\r\n.\r\n"):
                self._buffer, self._in_message = b"", False
                asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, b"250 taken\r\n")
            return
        while b"\r\n" in self._buffer and not self._in_message:
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            if line.upper() == b"DATA":
                self._in_message = True
                self._transport.write(b"354 go\r\n")
            elif line.upper() == b"QUIT":
                self._transport.write(b"221 bye\r\n")
                self._transport.close()
            else:
                self._transport.write(b"250 ok\r\n")


async def _run(tell: Callable[[str], object], delay_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(delay_s), "127.0.0.1", 0)
    tell(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]).write_text, int(sys.argv[2]) / 1000))
