"""Another address: asked for on the reader's own page, confirmed at both ends (`workflows.change_address`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.address import address_key, is_same_address, parse_address
from newsletter.errors import AddressError
from newsletter.settings.checked_yaml import parse_line
from newsletter.web.readers import (
    PRIVATE,
    find_reader,
    language_of,
    load_reader,
    read_fields,
    show_dead_link,
)
from newsletter.workflows.change_address import AddressDesk, AddressStep, Moved, read_move

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model.readers import Confirmation, EmailAddress, Subscriber
    from newsletter.render.language import Language
    from newsletter.web.site import Site


async def ask_for_address(site: Site, request: Request) -> Response:
    """Mail the present address whether another one shall get the newsletter; the answer is the same for any."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    lang = language_of(site, request, reader)
    given = (await read_fields(request)).get("address", [""])[0]
    back = _back(site, lang, reader)
    new = _read_address(given)
    if new is None or is_same_address(new, reader.address):
        wrong = (
            lang.say("This is not an e-mail address.")
            if new is None
            else lang.say("This is already your address.")
        )
        heading = lang.say("Please check the address")
        return site.message(request, heading, wrong, status=422, language=lang, headers=PRIVATE, onward=back)
    now = site.newsletter.clock.now()
    if not await _open_desk(site).ask(reader, new, site.origin_of(request), now):
        return site.message(
            request,
            lang.say("Too many requests today"),
            lang.say("Our mails about it are in your mailbox. If none has arrived, try again tomorrow."),
            status=429,
            language=lang,
            headers=PRIVATE,
            onward=back,
        )
    return site.message(
        request,
        lang.say("Check your current mailbox"),
        lang.say(
            "We have sent a mail to {old}. Once you confirm there, we ask {new}.", old=reader.address, new=new
        ),
        lang.say("Nothing changes until both addresses have confirmed."),
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
    if move.step is AddressStep.OLD:
        says = lang.say(
            "It is now sent to {old}. Once you confirm, we ask {new} too.", old=move.old, new=move.new
        )
    else:
        # Nothing of the reader: this may be the mailbox of somebody else.
        says = lang.say("From then on it is sent to {new}.", new=move.new)
    return site.message(
        request,
        lang.say("Send {newsletter} to another address?", newsletter=site.identity.name),
        says,
        button=lang.say("Yes, that was me")
        if move.step is AddressStep.OLD
        else lang.say("Yes, send it to me"),
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
    new = read_move(confirmation).new
    if moved is Moved.OVER or reader is None:
        return _show_over(site, request)
    if moved is Moved.DONE and confirmation.done_at is None:
        now = site.newsletter.clock.now()
        await site.newsletter.ledger.planning.queue_notice(site.subscriptions.write_changed(reader, now), now)
    return site.message(
        request,
        *_word_step(lang, moved, new),
        status=409 if moved is Moved.TAKEN else 200,
        language=lang,
        headers=PRIVATE,
        onward=_back(site, lang, reader) if moved is Moved.DONE else (),
    )


def _word_step(lang: Language, moved: Moved, new: EmailAddress) -> tuple[str, ...]:
    """Return heading and paragraphs for where the change of an address is now."""
    if moved is Moved.ASKED:
        return (
            lang.say("Now check your new mailbox"),
            lang.say("We have sent a mail to {new}. Confirm there to finish.", new=new),
        )
    if moved is Moved.TAKEN:
        return (
            lang.say("This is not possible"),
            lang.say(
                "{new} already has its own subscription. We have mailed it a link to its preferences.",
                new=new,
            ),
            lang.say("Nothing has changed. Decide which of the two to keep, and unsubscribe from the other."),
        )
    return (
        lang.say("From now on it is sent to {new}", new=new),
        lang.say("Links to preferences in older mails no longer work; links to unsubscribe still do."),
    )


def _back(site: Site, lang: Language, reader: Subscriber) -> tuple[tuple[str, str], ...]:
    own = site.links.preferences(reader.id, reader.address, site.secret)
    return ((lang.say("Your preferences"), own),)


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
        lang.say("This link has expired"),
        lang.say("It was valid for seven days, or the address has changed since. Nothing was changed."),
        status=410,
        headers=PRIVATE,
    )


CONFIRM = (show_address, finish_address)
PAGES = (("/me/{token}/address", ask_for_address, ("POST",)),)
