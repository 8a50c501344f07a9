"""Subscribe: a form, beside it what it would have brought, and a mail that asks whether the address is yours.

The answer is the same whatever is known of an address, and takes the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from newsletter.address import MOST_CHARS
from newsletter.match.topic_line import MOST_LINE_CHARS
from newsletter.model.readers import EmailAddress, Subscriber
from newsletter.settings.topic_lines import MOST_TOPICS
from newsletter.web.answers import constant_time, refuse
from newsletter.web.form_age import FormAge, build_form_token, judge_form
from newsletter.web.forms import (
    Checked,
    Given,
    check_form,
    lay_preferences_over,
    read_form,
    read_own_topics,
)
from newsletter.web.limits import PREVIEW, SUBSCRIBE
from newsletter.web.readers import PRIVATE, read_fields
from newsletter.web.topic_fields import (
    NO_PREVIEW,
    form_values,
    make_offer,
    preview_values,
    read_topics_of,
    say_when,
    show_mistake,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.render.language import Language
    from newsletter.web.site import Site

FORM = "subscribe"
TRAP = "website"
"""A field that people do not see and leave empty."""


# --- the form -------------------------------------------------------------------------------------


async def show_form(site: Site, request: Request) -> Response:
    """Return the empty form; ``?topic=`` writes topics into it."""
    lang = site.choose_language(request)
    wanted = [line[:MOST_LINE_CHARS] for line in request.query_params.getlist("topic")[:MOST_TOPICS]]
    given = Given(own="\n".join(" ".join(line.split()) for line in wanted), language=lang.code)
    return await _show(site, request, lang, replace(await read_topics_of(site, given), mistakes=()))


async def take_form(site: Site, request: Request) -> Response:
    """Do what the button says: begin with an address, show a preview, or subscribe."""
    lang = site.choose_language(request)
    fields = await read_fields(request)
    given = read_form(fields)
    step = _first(fields, "do")
    if step == "begin":
        return await _begin(site, request, lang, given.address)
    token = _first(fields, "form")
    if step == "preview":
        refused = refuse(site, request, PREVIEW)
        if refused is not None:
            return refused
        checked = await read_topics_of(site, given)
        return await _show(site, request, lang, checked, token=token, with_preview=True)
    checked = await asyncio.to_thread(check_form, given, make_offer(site), lang, with_address=True)
    if checked.preferences is None or checked.address is None:
        return await _show(site, request, lang, checked, token=token, status=422)
    age = judge_form(token, FORM, site.secret, site.newsletter.clock.now())
    if age is not FormAge.GOOD:
        return await _show(site, request, lang, checked, notice=_explain(lang, age), status=422)
    refused = refuse(site, request, SUBSCRIBE)
    if refused is not None:
        return refused
    async with constant_time():
        if not _first(fields, TRAP):
            await _ask(site, request, checked, checked.address, lang)
    return site.page(request, "asked.html.j2", headers=PRIVATE, address=given.address.strip())


async def begin_elsewhere(site: Site, request: Request) -> Response:
    """Return the form with the address that somebody typed on another site. Nothing is stored."""
    fields = await read_fields(request)
    return await _begin(site, request, site.choose_language(request), _first(fields, "address")[:MOST_CHARS])


async def _begin(site: Site, request: Request, lang: Language, address: str) -> Response:
    given = Given(address=address, language=lang.code)
    return await _show(site, request, lang, Checked(given, read_own_topics(given, {})))


async def _ask(site: Site, request: Request, checked: Checked, address: EmailAddress, lang: Language) -> None:
    wanted = checked.preferences
    assert wanted is not None
    stranger = Subscriber(address, wanted.cadence, wanted.topics_json)
    reader = lay_preferences_over(stranger, wanted, pictures=site.identity.pictures)
    now = site.newsletter.clock.now()
    await site.desk.ask(reader, wanted.language or lang.code, site.origin_of(request), now)


def _explain(lang: Language, age: FormAge) -> str:
    if age is FormAge.TOO_NEW:
        return lang.say("The form was sent unusually fast. Please check it and press the button again.")
    return lang.say("This form has expired. Please check it and press the button again.")


async def _show(
    site: Site,
    request: Request,
    lang: Language,
    checked: Checked,
    *,
    token: str = "",
    notice: str = "",
    status: int = 200,
    with_preview: bool = False,
) -> Response:
    """Return the form with what stands in it, what is wrong with it, and what its topics would have brought.

    The time at which it was shown first is kept where it still counts.
    """
    now = site.newsletter.clock.now()
    if judge_form(token, FORM, site.secret, now) is FormAge.TOO_OLD:
        token = build_form_token(FORM, site.secret, now)
    given = checked.given
    tried: Mapping[str, Any] = NO_PREVIEW
    if with_preview or given.picked or given.own:
        tried = await preview_values(site, request, lang, checked)
    return site.page(
        request,
        "subscribe.html.j2",
        status=503 if tried["retry_after_s"] and status == 200 else status,
        headers={"cache-control": "no-store", **say_when(tried)},
        form_token=token,
        trap=TRAP,
        notice=notice,
        **await form_values(site, lang, checked),
        **tried,
    )


# --- the preview ----------------------------------------------------------------------------------


async def show_preview(site: Site, request: Request) -> Response:
    """Return what the topics of a form would have brought, as a piece of the page for the script."""
    refused = refuse(site, request, PREVIEW)
    if refused is not None:
        return refused
    lang = site.choose_language(request)
    given = read_form(await read_fields(request))
    checked = await read_topics_of(site, given)
    tried = await preview_values(site, request, lang, checked)
    return site.page(
        request,
        "preview_piece.html.j2",
        status=503 if tried["retry_after_s"] else 200,
        headers={"cache-control": "no-store", **say_when(tried)},
        own_mistakes=[show_mistake(mistake) for mistake in checked.mistakes],
        own_doubts=checked.read.doubts,
        **tried,
    )


def _first(fields: Mapping[str, Sequence[str]], name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""


PAGES = (
    ("/subscribe", show_form, ("GET",)),
    ("/subscribe", take_form, ("POST",)),
    ("/join", begin_elsewhere, ("POST",)),
    ("/preview", show_preview, ("POST",)),
)
