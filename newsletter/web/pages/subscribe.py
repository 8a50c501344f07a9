"""Subscribe: a form, beside it what it would have brought, and a mail that asks whether the address is yours.

The answer is the same whatever is known of an address, and takes the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from newsletter.errors import BusyError
from newsletter.match.topic_line import MOST_LINE_CHARS
from newsletter.model.readers import EmailAddress, Subscriber
from newsletter.render.context import build_paper
from newsletter.render.language import Language, list_languages
from newsletter.settings.topic_lines import MOST_TOPICS, write_line
from newsletter.web.form_age import FormAge, build_form_token, judge_form
from newsletter.web.forms import (
    DAYS,
    Checked,
    Choice,
    Given,
    Mistake,
    Offer,
    check_form,
    group_zones,
    list_choices_of_languages,
    read_form,
    read_own_topics,
)
from newsletter.web.limits import PREVIEW, SUBSCRIBE, Limit
from newsletter.web.readers import PRIVATE, read_fields
from newsletter.web.site import Site
from newsletter.web.workload import do_work
from newsletter.workflows.subscribe import Desk
from newsletter.workflows.topic_preview import SHOWN, Preview, TopicPreview

ANSWER_AFTER_S = 0.3
"""An answer takes at least so long, so that its time says nothing of the work behind it."""

FORM = "subscribe"
TRAP = "website"
"""A field that people do not see and leave empty."""


# --- the form -------------------------------------------------------------------------------------


async def show_form(site: Site, request: Request) -> Response:
    """Return the empty form; ``?topic=`` writes topics into it."""
    lang = site.choose_language(request)
    wanted = [line[:MOST_LINE_CHARS] for line in request.query_params.getlist("topic")[:MOST_TOPICS]]
    given = Given(own="\n".join(" ".join(line.split()) for line in wanted), language=lang.code)
    return await _show(
        site,
        request,
        lang,
        Checked(given, await asyncio.to_thread(read_own_topics, given, site.newsletter.library)),
    )


async def take_form(site: Site, request: Request) -> Response:
    """Do what the button says: begin with an address, show a preview, or subscribe."""
    began = asyncio.get_running_loop().time()
    lang = site.choose_language(request)
    fields = await read_fields(request)
    given = read_form(fields)
    step = _first(fields, "do")
    if step == "begin":
        given = Given(address=given.address, language=lang.code)
        return await _show(site, request, lang, Checked(given, read_own_topics(given, {})))
    token = _first(fields, "form")
    if step == "preview":
        refused = refuse(site, request, PREVIEW)
        if refused is not None:
            return refused
        # Topics may take a second to read, and everybody else would wait for it.
        checked = Checked(given, await asyncio.to_thread(read_own_topics, given, site.newsletter.library))
        checked = replace(checked, mistakes=_own_mistakes(checked))
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
    if not _first(fields, TRAP):
        await _ask(site, request, checked, checked.address, lang)
    await asyncio.sleep(max(0.0, began + ANSWER_AFTER_S - asyncio.get_running_loop().time()))
    return site.page(request, "asked.html.j2", headers=PRIVATE, address=given.address.strip())


async def _ask(site: Site, request: Request, checked: Checked, address: EmailAddress, lang: Language) -> None:
    wanted = checked.preferences
    assert wanted is not None
    reader = Subscriber(
        address=address,
        cadence=wanted.cadence,
        topics_json=wanted.topics_json,
        name=wanted.name,
        language=wanted.language,
        layout=wanted.layout,
        everything_else=wanted.everything_else,
        file_owned=False,
    )
    now = site.newsletter.clock.now()
    await open_desk(site).ask(reader, wanted.language or lang.code, site.origin_of(request), now)


def open_desk(site: Site) -> Desk:
    """Return where somebody subscribes."""
    return Desk(
        subscribers=site.newsletter.subscribers,
        subscriptions=site.subscriptions,
        by_mail=site.by_mail,
        identity=site.identity,
    )


def _explain(lang: Language, age: FormAge) -> str:
    if age is FormAge.TOO_NEW:
        return lang.say("The form was sent unusually fast. Please check it and press the button again.")
    return lang.say("This form has expired. Please check it and press the button again.")


def refuse(site: Site, request: Request, limit: Limit) -> Response | None:
    """Return the answer to who asks too often; None to everybody else, and count it."""
    wait = site.limiter.take(limit, site.client_of(request))
    if not wait:
        return None
    lang = site.choose_language(request)
    return site.message(
        request,
        lang.say("Please wait a moment"),
        lang.say_count(
            "Too many requests from your network. Please try again in {number} second.",
            "Too many requests from your network. Please try again in {number} seconds.",
            wait,
        ),
        status=429,
        headers={"retry-after": str(wait)},
    )


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


# --- what the forms Subscribe and Preferences have in common --------------------------------------


def make_offer(site: Site) -> Offer:
    """Return what there is to choose from."""
    return Offer(
        languages=list_choices_of_languages(list_languages()),
        layouts=site.newsletter.templates.bundle.layouts,
        layout=site.identity.layout,
        library=site.newsletter.library,
    )


@dataclass(frozen=True, slots=True)
class Pick:
    """A suggested topic as a box to tick: the line that it stands for, and how many papers it would have brought."""

    line: str
    label: str
    count: int | None
    is_picked: bool
    code: str = ""


async def offer_topics(site: Site) -> list[Pick]:
    """Return the suggested topics, none ticked."""
    return [
        Pick(write_line(one.form), one.label, one.count, False, one.code)
        for one in await site.previews.suggest()
    ]


async def form_values(site: Site, lang: Language, checked: Checked) -> Mapping[str, Any]:
    """Return the values of ``fields.html.j2``: a form's fields, what they offer, and what is wrong with them."""
    given = checked.given
    picks = [replace(pick, is_picked=pick.line in given.picked) for pick in await offer_topics(site)]
    offered = {pick.line for pick in picks}
    # What was picked stays, though a new run may suggest other topics.
    picks += [Pick(line, line, None, True) for line in given.picked if line not in offered]
    return {
        "given": given,
        "checked": checked,
        "picks": picks,
        "offer": make_offer(site),
        "zones": group_zones(given.zone),
        "days": [Choice(day, lang.weekday(number)) for number, day in enumerate(DAYS)],
        "own_mistakes": [_show_mistake(mistake) for mistake in checked.of("own")],
        "own_doubts": checked.read.doubts,
    }


