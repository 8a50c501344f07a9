"""Which entries one reader gets, in which section, and why.

A paper stands once, in its best topic; nothing that the reader was shown before comes again; what
exceeds a limit is counted in one line. The same arguments give the same digest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from newsletter.compose.choice import Claim, choose_topics, first_entries
from newsletter.compose.diversity import Comparison, diversify
from newsletter.model.digest import Card, Digest, Item, Reason, Section, Shown, Window
from newsletter.model.entries import Entry, EntryId
from newsletter.model.readers import Slot
from newsletter.model.topics import Match, Rank, Topic, TopicMatches, VoteRank


def choose_entries(entries: Sequence[Entry], window: Window, shown: Collection[EntryId]) -> list[Entry]:
    """Return the entries that are new to a reader: first seen in the window, never shown before, not withdrawn."""
    return [
        entry
        for entry in entries
        if window.after_run < entry.first_seen_run <= window.upto_run
        and entry.id not in shown
        and not entry.withdrawn
    ]


def may_enter(topic: Topic, entry: Entry, window: Window, now: datetime) -> bool:
    """Decide whether a matching entry may enter this digest under the topic's min_upvotes and wait.

    A new entry enters when it has the votes, or when its source has none. An entry of an earlier
    window enters only if it had to wait for votes, has them now, and the wait is not over. What is withdrawn
    never enters.
    """
    if entry.withdrawn:
        return False
    has_votes = topic.has_votes(entry.upvotes)
    if window.after_run < entry.first_seen_run <= window.upto_run:
        return has_votes
    waited = topic.min_upvotes > 0 and entry.upvotes is not None and topic.wait > timedelta()
    return (
        waited
        and has_votes
        and 0 < entry.first_seen_run <= window.after_run
        and entry.first_seen_at is not None
        and now - entry.first_seen_at <= topic.wait
    )


def compose_digest(
    *,
    slot: Slot,
    window: Window,
    found: Sequence[TopicMatches],
    everything_else: Sequence[Entry],
    everything_else_limit: int,
    vote_ranks: Mapping[EntryId, VoteRank],
    compare: Comparison,
    shown: Shown,
    previous_on: date,
    now: datetime,
) -> Digest:
    """Return what the reader gets in this slot.

    found holds the reader's topics in the reader's order, each with its matches in the topic's order.
    everything_else are the entries that the words of no topic match, in their order; so many of them may come as
    everything_else_limit says. shown is what the reader was shown before; previous_on is the date of the reader's
    slot before this one.
    """

    def build(entry: Entry, match: Match | None = None, min_upvotes: int = 0) -> Item:
        return _build_item(entry, match, min_upvotes, vote_ranks.get(entry.id), window, previous_on)

    offered = [_take_offers(matches, window, shown.entries, now) for matches in found]
    best = _choose_best_topics(offered)
    sections = []
    for index, matches in enumerate(offered):
        topic = matches.topic
        mine = [candidate for candidate in matches.ranked if best[candidate.entry.id] == index]
        if mine and topic.rank in _DIVERSE:
            mine = diversify(mine, compare, topic.limit)
        if mine:
            items = tuple(build(entry, match, topic.min_upvotes) for entry, match, _ in mine[: topic.limit])
            sections.append(_build_section(topic, items, [over.entry for over in mine[topic.limit :]]))
    rest = [entry for entry in choose_entries(everything_else, window, shown.entries) if entry.id not in best]
    if rest and everything_else_limit:
        sections.append(Section(topic="", items=tuple(map(build, rest[:everything_else_limit]))))
    return Digest(
        slot=slot,
        window=window,
        sections=tuple(sections),
        # What a topic brings may stand under another one of this very mail: then it is not quiet.
        quiet_topics=tuple(matches.topic.name for matches in offered if not matches.ranked),
        since_on=min(previous_on + timedelta(days=1), slot.local_on),
        is_first=bool(sections) and not shown.ever,
    )


def _build_section(topic: Topic, items: tuple[Item, ...], overflow: Sequence[Entry]) -> Section:
    return Section(
        topic=topic.name,
        items=items,
        overflow=tuple(entry.id for entry in overflow),
        overflow_url=next((entry.listing_url for entry in overflow if entry.listing_url), ""),
    )


# The other two orders are what the reader asked for to the letter.
_PAPERS = ("arxiv:", "doi:")
_DIVERSE = frozenset({Rank.TRENDING, Rank.MATCH})


def _take_offers(
    matches: TopicMatches, window: Window, shown: Collection[EntryId], now: datetime
) -> TopicMatches:
    """Return what a topic may bring into this digest: of a described topic only the best ``limit``."""
    topic = matches.topic
    ranked = tuple(
        candidate
        for candidate in matches.ranked
        if candidate.entry.id not in shown and may_enter(topic, candidate.entry, window, now)
    )
    return TopicMatches(topic, ranked[: topic.limit] if topic.is_described else ranked)


def _choose_best_topics(offered: Sequence[TopicMatches]) -> dict[EntryId, int]:
    """Return for each offered entry the index of its best topic: weight times strength, then the reader's order."""
    numbers: dict[EntryId, int] = {}
    claims: dict[tuple[float, int], int] = {}
    for index, matches in enumerate(offered):
        for entry, match, _ in matches.ranked:
            value = round(matches.topic.weight * match.strength, 9)
            bit = 1 << numbers.setdefault(entry.id, len(numbers))
            claims[value, index] = claims.get((value, index), 0) | bit
    chosen = choose_topics(Claim(value, index, entries) for (value, index), entries in claims.items())
    ids = list(numbers)
    return {
        ids[number]: index for index, entries in chosen.items() for number in first_entries(entries, len(ids))
    }


@lru_cache(maxsize=16_384)
def _build_item(
    entry: Entry,
    match: Match | None,
    min_upvotes: int,
    vote_rank: VoteRank | None,
    window: Window,
    previous_on: date,
) -> Item:
    """Return one entry of a section. Remembered, so that readers who get it for the same reason share one object, and
    what is made of it later is found again by identity."""
    reason = build_reason(entry, match, min_upvotes, vote_rank, window, previous_on)
    return Item(entry.id, build_card(entry), reason)


def build_card(entry: Entry) -> Card:
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
