"""The plain values that templates may use, all of them: texts and numbers, nothing to call.

docs/templates.md shows them to operators; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from newsletter.model.mail import Fact, Identity, Links, Notice
from newsletter.render.template import Values
from newsletter.render.tex import has_tex, read_tex
from newsletter.render.wording import (
    add_also,
    clean,
    count_papers,
    cut_summary,
    has_place,
    is_on_course,
    write_byline,
    write_edition,
    write_facts,
    write_headline,
    write_legend,
    write_marks,
    write_more,
    write_most_discussed,
    write_overview,
    write_preheader,
    write_quiet,
    write_reason,
)

if TYPE_CHECKING:
    from newsletter.model.digest import Card, Digest, Item, Reason, Section
    from newsletter.model.pictures import PictureFile
    from newsletter.render.language import Language

SUMMARY_CHARS = {"full": 400, "brief": 160, "bare": 0}
"""How long a summary may be at each level of the ladder of shortening."""

_WEEK = timedelta(days=6)  # from the first date to the last
_LEADERS = 3
_FEW_FOR_LEADERS = 8
_MAX_TITLE_CHARS = 300
_PICTURE_WIDTH, _PICTURE_HEIGHT = 160, 120
_MAX_URL_CHARS = 2_000


class LinkView(NamedTuple):
    """label says where the link goes: Abstract, PDF, Discussion, Code, Project."""

    label: str
    url: str


class PictureView(NamedTuple):
    """The small picture of a paper: its address, the same for everybody, and how large it is shown beside the text, at
    most 160 by 120 pixels. Its file is up to 400 pixels wide."""

    url: str
    width: int
    height: int


class PaperView(NamedTuple):
    """One paper, for its card. url is the title's link, "" where there is none.

    byline: authors, organisation, date. facts: votes now and on course for, comments, stars. marks: what is
    unusual, such as Listed on 16 June. Each address stands in links once. is_leader: a weekly digest shows it first.
    picture is None where none is shown.
    """

    title: str
    url: str
    byline: str
    facts: tuple[str, ...]
    marks: tuple[str, ...]
    summary: str
    reason: str
    links: tuple[LinkView, ...]
    is_leader: bool
    picture: PictureView | None = None


class PaperPlace(NamedTuple):
    """One paper, for the page. card is its card, as paper.html.j2 or paper.txt.j2 made it (``sheet.Card``)."""

    title: str
    url: str
    is_leader: bool
    card: str


class SectionView(NamedTuple):
    """One topic. total is how many papers it brought without those over its limit.

    more is the line about what is not shown, "" for none; more_url its link, "" for none.
    """

    heading: str
    total: str
    papers: tuple[PaperPlace, ...]
    more: str
    more_url: str


class DigestView(NamedTuple):
    """Everything that the page of a digest may use."""

    newsletter: str
    edition: str
    headline: str
    preheader: str
    overview: str
    most_discussed: str
    is_weekly: bool
    is_first: bool
    has_pictures: bool
    leaders: tuple[PaperPlace, ...]
    sections: tuple[SectionView, ...]
    quiet: str
    legend: str
    why_you: str
    leave_url: str
    change_url: str
    web_url: str
    postal_address: str


class NoticeView(NamedTuple):
    """Everything that the page of another mail may use. headline is its subject."""

    newsletter: str
    headline: str
    preheader: str
    paragraphs: tuple[str, ...]
    facts: tuple[Fact, ...]
    button: str
    url: str
    why_you: str
    leave_url: str
    change_url: str
    postal_address: str


class ShownPapers(NamedTuple):
    """The papers of a topic that a page shows, and the card of them that is discussed most, None where there is none.

    has_course, has_place: a paper of it says how many votes it is on course for, and its place."""

    places: tuple[PaperPlace, ...]
    most_discussed: Card | None
    has_course: bool
    has_place: bool


class ShownSection(NamedTuple):
    """A topic as a page shows it."""

    view: SectionView
    papers: ShownPapers


def build_papers(
    lang: Language,
    items: Sequence[Item],
    topic: str,
    rendered: Sequence[str],
    leaders: Sequence[bool] = (),
) -> ShownPapers:
    """Return the values for the first papers of a topic: those of which there is a card, as it was rendered. leaders
    says which of them a weekly digest shows first. The topic may be what only reasons call it (``name_topic``)."""
    shown = items[: len(rendered)]
    return ShownPapers(
        tuple(
            [
                _place_paper(lang, item.card, is_leader, mark)
                for item, mark, is_leader in zip(shown, rendered, leaders or repeat(False), strict=False)
            ]
        ),
        max((item.card for item in shown), key=_count_comments, default=None),
        has_course=any(is_on_course(item.card, item.reason) for item in shown),
        has_place=any(has_place(lang, item.reason, topic) for item in shown),
    )


@lru_cache(maxsize=8192)
def _place_paper(lang: Language, card: Card, is_leader: bool, mark: str) -> PaperPlace:
    """Return the values for one paper. Remembered, so that what is written of it is found again by identity."""
    return PaperPlace(*_head_card(lang, card), is_leader, mark)


def build_section(lang: Language, section: Section, papers: ShownPapers) -> ShownSection:
    """Return the values for one topic, of which these papers are shown."""
    hidden = len(section.items) - len(papers.places) + len(section.overflow)
    more_url = safe_url(section.overflow_url) if hidden else ""
    view = SectionView(
        heading=clean_topic(section.topic) or lang.say("Also trending"),
        total=_count_papers_once(lang, len(section.items)),
        papers=papers.places,
        more=_write_more_once(lang, hidden, bool(more_url)),
        more_url=more_url,
    )
    return ShownSection(view, papers)


PAGE = Values(
    frozenset(DigestView._fields),
    own=frozenset({"headline", "preheader", "leaders", "sections", "why_you", "leave_url", "change_url"}),
    own_parts={"sections": "heading"},
)
PAPER = Values(frozenset({"paper"}), own=frozenset({"paper"}))
NOTICE = Values(frozenset(NoticeView._fields), own=frozenset(NoticeView._fields))


def build_page(
    lang: Language,
    digest: Digest,
    identity: Identity,
    sections: Sequence[ShownSection],
    links: Links,
    why: str,
) -> DigestView:
    """Return the values for the page of a digest, of which these sections are shown.

    Everything is plain text of one line: TeX is read, invisible characters are gone.
    """
    inside = [section for section in digest.sections if section.topic and section.items]
    topics = [clean_topic(section.topic) for section in inside]
    papers = sum([len(section.items) for section in inside])
    outside = digest.entry_count - papers
    last_on, is_weekly = digest.slot.local_on, is_of_a_week(digest)
    first_on = digest.since_on or last_on
    edition = _write_edition_once(lang, first_on if is_weekly else last_on, last_on)
    overview = _write_overview_once(lang, papers, len(topics), outside)
    views = tuple([section.view for section in sections])
    shown = [paper for view in views for paper in view.papers]
    when = lang.days(first_on, last_on) if is_weekly else lang.day(last_on)
    fallback = (_write_fallback(lang, clean_name(identity), edition), overview)
    return DigestView(
        newsletter=clean_name(identity),
        edition=edition,
        headline=write_headline(lang, papers, topics, outside, when),
        preheader=write_preheader([paper.title for paper in shown], fallback),
        overview=overview,
        most_discussed=_choose_most_discussed(lang, sections, len(shown)),
        is_weekly=is_weekly,
        is_first=digest.is_first,
        has_pictures=bool(find_pictures(digest, links)) and any(map(_has_picture, digest.sections)),
        leaders=tuple([paper for paper in shown if paper.is_leader]) if is_weekly else (),
        sections=views,
        quiet=_write_quiet_once(lang, digest.quiet_topics) if digest.quiet_topics else "",
        legend=_write_legend_of(lang, sections),
        why_you=why,
        leave_url=links.leave,
        change_url=links.change,
        web_url=links.web,
        postal_address=build_postal_address(identity),
    )


def find_pictures(digest: Digest, links: Links) -> str:
    """Return where the pictures of a digest's papers are, "" where it shows none."""
    return links.pictures if digest.pictures else ""


