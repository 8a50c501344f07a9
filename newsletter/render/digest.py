"""One digest as a mail: the bundle compiled once, then subject, HTML and text for each reader.

What readers share is made once: the card of a paper for each reason to send it, and a topic's section for each choice
of papers. What is left for a reader is to put these together, and to write the lines that only this mail has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from newsletter.encoding import encode_lines
from newsletter.errors import Problem, TemplateError
from newsletter.model.mail import Identity, Links, Notice, Rendered
from newsletter.render import sample
from newsletter.render.budget import MAX_HTML_BYTES, Cut, choose_step, count_pictures, cut_at, last_step
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
from newsletter.render.catalogs import list_languages
from newsletter.render.context import (
    NOTICE,
    PAGE,
    PAPER,
    SUMMARY_CHARS,
    DigestView,
    PaperView,
    ShownPapers,
    ShownSection,
    add_topics,
    build_notice,
    build_page,
    build_paper,
    build_papers,
    build_section,
    build_shared_paper,
    clean_name,
    find_leaders,
    find_pictures,
)
from newsletter.render.html_part import compile_fragment, compile_html, parse_html
from newsletter.render.language import Language, load_language
from newsletter.render.sheet import CardMark, Stretch
from newsletter.render.source import TemplateSource, build_source, check_template
from newsletter.render.template import Form
from newsletter.render.text_part import compile_text, tidy
from newsletter.render.theme import Theme, build_theme
from newsletter.render.wording import name_topic, write_cadence

if TYPE_CHECKING:
    from newsletter.model.digest import Card, Digest, Item, Reason, Section
    from newsletter.model.readers import Subscriber
    from newsletter.render.template import Gap, Template, Values

_SPARE_BYTES_PER_SECTION = 600  # for the line about what is not shown, which comes when papers give way
_WHOLE = Cut()


class _Frame(NamedTuple):
    """A card with gaps where it says why it is there. paper is what it shows where nothing is added."""

    paper: PaperView
    html: tuple[Stretch | Gap, ...]
    plain: tuple[Stretch | Gap, ...]

    @classmethod
    def of(cls, paper: PaperView, html: Sequence[str | Gap], plain: Sequence[str | Gap]) -> _Frame:
        return cls(
            paper,
            tuple([Stretch(piece) if isinstance(piece, str) else piece for piece in html]),
            tuple([Stretch(piece, is_tidied=True) if isinstance(piece, str) else piece for piece in plain]),
        )

    def fill(self, paper: PaperView) -> CardMark:
        """Return the card of this paper, which is the frame's but for the reason."""
        scope = {"paper": paper}
        html = [piece if isinstance(piece, Stretch) else Stretch(piece(scope)) for piece in self.html]
        plain = [
            piece if isinstance(piece, Stretch) else Stretch(piece(scope), is_tidied=True)
            for piece in self.plain
        ]
        if paper is self.paper:  # many readers get just this, so it is in one piece
            html = [Stretch(_join(html))]
        if paper is self.paper or not plain[0].ends:  # it is numbered in its first line
            plain = [Stretch(_join(plain), is_tidied=True)]
        return CardMark.of(tuple(html), tuple(plain))


def _join(stretches: Iterable[Stretch]) -> str:
    return "".join([stretch.text for stretch in stretches])


