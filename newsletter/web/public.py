"""Pages that are the same for everybody: rendered once for each language until something in the archive changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from newsletter.web.site import Site

Page = Callable[[Site, Request], Awaitable[Response]]


def public(*parameters: str, speaks: bool = True) -> Callable[[Page], Page]:
    """Return what makes a page one that is rendered once.

    parameters are those of the address that the page reads: others do not count. speaks: it has words in the reader's
    language.
    """

    def decorate(page: Page) -> Page:
        @wraps(page)
        async def answer(site: Site, request: Request) -> Response:
            parts = [site.choose_language(request).code if speaks else "", request.scope["path"]]
            if parameters and request.scope["query_string"]:
                parts += [request.query_params.get(name, "") for name in parameters]
            return await site.rendered.answer(request, "\0".join(parts), lambda: page(site, request))

        return answer

    return decorate