@lru_cache(maxsize=8192)
def _has_picture(section: Section) -> bool:
    return any(item.card.picture for item in section.items)


# What is said of many digests alike is worded once.
_count_papers_once = lru_cache(maxsize=1024)(count_papers)
_write_more_once = lru_cache(maxsize=1024)(write_more)
_write_edition_once = lru_cache(maxsize=256)(write_edition)
_write_overview_once = lru_cache(maxsize=4096)(write_overview)


@lru_cache(maxsize=256)
def _write_fallback(lang: Language, name: str, edition: str) -> str:
    return lang.say("{newsletter} for {date}", newsletter=name, date=edition)


@lru_cache(maxsize=1024)
def _write_quiet_once(lang: Language, topics: tuple[str, ...]) -> str:
    return write_quiet(lang, [clean_topic(topic) for topic in topics])


def _write_legend_of(lang: Language, sections: Sequence[ShownSection]) -> str:
    return write_legend(
        lang,
        has_course=any(section.papers.has_course for section in sections),
        has_place=any(section.papers.has_place for section in sections),
    )


@lru_cache(maxsize=64)
def clean_name(identity: Identity) -> str:
    return clean(identity.name, 80)


def build_notice(notice: Notice, identity: Identity, links: Links | None) -> NoticeView:
    """Return the values for the page of a mail that is no digest. With links it can be left from."""
    return NoticeView(
        newsletter=clean_name(identity),
        headline=clean(notice.subject, 200),
        preheader=clean(notice.preheader, 110),
        paragraphs=tuple(clean(text, 2_000) for text in notice.paragraphs),
        facts=tuple(Fact(clean(fact.name, 80), clean(fact.value, 500)) for fact in notice.facts),
        button=clean(notice.button, 80),
        url=notice.url,  # ours, not from a source
        why_you=clean(notice.why, 500),
        leave_url=links.leave if links else "",
        change_url=links.change if links else "",
        postal_address=build_postal_address(identity),
    )