class CompiledLayout:
    """The templates of one layout in one language. They are known to compile and to render."""

    def __init__(self, lang: Language, templates: Mapping[str, Template]) -> None:
        self.lang = lang
        self.subject = templates[SUBJECT]
        self.html = templates[HTML]
        self.text = templates[TEXT]
        self.paper_html = Form(templates[PAPER_HTML], "paper", "reason", lambda text: text.strip("\n"))
        self.paper_text = Form(templates[PAPER_TEXT], "paper", "reason", lambda text: tidy(text)[:-1])
        self._render_frame = lru_cache(maxsize=4096)(self._build_frame)
        self.render_card = lru_cache(maxsize=4096)(self._render_card)
        self.show_section = lru_cache(maxsize=8192)(self._show_section)
        self._show_papers = lru_cache(maxsize=8192)(self._build_papers)

    def _render_card(
        self, item: Item, topic: str, year: int, level: str, is_leader: bool, pictures: str
    ) -> CardMark:
        """Return the card of a paper in an edition of this year; pictures is where its picture is, "" for a card
        without one. Remembered for every other reader."""
        frame = self._render_frame(item.card, item.reason, topic, year, level, is_leader, pictures)
        return frame.fill(add_topics(self.lang, frame.paper, item.also))

    def _build_frame(
        self, card: Card, reason: Reason, topic: str, year: int, level: str, is_leader: bool, pictures: str
    ) -> _Frame:
        """Return the card for all readers who get a paper for this reason, whatever else it fits."""
        paper = build_shared_paper(
            self.lang,
            card,
            reason,
            topic,
            max_summary_chars=SUMMARY_CHARS[level],
            is_leader=is_leader,
            year=year,
            pictures=pictures,
        )
        values = {"paper": paper}
        return _Frame.of(paper, self.paper_html.render(values), self.paper_text.render(values))

    def _show_section(self, section: Section, year: int, pictured: int, pictures: str) -> ShownSection:
        """Return a topic with all its papers, of which so many, from the first, show their pictures. Remembered for
        every other reader who gets just these."""
        named = any(name_topic(item.reason, section.topic) == section.topic for item in section.items)
        papers = self._show_papers(section.items, section.topic if named else "-", year, pictured, pictures)
        return build_section(self.lang, section, papers)

    def _build_papers(
        self, items: tuple[Item, ...], topic: str, year: int, pictured: int, pictures: str
    ) -> ShownPapers:
        """Return the papers of a topic. Remembered by themselves, because topics have many names."""
        rendered = []
        for number, item in enumerate(items):
            own = pictures if number < pictured and item.card.picture else ""
            rendered.append(self.render_card(item, name_topic(item.reason, topic), year, "full", False, own))
        return build_papers(self.lang, items, topic, rendered)

    def render(
        self, digest: Digest, sections: Sequence[ShownSection], identity: Identity, links: Links, why: str
    ) -> Rendered:
        """Return a digest of which these sections are shown."""
        values = build_page(self.lang, digest, identity, sections, links, why)._asdict()
        return Rendered(
            subject=self.subject.write_line(values),
            html_part=self.html.write(values),
            text_part=self.text.write(values),
        )


@dataclass(frozen=True)
class CompiledNotice:
    """The templates of the mails that are no digests, in one language."""

    html: Template
    text: Template


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
        _build_sample(lang, digest, identity, links)._asdict()
        for digest in sample.ALL
        for links in sample.LINKS
    ]
    papers = [
        build_paper(
            lang, item, "A topic", max_summary_chars=chars, is_leader=is_leader, pictures=links.pictures
        )
        for item in sample.ITEMS
        for chars, is_leader in ((400, False), (0, True))
        for links in sample.LINKS
    ]
    paper_values = [{"paper": paper} for paper in papers]
    templates: dict[str, Template] = {}
    problems: list[Problem] = []
    for file in LAYOUT_FILES:
        name = f"{layout}/{file}"
        if name not in bundle.sources:
            problems.append(Problem("there is no such template", file=bundle.file(name)))
            continue
        names, values = (PAPER, paper_values) if file in (PAPER_HTML, PAPER_TEXT) else (PAGE, page_values)
        try:
            source = build_source(bundle, name, theme, lang)
            if file == HTML:
                templates[file] = _compile_page(source, names, values)
            else:
                compile_one = compile_fragment if file == PAPER_HTML else compile_text
                templates[file] = _try_all(source, compile_one(source, names), values)
        except TemplateError as error:
            problems += error.problems
    if problems:
        raise TemplateError(problems)
    return CompiledLayout(lang, templates)