@dataclass(frozen=True, slots=True)
class ShownMistake:
    """A mistake in a topic, with the line cut where it is: before, at, after."""

    mistake: Mistake
    before: str
    at: str
    after: str


def _show_mistake(mistake: Mistake) -> ShownMistake:
    begin = mistake.column - 1
    if begin < 0:
        return ShownMistake(mistake, mistake.text, "", "")
    rest = mistake.text[begin:]
    word = rest.split(maxsplit=1)[0] if rest.strip() else ""
    end = begin + rest.find(word) + len(word) if word else begin
    return ShownMistake(mistake, mistake.text[:begin], mistake.text[begin:end] or "␣", mistake.text[end:])


# --- the preview ----------------------------------------------------------------------------------

NO_PREVIEW: Mapping[str, Any] = {"preview": None, "previews": (), "retry_after_s": 0}


def say_when(tried: Mapping[str, Any]) -> dict[str, str]:
    """Return the header that says when to try topics again, where that could not be done now."""
    return {"retry-after": str(tried["retry_after_s"])} if tried["retry_after_s"] else {}


async def show_preview(site: Site, request: Request) -> Response:
    """Return what the topics of a form would have brought, as a piece of the page for the script."""
    refused = refuse(site, request, PREVIEW)
    if refused is not None:
        return refused
    lang = site.choose_language(request)
    given = read_form(await read_fields(request))
    checked = Checked(given, await asyncio.to_thread(read_own_topics, given, site.newsletter.library))
    checked = replace(checked, mistakes=_own_mistakes(checked))
    tried = await preview_values(site, request, lang, checked)
    return site.page(
        request,
        "preview_piece.html.j2",
        status=503 if tried["retry_after_s"] else 200,
        headers={"cache-control": "no-store", **say_when(tried)},
        own_mistakes=[_show_mistake(mistake) for mistake in checked.mistakes],
        own_doubts=checked.read.doubts,
        **tried,
    )


def _own_mistakes(checked: Checked) -> tuple[Mistake, ...]:
    return tuple(
        Mistake("own", wrong.message, wrong.hint, wrong.text, wrong.line, wrong.column)
        for wrong in checked.read.mistakes
    )


@dataclass(frozen=True, slots=True)
class PreviewedPaper:
    """One paper that would have come, in words."""

    title: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class PreviewedTopic:
    """What one topic would have brought, in words. more counts the papers that are not shown; is_cut: not known."""

    name: str
    count: int
    papers: tuple[PreviewedPaper, ...]
    more: int
    is_cut: bool


async def preview_values(site: Site, request: Request, lang: Language, checked: Checked) -> Mapping[str, Any]:
    """Return the values of ``preview.html.j2`` for the topics of a form that could be read.

    retry_after_s is 0, or where too many try topics now when to try again. Raises LeftError, StoreError.
    """
    topics = checked.read.topics[:MOST_TOPICS]
    try:
        preview = await do_work(site, request, lambda budget: site.previews.preview(topics, budget))
    except BusyError as error:
        return {**NO_PREVIEW, "retry_after_s": error.retry_after_s}
    return {
        "preview": preview,
        "previews": [_write_topic(lang, one) for one in preview.topics],
        "per_day": write_per_day(lang, preview),
        "retry_after_s": 0,
    }


def _write_topic(lang: Language, one: TopicPreview) -> PreviewedTopic:
    papers: Sequence[PreviewedPaper] = []
    for item in one.shown:
        view = build_paper(lang, item.card, item.reason, one.topic.name, max_summary_chars=0, is_leader=False)
        papers = [*papers, PreviewedPaper(view.title, view.url, view.reason)]
    return PreviewedTopic(one.topic.name, one.count, tuple(papers), max(0, one.count - SHOWN), one.is_cut)


def write_per_day(lang: Language, preview: Preview) -> str:
    """Return how many papers come: about 4 a day, or about 3 a week where one a day would be too many."""
    if preview.per_day >= 1:
        number = round(preview.per_day)
        return lang.say_count("about {number} a day", "about {number} a day", number)
    return lang.say_count("about {number} a week", "about {number} a week", preview.count)


def _first(fields: Mapping[str, Sequence[str]], name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""


PAGES = (
    ("/subscribe", show_form, ("GET",)),
    ("/subscribe", take_form, ("POST",)),
    ("/preview", show_preview, ("POST",)),
)
