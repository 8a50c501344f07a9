"""Try topics on what is stored: what they would have found in the last days. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsletter.match.acronyms import learn_acronyms
from newsletter.match.similarity import LexicalSimilarity, Similarity
from newsletter.match.topics import parse_topics
from newsletter.match.trial import Trial, try_topic
from newsletter.match.words import FoldedEntry, fold_entry, text_of
from newsletter.model import Entry, Subscriber, Topic
from newsletter.ports import EntryStore
from newsletter.workflows.liked_papers import build_interest, find_named, load_papers

MOST_SHARE = 0.4  # a topic that takes more than this of all entries chooses little


@dataclass(frozen=True, slots=True)
class TopicUse:
    """One distinct topic of the readers: how many have it, and what it finds."""

    readers: int
    trial: Trial


class TopicTrier:
    """Tries topics on the entries of some days. papers are those that topics name, by the names given."""

    def __init__(self, entries: Iterable[Entry], papers: Mapping[str, Entry]) -> None:
        self.papers = papers
        known = list(entries)
        self.acronyms = learn_acronyms(map(text_of, known))
        self._folded: list[FoldedEntry] = [fold_entry(entry) for entry in known]
        self._similarity: Similarity | None = None

    @property
    def looked_at(self) -> int:
        """How many entries there are to try topics on."""
        return len(self._folded)

    def try_topic(self, topic: Topic) -> Trial:
        """Return what a topic finds in these entries."""
        interest = build_interest(topic, self.papers)
        if interest is None:
            return try_topic(topic, self._folded, acronyms=self.acronyms)
        if self._similarity is None:
            self._similarity = LexicalSimilarity(self._folded)
            for paper in self.papers.values():
                self._similarity.add(fold_entry(paper))
        near = self._similarity.measure(interest, [folded.entry.key for folded in self._folded])
        return try_topic(topic, self._folded, near, self.acronyms)


async def open_trier(entries: EntryStore, topics: Iterable[Topic], now: datetime, days: int) -> TopicTrier:
    """Return a trier over the entries of the last days, which knows the papers that these topics name."""
    papers = await load_papers(find_named(topics), entries)
    return TopicTrier(await entries.load_since(now - timedelta(days=days)), papers)


def count_topics(readers: Sequence[Subscriber], library: Mapping[str, Topic]) -> dict[Topic, int]:
    """Return each distinct topic of the library and of the readers, with how many readers have it."""
    counts: dict[Topic, int] = dict.fromkeys(library.values(), 0)
    for reader in readers:
        for topic in parse_topics(reader.topics_json, library):
            counts[topic] = counts.get(topic, 0) + 1
    return counts


def use_topics(counts: Mapping[Topic, int], trier: TopicTrier) -> list[TopicUse]:
    """Return what each topic finds, the most read first, then by name."""
    uses = [TopicUse(count, trier.try_topic(topic)) for topic, count in counts.items()]
    return sorted(uses, key=lambda use: (-use.readers, use.trial.topic.name.casefold(), str(use.trial.topic)))


def find_oddities(trial: Trial, trier: TopicTrier) -> list[str]:
    """Return what is odd about a topic: it finds nothing at all, or nearly everything; it names papers that are not
    stored."""
    topic, odd = trial.topic, []
    if trial.looked_at and not trial.matches:
        odd.append("matched nothing")
    elif trial.share > MOST_SHARE and not topic.is_described:
        odd.append(f"matched {trial.share:.0%} of all entries")
    unknown = [paper for paper in (*topic.like, *topic.unlike) if paper not in trier.papers]
    if unknown:
        odd.append(f"{', '.join(unknown)} not stored: 'newsletter collect' looks papers of arXiv up")
    return odd
