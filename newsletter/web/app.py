"""The routes of the web UI. Every page is a function of the Site and the request, in ``pages/``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from newsletter.errors import BudgetError, BusyError, LeftError, StoreError
from newsletter.logs import log
from newsletter.model.readers import Asked
from newsletter.web.metrics import PAGE_NAME, Counted, WebCounters
from newsletter.web.pages import (
    acts,
    address,
    archive,
    confirm,
    feeds,
    health,
    home,
    language,
    leave,
    lost_link,
    operate,
    papers,
    personal,
    pictures,
    preferences,
    privacy,
    search,
    sent,
    static,
    subscribe,
    webhooks,
)
from newsletter.web.security import SiteGuard, build_headers
from newsletter.web.site import Site

Page = Callable[[Site, Request], Awaitable[Response]]
"""A page. Raises StoreError where the database is away, which becomes a page that says so."""


def build_app(site: Site, counters: WebCounters | None = None) -> Starlette:
    """Return the application, below the path of its public address. counters: what to count its answers with."""
    routes: list[BaseRoute] = [_route(site, path, page, methods) for path, page, methods in list_pages()]
    guard = Middleware(
        SiteGuard, host=site.links.host, prefix=site.links.prefix, is_secure=site.links.is_secure
    )
    counted = Middleware(Counted, counters=counters or WebCounters())
    mounted = [Mount(site.links.prefix, routes=routes)] if site.links.prefix else routes

    async def not_found(request: Request, _error: Exception) -> Response:
        return site.not_found(request)

    async def away(request: Request, error: Exception) -> Response:
        log.error("the database is unavailable", page=_name_page(request), error=str(error))
        lang = site.choose_language(request)
        return site.message(
            request,
            lang.say("Please try again in a minute"),
            lang.say("This page is temporarily unavailable. Nothing is lost."),
            status=503,
            headers={"retry-after": "60"},
        )

    async def failed(request: Request, error: Exception) -> Response:
        log.error("a page failed with an internal error", page=_name_page(request), exc_info=error)
        lang = site.choose_language(request)
        return site.message(
            request,
            lang.say("Something went wrong here"),
            lang.say("The error is ours and has been logged. Your request was not carried out."),
            status=500,
            headers=build_headers(is_secure=site.links.is_secure),  # this answer does not pass the guard
        )

    handlers = {404: not_found, StoreError: away, Exception: failed, **_handlers_of_work(site)}
    return Starlette(routes=mounted, middleware=[counted, guard], exception_handlers=handlers)


def _handlers_of_work(site: Site) -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """Return what answers where dear work was not done."""

    async def busy(request: Request, error: Exception) -> Response:
        lang = site.choose_language(request)
        retry_after_s = error.retry_after_s if isinstance(error, BusyError) else 0
        return site.message(
            request,
            lang.say("Please wait a moment"),
            lang.say("We are very busy right now. Please try again in a moment."),
            status=503,
            headers={"retry-after": str(retry_after_s)},
        )

    async def too_much(request: Request, _error: Exception) -> Response:
        lang = site.choose_language(request)
        return site.message(
            request,
            lang.say("This search is too large"),
            lang.say("Please use fewer or simpler words."),
            status=422,
            headers={"cache-control": "no-store"},
        )

    async def left(_request: Request, _error: Exception) -> Response:
        return Response(status_code=499)  # reaches nobody; nginx's number for it

    return {BusyError: busy, BudgetError: too_much, LeftError: left}


def list_pages() -> Iterable[tuple[str, Page, tuple[str, ...]]]:
    """Yield path, page and methods of all parts, the most asked for first; HEAD comes with GET."""
    yield from archive.PAGES
    yield from papers.PAGES
    yield from search.PAGES
    yield from feeds.PAGES
    yield from static.PAGES
    yield from pictures.PAGES
    yield from home.PAGES
    yield from subscribe.PAGES
    yield from confirm.list_pages({Asked.LOGIN: operate.CONFIRM, Asked.ADDRESS: address.CONFIRM})
    yield from health.PAGES
    yield from leave.PAGES
    yield from operate.PAGES
    yield from acts.PAGES
    yield from preferences.PAGES
    yield from address.PAGES
    yield from lost_link.PAGES
    yield from language.PAGES
    yield from privacy.PAGES
    yield from sent.PAGES
    yield from personal.PAGES
    yield from webhooks.PAGES


def _name_page(request: Request) -> str:
    """Return which page was asked for; never its address, in which a reader's token may stand."""
    return str(request.scope.get(PAGE_NAME, "none"))


def _route(site: Site, path: str, page: Page, methods: tuple[str, ...]) -> Route:
    name = f"{page.__module__.removeprefix('newsletter.web.pages.')}.{page.__name__}"

    async def endpoint(request: Request) -> Response:
        request.scope[PAGE_NAME] = name
        return await page(site, request)

    return Route(path, endpoint, methods=list(methods), name=name)
