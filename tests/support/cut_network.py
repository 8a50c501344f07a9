"""A network that can be cut, between a process and a server that listens on a socket of this machine."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class CutNetwork:
    """A way to the server that can be cut: nothing is said any more, and nobody is told that."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._is_open = asyncio.Event()
        self._is_open.set()
        self.port = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def cut(self) -> None:
        self._is_open.clear()

    def mend(self) -> None:
        self._is_open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            up, down = await asyncio.open_unix_connection(self._socket_path)
            await asyncio.wait(
                [
                    asyncio.create_task(self._pass_on(reader, down)),
                    asyncio.create_task(self._pass_on(up, writer)),
                ]
            )

    async def _pass_on(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._is_open.wait()
                to.write(data)
                await to.drain()
        to.close()
