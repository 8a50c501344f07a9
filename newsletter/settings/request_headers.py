"""Which headers and cookies of a source may stand in the configuration: no secrets, and none of our own. Pure.

A secret is known by its name (``Authorization``, ``X-Api-Key``, ``sessionid``) or its look (a long run of letters
and digits), so not each one is: what comes from the environment is the operator's own care.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.errors import Problem
    from newsletter.settings.yaml_text import Document

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_ELSEWHERE = {
    "cookie": "write it under 'cookies'",
    "user-agent": "write it as 'user_agent'",
    "proxy-authorization": "write the login into 'proxy', as http://user:${PROXY_PASSWORD}@host:port",
}
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_SECRET_NAME = re.compile(
    r"auth|bearer|clearance|credential|jwt|key\b|login|logged|pass(?:code|phrase|w)|pwd|secret|sess|sid\b|signature|token",
    re.IGNORECASE,
)
_SECRET_LOOK = re.compile(
    r"^(?:Basic|Bearer|Token|Digest|ApiKey)\s+\S|\b(?=\w*\d)(?=\w*[A-Za-z])\w{24,}", re.IGNORECASE
)


def split_cookies(text: str) -> list[tuple[str, str]]:
    """Return names and values of a ``Cookie`` header; nothing where a part is no cookie."""
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    if not all(equals and _TOKEN.fullmatch(name.strip()) for name, equals, _ in pairs):
        return []
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def find_odd_headers(document: Document) -> Iterator[Problem]:
    """Yield the headers and cookies of sources that must not stand in the file, each at its place."""
    sources = document.value.get("sources")
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        for option in ("headers", "cookies"):
            given = source.get(option) if isinstance(source, dict) else None
            if isinstance(given, dict):
                names: set[str] = set()
                for name, text in given.items():
                    why = _why_odd(option, name, text if isinstance(text, str) else "", names)
                    if why:
                        yield document.problem(("sources", index, option, name), why)
                    names.add(name.casefold())
            elif isinstance(given, str) and any(
                _is_secret(name, text) for name, text in split_cookies(given)
            ):
                yield document.problem(("sources", index, option), _advise("cookies"))


def _why_odd(option: str, name: str, text: str, earlier: set[str]) -> str:
    """Return what is wrong with a header or cookie, "" for nothing."""
    if not _TOKEN.fullmatch(name):
        return f"{name!r} is not the name of a {option.removesuffix('s')}"
    if option == "cookies":
        if ";" in text:
            return "a value ends before ';'; give each cookie its own line"
        return _advise(option) if _is_secret(name, text) else ""
    folded = name.casefold()
    if folded in _ELSEWHERE:
        return f"{name} does not belong here; {_ELSEWHERE[folded]}"
    if folded in _OURS:
        return f"{name} is sent by newsletter itself; remove it"
    if folded in earlier:
        return f"{name} is given twice; keep one of them"
    return _advise(name) if _is_secret(name, text) else ""


def _is_secret(name: str, text: str) -> bool:
    """Return whether a value is a secret that was written out."""
    if not text or "${" in text:
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_LOOK.search(text))


def _advise(name: str) -> str:
    example = "Bearer ${FEED_TOKEN}" if name.casefold() == "authorization" else "${FEED_TOKEN}"
    return f"secrets do not belong in this file; write {example} and set that environment variable"
