"""Requests as they come from the network: bytes in the path and in the headers that no client library would send."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.datastructures import Headers
from starlette.types import ASGIApp

Field = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. target is what stands in its first line; is_cut: the client goes away before the body's end.

    client is the address that it comes from, None for a Unix socket.
    """

    method: str
    target: bytes
    headers: tuple[Field, ...] = ()
    body: bytes = b""
    is_cut: bool = False
    client: str | None = "127.0.0.1"

    @property
    def path(self) -> str:
        return unquote(self.target.partition(b"?")[0].decode("ascii", "replace"))


@dataclass(frozen=True, slots=True)
class Got:
    """What was answered. status is 0 where nothing was; error is what the application raised, "" for nothing."""

    status: int
    fields: tuple[Field, ...]
    body: bytes
    error: str = ""

    @property
    def headers(self) -> Headers:
        return Headers(raw=list(self.fields))

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def is_html(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/html")


async def ask(app: ASGIApp, sent: Sent) -> Got:
    """Give a request to the application as uvicorn does; return what it answers."""
    raw_path, _, query = sent.target.partition(b"?")
    headers = [(name.lower(), value) for name, value in sent.headers]
    if sent.body and not {b"content-length", b"transfer-encoding"} & {name for name, _ in headers}:
        headers.append((b"transfer-encoding", b"chunked"))  # there would be no body without one of them
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8080),
        "client": (sent.client, 50_000) if sent.client else None,
        "scheme": "http",
        "method": sent.method,
        "root_path": "",
        "path": sent.path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "state": {},
    }
    waiting = [{"type": "http.request", "body": sent.body, "more_body": sent.is_cut}]
    has_answer = asyncio.Event()
    answered: list[Mapping[str, Any]] = []

    async def receive() -> Mapping[str, Any]:
        if waiting:
            return waiting.pop(0)
        if not sent.is_cut:
            await has_answer.wait()  # who sent all of a request waits for the answer
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        # The lists of a response are its own: what is done to one answer must not be seen in another.
        answered.append({**message, "headers": tuple(message.get("headers", ()))})
        if message["type"] == "http.response.body" and not message.get("more_body"):
            has_answer.set()

    error = ""
    try:
        await app(scope, receive, send)  # type: ignore[arg-type]
    except Exception:  # the very thing that is looked for
        error = traceback.format_exc()
    starts = [message for message in answered if message["type"] == "http.response.start"]
    body = b"".join(message.get("body", b"") for message in answered)
    status, fields = (starts[0]["status"], starts[0]["headers"]) if len(starts) == 1 else (0, ())
    return Got(status, fields, body, error)


def with_host(host: str, *others: Field) -> tuple[Field, ...]:
    """Return headers with that host first."""
    return ((b"host", host.encode()), *others)


def write_form(fields: Sequence[tuple[str, str]], boundary: str = "") -> tuple[bytes, bytes]:
    """Return a form as its content type and its body: as multipart with a boundary, urlencoded without one."""
    if not boundary:
        return b"application/x-www-form-urlencoded", urlencode(fields).encode()
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    body = "".join(parts) + f"--{boundary}--\r\n"
    return f"multipart/form-data; boundary={boundary}".encode(), body.encode("utf-8", "replace")
