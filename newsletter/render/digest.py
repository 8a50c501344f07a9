"""One digest as a mail: the bundle compiled once, then subject, HTML and text for each reader.

What readers share is rendered once: the card of a paper for each reason to send it, and the page around the cards
for each distinct content. What is left for a reader is to put these together and fill in the personal values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jinja2
from markupsafe import escape

from newsletter.errors import Problem, TemplateError
from newsletter.model.digest import Card, Digest, Reason
from newsletter.model.mail import Identity, Links, Notice, Rendered, TextPiece
from newsletter.model.readers import Subscriber
from newsletter.render import sample
from newsletter.render.budget import MAX_HTML_BYTES, Cut, choose_step, cut_at, last_step
from newsletter.render.bundle import (
    HTML,
    LAYOUT_FILES,
    NOTICE_HTML,
    NOTICE_TEXT,
    PAPER_HTML,
    PAPER_TEXT,
    SUBJECT,
    TEXT,
    Bundle,
)
from newsletter.render.context import (
    SUMMARY_CHARS,
    DigestView,
    build_notice,
    build_page,
    build_paper,
    find_leaders,
)
from newsletter.render.html_part import compile_fragment, compile_html, parse_html
from newsletter.render.language import Language, list_languages, load_language
from newsletter.render.pieces import Page, assemble, split_page
from newsletter.render.source import TemplateSource, build_source, check_template
from newsletter.render.text_part import compile_text, number_paper, tidy, wrap
from newsletter.render.theme import Theme, build_theme
from newsletter.render.wording import clean, write_cadence

Measure = Callable[[Iterable[TextPiece]], int]

_SPARE_BYTES_PER_SECTION = 600  # for the line about what is not shown, which comes when papers give way


class CompiledLayout:
    """The templates of one layout in one language. They are known to compile and to render."""

    def __init__(
        self, lang: Language, templates: Mapping[str, jinja2.Template], static: Sequence[str]
    ) -> None:
        self.lang = lang
        self.static = tuple(static)
        self._subject = templates[SUBJECT]
        self._html = templates[HTML]
        self._text = templates[TEXT]
        self._paper_html = templates[PAPER_HTML]
        self._paper_text = templates[PAPER_TEXT]
        self.render_card = lru_cache(maxsize=4096)(self._render_card)
        self.render_page = lru_cache(maxsize=256)(self._render_page)

    def _render_card(
        self, card: Card, reason: Reason, topic: str, level: str, is_leader: bool
    ) -> tuple[str, str]:
        """Return the HTML and the text of a paper, each with a line end. Remembered for every other reader."""
        paper = build_paper(
            self.lang,
            card,
            reason,
            topic,
            max_summary_chars=SUMMARY_CHARS[level],
            is_leader=is_leader,
        )
        html = self._paper_html.render(paper=paper).strip("\n") + "\n"
        return html, tidy(self._paper_text.render(paper=paper))

    def _render_page(self, view: DigestView) -> tuple[str, Page, Page]:
        """Return the subject, and the pages of both parts with marks for cards and personal values."""
        values = view._asdict()
        return (
            " ".join(self._subject.render(values).split()),
            split_page(self._html.render(values)),
            split_page(tidy(self._text.render(values))),
        )


@dataclass(frozen=True)
class CompiledNotice:
    """The templates of the mails that are no digests, in one language."""

    html: jinja2.Template
    static: tuple[str, ...]
    text: jinja2.Template


class CompiledBundle:
    """A bundle in the identity's accent colour and in these languages.

    Each layout and notice is compiled when the first mail needs it, so that a command pays for what it renders. It is
    tried on small sample digests then: an unknown value fails there, and not for a reader.
    """

    def __init__(self, bundle: Bundle, identity: Identity, languages: Sequence[str]) -> None:
        self.bundle = bundle
        self.languages = tuple(sorted(languages))
        self._identity = identity
        self._theme = build_theme(identity.accent)
        self._layouts: dict[tuple[str, str], CompiledLayout] = {}
        self._notices: dict[str, CompiledNotice] = {}

    def compile_layout(self, name: str, language: str) -> CompiledLayout:
        """Return a layout in one language, compiled once. Raises TemplateError."""
        if (name, language) not in self._layouts:
            lang = load_language(language)
            self._layouts[name, language] = _compile_layout(
                self.bundle, name, self._theme, lang, self._identity
            )
        return self._layouts[name, language]

    def compile_notice(self, language: str) -> CompiledNotice:
        """Return the mails that are no digests in one language, compiled once. Raises TemplateError."""
        if language not in self._notices:
            lang = load_language(language)
            self._notices[language] = _compile_notice(self.bundle, self._theme, lang, self._identity)
        return self._notices[language]

    def check(self) -> None:
        """Compile everything. Raises TemplateError with all the mistakes, each with its file, line and column where
        they can be known."""
        # One mistake shows in every language and in every layout that includes it.
        problems: dict[Problem, None] = {}
        for language in self.languages:
            steps: list[Callable[[], object]] = [
                *(partial(self.compile_layout, layout, language) for layout in self.bundle.layouts),
                partial(self.compile_notice, language),
            ]
            for step in steps:
                try:
                    step()
                except TemplateError as error:
                    problems |= dict.fromkeys(error.problems)
        if problems:
            raise TemplateError(list(problems))


def compile_bundle(
    bundle: Bundle, identity: Identity, languages: Sequence[str] | None = None
) -> CompiledBundle:
    """Return the templates, ready to render, in all languages or in those given.

    An operator's own are checked at once, so that a mistake is told before any mail goes out; the shipped ones have
    been.
    Raises TemplateError (see `CompiledBundle.check`), and ConfigError where the accent is no colour.
    """
    compiled = CompiledBundle(bundle, identity, languages or list_languages())
    if not bundle.is_shipped:
        compiled.check()
    return compiled


def _compile_layout(
    bundle: Bundle, layout: str, theme: Theme, lang: Language, identity: Identity
) -> CompiledLayout:
    page_values = [
        build_page(lang, digest, identity, Cut(), has_web=has_web)._asdict()
        for digest in sample.ALL
        for has_web in (False, True)
    ]
    papers = [
        build_paper(lang, item.card, item.reason, "A topic", max_summary_chars=chars, is_leader=is_leader)
        for item in sample.ITEMS
        for chars, is_leader in ((400, False), (0, True))
    ]
    paper_values = [{"paper": paper} for paper in papers]
    templates: dict[str, jinja2.Template] = {}
    static: tuple[str, ...] = ()
    problems: list[Problem] = []
    for file in LAYOUT_FILES:
        name = f"{layout}/{file}"
        if name not in bundle.sources:
            problems.append(Problem("there is no such template", file=bundle.file(name)))
            continue
        values = paper_values if file in (PAPER_HTML, PAPER_TEXT) else page_values
        try:
            source = build_source(bundle, name, theme, lang)
            if file == HTML:
                templates[file], static = _compile_page(source, values)
            else:
                compiled = compile_fragment(source) if file == PAPER_HTML else compile_text(source)
                templates[file] = _try_all(source, compiled, values)
        except TemplateError as error:
            problems += error.problems
    if problems:
        raise TemplateError(problems)
    return CompiledLayout(lang, templates, static)


def _compile_notice(bundle: Bundle, theme: Theme, lang: Language, identity: Identity) -> CompiledNotice:
    values = [
        build_notice(notice, identity, can_leave=can_leave)._asdict()
        for notice in sample.NOTICES
        for can_leave in (False, True)
    ]
    missing = [name for name in (NOTICE_HTML, NOTICE_TEXT) if name not in bundle.sources]
    if missing:
        raise TemplateError(
            [Problem("there is no such template", file=bundle.file(name)) for name in missing]
        )
    html, static = _compile_page(build_source(bundle, NOTICE_HTML, theme, lang), values)
    source = build_source(bundle, NOTICE_TEXT, theme, lang)
    return CompiledNotice(html, static, _try_all(source, compile_text(source), values))


def _compile_page(
    source: TemplateSource, values: Sequence[Mapping[str, Any]]
) -> tuple[jinja2.Template, tuple[str, ...]]:
    """Return the template and its static stretches.

    Where it fails, its Jinja is tried in the operator's own lines, which MJML loses, to say the right place.
    """
    try:
        template, static = compile_html(source)
        return _try_all(source, template, values), static
    except TemplateError:
        _try_all(source, parse_html(source), values)
        raise


def _try_all(
    source: TemplateSource, template: jinja2.Template, values: Sequence[Mapping[str, Any]]
) -> jinja2.Template:
    for some in values:
        check_template(source, lambda some=some: template.render(some))  # type: ignore[misc]
    return template


# --- for each reader ----------------------------------------------------------------------


def choose_look(
    compiled: CompiledBundle, digest: Digest, subscriber: Subscriber, identity: Identity
) -> Digest:
    """Return the digest with its layout and language: the reader's own, else the newsletter's.

    A reader who chose no layout and gets one mail a week gets ``weekly``. What the bundle does not have falls back.
    """
    names, languages = set(compiled.bundle.layouts), set(compiled.languages)
    if digest.layout in names and digest.language in languages:
        return digest
    code = _first_of((digest.language, subscriber.language, identity.language), languages)
    is_weekly = len(subscriber.cadence.days) == 1
    wanted = (digest.layout, subscriber.layout, "weekly" if is_weekly else "", identity.layout)
    return replace(digest, layout=_first_of(wanted, names), language=code)


def _first_of(wanted: Sequence[str], known: set[str]) -> str:
    return next((name for name in wanted if name in known), min(known))


def render_digest(
    compiled: CompiledBundle,
    digest: Digest,
    subscriber: Subscriber,
    identity: Identity,
    links: Links,
    measure: Measure,
) -> Rendered:
    """Return the mail that this reader gets; the same arguments give the same bytes.

    measure says how many bytes a part has once it is encoded for sending. The HTML has at most 90 kB of them: where it
    would be longer, summaries are shortened from the tail, then papers give way to "12 more on the web".
    """
    digest = choose_look(compiled, digest, subscriber, identity)
    layout = compiled.compile_layout(digest.layout, digest.language)
    papers = _Papers(layout, digest, measure)
    has_web = bool(links.web)
    page = layout.render_page(build_page(layout.lang, digest, identity, Cut(), has_web=has_web))
    personal = _build_personal(layout.lang, subscriber, identity, links)
    whole = _put_together(layout, page, papers.at(0), personal)
    count = digest.entry_count
    spare = MAX_HTML_BYTES - measure(whole.html_pieces)
    if spare >= 0 or not count:
        return whole
    # The page around the cards hardly changes, so the ladder is searched by the sizes of the cards alone.
    spare += papers.size_at(0) - _SPARE_BYTES_PER_SECTION * len(digest.sections)
    step = choose_step(count, lambda step: papers.size_at(step) <= spare)
    while True:
        view = build_page(layout.lang, digest, identity, cut_at(step, count), has_web=has_web)
        cut = _put_together(layout, layout.render_page(view), papers.at(step), personal)
        if measure(cut.html_pieces) <= MAX_HTML_BYTES or step >= last_step(count):
            return cut
        step += 1


class _Papers:
    """The cards of a digest at any step of the ladder."""

    def __init__(self, layout: CompiledLayout, digest: Digest, measure: Measure) -> None:
        self._layout = layout
        self._measure = measure
        leaders = find_leaders(digest)
        self._keys = [
            (item.card, item.reason, _name_topic(item.reason, section.topic))
            for section in digest.sections
            for item in section.items
        ]
        self._leads = [number in leaders for number in range(len(self._keys))]
        self._sizes: dict[tuple[int, str], int] = {}

    def at(self, step: int) -> list[tuple[str, str]]:
        """Return HTML and text of each card; those that are not shown are at the end."""
        count = len(self._keys)
        cut = cut_at(step, count)
        render = self._layout.render_card
        return [
            render(*key, cut.level(count - 1 - number), leads)
            for number, (key, leads) in enumerate(zip(self._keys, self._leads, strict=True))
        ]

    def size_at(self, step: int) -> int:
        """Return the encoded bytes of the HTML cards that are shown."""
        count = len(self._keys)
        cut = cut_at(step, count)
        return sum(self._size(number, cut.level(count - 1 - number)) for number in range(count - cut.dropped))

    def _size(self, number: int, level: str) -> int:
        if (number, level) not in self._sizes:
            html, _ = self._layout.render_card(*self._keys[number], level, self._leads[number])
            self._sizes[number, level] = self._measure((TextPiece(html, is_shared=True),))
        return self._sizes[number, level]


def _name_topic(reason: Reason, topic: str) -> str:
    """Return the topic where the reason names it, else only that there is one: so that more readers share a card."""
    return topic if not topic or reason.share or reason.scope is None or not reason.rule else "-"


def _put_together(
    layout: CompiledLayout,
    page: tuple[str, Page, Page],
    cards: Sequence[tuple[str, str]],
    personal: tuple[Mapping[str, str], Mapping[str, str]],
) -> Rendered:
    subject, html, text = page
    return Rendered(
        subject=subject,
        html_pieces=assemble(html, [card[0] for card in cards], layout.static, personal[0]),
        text_pieces=assemble(text, [card[1] for card in cards], (), personal[1], number_paper),
    )


def _build_personal(
    lang: Language, subscriber: Subscriber, identity: Identity, links: Links
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the personal values by name, as they stand in HTML and in text."""
    why = lang.say(
        "You get this mail because {address} subscribes to {newsletter}, {cadence}.",
        address=subscriber.address,
        newsletter=clean(identity.name, 80),
        cadence=_write_cadence_once(lang, subscriber.cadence),
    )
    values = {"leave": links.leave, "change": links.change, "web": links.web}
    return (
        {name: str(escape(value)) for name, value in {**values, "why": why}.items()},
        {**values, "why": wrap(why)},
    )


# Readers have few cadences between them, and CLDR's formats are slow.
_write_cadence_once = lru_cache(maxsize=1024)(write_cadence)


def render_notice(
    compiled: CompiledBundle, notice: Notice, language: str, identity: Identity, links: Links | None
) -> Rendered:
    """Return a mail that is no digest. With links it can be left from, as a subscriber's mail can."""
    templates = compiled.compile_notice(_first_of((language, identity.language), set(compiled.languages)))
    values = build_notice(notice, identity, can_leave=links is not None)._asdict()
    leave, change = (links.leave, links.change) if links else ("", "")
    html_values = {"leave": str(escape(leave)), "change": str(escape(change))}
    return Rendered(
        subject=values["headline"],
        html_pieces=assemble(split_page(templates.html.render(values)), (), templates.static, html_values),
        text_pieces=assemble(
            split_page(tidy(templates.text.render(values))), (), (), {"leave": leave, "change": change}
        ),
    )