@lru_cache(maxsize=64)
def build_postal_address(identity: Identity) -> str:
    return clean(", ".join(identity.postal_address.strip().splitlines()), 300)


@lru_cache(maxsize=4096)
def _head_card(lang: Language, card: Card) -> tuple[str, str]:
    """Return title and address. Remembered: the cards of an edition are shared by its readers."""
    return write_title(lang, card), next((link.url for link in build_links(lang, card)), "")


def is_of_a_week(digest: Digest) -> bool:
    """Tell whether a digest covers a week. One on a Monday after a weekend, or between two fixed days, does not."""
    return digest.slot.local_on - (digest.since_on or digest.slot.local_on) >= _WEEK


def find_leaders(digest: Digest) -> frozenset[int]:
    """Return the places (from 0, through all sections) of the papers that a weekly digest shows first."""
    if not is_of_a_week(digest) or digest.entry_count < _FEW_FOR_LEADERS:
        return frozenset()
    cards = [item.card for section in digest.sections for item in section.items]
    best = sorted((-(card.upvotes or 0), place) for place, card in enumerate(cards) if card.upvotes)
    return frozenset(place for _, place in best[:_LEADERS])


def _count_comments(card: Card) -> int:
    return card.comments or 0


def _choose_most_discussed(lang: Language, sections: Sequence[ShownSection], shown: int) -> str:
    cards = [section.papers.most_discussed for section in sections if section.papers.most_discussed]
    best = max(cards, key=_count_comments, default=None)
    return "" if best is None or shown < 2 or (best.comments or 0) < 2 else _write_most_discussed(lang, best)


@lru_cache(maxsize=1024)
def _write_most_discussed(lang: Language, card: Card) -> str:
    return write_most_discussed(lang, cut_summary(write_title(lang, card), 80), card.comments or 0)


