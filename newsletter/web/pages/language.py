"""The language of the pages, where somebody wants another one than the browser asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from newsletter.render.catalogs import list_languages
from newsletter.web.readers import read_fields
from newsletter.web.site import LANGUAGE_COOKIE, Site

if TYPE_CHECKING:
    from starlette.requests import Request

_A_YEAR_S = 365 * 24 * 3600
_MOST_CHARS = 2_000


async def choose_language(site: Site, request: Request) -> Response:
    """Keep the language that was chosen in a cookie, and lead back to the page it was chosen on."""
    fields = await read_fields(request)
    code, back = (fields.get(name, [""])[0] for name in ("language", "back"))
    answer = RedirectResponse(site.links.page(back if is_local(back) else "/"), 303)
    if code in list_languages():
        answer.set_cookie(
            LANGUAGE_COOKIE,
            code,
            max_age=_A_YEAR_S,
            path=site.links.prefix or "/",
            secure=site.links.is_secure,
            httponly=True,
            samesite="lax",
        )
    return answer


def is_local(path: str) -> bool:
    """Say whether a path stays on this site: browsers take ``//host`` and ``/\\host`` for another one."""
    return (
        path.startswith("/")
        and path[1:2] not in ("/", "\\")
        and path.isprintable()
        and len(path) < _MOST_CHARS
    )


PAGES = (("/language", choose_language, ("POST",)),)
