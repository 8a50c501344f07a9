"""What Prometheus reads: the newsletter's health and how the pages answer. On a listener of its own, never in public.

Few series by design: pages by the name of their route, never by path, reader or client.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import StoreError
from newsletter.logs import log
from newsletter.workflows.health import build_metrics

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from newsletter.wiring import Newsletter

PAGE_NAME = "newsletter.page"
"""Where a route leaves its name in the scope."""
_REFUSED = "refused"  # no page was reached: another host, too large, no such address
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class WebCounters:
    """How many requests each page has answered, with which class of status, and how long it took."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "newsletter_web_requests",
            "Requests answered, by page and status class.",
            ["page", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "newsletter_web_seconds",
            "Time from the request's head to the end of the response, by page.",
            ["page"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def note(self, page: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests.labels(page, f"{status // 100}xx").inc()
        self._seconds.labels(page).observe(seconds)

    def write(self) -> str:
        """Return the counters in the text exposition format."""
        return generate_latest(self._registry).decode()


class Counted:
    """A layer around everything else that counts what is answered."""

    def __init__(self, app: ASGIApp, *, counters: WebCounters) -> None:
        self._app = app
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = time.perf_counter()

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            self._counters.note(scope.get(PAGE_NAME, _REFUSED), status, time.perf_counter() - begun)


def build_metrics_app(newsletter: Newsletter, counters: WebCounters) -> Starlette:
    """Return the application of the metrics' own listener."""

    async def show_metrics(_request: Request) -> Response:
        try:
            health, up = build_metrics(await newsletter.load_health()), 1
        except StoreError as error:
            log.error("metrics without the database, which is unavailable", error=str(error))
            health, up = "", 0
        store = (
            "# HELP newsletter_store_up 1 while the database answers.\n"
            f"# TYPE newsletter_store_up gauge\nnewsletter_store_up {up}\n"
        )
        return Response(health + store + counters.write(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/metrics", show_metrics, methods=["GET"])])
