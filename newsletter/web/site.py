"""What every page works with: the newsletter, its links, its templates, and who asks."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.responses import HTMLResponse, Response

from newsletter.errors import Problem, TemplateError
from newsletter.files import read_regular
from newsletter.render.catalogs import list_languages
from newsletter.render.language import Language, load_language
from newsletter.render.theme import Theme, build_theme
from newsletter.settings.shipped import find_shipped
from newsletter.web.clients import IpAddress, choose_client, shorten_client
from newsletter.web.forms import list_choices_of_languages
from newsletter.web.limits import Limiter
from newsletter.web.rendered import RenderedPages
from newsletter.web.sns import Sns
from newsletter.web.turns import Queue
from newsletter.web_links import WebLinks
from newsletter.workflows.confirm_by_mail import ConfirmByMail
from newsletter.workflows.newest_corpus import NewestCorpus
from newsletter.workflows.search import Searcher
from newsletter.workflows.subscribe import Desk
from newsletter.workflows.topic_preview import TopicPreviews

if TYPE_CHECKING:
    from starlette.requests import Request

    from newsletter.model.mail import Identity
    from newsletter.settings.config import WebSettings
    from newsletter.signing import Secret
    from newsletter.wiring import Newsletter
    from newsletter.workflows.subscriptions import Subscriptions

LANGUAGE_COOKIE = "language"
"""What somebody chose at the foot of a page."""


@dataclass(frozen=True)
class Site:
    """One web UI. secret signs its tokens."""

    newsletter: Newsletter
    settings: WebSettings
    links: WebLinks
    secret: Secret
    templates: jinja2.Environment
    theme: Theme
    statics: Mapping[str, bytes] = field(repr=False)

    @property
    def identity(self) -> Identity:
        return self.newsletter.identity

    @cached_property
    def static_names(self) -> dict[str, str]:
        """The public name of each static file: with a hash of its content, so that it may be kept for ever."""
        return {
            name: f"{hashlib.sha256(body).hexdigest()[:12]}.{name}" for name, body in self.statics.items()
        }

    @cached_property
    def corpora(self) -> NewestCorpus:
        """What topics and queries are answered by, shared by all visitors."""
        return NewestCorpus(self.newsletter.entries, self.newsletter.clock)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        """What moves subscriptions."""
        return self.newsletter.build_subscriptions(self.secret)

    @cached_property
    def by_mail(self) -> ConfirmByMail:
        """Where something is asked for that a mailbox confirms."""
        newsletter = self.newsletter
        return ConfirmByMail(newsletter.confirmations, newsletter.ledger.planning, self.links, self.secret)

    @cached_property
    def desk(self) -> Desk:
        """Where somebody subscribes."""
        return Desk(self.newsletter.subscribers, self.subscriptions, self.by_mail, self.identity)

    @cached_property
    def previews(self) -> TopicPreviews:
        """What topics would have brought, shared by all visitors."""
        return TopicPreviews(self.corpora, self.newsletter.entries, self.newsletter.library)

    @cached_property
    def rendered(self) -> RenderedPages:
        """The public pages that need not be rendered again."""
        return RenderedPages(self.newsletter.archive.load_version)

    @cached_property
    def searcher(self) -> Searcher:
        """Who answers searches."""
        return Searcher(self.newsletter.archive, self.corpora)

    @cached_property
    def sns(self) -> Sns:
        """Who asks Amazon SNS."""
        return Sns(self.newsletter.fetcher)

    @cached_property
    def limiter(self) -> Limiter:
        """How often clients have asked, while this process runs."""
        return Limiter()

    @cached_property
    def queue(self) -> Queue:
        """Who does dear work, and who waits for it."""
        return Queue()

    def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        language: Language | None = None,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Return a page: a template of ``templates/web`` with these values and those that every page has."""
        lang = language or self.choose_language(request)
        path = request.url.path.removeprefix(self.links.prefix) or "/"
        html = self.templates.get_template(template).render(
            lang=lang,
            say=lang.say,
            say_count=lang.say_count,
            identity=self.identity,
            links=self.links,
            has_topics=bool(self.newsletter.library),
            languages=list_choices_of_languages(list_languages()),
            path=path,
            back=path if request.method == "GET" and status == 200 else "/",
            static=self.static_url,
            **values,
        )
        return HTMLResponse(html, status, dict(headers or {}))

    def message(
        self, request: Request, heading: str, *paragraphs: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Return a page that only says something. values: ``button``, ``action`` for one form with one button."""
        return self.page(
            request, "message.html.j2", status=status, heading=heading, paragraphs=paragraphs, **values
        )

    def not_found(self, request: Request) -> Response:
        """Return the page for what is not there."""
        lang = self.choose_language(request)
        return self.message(
            request,
            lang.say("Page not found"),
            lang.say("The address may be incomplete or out of date. Start from the home page."),
            status=404,
        )

    def static_url(self, name: str) -> str:
        """Return the address of a file of ``templates/web``."""
        return self.links.page(f"/static/{self.static_names[name]}")

    def choose_language(self, request: Request) -> Language:
        """Return the language that was chosen at the foot of a page; else the one that the browser asks for, if there
        is a catalog; else the newsletter's own."""
        chosen = request.cookies.get(LANGUAGE_COOKIE, "")
        if chosen in list_languages():
            return load_language(chosen)
        return _choose_language(request.headers.get("accept-language", ""), self.identity.language)

    def client_of(self, request: Request) -> str:
        """Return the IP address of who asks; behind proxies that we trust, what they say. "" where they do not."""
        peer = request.client.host if request.client else ""
        return choose_client(peer, request.headers.getlist("x-forwarded-for"), self._is_proxy)

    def origin_of(self, request: Request) -> str:
        """Return from where somebody asks, as the record of consent keeps it: enough to tell a country and a provider,
        too little to tell a person (the last 8 bits of an IPv4 address are left out, the last 80 of an IPv6 one)."""
        return shorten_client(self.client_of(request))

    def _is_proxy(self, address: IpAddress) -> bool:
        return any(address in network for network in self._proxies)

    @cached_property
    def _proxies(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(ipaddress.ip_network(proxy) for proxy in self.settings.proxies)


@lru_cache(maxsize=1024)
def _choose_language(header: str, own: str) -> Language:
    for code in parse_accept_language(header):
        for known in list_languages():
            if code.lower() in (known.lower(), known.lower().partition("-")[0]):
                return load_language(known)
    return load_language(own)


def parse_accept_language(header: str) -> list[str]:
    """Return the language codes of an Accept-Language header, the most wanted first; ``de-AT`` is also ``de``."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:400].split(",")):
        code, _, parameters = part.strip().partition(";")
        weight = parameters.strip().removeprefix("q=") if parameters else "1"
        try:
            value = float(weight)
        except ValueError:
            continue
        if code and code != "*" and value > 0:
            wanted.append((-value, place, code))
    codes: list[str] = []
    for _, _, code in sorted(wanted):
        codes += [code, code.partition("-")[0]]
    return list(dict.fromkeys(codes))


STATICS = ("style.css", "comfort.js", "icon.svg")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


async def open_site(newsletter: Newsletter, settings: WebSettings) -> Site:
    """Read and compile the templates of the web UI. Raises TemplateError, StoreError."""
    shipped = find_shipped("templates") / "web"
    own = newsletter.config.templates and newsletter.config.templates / "web"
    folders = tuple(folder for folder in (own, shipped) if folder)
    theme = build_theme(newsletter.identity.accent)
    environment = build_environment(folders)
    statics = {}
    for name in STATICS:
        file = next(folder / name for folder in folders if (folder / name).exists())
        body = _read(file)
        statics[name] = body if name.endswith(".js") else _fill_colours(body, theme)
    return Site(
        newsletter=newsletter,
        settings=settings,
        links=WebLinks(settings.url),
        secret=await newsletter.settings.load_secret(),
        templates=environment,
        theme=theme,
        statics=statics,
    )


def build_environment(folders: tuple[Path, ...]) -> jinja2.Environment:
    """Return the templates of these folders, the first one's before the others'; every one compiles.

    Raises TemplateError with file and line.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for folder in folders:
        for path in sorted(folder.rglob("*.j2")):
            _read(path)  # what is no file is told, before the template engine passes over it
    problems = []
    for name in environment.list_templates(extensions=["j2"]):
        try:
            environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            file = error.filename or name
            problems.append(Problem(error.message or "does not compile", file=file, line=error.lineno))
    if problems:
        raise TemplateError(problems)
    return environment


def _read(file: Path) -> bytes:
    """Return what a file of a template folder holds. Raises TemplateError."""
    try:
        return read_regular(file)
    except OSError as error:
        raise TemplateError([Problem(f"cannot be read: {error.strerror}", file=str(file))]) from error


def _fill_colours(file: bytes, theme: Theme) -> bytes:
    """Return a style sheet or drawing with the colours of the newsletter in place of ``light-ink``, ``dark-accent``,
    and without its comments: those are for whoever writes it."""
    text = _COMMENT.sub("", file.decode())
    for scheme, palette in (("light", theme.light), ("dark", theme.dark)):
        for name in palette.__dataclass_fields__:
            text = text.replace(f"--{scheme}-{name}", getattr(palette, name))
    return text.encode()
