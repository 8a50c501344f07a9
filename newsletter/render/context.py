"""The plain values that templates may use, all of them: texts and numbers, nothing to call."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypedDict
from urllib.parse import quote, urlsplit

from newsletter.model import Card, Digest, Identity, Item, Section, Subscriber
from newsletter.render.budget import Cut
from newsletter.render.tex import read_tex
from newsletter.render.wording import (
    clean,
    count,
    cut_summary,
    write_byline,
    write_cadence,
    write_date,
    write_facts,
    write_headline,
    write_more,
    write_overview,
    write_preheader,
    write_quiet,
    write_reason,
)

SUMMARY_CHARS = 400
BRIEF_CHARS = 160
_MAX_TITLE_CHARS = 300
_MAX_URL_CHARS = 2_000


class LinkView(TypedDict):
    """label says where the link goes: Abstract, PDF, Discussion, Code, Project."""

    label: str
    url: str


class PaperView(TypedDict):
    """One paper. number counts through the whole mail. url is the title's link, "" where there is none.

    byline: authors and organisation. facts: upvotes, comments, stars, each a text. Each address
    stands in links once.
    """

    number: int
    title: str
    url: str
    byline: str
    facts: list[str]
    summary: str
    reason: str
    links: list[LinkView]


class SectionView(TypedDict):
    """One topic. count is how many papers it brought without those over its limit.

    more is the line about what is not shown, "" for none; more_url its link, "" for none.
    """

    heading: str
    count: str
    papers: list[PaperView]
    more: str
    more_url: str


class DigestContext(TypedDict):
    """Everything that a digest's templates may use."""

    newsletter: str
    language: str
    direction: str
    date: str
    headline: str
    preheader: str
    overview: str
    sections: list[SectionView]
    quiet: str
    why_you: str
    leave_url: str
    change_url: str
    postal_address: str


def build_context(
    digest: Digest, subscriber: Subscriber, identity: Identity, cut: Cut | None = None
) -> DigestContext:
    """Return the values for one digest, with what the cut leaves of it.

    Everything is plain text of one line: TeX is read, invisible characters are gone, summaries end
    with a sentence. Only http and https addresses become links.
    """
    cut = cut or Cut()
    sections = _build_sections(digest, cut)
    day = digest.slot.local_on
    topics = [_clean_topic(section.topic) for section in digest.sections if section.topic and section.items]
    papers = sum(len(section.items) for section in digest.sections if section.topic)
    outside = digest.entry_count - papers
    name = clean(identity.name, 80)
    overview = write_overview(papers, len(topics), outside)
    titles = [paper["title"] for section in sections for paper in section["papers"]]
    return DigestContext(
        newsletter=name,
        language=identity.language,
        direction="ltr",
        date=write_date(day),
        headline=write_headline(papers, topics, outside, day),
        preheader=write_preheader(titles, (f"{name} for {write_date(day)}", overview)),
        overview=overview,
        sections=sections,
        quiet=write_quiet([_clean_topic(topic) for topic in digest.quiet_topics]),
        why_you=(
            f"You get this mail because {subscriber.address} subscribes to {name}, "
            f"{write_cadence(subscriber.cadence)}."
        ),
        leave_url=_mailto(identity.leave_address, "unsubscribe"),
        change_url=_mailto(identity.leave_address, "change topics"),
        postal_address=clean(", ".join(identity.postal_address.strip().splitlines()), 300),
    )


def _build_sections(digest: Digest, cut: Cut) -> list[SectionView]:
    views = []
    number = 0
    for section in digest.sections:
        papers = []
        for item in section.items:
            number += 1
            from_end = digest.entry_count - number
            if from_end >= cut.dropped:
                papers.append(_build_paper(item, section, number, _summary_chars(from_end, cut)))
        hidden = len(section.items) - len(papers) + len(section.overflow)
        more_url = safe_url(section.overflow_url)
        views.append(
            SectionView(
                heading=_clean_topic(section.topic) or "Also trending",
                count=count(len(section.items), "paper"),
                papers=papers,
                more=write_more(hidden, bool(more_url)),
                more_url=more_url if hidden else "",
            )
        )
    return views


def _summary_chars(from_end: int, cut: Cut) -> int:
    if from_end < cut.bare:
        return 0
    return BRIEF_CHARS if from_end < cut.brief else SUMMARY_CHARS


def _build_paper(item: Item, section: Section, number: int, summary_chars: int) -> PaperView:
    paper = _read_card(item.card, summary_chars)
    reason = write_reason(item.reason, item.card.listed_on, section.topic)
    return PaperView(**{**paper, "number": number, "reason": reason})


@lru_cache(maxsize=4096)
def _read_card(card: Card, summary_chars: int) -> PaperView:
    """Return what a paper looks like to every reader. Remembered: the cards of an edition are shared by its readers."""
    links = build_links(card)
    summary = read_tex(clean(card.summary, 10_000)) if summary_chars else ""
    return PaperView(
        number=0,
        title=clean(read_tex(clean(card.title, 2_000)), _MAX_TITLE_CHARS) or "(without a title)",
        url=links[0]["url"] if links else "",
        byline=write_byline(card),
        facts=list(write_facts(card)),
        summary=cut_summary(summary, summary_chars) if summary_chars else "",
        reason="",
        links=links,
    )


def build_links(card: Card) -> list[LinkView]:
    """Return the links of a paper, its own page first; each address once."""
    abstract = "Abstract" if card.key.startswith(("arxiv:", "doi:")) else ""
    if "/papers?q=" in card.url:
        abstract = "Search"  # a captured page names no address of a paper
    named = (
        (abstract, card.url),
        ("PDF", card.pdf_url),
        ("Discussion", card.discussion_url),
        ("Code", card.code_url),
        ("Project", card.project_url),
    )
    links: dict[str, LinkView] = {}
    for label, address in named:
        url = safe_url(address)
        if url and url not in links:
            links[url] = LinkView(label=label or clean(urlsplit(url).hostname or "", 60), url=url)
    return list(links.values())


def safe_url(text: str) -> str:
    """Return an http or https address in which nothing can end a line or an attribute; "" for any other."""
    url = re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "", text).strip()
    url = re.sub(r"[\s<>\"'`\\^{|}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]", lambda m: quote(m[0]), url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and parts.hostname
    return url if is_web and len(url) <= _MAX_URL_CHARS else ""


def _clean_topic(name: str) -> str:
    return clean(name, 80)


def _mailto(address: str, subject: str) -> str:
    """Return a link that writes a mail with this subject. Source: RFC 6068."""
    return f"mailto:{quote(address, safe='@+')}?subject={quote(subject)}"
