"""Another address: asked for on the reader's own page, confirmed at both ends (`workflows.change_address`)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from newsletter.address import address_key, is_same_address, parse_address
from newsletter.errors import AddressError
from newsletter.model.readers import Confirmation, EmailAddress, Subscriber
from newsletter.settings.checked_yaml import parse_line
from newsletter.web.readers import (
    PRIVATE,
    find_reader,
    language_of,
    load_reader,
    read_fields,
    show_dead_link,
)
from newsletter.web.site import Site
from newsletter.workflows.change_address import AddressDesk, Moved, Step, read_move


async def ask_for_address(site: Site, request: Request) -> Response:
    """Mail the present address whether another one shall get the newsletter; the answer is the same for any."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    lang = language_of(site, request, reader)
    given = (await read_fields(request)).get("address", [""])[0]
    back = ((lang.say("Your preferences"), site.links.preferences(reader.id, reader.address, site.secret)),)
    new = _read_address(given)
    if new is None or is_same_address(new, reader.address):
        wrong = (
            lang.say("This is not an e-mail address.")
            if new is None
            else lang.say("This is the address that you have.")
        )
        heading = lang.say("Please look at the address once more")
        return site.message(request, heading, wrong, status=422, language=lang, headers=PRIVATE, onward=back)
    now = site.newsletter.clock.now()
    if not await _open_desk(site).ask(reader, new, site.origin_of(request), now):
        return site.message(
            request,
            lang.say("That was asked often enough today"),
            lang.say("Your mailbox has our mails about it. If none has come, try again tomorrow."),
            status=429,
            language=lang,
            headers=PRIVATE,
            onward=back,
        )
    return site.message(
        request,
        lang.say("Look into your present mailbox"),
        lang.say(
            "We have asked {old} by mail. After your click there we ask {new}.", old=reader.address, new=new
        ),
        lang.say("Until both have agreed everything stays as it is."),
        language=lang,
        headers=PRIVATE,
        onward=back,
    )


async def show_address(site: Site, request: Request, confirmation: Confirmation) -> Response:
    """Return what the link in the mail asks, with the button that agrees. Changes nothing."""
    reader = await load_reader(site, confirmation.subscriber)
    lang = language_of(site, request, reader)
    move = read_move(confirmation)
    if _is_over(site, reader, confirmation):
        return _show_over(site, request)
    if move.step is Step.OLD:
        says = lang.say(
            "It goes to {old} now. After your click we ask {new} as well.", old=move.old, new=move.new
        )
    else:
        # Nothing of the reader: this may be the mailbox of somebody else.
        says = lang.say("From then on it comes to {new}.", new=move.new)
    return site.message(
        request,
        lang.say("Shall {newsletter} come to another address?", newsletter=site.identity.name),
        says,
        button=lang.say("Yes, that was me") if move.step is Step.OLD else lang.say("Yes, send it to me"),
        action=request.url.path,
        language=lang,
        headers=PRIVATE,
    )


async def finish_address(site: Site, request: Request, confirmation: Confirmation) -> Response:
    """Do what the button says; who presses again reads the same."""
    origin, now = site.origin_of(request), site.newsletter.clock.now()
    moved = await _open_desk(site).confirm(confirmation, origin, now)
    reader = await load_reader(site, confirmation.subscriber)
    lang = language_of(site, request, reader)
    move = read_move(confirmation)
    if moved is Moved.OVER or reader is None:
        return _show_over(site, request)
    if moved is Moved.ASKED:
        return site.message(
            request,
            lang.say("Now look into your new mailbox"),
            lang.say("We have asked {new} by mail. After your click there it is done.", new=move.new),
            language=lang,
            headers=PRIVATE,
        )
    if moved is Moved.TAKEN:
        return site.message(
            request,
            lang.say("This cannot be done"),
            lang.say(
                "{new} has a subscription of its own. We have mailed it where its preferences are.",
                new=move.new,
            ),
            lang.say(
                "Nothing has changed. Choose which of the two you keep, and unsubscribe from the other."
            ),
            status=409,
            language=lang,
            headers=PRIVATE,
        )
    if confirmation.done_at is None:
        now = site.newsletter.clock.now()
        await site.newsletter.ledger.planning.queue_notice(site.subscriptions.write_changed(reader, now), now)
    return site.message(
        request,
        lang.say("It comes to {new} from now on", new=move.new),
        lang.say("Links to preferences in older mails hold no longer; those to unsubscribe do."),
        language=lang,
        headers=PRIVATE,
        onward=(
            (lang.say("Your preferences"), site.links.preferences(reader.id, reader.address, site.secret)),
        ),
    )


def _read_address(text: str) -> EmailAddress | None:
    try:
        # parse_line refuses what could end a header's line.
        return parse_address(parse_line(text))
    except (AddressError, ValueError):
        return None


def _open_desk(site: Site) -> AddressDesk:
    newsletter = site.newsletter
    return AddressDesk(
        subscribers=newsletter.subscribers,
        personal=newsletter.personal,
        by_mail=site.by_mail,
        identity=site.identity,
    )


def _is_over(site: Site, reader: Subscriber | None, confirmation: Confirmation) -> bool:
    move = read_move(confirmation)
    if reader is None or address_key(reader.address) not in map(address_key, (move.old, move.new)):
        return True
    return confirmation.done_at is None and confirmation.expires_at <= site.newsletter.clock.now()


def _show_over(site: Site, request: Request) -> Response:
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("This link is too old"),
        lang.say("It worked for seven days, or the address has changed since. Nothing was done."),
        status=410,
        headers=PRIVATE,
    )


PAGES = (("/me/{token}/address", ask_for_address, ("POST",)),)
