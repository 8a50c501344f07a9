"""What stands before every page: whose site this is, how large and slow a request may be, and what browsers are told.

A plain ASGI layer, so that nothing of a refused request reaches a page.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
MAX_EVENTS_BYTES = 1024 * 1024
"""Of a provider's webhook, which may send thousands of events at once."""
BODY_TIMEOUT_S = 10.0

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # Addresses of readers' pages must not reach the sites that papers link to. Not "no-referrer": with it browsers send
    # "Origin: null" with our own forms too (Fetch, "append a request Origin header").
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), camera=(), microphone=(), interest-cohort=()",
    "x-frame-options": "DENY",
}
_HSTS = "max-age=31536000"
_PORTS = {"http": "80", "https": "443"}
_HOST = re.compile(r"(.*?)(?::([0-9]*))?", re.DOTALL)
FROM_ANYWHERE = ("/leave/", "/join")
"""Mail providers send the one-click POST; other sites' forms begin a subscription, which changes nothing yet."""
ANY_HOST = ("/healthz", "/readyz")
"""Monitors ask these by whatever name the machine has."""


def build_headers(*, is_secure: bool) -> dict[str, str]:
    """Return the headers that every answer has."""
    return {**_HEADERS, **({"strict-transport-security": _HSTS} if is_secure else {})}


class SiteGuard:
    """Refuses requests for other hosts, POSTs from other sites, and bodies that are too large or too slow; adds the
    security headers to every answer."""

    def __init__(self, app: ASGIApp, *, host: str, prefix: str, is_secure: bool) -> None:
        self._app = app
        self._prefix = prefix
        self._scheme = "https" if is_secure else "http"
        self._host = normalise_host(host, self._scheme)
        headers = build_headers(is_secure=is_secure)
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                named = {name for name, _ in own}
                message = {
                    **message,
                    "headers": [*own, *(one for one in self._headers if one[0] not in named)],
                }
            await send(message)

        refusal = self._refuse(scope)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        # That of the public address, whatever a proxy speaks with us: redirects are made of it.
        scope["scheme"] = self._scheme
        if not _has_body(scope):
            await self._app(scope, receive, send_guarded)
            return
        try:
            body = await _read_body(scope, receive, self._most_bytes(scope))
        except _BodyError as error:
            await PlainTextResponse(str(error), error.status, {"connection": "close"})(
                scope, receive, send_guarded
            )
            return
        await self._app(scope, _replay(body, receive), send_guarded)

    def _most_bytes(self, scope: Scope) -> int:
        is_webhook = scope["path"].removeprefix(self._prefix).startswith("/webhooks/")
        return MAX_EVENTS_BYTES if is_webhook else MAX_BODY_BYTES

    def _refuse(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if _has_two_lengths(scope):
            return PlainTextResponse("the length of the request is ambiguous", 400, {"connection": "close"})
        path = scope["path"].removeprefix(self._prefix)
        if path not in ANY_HOST and not self._is_ours(headers.get("host", "")):
            return PlainTextResponse("this host is not served here", 421)
        if scope["method"] == "POST" and not path.startswith(FROM_ANYWHERE):
            # Everything else comes from our own pages.
            origin = headers.get("origin")
            site = headers.get("sec-fetch-site", "same-origin")
            if (origin is not None and not self._is_our_origin(origin)) or site not in (
                "same-origin",
                "none",
            ):
                return PlainTextResponse("this form was sent from another site", 403)
        return None

    def _is_ours(self, host: str) -> bool:
        return normalise_host(host, self._scheme) == self._host

    def _is_our_origin(self, origin: str) -> bool:
        scheme, _, host = origin.partition("://")
        return scheme.lower() == self._scheme and self._is_ours(host)


def normalise_host(host: str, scheme: str) -> str:
    """Return a host, with its port if it is not the scheme's own, as all its equal spellings are compared: in small
    letters, without the dot of the root (RFC 9110 section 4.2.3)."""
    name, port = _HOST.fullmatch(host.lower()).groups()  # type: ignore[union-attr]  # it fits any text
    if ":" not in name:
        name = name.removesuffix(".")
    return name if port in (None, "", _PORTS[scheme]) else f"{name}:{port}"


def _has_two_lengths(scope: Scope) -> bool:
    """Say whether servers may disagree where a request ends: it has both lengths, or one that its version does not
    know (RFC 9112 section 6.1)."""
    names = {name for name, _ in scope["headers"]}
    return b"transfer-encoding" in names and (b"content-length" in names or scope["http_version"] == "1.0")


class _BodyError(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def _has_body(scope: Scope) -> bool:
    """Say whether a body may follow the head: without either of these headers there is none (RFC 9112 section 6.3)."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _read_body(scope: Scope, receive: Receive, most_bytes: int) -> bytes:
    """Return the whole body. Raises _BodyError."""
    length = Headers(scope=scope).get("content-length", "0")
    # No number of Python's: those may have digits of any script, and an end to how many.
    if not re.fullmatch("[0-9]{1,12}", length) or int(length) > most_bytes:
        raise _BodyError(413, f"the request is larger than {most_bytes} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _BodyError(400, "the request is incomplete")
                body += message.get("body", b"")
                if len(body) > most_bytes:
                    raise _BodyError(413, f"the request is larger than {most_bytes} bytes")
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError as error:
        raise _BodyError(408, f"the request took longer than {BODY_TIMEOUT_S:.0f} seconds") from error


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body once, then what comes after it."""
    given = False

    async def replay() -> dict[str, Any]:
        nonlocal given
        if given:
            return dict(await receive())
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
