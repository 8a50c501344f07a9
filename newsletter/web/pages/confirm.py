"""Confirm: what was asked for on a page happens at the press of a button, never by opening the link of a mail.

Each kind of thing that can be asked for has a branch: what its page says, and what the button does. That of a
subscription is here, the others are in the pages that ask for them (`CONFIRM`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from newsletter.address import is_same_address
from newsletter.match.topics import parse_topics
from newsletter.model.readers import Asked, Confirmation, Consent, Subscriber
from newsletter.render.language import Language, load_language
from newsletter.render.wording import write_cadence
from newsletter.signing import Purpose, check_token
from newsletter.web.readers import PRIVATE, language_of
from newsletter.web.site import Site
from newsletter.workflows.confirm_by_mail import is_open, is_out_of_date
from newsletter.workflows.subscribe import read_wanted, was_done

Show = Callable[[Site, Request, Confirmation], Awaitable[Response]]
Branch = tuple[Show, Show]
"""What one kind of confirmation shows, which changes nothing; and what its button does, which may come twice."""
Pages = tuple[tuple[str, Callable[[Site, Request], Awaitable[Response]], tuple[str, ...]], ...]


async def _answer(site: Site, request: Request, choose: Callable[[Asked], Show]) -> Response:
    """Return the answer for the confirmation that a link names. Whatever opens links may open this one."""
    confirmation = await _find(site, request)
    if confirmation is None:
        return _show_dead(site, request)
    return await choose(confirmation.asked)(site, request, confirmation)


async def _find(site: Site, request: Request) -> Confirmation | None:
    number = check_token(str(request.path_params["token"]), Purpose.CONFIRM, site.secret)
    return None if number is None else await site.newsletter.confirmations.load(number)


def _show_dead(site: Site, request: Request) -> Response:
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("This link does not work"),
        lang.say("It is incomplete or has expired. Please ask for a new one."),
        status=404,
        headers=PRIVATE,
    )


# --- a subscription -------------------------------------------------------------------------------


async def show_subscription(site: Site, request: Request, confirmation: Confirmation) -> Response:
    """Return what somebody subscribes to, with the button that does it."""
    reader = await _load(site, confirmation)
    if reader is None:
        return _show_dead(site, request)
    if was_done(confirmation, reader):
        return _show_done(site, request, reader, is_new=False)
    if confirmation.done_at is None and not is_open(confirmation, site.newsletter.clock.now()):
        return _show_late(site, request)
    if is_out_of_date(confirmation, reader):
        return _show_out_of_date(site, request, reader)
    wanted = read_wanted(reader, confirmation.wanted_json)
    lang = _language(site, wanted)
    return site.page(
        request,
        "confirm.html.j2",
        language=lang,
        headers=PRIVATE,
        address=confirmation.address,
        topics=[topic.name for topic in parse_topics(wanted.topics_json, site.newsletter.library)],
        cadence=write_cadence(lang, wanted.cadence),
    )


async def finish_subscription(site: Site, request: Request, confirmation: Confirmation) -> Response:
    """Begin the subscription, once; who presses again reads that it stands."""
    now = site.newsletter.clock.now()
    confirmed = await site.desk.confirm(confirmation, now)
    if confirmed.reader is None:
        return _show_late(site, request)
    if confirmed.is_out_of_date:
        return _show_out_of_date(site, request, confirmed.reader)
    return _show_done(site, request, confirmed.reader, is_new=confirmed.is_new)


async def _load(site: Site, confirmation: Confirmation) -> Subscriber | None:
    loaded = await site.newsletter.subscribers.load_many([confirmation.subscriber])
    reader = loaded.get(confirmation.subscriber)
    return reader if reader is not None and is_same_address(reader.address, confirmation.address) else None


def _language(site: Site, reader: Subscriber) -> Language:
    return load_language(reader.language or site.identity.language)


def _show_done(site: Site, request: Request, reader: Subscriber, *, is_new: bool) -> Response:
    lang = _language(site, reader)
    first = ""
    if reader.consent is Consent.CONFIRMED and reader.next_due_at is not None:
        local = reader.next_due_at.astimezone(ZoneInfo(reader.cadence.zone))
        first = lang.say(
            "{date} at {time} ({zone})",
            date=lang.full_date(local.date()),
            time=lang.time(local.time()),
            zone=reader.cadence.zone,
        )
    return site.page(
        request,
        "confirmed.html.j2",
        language=lang,
        headers=PRIVATE,
        is_new=is_new,
        first=first,
        stands=reader.consent is Consent.CONFIRMED,
        preferences=site.links.preferences(reader.id, reader.address, site.secret),
    )


def _show_late(site: Site, request: Request) -> Response:
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("This link has expired"),
        lang.say(
            "It was valid for seven days. Nothing was sent and nothing is stored; you can subscribe again."
        ),
        status=410,
        headers=PRIVATE,
    )


def _show_out_of_date(site: Site, request: Request, reader: Subscriber) -> Response:
    lang = language_of(site, request, reader)
    return site.message(
        request,
        lang.say("This link is out of date"),
        lang.say(
            "Since then, this address has unsubscribed, confirmed a newer mail or changed its preferences."
        ),
        lang.say("This link has changed nothing. You can subscribe again at any time."),
        status=410,
        language=lang,
        headers=PRIVATE,
        onward=((lang.say("Subscribe"), site.links.page("/subscribe")),),
    )


def list_pages(branches: Mapping[Asked, Branch]) -> Pages:
    """Return the pages behind the links. branches are those of the kinds that have pages of their own."""
    known = {Asked.SUBSCRIBE: (show_subscription, finish_subscription), **branches}

    async def show_confirmation(site: Site, request: Request) -> Response:
        return await _answer(site, request, lambda asked: known[asked][0])

    async def finish_confirmation(site: Site, request: Request) -> Response:
        return await _answer(site, request, lambda asked: known[asked][1])

    return (
        ("/confirm/{token}", show_confirmation, ("GET",)),
        ("/confirm/{token}", finish_confirmation, ("POST",)),
    )
