"""A server on 127.0.0.1 that sends exactly the bytes that it is told, also such as no proper server would."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class BadServer:
    """asked are the heads of the requests, as they came; answers, what it gives in turn. url ends in a slash."""

    url: str
    answers: list[bytes]
    asked: list[str] = field(default_factory=list)


def http(status: str, body: bytes = b"", *headers: bytes, length: int | None = None) -> bytes:
    """Return an answer with these headers and a Content-Length, of the body or of one's own choice."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}".encode(), b"Content-Length: %d" % size, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@asynccontextmanager
async def serving(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[BadServer]:
    """Run a server that gives these answers in turn, the last one for ever, and closes after each.

    URL in an answer stands for the server's own address. Under tls its name is localhost.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            answer = bad.answers[min(len(bad.asked), len(bad.answers) - 1)]
            bad.asked.append(head.decode("latin-1"))
            writer.write(answer.replace(b"URL", bad.url.encode()))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    host = "https://localhost" if tls else "http://127.0.0.1"
    bad = BadServer(f"{host}:{server.sockets[0].getsockname()[1]}/", list(answers))
    async with server:
        yield bad
