"""The style sheet, the script and the icon, under names that change with their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


async def show_file(site: Site, request: Request) -> Response:
    """Return a static file by its public name."""
    wanted = request.path_params["name"]
    for name, public in site.static_names.items():
        if public == wanted:
            kind = _TYPES[name.rpartition(".")[2]]
            headers = {"cache-control": "public, max-age=31536000, immutable"}
            return Response(site.statics[name], headers=headers, media_type=kind)
    return site.not_found(request)


PAGES = (("/static/{name}", show_file, ("GET",)),)
