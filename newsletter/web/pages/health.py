"""What machines ask: whether this process answers, whether it can work, what crawlers may read, whom to tell of a hole.

``/metrics`` is not here: it has a listener of its own (``web/metrics.py``).
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from newsletter.workflows.readiness import Readiness, load_readiness

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.web.site import Site

_SECURITY_TXT_DAYS = 180
CRAWLED_BY_NOBODY = ("/me/", "/leave/", "/confirm/", "/operate", "/search")
"""Pages of one person; and searches, of which there is no end. Everything else is for everybody."""


async def show_alive(_site: Site, _request: Request) -> Response:
    """Say that this process answers."""
    return _answer("ok")


async def show_ready(site: Site, _request: Request) -> Response:
    """Say whether the database answers and its tables are those that this version knows; 503 otherwise."""
    readiness = await load_readiness(site.newsletter.database)
    return _answer(readiness, 200 if readiness is Readiness.READY else 503)


async def show_robots(site: Site, _request: Request) -> Response:
    """Say what crawlers may read: the archive, and nobody's own pages."""
    lines = ["User-agent: *"]
    lines += [f"Disallow: {site.links.prefix}{path}" for path in CRAWLED_BY_NOBODY]
    lines += ["", f"Sitemap: {site.links.page('/sitemap.xml')}", ""]
    return PlainTextResponse("\n".join(lines), headers={"cache-control": "public, max-age=86400"})


async def show_security(site: Site, _request: Request) -> Response:
    """Say whom to tell of a hole (RFC 9116)."""
    lines = [
        f"Contact: {choose_contact(site.newsletter.config.contact, _owner(site))}",
        f"Expires: {choose_expiry(site.newsletter.clock.now()):%Y-%m-%dT%H:%M:%SZ}",
        f"Preferred-Languages: {', '.join(dict.fromkeys((site.identity.language, 'en')))}",
        f"Canonical: {site.links.page('/.well-known/security.txt')}",
        "",
    ]
    return PlainTextResponse("\n".join(lines), headers={"cache-control": "public, max-age=86400"})


def choose_contact(contact: str, owner: str) -> str:
    """Return a URI for Contact: what the operator wrote, if it is an https page or an address; else the owner's."""
    if contact.startswith("https://"):
        return contact
    return f"mailto:{contact if '@' in contact and ' ' not in contact else owner}"


def choose_expiry(now: datetime) -> datetime:
    """Return the end of the file's life: the same all day, and within a year as the RFC asks."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    return midnight + timedelta(days=_SECURITY_TXT_DAYS)


def _owner(site: Site) -> str:
    return site.identity.reply_to or site.identity.from_address


def _answer(text: str, status: int = 200) -> Response:
    return PlainTextResponse(f"{text}\n", status, {"cache-control": "no-store"})


PAGES = (
    ("/healthz", show_alive, ("GET",)),
    ("/readyz", show_ready, ("GET",)),
    ("/robots.txt", show_robots, ("GET",)),
    ("/.well-known/security.txt", show_security, ("GET",)),
)
