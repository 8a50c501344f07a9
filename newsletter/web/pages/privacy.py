"""What is stored of whom: every table that may name somebody, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.web.public import public

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.render.language import Language
    from newsletter.web.site import Site


@dataclass(frozen=True, slots=True)
class Stored:
    """One thing that is stored of a person. tables are those that it stands in."""

    what: str
    why: str
    until: str
    tables: tuple[str, ...]


def list_stored(lang: Language, kept: timedelta) -> tuple[Stored, ...]:
    """Return all that is stored of readers and operators, what it is for, and until when it is kept. kept is
    how long mails are."""
    of_operators = Stored(
        lang.say("Of operators: their address, and a hash of the session"),
        lang.say("to let them log in"),
        lang.say("until the session ends"),
        ("sessions",),
    )
    return (*_list_of_readers(lang, kept), of_operators)


def _list_of_readers(lang: Language, kept: timedelta) -> tuple[Stored, ...]:
    return (
        Stored(
            lang.say("Your address and choices: topics, days, hour, zone, language, layout, pictures, name"),
            lang.say("to send you what you asked for, when you asked for it"),
            lang.say("until you erase your data"),
            ("subscribers",),
        ),
        Stored(
            lang.say(
                "When and how you subscribed, changed, paused or left, and a shortened IP address of each request"
            ),
            lang.say("to prove that you asked for our mail"),
            lang.say("until you erase your data; if you never confirm, for seven days"),
            ("consents", "confirmations"),
        ),
        Stored(
            lang.say("Every mail to you: its papers, why each was chosen, and what the mail server answered"),
            lang.say("to send nothing twice, and to answer your questions"),
            lang.say_count(
                "for {number} day, or until you erase your data; then only the number of mails remains",
                "for {number} days, or until you erase your data; then only the number of mails remains",
                kept.days,
            ),
            ("deliveries", "queue", "mails", "contents", "outcomes", "attempts"),
        ),
        Stored(
            lang.say("Reports that a mail could not be delivered or was marked as spam"),
            lang.say("to stop sending where mail is not wanted or cannot arrive"),
            lang.say("as long as we must not write to the address, even if you erase your data"),
            ("bounces", "strikes", "suppressions"),
        ),
        Stored(
            lang.say("After you erase your data: a keyed hash of your address"),
            lang.say("so that no old list brings you back"),
            lang.say("without end; it says nothing to anybody who does not know your address"),
            ("subscribers",),
        ),
    )


@public()
async def show_privacy(site: Site, request: Request) -> Response:
    """Return the page on privacy."""
    lang = site.choose_language(request)
    kept = site.newsletter.config.retention.deliveries
    return site.page(request, "privacy.html.j2", language=lang, stored=list_stored(lang, kept))


PAGES = (("/privacy", show_privacy, ("GET",)),)
