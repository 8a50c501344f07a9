"""What is stored about a reader: all of it to take along, or to be erased."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from newsletter.web.readers import PRIVATE, find_reader, language_of, read_fields, show_dead_link

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site


async def export(site: Site, request: Request) -> Response:
    """Return everything that is stored about a reader as a JSON file."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    everything = await site.newsletter.load_everything(reader.id)
    body = json.dumps(everything, ensure_ascii=False, indent=2)
    file = f'attachment; filename="{site.identity.id}-my-data.json"'
    return Response(body, media_type="application/json", headers={**PRIVATE, "content-disposition": file})


async def erase(site: Site, request: Request) -> Response:
    """Erase a reader who has ticked that they mean it. Not while a mail to them is on its way: its outcome could not be
    written down."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    lang = language_of(site, request, reader)
    again = {
        "button": lang.say("Erase all my data"),
        "action": request.url.path,
        "fields": {"sure": "yes"},
        "language": lang,
        "headers": PRIVATE,
    }
    if (await read_fields(request)).get("sure") != ["yes"]:
        return site.message(
            request,
            lang.say("Erase all your data?"),
            lang.say(
                "This cannot be undone. Your topics, your past digests and the record of your consent are deleted."
            ),
            status=422,
            **again,
        )
    if not await site.newsletter.subscribers.erase(reader.id):
        return site.message(
            request,
            lang.say("One moment, please"),
            lang.say("A mail to you is on its way just now. Try again in a minute."),
            status=409,
            **again,
        )
    return site.message(
        request,
        lang.say("Your data is erased"),
        lang.say(
            "You get no further mail. We keep only how many mails were sent each day, which identifies nobody."
        ),
        lang.say("If your address has refused our mail, it stays on the list of addresses that get no mail."),
        language=lang,
        headers=PRIVATE,
    )


PAGES = (
    ("/me/{token}/export", export, ("POST",)),
    ("/me/{token}/erase", erase, ("POST",)),
)
