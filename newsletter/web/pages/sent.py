"""What a reader was sent and why: the list of their digests, and one of them as it was frozen when it went out."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from newsletter.compose.snapshot import parse_digest
from newsletter.model.ledger import Attempt, Delivery, State
from newsletter.render.context import PaperView, build_paper
from newsletter.render.wording import clean, count_papers
from newsletter.web.readers import PRIVATE, find_reader, language_of, show_dead_link

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model.readers import Subscriber
    from newsletter.render.language import Language
    from newsletter.web.site import Site

ON_A_PAGE = 50


class SentView(NamedTuple):
    """One digest in the list. papers is "" where there was no mail."""

    date: str
    url: str
    state: str
    papers: str


class TriedView(NamedTuple):
    """One attempt to send: when, how it ended, and what the mail server said."""

    at: str
    outcome: str
    reply: str


class TopicView(NamedTuple):
    """What a digest showed of one topic. more counts those over the limit, "" for none."""

    heading: str
    papers: tuple[PaperView, ...]
    more: str


async def show_sent(site: Site, request: Request) -> Response:
    """Return the list of a reader's digests, the newest first; ``?before=2026-06-16`` shows those of earlier dates."""
    reader = await find_reader(site, request)
    if reader is None:
        return show_dead_link(site, request)
    lang = language_of(site, request, reader)
    before = _parse_date(request.query_params.get("before", ""))
    found = await site.newsletter.personal.load_sent(
        reader.id, ON_A_PAGE + 1, before.isoformat() if before else ""
    )
    here = site.links.preferences(reader.id, reader.address, site.secret)
    shown = [
        SentView(
            date=lang.full_date(date.fromisoformat(digest.edition)),
            url=f"{here}/sent/{digest.edition}",
            state=write_state(lang, digest.state),
            papers=count_papers(lang, digest.papers) if digest.papers else "",
        )
        for digest in found[:ON_A_PAGE]
    ]
    older = f"{here}/sent?before={found[ON_A_PAGE - 1].edition}" if len(found) > ON_A_PAGE else ""
    return site.page(
        request, "sent.html.j2", language=lang, headers=PRIVATE, here=here, digests=shown, older=older
    )


async def show_digest(site: Site, request: Request) -> Response:
    """Return one digest: its papers with the reasons, and each attempt to send it."""
    reader = await find_reader(site, request)
    on = _parse_date(str(request.path_params["date"]))
    if reader is None:
        return show_dead_link(site, request)
    found = await site.newsletter.ledger.reads.load_of_reader(reader.id, on.isoformat()) if on else ()
    if not on or not found:
        return site.not_found(request)
    (delivery,) = found
    lang = language_of(site, request, reader)
    attempts = await site.newsletter.ledger.reads.load_attempts(delivery.id)
    return site.page(
        request,
        "sent_digest.html.j2",
        language=lang,
        headers=PRIVATE,
        here=site.links.preferences(reader.id, reader.address, site.secret),
        date=lang.full_date(on),
        state=write_state(lang, delivery.state),
        # An address may have changed since.
        address=delivery.address or "",
        topics=_list_topics(lang, delivery),
        attempts=[_write_attempt(lang, attempt, reader) for attempt in attempts],
    )


def write_state(lang: Language, state: State) -> str:
    """Return what became of a digest, in words that a reader understands."""
    match state:
        case State.QUEUED | State.CLAIMED | State.IN_DATA:
            return lang.say("On its way")
        case State.DEFERRED:
            return lang.say("Your mail server asked us to wait; we will try again")
        case State.ACCEPTED:
            return lang.say("Delivered to your mail server")
        case State.REJECTED:
            return lang.say("Refused by your mail server")
        case State.SUPPRESSED:
            return lang.say("Not sent: you had paused or unsubscribed, or your address refused mail")
        case State.EXPIRED:
            return lang.say("Not sent in time; the next digest covers its days")
        case State.UNCERTAIN:
            return lang.say("Possibly delivered: the connection broke before the reply arrived")
        case State.EMPTY:
            return lang.say("No mail: there was nothing new in your topics")
        case State.SKIPPED:
            return lang.say("Not sent: our service was down; the next digest covers its days")


def _list_topics(lang: Language, delivery: Delivery) -> list[TopicView]:
    """Return what a digest showed; nothing where it never went out, or was erased."""
    if delivery.snapshot is None or not delivery.snapshot.content_json:
        return []
    digest = parse_digest(delivery.snapshot.content_json, delivery.snapshot.cards)
    return [
        TopicView(
            heading=clean(section.topic, 80) or lang.say("Outside your topics"),
            papers=tuple(
                build_paper(lang, item, section.topic, max_summary_chars=0, is_leader=False)
                for item in section.items
            ),
            more=lang.say_count(
                "{number} more was over the limit of this topic.",
                "{number} more were over the limit of this topic.",
                len(section.overflow),
            )
            if section.overflow
            else "",
        )
        for section in digest.sections
    ]


def _write_attempt(lang: Language, attempt: Attempt, reader: Subscriber) -> TriedView:
    local = attempt.at.astimezone(ZoneInfo(reader.cadence.zone))
    at = f"{lang.long_date(local.date())}, {lang.time(local.time())} ({reader.cadence.zone})"
    return TriedView(at, _write_outcome(lang, attempt.outcome), clean(attempt.reply, 300))


def _write_outcome(lang: Language, outcome: State) -> str:
    match outcome:
        case State.ACCEPTED:
            return lang.say("accepted")
        case State.DEFERRED:
            return lang.say("will be retried")
        case State.REJECTED:
            return lang.say("refused")
        case _:
            return lang.say("no clear reply")


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


PAGES = (
    ("/me/{token}/sent", show_sent, ("GET",)),
    ("/me/{token}/sent/{date}", show_digest, ("GET",)),
)
