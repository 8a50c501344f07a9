"""One pass of collecting: every source, then the papers that topics name and no source has brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from newsletter.logs import log
from newsletter.match.topics import parse_topics
from newsletter.workflows.collect_entries import CollectReport, collect_entries
from newsletter.workflows.liked_papers import LOOKUP, choose_lookup

if TYPE_CHECKING:
    from newsletter.model.sources import FetchRecord, Source
    from newsletter.model.topics import Topic
    from newsletter.ports import Clock, Fetcher
    from newsletter.storage import EntryStore, RunStore, SubscriberStore
    from newsletter.workflows.import_subscribers import SubscribersFile


@dataclass(frozen=True, slots=True)
class Collector:
    """Looks at the sources. every is the rhythm of the passes; arxiv_api answers for papers that are
    named, arxiv_repository where it refuses."""

    sources: Sequence[Source]
    every: timedelta
    arxiv_api: str
    arxiv_repository: str
    open_fetcher: Callable[[], AbstractAsyncContextManager[Fetcher]]
    runs: RunStore
    entries: EntryStore
    subscribers: SubscriberStore
    library: Mapping[str, Topic]
    file: SubscribersFile
    clock: Clock

    async def collect(
        self, *, at_once: bool = False, progress: Callable[[str], None] = lambda _source: None
    ) -> CollectReport:
        """Look at every source once, with at_once also at those for which it is too early; then look up the papers
        that topics name and no source has brought."""
        async with self.open_fetcher() as fetcher:

            async def look(sources: Sequence[Source]) -> CollectReport:
                return await collect_entries(
                    sources, fetcher, self.runs, self.clock, self.every, at_once=at_once, progress=progress
                )

            report = await look(self.sources)
            lookup = await self._choose_lookup()
            return report.followed_by(await look([lookup])) if lookup else report

    async def poll(self, name: str) -> FetchRecord | None:
        """Look at one source now, whatever speaks for later; None where there is none of this name."""
        sources = [source for source in self.sources if source.name == name]
        if not sources:
            return None
        async with self.open_fetcher() as fetcher:
            report = await collect_entries(sources, fetcher, self.runs, self.clock, self.every, at_once=True)
        return next(iter(report.records), None)

    async def collect_if_due(self) -> bool:
        """Collect, for the clock, if it is time, and tell its log; return whether it was."""
        if not is_collect_due(await self.runs.load_last_pass_at(), self.clock.now(), self.every):
            return False
        _log_looks(await self.collect())
        return True

    def list_looks(self) -> list[str]:
        """Return the names under which single looks can be asked for: of the sources, and of the lookup of papers."""
        return [*(source.name for source in self.sources), LOOKUP]

    async def list_due(self) -> list[str]:
        """Return the looks for which it is time: of a source by its own last one, and with any the lookup."""
        last = {record.source: record.finished_at for record in await self.runs.load_last_fetches()}
        health, now = await self.runs.load_health(), self.clock.now()
        due = [
            source.name
            for source in self.sources
            if is_collect_due(last.get(source.name), now, self.every)
            and not (source.name in health and health[source.name].must_wait(now))
        ]
        return [*due, LOOKUP] if due else []

    async def look_if_due(self, name: str) -> bool:
        """Look at one source, for the clock of many machines, if it is time; return whether it was."""
        if name == LOOKUP:
            lookup = await self._choose_lookup()
            sources = [lookup] if lookup else []
        else:
            due = await self.list_due()
            sources = [source for source in self.sources if source.name == name and name in due]
        if not sources:
            return False
        async with self.open_fetcher() as fetcher:
            _log_looks(await collect_entries(sources, fetcher, self.runs, self.clock, self.every))
        return True

    async def _choose_lookup(self) -> Source | None:
        topics = await self._load_topics()
        return await choose_lookup(topics, self.entries, self.arxiv_api, self.arxiv_repository)

    async def is_first(self) -> bool:
        """Tell whether nothing has been collected ever."""
        return await self.runs.load_last_pass_at() is None

    async def _load_topics(self) -> list[Topic]:
        """Return the topics that may name papers: of the configuration, of stored readers, and of those in the file."""
        texts: dict[str, None] = {}
        for key in ("like", "unlike"):
            texts |= dict.fromkeys(await self.subscribers.load_topics_with(key))
        with suppress(Exception):  # its own step of the clock says what is wrong with the file
            texts |= dict.fromkeys(reader.topics_json for reader in (await self.file.choose()).save)
        return [
            *self.library.values(),
            *(topic for text in texts for topic in parse_topics(text, self.library)),
        ]


def _log_looks(report: CollectReport) -> None:
    for record in report.records:
        log.info(
            "collected", source=record.source, state=str(record.state), new=record.new, note=record.message
        )


def is_collect_due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Tell whether the newest pass is older than the rhythm asks for, or lies in the future (a clock was set back)."""
    return last is None or not timedelta() <= now - last < every
