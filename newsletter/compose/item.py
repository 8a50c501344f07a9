"""One entry of a section: what a mail shows of it, and why it is there."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.model.digest import Card, Item, Reason, Window

if TYPE_CHECKING:
    from newsletter.model.entries import Entry
    from newsletter.model.pictures import PictureFile
    from newsletter.model.topics import Match, VoteRank

# What is no paper is shown with its source; papers are known by their authors.
_PAPERS = ("arxiv:", "doi:")


@lru_cache(maxsize=16_384)
def build_item(
    entry: Entry,
    match: Match | None,
    min_upvotes: int,
    vote_rank: VoteRank | None,
    window: Window,
    previous_on: date,
    picture: PictureFile | None = None,
) -> Item:
    """Return one entry of a section. Remembered, so that readers who get it for the same reason share one object, and
    what is made of it later is found again by identity."""
    reason = build_reason(entry, match, min_upvotes, vote_rank, window, previous_on)
    return Item(entry.id, build_card(entry, picture), reason)


def build_card(entry: Entry, picture: PictureFile | None = None) -> Card:
    """Return what a mail shows of an entry, as it stands now. A model-written summary only where there is no other."""
    return Card(
        key=entry.key,
        title=entry.title,
        summary=entry.summary or entry.ai_summary,
        is_model_summary=not entry.summary and bool(entry.ai_summary),
        authors=entry.authors,
        author_count=max(entry.author_count, len(entry.authors)),
        organization=entry.organization,
        published_on=entry.published_at.date() if entry.published_at else None,
        listed_on=entry.listed_on,
        upvotes=entry.upvotes,
        comments=entry.comments,
        code_stars=entry.code_stars,
        url=entry.url,
        pdf_url=entry.pdf_url,
        discussion_url=entry.discussion_url,
        code_url=entry.code_url,
        project_url=entry.project_url,
        source="" if entry.key.startswith(_PAPERS) else next(iter(entry.sources), ""),
        picture=picture,
    )


def build_reason(
    entry: Entry,
    match: Match | None,
    min_upvotes: int,
    vote_rank: VoteRank | None,
    window: Window,
    previous_on: date,
) -> Reason:
    """Return why an entry is in a digest. min_upvotes are those that its topic waits for."""
    hit = match.hits[0] if match and match.hits else None
    likeness = match.likeness if match and not hit else None
    waited = entry.first_seen_run <= window.after_run
    return Reason(
        rule=hit.rule if hit else "",
        scope=hit.scope if hit else None,
        expansion=hit.expansion if hit else "",
        upvotes=entry.upvotes,
        age_hours=vote_rank.age_hours if vote_rank else 0,
        projected=vote_rank.projected if vote_rank else None,
        place=vote_rank.place if vote_rank else 0,
        of=vote_rank.of if vote_rank else 0,
        # Listed on a day whose digest had already gone out.
        late=entry.listed_on is not None and entry.listed_on <= previous_on,
        reached=min_upvotes if waited else 0,
        share=likeness.share if likeness else 0.0,
        words=likeness.words if likeness else (),
        paper=likeness.paper if likeness else "",
    )
