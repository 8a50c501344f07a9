"""I/O: the web face as a server (uvicorn) that ends cleanly when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from newsletter.config import WebSettings
from newsletter.web.app import build_app
from newsletter.web.site import open_site
from newsletter.wiring import Newsletter

log = structlog.get_logger()

_KEEP_ALIVE_S = 15
_GRACE_S = 10
_MOST_AT_ONCE = 500


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the command line, which sets ``stop``."""
        yield


async def serve(newsletter: Newsletter, settings: WebSettings, stop: asyncio.Event) -> None:
    """Answer until ``stop`` is set; requests under way are finished. Raises TemplateError, StoreError, OSError."""
    site = await open_site(newsletter, settings)
    server = _Server(
        uvicorn.Config(
            build_app(site),
            host=settings.listen.host,
            port=settings.listen.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            limit_concurrency=_MOST_AT_ONCE,
            lifespan="off",
        )
    )
    serving = asyncio.create_task(server.serve())
    log.info("serving", url=settings.url, listen=f"{settings.listen.host}:{settings.listen.port}")
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving
