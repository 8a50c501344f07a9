"""A proxy on 127.0.0.1: it answers requests of http: itself, and leads those of https: to one server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class ProxyServer:
    """asked are the heads of the requests, as they came."""

    url: str
    asked: list[str] = field(default_factory=list)


@asynccontextmanager
async def proxying(
    answer: bytes, *, tunnel_to: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ProxyServer]:
    """Run a proxy that gives one answer to all requests, and leads CONNECT to a port of this machine (0: refuses)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            proxy.asked.append(head.decode("latin-1"))
            if head.startswith(b"CONNECT ") and tunnel_to:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await tunnel(reader, writer, tunnel_to)
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    host = "https://localhost" if tls else "http://127.0.0.1"
    proxy = ProxyServer(f"{host}:{server.sockets[0].getsockname()[1]}")
    async with server:
        yield proxy


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)

    async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                sink.write(piece)
                await sink.drain()
        sink.close()

    await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))
