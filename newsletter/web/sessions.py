"""Who is logged in to the operator's page: a cookie, a session in the store, and proofs that a form is theirs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.address import is_same_address
from newsletter.signing import Purpose, build_token, check_token

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.model.readers import EmailAddress
    from newsletter.web.site import Site
    from newsletter.web_links import WebLinks

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Cookie:
    """How the session's cookie is called, and where the browser sends it."""

    name: str
    path: str
    is_secure: bool


@dataclass(frozen=True, slots=True)
class Session:
    """Who is logged in. token_hash names the session in the store."""

    address: EmailAddress
    token_hash: str


async def find_session(site: Site, request: Request) -> Session | None:
    """Return the session of a request: one that has not expired, of somebody who still is an operator."""
    token = read_token(site, request)
    if token is None:
        return None
    token_hash = hash_token(token)
    address = await site.newsletter.sessions.load(token_hash, site.newsletter.clock.now())
    return Session(address, token_hash) if address and is_operator(site, address) else None


def choose_cookie(links: WebLinks) -> Cookie:
    """Return the cookie of a site. With the prefix ``__Host-`` no other host below the same domain can set it, but then
    its path is the whole host; below a path of a shared host, it is only sent where it is needed."""
    if not links.is_secure:
        return Cookie("operator", f"{links.prefix}/operate", is_secure=False)
    if links.prefix:
        return Cookie("__Secure-operator", f"{links.prefix}/operate", is_secure=True)
    return Cookie("__Host-operator", "/", is_secure=True)


def hash_token(token: str) -> str:
    """Return what the store knows of a session's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def build_form_token(site: Site, session: Session, purpose: str) -> str:
    """Return what proves that a form was made for this session, for one purpose."""
    return build_token(Purpose.FORM, 0, site.secret, f"{purpose}:{session.token_hash}")


def is_of_session(site: Site, session: Session, purpose: str, token: str) -> bool:
    """Say whether a form was made for this session, for this purpose."""
    return check_token(token, Purpose.FORM, site.secret, f"{purpose}:{session.token_hash}") is not None


def read_token(site: Site, request: Request) -> str | None:
    token = request.cookies.get(choose_cookie(site.links).name, "")
    return token if _TOKEN.fullmatch(token) else None


def set_cookie(site: Site, answer: Response, token: str, lifetime_s: int) -> None:
    cookie = choose_cookie(site.links)
    answer.set_cookie(
        cookie.name,
        token,
        max_age=lifetime_s,
        path=cookie.path,
        secure=cookie.is_secure,
        httponly=True,
        samesite="strict",
    )


def is_operator(site: Site, address: EmailAddress) -> bool:
    return any(is_same_address(address, operator) for operator in site.settings.operators)
