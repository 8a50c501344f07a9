"""Leaving: a page with a button, the one-click POST of RFC 8058, and a goodbye that offers less instead of nothing.

The link is bound to nothing but the reader, so it works for ever, after a change of address too. Therefore it may only
take away: what it gives back (``fewer``, ``pause``, ``back``) is what was taken within the last day. It shows nothing
of the reader.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from newsletter.compose.subscription import (
    choose_weekly,
    come_back,
    come_back_weekly,
    pause_instead,
    status_of,
)
from newsletter.model.readers import Consent, ConsentMove, Status, Subscriber, SubscriberId
from newsletter.render.wording import write_cadence
from newsletter.signing import Purpose, check_token
from newsletter.web.readers import PRIVATE, language_of, load_reader, read_fields, show_dead_link

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.render.language import Language
    from newsletter.web.site import Site
    from newsletter.workflows.subscriptions import Decide

UNDO_FOR = timedelta(days=1)
PAUSES = (2, 4)
"""Weeks."""

_BY_ONE_CLICK = "unsubscribed with one click"
_ON_THE_PAGE = "unsubscribed on the web page"


async def show_leave(site: Site, request: Request) -> Response:
    """Return the page with the button. Changes nothing, so that whatever opens links may open this one."""
    number = _check(site, request)
    if number is None:
        return show_dead_link(site, request)
    reader = await load_reader(site, number)
    lang = language_of(site, request, reader)
    if reader is None or reader.consent is Consent.LEFT:
        return await _show_goodbye(site, request, reader, lang)
    return site.message(
        request,
        lang.say("Unsubscribe from {newsletter}?", newsletter=site.identity.name),
        lang.say("One click, and you get no further mail. No password and no reason needed."),
        button=lang.say("Unsubscribe"),
        action=request.url.path,
        fields={"do": "leave"},
        language=lang,
        headers=PRIVATE,
    )


async def leave(site: Site, request: Request) -> Response:
    """Do what a form of ours asks for; any other POST is the one click of a mail program.

    The one click is answered in the same way whatever the token: 200, no redirect, no cookie (RFC 8058, section 3.1).
    """
    number = _check(site, request)
    wish = (await read_fields(request)).get("do")
    if wish is None:
        if number is not None:
            await site.subscriptions.leave(number, _BY_ONE_CLICK, site.origin_of(request), is_told=False)
        return PlainTextResponse("You are unsubscribed.\n", headers=dict(PRIVATE))
    if number is None:
        return show_dead_link(site, request)
    origin = site.origin_of(request)
    if wish == ["leave"]:
        # A mail says so, which leads back. There is none after the one click: the mail program promises no further
        # mail then, and one is what gets a sender reported; nor does anybody know that a person clicked.
        await site.subscriptions.leave(number, _ON_THE_PAGE, origin, is_told=True)
    reader = await load_reader(site, number)
    lang = language_of(site, request, reader)
    if reader is not None and wish != ["leave"] and await _may_undo(site, number):
        chosen = choose_instead(wish[0], site.newsletter.clock.now())
        if chosen is not None:
            after = await site.subscriptions.undo_leaving(number, *chosen, origin)
            if isinstance(after, Subscriber):
                return _show_instead(site, request, after, lang)
        reader = await load_reader(site, number)
    return await _show_goodbye(site, request, reader, lang)


def choose_instead(wish: str, now: datetime) -> tuple[ConsentMove, Decide] | None:
    """Return what makes the reader as they wish to be instead of away; None for a wish that there is not."""
    if wish == "back":
        return ConsentMove.COME_BACK, lambda reader: come_back(reader, now)
    if wish == "fewer":
        return ConsentMove.COME_BACK, lambda reader: come_back_weekly(reader, now)
    for weeks in PAUSES:
        if wish == f"pause-{weeks}":
            return ConsentMove.PAUSE_INSTEAD, partial(pause_instead, weeks=weeks, now=now)
    return None


def _check(site: Site, request: Request) -> SubscriberId | None:
    """Return whose link it is; None for one that is forged, or of a test mail."""
    number = check_token(request.path_params["token"], Purpose.LEAVE, site.secret)
    return SubscriberId(number) if number else None


async def _may_undo(site: Site, reader: SubscriberId) -> bool:
    left_at = await site.newsletter.personal.load_left_at(reader)
    return left_at is not None and site.newsletter.clock.now() - left_at < UNDO_FOR


async def _show_goodbye(site: Site, request: Request, reader: Subscriber | None, lang: Language) -> Response:
    """Return the page for who has left; with what there is instead, as long as that may be undone."""
    may_undo = reader is not None and status_of(reader) is Status.LEFT and await _may_undo(site, reader.id)
    return site.page(
        request,
        "goodbye.html.j2",
        language=lang,
        headers=PRIVATE,
        may_undo=may_undo,
        can_have_fewer=reader is not None and choose_weekly(reader.cadence) is not None,
        pauses=PAUSES,
    )


def _show_instead(site: Site, request: Request, reader: Subscriber, lang: Language) -> Response:
    """Return the page that says what comes from now on; its button leaves after all."""
    cadence = write_cadence(lang, reader.cadence)
    assert reader.next_due_at is not None
    next_on = lang.full_date(reader.cadence.date_at(reader.next_due_at))
    if reader.consent is Consent.PAUSED:
        heading = lang.say("Your subscription is paused")
        says = lang.say("You get no mail until then. Your next digest comes on {day}.", day=next_on)
    else:
        heading = lang.say("Welcome back")
        says = lang.say(
            "You get one digest {cadence}. The next one comes on {day}.", cadence=cadence, day=next_on
        )
    return site.message(
        request,
        heading,
        says,
        lang.say("A mail with a link to your preferences is on its way to you."),
        button=lang.say("Unsubscribe after all"),
        action=request.url.path,
        fields={"do": "leave"},
        language=lang,
        headers=PRIVATE,
    )


PAGES = (
    ("/leave/{token}", show_leave, ("GET",)),
    ("/leave/{token}", leave, ("POST",)),
)
