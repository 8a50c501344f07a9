"""The topics of the library as pages and feeds: their names in addresses, and what they find. Only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from newsletter.match.lookup import build_lookup, fold_tokens
from newsletter.model import Entry, Topic
from newsletter.web.site import Site
from newsletter.workflows.try_topics import open_trier

_DESCRIBED_DAYS = 7


def name_topics(topics: Iterable[Topic]) -> Mapping[str, Topic]:
    """Return topics by their names in addresses: ``agents-tools``; a second one of the same name ends in ``-2``."""
    named: dict[str, Topic] = {}
    for topic in topics:
        base = "-".join(fold_tokens(topic.name)) or "topic"
        slug, number = base, 1
        while slug in named:
            number += 1
            slug = f"{base}-{number}"
        named[slug] = topic
    return named


async def find_newest_of(site: Site, topic: Topic, limit: int) -> Sequence[Entry]:
    """Return the newest papers that a topic finds, the newest first, as its readers would get them.

    A topic without words, which only describes what it wants, finds the best of each of the last 7 days.
    """
    if topic.is_described:
        trier = await open_trier(
            site.newsletter.entries, [topic], site.newsletter.clock.now(), _DESCRIBED_DAYS
        )
        trial = await asyncio.to_thread(trier.try_topic, topic)
        found = [entry for entry, _ in trial.matches if entry.sources]
    else:
        matching, _ = await site.searcher.find_matching(topic.query, build_lookup(topic.query))
        found = list(matching)
    enough = (entry for entry in found if entry.upvotes is None or entry.upvotes >= topic.min_upvotes)
    return list(enough)[:limit]
