"""The small pictures of papers, from our own host: the same address for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from newsletter.model.pictures import MEDIA_TYPE

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site


async def show_picture(site: Site, request: Request) -> Response:
    """Return a picture by the name of its content."""
    body = await site.newsletter.pictures.load(str(request.path_params["name"]))
    if body is None:
        return site.not_found(request)
    headers = {
        "cache-control": "public, max-age=31536000, immutable",
        # Mails show it, too: in the browser a webmail is another site.
        "cross-origin-resource-policy": "cross-origin",
    }
    return Response(body, headers=headers, media_type=MEDIA_TYPE)


PAGES = (("/pictures/{name}", show_picture, ("GET",)),)
"""Names are hashes of what they name."""
