"""The operator's buttons: each asks first what it would do, and does it at the second press, in a session of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from newsletter.errors import ActError
from newsletter.model.acts import Act, Wish
from newsletter.web.act_words import word_act, word_wish
from newsletter.web.readers import PRIVATE, read_fields
from newsletter.web.sessions import Session, build_form_token, find_session, is_of_session

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site

_MOST_CHARS = 2_000


async def ask_first(site: Site, request: Request) -> Response:
    """Return the page that says what a button would do, with the button that does it. Changes nothing."""
    session = await find_session(site, request)
    if session is None:
        return RedirectResponse(site.links.page("/operate"), 303, dict(PRIVATE))
    wish = _read_wish(await read_fields(request), session)
    if wish is None:
        return site.not_found(request)
    lang = site.choose_language(request)
    return site.message(
        request,
        word_act(lang, wish.act),
        *word_wish(lang, wish),
        button=word_act(lang, wish.act),
        action=site.links.page("/operate/do"),
        fields={
            "act": wish.act,
            "subject": wish.subject,
            "why": wish.why,
            "token": build_form_token(site, session, _purpose(wish)),
        },
        onward=[(lang.say("No, back to the overview"), site.links.page("/operate"))],
        headers=PRIVATE,
    )


async def do_it(site: Site, request: Request) -> Response:
    """Do what was asked and confirmed; say what came of it."""
    session = await find_session(site, request)
    if session is None:
        return RedirectResponse(site.links.page("/operate"), 303, dict(PRIVATE))
    fields = await read_fields(request)
    wish = _read_wish(fields, session)
    if wish is None:
        return site.not_found(request)
    lang = site.choose_language(request)
    back = [(lang.say("Back to the overview"), site.links.page("/operate"))]
    if not is_of_session(site, session, _purpose(wish), _first(fields, "token")):
        says = lang.say("This form does not belong to your session. Nothing was done.")
        return site.message(request, lang.say("Not done"), says, status=403, headers=PRIVATE, onward=back)
    desk = site.newsletter.build_operator_desk(site.secret)
    try:
        heading, says, status = lang.say("Done"), await desk.act_on(wish), 200
    except ActError as error:
        heading, says, status = lang.say("Not done"), error.message, 422
    return site.message(request, heading, lang.tell(says), status=status, headers=PRIVATE, onward=back)


def _read_wish(fields: Mapping[str, Sequence[str]], session: Session) -> Wish | None:
    act = _first(fields, "act")
    if act not in list(Act):
        return None
    subject, why = (_first(fields, name).strip()[:_MOST_CHARS] for name in ("subject", "why"))
    return Wish(Act(act), session.address, subject, why)


def _purpose(wish: Wish) -> str:
    """Return what a form is bound to: what was asked is what is done."""
    return f"act:{wish.act}:{wish.subject}:{wish.why}"


def _first(fields: Mapping[str, Sequence[str]], name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""


PAGES = (
    ("/operate/ask", ask_first, ("POST",)),
    ("/operate/do", do_it, ("POST",)),
)
