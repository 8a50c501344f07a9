"""For readers who have lost the mail with the link to their preferences: it comes again, to their mailbox alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.address import parse_address
from newsletter.errors import AddressError
from newsletter.web.answers import constant_time, refuse
from newsletter.web.limits import SUBSCRIBE
from newsletter.web.readers import PRIVATE, read_fields

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.web.site import Site


async def show_form(site: Site, request: Request) -> Response:
    """Return the form that asks for the address."""
    return site.page(request, "lost_link.html.j2", wrong="", given="")


async def send_link(site: Site, request: Request) -> Response:
    """Mail the link where a reader has this address. The answer is the same for any, and takes the same time."""
    lang = site.choose_language(request)
    given = (await read_fields(request)).get("address", [""])[0].strip()
    try:
        address = parse_address(given)
    except AddressError:
        wrong = lang.say("This is not an e-mail address.")
        return site.page(
            request, "lost_link.html.j2", status=422, headers=PRIVATE, wrong=wrong, given=given[:254]
        )
    refused = refuse(site, request, SUBSCRIBE)
    if refused is not None:
        return refused
    async with constant_time():
        now = site.newsletter.clock.now()
        await site.desk.send_link(address, lang.code, site.origin_of(request), now)
    return site.message(
        request,
        lang.say("Check your mailbox"),
        lang.say("If {address} is subscribed, the link to its preferences is on its way.", address=given),
        lang.say(
            "No mail after a few minutes? Check your spam folder, and check the spelling of the address."
        ),
        headers=PRIVATE,
        onward=[(lang.say("Subscribe"), site.links.page("/subscribe"))],
    )


PAGES = (
    ("/preferences", show_form, ("GET",)),
    ("/preferences", send_link, ("POST",)),
)
