"""What the forms Subscribe and Preferences have in common: their fields, and what their topics would have brought."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from newsletter.errors import BusyError
from newsletter.render.catalogs import list_languages
from newsletter.render.context import build_paper
from newsletter.settings.topic_lines import MOST_TOPICS, write_line
from newsletter.web.forms import (
    DAYS,
    Checked,
    Choice,
    Given,
    Mistake,
    Offer,
    group_zones,
    list_choices_of_languages,
    list_own_mistakes,
    read_own_topics,
)
from newsletter.web.workload import do_work
from newsletter.workflows.topic_preview import SHOWN, TopicPreview, TopicsPreview

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.render.language import Language
    from newsletter.web.site import Site

NO_PREVIEW: Mapping[str, Any] = {"preview": None, "previews": (), "retry_after_s": 0}


def make_offer(site: Site) -> Offer:
    """Return what there is to choose from."""
    return Offer(
        languages=list_choices_of_languages(list_languages()),
        layouts=site.newsletter.bundle.layouts,
        layout=site.identity.layout,
        pictures=site.identity.pictures,
        pictures_from=site.links.host if site.newsletter.config.fetch.pictures else "",
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
        "own_mistakes": [show_mistake(mistake) for mistake in checked.of("own")],
        "own_doubts": checked.read.doubts,
    }


@dataclass(frozen=True, slots=True)
class ShownMistake:
    """A mistake in a topic, with the line cut where it is: before, at, after."""

    mistake: Mistake
    before: str
    at: str
    after: str


def show_mistake(mistake: Mistake) -> ShownMistake:
    """Return a mistake as a page shows it."""
    begin = mistake.column - 1
    if begin < 0:
        return ShownMistake(mistake, mistake.text, "", "")
    rest = mistake.text[begin:]
    word = rest.split(maxsplit=1)[0] if rest.strip() else ""
    end = begin + rest.find(word) + len(word) if word else begin
    return ShownMistake(mistake, mistake.text[:begin], mistake.text[begin:end] or "␣", mistake.text[end:])


async def read_topics_of(site: Site, given: Given) -> Checked:
    """Return the topics of a form, and what is wrong with them. In a thread: they may take a second to read, and
    everybody else would wait for it."""
    read = await asyncio.to_thread(read_own_topics, given, site.newsletter.library)
    return Checked(given, read, list_own_mistakes(read))


# --- what they would have brought -----------------------------------------------------------------


def say_when(tried: Mapping[str, Any]) -> dict[str, str]:
    """Return the header that says when to try topics again, where that could not be done now."""
    return {"retry-after": str(tried["retry_after_s"])} if tried["retry_after_s"] else {}


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
    papers = []
    for item in one.shown:
        view = build_paper(lang, item, one.topic.name, max_summary_chars=0, is_leader=False)
        papers.append(PreviewedPaper(view.title, view.url, view.reason))
    return PreviewedTopic(one.topic.name, one.count, tuple(papers), max(0, one.count - SHOWN), one.is_cut)


def write_per_day(lang: Language, preview: TopicsPreview) -> str:
    """Return how many papers come: about 4 a day, or about 3 a week where one a day would be too many."""
    if preview.per_day >= 1:
        number = round(preview.per_day)
        return lang.say_count("about {number} a day", "about {number} a day", number)
    return lang.say_count("about {number} a week", "about {number} a week", preview.count)
