"""Pages as somebody finds them who follows every link, and what may stand in a page at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx2

from newsletter.web.site import Site

MOST_PAGES = 400
PUBLIC_STARTS = (
    *(
        "/",
        "/archive",
        "/search?q=agents",
        "/search?q=*",
        "/topics",
        "/subscribe",
        "/operate",
        "/nothing-here",
    ),
    *("/feed.atom", "/feed.json", "/sitemap.xml", "/robots.txt", "/.well-known/security.txt", "/healthz"),
)

Tag = tuple[str, Mapping[str, str]]

_GOES_TO = (
    "href",
    "src",
    "action",
    "formaction",
    "data-preview",
    "poster",
    "srcset",
    "data",
    "xlink:href",
    "cite",
)
_NEVER_ATTRIBUTES = {"style", "srcdoc", "ping", "http-equiv"}
_NEVER = {
    "style",
    "iframe",
    "frame",
    "object",
    "embed",
    "base",
    "applet",
    "foreignobject",
    "animate",
    "set",
    "q7",
}


async def crawl(client: httpx2.AsyncClient, site: Site, *starts: str) -> dict[str, httpx2.Response]:
    """Get these paths and all that they lead to below the site's address; return the answers by address."""
    base = site.links.base
    waiting = [f"{base}{start}" for start in starts]
    answers: dict[str, httpx2.Response] = {}
    while waiting:
        address = waiting.pop(0)
        if address in answers:
            continue
        assert len(answers) < MOST_PAGES, "more pages than there can be"
        answer = answers[address] = await client.get(address)
        found = [answer.headers["location"]] if "location" in answer.headers else []
        if answer.headers.get("content-type", "").startswith("text/html"):
            found += [link for _, link in list_targets(answer.text)]
        for link in found:
            absolute = urldefrag(urljoin(address, link)).url
            if absolute.startswith(f"{base}/"):
                waiting.append(absolute)
    return answers


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[Tag] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


def list_tags(html: str) -> list[Tag]:
    """The elements of a page, with their attributes."""
    parser = _Tags()
    parser.feed(html)
    parser.close()
    return parser.tags


def list_targets(html: str) -> list[tuple[str, str]]:
    """Where the elements of a page lead or what they load: the element's name and the address."""
    return [
        (tag, attributes[name])
        for tag, attributes in list_tags(html)
        for name in _GOES_TO
        if name in attributes
    ]


def find_unsafe(html: str, base: str, papers: Collection[str] | None = None) -> list[str]:
    """Say what in a page could run, load or lead to what is not ours. papers are the hosts that its links may lead to
    besides ours, any where None."""
    unsafe = []
    tags = list_tags(html)
    for tag, attributes in tags:
        written = f"<{tag} {dict(attributes)}>"
        if tag in _NEVER or (tag == "script" and not attributes.get("src", "").startswith(f"{base}/static/")):
            unsafe.append(written)
        if any(name.startswith("on") or name in _NEVER_ATTRIBUTES for name in attributes):
            unsafe.append(written)
        unsafe += [
            written
            for name in _GOES_TO
            if name in attributes and not _may_lead_to(tag, attributes[name], base, papers)
        ]
    if html.lower().count("<script") != sum(tag == "script" for tag, _ in tags):
        unsafe.append("a script that the parser does not see")
    return unsafe


def _may_lead_to(tag: str, address: str, base: str, papers: Collection[str] | None) -> bool:
    target = urlsplit(address)
    if target.scheme in ("http", "https", ""):
        if target.netloc in ("", urlsplit(base).netloc):
            return True
        return tag == "a" and target.scheme != "" and (papers is None or target.netloc in papers)
    return (tag == "a" and target.scheme == "mailto") or address == "data:,"  # the icon that there is not
