"""Try topics on what is stored: what they would have found in the last days. Only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.match.corpus import HISTORY, Corpus, Selection, newest_first
from newsletter.match.rank import Matched, dated_on
from newsletter.match.similarity import find_named
from newsletter.workflows.liked_papers import load_papers

if TYPE_CHECKING:
    from newsletter.match.near_misses import NearMiss
    from newsletter.model.entries import Entry
    from newsletter.model.topics import Topic
    from newsletter.storage import EntryStore

MOST_SHARE = 0.4  # a topic that takes more than this of all entries chooses little


@dataclass(frozen=True, slots=True)
class Trial:
    """What a topic finds in some entries, the newest first, then by key."""

    topic: Topic
    looked_at: int
    matches: tuple[Matched, ...]

    @property
    def share(self) -> float:
        """The part of the entries that match, 0 to 1."""
        return len(self.matches) / self.looked_at if self.looked_at else 0.0


@dataclass(frozen=True, slots=True)
class TopicUse:
    """One distinct topic of the readers: how many have it, and what it finds."""

    readers: int
    trial: Trial


class TopicTrier:
    """Tries topics on a selection of entries. papers are those that topics name, by the names given."""

    def __init__(self, selection: Selection, papers: Mapping[str, Entry]) -> None:
        self.papers = papers
        self.acronyms = selection.corpus.acronyms
        self._selection = selection

    @property
    def looked_at(self) -> int:
        """How many entries there are to try topics on."""
        return len(self._selection.entries)

    def count_dates(self) -> int:
        """Return of how many different dates these entries are."""
        return len({dated_on(entry) for entry in self._selection.entries} - {None})

    def try_topic(self, topic: Topic) -> Trial:
        """Return what a topic finds in these entries."""
        matched = self._selection.find(topic, self.papers).matched
        return Trial(topic, self.looked_at, tuple(sorted(matched, key=lambda pair: newest_first(pair[0]))))

    def find_near_misses(self, topic: Topic) -> list[NearMiss]:
        """Return what one rule alone kept out of a topic, the newest first."""
        return list(self._selection.find_near_misses(topic))


async def load_corpus(entries: EntryStore, now: datetime, before: Corpus | None = None) -> Corpus:
    """Return the corpus of the last 30 days."""
    return Corpus(await entries.load_since(now - HISTORY), now, before)


async def open_trier(entries: EntryStore, topics: Iterable[Topic], now: datetime, days: int) -> TopicTrier:
    """Return a trier over the entries of the last days, which knows the papers that these topics name."""
    papers = await load_papers(find_named(topics), entries)
    corpus = await load_corpus(entries, now)
    return TopicTrier(Selection(corpus, await entries.load_since(now - timedelta(days=days))), papers)


def count_by_day(entries: Iterable[Entry], last: date, days: int) -> list[int]:
    """Return how many entries are dated on each of the ``days`` days up to ``last``, the oldest first."""
    first = last - timedelta(days=days - 1)
    counts = [0] * days
    for entry in entries:
        listed_on = dated_on(entry)
        if listed_on is not None and first <= listed_on <= last:
            counts[(listed_on - first).days] += 1
    return counts


def use_topics(counts: Mapping[Topic, int], trier: TopicTrier) -> list[TopicUse]:
    """Return what each topic finds, the most read first, then by name."""
    uses = [TopicUse(count, trier.try_topic(topic)) for topic, count in counts.items()]
    return sorted(uses, key=lambda use: (-use.readers, use.trial.topic.name.casefold(), str(use.trial.topic)))


def find_oddities(trial: Trial, trier: TopicTrier) -> list[str]:
    """Return what is odd about a topic: what it finds, and the papers that it names."""
    return [*judge_matches(trial), *find_unknown(trial.topic, trier)]


def judge_matches(trial: Trial) -> list[str]:
    """Return what is odd about what a topic finds: nothing at all, or nearly everything."""
    if trial.looked_at and not trial.matches:
        return ["matched nothing"]
    if trial.share > MOST_SHARE and not trial.topic.is_described:
        return [f"matched {trial.share:.0%} of all entries"]
    return []


def find_unknown(topic: Topic, trier: TopicTrier) -> list[str]:
    """Return what is odd about the papers that a topic names: they are not stored."""
    unknown = [paper for paper in (*topic.like, *topic.unlike) if paper not in trier.papers]
    return (
        [f"{', '.join(unknown)} not stored: 'newsletter collect' fetches papers of arXiv"] if unknown else []
    )