def write_title(lang: Language, card: Card) -> str:
    """Return the title of a paper as a mail shows it."""
    title = card.title
    if has_tex(title):
        title = read_tex(clean(title, 2_000))
    return clean(title, _MAX_TITLE_CHARS) or lang.say("(without a title)")


def build_paper(
    lang: Language,
    item: Item,
    topic: str,
    *,
    max_summary_chars: int,
    is_leader: bool,
    year: int = 0,
    pictures: str = "",
) -> PaperView:
    """Return the values for the card of one paper.

    Dates of listings have their year where it is not this one, that of the edition. pictures is where these are, "" for
    a card that shows none."""
    view = build_shared_paper(
        lang,
        item.card,
        item.reason,
        topic,
        max_summary_chars=max_summary_chars,
        is_leader=is_leader,
        year=year,
        pictures=pictures,
    )
    return add_topics(lang, view, item.also)


def add_topics(lang: Language, paper: PaperView, also: Sequence[str]) -> PaperView:
    """Return the values of a paper whose reason says what else it fits: often one reader's alone."""
    return paper._replace(reason=add_also(lang, paper.reason, also)) if also else paper


def build_shared_paper(
    lang: Language,
    card: Card,
    reason: Reason,
    topic: str,
    *,
    max_summary_chars: int,
    is_leader: bool,
    year: int,
    pictures: str,
) -> PaperView:
    """Return the same for every reader who gets the paper for this reason, whatever else it fits."""
    links = build_links(lang, card)
    summary = read_tex(clean(card.summary, 10_000)) if max_summary_chars else ""
    if summary and card.is_model_summary:
        summary = lang.say("AI summary: {summary}", summary=summary)
    return PaperView(
        title=write_title(lang, card),
        url=links[0].url if links else "",
        byline=write_byline(lang, card),
        facts=write_facts(lang, card, reason),
        marks=write_marks(lang, card, reason, year),
        summary=cut_summary(summary, max_summary_chars) if max_summary_chars else "",
        reason=write_reason(lang, reason, topic),
        links=links,
        is_leader=is_leader,
        picture=_build_picture(card.picture, pictures) if card.picture and pictures else None,
    )


def _build_picture(picture: PictureFile, pictures: str) -> PictureView:
    scale = min(_PICTURE_WIDTH / picture.width, _PICTURE_HEIGHT / picture.height, 1)
    width, height = (max(1, round(side * scale)) for side in (picture.width, picture.height))
    return PictureView(f"{pictures}{picture.name}", width, height)


def build_links(lang: Language, card: Card) -> tuple[LinkView, ...]:
    """Return the links of a paper, its own page first; each address once."""
    abstract = lang.say("Abstract") if card.key.startswith(("arxiv:", "doi:")) else ""
    if "/papers?q=" in card.url:
        abstract = lang.say("Search")  # a captured page names no address of a paper
    named = (
        (abstract, card.url),
        (lang.say("PDF"), card.pdf_url),
        (lang.say("Discussion"), card.discussion_url),
        (lang.say("Code"), card.code_url),
        (lang.say("Project"), card.project_url),
    )
    links: dict[str, LinkView] = {}
    for label, address in named:
        url = safe_url(address)
        if url and url not in links:
            links[url] = LinkView(label=label or clean(urlsplit(url).hostname or "", 60), url=url)
    return tuple(links.values())


@lru_cache(maxsize=4096)
def safe_url(text: str) -> str:
    """Return an http or https address in which nothing can end a line or an attribute; "" for any other."""
    if not text:
        return ""
    url = re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "", text).strip()
    url = re.sub(
        r"[\s<>\"'`\\^{|}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufdd0-\ufdef]",
        lambda m: quote(m[0]),
        url,
    )
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and parts.hostname
    return url if is_web and len(url) <= _MAX_URL_CHARS else ""


@lru_cache(maxsize=8192)
def clean_topic(name: str) -> str:
    return clean(name, 80)
