"""Leaving: a page with a button, the one-click POST of RFC 8058, and a goodbye that offers less instead of nothing.

The link is bound to nothing but the reader, so it works for ever, after a change of address too. Therefore it may only
take away: what it gives back (``fewer``, ``pause``, ``back``) is what was taken within the last day. It shows nothing
of the reader.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter.compose.wishes import choose_weekly, come_back, local_date, pause_for
from newsletter.model import Consent, Kind, Subscriber, SubscriberId
from newsletter.render.language import Language, load_language
from newsletter.render.notices import write_goodbye
from newsletter.render.wording import write_cadence
from newsletter.tokens import Purpose, check_token
from newsletter.web.readers import (
    NOTICE_LIFETIME,
    PRIVATE,
    language_of,
    load_reader,
    read_fields,
    show_dead_link,
    tell_changed,
)
from newsletter.web.site import Site

UNDO_FOR = timedelta(days=1)
PAUSES = (2, 4)
"""Weeks."""

_BY_ONE_CLICK = "left by one click"
_ON_THE_PAGE = "left on the web page"


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
        lang.say("One click, and you get no further mail. You need no password and give no reason."),
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
            await _leave(site, request, number, _BY_ONE_CLICK)
        return PlainTextResponse("You are unsubscribed.\n", headers=dict(PRIVATE))
    if number is None:
        return show_dead_link(site, request)
    if wish == ["leave"]:
        await _leave_on_the_page(site, request, number)
    reader = await load_reader(site, number)
    lang = language_of(site, request, reader)
    if reader is not None and wish != ["leave"] and await _may_undo(site, number):
        chosen = choose_instead(reader, wish[0], site.newsletter.clock.now())
        if chosen is not None and await _give_back(site, request, reader, chosen):
            return _show_instead(site, request, chosen, lang)
        reader = await load_reader(site, number)
    return await _show_goodbye(site, request, reader, lang)


def choose_instead(reader: Subscriber, wish: str, now: datetime) -> Subscriber | None:
    """Return the reader as they wish to be instead of away; None for a wish that there is not."""
    if wish == "back":
        return come_back(reader, now)
    if wish == "fewer":
        weekly = choose_weekly(reader.cadence)
        return come_back(replace(reader, cadence=weekly), now) if weekly else None
    for weeks in PAUSES:
        if wish == f"pause-{weeks}":
            return pause_for(reader, weeks, now)
    return None


def _check(site: Site, request: Request) -> SubscriberId | None:
    number = check_token(request.path_params["token"], Purpose.LEAVE, site.secret)
    return None if number is None else SubscriberId(number)


async def _leave(site: Site, request: Request, reader: SubscriberId, why: str) -> int:
    """Let a reader leave; return the number in the record of consent, 0 where they had left before.

    A mail that is under way is not sent any more: the sender looks at the consent when it claims one.
    """
    now = site.newsletter.clock.now()
    return await site.newsletter.personal.leave(reader, now, why, site.origin_of(request))


async def _leave_on_the_page(site: Site, request: Request, number: SubscriberId) -> None:
    """Let a reader leave who came to the page, and queue the mail that says so, which leads back.

    There is none after the one click. It is the mail program that promises no further mail then, and a further one is
    what gets a sender reported; nor does anybody know that a person clicked.
    """
    reader = await load_reader(site, number)
    left = await _leave(site, request, number, _ON_THE_PAGE)
    if reader is None or not left:
        return
    now = site.newsletter.clock.now()
    language = reader.language or site.identity.language
    back = site.links.preferences(reader.id, reader.address, site.secret)
    notice = write_goodbye(load_language(language), site.identity, back)
    await site.newsletter.deliveries.queue_notice(
        Kind.GOODBYE, str(left), reader.id, reader.address, notice, language, now, now + NOTICE_LIFETIME
    )


async def _may_undo(site: Site, reader: SubscriberId) -> bool:
    left_at = await site.newsletter.personal.load_left_at(reader)
    return left_at is not None and site.newsletter.clock.now() - left_at < UNDO_FOR


async def _give_back(site: Site, request: Request, before: Subscriber, after: Subscriber) -> bool:
    """Write what a reader wishes instead; False where something else has happened to them meanwhile."""
    now = site.newsletter.clock.now()
    why, origin = "came back on the goodbye page", site.origin_of(request)
    changed = await site.newsletter.personal.change(before, after, now, why, origin)
    if changed:
        await tell_changed(site, after)
    return changed


async def _show_goodbye(site: Site, request: Request, reader: Subscriber | None, lang: Language) -> Response:
    """Return the page for who has left; with what there is instead, as long as that may be undone."""
    may_undo = reader is not None and await _may_undo(site, reader.id)
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
    next_on = lang.full_date(local_date(reader, reader.next_due_at))
    if reader.consent is Consent.PAUSED:
        heading = lang.say("You have a pause")
        says = lang.say("You get nothing until then. The next digest comes on {day}.", day=next_on)
    else:
        heading = lang.say("You are back")
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
