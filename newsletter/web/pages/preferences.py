"""A reader's own page, by the signed link in their mail: what they get, what they chose, and how to change it.

What is changed here is the reader's own from then on, whatever subscribers.yaml says. Each form carries a hash of what
the page showed; where the reader was changed meanwhile, the form is shown again and nothing is written.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from newsletter.compose.item import build_card
from newsletter.compose.subscription import (
    LONGEST_PAUSE,
    parse_pause_end,
    pause_ends_on,
    status_of,
)
from newsletter.errors import BusyError, QueryError
from newsletter.match.topics import list_names, parse_topics
from newsletter.model.readers import Consent, Refused, Status, Subscriber
from newsletter.render.context import write_title
from newsletter.render.wording import clean, write_cadence
from newsletter.settings.topic_lines import MOST_TOPICS
from newsletter.stored_json import to_json
from newsletter.web.forms import (
    Checked,
    check_form,
    lay_preferences_over,
    read_form,
    show_reader,
)
from newsletter.web.readers import (
    PRIVATE,
    find_reader,
    language_of,
    read_fields,
    show_dead_link,
)
from newsletter.web.topic_fields import (
    form_values,
    make_offer,
    offer_topics,
    preview_values,
    read_topics_of,
)
from newsletter.web.workload import do_work

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.match.near_misses import NearMiss
    from newsletter.model.topics import Topic
    from newsletter.render.language import Language
    from newsletter.web.site import Site

_HOW = "on the preferences page"


class Change(NamedTuple):
    """One thing that is another one from now on."""

    what: str
    was: str
    now: str


class MissView(NamedTuple):
    """A paper that one rule alone kept out of a topic."""

    title: str
    url: str
    rule: str


class MissedView(NamedTuple):
    """What one topic just missed in the last days. is_cut: looking cost too much, so it is not known."""

    name: str
    missed: tuple[MissView, ...]
    is_cut: bool


# --- pages ----------------------------------------------------------------------------------------


async def show_preferences(site: Site, request: Request) -> Response:
    """Return the reader's page. Changes nothing."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    return await _show(site, request, reader)


async def save_preferences(site: Site, request: Request) -> Response:
    """Take what the form says from now on, and say what is another thing than before; mail it, too."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    lang = language_of(site, request, reader)
    fields = await read_fields(request)
    given = read_form(fields)
    checked = await asyncio.to_thread(check_form, given, make_offer(site), lang, with_address=False)
    if checked.preferences is None:
        return await _show(site, request, reader, checked, status=422)
    after = lay_preferences_over(reader, checked.preferences, pictures=site.identity.pictures)
    if _has_same_topics(reader, checked.preferences.topics, site):
        after = replace(after, topics_json=reader.topics_json)  # the form may write them in another way
    if not reader.language and after.language == site.identity.language:
        after = replace(after, language="")  # who did not choose follows the newsletter
    changes = list_changes(lang, site, reader, after)
    if not changes:
        return await _show(site, request, reader, notice=lang.say("Nothing was changed."))
    if fields.get("version") != [version_of(reader)]:
        return await _show_stale(site, request, reader, checked)
    moved = await site.subscriptions.change(reader.id, after, site.origin_of(request), _is_as_shown(reader))
    return await _show_moved(site, request, reader, moved, checked)


async def pause(site: Site, request: Request) -> Response:
    """Send nothing until the day that the form says."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    lang = language_of(site, request, reader)
    fields = await read_fields(request)
    now = site.newsletter.clock.now()
    first_on = parse_pause_end(fields.get("until", [""])[0], reader, now)
    if first_on is None:
        wrong = lang.say("Please choose a day after today and within a year.")
        return await _show(site, request, reader, pause_mistake=wrong, status=422)
    if fields.get("version") != [version_of(reader)]:
        return await _show_stale(site, request, reader)
    origin, is_as_shown = site.origin_of(request), _is_as_shown(reader)
    moved = await site.subscriptions.pause(reader.id, first_on, _HOW, origin, is_as_shown)
    return await _show_moved(site, request, reader, moved)