def _build_sample(lang: Language, digest: Digest, identity: Identity, links: Links) -> DigestView:
    leaders = find_leaders(digest)
    sections = []
    place = 0
    for section in digest.sections:
        places = range(place, place + len(section.items))
        leads = [number in leaders for number in places]
        papers = build_papers(lang, section.items, section.topic, ["A card"] * len(section.items), leads)
        sections.append(build_section(lang, section, papers))
        place = places.stop
    return build_page(lang, digest, identity, sections, links, "Why this mail came.")


def _compile_notice(bundle: Bundle, theme: Theme, lang: Language, identity: Identity) -> CompiledNotice:
    values = [
        build_notice(notice, identity, links)._asdict()
        for notice in sample.NOTICES
        for links in (None, *sample.LINKS)
    ]
    missing = [name for name in (NOTICE_HTML, NOTICE_TEXT) if name not in bundle.sources]
    if missing:
        raise TemplateError(
            [Problem("there is no such template", file=bundle.file(name)) for name in missing]
        )
    html = _compile_page(build_source(bundle, NOTICE_HTML, theme, lang), NOTICE, values)
    source = build_source(bundle, NOTICE_TEXT, theme, lang)
    return CompiledNotice(html, _try_all(source, compile_text(source, NOTICE), values))


def _compile_page(source: TemplateSource, names: Values, values: Sequence[Mapping[str, Any]]) -> Template:
    """Return the template of a page.

    Where it fails, its Jinja is tried in the operator's own lines, which MJML loses, to say the right place.
    """
    try:
        return _try_all(source, compile_html(source, names), values)
    except TemplateError:
        _try_all(source, parse_html(source, names), values)
        raise


def _try_all(source: TemplateSource, template: Template, values: Sequence[Mapping[str, Any]]) -> Template:
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
    names, languages = compiled.bundle.layouts, compiled.languages
    if digest.layout in names and digest.language in languages:
        return digest
    wanted_pictures = identity.pictures if subscriber.pictures is None else subscriber.pictures
    pictures = digest.pictures if digest.layout else wanted_pictures
    code = _first_of((digest.language, subscriber.language, identity.language), languages)
    is_weekly = len(subscriber.cadence.days) == 1
    wanted = (digest.layout, subscriber.layout, "weekly" if is_weekly else "", identity.layout)
    return replace(digest, layout=_first_of(wanted, names), language=code, pictures=pictures)


def _first_of(wanted: Sequence[str], known: Sequence[str]) -> str:
    return next((name for name in wanted if name in known), min(known))


def render_digest(
    compiled: CompiledBundle, digest: Digest, subscriber: Subscriber, identity: Identity, links: Links
) -> Rendered:
    """Return the mail that this reader gets; the same arguments give the same bytes.

    The encoded HTML has at most 90 kB: where it would be longer, summaries are shortened from the tail, then papers
    give way to "12 more on the web".
    """
    digest = choose_look(compiled, digest, subscriber, identity)
    layout = compiled.compile_layout(digest.layout, digest.language)
    why = _write_why(layout.lang, subscriber, identity)
    papers = Papers(layout, digest, find_pictures(digest, links))
    whole = layout.render(digest, papers.show(_WHOLE), identity, links, why)
    papers_count = digest.entry_count
    spare = MAX_HTML_BYTES - whole.html_part.size
    if spare >= 0 or not papers_count:
        return whole
    # The page around the cards hardly changes, so the ladder is searched by the sizes of the cards alone.
    spare += papers.size_at(_WHOLE) - _SPARE_BYTES_PER_SECTION * len(digest.sections)
    step = choose_step(papers_count, lambda step: papers.size_at(cut_at(step, papers_count)) <= spare)
    while True:
        cut = layout.render(digest, papers.show(cut_at(step, papers_count)), identity, links, why)
        if cut.html_part.size <= MAX_HTML_BYTES or step >= last_step(papers_count):
            return cut
        step += 1


