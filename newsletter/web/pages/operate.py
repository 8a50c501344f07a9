"""The operator's page: everything to see, and buttons that ask first (`pages.acts`).

In by a link that is mailed to a configured address.

A session is a random token in a cookie; the store keeps only its hash. Each login makes a new one, so a token that
somebody put into a browser beforehand never becomes a session. Who is no longer in the configuration is out at once.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from newsletter.address import parse_address
from newsletter.errors import AddressError
from newsletter.logs import log
from newsletter.model.acts import OF_READERS
from newsletter.render.language import load_language
from newsletter.render.notices import write_login
from newsletter.web.act_words import word_act
from newsletter.web.answers import constant_time, refuse
from newsletter.web.charts import draw_bars, draw_columns
from newsletter.web.limits import Limit
from newsletter.web.readers import PRIVATE, read_fields
from newsletter.web.report import load_report
from newsletter.web.sessions import (
    build_form_token,
    find_session,
    hash_token,
    is_of_session,
    is_operator,
    read_token,
    set_cookie,
)
from newsletter.workflows.confirm_by_mail import LOGGING_IN, is_open
from newsletter.workflows.notices import find_recipient
from newsletter.workflows.operator_acts import word_no_test

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.model.mail import Notice
    from newsletter.model.readers import Confirmation, EmailAddress
    from newsletter.web.site import Site

SESSION_LIFETIME = timedelta(hours=12)
LOGIN = Limit("login", client="5/minute; 20/hour")
"""No limit for the whole site: strangers could use it up, and what they ask for is never done."""
_TOKEN_BYTES = 32


# --- the page -------------------------------------------------------------------------------------


async def show_operate(site: Site, request: Request) -> Response:
    """Return the report to who is logged in, and the form to log in to everybody else."""
    if not site.settings.operators:
        return site.not_found(request)
    session = await find_session(site, request)
    if session is None:
        return site.page(request, "login.html.j2", headers=PRIVATE)
    lang = site.choose_language(request)
    report = await load_report(site.newsletter, lang)
    no_test = word_no_test(session.address, await site.newsletter.subscribers.load(session.address))
    return site.page(
        request,
        "operate.html.j2",
        language=lang,
        headers=PRIVATE,
        report=report,
        operator=session.address,
        no_test=lang.tell(no_test) if no_test else "",
        word_act=partial(word_act, lang),
        logout_token=build_form_token(site, session, "logout"),
        of_readers=[(act, word_act(lang, act)) for act in OF_READERS],
        draw_columns=lambda chart: draw_columns(chart, lang.number),
        draw_bars=lambda chart: draw_bars(chart, lang.number),
    )


# --- logging in and out ---------------------------------------------------------------------------


async def ask_for_link(site: Site, request: Request) -> Response:
    """Mail a link to the address, if it is an operator's; the answer is the same for any address."""
    if not site.settings.operators:
        return site.not_found(request)
    if refusal := refuse(site, request, LOGIN):
        return refusal
    (typed, *_) = (await read_fields(request)).get("address", [""])
    address = _read_address(typed)
    async with constant_time():
        if address is not None and is_operator(site, address):
            await mail_link(site, request, address)
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("Check your mailbox"),
        lang.say("If this address belongs to an operator of this newsletter, a link is on its way to it."),
        lang.say_count(
            "It works once, for {number} minute.",
            "It works once, for {number} minutes.",
            LOGGING_IN.lifetime // timedelta(minutes=1),
        ),
        headers=PRIVATE,
    )


async def mail_link(site: Site, request: Request, address: EmailAddress) -> None:
    """Queue the mail with a link for an operator's address, unless it got many of them lately."""
    now = site.newsletter.clock.now()
    if not await site.by_mail.may_ask(LOGGING_IN, address, now):
        log.warning("too many login links were requested; no further one is sent for now", address=address)
        return
    origin = site.origin_of(request)
    reader = await find_recipient(address, site.newsletter.subscribers, now)
    lang = load_language(site.identity.language)

    def write(url: str) -> Notice:
        minutes = LOGGING_IN.lifetime // timedelta(minutes=1)
        return write_login(lang, site.identity, url, minutes, origin)

    await site.by_mail.ask(
        LOGGING_IN,
        reader,
        address=address,
        wanted_json="",
        write=write,
        language=lang.code,
        origin=origin,
        now=now,
    )


async def show_login(site: Site, request: Request, confirmation: Confirmation) -> Response:
    """Return the page with the button that logs in. Changes nothing: scanners open the links of mails, too."""
    if not _may_log_in(site, confirmation):
        return _show_late(site, request)
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("Log in to the operator's page"),
        lang.say("You stay logged in for twelve hours, in this browser only."),
        button=lang.say("Log in"),
        action=request.url.path,
        headers=PRIVATE,
    )


async def log_in(site: Site, request: Request, confirmation: Confirmation) -> Response:
    """Begin a session, once for each link."""
    newsletter = site.newsletter
    now = newsletter.clock.now()
    if not _may_log_in(site, confirmation) or not await site.by_mail.take(confirmation, now):
        return _show_late(site, request)
    before = read_token(site, request)
    if before is not None:
        await newsletter.sessions.close(hash_token(before))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await newsletter.sessions.open(confirmation.address, hash_token(token), now, now + SESSION_LIFETIME)
    log.info("an operator has logged in", address=confirmation.address, origin=site.origin_of(request))
    answer = RedirectResponse(site.links.page("/operate"), 303, dict(PRIVATE))
    set_cookie(site, answer, token, int(SESSION_LIFETIME.total_seconds()))
    return answer


async def log_out(site: Site, request: Request) -> Response:
    """End the session, if the form is that session's own."""
    session = await find_session(site, request)
    (token, *_) = (await read_fields(request)).get("token", [""])
    if session is not None:
        if not is_of_session(site, session, "logout", token):
            lang = site.choose_language(request)
            says = lang.say("This form does not belong to your session. You are still logged in.")
            return site.message(request, lang.say("Not logged out"), says, status=403, headers=PRIVATE)
        await site.newsletter.sessions.close(session.token_hash)
    answer = RedirectResponse(site.links.page("/operate"), 303, dict(PRIVATE))
    set_cookie(site, answer, "", 0)
    return answer


def _may_log_in(site: Site, confirmation: Confirmation) -> bool:
    return is_operator(site, confirmation.address) and is_open(confirmation, site.newsletter.clock.now())


def _read_address(typed: str) -> EmailAddress | None:
    try:
        return parse_address(typed)
    except AddressError:
        return None


def _show_late(site: Site, request: Request) -> Response:
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("This link no longer works"),
        lang.say("It works once and only for a short time. Request a new one on the login page."),
        status=410,
        headers=PRIVATE,
    )


CONFIRM = (show_login, log_in)
PAGES = (
    ("/operate", show_operate, ("GET",)),
    ("/operate", ask_for_link, ("POST",)),
    ("/operate/logout", log_out, ("POST",)),
)