async def resume(site: Site, request: Request) -> Response:
    """Mail a reader again who has a pause or has left. What came meanwhile is not sent after them."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    fields = await read_fields(request)
    if fields.get("version") != [version_of(reader)]:
        return await _show_stale(site, request, reader)
    origin, is_as_shown = site.origin_of(request), _is_as_shown(reader)
    moved = await site.subscriptions.take_up(reader, _HOW, origin, is_as_shown)
    return await _show_moved(site, request, reader, moved)


def _is_as_shown(reader: Subscriber) -> Callable[[Subscriber], bool]:
    """Return what tells whether a reader is still as this page showed them."""
    version = version_of(reader)
    return lambda present: version_of(present) == version


def _has_same_topics(reader: Subscriber, topics: Sequence[Topic], site: Site) -> bool:
    """Whether these are a reader's topics, in any order."""
    try:
        return Counter(parse_topics(reader.topics_json, site.newsletter.library)) == Counter(topics)
    except QueryError:
        return False


async def _show_moved(
    site: Site,
    request: Request,
    before: Subscriber,
    moved: Subscriber | Refused,
    checked: Checked | None = None,
) -> Response:
    """Say what is different from now on, or that nothing is."""
    reader = await _reload(site, request, before)
    if isinstance(moved, Refused):
        return await _show_stale(site, request, reader, checked)
    lang = language_of(site, request, before)
    return await _show(site, request, reader, changes=list_changes(lang, site, before, moved))


async def _reload(site: Site, request: Request, reader: Subscriber) -> Subscriber:
    return await find_reader(site, request) or reader


async def _show_stale(
    site: Site, request: Request, reader: Subscriber, checked: Checked | None = None
) -> Response:
    lang = language_of(site, request, reader)
    notice = lang.say(
        "Your preferences were changed elsewhere while this page was open, so nothing was saved. Please check again."
    )
    return await _show(site, request, reader, checked, notice=notice, status=409)


async def _show(
    site: Site,
    request: Request,
    reader: Subscriber,
    checked: Checked | None = None,
    *,
    notice: str = "",
    pause_mistake: str = "",
    changes: Sequence[Change] = (),
    status: int = 200,
) -> Response:
    """Return the page. checked is a form that was sent and could not be taken; without one it shows what is stored."""
    lang = language_of(site, request, reader)
    if checked is None:
        offered = [pick.line for pick in await offer_topics(site)]
        checked = replace(await read_topics_of(site, show_reader(reader, offered)), mistakes=())
    tried = await preview_values(site, request, lang, checked)
    found = await _list_missed(site, request, lang, checked)
    suppressed = await site.newsletter.subscribers.load_suppressed([reader.address])
    return site.page(
        request,
        "preferences.html.j2",
        status=status,
        language=lang,
        headers=PRIVATE,
        suppression=suppressed.get(reader.address),
        notice=notice,
        changes=changes,
        pause_mistake=pause_mistake,
        found=found,
        missed_nothing=lang.join([one.name for one in found if not (one.missed or one.is_cut)]),
        missed_unknown=lang.join([one.name for one in found if one.is_cut]),
        **_describe(site, lang, reader),
        **await form_values(site, lang, checked),
        **tried,
    )


def _describe(site: Site, lang: Language, reader: Subscriber) -> dict[str, Any]:
    """Return what the page says of a reader as they are, and where its forms lead."""
    today = reader.cadence.date_at(site.newsletter.clock.now())
    return {
        "reader": reader,
        "here": site.links.preferences(reader.id, reader.address, site.secret),
        "leave": site.links.leave(reader.id, site.secret),
        "version": version_of(reader),
        "state": write_state(lang, reader),
        "is_mailed": reader.consent in (Consent.CONFIRMED, Consent.PAUSED),
        "may_resume": status_of(reader) in (Status.PAUSED, Status.ABSENT, Status.LEFT),
        "pause_first": today.isoformat(),
        "pause_last": (today + LONGEST_PAUSE).isoformat(),
    }


async def _list_missed(site: Site, request: Request, lang: Language, checked: Checked) -> list[MissedView]:
    topics = checked.read.topics[:MOST_TOPICS]
    try:
        missed = await do_work(site, request, lambda budget: site.previews.find_missed(topics, budget))
    except BusyError:
        missed = [None] * len(topics)
    return [
        MissedView(
            clean(topic.name, 80),
            tuple(_write_miss(site, lang, miss) for miss in some or ()),
            is_cut=some is None,
        )
        for topic, some in zip(topics, missed, strict=True)
    ]


