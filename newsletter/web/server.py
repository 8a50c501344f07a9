"""I/O: the web UI as a server (uvicorn) that ends cleanly when it is told to.

Our own sockets, so that one that cannot be had is told in plain words; and limits for whoever is slow: with the head
of a request, with its body (guard.py), with reading the answer.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from newsletter.errors import ListenError
from newsletter.logs import log
from newsletter.web.app import build_app
from newsletter.web.metrics import WebCounters, build_metrics_app
from newsletter.web.site import open_site

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from newsletter.settings.config import Listen, WebSettings
    from newsletter.wiring import Newsletter

HEAD_TIMEOUT_S = 10.0
"""How long the head of a request may take, from the connection or from its first byte on."""
MAX_HEAD_BYTES = 16 * 1024
KEEP_ALIVE_S = 15
GRACE_S = 10
"""How long requests under way may take when the server stops."""
UNREAD_MS = 30_000
"""How long a connection is kept whose other end reads nothing of an answer."""
_BACKLOG = 512
_MOST_AT_ONCE = 500
_LISTEN_ADVICE = {
    errno.EADDRINUSE: "the port is in use; stop the other program, or choose another port",
    errno.EACCES: "this user may not use the port; choose one from 1024 on, and let a proxy listen on 80 and 443",
    errno.EADDRNOTAVAIL: "this machine does not have that address; use one of its own, such as 127.0.0.1",
}


async def serve(newsletter: Newsletter, settings: WebSettings, stop: asyncio.Event) -> None:
    """Answer until ``stop`` is set; requests under way are finished.

    Raises ListenError, TemplateError and StoreError before anything is answered.
    """
    site = await open_site(newsletter, settings)
    counters = WebCounters()
    listeners = [_Listener(settings.listen, "web.listen", build_app(site, counters))]
    if settings.metrics_listen is not None:
        listeners.append(
            _Listener(settings.metrics_listen, "web.metrics_listen", build_metrics_app(newsletter, counters))
        )
    # Their lines tell of each odd request of each scanner; what fails is told by app.py.
    for name in ("uvicorn", "python_multipart"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        for listener in listeners:
            listener.bind()
        log.info("serving", url=settings.url, listen=[str(listener) for listener in listeners])
        stopping = asyncio.create_task(stop.wait())
        serving = [asyncio.create_task(listener.serve()) for listener in listeners]
        await asyncio.wait({stopping, *serving}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for listener in listeners:
            listener.stop()
        await asyncio.gather(*serving)
        log.info("stopped serving")
    finally:
        for listener in listeners:
            listener.close()


def bind(listen: Listen, key: str) -> socket.socket:
    """Return a socket that listens there. Raises ListenError; key is the configuration's name for it."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Connections inherit it: who does not read an answer does not keep its connection for ever.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
        listening.bind((listen.host, listen.port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        advice = _LISTEN_ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise ListenError(f"{key}: cannot listen on {listen}: {advice}") from error
    return listening


class _Listener:
    """One socket and what answers on it."""

    def __init__(self, listen: Listen, key: str, app: ASGIApp) -> None:
        self._listen = listen
        self._key = key
        self._socket: socket.socket | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http=PatientProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
                limit_concurrency=_MOST_AT_ONCE,
            )
        )

    def __str__(self) -> str:
        port = self._socket.getsockname()[1] if self._socket else self._listen.port
        return str(self._listen._replace(port=port))

    def bind(self) -> None:
        self._socket = bind(self._listen, self._key)

    async def serve(self) -> None:
        assert self._socket is not None
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        self._server.should_exit = True

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the command line, which sets ``stop``."""
        yield


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP, with an end to its patience: it has no limit of its own for the head of a request."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # What comes next has its time from its first byte on; until then the keep-alive timer counts.
        if self.conn.trailing_data[0]:
            self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        """Start the clock where a head has begun, stop it where it is complete."""
        if self.conn.their_state is not h11.IDLE:
            self._forget_head()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._give_up)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.abort()
