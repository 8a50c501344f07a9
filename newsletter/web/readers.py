"""Who opens a page of their own, by the signed link in their mail, and what such pages have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from newsletter.address import address_key
from newsletter.model.readers import NOBODY, Subscriber, SubscriberId
from newsletter.render.language import Language, load_language
from newsletter.signing import Purpose, check_token, read_number

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.web.site import Site

PRIVATE: Mapping[str, str] = {"cache-control": "no-store", "x-robots-tag": "noindex"}
"""Headers of pages that belong to one reader."""

_MOST_FIELDS = 200


async def find_reader(site: Site, request: Request) -> Subscriber | None:
    """Return whose preferences the link opens; None for any other text than a reader's link to the address that they
    have now."""
    token = str(request.path_params["token"])
    number = read_number(token)
    if number is None:
        return None
    reader = await load_reader(site, SubscriberId(number))
    if reader is None:
        return None
    bound = address_key(reader.address)
    return reader if check_token(token, Purpose.PREFERENCES, site.secret, bound) is not None else None


async def load_reader(site: Site, reader: SubscriberId) -> Subscriber | None:
    """Return a reader by number."""
    return (await site.newsletter.subscribers.load_many([reader])).get(reader)


async def read_fields(request: Request) -> dict[str, list[str]]:
    """Return the texts of a form that was sent, by their names; nothing where it is no form."""
    fields: dict[str, list[str]] = {}
    try:
        async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
            for name, value in form.multi_items():
                if isinstance(value, str):
                    fields.setdefault(name, []).append(value)
    except HTTPException:  # a body that is cut, or no form at all
        return {}
    return fields


def language_of(site: Site, request: Request, reader: Subscriber | None) -> Language:
    """Return the language that a reader chose; where they chose none, what the browser asks for."""
    if reader is None or not reader.language:
        return site.choose_language(request)
    try:
        return load_language(reader.language)
    except LookupError:  # its catalog has been taken out since
        return site.choose_language(request)


def show_dead_link(site: Site, request: Request) -> Response:
    """Return the page for a link that is cut, forged, or belongs to a former address; or that of a test mail."""
    lang = site.choose_language(request)
    token = str(request.path_params["token"])
    if any(
        check_token(token, purpose, site.secret) == NOBODY for purpose in (Purpose.PREFERENCES, Purpose.LEAVE)
    ):
        return site.message(
            request,
            lang.say("This link is from a test mail"),
            lang.say("It belongs to no reader and changes nothing. In a reader's own mail it works."),
            headers=PRIVATE,
        )
    return site.message(
        request,
        lang.say("This link is not valid"),
        lang.say("It may be incomplete. Open it again from the mail."),
        lang.say(
            "Links in older mails stop working when your address changes or your data is erased. Use the newest mail."
        ),
        status=404,
        headers=PRIVATE,
    )