class Papers:
    """The papers of a digest in reading order, at any step of the ladder. pictures is where theirs are, "" for a digest
    that shows none: those that come first on the page are shown, as many as a mail may load."""

    def __init__(self, layout: CompiledLayout, digest: Digest, pictures: str) -> None:
        self._layout = layout
        self._sections = digest.sections
        self._leaders = find_leaders(digest)
        self._count = digest.entry_count
        self._year = digest.slot.local_on.year
        self._pictures = pictures
        self._pictured = _choose_pictured(digest, self._leaders) if pictures else frozenset[int]()

    def show(self, cut: Cut) -> list[ShownSection]:
        """Return the sections with the papers that are shown."""
        if cut == _WHOLE and not self._leaders:
            return self._show_whole()
        shown = []
        place = 0
        for section, cards in zip(self._sections, self._cards(cut), strict=True):
            leads = [number in self._leaders for number in range(place, place + len(cards))]
            papers = build_papers(self._layout.lang, section.items, section.topic, cards, leads)
            shown.append(build_section(self._layout.lang, section, papers))
            place += len(section.items)
        return shown

    def _show_whole(self) -> list[ShownSection]:
        if not self._pictured:
            return [self._layout.show_section(section, self._year, 0, "") for section in self._sections]
        shown = []
        left = len(self._pictured)  # without leaders these are the first in reading order
        for section in self._sections:
            pictured = min(left, len(section.items))
            left -= pictured
            pictures = self._pictures if pictured else ""
            shown.append(self._layout.show_section(section, self._year, pictured, pictures))
        return shown

    def _cards(self, cut: Cut) -> Iterator[list[CardMark]]:
        """Yield the cards of each section, without those that are not shown: these are at the end."""
        numbers = count()
        for section in self._sections:
            yield [
                self._layout.render_card(
                    *_key_of(item, section, self._year),
                    cut.level(self._count - 1 - number),
                    number in self._leaders,
                    self._pictures if number in self._pictured and item.card.picture else "",
                )
                for item, number in zip(section.items, numbers, strict=False)
                if number < self._count - cut.dropped
            ]

    def size_at(self, cut: Cut) -> int:
        """Return the encoded bytes of the HTML cards that are shown."""
        return sum(_measure_card(card) for cards in self._cards(cut) for card in cards)


def _choose_pictured(digest: Digest, leaders: frozenset[int]) -> frozenset[int]:
    """Return the places of the papers whose pictures a mail may load: leaders stand first on its page."""
    items = [item for section in digest.sections for item in section.items]
    places = sorted(range(len(items)), key=lambda place: place not in leaders)
    sizes = (picture.bytes if (picture := items[place].card.picture) else 0 for place in places)
    return frozenset(places[: count_pictures(sizes)])


@lru_cache(maxsize=4096)
def _measure_card(card: CardMark) -> int:
    return encode_lines(_join(card.html) + "\n").size


def _key_of(item: Item, section: Section, year: int) -> tuple[Item, str, int]:
    """Return what a card depends on."""
    return item, name_topic(item.reason, section.topic), year


def _write_why(lang: Language, subscriber: Subscriber, identity: Identity) -> str:
    return lang.say(
        "You get this mail because {address} subscribes to {newsletter}, {cadence}.",
        address=subscriber.address,
        newsletter=clean_name(identity),
        cadence=_write_cadence_once(lang, subscriber.cadence),
    )


# Readers have few cadences between them, and CLDR's formats are slow.
_write_cadence_once = lru_cache(maxsize=1024)(write_cadence)


def render_notice(
    compiled: CompiledBundle, notice: Notice, language: str, identity: Identity, links: Links | None
) -> Rendered:
    """Return a mail that is no digest. With links it can be left from, as a subscriber's mail can."""
    templates = compiled.compile_notice(_first_of((language, identity.language), compiled.languages))
    view = build_notice(notice, identity, links)
    values = view._asdict()
    return Rendered(view.headline, templates.html.write(values), templates.text.write(values))