def _write_miss(site: Site, lang: Language, miss: NearMiss) -> MissView:
    why = clean(lang.tell(miss.why), 200)
    return MissView(write_title(lang, build_card(miss.entry)), site.links.paper(miss.entry.key), why)


# --- what the page says ---------------------------------------------------------------------------


def version_of(reader: Subscriber) -> str:
    """Return a hash of all that this page shows of a reader and changes."""
    shown = (
        *(reader.address, reader.name, sorted(reader.cadence.days), reader.cadence.at.isoformat()),
        *(reader.cadence.zone, reader.topics_json, reader.language, reader.layout, reader.everything_else),
        *(reader.pictures,),
        *(reader.consent, reader.wake_at.isoformat() if reader.wake_at else ""),
    )
    return hashlib.sha256(to_json(list(shown)).encode()).hexdigest()[:16]


def write_state(lang: Language, reader: Subscriber) -> str:
    """Return what a reader gets at present, in a sentence or two."""
    match reader.consent:
        case Consent.LEFT:
            return lang.say("You have unsubscribed and get no mail.")
        case Consent.UNCONFIRMED:
            return lang.say("You have not confirmed yet and get no digest.")
        case Consent.PAUSED if pause_ends_on(reader) is None:
            return lang.say("Your subscription is paused until you end the pause.")
        case Consent.PAUSED:
            return lang.say(
                "Your subscription is paused. The next digest comes on {day}.", day=_write_next(lang, reader)
            )
        case Consent.CONFIRMED:
            cadence = write_cadence(lang, reader.cadence)
            if reader.next_due_at is None:
                return lang.say("You get a digest {cadence}.", cadence=cadence)
            return lang.say(
                "You get a digest {cadence}. The next one comes on {day}.",
                cadence=cadence,
                day=_write_next(lang, reader),
            )


def _write_next(lang: Language, reader: Subscriber) -> str:
    assert reader.next_due_at is not None
    return lang.full_date(reader.cadence.date_at(reader.next_due_at))


def list_changes(lang: Language, site: Site, before: Subscriber, after: Subscriber) -> list[Change]:
    """Return what is different between two states of a reader, in words, in the order of the form."""
    was, now = _word_preferences(lang, site, before), _word_preferences(lang, site, after)
    return [
        Change(what, was[what][1], words) for what, (value, words) in now.items() if value != was[what][0]
    ]


def _word_preferences(lang: Language, site: Site, reader: Subscriber) -> dict[str, tuple[object, str]]:
    """Return what a reader chose, and each in words, by what it is called, in the order of the form."""
    names = {choice.value: choice.label for choice in make_offer(site).languages}
    topics = lang.join([clean(name, 80) for name in list_names(reader.topics_json, site.newsletter.library)])
    layout = reader.layout or site.identity.layout
    pictures = site.identity.pictures if reader.pictures is None else reader.pictures
    rest = reader.everything_else
    return {
        lang.say("Topics"): (reader.topics_json, topics or "–"),
        lang.say("When"): (reader.cadence, write_cadence(lang, reader.cadence)),
        lang.say("Language"): (
            reader.language,
            names.get(reader.language or site.identity.language, reader.language),
        ),
        lang.say("Layout"): (layout, layout),
        lang.say("Pictures of the papers in your mails"): (
            pictures,
            lang.say("yes") if pictures else lang.say("no"),
        ),
        lang.say("Trending papers outside your topics, at most"): (rest, lang.number(rest)),
        lang.say("Your name"): (reader.name, reader.name or "–"),
        lang.say("Subscription"): ((reader.consent, reader.wake_at), write_state(lang, reader)),
    }


PAGES = (
    ("/me/{token}", show_preferences, ("GET",)),
    ("/me/{token}", save_preferences, ("POST",)),
    ("/me/{token}/pause", pause, ("POST",)),
    ("/me/{token}/resume", resume, ("POST",)),
)
