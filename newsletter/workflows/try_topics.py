"""Try topics on what is stored: what they would have found in the last days. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.match.query import parse_topics
from newsletter.match.trial import Trial, try_topic
from newsletter.match.words import FoldedEntry, fold_entry
from newsletter.model import Subscriber, Topic
from newsletter.ports import EntryStore

MOST_SHARE = 0.4  # a topic that takes more than this of all entries chooses little
HISTORY = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class TopicUse:
    """One distinct topic of the readers: how many have it, and what it finds."""

    readers: int
    trial: Trial


async def load_folded(entries: EntryStore, now: datetime, days: int) -> list[FoldedEntry]:
    """Return the entries of the last days, folded, by id."""
    since = now - timedelta(days=days)
    return [fold_entry(entry) for entry in await entries.load_since(since)]


def use_topics(
    readers: Sequence[Subscriber], library: Mapping[str, Topic], folded: Sequence[FoldedEntry]
) -> list[TopicUse]:
    """Return each distinct topic of the readers with what it finds, the most read first, then by name."""
    counts: dict[Topic, int] = dict.fromkeys(library.values(), 0)
    for reader in readers:
        for topic in parse_topics(reader.topics_json, library):
            counts[topic] = counts.get(topic, 0) + 1
    uses = [TopicUse(count, try_topic(topic, folded)) for topic, count in counts.items()]
    return sorted(uses, key=lambda use: (-use.readers, use.trial.topic.name.casefold(), str(use.trial.topic)))


def warn_of(trial: Trial) -> str:
    """Return what is odd about what a topic finds: nothing at all, or nearly everything; else an empty text."""
    if trial.looked_at and not trial.matches:
        return "matched nothing"
    if trial.share > MOST_SHARE:
        return f"matched {trial.share:.0%} of all entries"
    return ""
