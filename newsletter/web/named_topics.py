"""The topics of the library as pages and feeds: their names in addresses, and what they find. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from newsletter.match.budget import UNBOUNDED
from newsletter.match.corpus import newest_first
from newsletter.match.lookup import fold_tokens

if TYPE_CHECKING:
    from newsletter.model.entries import Entry
    from newsletter.model.topics import Topic
    from newsletter.workflows.search import Searcher
    from newsletter.workflows.topic_preview import TopicPreviews


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


async def find_newest_of(
    topic: Topic, limit: int, searcher: Searcher, previews: TopicPreviews
) -> Sequence[Entry]:
    """Return the newest papers that a topic finds, the newest first, as its readers would get them.

    A topic without words, which only describes what it wants, finds the best of each of the last 7 days.
    """
    if topic.is_described:
        found = await previews.find_all(topic)
        listed = (entry for entry in found if entry.sources)
        return sorted(listed, key=newest_first)[:limit]
    found, _ = await searcher.find_matching(topic.query, UNBOUNDED)
    return [entry for entry in found if not entry.withdrawn and topic.has_votes(entry.upvotes)][:limit]
