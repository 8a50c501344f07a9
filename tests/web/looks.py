"""Every page as somebody sees it: its address in the showcase, and what was sent where a form leads to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from newsletter.web.form_age import build_form_token
from newsletter.web.pages.subscribe import FORM
from tests.support.builders import at
from tests.web.showcase import Showcase


class Look(NamedTuple):
    """One page. route is the path of its page function; fields are those of a form that is sent there."""

    name: str
    route: str
    path: str
    fields: Mapping[str, str | Sequence[str]] | None = None
    is_logged_in: bool = True


NO_PAGES = frozenset(
    {
        "/static/{name}",
        "/feed.atom",
        "/feed.json",
        "/search.atom",
        "/search.json",
        "/search.bib",
        "/search.ris",
        "/{day:day}.bib",
        "/{day:day}.ris",
        "/topics/{slug}.atom",
        "/topics/{slug}.json",
        "/sitemap.xml",
        "/sitemap-{part}.xml",
        "/robots.txt",
        "/.well-known/security.txt",
        "/healthz",
        "/readyz",
        "/webhooks/{provider}/{token}",
        "/language",
        "/pictures/{name}",
        "/metrics",
        "/preview",
        "/me/{token}/export",
    }
)
"""Routes whose answer is nothing that somebody looks at."""


def list_looks(showcase: Showcase) -> list[Look]:
    """Return all pages of the showcase, those of one reader and of the operator too."""
    site, reader = showcase.site, showcase.reader
    me = site.links.preferences(reader.id, reader.address, site.secret).removeprefix(site.links.base)
    leave, other_leave = (
        site.links.leave(one.id, site.secret).removeprefix(site.links.base)
        for one in (reader, showcase.leaver)
    )
    form = {
        "form": build_form_token(FORM, site.secret, at("2026-06-17 18:00")),
        "address": "lise@readers.example.net",
        "topic": ["RAG", "Agents & tools"],
        "own": 'Safety: (jailbreak OR "red team*") AND NOT title:survey',
        "when": "weekdays",
        "hour": "07:30",
        "zone": "Europe/Berlin",
        "language": "en",
        "layout": "cards",
        "everything_else": "3",
        "name": "Lise",
        "do": "subscribe",
    }
    wrong = {**form, "address": "lise", "own": "RAG AND (agents OR\nAND", "hour": ""}
    return [
        Look("home", "/", "/"),
        Look("subscribe", "/subscribe", "/subscribe"),
        Look("subscribe-preview", "/subscribe", "/subscribe", {**form, "do": "preview"}),
        Look("subscribe-wrong", "/subscribe", "/subscribe", wrong),
        Look("subscribe-asked", "/subscribe", "/subscribe", form),
        Look("join", "/join", "/join", {"address": "lise@readers.example.net"}),
        Look("confirm", "/confirm/{token}", showcase.confirm_path),
        Look("confirmed", "/confirm/{token}", showcase.confirm_path, {}),
        Look("dead-link", "/confirm/{token}", "/confirm/nothing"),
        Look("archive", "/archive", "/archive"),
        Look("edition", "/{day:day}", "/2026-06-16"),
        Look("edition-long-words", "/{day:day}", "/2026-06-12"),
        Look("edition-empty", "/{day:day}", "/2026-06-18"),
        Look("paper", "/papers/{key:path}", showcase.paper_path),
        Look("search", "/search", "/search"),
        Look("search-found", "/search", "/search?q=agent"),
        Look("search-wrong", "/search", "/search?q=%28agent+OR"),
        Look("topics", "/topics", "/topics"),
        Look("topic", "/topics/{slug}", "/topics/agents-tools"),
        Look("preferences", "/me/{token}", me),
        Look("preferences-wrong", "/me/{token}", me, wrong),
        Look("sent", "/me/{token}/sent", f"{me}/sent"),
        Look("sent-digest", "/me/{token}/sent/{date}", f"{me}/sent/2026-06-16"),
        Look("leave", "/leave/{token}", leave),
        Look("erase", "/me/{token}/erase", f"{me}/erase", {}),
        Look("address", "/me/{token}/address", f"{me}/address", {"address": "ada@new.example.net"}),
        Look("pause-wrong", "/me/{token}/pause", f"{me}/pause", {"until": "2020-01-01"}),
        Look("resume", "/me/{token}/resume", f"{me}/resume", {}),
        Look("goodbye", "/leave/{token}", other_leave, {"do": "leave"}),
        Look("instead", "/leave/{token}", other_leave, {"do": "pause-2"}),
        Look("lost-link", "/preferences", "/preferences"),
        Look("lost-link-wrong", "/preferences", "/preferences", {"address": "ada"}),
        Look("lost-link-sent", "/preferences", "/preferences", {"address": "ada@readers.example.net"}),
        Look("privacy", "/privacy", "/privacy"),
        Look("search-wider", "/search", "/search?q=robot"),
        Look("operate", "/operate", "/operate"),
        Look("act-asked", "/operate/ask", "/operate/ask", {"act": "hold", "why": "a typo in the subject"}),
        Look("act-not-done", "/operate/do", "/operate/do", {"act": "hold", "why": "a typo"}),
        Look("login", "/operate", "/operate", is_logged_in=False),
        Look("login-asked", "/operate", "/operate", {"address": "somebody@example.net"}),
        Look("logout-refused", "/operate/logout", "/operate/logout", {}),
        Look("not-found", "", "/no-such-page"),
    ]
